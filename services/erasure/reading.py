"""What is read of erasure's views, by commands, the API and the pages."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.erasure.domain.medium import Registered
from services.erasure.domain.recheck import Look, Lot, lot
from shared.events.tracking import Required
from shared.levels import Level
from shared.serial import loose
from shared.simulated import is_marked

# ── media, as registered and as they are ──────────────────────────────────────────────────────────────────────────────

_REGISTERED = text(
    "SELECT m.medium, m.item, m.tenant, m.label, m.serial, m.kind, m.item_kind, "
    "(SELECT r.required FROM requirements r WHERE r.item = m.item "
    "ORDER BY r.recorded_at DESC, r.sequence DESC LIMIT 1) AS required, "
    "EXISTS (SELECT FROM exceptions x WHERE x.medium = m.medium) AS excepted, "
    "coalesce((SELECT e.title FROM engagements e WHERE e.engagement = m.engagement), '') AS title "
    "FROM media m WHERE m.item = ANY(:items) OR m.medium = ANY(:media) ORDER BY m.item, m.nth"
)


async def registered(
    connection: AsyncConnection, *, items: Iterable[UUID] = (), media: Iterable[UUID] = ()
) -> list[Registered]:
    """Return media as registered, by item or by their own ids, in the order of their items."""
    rows = await connection.execute(_REGISTERED, {"items": list(items), "media": list(media)})
    return [
        Registered(
            medium=row.medium,
            item=row.item,
            tenant=row.tenant,
            label=row.label,
            serial=row.serial,
            kind=row.kind,
            required=Required.model_validate(row.required),
            excepted=row.excepted,
            simulated=is_marked(row.title),
            item_kind=row.item_kind,
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A registered medium whose serial is, or looks like, what a report says."""

    medium: UUID
    item: UUID
    tenant: str
    engagement: UUID
    label: str
    serial: str
    loose: str
    kind: str
    host: str  # serial of the computer it is registered with


async def media_by_serial(connection: AsyncConnection, serials: Iterable[str], party: str) -> list[Candidate]:
    """Return media with these serials or near ones, of the party itself or of towns it acts for under a contract."""
    rows = await connection.execute(
        text("SELECT * FROM media_like(:loose, :party) ORDER BY label, serial"),
        {"loose": sorted({loose(serial) for serial in serials}), "party": party},
    )
    return [Candidate(*row) for row in rows]


@dataclass(frozen=True, slots=True)
class Deed:
    """What was done to a medium, by one entry."""

    entry: UUID
    medium: UUID
    kind: str
    occurred_at: datetime
    recorded_at: datetime
    person: str
    party: str
    data: dict[str, Any]


async def deeds_of(connection: AsyncConnection, *items: UUID) -> list[Deed]:
    """Return what was done to the media of items, oldest first."""
    rows = await connection.execute(
        text(
            "SELECT entry, medium, kind, occurred_at, recorded_at, person, party, data FROM deeds "
            "WHERE item = ANY(:items) ORDER BY recorded_at, stream, sequence"
        ),
        {"items": list(items)},
    )
    return [Deed(*row) for row in rows]


async def of_tray(connection: AsyncConnection, tray: str, items: Sequence[UUID]) -> list[Deed]:
    """Return the destructions of one tray, in the order of their labels."""
    rows = await connection.execute(
        text(
            "SELECT d.entry, d.medium, d.kind, d.occurred_at, d.recorded_at, d.person, d.party, d.data "
            "FROM media m JOIN deeds d USING (medium) WHERE m.item = ANY(:items) "
            "AND d.kind = 'erasure.medium-destroyed.v1' AND d.data->'tray'->>'tray' = :tray ORDER BY m.label, m.nth"
        ),
        {"tray": tray, "items": list(items)},
    )
    return [Deed(*row) for row in rows]


async def place_of(connection: AsyncConnection, item: UUID) -> str:
    """Return where an item was last said to be: town-hall, on-the-way or centre."""
    place = await connection.scalar(
        text("SELECT place FROM places WHERE item = :item ORDER BY occurred_at DESC, sequence DESC LIMIT 1"),
        {"item": item},
    )
    return str(place or "town-hall")


@dataclass(frozen=True, slots=True)
class Overview:
    """How far the media of a town (or one engagement of it) are: every number counted from media."""

    media: int
    erased: int  # a level is proved
    sufficient: int  # of these, what the town asks on site
    failed: int  # a report proves nothing, and no other does
    excepted: int
    removed: int
    destroyed: int
    not_conformant: int
    levels: dict[str, int]  # by the highest level proved
    in_doubt: int = 0  # of the sufficient, not counted there: a failed re-check reopened their lot


