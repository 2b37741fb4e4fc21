"""Republishing: what the ledgers hold is put on the road again, for one service, and parked messages with it.

Entries go to `replay.<service>.<tenant>.<kind>` in their stored bytes and WITHOUT a deduplicating id: inside its window
JetStream would swallow a message that carries a known one. Every consumer takes what it knows without effect.
Cards of the directory and places in the log are no entries; they are published again from tracking's tables.
"""

import json
from base64 import b64encode
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import nats
import typer
from nats.aio.client import Client
from rich.console import Console

from meguru.standing import standing
from services.tracking.log import merkle, tiles
from services.tracking.notices import AWAITED, NOTICE_LEAVES_MAX
from shared import jetstream
from shared.outbox import WINDOW_BYTES_MAX, WINDOW_ROWS_MAX, Parcel, parcel_of, publish
from shared.settings import SERVICES
from shared.stack.stack import Stack

EVER = datetime(1970, 1, 1, tzinfo=UTC)
LOGGED = "tracking.logged.v1"

Told = Callable[[str, int], None]  # whose ledger, how many so far


@dataclass(frozen=True, slots=True)
class Parked:
    """A message that a service could not take."""

    service: str
    id: UUID
    kind: str
    tenant: str
    reason: str
    parked_at: datetime


async def republish(
    stack: Stack, service: str, *, since: datetime = EVER, told: Told = lambda *_: None
) -> dict[str, int]:
    """Publish again what was recorded since a moment and the service listens to; return how many of each ledger.

    Raises ConnectionError or TimeoutError when the bus does not take a window; running it again is safe.
    """
    if service not in SERVICES:
        raise ValueError(f"no service {service}")
    sent: dict[str, int] = {}
    async with _bus(stack) as client:
        for owner in SERVICES:
            sent[owner] = 0
            async for window in _windows(_entries(stack, owner, service, since)):
                await publish(client, window)
                sent[owner] += len(window)
                told(owner, sent[owner])
        if service != "tracking":
            sent["people"] = await _publish_people(stack, client, service)
        if service == "certificates":
            sent["logged"] = await _publish_logged(stack, client, since)
    return sent


async def parked(stack: Stack) -> list[Parked]:
    """Return every parked message of every service, oldest first."""
    found = []
    for service in SERVICES:
        async with _database(stack, service) as connection:
            rows = await connection.fetch("SELECT id, kind, tenant, reason, parked_at FROM parked ORDER BY parked_at")
            found += [Parked(service, *row.values()) for row in rows]
    return found


async def replay_parked(stack: Stack, chosen: Sequence[Parked]) -> int:
    """Publish parked messages again to the service that parked them, and forget them. Returns how many.

    Bytes that are no entry stay where they are, for a person to look at: no service could ever take them.
    The row goes in the transaction that ends after the acknowledgement: a message that is parked a second time meets
    it and waits, and is then parked anew.
    """
    sent = 0
    async with _bus(stack) as client:
        for one in chosen:
            async with _database(stack, one.service) as connection, connection.transaction():
                row = await connection.fetchrow("SELECT body, salt FROM parked WHERE id = $1 FOR UPDATE", one.id)
                if row is None or not _is_readable(one, row["body"]):
                    continue
                await connection.execute("DELETE FROM parked WHERE id = $1", one.id)
                sent += 1
                if one.kind == "people":  # its subject is not kept: the directory says it all again
                    await _publish_people(stack, client, one.service)
                elif one.kind.startswith("notice."):
                    subject = f"notice.{one.tenant}.{one.kind.removeprefix('notice.')}"
                    await publish(client, [Parcel(0, "notices", subject, row["body"], {})])
                else:
                    await publish(client, [_replayed(row["body"], row["salt"], one.service)])
    return sent


def _is_readable(one: Parked, body: bytes) -> bool:
    if one.kind == "people" or one.kind.startswith("notice."):
        return True
    try:
        return parcel_of(0, body, b"", None).subject.endswith(one.kind)
    except (ValueError, KeyError, TypeError, AttributeError):
        return False


