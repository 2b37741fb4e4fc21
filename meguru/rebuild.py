"""Rebuilding: the views of a service are emptied and filled again from the ledgers, in one transaction.

A service's own entries go to its `views.apply`, everybody's to its consumers' functions, as the bus would bring them. A
function whose command writes to a derived stream finds its event there and appends nothing; were anything appended, the
services had not caught up, and the transaction is rolled back. Readers see the old rows until the commit.

Left alone, because no ledger holds them: labels, sessions, tiles and heads of the log, people's cards, letters and what
people take of deadlines, applicants and desks, what was said beside a waiting report, proofs and the issuer's queue,
the outbox, what is parked.
"""

import os
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import UUID

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table
from sqlalchemy import Table as View
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from meguru.founding import prepare_databases
from meguru.standing import Running, standing
from services.tracking.log import tiles
from shared.database import Transaction, engine, service_transaction
from shared.entry import Entry, Event, UnknownKind
from shared.messaging import Consumers, Later
from shared.settings import SERVICES, Service, settings
from shared.stack.stack import Stack

PORTION = 500
EXAMPLE_SHOWN = 120  # characters of a differing row in the table
DIRECTORY = ("parties", "engagements", "ended_engagements", "items")
FOUNDED = {("tracking", "parties"): "party = 'platform'"}  # rows of the founding, in no ledger: they stay
EXCLUDED = {  # columns that no ledger can say, with the reason
    ("tracking", "leaves", "traceparent"): "a trace travels beside the entry and is not part of it",
}


class NotCaughtUp(Exception):
    """A service has not heard everything yet, or the log cannot be joined to the ledgers. Its text says what to do."""


@dataclass(frozen=True, slots=True)
class Compared:
    """One view beside its rebuilt self."""

    service: str
    table: str
    rows: int  # as it stands
    lacking: int  # rows that stand and were not rebuilt
    excess: int  # rows that were rebuilt and do not stand
    example: str = ""  # one of them

    @property
    def is_equal(self) -> bool:
        """Tell whether every row came out the same."""
        return not self.lacking and not self.excess


async def rebuild(stack: Stack, services: Sequence[Service] = SERVICES) -> dict[str, dict[str, int]]:
    """Rebuild the views of the services; return how many rows each now has. Raises NotCaughtUp, changing nothing."""
    counted: dict[str, dict[str, int]] = {}
    for service in services:
        async with _transaction(stack, service) as tx:
            await _refill(stack, tx, service, frozenset())
            counted[service] = {table.name: await _count(tx.connection, table.name) for table in views_of(service)}
    return counted


async def compare(
    stack: Stack, services: Sequence[Service] = SERVICES, *, withheld: AbstractSet[UUID] = frozenset()
) -> list[Compared]:
    """Rebuild beside the views that stand, compare row by row, and change nothing.

    What is still on its way while the stack works shows as a difference: compare when it is quiet. `withheld` are
    entries that the rebuild does not get to see: the comparison must then fail. Raises NotCaughtUp.
    """
    compared = []
    for service in services:
        async with _transaction(stack, service) as tx:
            tables = views_of(service)
            await _lock(tx.connection, tables)
            for table in tables:
                kept = f"CREATE TEMP TABLE standing_{table.name} ON COMMIT DROP AS TABLE {table.name}"
                await tx.connection.execute(text(kept))
            await _refill(stack, tx, service, withheld)
            compared += [await _compared(tx.connection, service, table) for table in tables]
            await tx.connection.rollback()
    return compared


def views_of(service: str) -> tuple[View, ...]:
    """Return what a rebuild of the service fills: its views and the directory it keeps."""
    module = import_module(f"services.{service}.views")
    known = import_module(f"services.{service}.tables").metadata.tables
    return tuple(dict.fromkeys((*module.REBUILT, *(known[name] for name in DIRECTORY))))


def left_alone(service: str) -> list[str]:
    """Name the tables of a service that no ledger could fill."""
    rebuilt = {table.name for table in views_of(service)}
    known = import_module(f"services.{service}.tables").metadata.tables
    return sorted(name for name in known if name not in rebuilt)


