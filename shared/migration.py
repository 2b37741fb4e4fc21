"""How a service's database is made and moved: the ground's tables, guards and grants, and Alembic run by us.

Each service has four roles: owner (migrates, owns), app (the HTTP door; row-level security by party), consumer (the
message door and the relay; crosses tenants, named so), look-up (NOLOGIN; owns the few SECURITY DEFINER functions).
"""

from __future__ import annotations

import asyncio
import logging
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from uuid import UUID

from alembic import command, context, op
from alembic.config import Config
from sqlalchemy import MetaData, pool, text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import create_async_engine

from shared.database import sqlstate, url
from shared.tables import ground

if TYPE_CHECKING:
    from sqlalchemy import Connection

    from shared.settings import Settings

log = logging.getLogger(__name__)

ROOT = Path(__file__).parents[1]
PARTITIONS_FROM = (2026, 1)
PARTITIONS_FIRST = 36  # months made by a service's first migration
PARTITIONS_AHEAD = 24  # months from now that every `migrate` makes sure of; DEFAULT catches what comes later
_PARTITIONS = "SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = 'entries'::regclass"
TENANT = "tenant = (SELECT current_setting('app.tenant', true))"


def migrate(settings: Settings, *, now: datetime | None = None) -> None:
    """Bring one service's database to the head of its migrations, as its owner, and make partitions ahead.

    Each upgrade runs it. An installation that is not upgraded for PARTITIONS_AHEAD months writes into DEFAULT: nothing
    is refused.
    """
    command.upgrade(configuration(settings), "head")
    asyncio.run(make_partitions(settings, now or datetime.now(UTC)))


async def make_partitions(settings: Settings, now: datetime) -> None:
    """Make each missing month of the entries up to PARTITIONS_AHEAD from now; one query when none is missing.

    A month that DEFAULT already holds rows of cannot be cut out of it; a table somebody holds is not waited for long,
    since all writers would queue behind. Both are skipped and said: the rows stay, and the next run tries again.
    """
    year, month = PARTITIONS_FROM
    months = (now.year - year) * 12 + now.month - month + PARTITIONS_AHEAD
    wanted = [_month(year, month, nth) for nth in range(months + 1)]
    engine = create_async_engine(url(settings, "owner"), poolclass=pool.NullPool)
    try:
        async with engine.connect() as connection:
            there = set(await connection.scalars(text(_PARTITIONS)))
        for missing in [one for one in wanted if "entries_{:04d}_{:02d}".format(*one) not in there]:
            try:
                async with engine.begin() as connection:
                    await connection.execute(text("SET LOCAL lock_timeout = '5s'"))
                    await connection.execute(text(partition_sql(*missing)))
            except DBAPIError as refused:
                if sqlstate(refused) not in ("23514", "55P03"):  # a row in DEFAULT; the lock not had in time
                    raise
                log.warning("%s: no partition for %04d-%02d: %s", settings.service, *missing, refused.orig)
    finally:
        await engine.dispose()


def configuration(settings: Settings) -> Config:
    """Return the Alembic configuration of one service."""
    config = Config(attributes={"settings": settings})
    config.set_main_option("script_location", str(ROOT / "services" / settings.service / "migrations"))
    config.set_main_option("path_separator", "os")
    return config


def run(metadata: MetaData) -> None:
    """Run the migrations; a service's `migrations/env.py` calls this with its own metadata."""
    settings: Settings = context.config.attributes["settings"]
    asyncio.run(_run(settings, metadata))


async def _run(settings: Settings, metadata: MetaData) -> None:
    engine = create_async_engine(url(settings, "owner"), poolclass=pool.NullPool)
    async with engine.connect() as connection:
        await connection.run_sync(_upgrade, metadata)
        await connection.commit()
    await engine.dispose()


def _upgrade(connection: Connection, metadata: MetaData) -> None:
    context.configure(connection=connection, target_metadata=metadata)
    with context.begin_transaction():
        context.run_migrations()


