"""A bundle: the certificates, photos and log proofs of an engagement in one zip, under one signed list.

The list (`manifest.json`) is a credential of its own that names every file with its size and its SHA-256. A bundle is
whole when each of them is there and nothing else is; each certificate in it is then checked, its photos at hand.
"""

import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from verifier import credential, fields
from verifier.keys import Keys
from verifier.revocation_list import Revocations
from verifier.verdict import Check, Difference, Unreadable, Verdict, Wrong
from verifier.verification import FILE_SIZE_MAX, verify_bytes

SIGNATURE = b"PK\x03\x04"
MANIFEST, KIND, TYPE = "manifest.json", "bundle", "CertificateBundle"
CHECKED = (".pdf", ".json", ".tlog-proof")
BLOCK = 1024 * 1024
LOCAL_SIZE, ENTRY_SIZE = 30, 46  # bytes of a file's two headers, without its name (PKWARE APPNOTE 4.3.7, 4.3.12)
ENDS = (22, 22 + 56 + 20)  # bytes of the end, alone and with its ZIP64 twin and locator (4.3.14 to 4.3.16)
ZIP64 = b"\1\0"  # the one extra field there may be: where a file lies behind 4 GB
NAMED_MAX = 20  # files named in one sentence

Answer = tuple[str, Verdict | Unreadable]


def is_bundle(path: Path) -> bool:
    """Tell whether a file is a zip, by how it begins."""
    with path.open("rb") as file:
        return file.read(len(SIGNATURE)) == SIGNATURE


