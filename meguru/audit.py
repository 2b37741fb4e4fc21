"""The audit: every entry of every ledger against the log, and the log against its tiles, root and signature.

It trusts nothing it can compute: an entry's columns are read from its bytes, its digest from bytes and salt, the tree
from the log's entries. The tree has to lead to the head that is kept apart from the database, and to one that somebody
brings along. It reads in portions and holds none of the ledgers in memory. It changes nothing.
"""

import json
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn

import shared.events  # noqa: F401 - registers every event
from meguru.heads import BadHead, Brought, brought_by, kept_apart
from meguru.standing import standing
from meguru.underway import on_the_bus
from services.tracking.keys import published
from services.tracking.log import tiles
from services.tracking.log.keys import open_head
from services.tracking.log.merkle import HASH_SIZE
from services.tracking.log.note import BadNote, Checkpoint
from services.tracking.loops import KEPT
from shared import keepsake
from shared.entry import SALT_SIZE, Entry, Event, UnknownKind, digest
from shared.settings import SERVICES
from shared.stack.stack import Stack

PORTION = 500  # rows held at once; one body has at most 256 KiB
BUNDLES = 8  # log files of 256 entries read at once
FINDINGS_MAX = 1000  # then the audit stops: somebody has to look first
COLUMNS = ("stream", "sequence", "id", "tenant", "kind", "recorded_at", "occurred_at")