JUDGEMENTS = ("erasure.medium-erased.v1", "erasure.erasure-failed.v1")

# What a failed re-check takes back: everything a medium's entries proved up to it.
_TAKEN_BACK = (
    "SELECT medium, max(sequence) AS till FROM deeds "
    "WHERE kind = 'erasure.erasure-verified.v1' AND data->>'passed' = 'false' GROUP BY medium"
)
# A judgement stands when its report came after that, and no later table's judgement of the same report stands for it.
_STANDS = (
    "CASE WHEN d.regrades IS NULL THEN d.sequence ELSE (SELECT f.sequence FROM deeds f WHERE f.stream = d.stream "
    "AND f.entry = d.regrades) END > coalesce(b.till, 0) AND NOT EXISTS (SELECT FROM deeds later "
    "WHERE later.regrades = coalesce(d.regrades, d.entry) AND later.stream = d.stream AND later.sequence > d.sequence)"
)


async def overview(connection: AsyncConnection, engagement: UUID | None = None) -> Overview:
    """Count the media that this transaction's tenant may see."""
    row = (
        await connection.execute(
            text(
                "SELECT count(*) AS media, count(*) FILTER (WHERE clear OR purge) AS erased, "  # noqa: S608 - constants
                "count(*) FILTER (WHERE enough) AS sufficient, "
                "count(*) FILTER (WHERE failed AND NOT coalesce(clear OR purge, false)) AS failed, "
                "count(*) FILTER (WHERE excepted) AS excepted, count(*) FILTER (WHERE removed) AS removed, "
                "count(*) FILTER (WHERE destroyed) AS destroyed, count(*) FILTER (WHERE flagged) AS not_conformant, "
                "count(*) FILTER (WHERE clear AND NOT purge) AS clear, count(*) FILTER (WHERE purge) AS purge FROM ("
                f"SELECT m.medium, bool_or(d.achieved = 'clear' AND {_STANDS}) AS clear, "
                f"coalesce(bool_or(d.achieved IN ('purge', 'destroy') AND {_STANDS}), false) AS purge, "
                f"bool_or(d.sufficient AND {_STANDS}) AS enough, "
                "bool_or(d.kind = 'erasure.erasure-failed.v1' OR b.till IS NOT NULL) AS failed, "
                "bool_or(d.kind = 'erasure.medium-removed.v1') AS removed, "
                "bool_or(d.kind = 'erasure.medium-destroyed.v1') AS destroyed, "
                "bool_or(NOT d.conformant) AS flagged, "
                "EXISTS (SELECT FROM exceptions x WHERE x.medium = m.medium) AS excepted "
                f"FROM media m LEFT JOIN deeds d USING (medium) LEFT JOIN ({_TAKEN_BACK}) b USING (medium) "
                "WHERE CAST(:engagement AS uuid) IS NULL OR m.engagement = :engagement GROUP BY m.medium) each"
            ),
            {"engagement": engagement},
        )
    ).one()
    counts = row._asdict()
    levels = {"clear": counts.pop("clear"), "purge": counts.pop("purge")}
    return Overview(**counts, levels=levels)


async def lot_of(connection: AsyncConnection, engagement: UUID) -> Lot:
    """Return how the re-check of an engagement stands, from everything done to its media."""
    of = {"engagement": engagement}
    looks = await connection.execute(
        text(
            "SELECT d.entry, d.medium, d.data->>'passed' = 'true' FROM deeds d JOIN media m USING (medium) WHERE "
            "m.engagement = :engagement AND d.kind = 'erasure.erasure-verified.v1' ORDER BY d.medium, d.sequence"
        ),
        of,
    )
    now = list(
        await connection.execute(
            text(
                f"SELECT d.medium, bool_or(d.achieved IS NOT NULL AND {_STANDS}) AS proved, "  # noqa: S608 - constants
                "bool_or(d.kind = 'erasure.medium-destroyed.v1') AS destroyed FROM deeds d JOIN media m USING (medium) "
                f"LEFT JOIN ({_TAKEN_BACK}) b USING (medium) WHERE m.engagement = :engagement GROUP BY d.medium"
            ),
            of,
        )
    )
    return lot(
        engagement,
        await first_erasures(connection, engagement),
        [Look(*row) for row in looks],
        proved={row.medium for row in now if row.proved},
        destroyed={row.medium for row in now if row.destroyed},
    )


