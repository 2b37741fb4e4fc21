"""Donations' views: written from entries, read by the doors. Rows commute: each is keyed by what makes it unique."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Table, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.donations import tables
from services.donations.domain.allocation import Machine
from services.donations.domain.call import fold
from services.donations.domain.receipt import nth
from services.donations.domain.record import publish
from shared import ledger
from shared.database import Transaction
from shared.entry import Entry, moment
from shared.events.donations import (
    Allocated,
    ApplicationReceived,
    ApplicationRefused,
    CallClosed,
    CallOpened,
    HandedOver,
    UsageReported,
)
from shared.events.refurb import DeliveredToTown, Ready
from shared.events.tracking import TakenOver
from shared.refused import Refused

REBUILT: tuple[Table, ...] = (
    tables.calls,
    tables.closings,
    tables.allocations,
    tables.grants,
    tables.applications,
    tables.refusals,
    tables.hand_overs,
    tables.usage_reports,
    tables.refurbishments,
    tables.deliveries,
    tables.takeovers,
    *(tables.metadata.tables[name] for name in ("parties", "engagements", "ended_engagements", "items")),
)

Placed = tuple[Table, dict[str, Any]]

_GRANT = {"application", "receipt", "category"}
_APPLICATION = {"application", "call", "receipt", "category", "units", "channel", "arrived_at"}


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
        case CallOpened() | CallClosed() | Allocated():
            return _of_call(entry)
        case ApplicationReceived() as e:
            kept = e.model_dump(include=_APPLICATION | {"keyed_by"})
            return [(tables.applications, kept | {"nth": nth(e.receipt), "recorded_at": entry.recorded_at})]
        case ApplicationRefused() as e:
            kept = e.model_dump(include=_APPLICATION | {"reason"})
            return [(tables.refusals, kept | {"nth": nth(e.receipt), "recorded_at": entry.recorded_at})]
        case HandedOver() as e:
            kept = e.model_dump() | {"items": list(e.items)}
            return [(tables.hand_overs, kept | {"handed_over_at": entry.recorded_at})]
        case _:
            raise TypeError(f"donations keeps no view of {entry.kind}")


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
            return tables.usage_reports, place | e.model_dump() | {"uses": list(e.uses), "reported_at": at}
        case _:
            raise TypeError(f"donations keeps no view of {entry.kind}")


def _of_call(entry: Entry[Any]) -> list[Placed]:
    match entry.event:
        case CallOpened() as e:
            kept = {"call": e.call, "number": e.number, "data": e.model_dump(mode="json")}
            return [(tables.calls, kept | {"opened_at": entry.recorded_at})]
        case CallClosed() as e:
            return [(tables.closings, {"call": e.call, "closed_at": entry.recorded_at})]
        case Allocated() as e:
            kept = {"call": e.call, "entry": entry.id, "stock": list(e.stock), "waiting": list(e.waiting)}
            granted: list[Placed] = [
                (tables.grants, grant.model_dump(include=_GRANT) | {"call": e.call} | {"item": item})
                for grant in e.grants
                for item in grant.items
            ]
            return [(tables.allocations, kept | {"allocated_at": entry.recorded_at}), *granted]
        case _:
            raise TypeError(f"donations keeps no view of {entry.kind}")


# What the town has taken over and that was refurbished; the newest word of refurb about a machine counts.
_MACHINES = (
    "SELECT DISTINCT ON (r.item) r.item, r.label, r.kind FROM refurbishments r "
    "WHERE EXISTS (SELECT FROM takeovers t WHERE t.item = r.item) "
)


async def stock(connection: AsyncConnection) -> list[Machine]:
    """Return the machines of the town that may still be given: taken over, and granted to nobody."""
    query = _MACHINES + (
        "AND NOT EXISTS (SELECT FROM grants g WHERE g.item = r.item) ORDER BY r.item, r.ready_at DESC, r.sequence DESC"
    )
    return [Machine(item=row.item, label=row.label, kind=row.kind) for row in await connection.execute(text(query))]


async def machines(connection: AsyncConnection, items: Sequence[UUID]) -> list[Machine]:
    """Return what is known of the machines that an allocation names, in no order."""
    query = _MACHINES + "AND r.item = ANY(:items) ORDER BY r.item, r.ready_at DESC, r.sequence DESC"
    found = await connection.execute(text(query), {"items": list(items)})
    return [Machine(item=row.item, label=row.label, kind=row.kind) for row in found]


async def queued(connection: AsyncConnection, call: UUID) -> list[ApplicationReceived]:
    """Return the applications that stand in the queue of a call, in its order."""
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
        )
        for row in await connection.execute(
            text(
                "SELECT a.* FROM applications a WHERE a.call = :call AND NOT EXISTS "
                "(SELECT FROM refusals r WHERE r.application = a.application) ORDER BY a.arrived_at, a.nth"
            ),
            {"call": call},
        )
    ]


async def last_nth(connection: AsyncConnection) -> int:
    """Return how many receipts the town has given out."""
    query = "SELECT greatest((SELECT max(nth) FROM applications), (SELECT max(nth) FROM refusals), 0)"
    found: int = await connection.scalar(text(query))
    return found


async def moments(connection: AsyncConnection, call: UUID) -> tuple[datetime | None, datetime | None]:
    """Return when a call was closed and when it was allocated."""
    query = (
        "SELECT (SELECT closed_at FROM closings WHERE call = :call) AS closed_at, "
        "(SELECT allocated_at FROM allocations WHERE call = :call) AS allocated_at"
    )
    row = (await connection.execute(text(query), {"call": call})).one()
    return row.closed_at, row.allocated_at


async def record(connection: AsyncConnection, call: UUID) -> list[Row[Any]]:
    """Return every application of a call as the public record shows it, in the order of the queue, without names."""
    query = (
        "WITH seen AS (SELECT application, receipt, nth, category, units, channel, arrived_at, recorded_at FROM "
        "applications WHERE call = :call UNION SELECT application, receipt, nth, category, units, channel, arrived_at, "
        "recorded_at FROM refusals r WHERE call = :call AND NOT EXISTS (SELECT FROM applications a WHERE "
        "a.application = r.application)) "
        "SELECT s.*, r.reason, h.handed_over_at, (SELECT count(*) FROM grants g WHERE g.application = s.application) "
        "AS granted FROM seen s LEFT JOIN refusals r USING (application) LEFT JOIN hand_overs h USING (application) "
        "ORDER BY s.arrived_at, s.nth"
    )
    return list(await connection.execute(text(query), {"call": call}))


async def desk(connection: AsyncConnection, call: UUID) -> list[Row[Any]]:
    """Return the clerk's queue: every application with its applicant (where not deleted) and who looks the same."""
    query = (
        "WITH seen AS (SELECT application, receipt, nth, category, units, channel, keyed_by, arrived_at, recorded_at "
        "FROM applications WHERE call = :call UNION ALL SELECT application, receipt, nth, category, units, channel, "
        "NULL, arrived_at, recorded_at FROM refusals r WHERE call = :call AND NOT EXISTS (SELECT FROM applications a "
        "WHERE a.application = r.application)) "
        "SELECT s.*, r.reason, h.handed_over_at, p.group_name, p.representative, p.address, p.phone, p.mail, "
        "p.purpose, p.network, p.uses, "
        "(SELECT coalesce(array_agg(g.item), '{}') FROM grants g WHERE g.application = s.application) AS items, "
        "ARRAY(SELECT o.receipt FROM applicants q JOIN applications o USING (application) WHERE q.call = :call "
        "AND q.application <> s.application AND (q.name_key = p.name_key OR q.phone_key = p.phone_key) "
        "ORDER BY o.nth) AS same "
        "FROM seen s LEFT JOIN refusals r USING (application) LEFT JOIN hand_overs h USING (application) "
        "LEFT JOIN applicants p USING (application) ORDER BY s.arrived_at, s.nth"
    )
    return list(await connection.execute(text(query), {"call": call}))