@asynccontextmanager
async def _transaction(stack: Stack, service: Service) -> AsyncIterator[Transaction]:
    """Open the owner's transaction, which crosses tenants; the process is that service meanwhile."""
    with acting_as(stack, service):
        owner = engine(settings(), "owner", pool_size=1)
        try:
            async with service_transaction(owner, service) as tx:
                yield tx
        finally:
            await owner.dispose()


@contextmanager
def acting_as(stack: Stack, service: Service) -> Iterator[None]:
    """Give this process the environment of a service, for what handlers read from it."""
    before = dict(os.environ)
    os.environ.update(stack.environment(service))
    settings.cache_clear()
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
        settings.cache_clear()


async def _refill(stack: Stack, tx: Transaction, service: Service, withheld: AbstractSet[UUID]) -> None:
    tables = views_of(service)
    await _lock(tx.connection, tables)
    recorded = await _count(tx.connection, "entries")
    for table in tables:
        stays = FOUNDED.get((service, table.name), "false")
        await tx.connection.execute(text(f"DELETE FROM {table.name} WHERE NOT ({stays})"))  # noqa: S608 - our own names
    parked = {row.id for row in await tx.connection.execute(text("SELECT id FROM parked"))}
    await _hear(stack, tx, service, withheld | parked)
    if service == "tracking" and await _place(tx.connection) and not withheld:
        raise NotCaughtUp(
            "台帳の記録とログが合いません。「meguru audit」で場所を確かめてください。何も変えていません。"
            " Ledgers and log do not fit: run `meguru audit`. Nothing was changed."
        )
    if not withheld and (grown := await _count(tx.connection, "entries") - recorded):
        raise NotCaughtUp(
            f"{service} がまだ受け取っていない知らせがあります（{grown}件）。動かして追い付いてから、"
            f"もう一度実行してください。何も変えていません。"
            f" {service} has not heard everything yet ({grown}): let it run, then rebuild again. Nothing was changed."
        )


async def _hear(stack: Stack, tx: Transaction, service: Service, unheard: AbstractSet[UUID]) -> None:
    """Hand every ledger to the service: first what fills views alone, then what may want to decide something."""
    consumers: Consumers = import_module(f"services.{service}.consumers").consumers
    apply = import_module(f"services.{service}.views").apply
    async for entries in _portions(stack, (service,), unheard):
        await apply(tx, entries)
    for handler in consumers.everything:
        async for entries in _portions(stack, SERVICES, unheard):
            await handler(tx, entries)
    deciding = Consumers(service, handlers=consumers.handlers)
    early: list[Entry[Event]] = []
    async for entries in _portions(stack, SERVICES, unheard, tuple(consumers.handlers)):
        early += await _handed(deciding, tx, entries)
    while early:
        tried, early = early, []
        for entry in tried:
            early += await _handed(deciding, tx, [entry])
        if len(early) == len(tried):
            raise NotCaughtUp(
                f"{len(early)}件の記録には、それより前の記録が見つかりません。「meguru audit」で確かめてください。"
                f" {len(early)} entries lack what must come before them: run `meguru audit`. Nothing was changed."
            )


async def _handed(consumers: Consumers, tx: Transaction, entries: list[Entry[Event]]) -> list[Entry[Event]]:
    """Hand entries over; return them when something must come before them."""
    try:
        await consumers.handle(tx, entries)
    except Later:
        return entries
    return []


async def _portions(
    stack: Stack, services: Sequence[str], unheard: AbstractSet[UUID], kinds: tuple[str, ...] = ()
) -> AsyncIterator[list[Entry[Event]]]:
    """Yield the entries of ledgers, a portion at a time, of certain kinds or of all."""
    for service in services:
        connection = await stack.connect(service)
        try:
            async with connection.transaction(isolation="repeatable_read", readonly=True):
                cursor = await connection.cursor(
                    "SELECT body, salt FROM entries WHERE kind = ANY($1::text[]) OR cardinality($1) = 0 "
                    "ORDER BY stream, sequence",
                    list(kinds),
                )
                while rows := await cursor.fetch(PORTION):
                    read = [_read(row) for row in rows]
                    yield [entry for entry in read if entry.id not in unheard]
        finally:
            await connection.close()