Told = Callable[[str, int, int], None]  # stage, done, of


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it was recorded: where it is and what differs."""

    service: str  # whose ledger; "log" for the log's own files
    what: str  # the column, "bytes", "gap", "twice", "leaf", "tile", "root", "checkpoint", …
    ja: str
    en: str
    stream: UUID | None = None
    sequence: int | None = None
    index: int | None = None  # the place in the log

    def __str__(self) -> str:
        place = f"{self.stream}/{self.sequence}" if self.stream else ""
        where = f"#{self.index}" if self.index is not None else ""
        return f"{' '.join(part for part in (self.service, place, where) if part)}: {self.what}: {self.ja} {self.en}"

    def plain(self) -> dict[str, Any]:
        """Return it for machines."""
        return {
            "service": self.service,
            "stream": str(self.stream) if self.stream else None,
            "sequence": self.sequence,
            "index": self.index,
            "what": self.what,
            "ja": self.ja,
            "en": self.en,
        }


@dataclass(slots=True)
class Audit:
    """What was looked at and what was found."""

    entries: dict[str, int] = field(default_factory=dict)  # checked, by service
    leaves: int = 0  # in the log
    waiting: int = 0  # recorded, and still on the way to the log
    findings: list[Finding] = field(default_factory=list)

    def find(self, *args: Any, **where: Any) -> None:
        """Note one finding. Raises Enough when there are too many to go on."""
        self.findings.append(Finding(*args, **where))
        if len(self.findings) >= FINDINGS_MAX:
            raise Enough


class Enough(Exception):
    """More findings than anybody reads."""


@dataclass(frozen=True, slots=True)
class Unlogged:
    """An entry for which tracking has no leaf."""

    service: str
    stream: UUID
    sequence: int
    id: UUID
    digest: bytes


async def audit(stack: Stack, services: Sequence[str] = SERVICES) -> list[Finding]:
    """Return everything that is not as it was recorded; an empty list says all is well."""
    return (await examine(stack, services)).findings


async def examine(
    stack: Stack, services: Sequence[str] = SERVICES, told: Told = lambda *_: None, brought: Sequence[Brought] = ()
) -> Audit:
    """Check the ledgers, then the log, which has to lead to the heads that are brought. `told` hears how far it is."""
    examination = _Examination(stack, tuple(services), told, brought=list(brought))
    async with AsyncExitStack() as closing:
        for service in dict.fromkeys(("tracking", *services)):
            examination.connections[service] = connection = await stack.connect(service)
            closing.push_async_callback(connection.close)
        try:
            for service in services:
                await examination.ledger(service)
            await examination.log()
            await examination.judge_unlogged()
        except Enough:
            examination.audit.findings.append(
                Finding("log", "more", "ほかにもあります。ここで止めました。", "There is more; the audit stopped here.")
            )
    return examination.audit


@dataclass(slots=True)
class _Examination:
    stack: Stack
    services: tuple[str, ...]
    told: Told
    connections: dict[str, Any] = field(default_factory=dict)
    audit: Audit = field(default_factory=Audit)
    unlogged: list[Unlogged] = field(default_factory=list)
    unannounced: set[tuple[str, UUID, int]] = field(default_factory=set)  # in an outbox: the relay has not had them
    holes: dict[bytes, int] = field(default_factory=dict)  # log entries without a leaf row, by digest
    brought: list[Brought] = field(default_factory=list)

    # ── ledgers ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def ledger(self, service: str) -> None:
        """Check one ledger, row by row, in one snapshot."""
        connection = self.connections[service]
        if not await connection.fetchval("SELECT to_regclass('entries')"):
            self.audit.find(service, "no-ledger", "台帳の表がありません。", "There is no ledger table.")
            return
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            for row in await connection.fetch("SELECT stream, sequence FROM outbox"):
                self.unannounced.add((service, row["stream"], row["sequence"]))
            await self._announced(service)
            total, done, before = await connection.fetchval("SELECT count(*) FROM entries"), 0, None
            await self._twice(service)
            cursor = await connection.cursor(
                f"SELECT {', '.join(COLUMNS)}, body, salt FROM entries ORDER BY stream, sequence"  # noqa: S608 - a constant
            )
            while rows := await cursor.fetch(PORTION):
                for row in rows:
                    self._in_sequence(service, before, row)
                    before = row
                await self._rows(service, rows)
                done += len(rows)
                self.told(service, done, total)
            self.audit.entries[service] = done

    async def _announced(self, service: str) -> None:
        """Name what the outbox would announce and no ledger has."""
        rows = await self.connections[service].fetch(
            "SELECT stream, sequence FROM outbox o WHERE NOT EXISTS (SELECT FROM entries e "
            "WHERE e.stream = o.stream AND e.sequence = o.sequence)"
        )
        for row in rows:
            ja, en = "送信待ちの記録が台帳にありません。", "The outbox names an entry that the ledger has not."
            self.audit.find(service, "outbox", ja, en, row["stream"], row["sequence"])

    async def _twice(self, service: str) -> None:
        rows = await self.connections[service].fetch(
            "SELECT e.id, e.stream, e.sequence FROM entries e JOIN (SELECT id FROM entries GROUP BY id "
            "HAVING count(*) > 1) twice USING (id) ORDER BY e.id, e.stream, e.sequence"
        )
        for row in rows:
            ja, en = f"同じ番号の記録 {row['id']} が二つあります。", f"The entry {row['id']} is there twice."
            self.audit.find(service, "twice", ja, en, row["stream"], row["sequence"])

    def _in_sequence(self, service: str, before: Mapping[str, Any] | None, row: Mapping[str, Any]) -> None:
        expected = before["sequence"] + 1 if before and before["stream"] == row["stream"] else 1
        if row["sequence"] != expected:
            missing = str(expected) if row["sequence"] == expected + 1 else f"{expected}–{row['sequence'] - 1}"
            self.audit.find(
                service,
                "gap",
                f"この記録の前の {missing} 番がありません。",
                f"Number {missing} before this entry is missing.",
                row["stream"],
                row["sequence"],
            )

    async def _rows(self, service: str, rows: Sequence[Mapping[str, Any]]) -> None:
        read = [self._bytes(service, row) for row in rows]
        ids = {row["id"] for row in rows} | {entry.id for entry in read if entry}
        found = await self.connections["tracking"].fetch(
            'SELECT entry, stream, sequence, tenant, kind, digest, "index" FROM leaves WHERE entry = ANY($1::uuid[])',
            list(ids),
        )
        leaves = {row["entry"]: row for row in found}
        for row, entry in zip(rows, read, strict=True):
            leaf = leaves.get(entry.id if entry else row["id"]) or leaves.get(row["id"])
            computed = digest(row["body"], row["salt"])
            if leaf is None:
                self.unlogged.append(Unlogged(service, row["stream"], row["sequence"], row["id"], computed))
            else:
                self._leaf(service, row, leaf, computed)

    def _bytes(self, service: str, row: Mapping[str, Any]) -> Entry[Event] | None:
        """Read the entry from its bytes and compare the columns beside them."""
        place = (row["stream"], row["sequence"])
        if len(row["salt"]) != SALT_SIZE:
            ja, en = f"塩が{SALT_SIZE}バイトではありません。", f"The salt has not {SALT_SIZE} bytes."
            self.audit.find(service, "salt", ja, en, *place)
        try:
            entry = Entry.read(row["body"], row["salt"])
        except UnknownKind as unknown:
            ja, en = f"この版の知らない種類 {unknown} です。", f"This version does not know the kind {unknown}."
            self.audit.find(service, "unknown-kind", ja, en, *place)
            return None
        except (ValueError, KeyError, TypeError, AttributeError):
            ja, en = "保存されたバイト列が記録として読めません。", "The stored bytes cannot be read as an entry."
            self.audit.find(service, "bytes", ja, en, *place)
            return None
        for column in COLUMNS:
            if row[column] != (said := getattr(entry, column)):
                ja = f"列 {column} は {row[column]}、バイト列では {said} です。"
                en = f"The column {column} says {row[column]}, the bytes say {said}."
                self.audit.find(service, column, ja, en, *place)
        if not entry.kind.startswith(f"{service}."):
            ja, en = f"{entry.kind} は、この台帳の記録ではありません。", f"{entry.kind} does not belong in this ledger."
            self.audit.find(service, "kind", ja, en, *place)
        return entry

    def _leaf(self, service: str, row: Mapping[str, Any], leaf: Mapping[str, Any], computed: bytes) -> None:
        place = (row["stream"], row["sequence"], leaf["index"])
        if leaf["index"] is None:
            self.audit.waiting += 1
        if leaf["digest"] != computed:
            self.audit.find(
                service,
                "bytes",
                "保存されたバイト列か塩が、台帳ログに入れたときと違います。",
                "The stored bytes or the salt are not those that went into the log.",
                *place,
            )
        for column in ("stream", "sequence", "tenant", "kind"):
            if leaf[column] != row[column]:
                ja = f"ログの葉の {column} は {leaf[column]}、台帳の列では {row[column]} です。"
                en = f"The leaf's {column} says {leaf[column]}, the ledger's column {row[column]}."
                self.audit.find(service, "leaf", ja, en, *place)

    # ── the log ──────────────────────────────────────────────────────────────────────────────────────────────────────

    async def log(self) -> None:
        """Check the log's own files in one snapshot: entries, hashes, roots and signatures of all heads."""
        tracking = self.connections["tracking"]
        kept = await keepsake.read(self.stack.kept_head, KEPT)  # before the snapshot: a running log is never behind it
        async with tracking.transaction(isolation="repeatable_read", readonly=True):
            size = await tracking.fetchval("SELECT coalesce(max(size), 0) FROM checkpoints")
            self._kept(kept, size)
            tree = tiles.Tree()
            for first in range(0, size, step := tiles.WIDTH * BUNDLES):
                tree = await self._stretch(tree, first, min(first + step, size), size)
                self.told("log", tree.size, size)
            await self._edge(tree)
            await self._beyond(size)
            self.audit.leaves = size

    async def _stretch(self, tree: tiles.Tree, first: int, end: int, size: int) -> tiles.Tree:
        """Grow the tree by the log's entries from `first` to `end`, stopping at every signed head on the way."""
        leaves = await self._leaves('"index" >= $1 AND "index" < $2', first, end)
        by_index = {row["index"]: row for row in leaves}
        entries = await self._entries(first, end, size, by_index)
        rows = await self.connections["tracking"].fetch(
            "SELECT size, root, note FROM checkpoints WHERE size > $1 AND size <= $2", first, end
        )
        heads = {row["size"]: row for row in rows}
        files: dict[str, bytes] = {}
        for at in sorted({*heads, *(one.head.size for one in self.brought if first < one.head.size <= end)}):
            tree, new = tiles.append(tree, entries[tree.size - first : at - first])
            files |= new if at in heads else {path: one for path, one in new.items() if ".p/" not in path}
            if at in heads:
                self._head(heads[at], tree.root)
            for said in filter(None, (one.differs(tree.size, tree.root) for one in self.brought)):
                self.audit.find("log", "head", *said, index=tree.size - 1)
        tree, new = tiles.append(tree, entries[tree.size - first :])
        files |= new
        await self._tiles({path: content for path, content in files.items() if ".p/" not in path}, by_index)
        await self._outgrown({path: content for path, content in files.items() if ".p/" in path}, size)
        return tree

    def _kept(self, content: bytes | None, size: int) -> None:
        """Take the head that is kept apart along, and name the heads that the log is too short for."""
        try:
            if size or content is not None:
                self.brought.append(kept_apart(content))
        except BadHead as bad:
            self.audit.find("log", "head", *bad.args)
        for one in self.brought:
            if said := one.exceeds(size):
                self.audit.find("log", "head", *said, index=size)

    async def _outgrown(self, partial: Mapping[str, bytes], size: int) -> None:
        """Check the partial files of heads that have grown since: they are there until their tile is full."""
        now = {tiles.bundle_path(size // tiles.WIDTH, size % tiles.WIDTH or tiles.WIDTH)}  # checked entry by entry
        for level in range(8):
            width = (size >> tiles.HEIGHT * level) % tiles.WIDTH
            now.add(tiles.tile_path(level, size >> tiles.HEIGHT * (level + 1), width or tiles.WIDTH))
        growing = {path.partition(".p/")[0] for path in now}
        outgrown = [path for path in partial if path not in now]
        stored = await self._stored(outgrown)
        for path in outgrown:
            kept = path in stored or path.partition(".p/")[0] in growing
            if kept and stored.get(path) != partial[path]:
                ja, en = f"ログのファイル {path} が違います。", f"The log's file {path} is not what it was."
                self.audit.find("log", "tile", ja, en)

    async def _entries(self, first: int, end: int, size: int, leaves: Mapping[int, Mapping[str, Any]]) -> list[bytes]:
        """Return the digests of the log's bundles, compared with tracking's leaves; what is missing is a leaf's."""
        numbers = range(first // tiles.WIDTH, -(-end // tiles.WIDTH))
        paths = {n: tiles.bundle_path(n, min(tiles.WIDTH, size - n * tiles.WIDTH)) for n in numbers}
        stored = await self._stored(list(paths.values()))
        entries: list[bytes] = []
        for n, path in paths.items():
            start, width = n * tiles.WIDTH, min(tiles.WIDTH, size - n * tiles.WIDTH)
            try:
                held: Sequence[bytes | None] = tiles.digests(stored.get(path, b""))
            except ValueError:
                held = []
            if len(held) != width:
                ja, en = (
                    f"ログのファイル {path} がないか、壊れています。",
                    f"The log's file {path} is missing or broken.",
                )
                self.audit.find("log", "tile", ja, en, index=start)
                held = [None] * width
            entries += [self._held(index, one, leaves.get(index)) for index, one in enumerate(held, start)]
        return entries

    def _held(self, index: int, held: bytes | None, leaf: Mapping[str, Any] | None) -> bytes:
        if leaf is None:
            if held is not None:
                self.holes[held] = index
            return held or bytes(HASH_SIZE)
        if held is not None and held != leaf["digest"]:
            self.audit.find(
                _service(leaf["kind"]),
                "log-entry",
                "ログのこの番号の要約が、この記録のものと違います。",
                "The log holds another digest at this place than this entry's.",
                leaf["stream"],
                leaf["sequence"],
                index,
            )
        return held or bytes(leaf["digest"])

    def _head(self, head: Mapping[str, Any], computed: bytes) -> None:
        where = {"index": head["size"] - 1}
        if head["root"] != computed:
            ja = f"大きさ {head['size']} のログの根が、ファイルから計算した根と違います。"
            en = f"The root at size {head['size']} is not the one its files lead to."
            self.audit.find("log", "root", ja, en, **where)
        try:
            keys = published(self.stack.folder / "keys")
            said = open_head(head["note"], keys)
        except (BadNote, OSError) as wrong:
            ja = f"大きさ {head['size']} のチェックポイントの署名が確かめられません。"
            en = f"The checkpoint at size {head['size']} does not verify: {wrong}."
            self.audit.find("log", "checkpoint", ja, en, **where)
            return
        if said != Checkpoint(keys[-1].key.name, head["size"], bytes(head["root"])):
            ja = f"大きさ {head['size']} のチェックポイントの文面が列と違います。"
            en = f"The checkpoint at size {head['size']} says something else than its columns."
            self.audit.find("log", "checkpoint", ja, en, **where)

    async def _tiles(self, expected: Mapping[str, bytes], leaves: Mapping[int, Mapping[str, Any]]) -> None:
        stored = await self._stored(list(expected))
        for path, content in expected.items():
            there = stored.get(path)
            if there == content or path.startswith("tile/entries/"):  # the entries were compared one by one
                continue
            if there is None or len(there) != len(content) or not path.startswith("tile/0/"):
                ja, en = (
                    f"ログのファイル {path} が違います。",
                    f"The log's file {path} is not what its entries lead to.",
                )
                self.audit.find("log", "tile", ja, en)
                continue
            first = int("".join(part.lstrip("x") for part in path.partition(".p/")[0].split("/")[2:])) * tiles.WIDTH
            for nth in range(len(content) // HASH_SIZE):
                if content[(at := nth * HASH_SIZE) : at + HASH_SIZE] != there[at : at + HASH_SIZE]:
                    leaf = leaves.get(first + nth)
                    self.audit.find(
                        _service(leaf["kind"]) if leaf else "log",
                        "tile",
                        f"ログのファイル {path} のハッシュが、この記録のものと違います。",
                        f"The hash in the log's file {path} is not this entry's.",
                        leaf["stream"] if leaf else None,
                        leaf["sequence"] if leaf else None,
                        first + nth,
                    )

    async def _edge(self, tree: tiles.Tree) -> None:
        """Compare the partial tiles that stand at the end of every level."""
        expected = {}
        for level, rows in enumerate(tree.edge):
            if rows:
                n = (tree.size >> tiles.HEIGHT * level) // tiles.WIDTH
                expected[tiles.tile_path(level, n, len(rows) // HASH_SIZE)] = rows
        first = tree.size - tree.size % tiles.WIDTH
        leaves = await self._leaves('"index" >= $1', first)
        await self._tiles(expected, {row["index"]: row for row in leaves})

    async def _beyond(self, size: int) -> None:
        """Name leaves that claim a place the log does not have, and check that those that wait are of a ledger."""
        for row in await self._leaves('"index" >= $1', size):
            ja = f"葉は {row['index']} 番だと言いますが、ログは {size} 番までです。"
            en = f"The leaf claims place {row['index']}, the log ends before {size}."
            self.audit.find(_service(row["kind"]), "leaf", ja, en, row["stream"], row["sequence"], row["index"])
        for row in await self._leaves('"index" IS NULL'):
            if (index := self.holes.pop(bytes(row["digest"]), None)) is not None:
                ja, en = "ログにある葉の番号が消えています。", "The leaf is in the log and has lost its place."
                self.audit.find(_service(row["kind"]), "leaf", ja, en, row["stream"], row["sequence"], index)

    async def _leaves(self, condition: str, *values: int) -> list[Mapping[str, Any]]:
        """Return leaves, having named those whose entry no ledger has."""
        rows: list[Mapping[str, Any]] = await self.connections["tracking"].fetch(
            f'SELECT entry, stream, sequence, kind, digest, "index" FROM leaves WHERE {condition}',  # noqa: S608 - ours
            *values,
        )
        by_service: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
        for row in rows:
            by_service[_service(row["kind"])].append(row)
        for service, some in by_service.items():
            there = await self._recorded(service, some) if service in self.services else set()
            for row in some:
                if (row["stream"], row["sequence"]) not in there:
                    ja = f"ログにある記録 {row['entry']} が、どの台帳にもありません。"
                    en = f"The logged entry {row['entry']} is in no ledger."
                    self._find_once(service, "not-in-ledger", ja, en, row["stream"], row["sequence"], row["index"])
        return rows

    def _find_once(self, *finding: Any) -> None:
        if Finding(*finding) not in self.audit.findings:
            self.audit.find(*finding)

    async def _recorded(self, service: str, rows: Sequence[Mapping[str, Any]]) -> set[tuple[UUID, int]]:
        found = await self.connections[service].fetch(
            "SELECT stream, sequence FROM entries JOIN unnest($1::uuid[], $2::int[]) AS w(stream, sequence) "
            "USING (stream, sequence)",
            [row["stream"] for row in rows],
            [row["sequence"] for row in rows],
        )
        return {(row["stream"], row["sequence"]) for row in found}

    async def _stored(self, paths: Sequence[str]) -> dict[str, bytes]:
        rows = await self.connections["tracking"].fetch(
            "SELECT path, content FROM tiles WHERE path = ANY($1::text[])", list(paths)
        )
        return {row["path"]: bytes(row["content"]) for row in rows}

    # ── entries without a leaf ───────────────────────────────────────────────────────────────────────────────────────

    async def judge_unlogged(self) -> None:
        """Tell entries whose leaf is gone from those that are still on their way."""
        open_ = []
        for one in self.unlogged:
            if (index := self.holes.pop(one.digest, None)) is not None:
                ja, en = "ログの葉の行が消えています。", "The row of its leaf is gone; the log itself holds it."
                self.audit.find(one.service, "leaf", ja, en, one.stream, one.sequence, index)
            elif (one.service, one.stream, one.sequence) in self.unannounced:
                self.audit.waiting += 1
            else:
                open_.append(one)
        for index in self.holes.values():
            ja, en = "ログのこの番号の記録は、どの台帳にもありません。", "What the log holds here is in no ledger."
            self.audit.find("log", "not-in-ledger", ja, en, index=index)
        for one in await self._astray(open_):
            ja, en = "この記録がログにありません。", "This entry is not in the log."
            self.audit.find(one.service, "not-in-log", ja, en, one.stream, one.sequence)

    async def _astray(self, open_: Sequence[Unlogged]) -> list[Unlogged]:
        """Return what is neither on the bus nor logged. The bus is asked first: what leaves it has then been logged."""
        on_the_way = await on_the_bus(self.stack, {one.id: one.digest for one in open_}) if open_ else set()
        rest = [one for one in open_ if one.id not in on_the_way]
        self.audit.waiting += len(open_) - len(rest)
        ids = [one.id for one in rest]
        rows = await self.connections["tracking"].fetch("SELECT entry, digest FROM leaves WHERE entry = ANY($1)", ids)
        logged = {(row["entry"], bytes(row["digest"])) for row in rows}
        return [one for one in rest if (one.id, one.digest) not in logged]


def _service(kind: str) -> str:
    return kind.partition(".")[0]


async def audit_folder(folder: Path, *, as_json: bool = False, checkpoint: Path | None = None) -> int:
    """Audit the stack of a folder and say what came out. Returns 0 when it is clean and 1 when it is not.

    Raises BadHead for a checkpoint that is none of this log.
    """
    bars = Progress(
        TextColumn("{task.description:>14}"), BarColumn(), MofNCompleteColumn(), console=Console(stderr=True)
    )
    tasks: dict[str, TaskID] = {}

    def told(stage: str, done: int, of: int) -> None:
        if stage not in tasks:
            tasks[stage] = bars.add_task(stage, total=of)
        bars.update(tasks[stage], completed=done)

    async with standing(folder) as stack:
        brought = [brought_by(checkpoint, published(stack.folder / "keys"))] if checkpoint else []
        with bars:
            result = await examine(stack, told=told, brought=brought)
    return say(result, as_json=as_json)


def say(result: Audit, *, as_json: bool) -> int:
    """Say what came out, to people or machines. Returns 0 when it is clean and 1 when it is not."""
    if as_json:
        said = {
            "clean": not result.findings,
            "entries": result.entries,
            "leaves": result.leaves,
            "waiting": result.waiting,
            "findings": [finding.plain() for finding in result.findings],
        }
        print(json.dumps(said, ensure_ascii=False, indent=1))  # noqa: T201 - what the command is for
    else:
        _to_people(result)
    return 1 if result.findings else 0


def _to_people(result: Audit) -> None:
    console = Console(highlight=False, soft_wrap=True)
    for finding in result.findings:
        console.print(f"× {finding}", markup=False)
    entries = sum(result.entries.values())
    if result.findings:
        console.print(f"{len(result.findings)}件の違いがあります。 {len(result.findings)} finding(s).")
    else:
        console.print(f"○ 記録 {entries}件とログ {result.leaves}件は一致しています。 Ledgers and log agree.")
    if result.waiting:
        console.print(f"ログへ向かう途中の記録が{result.waiting}件あります。 {result.waiting} on the way to the log.")
