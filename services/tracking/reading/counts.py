"""Counts of one engagement: where its items are, how far certificates and second lives have come."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.tracking.reading.listing import ITEMS, PLACE, PLACES, REFURB_STEPS
from services.tracking.reading.overview import HELD


@dataclass(frozen=True, slots=True)
class SecondLife:
    """Items of an engagement at the six stations of the second life."""

    steps: dict[str, int]  # ssd, os, cleaning, support
    given: int


async def second_life(connection: AsyncConnection, engagement: UUID) -> SecondLife:
    """Count the finished steps of refurbishing and what was handed over to its new owners."""
    of = {"engagement": engagement}
    done = await connection.execute(
        text(
            "SELECT t.data->>'step' AS step, count(DISTINCT t.item) AS n FROM timeline t JOIN items i USING (item) "
            "WHERE i.engagement = :engagement AND t.kind = 'refurb.step-done.v1' GROUP BY 1"
        ),
        of,
    )
    counted = {row.step: row.n for row in done}
    given = await connection.scalar(
        text(
            "SELECT count(DISTINCT x) FROM timeline t, jsonb_array_elements_text(t.data->'items') x "
            "JOIN items i ON i.item = x::uuid WHERE i.engagement = :engagement AND t.kind = 'donations.handed-over.v1'"
        ),
        of,
    )
    return SecondLife({step: counted.get(step, 0) for step in REFURB_STEPS}, given or 0)


async def places(connection: AsyncConnection, engagement: UUID) -> dict[str, int]:
    """Count the items of an engagement at each place."""
    rows = await connection.execute(
        text(f"SELECT {PLACE} AS place, count(*) AS n FROM {ITEMS} WHERE i.engagement = :engagement GROUP BY 1"),  # noqa: S608 - constants of this module
        {"engagement": engagement},
    )
    counted = {row.place: row.n for row in rows}
    return {place: counted.get(place, 0) for place in PLACES}


async def still_open(connection: AsyncConnection, engagement: UUID) -> int:
    """Count the items of an engagement whose custody is not closed."""
    count: int = await connection.scalar(
        text(
            "SELECT count(*) FROM items i WHERE i.engagement = :engagement AND NOT EXISTS "
            "(SELECT FROM timeline t WHERE t.item = i.item AND t.kind = 'tracking.custody-closed.v1')"
        ),
        {"engagement": engagement},
    )
    return count


async def lot_places(connection: AsyncConnection, engagement: UUID) -> dict[str, int]:
    """Count what is held as lots at the place where each lot was last seen: town, transit or centre."""
    rows = await connection.execute(
        text(
            f"SELECT coalesce(m.step, 'town') AS step, sum({HELD})::int AS n FROM lots l "  # noqa: S608 - a constant of ours
            "LEFT JOIN LATERAL (SELECT t.data->>'step' AS step FROM timeline t WHERE t.stream = l.lot "
            "AND t.kind = 'tracking.lot-moved.v1' ORDER BY t.sequence DESC LIMIT 1) m ON true "
            "WHERE l.engagement = :engagement GROUP BY 1"
        ),
        {"engagement": engagement},
    )
    named = {"town": "town", "shipped-out": "transit", "received": "centre"}
    return {named[row.step]: row.n for row in rows}


async def destinations(connection: AsyncConnection, engagement: UUID) -> dict[str, dict[str, int]]:
    """Count where the chassis go, by kind: taken-over, waiting (refurbished, not taken over), recycled, open."""
    rows = await connection.execute(
        text(
            "SELECT CASE WHEN 'tracking.taken-over.v1' = ANY(t.kinds) THEN 'taken-over' "  # noqa: S608 - constants of this module
            "WHEN t.kinds && ARRAY['refurb.recycled.v1'] THEN 'recycled' "
            "WHEN 'refurb.ready.v1' = ANY(t.kinds) THEN 'waiting' ELSE 'open' END AS way, i.kind, count(*) AS n "
            f"FROM {ITEMS} WHERE i.engagement = :engagement GROUP BY 1, 2"
        ),
        {"engagement": engagement},
    )
    ways: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for row in rows:
        ways[row.way][row.kind] = row.n
    return {way: ways.get(way, {}) for way in ("taken-over", "waiting", "recycled", "open")}


@dataclass(frozen=True, slots=True)
class Awaited:
    """How far one kind of certificate has come, and when the rest is due."""

    kind: str
    issued: int
    missing: int
    due_on: date | None  # of the first that is missing


async def certificates(connection: AsyncConnection, engagement: UUID, days: int) -> list[Awaited]:
    """Count the certificates of received items; the time runs from the day of receipt (契約, certificate_days)."""
    rows = await connection.execute(
        text(
            "WITH received AS (SELECT i.item, min(t.occurred_at) AS at FROM timeline t JOIN items i USING (item) "
            " WHERE i.engagement = :engagement AND t.kind = 'tracking.received.v1' GROUP BY 1), "
            "media AS (SELECT r.item, r.at, (m->>'id') AS medium, i.data->'required'->>'at_centre' AS at_centre "
            " FROM received r JOIN items i USING (item), jsonb_array_elements(i.data->'media') m), "
            "wanted AS (SELECT 'destruction' AS kind, item, at, medium FROM media WHERE at_centre = 'destroy' "
            " UNION ALL SELECT 'tracking', item, at, NULL FROM received) "
            "SELECT w.kind, count(*) FILTER (WHERE c.number IS NOT NULL) AS issued, "
            " count(*) FILTER (WHERE c.number IS NULL) AS missing, "
            " min((w.at AT TIME ZONE 'Asia/Tokyo')::date + CAST(:days AS integer)) "
            "  FILTER (WHERE c.number IS NULL) AS due_on "
            "FROM wanted w LEFT JOIN LATERAL (SELECT t.data->>'number' AS number FROM timeline t WHERE t.item = w.item "
            " AND t.kind = 'certificates.issued.v1' AND t.data->>'certificate_kind' = w.kind "
            " AND (w.medium IS NULL OR t.data->>'medium' = w.medium) AND NOT EXISTS (SELECT FROM timeline v "
            " WHERE v.stream = t.stream AND v.kind = 'certificates.revoked.v1') LIMIT 1) c ON true "
            "GROUP BY 1 ORDER BY 1"
        ),
        {"engagement": engagement, "days": days},
    )
    return [Awaited(*row) for row in rows]


async def weights(connection: AsyncConnection, engagement: UUID) -> list[tuple[str, float]]:
    """Sum the kilograms that recycling gave back, by material."""
    rows = await connection.execute(
        text(
            "SELECT w->>'material' AS material, sum((w->>'kg')::float) AS kg FROM timeline t "
            "JOIN items i USING (item), jsonb_array_elements(t.data->'weights') w "
            "WHERE i.engagement = :engagement AND t.kind = 'refurb.recycled.v1' GROUP BY 1 ORDER BY 2 DESC"
        ),
        {"engagement": engagement},
    )
    return [(row.material, row.kg) for row in rows]