async def doubting(connection: AsyncConnection, counted: Overview, engagement: UUID) -> tuple[Overview, Lot]:
    """Return the counts without what a reopened lot puts in doubt, and how the lot stands."""
    stands = await lot_of(connection, engagement)
    if not stands.in_doubt:
        return counted, stands
    doubted = await connection.scalar(
        text(
            "SELECT count(DISTINCT d.medium) FROM deeds d "  # noqa: S608 - constants
            f"LEFT JOIN ({_TAKEN_BACK}) b USING (medium) WHERE d.medium = ANY(:media) AND d.sufficient AND {_STANDS}"
        ),
        {"media": list(stands.in_doubt)},
    )
    n = doubted or 0
    return replace(counted, sufficient=counted.sufficient - n, in_doubt=n), stands


@dataclass(frozen=True, slots=True)
class Stuck:
    """A medium for which no report proves what the town asks, though one was filed."""

    label: str
    serial: str
    kind: str
    excepted: bool
    said: dict[str, Any]  # of the last report, or of the re-check that failed


async def stuck(connection: AsyncConnection, engagement: UUID, count: int) -> list[Stuck]:
    """Return media of an engagement whose reports are not enough, the latest first."""
    rows = await connection.execute(
        text(
            "WITH judged AS (SELECT d.medium, max(d.sequence) FILTER (WHERE d.kind IN "  # noqa: S608 - constants
            "('erasure.medium-erased.v1', 'erasure.erasure-failed.v1') OR d.sequence = b.till) AS last "
            f"FROM deeds d JOIN media m USING (medium) LEFT JOIN ({_TAKEN_BACK}) b USING (medium) "
            "WHERE m.engagement = :engagement GROUP BY d.medium "
            f"HAVING NOT coalesce(bool_or(d.sufficient AND {_STANDS}), false) "
            "AND NOT bool_or(d.kind = 'erasure.medium-destroyed.v1')) "
            "SELECT m.label, m.serial, m.kind, "
            "EXISTS (SELECT FROM exceptions x WHERE x.medium = m.medium) AS excepted, d.data "
            "FROM judged j JOIN media m USING (medium) JOIN deeds d ON d.stream = j.medium AND d.sequence = j.last "
            "ORDER BY d.recorded_at DESC, m.label LIMIT :count"
        ),
        {"engagement": engagement, "count": count},
    )
    return [Stuck(*row) for row in rows]


async def last_destroyed(connection: AsyncConnection, count: int) -> list[Deed]:
    """Return the media destroyed last, newest first."""
    rows = await connection.execute(
        text(
            "SELECT entry, medium, kind, occurred_at, recorded_at, person, party, data FROM deeds "
            "WHERE kind = 'erasure.medium-destroyed.v1' ORDER BY recorded_at DESC, entry DESC LIMIT :count"
        ),
        {"count": count},
    )
    return [Deed(*row) for row in rows]


async def first_erasures(connection: AsyncConnection, engagement: UUID) -> dict[UUID, UUID]:
    """Return the entry of the first proved erasure of each medium of an engagement."""
    rows = await connection.execute(
        text(
            "SELECT DISTINCT ON (d.medium) d.medium, d.entry FROM deeds d JOIN media m USING (medium) "
            "WHERE m.engagement = :engagement AND d.kind = 'erasure.medium-erased.v1' ORDER BY d.medium, d.sequence"
        ),
        {"engagement": engagement},
    )
    return {row.medium: row.entry for row in rows}


# ── who may read which bytes, and for whom a party acts ───────────────────────────────────────────────────────────────


async def report_named(connection: AsyncConnection, sha256: str) -> str | None:
    """Return the file name under which an entry that this tenant may read names a report."""
    found = await connection.scalar(text("SELECT filename FROM reports WHERE sha256 = :s LIMIT 1"), {"s": sha256})
    return str(found) if found else None


async def photo_named(connection: AsyncConnection, sha256: str) -> bool:
    """Tell whether an entry that this tenant may read names this photo."""
    return bool(await connection.scalar(text("SELECT 1 FROM photos WHERE sha256 = :s LIMIT 1"), {"s": sha256}))


@dataclass(frozen=True, slots=True)
class Engagement:
    """A contract under which a party works for a town."""

    engagement: UUID
    town: str
    town_name: str
    title: str


async def engagements(connection: AsyncConnection, party: str) -> list[Engagement]:
    """Return the open contracts of a party, newest first."""
    rows = await connection.execute(
        text(
            "SELECT e.engagement, e.town, coalesce(p.name, e.town) AS town_name, e.title FROM engagements e "
            "LEFT JOIN parties p ON p.party = e.town WHERE e.engagement IN (SELECT * FROM acts_for(e.town, :party)) "
            "ORDER BY e.starts_on DESC, e.engagement DESC"
        ),
        {"party": party},
    )
    return [Engagement(*row) for row in rows]


