"""What was done to media, and which of its judgements stand."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.events.erasure import UNCONFIRMED
from shared.levels import Level

# What a failed re-check takes back: everything a medium's entries proved up to it.
TAKEN_BACK = (
    "SELECT medium, max(sequence) AS till FROM deeds "
    "WHERE kind = 'erasure.erasure-verified.v1' AND data->>'passed' = 'false' GROUP BY medium"
)
# A judgement stands when its report came after that, and no later table's judgement of the same report stands for it.
STANDS = (
    "CASE WHEN d.regrades IS NULL THEN d.sequence ELSE (SELECT f.sequence FROM deeds f WHERE f.stream = d.stream "
    "AND f.entry = d.regrades) END > coalesce(b.till, 0) AND NOT EXISTS (SELECT FROM deeds later "
    "WHERE later.regrades = coalesce(d.regrades, d.entry) AND later.stream = d.stream AND later.sequence > d.sequence)"
)
JUDGEMENTS = ("erasure.medium-erased.v1", "erasure.erasure-failed.v1")


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


def is_unconfirmed(deeds: Sequence[Deed], medium: UUID) -> bool:
    """Tell whether the level that deeds prove for a medium rests on nothing but readers that are not confirmed."""
    level = highest(deeds, medium)
    own = [deed for deed in standing(deeds) if deed.medium == medium and deed.kind in JUDGEMENTS]
    best = [deed for deed in own if deed.data.get("achieved") == level]
    return bool(level) and all(any(one["code"] == UNCONFIRMED for one in deed.data["reasons"]) for deed in best)


def standing(deeds: Iterable[Deed]) -> list[Deed]:
    """Return deeds, oldest first, without the judgements for which a later table's stands."""
    told = list(deeds)
    last = {deed.data.get("regrades", str(deed.entry)): deed for deed in told}
    return [deed for deed in told if last[deed.data.get("regrades", str(deed.entry))] is deed]