def _replayed(body: bytes, salt: bytes, service: str) -> Parcel:
    parcel = parcel_of(0, body, salt, None)
    headers = {name: value for name, value in parcel.headers.items() if name != "Nats-Msg-Id"}
    return Parcel(0, "outbox", f"replay.{service}.{parcel.subject.partition('.')[2]}", body, headers)


async def _entries(stack: Stack, owner: str, service: str, since: datetime) -> AsyncIterator[Parcel]:
    """Yield a ledger's entries that the service listens to."""
    subjects = [subject for durable in jetstream.of(service) for subject in durable.subjects]
    kinds = [subject.split(".", 2)[2] for subject in subjects if subject.startswith("custody.*.")]
    async with _database(stack, owner) as connection, connection.transaction(readonly=True):
        cursor = await connection.cursor(
            "SELECT body, salt FROM entries WHERE recorded_at >= $1 AND ($2 OR kind = ANY($3::text[])) "
            "ORDER BY stream, sequence",
            since,
            "custody.>" in subjects,
            kinds,
        )
        while rows := await cursor.fetch(WINDOW_ROWS_MAX):
            for row in rows:
                yield _replayed(row["body"], row["salt"], service)


async def _windows(parcels: AsyncIterator[Parcel]) -> AsyncIterator[list[Parcel]]:
    """Cut parcels into windows that the bus takes at once."""
    window: list[Parcel] = []
    size = 0
    async for parcel in parcels:
        if window and (len(window) == WINDOW_ROWS_MAX or size + len(parcel.body) > WINDOW_BYTES_MAX):
            yield window
            window, size = [], 0
        window.append(parcel)
        size += len(parcel.body)
    if window:
        yield window


async def _publish_people(stack: Stack, client: Client, service: str) -> int:
    """Publish every card of the directory, and a tombstone for whom only the service still knows."""
    async with _database(stack, "tracking") as connection:
        cards = await connection.fetch(
            "SELECT person, party, name, title, contact, email, roles FROM people ORDER BY person"
        )
    async with _database(stack, service) as connection:
        known = await connection.fetch("SELECT person, party FROM people ORDER BY person")
    there = {row["person"] for row in cards}
    parcels = [_card(row) for row in cards]
    parcels += [
        Parcel(0, "notices", f"people.{row['party']}.{row['person']}", b"", {})
        for row in known
        if row["person"] not in there
    ]
    for at in range(0, len(parcels), WINDOW_ROWS_MAX):
        await publish(client, parcels[at : at + WINDOW_ROWS_MAX])
    return len(parcels)


def _card(row: Mapping[str, Any]) -> Parcel:
    card = {key: row[key] for key in ("name", "title", "contact", "email")} | {"roles": json.loads(row["roles"])}
    body = json.dumps(card, ensure_ascii=False).encode()
    return Parcel(0, "notices", f"people.{row['party']}.{row['person']}", body, {})


async def _publish_logged(stack: Stack, client: Client, since: datetime) -> int:
    """Publish where awaited entries stand in the log, proved by its present head."""
    count = 0
    async with (
        _database(stack, "tracking") as connection,
        connection.transaction(isolation="repeatable_read", readonly=True),
    ):
        head = await connection.fetchrow("SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1")
        if head is None:
            return 0
        cursor = await connection.cursor(
            'SELECT l.entry, l.tenant, l."index" FROM leaves l JOIN timeline t USING (stream, sequence) '
            'WHERE l.kind = ANY($1::text[]) AND l."index" < $2 AND t.recorded_at >= $3 ORDER BY l."index"',
            list(AWAITED),
            head["size"],
            since,
        )
        while rows := await cursor.fetch(WINDOW_ROWS_MAX):
            paths = tiles.needed([row["index"] for row in rows], head["size"])
            stored = await connection.fetch("SELECT path, content FROM tiles WHERE path = ANY($1::text[])", paths)
            read = {row["path"]: bytes(row["content"]) for row in stored}.__getitem__
            await publish(client, list(_logged(rows, tiles.subtree(read, head["size"]), head)))
            count += len(rows)
    return count


