"""PostgreSQL: one engine a role, and the transaction in which everything of one request happens."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal
from uuid import UUID

from sqlalchemy import URL, text
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


def engine(settings: "Settings", role: Role, *, pool_size: int = 8) -> AsyncEngine:
    """Make the engine of one role. The pool is small: five services share one server on one machine."""
    return create_async_engine(
        url(settings, role),
        pool_size=pool_size,
        max_overflow=pool_size,
        # a lost connection is answered 503 and the sender sends again; a ping on each check-out would cost 0.3 ms
        pool_pre_ping=False,
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


@asynccontextmanager
async def service_transaction(
    engine: AsyncEngine, service: str, *, at: datetime | None = None
) -> AsyncIterator[Transaction]:
    """Open a transaction of the message door: it crosses tenants, each entry says which one it acts for."""
    now = at or datetime.now(UTC)
    async with engine.begin() as connection:
        yield Transaction(connection, service, PLATFORM, By(person=f"service:{service}", party=PLATFORM), now, now)


@asynccontextmanager
async def tenant_transaction(
    engine: AsyncEngine,
    service: str,
    *,
    tenant: str,
    by: By,
    at: datetime,
    occurred_at: datetime,
    request: Request | None = None,
) -> AsyncIterator[Transaction]:
    """Open a transaction of the HTTP door in which row-level security shows the rows of one party only."""
    async with engine.begin() as connection:
        await as_party(connection, tenant=tenant, party=by.party)
        yield Transaction(connection, service, tenant, by, at, occurred_at, request)


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


async def as_party(connection: AsyncConnection, *, tenant: str, party: str) -> None:
    """Set the tenant for this transaction only; a session-wide SET would leak through the pool."""
    await connection.execute(
        text("SELECT set_config('app.tenant', :tenant, true), set_config('app.party', :party, true)"),
        {"tenant": tenant, "party": party},
    )


__all__ = [
    "PLATFORM",
    "UUID",
    "Role",
    "Transaction",
    "alone",
    "as_party",
    "engine",
    "refuse_superuser",
    "service_transaction",
    "tenant_transaction",
    "url",
]