def verify_bundle(path: Path, keys: Keys, revocations: Revocations | None = None) -> Iterator[Answer]:
    """Check a bundle, then each certificate in it: the bundle's own answer comes first.

    Raises Unreadable for a zip that is no bundle of ours, OSError.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _require_nothing_between(archive, path.stat().st_size)
            yield from _answers(_Opened(archive), path.name, keys, revocations)
    except (
        zipfile.BadZipFile,
        RuntimeError,
        EOFError,
        ValueError,
        LookupError,
        OverflowError,
    ) as wrong:  # encrypted: the 2nd
        raise Unreadable(f"ZIPとして読めません（{wrong}）。", f"Not readable as a zip ({wrong}).") from wrong


def _require_nothing_between(archive: zipfile.ZipFile, size: int) -> None:
    """Refuse bytes that belong to no listed file: they could be a PDF or another zip, for readers that look elsewhere.

    Raises ValueError.
    """
    place = 0
    for info in sorted(archive.infolist(), key=lambda one: one.header_offset):
        if info.header_offset != place:
            raise ValueError("bytes outside its files")
        place += LOCAL_SIZE + len(info.orig_filename.encode()) + info.compress_size
    entries = sum(ENTRY_SIZE + len(info.orig_filename.encode()) + len(info.extra) for info in archive.infolist())
    rest = size - archive.start_dir - entries
    if (
        place != archive.start_dir
        or rest not in ENDS
        or any(info.comment or info.extra[:2] not in (b"", ZIP64) for info in archive.infolist())
    ):
        raise ValueError("bytes outside its files")


@dataclass(frozen=True, slots=True)
class _Opened:
    """A zip whose files lie in it unpacked: a packed one could unpack to anything."""

    archive: zipfile.ZipFile

    def open(self, name: str) -> BinaryIO | None:
        try:
            info = self.archive.getinfo(name)
        except KeyError:
            return None
        if info.compress_type != zipfile.ZIP_STORED or info.file_size != info.compress_size:
            return None
        return self.archive.open(info)  # type: ignore[return-value]  # ZipExtFile reads like a file

    def read(self, name: str) -> bytes:
        """Return a file as far as one may be checked. Raises Unreadable when it is absent, packed or too large."""
        file = self.open(name)
        if file is None:
            raise Unreadable(f"{name} がないか、圧縮されています。", f"{name} is missing or packed.")
        with file:
            content = file.read(FILE_SIZE_MAX + 1)
        if len(content) > FILE_SIZE_MAX:
            raise Unreadable(f"{name} が大きすぎます。", f"{name} is too large.")
        return content


def _answers(opened: _Opened, name: str, keys: Keys, revocations: Revocations | None) -> Iterator[Answer]:
    document = credential.load(opened.read(MANIFEST))
    files = listed(document)
    signature = credential.signature(document, keys)
    photos = {one.stem: str(one) for one in map(PurePosixPath, files) if one.parts[0] == "photos"}
    different = [found for path, said in files.items() for found in _differing(opened, path, said)]
    number = document["credentialSubject"].get("engagement")
    yield (
        name,
        Verdict(
            name,
            "bundle",
            None if number is None else str(number),
            (
                signature,
                _made(document),
                _own("log", "証明書ごとに調べます。", "Checked with each certificate."),
                _pictures(different, len(photos)),
                _whole(opened, files, different),
            ),
        ),
    )
    for path in files:
        if path.startswith("certificates/") and path.endswith(CHECKED):
            yield f"{name}!{path}", _certificate(opened, path, photos, keys, revocations)


def _certificate(
    opened: _Opened, path: str, photos: Mapping[str, str], keys: Keys, revocations: Revocations | None
) -> Verdict | Unreadable:
    try:
        content = opened.read(path)
        shown = _shown(content) if path.endswith(".json") else ()
        originals = {photos[one]: opened.read(photos[one]) for one in shown if one in photos}
        return verify_bytes(path, content, keys, originals, revocations)
    except Unreadable as unreadable:
        return unreadable


def _shown(content: bytes) -> list[str]:
    """Return the hashes of the photos that a credential names."""
    named = credential.load(content)["credentialSubject"].get("photos", [])
    return [str(one.get("sha256")) for one in named if isinstance(one, dict)]


def listed(document: dict[str, Any]) -> dict[str, tuple[int, str]]:
    """Return size and SHA-256 of every file of a bundle by its path. Raises Unreadable for another kind of document."""
    subject = document["credentialSubject"]
    try:
        found = {str(one["path"]): (int(one["size"]), str(one["sha256"])) for one in subject["files"]}
    except (KeyError, TypeError, ValueError):
        found = {}
    ours = subject.get("kind") == KIND and document.get("type") == ["VerifiableCredential", TYPE]
    if not ours or not found or len(found) != len(subject["files"]):  # the last: a path stands twice
        raise Unreadable("証明書の束の一覧ではありません。", "The list is none of a bundle of certificates.")
    return found


def _differing(opened: _Opened, path: str, said: tuple[int, str]) -> Iterator[Difference]:
    file = opened.open(path)
    if file is None:
        yield Difference(f"ファイル {path}", f"file {path}", "—", said[1])
        return
    digest = sha256()
    with file:
        while block := file.read(BLOCK):
            digest.update(block)
    if digest.hexdigest() != said[1]:
        yield Difference(f"ファイル {path}", f"file {path}", digest.hexdigest(), said[1])


def _whole(opened: _Opened, listed: Mapping[str, tuple[int, str]], different: list[Difference]) -> Check:
    names = opened.archive.namelist()
    extra = sorted({name for name in names if name not in listed and name != MANIFEST})
    twice = sorted({name for name in names if names.count(name) > 1}) if len(set(names)) != len(names) else []
    found = [*different, *(Difference(f"ファイル {name}", f"file {name}", "＋", "—") for name in (*extra, *twice))]
    if found:
        shown = found[:NAMED_MAX]
        more = len(found) - len(shown)
        wrong = Wrong(
            f"一覧と違います: {'、'.join(one.ja for one in shown)}{f' ほか{more}件' if more else ''}。",
            f"Not what the list says: {', '.join(one.en for one in shown)}{f' and {more} more' if more else ''}.",
            tuple(found),
        )
        return Check.failed("completeness", wrong)
    count = len(listed)
    return Check("completeness", "ok", f"一覧の {count} ファイルがそろっています。", f"All {count} files of the list.")


def _pictures(different: list[Difference], count: int) -> Check:
    bad = [one for one in different if one.en.startswith("file photos/")]
    if bad:
        wrong = Wrong(
            f"写真 {len(bad)} 枚が、ないか変わっています。", f"{len(bad)} photo(s) missing or changed.", tuple(bad)
        )
        return Check.failed("photos", wrong)
    if not count:
        return _own("photos", "写真はありません。", "There are no photos.")
    return Check("photos", "ok", f"写真 {count} 枚は一覧のままです。", f"{count} photo(s) are those of the list.")


def _made(document: dict[str, Any]) -> Check:
    try:
        at = fields.instant(document["validFrom"])
    except (KeyError, ValueError, TypeError):
        return Check.failed("time", Wrong("作られた時刻が読めません。", "When it was made cannot be read."))
    return Check("time", "ok", f"{at:%Y-%m-%d %H:%M:%SZ} に作られました。", f"Made at {at:%Y-%m-%d %H:%M:%SZ}.")


def _own(name: Any, ja: str, en: str) -> Check:
    return Check(name, "not-applicable", ja, en)
