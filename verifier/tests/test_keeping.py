"""What is kept of a bundle on the side it was carried to, and that nothing else ever is."""

import csv
import json
import zipfile
from datetime import UTC, datetime
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from verifier.__main__ import main
from verifier.keeping import HEADS, LIST, keep
from verifier.tests import sample
from verifier.tests.test_bundle import FILES, manifest, packed
from verifier.verdict import Unreadable

NUMBER = "D-NA74-QKCH-Q"


def brought(folder: Path, files: dict[str, bytes], *more: str, cut: int | None = None) -> tuple[int, str]:
    """Bring a bundle and keep it; return the exit code and what was said."""
    folder.mkdir(exist_ok=True)
    (folder / "key.txt").write_text(sample.KEY_TEXT + sample.vkey("example.jp/log/credential", sample.LIAR))
    (folder / "b.zip").write_bytes(packed({"manifest.json": manifest(files), **files})[:cut])
    into = ("--into", str(folder / "kept"))
    code = main([str(folder / "b.zip"), "--key", str(folder / "key.txt"), *into, *more], out := StringIO())
    return code, out.getvalue()


def listed(folder: Path) -> list[dict[str, str]]:
    with (folder / "kept" / LIST).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def kept(folder: Path) -> dict[str, bytes]:
    there = folder / "kept"
    return {str(path.relative_to(there)): path.read_bytes() for path in there.rglob("*") if path.is_file()}


def test_a_true_bundle_is_kept_as_it_is_and_its_list_needs_nobody(tmp_path: Path) -> None:
    code, said = brought(tmp_path, FILES)
    assert code == 0
    assert "保管しました" in said
    (row,) = listed(tmp_path)
    assert tuple(row) == HEADS
    assert (row["証明書番号"], row["種類"], row["追跡ID"], row["状態"]) == (NUMBER, "destruction", "NA74QKCHQ", "有効")
    there = tmp_path / "kept"
    assert (there / row["PDF"]).read_bytes() == sample.PDF
    assert (there / row["JSON"]).read_bytes() == sample.JSON
    files = {name.partition("/")[2]: content for name, content in kept(tmp_path).items() if name != LIST}
    assert {name: content for name, content in files.items() if name != "manifest.json"} == FILES
    again = [str(there / row[kind]) for kind in ("PDF", "JSON")]
    assert main([*again, "--key", str(tmp_path / "key.txt")], StringIO()) == 0, "what is kept verifies like any file"


def test_twice_is_once_and_another_bundle_stands_beside_it(tmp_path: Path) -> None:
    brought(tmp_path, FILES)
    before = {name: content for name, content in kept(tmp_path).items() if name != LIST}
    assert brought(tmp_path, FILES)[0] == 0
    assert {name: content for name, content in kept(tmp_path).items() if name != LIST} == before
    assert len(listed(tmp_path)) == 1
    gone = {name.replace("certificates/D", "revoked/D"): content for name, content in FILES.items()}
    assert brought(tmp_path, gone)[0] == 0
    assert [row["状態"] for row in listed(tmp_path)] == ["有効", "取消"]
    assert len({row["束"] for row in listed(tmp_path)}) == 2
    code, _ = brought(tmp_path, FILES, "--json", "--revoked", str(sample.DATA / "revoked.json"))
    assert code in (0, 1)
    assert len(listed(tmp_path)) == 2


@pytest.mark.parametrize(
    "name",
    [
        "../../evil.pdf", "/etc/evil", "certificates/../../evil.json", "certificates/.hidden.pdf", "photos/a/b.jpg",
        "C:\\evil.pdf", "certificates\\evil.pdf", "elsewhere/x.pdf", "certificates/" + "x" * 200, "certificates/é.pdf",
        "photos", "manifest.json.", "..",
    ],
)  # fmt: skip
def test_a_name_that_leads_elsewhere_keeps_nothing_whoever_signed_it(tmp_path: Path, name: str) -> None:
    folder = tmp_path / "a" / "b"
    folder.parent.mkdir()
    code, said = brought(folder, {**FILES, name: b"evil"})
    assert code != 0
    assert "保管" in said
    assert not [path for path in tmp_path.rglob("*") if path.is_file() and path.parent != folder]


@pytest.mark.parametrize("cut", [-1, -30, 1000, 40_000, 4])
def test_a_download_that_broke_off_keeps_nothing(tmp_path: Path, cut: int) -> None:
    code, _ = brought(tmp_path, FILES, cut=cut)
    assert code == 2
    assert not (tmp_path / "kept").exists()


def test_nothing_is_kept_of_a_bundle_with_one_thing_untrue_nor_of_other_files(tmp_path: Path) -> None:
    lie = {**FILES, f"certificates/{NUMBER}.json": sample.JSON.replace(b"TS9K", b"TS8K")}
    code, said = brought(tmp_path, lie)
    assert code == 1
    assert "保管しません" in said
    (tmp_path / "c.pdf").write_bytes(sample.PDF)
    files = [str(tmp_path / "c.pdf"), "--key", str(tmp_path / "key.txt"), "--into", str(tmp_path / "kept"), "--json"]
    assert main(files, out := StringIO()) == 2
    assert json.loads(out.getvalue())[-1]["kept"] is None
    assert not (tmp_path / "kept").exists()


def test_a_zip_exchanged_after_it_was_verified_is_noticed_and_leaves_nothing(tmp_path: Path) -> None:
    other = {**FILES, f"certificates/{NUMBER}.pdf": sample.PDF[:-1] + b"!"}
    path = tmp_path / "b.zip"
    path.write_bytes(packed({"manifest.json": manifest(FILES), **other}))
    with pytest.raises(Unreadable, match="changed while"):
        keep(path, tmp_path / "kept", {}, datetime.now(UTC))
    assert kept(tmp_path) == {}


def test_one_that_died_half_way_is_begun_anew(tmp_path: Path) -> None:
    digest = sha256(manifest(FILES)).hexdigest()[:16]
    left = tmp_path / "kept" / f".{digest}.new" / "certificates"
    left.mkdir(parents=True)
    (left / f"{NUMBER}.pdf").write_bytes(b"half")
    assert brought(tmp_path, FILES)[0] == 0
    assert not left.exists()
    assert len(listed(tmp_path)) == 1


def test_what_a_spreadsheet_would_run_is_a_text(tmp_path: Path) -> None:
    document: dict[str, Any] = json.loads(sample.JSON)
    subject = document["credentialSubject"] | {"number": "=cmd|' /C calc'!A0"}
    files = {"revoked/D-1.json": json.dumps(document | {"credentialSubject": subject}).encode()}
    (tmp_path / "b.zip").write_bytes(packed({"manifest.json": manifest(files), **files}))
    keep(tmp_path / "b.zip", tmp_path / "kept", {}, datetime.now(UTC))
    assert listed(tmp_path)[0]["証明書番号"].startswith("'=")
    assert zipfile.is_zipfile(tmp_path / "b.zip")