def _logged(rows: Sequence[Mapping[str, Any]], subtree: merkle.Subtree, head: Mapping[str, Any]) -> Iterator[Parcel]:
    """Make the notices of one portion: for each tenant, at most 100 leaves a message."""
    by_tenant: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for row in rows:
        path = [b64encode(step).decode() for step in merkle.inclusion(subtree, row["index"], head["size"])]
        by_tenant[row["tenant"]].append({"entry": str(row["entry"]), "index": row["index"], "path": path})
    for tenant, leaves in by_tenant.items():
        for at in range(0, len(leaves), NOTICE_LEAVES_MAX):
            said = {"checkpoint": head["note"], "leaves": leaves[at : at + NOTICE_LEAVES_MAX]}
            body = json.dumps(said, separators=(",", ":"), ensure_ascii=False).encode()
            yield Parcel(0, "notices", f"notice.{tenant}.{LOGGED}", body, {})


@asynccontextmanager
async def _bus(stack: Stack) -> AsyncIterator[Client]:
    client = await nats.connect(**stack.nats_options(), max_reconnect_attempts=1)
    try:
        await jetstream.declare(client)
        yield client
    finally:
        await client.close()


@asynccontextmanager
async def _database(stack: Stack, service: str) -> AsyncIterator[Any]:
    connection = await stack.connect(service)
    try:
        yield connection
    finally:
        await connection.close()


async def republish_folder(folder: Path, service: str, since: str) -> int:
    """Publish again from the stack of a folder, and say how many. Raises BadParameter."""
    if service not in SERVICES:
        raise typer.BadParameter(f"サービスは {', '.join(SERVICES)} のどれかです。 {service} is no service.")
    moment = _moment(since) if since else EVER
    async with standing(folder) as stack:
        with Console(stderr=True).status(service) as status:
            sent = await republish(stack, service, since=moment, told=lambda of, n: status.update(f"{of} {n}"))
    counted = "、".join(f"{name} {count}" for name, count in sent.items() if count) or "0"
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"{service} へ送りました。 Published to {service}: {counted}")
    return 0


async def parked_in_folder(folder: Path, chosen: Sequence[str], *, replay_all: bool, as_json: bool) -> int:
    """List what is parked in the stack of a folder, or send some or all of it again. Raises BadParameter."""
    async with standing(folder) as stack:
        there = await parked(stack)
        if unknown := [one for one in chosen if one not in {str(each.id) for each in there}]:
            raise typer.BadParameter(f"置かれた知らせに {unknown[0]} はありません。 {unknown[0]} is not parked.")
        wanted = [one for one in there if replay_all or str(one.id) in chosen]
        sent = await replay_parked(stack, wanted)
    console = Console(highlight=False, soft_wrap=True)
    if as_json:
        rows = [asdict(one) | {"id": str(one.id), "parked_at": one.parked_at.isoformat()} for one in there]
        print(json.dumps(rows, ensure_ascii=False, indent=1))  # noqa: T201 - what the command is for
    elif wanted:
        console.print(f"{sent}件をもう一度送りました。 Sent {sent} again.")
        if sent < len(wanted):
            console.print(
                f"{len(wanted) - sent}件は記録の形をしていないため、置いたままです。--json で中身を確かめてください。 "
                f"{len(wanted) - sent} are no entries and stay parked: look at them with --json."
            )
    elif there:
        for one in there:
            line = f"{one.service} {one.id} {one.kind} {one.tenant} {one.parked_at:%Y-%m-%d %H:%M} {one.reason}"
            console.print(line, markup=False)
        console.print(
            "原因を直してから --replay 番号 か --all で送り直せます。 Mend the cause, then --replay ID or --all."
        )
    else:
        console.print("置かれた知らせはありません。 Nothing is parked.")
    return 0


def _moment(text: str) -> datetime:
    """Read a date (from its midnight in Japan) or a moment. Raises BadParameter with a sentence."""
    try:
        given = datetime.fromisoformat(text)
    except ValueError as wrong:
        raise typer.BadParameter(
            f"「{text}」は日付ではありません。2026-11-24 のように書いてください。 Write a date like 2026-11-24."
        ) from wrong
    return given if given.tzinfo else given.replace(tzinfo=ZoneInfo("Asia/Tokyo"))
