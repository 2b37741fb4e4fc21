"""Tracking's views: the timeline of everything, the leaves on their way to the log, and what is read from them."""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Table, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.tracking.domain import conformance
from services.tracking.domain.conformance import Breach, Subject
from services.tracking.domain.custody import Seen, reached
from services.tracking.domain.width import plain
from services.tracking.tables import breaches, caged, leaves, lots, metadata, timeline
from shared.database import Transaction, add
from shared.entry import Entry
from shared.events.tracking import CageOpened, CageSealed, EngagementOpened, ItemRegistered, LotRegistered, Required
from shared.ids import derived
from shared.levels import Level

REBUILT: tuple[Table, ...] = (
    timeline,
    leaves,
    lots,
    caged,
    breaches,
    *(metadata.tables[name] for name in ("parties", "engagements", "ended_engagements", "items")),
)


async def apply(tx: Transaction, entries: Sequence[Entry[Any]]) -> None:
    """Put entries on the timeline; repetition and order do not matter."""
    rows = [
        {
            "stream": e.stream,
            "sequence": e.sequence,
            "entry": e.id,
            "tenant": e.tenant,
            "item": getattr(e.event, "item", None),
            "kind": e.kind,
            "occurred_at": e.occurred_at,
            "recorded_at": e.recorded_at,
            "person": e.by.person,
            "party": e.by.party,
            "data": e.event.model_dump(mode="json", exclude_none=True),
        }
        for e in entries
    ]
    await add(tx.connection, timeline, rows)
    held = [
        {
            "lot": e.event.lot,
            "tenant": e.tenant,
            "engagement": e.event.engagement,
            "label": e.event.label,
            "kind": e.event.lot_kind,
            "count": e.event.count,
        }
        for e in entries
        if isinstance(e.event, LotRegistered)
    ]
    await add(tx.connection, lots, held)
    for e in entries:
        if isinstance(e.event, CageSealed):
            await shut(tx, e.tenant, e.event)
        elif isinstance(e.event, CageOpened):
            await unshut(tx, e.event.cage)
    await _judge(tx, entries)


# The opening heard first, or the seal already on another cage when the sealing was heard: the rows come now, opened.
_OPENED = """INSERT INTO caged (cage, thing, tenant, number, opened)
SELECT s.stream, x.thing, s.tenant, s.data->>'number', true FROM timeline s CROSS JOIN LATERAL (
  SELECT 'item:' || i AS thing FROM jsonb_array_elements_text(s.data->'items') i
  UNION ALL SELECT 'seal:' || btrim(normalize(s.data->>'seal', NFKC))) x
WHERE s.stream = :cage AND s.kind = 'tracking.cage-sealed.v1' ON CONFLICT DO NOTHING"""


async def shut(tx: Transaction, tenant: str, sealed: CageSealed) -> dict[str, str]:
    """Claim a cage's seal and items for it. Return what another cage has shut, with that cage's number."""
    things = sorted([f"seal:{plain(sealed.seal)}", *(f"item:{one}" for one in sealed.items)])  # one order: no deadlock
    said = {"cage": sealed.cage, "tenant": tenant, "number": sealed.number, "things": things}
    await tx.connection.execute(
        text(
            "INSERT INTO caged (cage, thing, tenant, number, opened) SELECT :cage, thing, :tenant, :number, "
            "EXISTS (SELECT FROM timeline WHERE stream = :cage AND kind = 'tracking.cage-opened.v1') "
            "FROM unnest(CAST(:things AS text[])) WITH ORDINALITY AS t(thing, nth) ORDER BY nth ON CONFLICT DO NOTHING"
        ),
        said,
    )
    others = await tx.connection.execute(
        text(
            "SELECT thing, number FROM caged WHERE tenant = :tenant AND thing = ANY(:things) AND cage <> :cage "
            "AND NOT opened"
        ),
        said,
    )
    return {row.thing: row.number for row in others}


async def unshut(tx: Transaction, cage: UUID) -> None:
    """Let a cage's seal and items go: it was opened."""
    await tx.connection.execute(text("UPDATE caged SET opened = true WHERE cage = :cage"), {"cage": cage})
    await tx.connection.execute(text(_OPENED), {"cage": cage})


