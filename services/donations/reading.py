"""What the doors of donations ask of its rows, and the log of an allocation, made of the ledger."""

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.donations import views
from services.donations.commands.queue import draw_stream, folded
from services.donations.domain.call import Call, fold
from services.donations.domain.record import Inputs, cited, publish
from services.donations.views import FACTS, HELD, KEPT
from shared import ledger
from shared.database import Transaction
from shared.entry import moment
from shared.events.donations import Allocated, Reviewed
from shared.refused import Refused

# What changed hands of an application: when last, which machines, and whether they came back.
_HANDED = (
    "LEFT JOIN LATERAL (SELECT max(h.handed_over_at) AS handed_over_at, "
    "coalesce(array_agg(x.item) FILTER (WHERE x.item IS NOT NULL), '{}') AS handed FROM hand_overs h "
    "LEFT JOIN LATERAL unnest(h.items) AS x(item) ON true WHERE h.application = s.application) h ON true "
    "LEFT JOIN returns b USING (application) "
)

# Every application of a call, in the queue or not; `reason` says why it is out of it.
_SEEN = (
    "WITH seen AS (SELECT application, receipt, nth, category, units, channel, keyed_by, round, arrived_at, "  # noqa: S608 - a constant
    f"recorded_at FROM {FACTS} f WHERE f.call = :call UNION ALL SELECT application, receipt, nth, category, units, "
    "channel, NULL, 1, arrived_at, recorded_at FROM refusals r WHERE call = :call AND NOT EXISTS "
    "(SELECT FROM applications a WHERE "
    "a.application = r.application)), "
    "out AS (SELECT application, reason FROM refusals WHERE call = :call UNION ALL "
    "SELECT application, reason FROM withdrawals WHERE call = :call) "
)


async def record(connection: AsyncConnection, call: UUID) -> list[Row[Any]]:
    """Return every application of a call as the public record shows it, in the order of arrival, without names."""
    query = (
        f"{_SEEN} SELECT s.*, o.reason, h.handed_over_at, cardinality(h.handed) AS handed_over, b.returned_at, "  # noqa: S608 - constants
        f"(SELECT count(*) FROM {HELD} g WHERE g.application = s.application) AS granted "
        f"FROM seen s LEFT JOIN out o USING (application) {_HANDED}"
        "ORDER BY s.arrived_at, s.nth"
    )
    return list(await connection.execute(text(query), {"call": call}))


async def desk(connection: AsyncConnection, call: UUID) -> list[Row[Any]]:
    """Return the clerk's queue: every application with its applicant (where not deleted) and who looks the same."""
    query = (
        f"{_SEEN} SELECT s.*, o.reason, h.handed_over_at, h.handed, b.returned_at, p.group_name, "  # noqa: S608 - constants
        "p.representative, p.address, p.phone, p.mail, "
        "p.purpose, p.network, p.uses, "
        f"(SELECT coalesce(array_agg(g.item), '{{}}') FROM {HELD} g WHERE g.application = s.application) AS items, "
        "ARRAY(SELECT b.receipt FROM applicants q JOIN applications b USING (application) WHERE q.call = :call "
        "AND q.application <> s.application AND (q.name_key = p.name_key OR q.phone_key = p.phone_key) "
        "ORDER BY b.nth) AS same "
        f"FROM seen s LEFT JOIN out o USING (application) {_HANDED}LEFT JOIN applicants p USING (application) "
        "ORDER BY s.arrived_at, s.nth"
    )
    return list(await connection.execute(text(query), {"call": call}))


async def by_category(connection: AsyncConnection, call: UUID | None = None) -> list[Row[Any]]:
    """Count applications in the queue and units by category, of one call or of all calls of the town."""
    query = (
        "SELECT code, count(*) AS applications, sum(units) AS asked, sum(granted) AS granted, "  # noqa: S608 - constants
        "count(*) FILTER (WHERE granted > 0) AS served, sum(handed_over) AS handed_over FROM ("
        "SELECT a.category AS code, a.units, a.arrived_at, "
        f"(SELECT count(*) FROM {HELD} g WHERE g.application = a.application) AS granted, "
        "coalesce((SELECT sum(cardinality(h.items)) FROM hand_overs h WHERE h.application = a.application), 0) "
        f"AS handed_over FROM {FACTS} a WHERE (CAST(:call AS uuid) IS NULL OR a.call = :call) AND NOT EXISTS "
        "(SELECT FROM refusals r WHERE r.application = a.application) AND NOT EXISTS "
        "(SELECT FROM withdrawals w WHERE w.application = a.application)) counted "
        "GROUP BY code ORDER BY min(arrived_at)"
    )
    return list(await connection.execute(text(query), {"call": call}))


