"""Counts of one engagement: where its items are, how far certificates and second lives have come."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.tracking.reading.listing import ITEMS, PLACE, PLACES, REFURB_STEPS
from services.tracking.reading.overview import HELD
from shared.deadline import SOON_DAYS, after, business_days, due_sql


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
            "SELECT t.step, count(*) AS n FROM items i CROSS JOIN LATERAL (SELECT DISTINCT t.data->>'step' AS step "
            "FROM timeline t WHERE t.item = i.item AND t.kind = 'refurb.step-done.v1') t "
            "WHERE i.engagement = :engagement GROUP BY 1"
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
    overdue: int  # missing, and the deadline has passed
    soon: int  # missing, and due within SOON_DAYS business days


async def certificates(connection: AsyncConnection, engagement: UUID, today: date) -> list[Awaited]:
    """Count the certificates owed; the time runs from the day of receipt, or the contract names a date (`deadline`)."""
    rows = await connection.execute(
        text(
            f"WITH owing AS (SELECT i.item, i.data, {due_sql('r.at', 'e')} AS due_on FROM items i "  # noqa: S608 - constants
            " JOIN engagements e USING (engagement) CROSS JOIN LATERAL (SELECT min(t.recorded_at) AS at "
            "  FROM timeline t WHERE t.item = i.item AND t.kind = 'tracking.received.v1') r "
            " WHERE i.engagement = :engagement AND (r.at IS NOT NULL OR e.certificate_by IS NOT NULL)), "
            "media AS (SELECT o.item, o.due_on, (m->>'id') AS medium, o.data->'required'->>'assurance' AS assurance, "
            " coalesce(o.data->'required'->>'at_centre', o.data->'required'->>'on_site') AS last, "
            " EXISTS (SELECT FROM timeline d WHERE d.item = o.item AND d.kind = 'erasure.medium-destroyed.v1' "
            "  AND d.data->>'medium' = m->>'id') AS crushed FROM owing o, jsonb_array_elements(o.data->'media') m), "
            "wanted AS (SELECT CASE WHEN last = 'destroy' OR crushed THEN 'destruction' ELSE 'erasure' END AS kind, "
            " item, due_on, medium FROM media "  # shared/certification.py says the same
            " WHERE last = 'destroy' OR crushed OR (last IS NOT NULL AND assurance <> 'witnessed') "
            " UNION ALL SELECT 'tracking', item, due_on, NULL FROM owing) "
            "SELECT w.kind, count(*) FILTER (WHERE c.number IS NOT NULL) AS issued, "
            " count(*) FILTER (WHERE c.number IS NULL) AS missing, "
            " min(w.due_on) FILTER (WHERE c.number IS NULL) AS due_on, "
            " count(*) FILTER (WHERE c.number IS NULL AND w.due_on < :today) AS overdue, "
            " count(*) FILTER (WHERE c.number IS NULL AND w.due_on BETWEEN :today AND :soon) AS soon "
            "FROM wanted w LEFT JOIN LATERAL (SELECT t.data->>'number' AS number FROM timeline t WHERE t.item = w.item "
            " AND t.kind = 'certificates.issued.v1' AND t.data->>'certificate_kind' = w.kind "
            " AND (w.medium IS NULL OR t.data->>'medium' = w.medium) AND NOT EXISTS (SELECT FROM timeline v "
            " WHERE v.stream = t.stream AND v.kind = 'certificates.revoked.v1') LIMIT 1) c ON true "
            "GROUP BY 1 ORDER BY 1"
        ),
        {"engagement": engagement, "business": list(business_days()), "today": today, "soon": after(today, SOON_DAYS)},
    )
    return [Awaited(*row) for row in rows]


async def weights(connection: AsyncConnection, engagement: UUID) -> list[tuple[str, float]]:
    """Sum the kilograms that recycling gave back, by material: of chassis by themselves, and of whole consignments."""
    rows = await connection.execute(
        text(
            "SELECT w->>'material' AS material, sum((w->>'kg')::float) AS kg FROM ("
            " SELECT t.data FROM items i CROSS JOIN LATERAL (SELECT t.data FROM timeline t "
            "  WHERE t.item = i.item AND t.kind = 'refurb.recycled.v1') t WHERE i.engagement = :engagement UNION ALL ("
            " SELECT DISTINCT ON (t.stream) t.data FROM timeline t JOIN timeline c USING (stream) "
            " WHERE c.kind = 'refurb.consigned.v1' AND c.data->>'engagement' = CAST(:engagement AS text) "
            " AND t.kind = 'refurb.material-reported.v1' ORDER BY t.stream, t.sequence DESC)"
            ") told, jsonb_array_elements(told.data->'weights') w GROUP BY 1 ORDER BY 2 DESC"
        ),
        {"engagement": engagement},
    )
    return [(row.material, row.kg) for row in rows]