def _read(row: Mapping[str, Any]) -> Entry[Event]:
    try:
        return Entry.read(row["body"], row["salt"])
    except UnknownKind as newer:
        raise NotCaughtUp(
            f"このプログラムより新しい記録（{newer}）があります。新しい版で作り直してください。何も変えていません。"
            f" The ledger holds {newer}, newer than this program: rebuild with the newer version. Nothing was changed."
        ) from newer


async def _lock(connection: AsyncConnection, tables: Sequence[View]) -> None:
    """Let writers wait and readers read, in one order whoever asks."""
    names = ", ".join(sorted(table.name for table in tables))
    await connection.execute(text(f"LOCK TABLE {names} IN EXCLUSIVE MODE"))


async def _count(connection: AsyncConnection, table: str) -> int:
    return int(await connection.scalar(text(f"SELECT count(*) FROM {table}")) or 0)  # noqa: S608 - our own names


async def _place(connection: AsyncConnection) -> int:
    """Give leaves the places they have in the log; return how many places found no leaf.

    The log's own files say which digest stands where; what was never in the log keeps waiting for the sequencer.
    """
    size = int(await connection.scalar(text("SELECT coalesce(max(size), 0) FROM checkpoints")) or 0)
    await connection.execute(text("CREATE TEMP TABLE placed (digest bytea, place bigint) ON COMMIT DROP"))
    for n in range(-(-size // tiles.WIDTH)):
        path = tiles.bundle_path(n, min(tiles.WIDTH, size - n * tiles.WIDTH))
        content = await connection.scalar(text("SELECT content FROM tiles WHERE path = :path"), {"path": path})
        if held := tiles.digests(content or b""):
            rows = [{"digest": one, "place": place} for place, one in enumerate(held, n * tiles.WIDTH)]
            await connection.execute(text("INSERT INTO placed VALUES (:digest, :place)"), rows)
    given = await connection.execute(
        text('UPDATE leaves SET "index" = p.place FROM placed p WHERE leaves.digest = p.digest')
    )
    return size - given.rowcount


async def _compared(connection: AsyncConnection, service: str, table: View) -> Compared:
    columns = ", ".join(
        f'"{column.name}"' for column in table.columns if (service, table.name, column.name) not in EXCLUDED
    )
    before, after = f"SELECT {columns} FROM standing_{table.name}", f"SELECT {columns} FROM {table.name}"  # noqa: S608 - our own names
    lacking = list(await connection.execute(text(f"{before} EXCEPT ALL {after}")))
    excess = list(await connection.execute(text(f"{after} EXCEPT ALL {before}")))
    example = next((str(tuple(row))[:500] for row in (*lacking, *excess)), "")
    rows = await _count(connection, f"standing_{table.name}")
    return Compared(service, table.name, rows, len(lacking), len(excess), example)


async def rebuild_folder(folder: Path, service: str | None, *, only_compare: bool = False) -> int:
    """Rebuild or compare the views of the stack in a folder and say what came out. Returns 1 when views differ.

    Raises BadParameter for a service that does not exist, NotCaughtUp, NoStack.
    """
    chosen = SERVICES if service is None else tuple(name for name in SERVICES if name == service)
    if not chosen:
        raise typer.BadParameter(f"サービスは {', '.join(SERVICES)} のどれかです。 {service} is no service.")
    table = Table("サービス service", "表 view", "行 rows", "違い different")
    code = 0
    async with standing(folder) as stack:
        if not isinstance(stack, Running):
            await prepare_databases(stack)
        if only_compare:
            for one in await compare(stack, chosen):
                code = code if one.is_equal else 1
                different = "" if one.is_equal else f"×  -{one.lacking} +{one.excess}  {one.example[:EXAMPLE_SHOWN]}"
                table.add_row(one.service, one.table, str(one.rows), escape(different))
        else:
            for name, counted in (await rebuild(stack, chosen)).items():
                for view, rows in counted.items():
                    table.add_row(name, view, str(rows), "")
    console = Console(highlight=False, soft_wrap=True)
    console.print(table)
    for name in chosen:
        kept = ", ".join(left_alone(name))
        console.print(f"{name}: 台帳から作れない表はそのままです。 Left alone: {kept}")
    return code
