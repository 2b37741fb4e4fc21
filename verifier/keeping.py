"""Keeping a true bundle on the side it was carried to: its files as they are, and a list that a spreadsheet opens.

FOLDER/list.csv                     every certificate kept here, one a line
FOLDER/<bundle>/certificates/…      the bundle's own files, as its list names them; verified again like any file

A bundle lies there whole or not at all, and twice is once. Nothing of this asks for us or for this program later.
"""

import csv
import io
import os
import re
import shutil
import zipfile
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from verifier import bundle, credential
from verifier.verdict import Unreadable, Verdict

LIST, HEADS = "list.csv", ("証明書番号", "種類", "追跡ID", "発行", "状態", "PDF", "JSON", "束", "確かめた日時")
STANDS, REVOKED = "有効", "取消"
REVOKED_FOLDER = "revoked"
CERTIFICATE_FOLDERS = ("certificates", REVOKED_FOLDER)
_PLACE = re.compile(r"(?:(?:certificates|revoked|photos)/)?[A-Za-z0-9](?:[A-Za-z0-9._-]{0,118}[A-Za-z0-9])?", re.ASCII)


def is_intact(verdict: Verdict) -> bool:
    """Whether nothing failed or was lost: what was revoked since is intact, and kept as such."""
    states = {check.status for check in verdict.checks}
    return states.isdisjoint(("failed", "lost")) and "ok" in states


def keep(path: Path, folder: Path, answers: Mapping[str, Verdict], at: datetime) -> Path:
    """Keep a bundle that was verified, all of it intact; return where it lies.

    `answers` are those of its certificates, by their paths in it. Each file is compared with the bundle's list again as
    it is written: the zip may have been exchanged in between. Raises Unreadable, OSError; then nothing was kept.
    """
    with zipfile.ZipFile(path) as archive:
        manifest = archive.read(bundle.MANIFEST)
        files = bundle.listed(credential.load(manifest))
        for name in files:
            if not _PLACE.fullmatch(name) or name == bundle.MANIFEST:
                raise Unreadable(f"{name} という名前では保管しません。", f"Nothing is kept under the name {name}.")
        kept = folder / sha256(manifest).hexdigest()[:16]
        if not kept.exists():
            draft = kept.with_name(f".{kept.name}.new")
            shutil.rmtree(draft, ignore_errors=True)
            try:
                _write(draft / bundle.MANIFEST, archive, bundle.MANIFEST, sha256(manifest).hexdigest())
                for name, (_, digest) in files.items():
                    _write(draft / name, archive, name, digest)
                draft.rename(kept)
            finally:
                shutil.rmtree(draft, ignore_errors=True)
    _list(folder, kept, answers, at)
    return kept


def _write(to: Path, archive: zipfile.ZipFile, name: str, said: str) -> None:
    to.parent.mkdir(parents=True, exist_ok=True)
    digest = sha256()
    with archive.open(name) as source, to.open("xb") as target:
        while block := source.read(bundle.BLOCK):
            digest.update(block)
            target.write(block)
        os.fsync(target.fileno())
    if digest.hexdigest() != said:
        raise Unreadable(f"{name} が読む間に変わりました。", f"{name} changed while it was read.")


def _list(folder: Path, kept: Path, answers: Mapping[str, Verdict], at: datetime) -> None:
    """Write the list anew, with this bundle's lines in the place of its earlier ones."""
    path, out = folder / LIST, io.StringIO()
    before: list[list[str]] = []
    with suppress(FileNotFoundError):
        before = [row for row in csv.reader(io.StringIO(path.read_text("utf-8-sig"))) if row[7:8] != [kept.name]][1:]
    table = csv.writer(out)
    table.writerows([HEADS, *before])
    for place in CERTIFICATE_FOLDERS:
        for one in sorted((kept / place).glob("*.json")):
            table.writerow(_row(kept, place, one, answers.get(f"{place}/{one.name}"), at))
    draft = path.with_name(f".{LIST}.new")
    draft.write_text(out.getvalue(), "utf-8-sig", newline="")
    draft.replace(path)


def _row(kept: Path, place: str, one: Path, verdict: Verdict | None, at: datetime) -> list[str]:
    subject = credential.load(one.read_bytes())["credentialSubject"]
    gone = place == REVOKED_FOLDER or bool(verdict and verdict.standing and verdict.standing.state == "revoked")
    said = [str(subject.get(name, "")) for name in ("number", "kind", "label", "issued_at")]
    paper = one.with_suffix(".pdf")
    files = [str(file.relative_to(kept.parent)) if file.exists() else "" for file in (paper, one)]
    return [
        *map(_plain, said),
        REVOKED if gone else STANDS,
        *files,
        kept.name,
        f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}",
    ]


def _plain(said: str) -> str:
    """Keep a spreadsheet from reading a text as a formula."""
    return f"'{said}" if said[:1] in "=+-@\t\r" and said else said