async def by_category(connection: AsyncConnection, call: UUID | None = None) -> list[Row[Any]]:
    """Count applications in the queue and units by category, of one call or of all calls of the town."""
    query = (
        "SELECT code, count(*) AS applications, sum(units) AS asked, sum(granted) AS granted, "
        "count(*) FILTER (WHERE granted > 0) AS served, sum(handed_over) AS handed_over FROM ("
        "SELECT a.category AS code, a.units, a.arrived_at, "
        "(SELECT count(*) FROM grants g WHERE g.application = a.application) AS granted, "
        "coalesce((SELECT cardinality(h.items) FROM hand_overs h WHERE h.application = a.application), 0) "
        "AS handed_over FROM applications a WHERE (CAST(:call AS uuid) IS NULL OR a.call = :call) AND NOT EXISTS "
        "(SELECT FROM refusals r WHERE r.application = a.application)) counted GROUP BY code ORDER BY min(arrived_at)"
    )
    return list(await connection.execute(text(query), {"call": call}))


async def counts(connection: AsyncConnection) -> Mapping[str, int]:
    """Count the town's machines on their way and its refused applications, each from its rows."""
    query = (
        "SELECT (SELECT count(DISTINCT item) FROM refurbishments) AS ready, "
        "(SELECT count(DISTINCT item) FROM deliveries) AS delivered, "
        "(SELECT count(DISTINCT item) FROM takeovers) AS taken_over, "
        "(SELECT count(*) FROM grants) AS granted, "
        "(SELECT coalesce(sum(cardinality(items)), 0) FROM hand_overs) AS handed_over, "
        "(SELECT count(*) FROM refusals) AS refused"
    )
    row = (await connection.execute(text(query))).one()
    left = len(await stock(connection))
    return {**row._mapping, "left": left}  # noqa: SLF001 - SQLAlchemy's documented mapping of a row


