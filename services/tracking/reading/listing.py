"""Items in a list: filtered, page by page, by the place where each is now."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.tracking.domain.width import plain
from shared.ids import BadLabel, bare_label, parse_label

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

ITEMS = """items i
 LEFT JOIN LATERAL (SELECT coalesce(array_agg(DISTINCT t.kind), '{}') AS kinds
                    FROM timeline t WHERE t.item = i.item) t ON true
 LEFT JOIN (SELECT DISTINCT x::uuid AS item FROM timeline h, jsonb_array_elements_text(h.data->'items') x
            WHERE h.kind = 'donations.handed-over.v1') given ON given.item = i.item"""

REFURB_STEPS = ("ssd", "os", "cleaning", "support")


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
    for step in REFURB_STEPS
}

# A breach `b` that a person has explained.
EXPLAINED = (
    "EXISTS (SELECT FROM timeline x WHERE x.item = b.item AND x.kind = 'tracking.breach-explained.v1' "
    "AND x.data->>'fact' = b.entry::text AND x.data->>'code' = b.code)"
)
# What the records of an item are like: `broken` holds a fact that breaks something, and nobody has explained it.
RECORDS: dict[str, str] = {
    "broken": f"EXISTS (SELECT FROM breaches b WHERE b.item = i.item AND NOT {EXPLAINED})",
    "explained": f"EXISTS (SELECT FROM breaches b WHERE b.item = i.item AND {EXPLAINED})",
}


# What people type for the dash of a number: a Japanese keyboard has the long vowel mark beside it.
DASHES = "‐‑‒–—―−ー"
PART_MIN = 3  # characters that may stand anywhere; fewer have to be a whole value, such as a maker's name
# The numbers and names of an item and its media, each on a line of its own; maker and model also as people say them.
_NAMED = "concat_ws(E'\\n', {0}->>'serial', {0}->>'maker', {0}->>'model', concat_ws(' ', {0}->>'maker', {0}->>'model'))"
_OF_MEDIA = f"(SELECT string_agg({_NAMED.format('m')}, E'\\n') FROM jsonb_array_elements(i.data->'media') m)"  # noqa: S608 - constants of this module
_SAID = f"concat_ws(E'\\n', '', i.data->>'asset_number', {_NAMED.format('i.data')}, {_OF_MEDIA}, '')"
# A place of a text in another has no pattern, so nothing typed can be one; lower() folds both sides alike.
# Without an index: a quarter to half a second for 10,000 items of one engagement, measured; a trigram index can wait.
_FOUND = text(
    "SELECT i.item FROM items i WHERE i.engagement = :engagement AND ("  # noqa: S608 - constants of this module
    f"strpos(lower(translate(normalize({_SAID}, NFKC), :dashes, :dash)), lower(:words)) > 0 "
    "OR (:bare <> '' AND strpos(i.label, :bare) > 0))"
)


def sought(said: str) -> dict[str, str]:
    """Return how a typed word is looked for: among numbers and names, and as a tracking ID or a part of one."""
    words = " ".join(plain(said).translate(str.maketrans(DASHES, "-" * len(DASHES))).split())
    try:
        bare = parse_label(words).id
    except BadLabel:
        bare = bare_label(words)
    if len(words) < PART_MIN and words:
        words = f"\n{words}\n"
    dashes = {"dashes": DASHES, "dash": "-" * len(DASHES)}
    return {"words": words, "bare": bare if len(bare) >= PART_MIN else ""} | dashes


async def items(
    connection: AsyncConnection,
    engagement: UUID,
    *,
    step: str = "",
    place: str = "",
    kind: str = "",
    record: str = "",
    words: str = "",
    page: int = 1,
) -> tuple[int, list[Listed]]:
    """Return how many items of an engagement fit, and one page of them; unknown filters fit nothing.

    `words` is what was typed: a part of a tracking ID, a number, a maker or a model, in any case and width.
    """
    where = (
        f"i.engagement = :engagement AND (:kind = '' OR i.kind = :kind) AND ({STEPS.get(step, str(not step).lower())})"
    )
    where += f" AND (:place = '' OR {PLACE} = :place)"
    where += f" AND ({RECORDS.get(record, str(not record).lower())})"
    given: dict[str, Any] = {"engagement": engagement, "kind": kind, "place": place}
    if (looked := sought(words))["words"]:  # once, for the count and the page
        where += " AND i.item = ANY(:found)"
        given["found"] = list(await connection.scalars(_FOUND, given | looked))
    total = await connection.scalar(text(f"SELECT count(*) FROM {ITEMS} WHERE {where}"), given)  # noqa: S608 - constants of this module
    rows = await connection.execute(
        text(
            f"SELECT i.label, i.kind, i.data->>'asset_number', i.data->>'model', t.kinds, {PLACE} FROM {ITEMS} "  # noqa: S608 - constants of this module
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