async def counts(connection: AsyncConnection) -> Mapping[str, int]:
    """Count the town's machines on their way and its refused applications, each from its rows."""
    query = (
        "SELECT (SELECT count(DISTINCT item) FROM refurbishments) AS ready, "  # noqa: S608 - constants
        "(SELECT count(DISTINCT item) FROM deliveries) AS delivered, "
        "(SELECT count(DISTINCT item) FROM takeovers) AS taken_over, "
        f"(SELECT count(*) FROM {HELD} g) AS granted, "
        "(SELECT coalesce(sum(cardinality(items)), 0) FROM hand_overs) AS handed_over, "
        "(SELECT count(*) FROM refusals) AS refused"
    )
    row = (await connection.execute(text(query))).one()
    left = len(await views.stock(connection))
    return {**row._mapping, "left": left}  # noqa: SLF001 - SQLAlchemy's documented mapping of a row


async def uses(connection: AsyncConnection, call: UUID | None = None) -> list[Row[Any]]:
    """Return the usage reports, of one call or of all calls of the town, oldest first."""
    query = (
        "SELECT receipt, category, uses, difficulty, difficulties, reported_at FROM usage_reports "
        "WHERE CAST(:call AS uuid) IS NULL OR call = :call ORDER BY reported_at, stream, sequence"
    )
    return list(await connection.execute(text(query), {"call": call}))


async def standing(connection: AsyncConnection, call: UUID, receipt: str, at: datetime) -> dict[str, Any]:
    """Return where one application stands at a moment: its place, what was asked before it, what it got."""
    rows = await record(connection, call)
    own = next(row for row in rows if row.receipt == receipt)
    queue = [row for row in rows if not row.reason]
    ahead = queue[: queue.index(own)] if own in queue else []
    of = next(row for row in await opened(connection) if row.call == call)
    said = [row for row in await uses(connection, call) if row.receipt == receipt]
    return {
        "call": of.data["number"],
        "title": of.data["title"],
        "receipt": receipt,
        "category": own.category,
        "units": own.units,
        "channel": own.channel,
        "arrived_at": own.arrived_at,
        "refused": own.reason,
        "place": len(ahead) + 1 if own in queue else None,
        "asked_before": sum(row.units for row in ahead),
        "rule": of.data["rule"],
        "correctable": own.reason is None
        and not of.closed_at
        and own.round == (of.further or {"round": 1})["round"]
        and at < datetime.fromisoformat((of.further or of.data)["closes_at"]),
        "offered": (of.further or of.data)["units"],
        "closed_at": of.closed_at,
        "allocated_at": of.allocated_at,
        "granted": own.granted,
        "handed_over": own.handed_over,
        "handed_over_at": own.handed_over_at,
        "returned_at": own.returned_at,
        "reports": len(said),
    }


async def opened(connection: AsyncConnection) -> list[Row[Any]]:
    """Return the town's calls in the round they are in, newest first."""
    query = (
        "SELECT c.call, c.number, c.data, c.opened_at, r.data AS further, x.closed_at, a.allocated_at, "
        "ARRAY(SELECT DISTINCT unnest(stock) FROM allocations s WHERE s.call = c.call) AS stock, a.waiting, a.entry, "
        "CAST(c.data->>'units' AS int) + coalesce((SELECT sum(CAST(o.data->>'units' AS int)) FROM rounds o "
        "WHERE o.call = c.call), 0) AS units "
        "FROM calls c LEFT JOIN LATERAL (SELECT data, round FROM rounds WHERE rounds.call = c.call "
        "ORDER BY round DESC LIMIT 1) r ON true "
        "LEFT JOIN closings x ON x.call = c.call AND x.round = coalesce(r.round, 1) "
        "LEFT JOIN allocations a ON a.call = c.call AND a.round = coalesce(r.round, 1) ORDER BY c.opened_at DESC"
    )
    return list(await connection.execute(text(query)))


