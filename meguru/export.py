"""What is left for people without our servers: the log as static files, all entries as lines, the certificates.

`log/` can be put on any web server as it is (C2SP tlog-tiles); with `log/key.txt` a stranger verifies everything: the
log holds SHA-256(line ‖ salt) of each line of `events.jsonl`, and `events.salts` gives the salts by the entries' ids
(`meguru audit --export`, meguru/exported.py).
"""

import asyncio
import hashlib
import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from meguru.standing import standing
from services.certificates.keys import LOG, PUBLIC
from shared.settings import SERVICES
from shared.stack.stack import Stack

PORTION = 500
EVENTS, SALTS, CERTIFICATES = "events.jsonl", "events.salts", "certificates"
_ISSUED = b'"kind":"certificates.issued.v1"'


class Incomplete(Exception):
    """Something that a ledger names is not there. Its text says what and what to do."""


@dataclass(frozen=True, slots=True)
class Exported:
    """How much was left."""

    entries: int
    certificates: int
    size: int  # of the log


async def export(stack: Stack, folder: Path) -> Exported:
    """Write `log/`, `events.jsonl`, `events.salts` and `certificates/` into the folder. Raises Incomplete."""
    tracking = await stack.connect("tracking")
    try:
        async with tracking.transaction(isolation="repeatable_read", readonly=True):
            size = await _log(tracking, stack.folder / "keys", folder / "log")
            entries = await _events(stack, tracking, size, folder)
    finally:
        await tracking.close()
    return Exported(entries, await asyncio.to_thread(_certificates, stack.folder, folder), size)


async def export_folder(folder: Path, into: Path) -> int:
    """Write what the stack of a data folder holds into a new folder, and say how much. Raises Incomplete."""
    await asyncio.to_thread(_new, into)
    async with standing(folder) as stack:
        done = await export(stack, into)
    print(  # noqa: T201 - what the command says
        f"記録 {done.entries}件、証明書 {done.certificates}通を書き出しました。"
        f"「meguru audit --export {into}」で調べられます。"
        f" {done.entries} entries and {done.certificates} certificates were written; "
        f"`meguru audit --export {into}` examines them."
    )
    return 0


async def _log(tracking: Any, keys: Path, folder: Path) -> int:
    """Write the tiles and the newest signed head; return its size."""
    head = await tracking.fetchrow("SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1")
    async for row in tracking.cursor("SELECT path, content FROM tiles"):
        await asyncio.to_thread(_write, folder / row["path"], row["content"])
    await asyncio.to_thread(_write, folder / "checkpoint", head["note"].encode() if head else b"")
    public = [file.read_bytes() for file in (keys / LOG, keys / PUBLIC) if file.exists()]
    await asyncio.to_thread(_write, folder / "key.txt", b"".join(public))
    return int(head["size"]) if head else 0


async def _events(stack: Stack, tracking: Any, size: int, folder: Path) -> int:
    """Write every logged entry's stored bytes, one a line, in the order of the log, and their salts beside them."""
    ledgers: dict[str, Any] = {service: await stack.connect(service) for service in SERVICES}
    count = 0
    try:
        with (folder / EVENTS).open("wb") as file, (folder / SALTS).open("wb") as salts:
            for first in range(0, size, PORTION):
                leaves = await tracking.fetch(
                    'SELECT entry, stream, sequence, kind FROM leaves WHERE "index" >= $1 AND "index" < $2 '
                    'ORDER BY "index"',
                    first,
                    min(first + PORTION, size),
                )
                count += await _lines(ledgers, leaves, file, salts)
    finally:
        for connection in ledgers.values():
            await connection.close()
    return count


async def _lines(
    ledgers: Mapping[str, Any], leaves: Sequence[Mapping[str, Any]], file: BinaryIO, salts: BinaryIO
) -> int:
    by_service: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for leaf in leaves:
        by_service[leaf["kind"].partition(".")[0]].append(leaf)
    stored: dict[tuple[UUID, int], tuple[bytes, bytes]] = {}
    for service, some in by_service.items():
        rows = await ledgers[service].fetch(
            "SELECT stream, sequence, body, salt FROM entries "
            "JOIN unnest($1::uuid[], $2::int[]) AS w(stream, sequence) USING (stream, sequence)",
            [leaf["stream"] for leaf in some],
            [leaf["sequence"] for leaf in some],
        )
        stored |= {(row["stream"], row["sequence"]): (bytes(row["body"]), bytes(row["salt"])) for row in rows}
    for leaf in leaves:
        try:
            body, salt = stored[leaf["stream"], leaf["sequence"]]
        except KeyError as absent:
            raise Incomplete(
                f"ログにある記録 {leaf['entry']} が台帳にありません。「meguru audit」で確かめてください。"
                f" The logged entry {leaf['entry']} is in no ledger: run `meguru audit`."
            ) from absent
        file.write(body + b"\n")
        salts.write(f"{leaf['entry']} {salt.hex()}\n".encode())
    return len(leaves)


def issued(folder: Path) -> Iterator[Mapping[str, Any]]:
    """Yield what the lines of an export say of each certificate that was issued."""
    with (folder / EVENTS).open("rb") as lines:
        yield from (json.loads(line) for line in lines if _ISSUED in line)


def files_of(said: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield name and SHA-256 of both files of an issued certificate."""
    for kind in ("pdf", "json"):
        yield f"{CERTIFICATES}/{said['data']['number']}.{kind}", said["data"][f"{kind}_sha256"]


def _certificates(data: Path, folder: Path) -> int:
    """Write both files of every certificate that the exported log knows, named by its number."""
    count = 0
    for said in issued(folder):
        for name, sha256 in files_of(said):
            _write(folder / name, _blob(data, said["tenant"], sha256))
        count += 1
    return count


def _new(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise Incomplete(
            f"{folder} には、もうファイルがあります。新しいフォルダーを指定してください。"
            f" There is something in {folder} already: name a new folder."
        )
    folder.mkdir(parents=True, exist_ok=True)


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _blob(folder: Path, tenant: str, sha256: str) -> bytes:
    """Read a blob of the one-machine stack and check that it is what its name says."""
    path = folder / "blobs" / tenant / sha256[:2] / sha256
    content = path.read_bytes() if path.exists() else b""
    if hashlib.sha256(content).hexdigest() != sha256:
        raise Incomplete(
            f"{path} がないか、書き換えられています。バックアップから戻してください。"
            f" {path} is missing or altered: restore it from a backup."
        )
    return content
