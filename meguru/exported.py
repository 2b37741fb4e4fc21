"""An export examined: every line against the log beside it, the log against its signed head. No server, no database.

Whoever has the folder (`meguru export`, `make demo`) can tell one changed, missing, doubled, misplaced or cut entry,
and where. Another whole history under a key of its own is told only by what comes from elsewhere: the log's public key
as it was published, or a head of another day.
"""

import hashlib
import json
import os
from bisect import bisect_left
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby, pairwise
from pathlib import Path
from typing import Any

from meguru.audit import Audit, Enough, say
from meguru.export import CERTIFICATES, EVENTS, SALTS, files_of, issued
from meguru.heads import Brought, brought_by
from services.tracking.log import tiles
from services.tracking.log.keys import LogKey, open_head, parse
from services.tracking.log.merkle import HASH_SIZE
from services.tracking.log.note import BadNote, Checkpoint
from shared.entry import digest

CREDENTIAL = "/credential"  # ends the name of the key that signs certificates: it stands in the same file
KEYS, HEAD = "log/key.txt", "log/checkpoint"
LINE_SIZE_MAX = 1024 * 1024  # bytes; one body has at most 256 KiB
BUNDLES = 32  # files of 256 log entries read at once


class NoExport(Exception):
    """The folder holds no export. Its text says what is missing and what to do."""


class Altered(Exception):
    """The export is not what the signed log holds. Its text says where and what to do."""


def log_keys(file: Path) -> list[LogKey]:
    """Return the log's public keys in force from a file of keys. Raises NoExport for one that holds none."""
    keys: list[LogKey] = []
    for line in file.read_text(encoding="utf-8", errors="replace").splitlines() if file.is_file() else ():
        try:
            keys += [one for one in parse(line) if not one.revoked and not one.key.name.endswith(CREDENTIAL)]
        except BadNote:
            continue  # keys of certificates stand in the same file
    if not keys:
        raise NoExport(
            f"{file} にログの公開鍵がありません。公開されている鍵のファイルを指定してください。"
            f" There is no public key of a log in {file}: name the file of published keys."
        )
    return keys


def examine_export(folder: Path, keys: Sequence[LogKey], brought: Sequence[Brought] = ()) -> Audit:
    """Examine what `meguru export` left in a folder. Raises NoExport for a folder that holds none."""
    for name in (EVENTS, SALTS, HEAD):
        if not (folder / name).is_file():
            raise NoExport(
                f"{folder / name} がありません。書き出した（meguru export）フォルダーを指定してください。"
                f" {folder / name} is missing: name a folder that `meguru export` wrote."
            )
    examination = _Examination(folder, list(brought))
    try:
        if head := examination.head(keys):
            examination.log(head)
            examination.lines()
            if not examination.audit.findings:  # else the same would be said twice
                examination.surplus()
                examination.certificates()
    except Enough:
        ja, en = "ほかにもあります。ここで止めました。", "There is more; the examination stopped here."
        examination.audit.findings.pop()
        examination.audit.find("log", "more", ja, en)
    return examination.audit