def lay_ground(service: str) -> None:
    """Create the ground's tables with their partitions, guards, grants and look-ups: a service's first migration."""
    metadata = MetaData()
    ground(metadata)
    connection = op.get_bind()
    metadata.create_all(connection)
    _partitions()
    op.execute(f"GRANT USAGE ON SCHEMA public TO {service}_app, {service}_consumer, {service}_lookup")
    _guard_entries(service)
    for table in ("outbox", "notices"):
        _force(table)
        op.execute(f"CREATE POLICY app_announces ON {table} FOR INSERT TO {service}_app WITH CHECK (true)")
        op.execute(f"GRANT INSERT ON {table} TO {service}_app")
        crossing(service, table)
    _force("parked")
    crossing(service, "parked")
    readable(service, "parties", "true")
    readable(
        service,
        "engagements",
        "(SELECT current_setting('app.tenant', true)) IN (town, centre, carrier) "
        "OR (SELECT current_setting('app.party', true)) IN (town, centre, carrier)",
    )
    protect(service, "ended_engagements", write=False)
    protect(service, "items", write=False)
    readable(
        service,
        "people",
        "party IN ((SELECT current_setting('app.tenant', true)), (SELECT current_setting('app.party', true))) "
        "OR EXISTS (SELECT FROM engagements WHERE people.party IN (town, centre, carrier))",
    )
    _look_ups(service)


def protect(service: str, table: str, *, write: bool = True, condition: str = TENANT) -> None:
    """Force row-level security on a table with a `tenant` column: the app sees its tenant's rows, the consumer all."""
    _force(table)
    grant = "SELECT, INSERT, UPDATE, DELETE" if write else "SELECT"
    op.execute(f"CREATE POLICY by_tenant ON {table} TO {service}_app USING ({condition}) WITH CHECK ({condition})")
    op.execute(f"GRANT {grant} ON {table} TO {service}_app")
    crossing(service, table)


def readable(service: str, table: str, condition: str) -> None:
    """Force row-level security on a table the app only reads, by a condition of its own."""
    _force(table)
    op.execute(f"CREATE POLICY app_reads ON {table} FOR SELECT TO {service}_app USING ({condition})")
    op.execute(f"GRANT SELECT ON {table} TO {service}_app")
    crossing(service, table)


def crossing(service: str, table: str) -> None:
    """Let the consumer and the owner cross tenants on this table, each by a policy with a name."""
    op.execute(f"CREATE POLICY consumer_crosses ON {table} TO {service}_consumer USING (true) WITH CHECK (true)")
    op.execute(f"CREATE POLICY owner_crosses ON {table} TO {service}_owner USING (true) WITH CHECK (true)")
    grant = "SELECT, INSERT" if table == "entries" else "SELECT, INSERT, UPDATE, DELETE"
    op.execute(f"GRANT {grant} ON {table} TO {service}_consumer")


def let_look_up(service: str, table: str) -> None:
    """Let the look-up role, which nobody can log in as, read a table across tenants."""
    op.execute(f"CREATE POLICY lookup_reads ON {table} FOR SELECT TO {service}_lookup USING (true)")
    op.execute(f"GRANT SELECT ON {table} TO {service}_lookup")


def look_up(service: str, signature: str, returns: str, body: str) -> None:
    """Create a SECURITY DEFINER function owned by the look-up role, with a fixed search path, for the app alone."""
    op.execute(
        f"CREATE FUNCTION {signature} RETURNS {returns} LANGUAGE sql STABLE SECURITY DEFINER "
        f"SET search_path = public, pg_temp AS $look$ {body} $look$"
    )
    name = signature.split("(", 1)[0]
    types = ", ".join(part.split()[1] for part in signature.split("(", 1)[1].rstrip(")").split(",") if part.strip())
    op.execute(f"REVOKE ALL ON FUNCTION {name}({types}) FROM PUBLIC")
    op.execute(f"GRANT EXECUTE ON FUNCTION {name}({types}) TO {service}_app, {service}_consumer")
    op.execute(f"GRANT CREATE ON SCHEMA public TO {service}_lookup")
    op.execute(f"ALTER FUNCTION {name}({types}) OWNER TO {service}_lookup")
    op.execute(f"REVOKE CREATE ON SCHEMA public FROM {service}_lookup")


