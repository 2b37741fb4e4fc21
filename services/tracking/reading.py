"""Reads that only tracking's pages need: counts, places, what waits, and what the public may see. SQL only, no writes.

Row-level security has already chosen the town: no statement here names a tenant except to join it.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

PAGE_SIZE = 100  # rows of one page of a list

# Where a device is now, from the last thing that happened to it; the order is that of the journey, latest first.
PLACE = """CASE
 WHEN given.item IS NOT NULL THEN 'given'
 WHEN 'refurb.recycled.v1' = ANY(t.kinds) THEN 'recycled'
 WHEN 'tracking.taken-over.v1' = ANY(t.kinds) THEN 'taken-over'
 WHEN 'refurb.delivered-to-town.v1' = ANY(t.kinds) THEN 'on-its-way'
 WHEN 'tracking.received.v1' = ANY(t.kinds) THEN 'centre'
 WHEN 'tracking.shipped-out.v1' = ANY(t.kinds) THEN 'transit'
 ELSE 'town' END"""
PLACES = ("town", "transit", "centre", "recycled", "on-its-way", "taken-over", "given")

_ITEMS = """items i
 LEFT JOIN LATERAL (SELECT coalesce(array_agg(DISTINCT t.kind), '{}') AS kinds
                    FROM timeline t WHERE t.item = i.item) t ON true
 LEFT JOIN (SELECT DISTINCT x::uuid AS item FROM timeline h, jsonb_array_elements_text(h.data->'items') x
            WHERE h.kind = 'donations.handed-over.v1') given ON given.item = i.item"""

_REFURB_STEPS = ("ssd", "os", "cleaning", "support")


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
    return SecondLife({step: counted.get(step, 0) for step in _REFURB_STEPS}, given or 0)


async def places(connection: AsyncConnection, engagement: UUID) -> dict[str, int]:
    """Count the items of an engagement at each place."""
    rows = await connection.execute(
        text(f"SELECT {PLACE} AS place, count(*) AS n FROM {_ITEMS} WHERE i.engagement = :engagement GROUP BY 1"),  # noqa: S608 - constants of this module
        {"engagement": engagement},
    )
    counted = {row.place: row.n for row in rows}
    return {place: counted.get(place, 0) for place in PLACES}


async def lot_places(connection: AsyncConnection, engagement: UUID) -> dict[str, int]:
    """Count what is held as lots at the place where each lot was last seen: town, transit or centre."""
    rows = await connection.execute(
        text(
            "SELECT coalesce(m.step, 'town') AS step, sum(l.count)::int AS n FROM lots l "
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
            f"FROM {_ITEMS} WHERE i.engagement = :engagement GROUP BY 1, 2"
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


@dataclass(frozen=True, slots=True)
class Difference:
    """A discrepancy: what it is about, which machines, and whether something resolved it."""

    id: UUID
    about: str
    cage: UUID | None
    items: tuple[tuple[str, str], ...]  # label, kind
    reason: str
    person: str
    second: str
    found_at: datetime
    outcome: str | None
    explanation: str | None


async def differences(connection: AsyncConnection, *, only: UUID | None = None) -> list[Difference]:
    """Return the town's discrepancies, the open ones first."""
    rows = list(
        await connection.execute(
            text(
                "SELECT f.stream, f.data, f.person, f.occurred_at, r.data AS resolved FROM timeline f "
                "LEFT JOIN timeline r ON r.stream = f.stream AND r.kind = 'tracking.discrepancy-resolved.v1' "
                "WHERE f.kind = 'tracking.discrepancy-found.v1' AND (CAST(:only AS uuid) IS NULL OR f.stream = :only) "
                "ORDER BY r.stream IS NOT NULL, f.occurred_at"
            ),
            {"only": only},
        )
    )
    named = await labels_of(connection, [UUID(item) for row in rows for item in row.data["items"]])
    return [
        Difference(
            row.stream,
            row.data["about"],
            UUID(row.data["cage"]) if row.data.get("cage") else None,
            tuple(named[UUID(item)] for item in row.data["items"] if UUID(item) in named),
            row.data["reason"],
            row.person,
            row.data["second"],
            row.occurred_at,
            row.resolved["outcome"] if row.resolved else None,
            row.resolved["explanation"] if row.resolved else None,
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Asked:
    """An exception that waits for the approver."""

    label: str
    kind: str
    reason: str
    asked_at: datetime


async def exceptions_asked(connection: AsyncConnection) -> list[Asked]:
    """Return the exceptions that were asked for and not yet approved, oldest first."""
    rows = await connection.execute(
        text(
            "SELECT i.label, i.kind, a.data->>'reason', a.occurred_at FROM timeline a JOIN items i USING (item) "
            "WHERE a.kind = 'tracking.exception-requested.v1' AND NOT EXISTS (SELECT FROM timeline b "
            "WHERE b.stream = a.stream AND b.kind = 'tracking.exception-approved.v1') ORDER BY a.occurred_at"
        )
    )
    return [Asked(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Listed:
    """One row of the list of items."""

    label: str
    kind: str
    asset_number: str | None
    model: str | None
    kinds: tuple[str, ...]  # of what happened
    place: str


# What "has come this far" means in the list's filter; the words are those of the two lines.
STEPS: dict[str, str] = {
    "registered": "true",
    "erased": "'erasure.medium-erased.v1' = ANY(t.kinds)",
    "shipped-out": "'tracking.shipped-out.v1' = ANY(t.kinds)",
    "received": "'tracking.received.v1' = ANY(t.kinds)",
    "destroyed": "'erasure.medium-destroyed.v1' = ANY(t.kinds)",
    "closed": "'tracking.custody-closed.v1' = ANY(t.kinds)",
    "ready": "'refurb.ready.v1' = ANY(t.kinds)",
    "taken-over": "'tracking.taken-over.v1' = ANY(t.kinds)",
    "given": "given.item IS NOT NULL",
    "recycled": "'refurb.recycled.v1' = ANY(t.kinds)",
} | {
    step: "EXISTS (SELECT FROM timeline s WHERE s.item = i.item AND s.kind = 'refurb.step-done.v1' "
    f"AND s.data->>'step' = '{step}')"
    for step in _REFURB_STEPS
}


async def items(
    connection: AsyncConnection, engagement: UUID, *, step: str = "", place: str = "", kind: str = "", page: int = 1
) -> tuple[int, list[Listed]]:
    """Return how many items of an engagement fit, and one page of them; unknown filters fit nothing."""
    where = (
        f"i.engagement = :engagement AND (:kind = '' OR i.kind = :kind) AND ({STEPS.get(step, str(not step).lower())})"
    )
    where += f" AND (:place = '' OR {PLACE} = :place)"
    given = {"engagement": engagement, "kind": kind, "place": place}
    total = await connection.scalar(text(f"SELECT count(*) FROM {_ITEMS} WHERE {where}"), given)  # noqa: S608 - constants of this module
    rows = await connection.execute(
        text(
            f"SELECT i.label, i.kind, i.data->>'asset_number', i.data->>'model', t.kinds, {PLACE} FROM {_ITEMS} "  # noqa: S608 - constants of this module
            f"WHERE {where} ORDER BY i.data->>'asset_number', i.label LIMIT :size OFFSET :start"
        ),
        given | {"size": PAGE_SIZE, "start": (page - 1) * PAGE_SIZE},
    )
    return total or 0, [Listed(row[0], row[1], row[2], row[3], tuple(row[4]), row[5]) for row in rows]


async def labels_of(connection: AsyncConnection, wanted: Sequence[UUID]) -> dict[UUID, tuple[str, str]]:
    """Return label and kind of items by their stream."""
    rows = await connection.execute(
        text("SELECT item, label, kind FROM items WHERE item = ANY(:wanted)"), {"wanted": list(wanted)}
    )
    return {row.item: (row.label, row.kind) for row in rows}


async def names_of(connection: AsyncConnection, people: Iterable[str]) -> dict[str, str]:
    """Return the names the directory still has for these people; who was forgotten stays a reference."""
    rows = await connection.execute(
        text("SELECT person, name FROM people WHERE person = ANY(:people)"), {"people": list(people)}
    )
    return {row.person: row.name for row in rows}


async def parties_of(connection: AsyncConnection) -> dict[str, str]:
    """Return every party's name."""
    return {row.party: row.name for row in await connection.execute(text("SELECT party, name FROM parties"))}


@dataclass(frozen=True, slots=True)
class Person:
    """A card of the directory."""

    person: str
    party: str
    name: str
    title: str | None
    roles: tuple[str, ...]
    contact: str | None = None


async def people(connection: AsyncConnection, parties: Sequence[str]) -> list[Person]:
    """Return the people of these parties, by name."""
    rows = await connection.execute(
        text("SELECT person, party, name, title, roles, contact FROM people WHERE party = ANY(:parties) ORDER BY name"),
        {"parties": list(parties)},
    )
    return [Person(row.person, row.party, row.name, row.title, tuple(row.roles), row.contact) for row in rows]


@dataclass(frozen=True, slots=True)
class Caged:
    """One item of a cage."""

    item: UUID
    label: str
    kind: str
    shipped: bool
    received: bool


@dataclass(frozen=True, slots=True)
class Cage:
    """A sealed cage with what is in it, by its own ledger: the bus may lag, the door does not."""

    cage: UUID
    number: str
    seal: str
    engagement: UUID
    sealed_at: datetime
    items: tuple[Caged, ...]
    opened: dict[str, Any] | None

    @property
    def received(self) -> int:
        """How many of its items were scanned in."""
        return sum(one.received for one in self.items)

    @property
    def shipped(self) -> bool:
        """Whether it is in the carrier's hands or beyond."""
        return any(one.shipped for one in self.items)

    @property
    def missing(self) -> tuple[Caged, ...]:
        """What was loaded and not scanned in."""
        return tuple(one for one in self.items if not one.received)


async def cages(connection: AsyncConnection, engagement: UUID) -> list[Cage]:
    """Return the cages of an engagement in the order of their numbers."""
    rows = list(
        await connection.execute(
            text(
                "SELECT s.stream, s.data, s.occurred_at, o.data AS opened FROM timeline s LEFT JOIN timeline o "
                "ON o.stream = s.stream AND o.kind = 'tracking.cage-opened.v1' "
                "WHERE s.kind = 'tracking.cage-sealed.v1' AND s.data->>'engagement' = :engagement"
            ),
            {"engagement": str(engagement)},
        )
    )
    loaded = [UUID(item) for row in rows for item in row.data["items"]]
    named = await labels_of(connection, loaded)
    kinds: defaultdict[UUID, set[str]] = defaultdict(set)
    for row in await connection.execute(
        text("SELECT stream, kind FROM entries WHERE stream = ANY(:loaded)"), {"loaded": loaded}
    ):
        kinds[row.stream].add(row.kind)
    found = [
        Cage(
            row.stream,
            row.data["number"],
            row.data["seal"],
            engagement,
            row.occurred_at,
            tuple(
                Caged(
                    item,
                    *named[item],
                    "tracking.shipped-out.v1" in kinds[item],
                    "tracking.received.v1" in kinds[item],
                )
                for item in (UUID(one) for one in row.data["items"])
                if item in named
            ),
            row.opened,
        )
        for row in rows
    ]
    return sorted(found, key=lambda cage: (len(cage.number), cage.number))


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


@dataclass(frozen=True, slots=True)
class Shown:
    """One event as the public may see it: no person, no serial, no department."""

    kind: str
    occurred_at: datetime
    step: str | None  # of the second life
    achieved: str | None
    medium: str | None  # an id that names nothing outside; it tells one of two disks from the other
    party: str  # the name of an organisation
    index: int | None


@dataclass(frozen=True, slots=True)
class Public:
    """What the holder of a label may know of it."""

    label: str
    kind: str
    media: int
    town: str
    contact: str | None
    events: tuple[Shown, ...]
    given: datetime | None


# Only these leave the house, and of each only the fields that `public` names: this page is for everybody.
PUBLIC_KINDS = (
    "tracking.item-registered.v1",
    "erasure.medium-erased.v1",
    "tracking.shipped-out.v1",
    "tracking.received.v1",
    "erasure.medium-destroyed.v1",
    "tracking.custody-closed.v1",
    "refurb.step-done.v1",
    "tracking.taken-over.v1",
    "refurb.recycled.v1",
)


async def public(connection: AsyncConnection, item: UUID) -> Public | None:
    """Return what anybody with the label may see of an item; None when it is not a device."""
    about = (
        await connection.execute(
            text(
                "SELECT i.label, i.kind, jsonb_array_length(i.data->'media') AS media, p.name AS town, p.contact "
                "FROM items i JOIN parties p ON p.party = i.tenant WHERE i.item = :item"
            ),
            {"item": item},
        )
    ).one_or_none()
    if about is None:
        return None
    rows = await connection.execute(
        text(
            "SELECT t.kind, t.occurred_at, t.data->>'step', t.data->>'achieved', t.data->>'medium', "
            "coalesce(p.name, '') AS party, l.\"index\" FROM timeline t LEFT JOIN leaves l USING (entry) "
            "LEFT JOIN parties p ON p.party = t.party WHERE t.item = :item AND t.kind = ANY(:kinds) "
            "ORDER BY t.occurred_at, t.recorded_at, t.sequence"
        ),
        {"item": item, "kinds": list(PUBLIC_KINDS)},
    )
    given = await given_at(connection, item)
    return Public(
        about.label, about.kind, about.media, about.town, about.contact, tuple(Shown(*r) for r in rows), given
    )


async def last_records(
    connection: AsyncConnection, labels: Sequence[str]
) -> tuple[dict[str, str], dict[str, tuple[str, datetime]]]:
    """Return the kind of device of each label, and the last thing recorded about it with its moment."""
    rows = list(
        await connection.execute(
            text(
                "SELECT i.label, i.kind, l.kind AS last, l.occurred_at FROM items i LEFT JOIN LATERAL "
                "(SELECT t.kind, t.occurred_at FROM timeline t WHERE t.item = i.item ORDER BY t.occurred_at DESC, "
                "t.recorded_at DESC LIMIT 1) l ON true WHERE i.label = ANY(:labels)"
            ),
            {"labels": list(labels)},
        )
    )
    return {row.label: row.kind for row in rows}, {row.label: (row.last, row.occurred_at) for row in rows if row.last}


async def given_at(connection: AsyncConnection, item: UUID) -> datetime | None:
    """Return when the machine was handed over to its new owner."""
    at: datetime | None = await connection.scalar(
        text("SELECT min(occurred_at) FROM timeline WHERE kind = 'donations.handed-over.v1' AND data->'items' ? :item"),
        {"item": str(item)},
    )
    return at


async def parties_engaged(connection: AsyncConnection, engagement: UUID) -> tuple[str, ...]:
    """Return town and centre of an engagement."""
    row = (
        await connection.execute(
            text("SELECT town, centre FROM engagements WHERE engagement = :engagement"), {"engagement": engagement}
        )
    ).one_or_none()
    return (row.town, row.centre) if row else ()
