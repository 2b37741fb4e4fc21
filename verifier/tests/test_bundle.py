import io
import json
import zipfile
from collections.abc import Callable
from hashlib import sha256
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from verifier.__main__ import main
from verifier.bundle import verify_bundle
from verifier.tests import sample
from verifier.verdict import Unreadable, Verdict

PHOTO = (sample.DATA / "photo-before.jpg").read_bytes()
FILES = {
    "certificates/D-NA74-QKCH-Q.pdf": sample.PDF,
    "certificates/D-NA74-QKCH-Q.json": sample.JSON,
    "certificates/T-NA74-QKCH-Q.pdf": sample.TRACKING_PDF,
    f"photos/{sha256(PHOTO).hexdigest()}.jpg": PHOTO,
    "keys.txt": sample.KEY_TEXT.encode(),
}


def manifest(held: dict[str, bytes], **changed: Any) -> bytes:
    listed = [
        {"path": path, "size": len(content), "sha256": sha256(content).hexdigest()} for path, content in held.items()
    ]
    subject = {"kind": "bundle", "engagement": "e1", "files": listed} | changed
    document = {
        "@context": json.loads(sample.JSON)["@context"],
        "type": ["VerifiableCredential", "CertificateBundle"],
        "validFrom": "2026-11-30T01:00:00Z",
        "credentialSubject": subject,
    }
    return sample.resigned(document)


def packed(files: dict[str, bytes], compression: int = zipfile.ZIP_STORED) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression) as archive:
        for path, content in files.items():
            archive.writestr(path, content)
    return out.getvalue()


def answers(folder: Path, content: bytes) -> dict[str, Verdict | Unreadable]:
    path = folder / "b.zip"
    path.write_bytes(content)
    return dict(verify_bundle(path, sample.TRUSTED_LIAR))


def test_a_whole_bundle_is_true_and_so_is_each_certificate_in_it(tmp_path: Path) -> None:
    found = answers(tmp_path, packed({"manifest.json": manifest(FILES), **FILES}))
    assert [isinstance(one, Verdict) and one.ok for one in found.values()] == [True] * 4
    assert next(iter(found)) == "b.zip"
    whole, credential = found["b.zip"], found["b.zip!certificates/D-NA74-QKCH-Q.json"]
    assert isinstance(whole, Verdict)
    assert (whole.kind, whole.number) == ("bundle", "e1")
    assert isinstance(credential, Verdict)
    assert "手元の 1 枚は撮影時のまま" in credential.checks[3].ja


def other(files: dict[str, bytes]) -> dict[str, bytes]:
    """Change a byte of each file in turn."""
    return {path: content[:-9] + bytes([content[-9] ^ 1]) + content[-8:] for path, content in files.items()}


@pytest.mark.parametrize("path", FILES)
def test_a_file_that_changed_or_is_missing_is_named(tmp_path: Path, path: str) -> None:
    signed = manifest(FILES)
    for held in ({**FILES, path: other(FILES)[path]}, {one: FILES[one] for one in FILES if one != path}):
        verdict = answers(tmp_path, packed({"manifest.json": signed, **held}))["b.zip"]
        assert isinstance(verdict, Verdict)
        assert not verdict.ok
        assert path in verdict.checks[4].en
        assert (verdict.checks[3].status == "failed") is path.startswith("photos/")


def test_a_file_that_the_list_does_not_name_is_found(tmp_path: Path) -> None:
    verdict = answers(tmp_path, packed({"manifest.json": manifest(FILES), **FILES, "more.txt": b"?"}))["b.zip"]
    assert isinstance(verdict, Verdict)
    assert "more.txt" in verdict.checks[4].ja


def test_a_list_of_a_stranger_or_a_changed_one_is_not_trusted(tmp_path: Path) -> None:
    signed = manifest(FILES)
    for held in (signed.replace(b'"e1"', b'"e2"'), signed.replace(b"did:key:z6Mk", b"did:key:z6Mj")):
        verdict = answers(tmp_path, packed({"manifest.json": held, **FILES}))["b.zip"]
        assert isinstance(verdict, Verdict)
        assert verdict.checks[0].status == "failed"
    path = tmp_path / "b.zip"
    path.write_bytes(packed({"manifest.json": signed, **FILES}))
    (first, verdict), *_ = verify_bundle(path, sample.KEYS)
    assert isinstance(verdict, Verdict)
    assert not verdict.ok, first