def number_labels() -> None:
    """Add what bindings of labels are ordered by; code of the release before leaves it at the registration's."""
    op.execute("ALTER TABLE items ADD COLUMN IF NOT EXISTS label_sequence integer NOT NULL DEFAULT 1")


def number_corrections() -> None:
    """Add what corrections of items are ordered by; what was heard before stands until another is newer."""
    op.execute("ALTER TABLE items ADD COLUMN IF NOT EXISTS corrected jsonb NOT NULL DEFAULT '{}'")


def word_deadlines() -> None:
    """Add how an engagement words its deadline, and the address a person is written to."""
    op.execute(
        "ALTER TABLE engagements ADD COLUMN IF NOT EXISTS certificate_days_kind text NOT NULL DEFAULT 'calendar'"
    )
    op.execute("ALTER TABLE engagements ADD COLUMN IF NOT EXISTS certificate_by date")
    op.execute("ALTER TABLE people ADD COLUMN IF NOT EXISTS email text")


def partition_sql(year: int, month: int) -> str:
    """Return the statement that makes one month's partition of the entries."""
    until = (year + month // 12, month % 12 + 1)
    return (
        f"CREATE TABLE IF NOT EXISTS entries_{year:04d}_{month:02d} PARTITION OF entries "
        f"FOR VALUES FROM ('{_first_uuid(year, month)}') TO ('{_first_uuid(*until)}')"
    )


def _first_uuid(year: int, month: int) -> UUID:
    return UUID(int=int(datetime(year, month, 1, tzinfo=UTC).timestamp() * 1000) << 80)


def _month(year: int, month: int, later: int) -> tuple[int, int]:
    months = month - 1 + later
    return year + months // 12, months % 12 + 1


def _partitions() -> None:
    year, month = PARTITIONS_FROM
    for nth in range(PARTITIONS_FIRST):
        op.execute(partition_sql(*_month(year, month, nth)))
    op.execute("CREATE TABLE entries_default PARTITION OF entries DEFAULT")


def _guard_entries(service: str) -> None:
    _force("entries")
    op.execute(f"CREATE POLICY app_reads ON entries FOR SELECT TO {service}_app USING ({TENANT})")
    op.execute(f"CREATE POLICY app_appends ON entries FOR INSERT TO {service}_app WITH CHECK ({TENANT})")
    op.execute(f"GRANT SELECT, INSERT ON entries TO {service}_app")
    crossing(service, "entries")
    op.execute(
        "CREATE FUNCTION entries_stand() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'an entry is never changed or deleted' USING ERRCODE = '23001'; END $$"
    )
    op.execute(
        "CREATE TRIGGER entries_stand BEFORE UPDATE OR DELETE ON entries FOR EACH ROW EXECUTE FUNCTION entries_stand()"
    )


def _force(table: str) -> None:
    op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
    op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")


def _look_ups(service: str) -> None:
    for table in ("items", "engagements", "ended_engagements"):
        let_look_up(service, table)
    today = "(now() AT TIME ZONE 'Asia/Tokyo')::date"
    open_engagement = (
        f"e.starts_on <= {today} AND e.ends_on >= {today} "
        "AND NOT EXISTS (SELECT FROM ended_engagements x WHERE x.engagement = e.engagement)"
    )
    look_up(
        service,
        "resolve(labels_ text[], party_ text)",
        "TABLE (label text, item uuid, tenant text, engagement uuid, kind text)",
        "SELECT i.label, i.item, i.tenant, i.engagement, i.kind "  # noqa: S608 - names of ours, no input
        "FROM items i LEFT JOIN engagements e USING (engagement) "
        "WHERE i.label = ANY(labels_) AND (i.tenant = party_ OR ((e.centre = party_ OR e.carrier = party_) AND "
        f"{open_engagement}))",
    )
    look_up(
        service,
        "acts_for(town_ text, party_ text)",
        "SETOF uuid",
        "SELECT e.engagement FROM engagements e "  # noqa: S608 - names of ours, no input
        f"WHERE e.town = town_ AND (e.town = party_ OR e.centre = party_ OR e.carrier = party_) AND {open_engagement}",
    )