async def witnesses_of(connection: AsyncConnection, town: str) -> list[tuple[str, str]]:
    """Return the town's people who may stand by, as reference and name."""
    rows = await connection.execute(
        text("SELECT person, name FROM people WHERE party = :town AND roles ? 'witness' ORDER BY name"), {"town": town}
    )
    return [(row.person, row.name) for row in rows]


async def directories(
    connection: AsyncConnection, person: str, party: str, engagement: UUID | None = None
) -> set[Literal["town", "centre"]]:
    """Return on whose directory a person is, of the towns and centres of this party's engagements, or of this one."""
    found = await connection.scalars(
        text(
            "SELECT DISTINCT CASE p.party WHEN e.town THEN 'town' ELSE 'centre' END "
            "FROM people p JOIN engagements e ON p.party IN (e.town, e.centre) "
            "WHERE p.person = :person AND :party IN (e.town, e.centre) "
            "AND (CAST(:engagement AS uuid) IS NULL OR e.engagement = :engagement)"
        ),
        {"person": person, "party": party, "engagement": engagement},
    )
    return set(found)


async def worked(
    connection: AsyncConnection, person: str, engagement: UUID, began_at: datetime, ended_at: datetime | None
) -> bool:
    """Tell whether a person treated a medium of the engagement in a span of time."""
    found = await connection.scalar(
        text(
            "SELECT 1 FROM deeds d JOIN media m USING (medium) WHERE m.engagement = :engagement AND d.person = :person "
            "AND d.occurred_at >= :began AND (CAST(:ended AS timestamptz) IS NULL OR d.occurred_at <= :ended) LIMIT 1"
        ),
        {"person": person, "engagement": engagement, "began": began_at, "ended": ended_at},
    )
    return bool(found)


async def engagement_of(connection: AsyncConnection, item: UUID) -> UUID | None:
    """Return the engagement an item was registered under."""
    found: UUID | None = await connection.scalar(
        text("SELECT engagement FROM items WHERE item = :item"), {"item": item}
    )
    return found


async def names(connection: AsyncConnection, people: Iterable[str]) -> dict[str, str]:
    """Return the names of people whose card this transaction may see; a forgotten person stays a reference."""
    rows = await connection.execute(
        text("SELECT person, name FROM people WHERE person = ANY(:people)"), {"people": list(people)}
    )
    return {row.person: row.name for row in rows}


def highest(deeds: Iterable[Deed], medium: UUID) -> str:
    """Return the highest level that deeds prove for a medium, "" for none; they are given oldest first."""
    proved: dict[str, Level | None] = {}
    taken_back: set[str] = set()
    for deed in deeds:
        if deed.medium != medium:
            continue
        if deed.data.get("passed") is False:
            taken_back |= proved.keys()
        if deed.kind in JUDGEMENTS:
            level = deed.data.get("achieved")
            proved[deed.data.get("regrades", str(deed.entry))] = Level(level) if level else None
    levels = [level for report, level in proved.items() if level and report not in taken_back]
    return max(levels, key=lambda level: level.rank, default="")


def standing(deeds: Iterable[Deed]) -> list[Deed]:
    """Return deeds, oldest first, without the judgements for which a later table's stands."""
    told = list(deeds)
    last = {deed.data.get("regrades", str(deed.entry)): deed for deed in told}
    return [deed for deed in told if last[deed.data.get("regrades", str(deed.entry))] is deed]


async def graded_otherwise(connection: AsyncConnection, version: str, after: UUID | None, count: int) -> list[UUID]:
    """Return media with a judgement by another table than this, in the order of their ids, after one of them."""
    found = await connection.scalars(
        text(
            "SELECT DISTINCT d.medium FROM deeds d WHERE d.data ? 'table_version' "
            "AND d.data->>'table_version' <> :version "
            "AND (CAST(:after AS uuid) IS NULL OR d.medium > :after) ORDER BY d.medium LIMIT :count"
        ),
        {"version": version, "after": after, "count": count},
    )
    return list(found)


async def reports_of(connection: AsyncConnection, media: Sequence[UUID]) -> list[tuple[str, str, str]]:
    """Return tenant, SHA-256 and file name of every report that entries about these media name."""
    rows = await connection.execute(
        text("SELECT DISTINCT tenant, sha256, filename FROM reports WHERE medium = ANY(:media) ORDER BY 1, 2, 3"),
        {"media": list(media)},
    )
    return [(row.tenant, row.sha256, row.filename) for row in rows]