async def register(connection: AsyncConnection) -> list[Row[Any]]:
    """Return the goods register's moves (物品台帳の異動): each machine that left, by what right, and came back."""
    query = (
        "SELECT m.label, m.kind, m.spec, h.receipt, h.category, h.approval, h.basis, h.handed_over_at, b.returned_at, "
        "c.number, x.item FROM hand_overs h JOIN calls c USING (call) LEFT JOIN returns b USING (application) "
        "CROSS JOIN LATERAL unnest(h.items) AS x(item) LEFT JOIN LATERAL (SELECT label, kind, spec FROM refurbishments "
        "r WHERE r.item = x.item ORDER BY ready_at DESC, sequence DESC LIMIT 1) m ON true "
        "ORDER BY h.handed_over_at, m.label"
    )
    return list(await connection.execute(text(query)))


async def told(connection: AsyncConnection, call: UUID) -> list[Row[Any]]:
    """Return what recipients of a call told in their own words, newest first."""
    query = (
        "SELECT n.report, n.note, n.photo IS NOT NULL AS photo, n.consent, n.interview, n.released_at, f.receipt, "
        "p.group_name, p.phone, p.representative FROM usage_notes n JOIN applications f USING (application) "
        "LEFT JOIN applicants p USING (application) WHERE n.call = :call ORDER BY n.report DESC"
    )
    return list(await connection.execute(text(query), {"call": call}))


async def cases(connection: AsyncConnection) -> list[Row[Any]]:
    """Return what is shown to everybody: words and pictures with consent that a clerk released, without names."""
    query = (
        "SELECT n.report, n.note, n.photo IS NOT NULL AS photo, n.released_at, f.category, u.uses FROM usage_notes n "
        "JOIN applications f USING (application) LEFT JOIN LATERAL ("
        "SELECT array_agg(DISTINCT use ORDER BY use) AS uses FROM usage_reports r CROSS JOIN unnest(r.uses) AS x(use) "
        "WHERE r.receipt = f.receipt) u ON true "
        "WHERE n.consent AND n.released_at IS NOT NULL ORDER BY n.released_at DESC, n.report"
    )
    return list(await connection.execute(text(query)))


async def consented(connection: AsyncConnection, application: UUID) -> bool:
    """Tell whether an applicant agreed that something of the reports is shown."""
    query = "SELECT EXISTS (SELECT FROM usage_notes WHERE application = :application AND consent)"
    return bool(await connection.scalar(text(query), {"application": application}))


async def picture(connection: AsyncConnection, report: UUID, *, public: bool) -> bytes | None:
    """Return the picture of a report; of one that is not shown to everybody, for the town alone."""
    query = (
        "SELECT photo FROM usage_notes WHERE report = :report AND (NOT :public OR consent AND released_at IS NOT NULL)"
    )
    found = await connection.scalar(text(query), {"report": report, "public": public})
    return bytes(found) if found else None


async def kept_of(connection: AsyncConnection, call: UUID, receipt: str) -> dict[str, Any] | None:
    """Return everything personal that is kept of an application, for whom it is about; None when nothing is.

    Pictures are in it too, as data URLs (RFC 2397).
    """
    query = (
        f"SELECT p.*, k.application FROM {KEPT} k LEFT JOIN applicants p USING (application) "  # noqa: S608 - a constant
        "LEFT JOIN applications a USING (application) LEFT JOIN refusals r USING (application) "
        "WHERE k.call = :call AND coalesce(a.receipt, r.receipt) = :receipt"
    )
    row = (await connection.execute(text(query), {"call": call, "receipt": receipt})).one_or_none()
    if row is None:
        return None
    hidden = ("application", "tenant", "call", "name_key", "phone_key", "passphrase_sha256")
    own = {name: value for name, value in row._mapping.items() if name not in hidden}  # noqa: SLF001 - documented
    given = {"application": row.application}
    reasons = await connection.execute(
        text("SELECT reason FROM review_reasons WHERE application = :application"), given
    )
    notes = await connection.execute(
        text(
            "SELECT note, photo, consent, interview FROM usage_notes WHERE application = :application ORDER BY report"
        ),
        given,
    )
    photos = await connection.scalars(
        text("SELECT content FROM hand_over_photos WHERE application = :application ORDER BY sequence"), given
    )
    mails = await connection.execute(
        text("SELECT what, state, written_at FROM letters WHERE about = :application ORDER BY written_at"), given
    )
    return {
        "receipt": receipt,
        **own,
        "uses": own["uses"] or [],
        "review_reasons": [each.reason for each in reasons],
        "usage_reports": [
            {
                "note": each.note,
                "photo": _jpeg(each.photo) if each.photo else None,
                "consent": each.consent,
                "interview": each.interview,
            }
            for each in notes
        ],
        "hand_over_photos": [_jpeg(content) for content in photos],
        "mails": [[each.what, each.state, moment(each.written_at)] for each in mails],
    }


