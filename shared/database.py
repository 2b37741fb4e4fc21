"""PostgreSQL: one engine a role, and the transaction in which everything of one request happens."""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import lru_cache
from socket import gaierror
from typing import TYPE_CHECKING, Any, Literal

import asyncpg
from pydantic_core import from_json
from sqlalchemy import URL, Table, Text, TextClause, bindparam, exc, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from shared.entry import By, Request

if TYPE_CHECKING:
    from shared.entry import Entry, Event
    from shared.settings import Settings

Role = Literal["owner", "app", "consumer"]
PLATFORM = "platform"
LOCK_RETRY_S = 0.5


@dataclass(frozen=True, slots=True)
class Transaction:
    """One transaction: who acts for whom, when, and the connection. Commands take it first and never commit it."""

    connection: AsyncConnection
    service: str
    tenant: str
    by: By
    at: datetime  # when the door read the clock: recordedAt of what is appended
    occurred_at: datetime
    request: Request | None = None
    because: "Entry[Event] | None" = field(default=None, compare=False)

    def following(self, entry: "Entry[Event]") -> "Transaction":
        """Return the same transaction acting because of an entry: its tenant, its cause, its trace."""
        return replace(self, tenant=entry.tenant, because=entry, request=None)


def url(settings: "Settings", role: Role) -> URL:
    """Return the address of the service's database for one of its roles."""
    password = {
        "owner": settings.owner_password,
        "app": settings.app_password,
        "consumer": settings.consumer_password,
    }[role]
    return URL.create(
        "postgresql+asyncpg",
        username=f"{settings.service}_{role}",
        password=password.get_secret_value(),
        host=settings.database_host,
        port=settings.database_port,
        database=settings.database,
    )


def engine(settings: "Settings", role: Role, *, pool_size: int = 5) -> AsyncEngine:
    """Make the engine of one role. The pool is small: five services share one server on one machine.

    What does not fit waits for its turn; a connection beyond the pool would be opened and thrown away each time.
    """
    return create_async_engine(
        url(settings, role),
        pool_size=pool_size,
        max_overflow=0,
        # a lost connection is answered 503 and the sender sends again; a ping on each check-out would cost 0.3 ms
        pool_pre_ping=False,
        json_deserializer=from_json,  # a third of the time of Python's own
        connect_args={"server_settings": {"application_name": f"{settings.service}_{role}"}, "timeout": 10},
    )


async def refuse_superuser(connection: AsyncConnection) -> None:
    """Raise RuntimeError when the role could step around row-level security: the service must not start."""
    row = (
        await connection.execute(
            text("SELECT rolname, rolsuper, rolbypassrls FROM pg_roles WHERE rolname = current_user")
        )
    ).one()
    if row.rolsuper or row.rolbypassrls:
        raise RuntimeError(f"the role {row.rolname} steps around row-level security; use the service's own roles")


# What a database that is away may raise, the pool and the attempt to connect included; `is_away` tells for each.
AWAY = (exc.DBAPIError, exc.TimeoutError, asyncpg.PostgresError, ConnectionError, TimeoutError, gaierror)


def sqlstate(failure: BaseException) -> str:
    """Return PostgreSQL's five characters for what failed, "" when it said none."""
    said = failure.orig if isinstance(failure, exc.DBAPIError) else failure
    return str(getattr(said, "sqlstate", None) or "")


def is_away(failure: BaseException) -> bool:
    """Tell whether the database could not be asked: out of reach, starting, stopping, or no connection came free.

    SQLSTATE (PostgreSQL, Appendix A): class 08 connection, 53300 too many connections, 57P.. the server comes or goes.
    """
    if isinstance(failure, exc.DBAPIError | asyncpg.PostgresError):
        invalidated = isinstance(failure, exc.DBAPIError) and failure.connection_invalidated
        return invalidated or sqlstate(failure).startswith(("08", "53300", "57P"))
    return isinstance(failure, AWAY)


@asynccontextmanager
async def service_transaction(
    engine: AsyncEngine, service: str, *, at: datetime | None = None
) -> AsyncIterator[Transaction]:
    """Open a transaction of the message door: it crosses tenants, each entry says which one it acts for."""
    now = at or datetime.now(UTC)
    async with engine.begin() as connection:
        yield Transaction(connection, service, PLATFORM, By(person=f"service:{service}", party=PLATFORM), now, now)


@asynccontextmanager
async def alone(engine: AsyncEngine, name: str) -> AsyncIterator[AsyncConnection]:
    """Wait until this process is the only one to do what `name` says; the lock lives as long as the connection given.

    At the end the connection is closed, never pooled: a pooled one keeps the lock, and the next attempt, on another
    connection, would wait for it for ever.
    """
    async with engine.connect() as connection:
        try:
            while not await connection.scalar(text("SELECT pg_try_advisory_lock(hashtext(:name))"), {"name": name}):
                await connection.commit()
                await asyncio.sleep(LOCK_RETRY_S)
            await connection.commit()
            yield connection
        finally:
            await connection.invalidate()


_AS_PARTY = text(
    "SELECT set_config('app.tenant', :tenant, true), set_config('app.party', :party, true), "
    ":tenant = :party OR EXISTS (SELECT FROM acts_for(:tenant, :party))"
).bindparams(bindparam("tenant", type_=Text), bindparam("party", type_=Text))


async def as_party(connection: AsyncConnection, *, tenant: str, party: str) -> bool:
    """Set the tenant for this transaction only; a session-wide SET would leak through the pool.

    Returns whether the party is the tenant or acts for it under an open engagement: the door refuses otherwise.
    """
    row = (await connection.execute(_AS_PARTY, {"tenant": tenant, "party": party})).one()
    return bool(row[2])


async def add(connection: AsyncConnection, table: Table, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add rows of the same columns in one statement; those whose key is there already are passed over.

    One array a column costs a third of a statement a row, which is what a list of parameters would become.
    """
    if rows:
        names = tuple(rows[0])
        await connection.execute(_adding(table, names), {name: [row[name] for row in rows] for name in names})


@lru_cache(maxsize=64)
def _adding(table: Table, names: tuple[str, ...]) -> TextClause:
    columns = ", ".join(f'"{name}"' for name in names)
    given = ", ".join(f":{name}" for name in names)
    statement = f"INSERT INTO {table.name} ({columns}) SELECT * FROM unnest({given}) ON CONFLICT DO NOTHING"  # noqa: S608 - names of our own tables
    return text(statement).bindparams(*(bindparam(name, type_=ARRAY(table.c[name].type)) for name in names))


__all__ = [
    "AWAY",
    "PLATFORM",
    "Role",
    "Transaction",
    "add",
    "alone",
    "as_party",
    "engine",
    "is_away",
    "refuse_superuser",
    "service_transaction",
    "sqlstate",
    "url",
]