NO_BUNDLE: dict[str, Callable[[], bytes]] = {
    "a zip of somebody's": lambda: packed({"a.txt": b"a"}),
    "cut": lambda: packed({"manifest.json": manifest(FILES), **FILES})[:-30],
    "no list of a bundle": lambda: packed({"manifest.json": sample.JSON}),
    "a packed list": lambda: packed({"manifest.json": manifest(FILES)}, zipfile.ZIP_DEFLATED),
    "a list of nonsense": lambda: packed({"manifest.json": manifest({}, files=[{"path": 1}])}),
    "only the beginning of a zip": lambda: b"PK\x03\x04" + bytes(100),
}


@pytest.mark.parametrize("what", NO_BUNDLE)
def test_what_is_no_bundle_is_unreadable(tmp_path: Path, what: str) -> None:
    with pytest.raises(Unreadable):
        answers(tmp_path, NO_BUNDLE[what]())


def test_a_packed_file_counts_as_missing_so_that_nothing_unpacks_to_gigabytes(tmp_path: Path) -> None:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("manifest.json", manifest(FILES))
        for path, content in FILES.items():
            archive.writestr(path, content, zipfile.ZIP_DEFLATED)
    found = answers(tmp_path, out.getvalue())
    verdict = found.pop("b.zip")
    assert isinstance(verdict, Verdict)
    assert not verdict.ok
    assert all(isinstance(one, Unreadable) for one in found.values())


def test_the_same_command_takes_it_and_says_what_is_not_true(tmp_path: Path) -> None:
    key = tmp_path / "key.txt"
    key.write_text(sample.KEY_TEXT + sample.vkey("example.jp/log/credential", sample.LIAR))
    path, out = tmp_path / "b.zip", StringIO()
    path.write_bytes(packed({"manifest.json": manifest(FILES), **FILES}))
    assert main([str(path), "--key", str(key)], out) == 0
    assert "束の中の証明書 3 通" in out.getvalue()
    lie = {**FILES, "certificates/D-NA74-QKCH-Q.json": sample.JSON.replace(b"TS9K", b"TS8K")}
    path.write_bytes(packed({"manifest.json": manifest(lie), **lie}))
    assert main([str(path), "--key", str(key), "--json"], out := StringIO()) == 1
    assert [one["ok"] for one in json.loads(out.getvalue())] == [True, True, False, True]


def encrypted() -> bytes:
    """Set the bit that says so in every header."""
    content = bytearray(packed({"manifest.json": manifest(FILES), **FILES}))
    for mark, flags in ((b"PK\1\2", 8), (b"PK\3\4", 6)):
        at = -1
        while (at := content.find(mark, at + 1)) >= 0:
            content[at + flags] |= 1
    return bytes(content)


def test_a_zip_made_to_break_the_reader_is_unreadable(tmp_path: Path) -> None:
    nameless = packed({"manifest.json": manifest({}, files=[{"path": "", "size": 1, "sha256": "x"}])})
    for content in (encrypted(), nameless):
        with pytest.raises(Unreadable):
            answers(tmp_path, content)


def appended(content: bytes, comment: bytes) -> bytes:
    out = io.BytesIO(content)
    with zipfile.ZipFile(out, "a") as archive:
        archive.comment = comment
    return out.getvalue()


def between(content: bytes, more: bytes) -> bytes:
    """Put bytes before the central directory, with its place mended."""
    start, end = content.index(b"PK\1\2"), content.rindex(b"PK\5\6")
    place = (start + len(more)).to_bytes(4, "little")
    return content[:start] + more + content[start : end + 16] + place + content[end + 20 :]


OUTSIDE: dict[str, Callable[[bytes], bytes]] = {
    "a PDF before it": lambda zip_: b"PK\3\4" + bytes(26) + sample.PDF + zip_,
    "another zip before it": lambda zip_: packed({"certificates/D-NA74-QKCH-Q.pdf": b"%PDF-"}) + zip_,
    "a comment": lambda zip_: appended(zip_, b"startxref\n30\n%%EOF\n"),
    "something behind it": lambda zip_: zip_ + b"more",
    "something between": lambda zip_: between(zip_, sample.PDF),
}


@pytest.mark.parametrize("what", OUTSIDE)
def test_a_true_bundle_with_bytes_of_somebody_elses_is_none(tmp_path: Path, what: str) -> None:
    true = packed({"manifest.json": manifest(FILES), **FILES})
    with pytest.raises(Unreadable, match="outside"):
        answers(tmp_path, OUTSIDE[what](true))
