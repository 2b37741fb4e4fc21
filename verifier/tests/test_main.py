import ast
import json
import re
import subprocess
import sys
import zlib
from io import BytesIO, StringIO, TextIOWrapper
from pathlib import Path

import pikepdf

import verifier
from verifier.__main__ import MEMORY_MAX, main
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


def test_two_photos_of_one_name_are_both_compared(tmp_path: Path) -> None:
    genuine, paths = (sample.DATA / "photo-before.jpg").read_bytes(), []
    for folder, content in (("before", genuine + b"x"), ("after", genuine)):
        (tmp_path / folder).mkdir()
        paths.append(tmp_path / folder / "IMG_0001.jpg")
        paths[-1].write_bytes(content)
    for first, second in (paths, paths[::-1]):
        certificate = str(sample.DATA / "destruction.json")
        code, said = run(certificate, "--photo", str(first), "--photo", str(second))
        assert (code, "写真が、記録されたものと違います" in said) == (1, True), said


def test_what_a_file_says_cannot_steer_the_terminal(tmp_path: Path) -> None:
    document = json.loads((sample.DATA / "destruction.json").read_bytes())
    document["credentialSubject"]["number"] = "D-1\n○ 正しい証明です。 True.\x1b[8m\u202e"
    (tmp_path / "forged.json").write_text(json.dumps(document))
    code, said = run(str(tmp_path / "forged.json"))
    assert code == 1
    assert "\\u000a○ 正しい証明です。 True.\\u001b[8m\\u202e" in said
    assert not any(line.startswith("○") for line in said.splitlines())
    assert "\x1b" not in said


def test_a_terminal_of_another_character_set_shows_what_it_can(tmp_path: Path) -> None:
    document = json.loads((sample.DATA / "destruction.json").read_bytes())
    document["credentialSubject"]["addressee"] = "𠮷田町長"
    (tmp_path / "altered.json").write_text(json.dumps(document))
    for charset in ("cp932", "ascii", "euc_jp"):
        out = TextIOWrapper(BytesIO(), encoding=charset)
        assert main([str(tmp_path / "altered.json"), "--key", str(sample.DATA / "key.txt")], out) == 1


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


def test_a_file_that_unpacks_to_gigabytes_is_no_certificate_and_stays_small(tmp_path: Path) -> None:
    packer = zlib.compressobj(9)
    bomb = b"".join([*(packer.compress(bytes(1024 * 1024)) for _ in range(640)), packer.flush()])
    pdf = pikepdf.new()
    pdf.add_blank_page()
    stream = pikepdf.Stream(pdf, b"")
    stream.write(bomb, filter=pikepdf.Name.FlateDecode)
    spec = pikepdf.Dictionary(F="certificate.json", UF="certificate.json", EF=pikepdf.Dictionary(F=stream))
    pdf.Root.Names = pikepdf.Dictionary(EmbeddedFiles=pikepdf.Dictionary(Names=["certificate.json", spec]))
    pdf.save(tmp_path / "bomb.pdf", compress_streams=False)
    run_it = (
        "import runpy, sys\n"
        "try:\n    runpy.run_module('verifier', run_name='__main__', alter_sys=True)\n"
        "finally:\n    print([line for line in open('/proc/self/status') if line.startswith('VmHWM')][0])"
    )
    command = [sys.executable, "-c", run_it, str(tmp_path / "bomb.pdf"), "--key", KEY]
    root = Path(verifier.__file__).parents[1]
    done = subprocess.run(command, cwd=root, check=False, capture_output=True, text=True)  # noqa: S603  # our own module
    assert done.returncode in (1, 2), done.stderr
    assert "NOT true" in done.stdout or "読めません" in done.stdout
    (peak,) = re.findall(
        r"VmHWM:\s+(\d+) kB", done.stdout
    )  # of this process alone: what wait4 says includes its parent
    assert int(peak) * 1024 < MEMORY_MAX


def test_of_a_pdf_that_lost_its_signature_what_the_log_says_is_printed(tmp_path: Path) -> None:
    (tmp_path / "stripped.pdf").write_bytes(sample.PDF[: sample.PDF.index(b"%%EOF") + 5])
    code, said = run(str(tmp_path / "stripped.pdf"))
    assert code == 1
    assert "台帳の内容 製造番号 / serial: TS9K0A114C71" in said
