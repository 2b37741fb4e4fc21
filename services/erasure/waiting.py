"""The queue of reports that meant no medium: what waits, why, and what a person has to look at besides."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.erasure.domain.likeness import the_one
from services.erasure.domain.placeholder import is_placeholder


@dataclass(frozen=True, slots=True)
class Waiting:
    """A serial of a filed report that is not bound yet."""

    report: UUID
    serial: str
    entry: UUID
    sha256: str
    filename: str
    tool: str
    engagement: UUID | None
    operator: str
    filed_at: datetime
    tenant: str
    loose: str
    host_serial: str | None  # of the computer it was in, where the tool says so


_WAITING = (
    "SELECT u.report, u.serial, u.entry, u.sha256, u.filename, u.tool, u.engagement, u.operator, u.filed_at, u.tenant, "
    "u.loose, u.host_serial FROM unmatched u WHERE NOT EXISTS (SELECT FROM bindings b WHERE b.filed = u.entry "
    "AND (b.loose = u.loose OR u.serial = '')) "
    "AND NOT coalesce((SELECT NOT p.back FROM put_aside p WHERE p.report = u.report AND p.serial = u.serial "
    "ORDER BY p.sequence DESC LIMIT 1), false)"
)

_OF_REPORT = text(_WAITING + " AND (CAST(:report AS uuid) IS NULL OR u.report = :report) ORDER BY u.filed_at, u.serial")
_ARRIVED = text(
    "WITH w AS ("  # noqa: S608 - joined from constants of this module alone
    + _WAITING
    + ") SELECT w.*, m.media, m.engagements, m.hosts FROM w CROSS JOIN LATERAL ("
    "SELECT array_agg(m.medium) AS media, array_agg(m.engagement) AS engagements, "
    "array_agg(coalesce(i.data->>'serial', '')) AS hosts "
    "FROM media m LEFT JOIN items i USING (item) JOIN engagements e ON e.engagement = m.engagement "
    "WHERE m.loose = w.loose AND m.serial = w.serial AND w.tenant IN (e.centre, e.town) "
    "AND e.ends_on >= (now() AT TIME ZONE 'Asia/Tokyo')::date "
    "AND NOT EXISTS (SELECT FROM ended_engagements x WHERE x.engagement = e.engagement) "
    "HAVING count(*) > 0) m WHERE w.loose <> ''"
)


async def unbound(connection: AsyncConnection, *, report: UUID | None = None) -> list[Waiting]:
    """Return what waits for a medium, oldest first, as far as this transaction may see it."""
    rows = await connection.execute(_OF_REPORT, {"report": report})
    return [Waiting(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Arrived:
    """A medium of exactly the serial that a report waits for."""

    medium: UUID
    engagement: UUID
    host: str


async def arrived(connection: AsyncConnection) -> list[tuple[Waiting, UUID, bool]]:
    """Return what waits, the one medium, registered since, that it means, and whether its computer decided.

    Under the filer's contract, of exactly its serial; what `the_one` leaves open, and a placeholder, is for a person.
    Only a transaction that crosses tenants sees both sides.
    """
    found = []
    for *waits, media, engagements, hosts in await connection.execute(_ARRIVED):
        waiting = Waiting(*waits)
        equal = [Arrived(*one) for one in zip(media, engagements, hosts, strict=True)]
        meant, by_host = the_one(equal, waiting.engagement, waiting.host_serial)
        if meant and not is_placeholder(waiting.serial):
            found.append((waiting, meant.medium, by_host))
    return found


async def circumstances_of(connection: AsyncConnection, report: UUID) -> tuple[str, str | None]:
    """Return place and witness as the one said who filed a waiting report."""
    row = (
        await connection.execute(text("SELECT place, witness FROM circumstances WHERE report = :r"), {"r": report})
    ).one_or_none()
    return (row.place, row.witness) if row else ("on-site", None)


@dataclass(frozen=True, slots=True)
class PutAside:
    """A serial of a report that a person said is not ours, and nobody put back since."""

    report: UUID
    serial: str
    filename: str
    sha256: str
    reason: str
    person: str
    at: datetime


async def put_aside(connection: AsyncConnection, count: int) -> list[PutAside]:
    """Return what was put aside last, newest first, as far as this transaction may see it."""
    rows = await connection.execute(
        text(
            "SELECT p.report, p.serial, u.filename, u.sha256, p.reason, p.person, p.recorded_at FROM put_aside p "
            "JOIN unmatched u USING (report, serial) WHERE NOT p.back AND NOT EXISTS (SELECT FROM put_aside later "
            "WHERE later.report = p.report AND later.serial = p.serial AND later.sequence > p.sequence) "
            "ORDER BY p.recorded_at DESC, p.stream, p.serial LIMIT :count"
        ),
        {"count": count},
    )
    return [PutAside(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Contradicted:
    """A medium whose erasure one report proves and a later one denies."""

    label: str
    serial: str
    proved: dict[str, Any]  # what the report that proves it said
    denied: dict[str, Any]


async def contradicted(connection: AsyncConnection, count: int) -> list[Contradicted]:
    """Return media with a proof and a later report that proves nothing, until one proves it anew or it is crushed.

    A re-check that passed settles it as well: somebody looked.
    """
    rows = await connection.execute(
        text(
            "WITH last AS (SELECT d.medium, max(d.sequence) FILTER (WHERE d.kind = 'erasure.medium-erased.v1') AS yes, "
            "max(d.sequence) FILTER (WHERE d.kind = 'erasure.erasure-failed.v1') AS no, "
            "max(d.sequence) FILTER (WHERE d.kind IN ('erasure.medium-destroyed.v1', 'erasure.erasure-verified.v1')) "
            "AS settled FROM deeds d WHERE d.medium IN (SELECT f.medium FROM deeds f "
            "WHERE f.kind = 'erasure.erasure-failed.v1') GROUP BY d.medium) "
            "SELECT m.label, m.serial, y.data, n.data FROM last l JOIN media m USING (medium) "
            "JOIN deeds y ON y.stream = l.medium AND y.sequence = l.yes "
            "JOIN deeds n ON n.stream = l.medium AND n.sequence = l.no "
            "WHERE l.no > l.yes AND coalesce(l.settled, 0) < l.no ORDER BY n.recorded_at DESC, m.label LIMIT :count"
        ),
        {"count": count},
    )
    return [Contradicted(*row) for row in rows]


async def proved_already(connection: AsyncConnection, media: Iterable[UUID]) -> set[UUID]:
    """Return those of the media that a report proves already: another for the same medium may be a duplicate."""
    rows = await connection.scalars(
        text("SELECT DISTINCT medium FROM deeds WHERE medium = ANY(:media) AND achieved IS NOT NULL"),
        {"media": list(media)},
    )
    return set(rows)