async def leave(tx: Transaction, entries: Sequence[Entry[Any]]) -> None:
    """Hand the digests of entries to the sequencer of the log."""
    rows = [
        {
            "entry": e.id,
            "stream": e.stream,
            "sequence": e.sequence,
            "tenant": e.tenant,
            "kind": e.kind,
            "digest": e.digest,
            "traceparent": e.traceparent,
        }
        for e in entries
    ]
    await add(tx.connection, leaves, rows)


# All that bears on what an item's facts break: the lines about it, and the openings of cages that it was too many in.
_JUDGED = text(
    "SELECT t.item, t.kind, t.occurred_at, t.entry, CASE t.kind WHEN 'tracking.item-registered.v1' THEN "
    "jsonb_build_object('engagement', t.data->'engagement', 'on_site', t.data->'required'->'on_site', "
    "'media', jsonb_path_query_array(t.data, '$.media[*].id')) ELSE t.data END AS data FROM timeline t "
    "WHERE t.item = ANY(:items) AND t.kind = ANY(:kinds) AND t.stream <> ALL(:known) "
    "UNION ALL SELECT x::uuid, o.kind, o.occurred_at, o.entry, '{}'::jsonb FROM timeline o "
    "CROSS JOIN LATERAL jsonb_array_elements_text(o.data->'surplus') x WHERE o.kind = 'tracking.cage-opened.v1' "
    "AND o.data->'surplus' <> '[]' AND x::uuid = ANY(:items)"  # there are few: an index of their own
)
_CENTRES = text(
    "SELECT stream, data->>'centre' AS centre FROM timeline WHERE stream = ANY(:engagements) "
    "AND kind = 'tracking.engagement-opened.v1'"
)
_FACTS = text("SELECT DISTINCT item, tenant FROM timeline WHERE item = ANY(:items) AND kind = ANY(:once)")
_OF_ENGAGEMENTS = text(
    "SELECT item FROM timeline WHERE kind = 'tracking.item-registered.v1' AND tenant = ANY(:tenants) "
    "AND data->>'engagement' = ANY(:engagements)"
)


def _heard(row: Any) -> Seen:
    """Return what a line of the timeline says that bears on conformance."""
    data = row.data
    level = Level.DESTROY if row.kind == "erasure.medium-destroyed.v1" else data.get("achieved")
    return Seen(
        row.kind,
        row.occurred_at,
        row.entry,
        medium=UUID(data["medium"]) if data.get("medium") else None,
        level=Level(level) if level else None,
        disproved=data.get("passed") is False,
        cage=UUID(data["cage"]) if data.get("cage") else None,
        party=data.get("centre"),
        required=Required.model_validate(data["required"]) if row.kind == conformance.CHANGED else None,
        regrades=UUID(data["regrades"]) if data.get("regrades") else None,
    )


def _recorded(entry: Entry[Any]) -> Seen:
    """Return what an entry says that bears on conformance."""
    said = vars(entry.event)
    return Seen(
        entry.kind,
        entry.occurred_at,
        entry.id,
        medium=said.get("medium"),
        level=Level.DESTROY if entry.kind == "erasure.medium-destroyed.v1" else said.get("achieved"),
        disproved=said.get("passed") is False,
        cage=said.get("cage"),
        party=said.get("centre"),
        required=said["required"] if entry.kind == conformance.CHANGED else None,
        regrades=said.get("regrades"),
    )


def _subject(data: dict[str, Any]) -> Subject:
    """Read what was registered of an item, without the rest of it."""
    on_site = data["on_site"]
    media = tuple(UUID(one) for one in data["media"])
    return Subject(UUID(data["engagement"]), media, Level(on_site) if on_site else None)


async def broken(
    connection: AsyncConnection, items: Collection[UUID], known: Sequence[Entry[Any]] = ()
) -> dict[UUID, list[Breach]]:
    """Return what the facts of each item break; `known` is all of these items' own streams, where the caller has it."""
    told: defaultdict[UUID, list[Seen]] = defaultdict(list)
    subjects: dict[UUID, Subject] = {}
    for one in known:
        told[one.event.item].append(_recorded(one))
        if isinstance(one.event, ItemRegistered):
            subjects[one.event.item] = Subject.of(one.event)
    asked = {"items": list(items), "kinds": list(conformance.JOURNEY), "known": list({one.stream for one in known})}
    for row in await connection.execute(_JUDGED, asked):
        told[row.item].append(_heard(row))
        if row.kind == conformance.REGISTERED:
            subjects[row.item] = _subject(row.data)
    of = {"engagements": list({one.engagement for one in subjects.values()})}
    centres = {row.stream: row.centre for row in await connection.execute(_CENTRES, of)}
    return {item: conformance.breaches(s, told[item], centres.get(s.engagement)) for item, s in subjects.items()}


