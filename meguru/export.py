"""What is left for people without our servers: the log as static files, all entries as lines, the certificates.

`log/` can be put on any web server as it is (C2SP tlog-tiles); with `log/key.txt` a stranger verifies everything.
"""

import asyncio
import hashlib
import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from uuid import UUID

from services.certificates.keys import LOG, PUBLIC
from shared.settings import SERVICES
from shared.stack.stack import Stack

PORTION = 500


class Incomplete(Exception):
    """Something that a ledger names is not there. Its text says what and what to do."""


@dataclass(frozen=True, slots=True)
class Exported:
    """How much was left."""

    entries: int
    certificates: int
    size: int  # of the log


async def export(stack: Stack, folder: Path) -> Exported:
    """Write `log/`, `events.jsonl` and `certificates/` into the folder. Raises Incomplete."""
    tracking = await stack.connect("tracking")
    try:
        async with tracking.transaction(isolation="repeatable_read", readonly=True):
            size = await _log(tracking, stack.folder / "keys", folder / "log")
            entries = await _events(stack, tracking, size, folder / "events.jsonl")
    finally:
        await tracking.close()
    return Exported(entries, await _certificates(stack, folder / "certificates"), size)


async def _log(tracking: Any, keys: Path, folder: Path) -> int:
    """Write the tiles and the newest signed head; return its size."""
    head = await tracking.fetchrow("SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1")
    async for row in tracking.cursor("SELECT path, content FROM tiles"):
        await asyncio.to_thread(_write, folder / row["path"], row["content"])
    await asyncio.to_thread(_write, folder / "checkpoint", head["note"].encode() if head else b"")
    public = [file.read_bytes() for file in (keys / LOG, keys / PUBLIC) if file.exists()]
    await asyncio.to_thread(_write, folder / "key.txt", b"".join(public))
    return int(head["size"]) if head else 0


async def _events(stack: Stack, tracking: Any, size: int, path: Path) -> int:
    """Write every logged entry's stored bytes, one a line, in the order of the log."""
    ledgers: dict[str, Any] = {service: await stack.connect(service) for service in SERVICES}
    count = 0
    try:
        with path.open("wb") as file:
            for first in range(0, size, PORTION):
                leaves = await tracking.fetch(
                    'SELECT entry, stream, sequence, kind FROM leaves WHERE "index" >= $1 AND "index" < $2 '
                    'ORDER BY "index"',
                    first,
                    min(first + PORTION, size),
                )
                count += await _lines(ledgers, leaves, file)
    finally:
        for connection in ledgers.values():
            await connection.close()
    return count


async def _lines(ledgers: Mapping[str, Any], leaves: Sequence[Mapping[str, Any]], file: BinaryIO) -> int:
    by_service: defaultdict[str, list[Mapping[str, Any]]] = defaultdict(list)
    for leaf in leaves:
        by_service[leaf["kind"].partition(".")[0]].append(leaf)
    bodies: dict[tuple[UUID, int], bytes] = {}
    for service, some in by_service.items():
        rows = await ledgers[service].fetch(
            "SELECT stream, sequence, body FROM entries JOIN unnest($1::uuid[], $2::int[]) AS w(stream, sequence) "
            "USING (stream, sequence)",
            [leaf["stream"] for leaf in some],
            [leaf["sequence"] for leaf in some],
        )
        bodies |= {(row["stream"], row["sequence"]): bytes(row["body"]) for row in rows}
    for leaf in leaves:
        try:
            body = bodies[leaf["stream"], leaf["sequence"]]
        except KeyError as absent:
            raise Incomplete(
                f"ログにある記録 {leaf['entry']} が台帳にありません。「meguru audit」で確かめてください。"
                f" The logged entry {leaf['entry']} is in no ledger: run `meguru audit`."
            ) from absent
        file.write(body + b"\n")
    return len(leaves)


async def _certificates(stack: Stack, folder: Path) -> int:
    """Write both files of every issued certificate, named by its number."""
    connection = await stack.connect("certificates")
    count = 0
    try:
        async with connection.transaction(readonly=True):
            async for row in connection.cursor(
                "SELECT tenant, body FROM entries WHERE kind = 'certificates.issued.v1' ORDER BY stream, sequence"
            ):
                said = json.loads(row["body"])["data"]
                for kind in ("pdf", "json"):
                    content = await asyncio.to_thread(_blob, stack.folder, row["tenant"], said[f"{kind}_sha256"])
                    await asyncio.to_thread(_write, folder / f"{said['number']}.{kind}", content)
                count += 1
    finally:
        await connection.close()
    return count


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
