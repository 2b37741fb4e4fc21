"""Fixtures every service's tests use: a real PostgreSQL and a real NATS, made once a run, on free ports."""

import asyncio
import io
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import nats
import pytest
from nats.aio.client import Client
from PIL import Image
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine

from shared import annex, jetstream
from shared.database import Transaction, as_party, engine, service_transaction
from shared.entry import By, Entry, Event, Request
from shared.ids import uuid7
from shared.ledger import History
from shared.migration import migrate
from shared.settings import Settings, settings
from shared.stack.stack import Stack

NOW = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)
TOWN, CENTRE, OTHER_TOWN = "town-063622", "centre-sofmap", "town-011002"
CLERK = By(person="clerk", party=TOWN)
WORKER = By(person="worker", party=CENTRE)


@pytest.fixture(scope="session")
async def servers(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    """PostgreSQL and NATS, with the JetStream streams declared."""

    async def declare(stack: Stack) -> None:
        client = await nats.connect(**stack.nats_options())
        await jetstream.declare(client)
        await client.close()

    async with Stack(tmp_path_factory.mktemp("servers"), services=(), prepare=[declare]) as stack:
        yield stack
    await annex.close()


@dataclass(slots=True)
class Service:
    """One service's migrated database, with its engines."""

    settings: Settings
    stack: Stack
    app: AsyncEngine
    consumer: AsyncEngine
    owner: AsyncEngine

    @asynccontextmanager
    async def acting(
        self, tenant: str = TOWN, by: By = CLERK, *, at: datetime = NOW, request: UUID | None = None, asked: str = ""
    ) -> AsyncIterator[Transaction]:
        """Open the HTTP door's transaction of one tenant."""
        made = Request(id=request, digest=asked) if request else None
        async with self.app.begin() as connection:
            await as_party(connection, tenant=tenant, party=by.party)
            yield Transaction(connection, self.settings.service, tenant, by, at, at, made)

    @asynccontextmanager
    async def consuming(self) -> AsyncIterator[Transaction]:
        """Open the message door's transaction."""
        async with service_transaction(self.consumer, self.settings.service) as tx:
            yield tx

    async def rows(self, query: str, **values: Any) -> list[Any]:
        """Read as the owner, across tenants."""
        async with self.owner.connect() as connection:
            return list(await connection.execute(text(query), values))

    async def client(self) -> Client:
        """Connect to the bus as this service."""
        return await nats.connect(**self.stack.nats_options(self.settings.service))


@asynccontextmanager
async def service(stack: Stack, name: str, *, dump: str = "") -> AsyncIterator[Service]:
    """Make a service's database new and migrated, and set this process's environment to that service.

    `dump` is what `pg_dump --inserts` wrote of an older one: it is put back and stays as it was; who tests it migrates.
    """
    await stack.renew_database(name)
    if dump:
        connection = await stack.connect(name)
        try:
            await connection.execute(dump)
        finally:
            await connection.close()
    before = dict(os.environ)
    os.environ.update(stack.environment(name))
    settings.cache_clear()
    known = settings()
    if name == "tracking":  # a new log, and none of the keys that another file's tests published for theirs
        for key in known.keys.glob("log.*"):
            key.unlink()
    if not dump:
        await asyncio.to_thread(migrate, known)
    made = Service(known, stack, engine(known, "app"), engine(known, "consumer"), engine(known, "owner"))
    try:
        yield made
    finally:
        for each in (made.app, made.consumer, made.owner):
            await each.dispose()
        os.environ.clear()
        os.environ.update(before)
        settings.cache_clear()


def photo(form: str = "JPEG", *, size: tuple[int, int] = (320, 240), exif: bool = False) -> bytes:
    """Make a picture; with exif it carries a place, a time and its zone, as a phone's."""
    made = io.BytesIO()
    picture = Image.effect_noise(size, 60).convert("RGB")
    if not exif:
        picture.save(made, form)
        return made.getvalue()
    data = Image.Exif()
    data.get_ifd(0x8769).update({0x9003: "2026:11:24 11:22:41", 0x9011: "+09:00"})
    data.get_ifd(0x8825).update({1: "N", 2: (38.0, 45.0, 30.0)})
    picture.save(made, form, exif=data)
    return made.getvalue()


def recorded(
    event: Event,
    *,
    stream: UUID | None = None,
    sequence: int = 1,
    tenant: str = TOWN,
    by: By = CLERK,
    at: datetime = NOW,
) -> Entry[Any]:
    """Return an entry as another service would have recorded it."""
    return Entry.new(
        event,
        stream=stream or uuid7(),
        sequence=sequence,
        tenant=tenant,
        recorded_at=at,
        occurred_at=at,
        by=by,
        salt=bytes(16),
    )


@dataclass(slots=True)
class Growing:
    """A stream that a test lets grow without a database."""

    stream: UUID = field(default_factory=uuid7)
    entries: list[Entry[Any]] = field(default_factory=list)

    def add(self, event: Event, *, at: datetime = NOW) -> Entry[Any]:
        """Record one more event."""
        entry = recorded(event, stream=self.stream, sequence=len(self.entries) + 1, at=at)
        self.entries.append(entry)
        return entry

    @property
    def history(self) -> History:
        """What a command would read."""
        return History(self.stream, tuple(self.entries))


@pytest.fixture
def no_environment() -> Iterator[None]:
    """Forget the settings before and after."""
    settings.cache_clear()
    yield
    settings.cache_clear()


def project() -> Path:
    """Return the checkout's root."""
    return Path(__file__).parents[1]