async def take_turns(connection: AsyncConnection, tenants: Sequence[str]) -> None:
    """Let what bears on these towns' items be heard one transaction at a time; the towns come in one order."""
    for tenant in tenants:
        lock = "SELECT pg_advisory_xact_lock(hashtextextended(:tenant, 1))"
        await connection.execute(text(lock), {"tenant": tenant})


async def _judge(tx: Transaction, entries: Sequence[Entry[Any]]) -> None:
    """Write anew what the facts of the items break that these entries bear on; one at a time for each town."""
    bearing = [e for e in entries if e.kind in conformance.JOURNEY or e.kind == "tracking.engagement-opened.v1"]
    items = {e.event.item for e in bearing if hasattr(e.event, "item")}
    items |= {one for e in bearing if isinstance(e.event, CageOpened) for one in e.event.surplus}
    tenants = sorted({e.tenant for e in bearing})
    await take_turns(tx.connection, tenants)
    engagements = [str(e.event.engagement) for e in bearing if isinstance(e.event, EngagementOpened)]
    if engagements:  # heard late: whose centre it is was not known before
        found = await tx.connection.execute(_OF_ENGAGEMENTS, {"tenants": tenants, "engagements": engagements})
        items |= {row.item for row in found}
    there = {e.event.item: e.tenant for e in bearing if e.kind in conformance.ONCE}
    if others := items - there.keys():
        facts = await tx.connection.execute(_FACTS, {"items": list(others), "once": list(conformance.ONCE)})
        there |= {row.item: row.tenant for row in facts}
    if there:
        rows = [
            {"entry": one.entry, "code": one.code, "item": item, "tenant": there[item]}
            for item, now in (await broken(tx.connection, there)).items()
            for one in now
        ]
        await tx.connection.execute(text("DELETE FROM breaches WHERE item = ANY(:items)"), {"items": list(there)})
        await add(tx.connection, breaches, rows)


_SEEN = (
    "SELECT kind, occurred_at, entry, (data->>'medium')::uuid AS medium, data->>'achieved' AS achieved, "
    "data->>'passed' AS passed, data->>'number' AS number, (data->>'regrades')::uuid AS regrades "
    "FROM timeline WHERE item = ANY(:items) AND (CAST(:kinds AS text[]) IS NULL OR kind = ANY(:kinds)) "
    "ORDER BY occurred_at, recorded_at, sequence, entry"
)
_PROOFS = (
    "erasure.medium-erased.v1",
    "erasure.erasure-failed.v1",  # a later table may find a level in it, or take one back by it
    "erasure.medium-destroyed.v1",
    "erasure.erasure-verified.v1",
)


async def seen(connection: AsyncConnection, item: UUID) -> list[Seen]:
    """Return what the timeline knows of an item that bears on its custody, oldest first."""
    rows = await connection.execute(text(_SEEN), {"items": [item], "kinds": None})
    return [_seen(row) for row in rows]


async def levels(connection: AsyncConnection, items: Sequence[UUID]) -> dict[UUID, Level]:
    """Return the highest level proved for each medium of the items, as far as this view has heard."""
    rows = await connection.execute(text(_SEEN), {"items": list(items), "kinds": list(_PROOFS)})
    return reached(_seen(row) for row in rows)


_REOPENED = text(
    "SELECT stream FROM (SELECT DISTINCT ON (stream) stream, kind FROM timeline WHERE stream = ANY(:lots) "
    "ORDER BY stream, sequence DESC) last WHERE kind = 'erasure.lot-reopened.v1'"
)
_LOOKED_AT = text(  # the last look, by its place in the medium's stream: whichever was heard first
    "SELECT DISTINCT ON (stream) stream AS medium, data->>'passed' AS passed FROM timeline "
    "WHERE item = ANY(:items) AND kind = 'erasure.erasure-verified.v1' ORDER BY stream, sequence DESC"
)