async def uses(connection: AsyncConnection, call: UUID | None = None) -> list[Row[Any]]:
    """Return the usage reports, of one call or of all calls of the town, oldest first."""
    query = (
        "SELECT receipt, category, uses, difficulty, reported_at FROM usage_reports "
        "WHERE CAST(:call AS uuid) IS NULL OR call = :call ORDER BY reported_at, stream, sequence"
    )
    return list(await connection.execute(text(query), {"call": call}))


async def published(tx: Transaction, call: UUID) -> dict[str, Any]:
    """Return the public record of an allocated call: inputs and result, without names.

    Raises Refused before the allocation.
    """
    history = await ledger.read(tx, call)
    folded = fold(history.events)
    if folded.opened is None or folded.allocated is None:
        raise Refused(
            "not-settled",
            "この公募はまだ割り当てていません。締め切りと割り当ての後で、もう一度ご覧ください。",
            "This call is not allocated yet. Look again after it is closed and allocated.",
        )
    seen = await record(tx.connection, call)
    known = await machines(tx.connection, folded.allocated.stock)
    document = publish(folded.opened, await queued(tx.connection, call), known, folded.allocated)
    shown = {row.receipt: row for row in seen}
    for each in document["applications"]:
        each["recorded_at"] = moment(shown[each["receipt"]].recorded_at)
    refused = [
        {
            "receipt": row.receipt,
            "category": row.category,
            "units": row.units,
            "channel": row.channel,
            "arrived_at": moment(row.arrived_at),
            "reason": row.reason,
        }
        for row in seen
        if row.reason
    ]
    return document | {"refused": refused, "entries": [str(entry.id) for entry in history.entries]}


async def standing(connection: AsyncConnection, call: UUID, receipt: str) -> dict[str, Any]:
    """Return where one application stands: its place in the queue, what was asked before it, what it got."""
    rows = await record(connection, call)
    own = next(row for row in rows if row.receipt == receipt)
    queue = [row for row in rows if not row.reason]
    ahead = queue[: queue.index(own)] if own in queue else []
    data = await connection.scalar(text("SELECT data FROM calls WHERE call = :call"), {"call": call})
    closed_at, allocated_at = await moments(connection, call)
    said = [row for row in await uses(connection, call) if row.receipt == receipt]
    return {
        "call": data["number"],
        "title": data["title"],
        "receipt": receipt,
        "category": own.category,
        "units": own.units,
        "channel": own.channel,
        "arrived_at": own.arrived_at,
        "refused": own.reason,
        "place": len(ahead) + 1 if own in queue else None,
        "asked_before": sum(row.units for row in ahead),
        "offered": data["units"],
        "closed_at": closed_at,
        "allocated_at": allocated_at,
        "granted": own.granted,
        "handed_over_at": own.handed_over_at,
        "reports": len(said),
    }


async def opened(connection: AsyncConnection) -> list[Row[Any]]:
    """Return the town's calls, newest first."""
    query = (
        "SELECT c.call, c.number, c.data, c.opened_at, x.closed_at, a.allocated_at, a.stock, a.waiting, a.entry "
        "FROM calls c LEFT JOIN closings x USING (call) LEFT JOIN allocations a USING (call) ORDER BY c.opened_at DESC"
    )
    return list(await connection.execute(text(query)))