def _jpeg(content: bytes) -> str:
    return f"data:image/jpeg;base64,{b64encode(content).decode()}"


async def keeping(connection: AsyncConnection, town: str) -> tuple[int | None, list[Row[Any]], int]:
    """Return for how many months the town keeps what is personal, what was deleted last, and how many are kept."""
    months = await connection.scalar(text("SELECT months FROM retentions WHERE tenant = :town"), {"town": town})
    gone = await connection.execute(text("SELECT * FROM erasures ORDER BY erased_at DESC, receipt LIMIT 100"))
    kept = await connection.scalar(text(f"SELECT count(*) FROM {KEPT} k"))  # noqa: S608 - a constant
    return months, list(gone), int(kept or 0)


async def staff(connection: AsyncConnection, town: str) -> dict[str, str]:
    """Return the names of a town's people by the references that entries hold."""
    query = "SELECT person, name FROM people WHERE party = :town"
    return {row.person: row.name for row in await connection.execute(text(query), {"town": town})}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the deciding of a call is: its seed, or its marks with the words of their reasons."""

    call: Call
    review: UUID | None
    reasons: Mapping[UUID, str]


async def progress(tx: Transaction, call: UUID) -> Progress:
    """Return how far a call is decided, as its entries say."""
    history = await ledger.read(tx, call)
    last = next((entry.id for entry in reversed(history.entries) if isinstance(entry.event, Reviewed)), None)
    rows = await tx.connection.execute(
        text("SELECT application, reason FROM review_reasons WHERE review = :review"), {"review": last}
    )
    return Progress(await folded(tx, history), last, {row.application: row.reason for row in rows})


async def published(tx: Transaction, call: UUID) -> dict[str, Any]:
    """Return the log of an allocated call: inputs and results, step by step, without names.

    Raises Refused before the first allocation.
    """
    entries = list((await ledger.read(tx, call)).entries)
    draws = [draw_stream(call, number) for number in range(1, fold([one.event for one in entries]).round + 1)]
    applications = await views.received(tx.connection, call)
    streams = await ledger.read_all(tx, [*draws, *(each.application for each in applications)])
    entries += [entry for draw in draws for entry in streams[draw].entries]
    stock = [item for row in await opened(tx.connection) if row.call == call for item in row.stock]
    if not any(isinstance(entry.event, Allocated) for entry in entries):
        raise Refused(
            "not-settled",
            "この公募はまだ割り当てていません。締め切りと割り当ての後で、もう一度ご覧ください。",
            "This call is not allocated yet. Look again after it is closed and allocated.",
        )
    refused = [
        {
            "receipt": row.receipt,
            "category": row.category,
            "units": row.units,
            "channel": row.channel,
            "arrived_at": moment(row.arrived_at),
            "recorded_at": moment(row.recorded_at),
            "reason": row.reason,
        }
        for row in await record(tx.connection, call)
        if row.reason
    ]
    recorded = {row.receipt: row.recorded_at for row in await record(tx.connection, call)}
    inputs = Inputs(
        applications,
        recorded,
        frozenset(each["receipt"] for each in refused if each["reason"] not in ("withdrawn", "returned")),
        await views.machines(tx.connection, stock),
    )
    told = [entry for each in applications for entry in streams[each.application].entries]
    return publish(entries, inputs) | {"refused": refused, "entries": cited([*entries, *told])}