@dataclass(slots=True)
class _Examination:
    folder: Path
    brought: list[Brought]
    audit: Audit = field(default_factory=Audit)
    digests: list[bytes] = field(default_factory=list)  # what the log holds, in its order

    def head(self, keys: Sequence[LogKey]) -> Checkpoint | None:
        """Return the signed head, or None where it does not verify: then nothing else says anything."""
        try:
            written = (self.folder / HEAD).read_text(encoding="utf-8", errors="replace")
            return open_head(written, keys)
        except BadNote as wrong:
            ja, en = "ログの先頭の署名が確かめられません。", f"The head of the log does not verify: {wrong}."
            self.audit.find("log", "checkpoint", ja, en)
            return None

    # ── the log ──────────────────────────────────────────────────────────────────────────────────────────────────────

    def log(self, head: Checkpoint) -> None:
        """Grow the tree from the log's entries; compare its files, the root, and the heads that were brought."""
        tree = tiles.Tree()
        stops = {one.head.size for one in self.brought} | {head.size}
        for first in range(0, head.size, step := tiles.WIDTH * BUNDLES):
            end = min(first + step, head.size)
            self.digests += [row for n in range(first, end, tiles.WIDTH) for row in self._bundle(n, head.size)]
            for stop in sorted({*(one for one in stops if first < one < end), end}):
                tree, files = tiles.append(tree, self.digests[tree.size : stop])
                self._tiles(files if stop == head.size else {p: one for p, one in files.items() if ".p/" not in p})
                for said in filter(None, (one.differs(tree.size, tree.root) for one in self.brought)):
                    self.audit.find("log", "head", *said, index=tree.size - 1)
        for said in filter(None, (one.exceeds(head.size) for one in self.brought)):
            self.audit.find("log", "head", *said, index=head.size)
        if tree.root != head.root and head.size:
            ja = "ログのファイルから計算した根が、署名された先頭の根と違います。"
            self.audit.find("log", "root", ja, "The log's files do not lead to the root that its head has signed.")
        self.audit.leaves = head.size

    def _bundle(self, first: int, size: int) -> Iterator[bytes]:
        """Yield what the log holds from a place on; for what cannot be read, zeros, having said so."""
        width = min(tiles.WIDTH, size - first)
        content = self._read(tiles.bundle_path(first // tiles.WIDTH, width))
        if len(content) > width * tiles.BUNDLED_SIZE:
            ja, en = (
                "ログのこのファイルに、余分なものがあります。",
                "There is more in this file of the log than there should be.",
            )
            self.audit.find("log", "tile", ja, en, index=first)
        for nth in range(width):
            row = content[nth * tiles.BUNDLED_SIZE :][: tiles.BUNDLED_SIZE]
            readable = len(row) == tiles.BUNDLED_SIZE and row[:2] == HASH_SIZE.to_bytes(2)
            if not readable and content:
                ja, en = "ログのこの番号の要約が読めません。", "The log's digest at this place cannot be read."
                self.audit.find("log", "tile", ja, en, index=first + nth)
            yield row[2:] if readable else bytes(HASH_SIZE)

    def _tiles(self, expected: dict[str, bytes]) -> None:
        for path, content in expected.items():
            there = content if path.startswith("tile/entries/") else self._read(path)  # those are what is compared with
            if there == content or not there:
                continue
            if not path.startswith("tile/0/") or len(there) != len(content):
                ja, en = (
                    f"ログのファイル {path} が違います。",
                    f"The log's file {path} is not what its entries lead to.",
                )
                self.audit.find("log", "tile", ja, en)
                continue
            n = int("".join(part.lstrip("x") for part in path.partition(".p/")[0].split("/")[2:]))
            for at in range(0, len(content), HASH_SIZE):
                if content[at : at + HASH_SIZE] != there[at : at + HASH_SIZE]:
                    ja = f"ログのファイル {path} のハッシュが、この番号の要約のものと違います。"
                    en = f"The hash in the log's file {path} is not that of the digest here."
                    self.audit.find("log", "tile", ja, en, index=n * tiles.WIDTH + at // HASH_SIZE)

    def _read(self, path: str) -> bytes:
        try:
            return (self.folder / "log" / path).read_bytes()
        except OSError:
            self.audit.find(
                "log", "tile", f"ログのファイル {path} がありません。", f"The log's file {path} is missing."
            )
            return b""

    # ── the lines ────────────────────────────────────────────────────────────────────────────────────────────────────

    def lines(self) -> None:
        """Find each line's place in the log; name what is changed, foreign, doubled, misplaced or missing."""
        place_of = {one: index for index, one in enumerate(self.digests)}
        places = [place_of.get(one) if one else None for one in self._line_digests()]
        self.audit.entries = {"export": len(places)}
        seen: set[int] = set()
        twice: set[int] = set()
        first: list[int] = []
        for place in (one for one in places if one is not None):
            if place in seen:
                ja, en = "この番号の記録が二度あります。", "The entry of this place is there twice."
                self.audit.find("export", "twice", ja, en, index=place)
                twice.add(place)
            else:
                first.append(place)
            seen.add(place)
        for place in sorted(set(first) - set(_longest_rising(first)) - twice):
            ja, en = (
                "この番号の記録が、ログと違う順番にあります。",
                "The entry of this place is not where the log has it.",
            )
            self.audit.find("export", "order", ja, en, index=place)
        missing = sorted(set(range(len(self.digests))) - seen)
        self._unknown(places, missing)
        for run in _runs(missing):
            ja = f"この番号から{len(run)}件の記録がありません。"
            self.audit.find("export", "missing", ja, f"{len(run)} entries from this place are missing.", index=run[0])

    def _line_digests(self) -> Iterator[bytes | None]:
        """Yield what the log would hold of each line; None for one that says no entry, or whose salt is gone."""
        salts = dict(line.split(" ", 1) for line in _salt_lines(self.folder / SALTS))
        with (self.folder / EVENTS).open("rb") as file:
            while line := file.readline(LINE_SIZE_MAX):
                body = line.removesuffix(b"\n")
                try:
                    salt = salts[json.loads(body)["id"]]
                    yield digest(body, bytes.fromhex(salt)) if salt.islower() or salt.isdigit() else None
                except (ValueError, KeyError, TypeError, RecursionError):
                    yield None

    def _unknown(self, places: Sequence[int | None], missing: list[int]) -> None:
        """Name the lines that the log does not know: the entry that stood there, where one is missing just there."""
        before = -1
        for nth, place in enumerate(places, 1):
            if place is not None:
                before = place
            elif before + 1 in missing:
                before += 1
                missing.remove(before)
                ja = f"{nth}行目が、ログに入れたときの記録と違います（塩が違うこともあります）。"
                en = f"Line {nth} is not the entry that went into the log (or its salt is another)."
                self.audit.find("export", "bytes", ja, en, index=before)
            else:
                ja, en = f"{nth}行目の記録は、ログにありません。", f"The entry in line {nth} is not in the log."
                self.audit.find("export", "not-in-log", ja, en)

    # ── what belongs to the lines ────────────────────────────────────────────────────────────────────────────────────

    def surplus(self) -> None:
        """Name a file of lines or salts that holds anything beside them."""
        if self._ends_within_a_line(EVENTS):
            ja, en = "最後の行が途中で終わっています。", "The last line ends before its end."
            self.audit.find("export", "bytes", ja, en, index=len(self.digests) - 1)
        given = (self.folder / SALTS).read_bytes().split(b"\n")
        if len(given) != len(self.digests) + 1 or given[-1]:
            ja, en = f"{SALTS} に余分な行があります。", f"There is more in {SALTS} than the lines' salts."
            self.audit.find("export", "salts", ja, en)

    def _ends_within_a_line(self, name: str) -> bool:
        content = self.folder / name
        if not content.stat().st_size:
            return False
        with content.open("rb") as file:
            file.seek(-1, os.SEEK_END)
            return file.read(1) != b"\n"

    def certificates(self) -> None:
        """Hold each certificate's files against what was recorded when it was issued."""
        wanted = {name: sha256 for said in issued(self.folder) for name, sha256 in files_of(said)}
        there = {str(file.relative_to(self.folder)) for file in (self.folder / CERTIFICATES).rglob("*")}
        for name, sha256 in wanted.items():
            if name not in there:
                ja, en = f"{name} がありません。", f"{name} is missing."
                self.audit.find("export", "certificate", ja, en)
            elif sha256 != _sha256(self.folder / name):
                ja, en = f"{name} が、発行したときのものと違います。", f"{name} is not what was issued."
                self.audit.find("export", "certificate", ja, en)
        for name in sorted(there - set(wanted)):
            ja, en = f"{name} の発行は記録されていません。", f"No entry says that {name} was issued."
            self.audit.find("export", "certificate", ja, en)


def _sha256(file: Path) -> str:
    if not file.is_file():
        return ""
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def _salt_lines(file: Path) -> Iterator[str]:
    with file.open(encoding="ascii", errors="replace") as lines:
        yield from (line.rstrip("\n") for line in lines if " " in line)


def _longest_rising(places: Sequence[int]) -> list[int]:
    """Return the longest rising part of a sequence: what is not of it was moved."""
    if all(one < other for one, other in pairwise(places)):
        return list(places)
    ends: list[int] = []  # the least end of a rising part of each length
    at: list[int] = []  # and where it stands
    came_from: list[int] = []
    for nth, place in enumerate(places):
        length = bisect_left(ends, place)
        ends[length : length + 1], at[length : length + 1] = [place], [nth]
        came_from.append(at[length - 1] if length else -1)
    found, nth = [], at[-1]
    while nth >= 0:
        found.append(places[nth])
        nth = came_from[nth]
    return found[::-1]


def _runs(numbers: Sequence[int]) -> Iterator[list[int]]:
    for _, run in groupby(enumerate(numbers), lambda pair: pair[1] - pair[0]):
        yield [number for _, number in run]


def proved(folder: Path, kinds: Collection[str], key: Path | None = None) -> tuple[int, list[Mapping[str, Any]]]:
    """Return the log's size and the entries of these kinds; `key` is whose log is believed, else the folder's own.

    Raises Altered where anything is not as the log has it, NoExport for a folder that holds no export.
    """
    examined = examine_export(folder, log_keys(key or folder / KEYS))
    if examined.findings:
        raise Altered(
            f"書き出しが、署名されたログと一致しません。出した人に確かめてください。{examined.findings[0]}"
            f" ({len(examined.findings)}) Ask whoever gave you the export whether it was changed."
        )
    with (folder / EVENTS).open("rb") as lines:
        entries = (json.loads(line) for line in lines)
        return examined.leaves, [entry for entry in entries if entry["kind"] in kinds]


def audit_export(folder: Path, *, key: Path | None, checkpoint: Path | None, as_json: bool) -> int:
    """Examine an export and say what came out. Returns 0 when it is clean, else 1. Raises NoExport, BadHead."""
    keys = log_keys(key or folder / KEYS)
    brought = [brought_by(checkpoint, keys)] if checkpoint else []
    return say(examine_export(folder, keys, brought), as_json=as_json)
