"""The five services with a short story in their ledgers, carried by hand: audit and rebuild are tried on it."""

import asyncio
import hashlib
import io
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from importlib import import_module
from typing import Any
from uuid import UUID

from PIL import Image

from meguru.audit import Finding, examine
from services.donations import commands as donations
from services.erasure.commands import media, witnesses
from services.tracking import loops
from services.tracking.commands import items, rolls, scans
from services.tracking.keys import log_signer
from services.tracking.reading.rolls import printed_roll
from services.tracking.tests import world as town
from shared.entry import Entry, Event, Request
from shared.events.donations import CallOpened, Category
from shared.events.erasure import Photo
from shared.events.refurb import Spec
from shared.ids import Label, uuid7
from shared.settings import SERVICES
from shared.settings import Service as Name
from shared.stack.stack import Stack
from shared.testing import NOW, TOWN, WORKER, Service, project, service

LOG = "meguru.test/log"


@dataclass(slots=True)
class World:
    """The five services with a short story in their ledgers; the bus is carried by hand."""

    stack: Stack
    services: dict[Name, Service]
    carried: set[UUID] = field(default_factory=set)

    @property
    def names(self) -> tuple[Name, ...]:
        return tuple(self.services)

    async def entries(self, name: Name) -> list[Entry[Event]]:
        rows = await self.services[name].rows("SELECT body, salt FROM entries ORDER BY id")
        return [Entry.read(bytes(row.body), bytes(row.salt)) for row in rows]

    async def carry(self) -> None:
        """Take every entry to every service, until nothing new is recorded; then the log takes what came."""
        while new := [e for name in self.names for e in await self.entries(name) if e.id not in self.carried]:
            for name, made in self.services.items():
                consumers = import_module(f"services.{name}.consumers").consumers
                async with made.consuming() as tx:
                    await consumers.handle(tx, new)
            self.carried |= {entry.id for entry in new}
        for made in self.services.values():
            async with made.owner.begin() as connection:
                await connection.exec_driver_sql("DELETE FROM outbox")
        await self.integrate()

    async def integrate(self) -> None:
        signer = log_signer(self.stack.folder / "keys", LOG)
        async with self.services["tracking"].consumer.connect() as connection:
            while await loops.integrate(connection, signer, loops.Kept(self.stack.kept_head)):
                pass

    async def execute(self, name: Name, statement: str, *values: Any) -> None:
        """Do as superuser what no role may do: the guards of the ledger are stepped around."""
        connection = await self.stack.connect(name)
        try:
            await connection.execute("SET session_replication_role = replica")
            await connection.execute(statement, *values)
        finally:
            await connection.close()


@asynccontextmanager
async def worlds(servers: Stack) -> AsyncIterator[World]:
    """Make the services' databases new and tell the story in them."""
    present = [name for name in SERVICES if (project() / "services" / name / "migrations").exists()]
    async with AsyncExitStack() as closing:
        made = {name: await closing.enter_async_context(service(servers, name)) for name in present}
        for key in (servers.folder / "keys").glob("log.*"):
            key.unlink()
        world = World(servers, made)
        await tell(world)
        yield world


async def tell(world: World) -> None:
    """Three items are registered, one is a candidate, two media are destroyed, one report waits, a call is open."""
    tracking = world.services["tracking"]
    engagement = await town.founded(tracking)
    known = await town.registered(tracking, engagement, [town.row(f"S{n}") for n in range(3)])
    async with tracking.acting(by=WORKER) as tx:
        await items.register_lot(tx, engagement, "monitor", 59)
        asked = Request(id=uuid7(), digest="received")
        await scans.scan(tx, [scans.Scanned(known[0].stream, "received", asked, NOW)])
        await items.name_candidate(tx, known[0].stream)
    async with tracking.acting() as tx:
        roll = await rolls.draw_roll(tx, engagement, 2)
        (one, _) = await printed_roll(tx.connection, engagement, roll.stream)
        await rolls.bind_serial(tx, Label(one.label), engagement, "PC-S2")
    await world.carry()
    photos = [await asyncio.to_thread(keep_photo, world.stack, n) for n in range(2)]
    crusher = world.services["erasure"]
    async with crusher.acting(by=WORKER) as tx:
        for n, item in enumerate(known[:2]):
            await media.destroy(
                tx,
                item.stream,
                media.Which(),
                technique="crush",
                machine="M-1",
                photos=(Photo(sha256=photos[n], role="after"),),
                witness=None,
            )
    async with crusher.acting() as tx:
        await witnesses.witness(tx, engagement, witness="clerk", place="庁舎", began_at=NOW, ended_at=None)
    async with world.services["donations"].acting() as tx:
        await donations.open_call(tx, a_call())
    await world.carry()


def keep_photo(stack: Stack, nth: int) -> str:
    """Keep a picture under the town, as erasure does; return its hash."""
    made = io.BytesIO()
    Image.new("RGB", (96 + nth, 64), "grey").save(made, "JPEG")
    name = hashlib.sha256(made.getvalue()).hexdigest()
    path = stack.folder / "blobs" / TOWN / name[:2] / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(made.getvalue())
    return name


def a_call() -> CallOpened:
    return CallOpened(
        call=uuid7(),
        number="063622-2026-1",
        title="再生パソコンを無償でお譲りします",
        rule="first-come",
        item_kinds=("desktop", "notebook"),
        units=15,
        categories=(Category(code="hamlet", name="集落", cap=2),),
        opens_at=NOW - timedelta(hours=1),
        closes_at=NOW + timedelta(days=7),
        spec=Spec(os="Windows 10 Home", ssd_gb=240, memory_gb=8, office="WPS Office 2", support_months=3),
        consent="取材に応じます",
        consent_version="1",
        contact="最上町役場",
    )


@asynccontextmanager
async def kept(world: World, name: Name, *tables: str) -> AsyncIterator[None]:
    """Put the rows of the tables back at the end."""
    for table in tables:
        await world.execute(name, f"CREATE TABLE kept_{table} AS TABLE {table}")
    try:
        yield
    finally:
        for table in tables:
            await world.execute(name, f"DELETE FROM {table}")  # noqa: S608 - a test's own words
            await world.execute(name, f"INSERT INTO {table} OVERRIDING SYSTEM VALUE TABLE kept_{table}")
            await world.execute(name, f"DROP TABLE kept_{table}")


async def found(world: World) -> list[Finding]:
    return (await examine(world.stack, world.names)).findings