async def in_doubt(connection: AsyncConnection, items: Collection[ItemRegistered]) -> set[UUID]:
    """Return which media of the items are of a lot that a failed re-check reopened, and have not passed one since.

    Erasure keeps one stream an engagement and says there when the lot stands again; a medium that somebody looked at
    and found empty is in no doubt itself (services/erasure/domain/recheck.py).
    """
    lots = {derived(one.engagement, "recheck"): one.engagement for one in items}
    reopened = {lots[row.stream] for row in await connection.execute(_REOPENED, {"lots": list(lots)})}
    meant = [one for one in items if one.engagement in reopened]
    if not meant:
        return set()
    looked = await connection.execute(_LOOKED_AT, {"items": [one.item for one in meant]})
    passed = {row.medium for row in looked if row.passed == "true"}
    return {medium.id for one in meant for medium in one.media} - passed


async def items_of(connection: AsyncConnection, engagement: UUID) -> list[UUID]:
    """Return the items of an engagement that this view has heard of."""
    found = await connection.scalars(
        text("SELECT item FROM items WHERE engagement = :engagement ORDER BY item"), {"engagement": engagement}
    )
    return list(found)


def _seen(row: Any) -> Seen:
    achieved = Level(row.achieved) if row.achieved else None
    return Seen(
        kind=row.kind,
        occurred_at=row.occurred_at,
        entry=row.entry,
        medium=row.medium,
        level=Level.DESTROY if row.kind == "erasure.medium-destroyed.v1" else achieved,
        disproved=row.passed == "false",
        number=row.number if row.kind == "certificates.issued.v1" else None,
        regrades=row.regrades,
    )


async def uncertified(connection: AsyncConnection, items: Collection[UUID]) -> set[UUID]:
    """Return those of the items whose custody may close by an erasure or a receipt: they need not be destroyed.

    Those that must be are left out for speed: their certificate always comes last.
    """
    rows = await connection.execute(
        text(
            "SELECT item FROM items WHERE item = ANY(:items) "
            "AND data->'required'->>'at_centre' IS DISTINCT FROM 'destroy'"
        ),
        {"items": list(items)},
    )
    return {row.item for row in rows}


async def issued(connection: AsyncConnection, item: UUID) -> dict[UUID, frozenset[str]]:
    """Return the kinds of certificate that stand for each medium of an item: a revoked one closes nothing."""
    kinds: defaultdict[UUID, set[str]] = defaultdict(set)
    for row in await connection.execute(
        text(
            "SELECT (data->>'medium')::uuid AS medium, data->>'certificate_kind' AS kind FROM timeline "
            "WHERE item = :item AND kind = 'certificates.issued.v1' AND data ? 'medium' AND NOT EXISTS (SELECT "
            "FROM timeline v WHERE v.stream = timeline.stream AND v.kind = 'certificates.revoked.v1')"
        ),
        {"item": item},
    ):
        kinds[row.medium].add(row.kind)
    return {medium: frozenset(names) for medium, names in kinds.items()}


@dataclass(frozen=True, slots=True)
class Happened:
    """One line of an item's timeline."""

    kind: str
    occurred_at: datetime
    recorded_at: datetime
    person: str
    party: str
    data: dict[str, Any]
    index: int | None  # in the log
    entry: UUID
    breaks: tuple[conformance.Code, ...] = ()


async def story(connection: AsyncConnection, item: UUID) -> list[Happened]:
    """Return the timeline of an item, oldest first, with what each fact breaks.

    What happens once stands at its earliest moment: a capture that comes late may be the earlier one.
    """
    rows = await connection.execute(
        text(
            'SELECT t.kind, t.occurred_at, t.recorded_at, t.person, t.party, t.data, l."index", t.entry '
            "FROM timeline t LEFT JOIN leaves l USING (entry) WHERE t.item = :item ORDER BY t.occurred_at, "
            "coalesce(array_position(CAST(:journey AS text[]), t.kind), 99), t.recorded_at, t.sequence, t.entry"
        ),
        {"item": item, "journey": list(conformance.JOURNEY)},
    )
    codes: defaultdict[UUID, tuple[conformance.Code, ...]] = defaultdict(tuple)
    for one in (await broken(connection, [item])).get(item, []):
        codes[one.entry] += (one.code,)
    told = [replace(Happened(*row), breaks=codes[row.entry]) for row in rows]
    first = {one.kind: n for n, one in reversed(list(enumerate(told)))}
    return [one for n, one in enumerate(told) if one.kind not in conformance.ONCE or first[one.kind] == n]


def grouped(label: str) -> str:
    """Write a label as it is printed."""
    return f"{label[:4]}-{label[4:8]}-{label[8:]}"
