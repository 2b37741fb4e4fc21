"""Donations' views: written from entries, read by commands. Rows commute: each is keyed by what makes it unique."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Table, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.donations import tables
from services.donations.domain.receipt import nth
from shared.database import Transaction
from shared.entry import Entry
from shared.events.donations import (
    Allocated,
    ApplicationCorrected,
    ApplicationReceived,
    ApplicationRefused,
    ApplicationWithdrawn,
    BasisRecorded,
    CallClosed,
    CallOpened,
    Grant,
    HandedOver,
    Machine,
    MovedOn,
    Reoffered,
    Returned,
    ReviewConfirmed,
    Reviewed,
    RoundOpened,
    SeedAsked,
    SeedDrawn,
    UsageReported,
)
from shared.events.refurb import DeliveredToTown, Ready
from shared.events.tracking import TakenOver

REBUILT: tuple[Table, ...] = (
    tables.calls,
    tables.rounds,
    tables.closings,
    tables.allocations,
    tables.grants,
    tables.releases,
    tables.applications,
    tables.corrections,
    tables.withdrawals,
    tables.refusals,
    tables.hand_overs,
    tables.returns,
    tables.usage_reports,
    tables.refurbishments,
    tables.deliveries,
    tables.takeovers,
    *(tables.metadata.tables[name] for name in ("parties", "engagements", "ended_engagements", "items")),
)

Placed = tuple[Table, dict[str, Any]]

_GRANT = {"application", "receipt", "category"}
_APPLICATION = {"application", "call", "receipt", "category", "units", "channel", "arrived_at"}

# Whatever personal is kept of applications: each of the deletable tables, since one may be filled after another.
KEPT = (
    "(SELECT application, tenant, call FROM applicants UNION SELECT application, tenant, call FROM review_reasons "
    "UNION SELECT application, tenant, call FROM hand_over_photos "
    "UNION SELECT application, tenant, call FROM usage_notes)"
)

# Grants that still hold, and applications as they were corrected last.
HELD = (
    "(SELECT g.* FROM grants g WHERE NOT EXISTS "
    "(SELECT FROM releases x WHERE x.item = g.item AND x.receipt = g.receipt))"
)
FACTS = (
    "(SELECT a.application, a.call, a.receipt, a.nth, coalesce(c.category, a.category) AS category, "
    "coalesce(c.units, a.units) AS units, a.channel, a.keyed_by, a.round, a.arrived_at, a.recorded_at "
    "FROM applications a LEFT JOIN LATERAL (SELECT category, units FROM corrections k WHERE "
    "k.application = a.application ORDER BY k.sequence DESC LIMIT 1) c ON true)"
)


async def apply(tx: Transaction, entries: Sequence[Entry[Any]]) -> None:
    """Write the rows of entries, of this service or of another; repetition and order do not matter."""
    rows: defaultdict[Table, list[dict[str, Any]]] = defaultdict(list)
    for entry in entries:
        for table, row in _rows(entry):
            rows[table].append({"tenant": entry.tenant} | row)
    for table, given in rows.items():
        await tx.connection.execute(insert(table).on_conflict_do_nothing(), given)


def _rows(entry: Entry[Any]) -> list[Placed]:
    match entry.event:
        case Ready() | DeliveredToTown() | TakenOver() | UsageReported():
            return [_placed(entry)]
        case SeedAsked() | SeedDrawn() | Reviewed() | ReviewConfirmed() | BasisRecorded():
            return []  # read from the ledger, where the call's own entries are few
        case CallOpened() | RoundOpened() | CallClosed() | Allocated() | MovedOn():
            return _of_call(entry)
        case _:
            return [_of_application(entry)]


def _of_application(entry: Entry[Any]) -> Placed:
    at = entry.recorded_at
    match entry.event:
        case ApplicationReceived() as e:
            kept = e.model_dump(include=_APPLICATION | {"keyed_by", "round"})
            return tables.applications, kept | {"nth": nth(e.receipt), "recorded_at": at}
        case ApplicationRefused() as e:
            kept = e.model_dump(include=_APPLICATION | {"reason"})
            return tables.refusals, kept | {"nth": nth(e.receipt), "recorded_at": at}
        case ApplicationCorrected() as e:
            kept = e.model_dump(include={"application", "category", "units"})
            return tables.corrections, kept | {"sequence": entry.sequence}
        case ApplicationWithdrawn() | Returned() | Reoffered():
            return _left(entry)
        case HandedOver() as e:
            kept = e.model_dump() | {"items": list(e.items), "sequence": entry.sequence}
            return tables.hand_overs, kept | {"handed_over_at": at}
        case _:
            raise TypeError(f"donations keeps no view of {entry.kind}")


def _left(entry: Entry[Any]) -> Placed:
    """Return the row of an application that leaves: withdrawn, its machines returned, or these offered again."""
    kept = entry.event.model_dump(include={"application", "call"})
    if isinstance(entry.event, Returned):
        return tables.returns, kept | {"reason": entry.event.reason, "returned_at": entry.recorded_at}
    reason = "returned" if isinstance(entry.event, Reoffered) else "withdrawn"
    kept |= {"receipt": entry.event.receipt, "reason": reason, "withdrawn_at": entry.recorded_at}
    return tables.withdrawals, kept


def _placed(entry: Entry[Any]) -> Placed:
    """Return the row of what may happen to the same thing again: its key is its place in the ledger."""
    place, at = {"stream": entry.stream, "sequence": entry.sequence}, entry.recorded_at
    match entry.event:
        case Ready() as e:
            kept = {"item": e.item, "label": e.label, "kind": e.item_kind, "grade": e.grade}
            return tables.refurbishments, place | kept | {"spec": e.spec.model_dump(), "ready_at": at}
        case DeliveredToTown() as e:
            return tables.deliveries, place | {"item": e.item, "delivered_at": at}
        case TakenOver() as e:
            return tables.takeovers, place | {"item": e.item, "taken_over_at": at}
        case UsageReported() as e:
            kept = e.model_dump(include={"call", "receipt", "category", "difficulty"})
            said = {"uses": list(e.uses), "difficulties": list(e.difficulties), "reported_at": at}
            return tables.usage_reports, place | kept | said
        case _:
            raise TypeError(f"donations keeps no view of {entry.kind}")


def _of_call(entry: Entry[Any]) -> list[Placed]:
    match entry.event:
        case CallOpened() as e:
            kept = {"call": e.call, "number": e.number, "data": e.model_dump(mode="json")}
            return [(tables.calls, kept | {"opened_at": entry.recorded_at})]
        case RoundOpened() as e:
            kept = {"call": e.call, "round": e.round, "data": e.model_dump(mode="json")}
            return [(tables.rounds, kept | {"opened_at": entry.recorded_at})]
        case CallClosed() as e:
            stock = None if e.stock is None else [machine.item for machine in e.stock]
            kept = {"call": e.call, "round": e.round, "entry": entry.id, "stock": stock}
            return [(tables.closings, kept | {"closed_at": entry.recorded_at})]
        case Allocated() as e:
            kept = {"call": e.call, "round": e.round, "entry": entry.id}
            kept |= {"stock": list(e.stock), "waiting": list(e.waiting), "allocated_at": entry.recorded_at}
            return [(tables.allocations, kept), *_granted(e.call, e.grants)]
        case MovedOn() as e:
            released = {"receipt": e.receipt, "released_at": entry.recorded_at}
            freed: list[Placed] = [(tables.releases, released | {"item": item}) for item in e.freed]
            return [*freed, *_granted(e.call, e.grants)]
        case _:
            raise TypeError(f"donations keeps no view of {entry.kind}")


def _granted(call: UUID, grants: Sequence[Grant]) -> list[Placed]:
    return [
        (tables.grants, grant.model_dump(include=_GRANT) | {"call": call, "item": item})
        for grant in grants
        for item in grant.items
    ]


# What the town has taken over and that was refurbished; the newest word of refurb about a machine counts.
_MACHINES = (
    "SELECT DISTINCT ON (r.item) r.item, r.label, r.kind FROM refurbishments r "
    "WHERE EXISTS (SELECT FROM takeovers t WHERE t.item = r.item) "
)
_UNDRAWN = (
    "AND NOT EXISTS (SELECT FROM closings x WHERE r.item = ANY(x.stock) AND NOT EXISTS "
    "(SELECT FROM allocations a WHERE a.call = x.call AND a.round = x.round)) "
)


async def stock(connection: AsyncConnection) -> list[Machine]:
    """Return the machines of the town that may still be given: taken over, granted to nobody, drawn for by no lottery.

    What a lottery draws for is its own from the closing to the allocation; what it leaves is stock again.
    """
    query = (
        f"{_MACHINES} AND NOT EXISTS (SELECT FROM {HELD} g WHERE g.item = r.item) {_UNDRAWN}"
        "ORDER BY r.item, r.ready_at DESC, r.sequence DESC"
    )
    return [Machine(item=row.item, label=row.label, kind=row.kind) for row in await connection.execute(text(query))]


async def machines(connection: AsyncConnection, items: Sequence[UUID]) -> list[Machine]:
    """Return what is known of the machines that an allocation names, in no order."""
    query = _MACHINES + "AND r.item = ANY(:items) ORDER BY r.item, r.ready_at DESC, r.sequence DESC"
    found = await connection.execute(text(query), {"items": list(items)})
    return [Machine(item=row.item, label=row.label, kind=row.kind) for row in found]


async def queued(connection: AsyncConnection, call: UUID) -> list[ApplicationReceived]:
    """Return the applications that stand in the queue of a call as they were corrected last, in order of arrival."""
    out = set(await gone(connection, call))
    return [each for each in await received(connection, call) if each.receipt not in out]


async def received(connection: AsyncConnection, call: UUID) -> list[ApplicationReceived]:
    """Return every application that was ever in the queue of a call, as it was corrected last, in order of arrival."""
    query = f"SELECT * FROM {FACTS} f WHERE f.call = :call ORDER BY f.arrived_at, f.nth"  # noqa: S608 - a constant
    return [
        ApplicationReceived(
            call=row.call,
            application=row.application,
            receipt=row.receipt,
            category=row.category,
            units=row.units,
            channel=row.channel,
            arrived_at=row.arrived_at,
            keyed_by=row.keyed_by,
            round=row.round,
        )
        for row in await connection.execute(text(query), {"call": call})
    ]


async def gone(connection: AsyncConnection, call: UUID) -> list[str]:
    """Return the receipts that left the queue of a call: refused, withdrawn, or given back what they had got."""
    query = (
        "SELECT receipt FROM refusals r WHERE call = :call AND EXISTS (SELECT FROM applications a WHERE "
        "a.application = r.application) UNION SELECT receipt FROM withdrawals WHERE call = :call "
        "UNION SELECT receipt FROM applications WHERE application IN (SELECT application FROM returns "
        "WHERE call = :call)"
    )
    return [row.receipt for row in await connection.execute(text(query), {"call": call})]


async def last_nth(connection: AsyncConnection) -> int:
    """Return how many receipts the town has given out."""
    query = "SELECT greatest((SELECT max(nth) FROM applications), (SELECT max(nth) FROM refusals), 0)"
    found: int = await connection.scalar(text(query))
    return found


async def closed_lotteries(connection: AsyncConnection, tenant: str, entries: Sequence[UUID]) -> list[Row[Any]]:
    """Return which of these entries closed a round of a lottery of the town."""
    query = (
        "SELECT x.call, x.entry FROM closings x JOIN calls c USING (call) WHERE x.tenant = :tenant "
        "AND x.entry = ANY(:entries) AND c.data->>'rule' = 'lottery' ORDER BY x.call, x.round"
    )
    return list(await connection.execute(text(query), {"tenant": tenant, "entries": entries}))
