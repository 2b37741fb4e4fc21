import ast
import json
import subprocess
import sys
from io import StringIO
from pathlib import Path

import verifier
from verifier.__main__ import main
from verifier.tests import sample

KEY = str(sample.DATA / "key.txt")


def run(*arguments: str) -> tuple[int, str]:
    out = StringIO()
    return main([*arguments, "--key", KEY], out), out.getvalue()


def altered(folder: Path) -> str:
    path = folder / "altered.json"
    path.write_bytes(sample.JSON.replace(b'"serial":"TS9K', b'"serial":"TS8K'))
    return str(path)


def test_true_certificates_exit_with_0() -> None:
    code, said = run(*(str(sample.DATA / name) for name in ["destruction.pdf", "tracking.json", "entry.tlog-proof"]))
    assert code == 0
    assert said.count("正しい証明です") == 3
    assert "署名 Signature" in said


def test_a_false_one_exits_with_1_and_shows_both_values(tmp_path: Path) -> None:
    code, said = run(str(sample.DATA / "destruction.pdf"), altered(tmp_path))
    assert code == 1
    assert "「TS8K0A114C71」" in said
    assert "「TS9K0A114C71」" in said


def test_what_cannot_be_read_exits_with_2(tmp_path: Path) -> None:
    (tmp_path / "x.pdf").write_bytes(b"not a pdf")
    assert run(str(tmp_path / "x.pdf"))[0] == 2
    assert run(str(tmp_path / "absent.pdf"))[0] == 2
    assert main([str(sample.DATA / "destruction.pdf"), "--key", str(tmp_path / "absent.txt")], StringIO()) == 2


def test_machines_get_json(tmp_path: Path) -> None:
    code, said = run("--json", altered(tmp_path), str(tmp_path / "absent"))
    first, second = json.loads(said)
    assert code == 2
    assert (first["ok"], first["readable"], second["readable"]) == (False, True, False)
    assert [check["name"] for check in first["checks"]] == ["signature", "time", "log", "photos", "completeness"]
    assert first["checks"][2]["differences"][0]["en"] == "serial"


def test_a_photo_is_compared() -> None:
    code, said = run(str(sample.DATA / "destruction.json"), "--photo", str(sample.DATA / "photo-before.jpg"))
    assert code == 0
    assert "手元の 1 枚は撮影時のまま" in said


def test_it_runs_as_a_module_from_its_own_folder() -> None:
    root = Path(verifier.__file__).parents[1]
    command = [sys.executable, "-m", "verifier", str(sample.DATA / "destruction.json"), "--key", KEY]
    done = subprocess.run(command, cwd=root, check=False, capture_output=True)  # noqa: S603  # our own module
    assert done.returncode == 0, done.stderr.decode()


def test_the_verifier_imports_nothing_of_ours() -> None:
    allowed = {"verifier", "cryptography", "pyhanko", "pyhanko_certvalidator", "asn1crypto"} | set(
        sys.stdlib_module_names
    )
    for file in Path(verifier.__file__).parent.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            names = [one.name for one in node.names] if isinstance(node, ast.Import) else []
            names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            assert {name.split(".")[0] for name in names} <= allowed, file.name
