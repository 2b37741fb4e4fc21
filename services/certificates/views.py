"""Certificates' views: what documents need of other services' entries, and its own certificates. Rows commute."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Table, delete, func, select, text
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.certificates.domain.number import parse_number
from services.certificates.issuing import Order
from services.certificates.tables import certificates, evidence, metadata, pending, proofs, receipts
from shared.database import Transaction
from shared.entry import Entry
from shared.events.certificates import (
    CertificateIssued,
    CertificateKind,
    CertificateOverdue,
    CertificateRequested,
    CertificateRevoked,
)
from shared.events.tracking import ItemRegistered, Received

REBUILT: tuple[Table, ...] = (
    evidence,
    receipts,
    certificates,
    *(metadata.tables[name] for name in ("parties", "engagements", "ended_engagements", "items")),
)
OWN = "certificates."
RETRY_S = 30  # after a failed attempt; what is missing (a photo still on its way) may have come
OPEN_MAX = 100

_STATE = (
    "CASE WHEN c.revoked_at IS NOT NULL THEN 'revoked' WHEN c.issued_at IS NOT NULL THEN 'issued' "
    "WHEN c.requested_at IS NULL THEN 'awaited' WHEN p.entry IS NOT NULL THEN 'ready' ELSE 'requested' END"
)
_DUE = "(r.received_at AT TIME ZONE 'Asia/Tokyo')::date + e.certificate_days"


# ── what is kept ──────────────────────────────────────────────────────────────────────────────────────────────────────


async def apply(tx: Transaction, entries: Sequence[Entry[Any]]) -> None:
    """Put certificates' own entries on the view; repetition and order do not matter.

    Each kind of event fills its own columns, and a column once filled stays.
    """
    own = [entry for entry in entries if entry.kind.startswith(OWN)]
    for entry in own:
        row = _row(entry)
        await tx.connection.execute(_filling(tuple(row)), row)
    await _queue(tx, own)


@lru_cache(maxsize=8)
def _filling(names: tuple[str, ...]) -> Insert:
    statement = insert(certificates)
    kept = {name: func.coalesce(certificates.c[name], statement.excluded[name]) for name in names}
    return statement.on_conflict_do_update(index_elements=["certificate"], set_=kept)


async def _queue(tx: Transaction, entries: Sequence[Entry[Any]]) -> None:
    """Let what is requested wait for the issuer, and what is issued wait no more."""
    asked = [
        {
            "certificate": entry.stream,
            "tenant": entry.tenant,
            "cited": entry.event.cites[0].entry,
            "traceparent": entry.traceparent,
        }
        for entry in entries
        if isinstance(entry.event, CertificateRequested)
    ]
    if asked:
        await tx.connection.execute(insert(pending).on_conflict_do_nothing(), asked)
    if moved := [e.stream for e in entries if isinstance(e.event, CertificateRequested | CertificateIssued)]:
        issued = select(certificates.c.certificate).where(
            certificates.c.certificate.in_(moved), certificates.c.issued_at.is_not(None)
        )
        await tx.connection.execute(delete(pending).where(pending.c.certificate.in_(issued)))


def _row(entry: Entry[Any]) -> dict[str, Any]:
    event = entry.event
    number = parse_number(event.number)
    row: dict[str, Any] = {
        "certificate": entry.stream,
        "tenant": entry.tenant,
        "number": event.number,
        "kind": number.kind,
        "label": number.label.id,
        "item": getattr(event, "item", None),
    }
    match event:
        case CertificateRequested():
            return row | {"medium": event.medium, "cited": event.cites[0].entry, "requested_at": entry.recorded_at}
        case CertificateIssued():
            hashes = event.model_dump(include={"input_sha256", "pdf_sha256", "json_sha256", "key", "log_index"})
            return row | hashes | {"medium": event.medium, "issued_at": entry.recorded_at}
        case CertificateOverdue():
            return row | {"overdue_at": entry.recorded_at}
        case CertificateRevoked():
            return row | {"revoked_at": entry.recorded_at, "reason": event.reason}
        case _:
            raise TypeError(f"certificates keeps no view of {entry.kind}")


async def keep(tx: Transaction, entries: Sequence[Entry[Any]]) -> None:
    """Keep other services' entries in their stored bytes."""
    rows = [
        {
            "entry": entry.id,
            "tenant": entry.tenant,
            "stream": entry.stream,
            "sequence": entry.sequence,
            "item": getattr(entry.event, "item", None),
            "medium": getattr(entry.event, "medium", None),
            "engagement": getattr(entry.event, "engagement", None),
            "kind": entry.kind,
            "occurred_at": entry.occurred_at,
            "recorded_at": entry.recorded_at,
            "body": entry.body,
            "salt": entry.salt,
        }
        for entry in entries
    ]
    if rows:
        await tx.connection.execute(insert(evidence).on_conflict_do_nothing(), rows)


_RECEIPT = insert(receipts)
_FIRST_RECEIPT = _RECEIPT.on_conflict_do_update(
    index_elements=["item"],
    set_={"received_at": func.least(receipts.c.received_at, _RECEIPT.excluded.received_at)},
)


async def keep_receipts(tx: Transaction, entries: Sequence[Entry[Received]]) -> None:
    """Keep when each item was first received."""
    first: dict[UUID, dict[str, Any]] = {}
    for entry in sorted(entries, key=lambda entry: entry.recorded_at):
        row = {"item": entry.event.item, "tenant": entry.tenant, "received_at": entry.recorded_at}
        first.setdefault(entry.event.item, row)
    if first:
        await tx.connection.execute(_FIRST_RECEIPT, list(first.values()))


async def keep_proofs(tx: Transaction, tenant: str, notice: Mapping[str, Any]) -> None:
    """Keep where entries stand in the log. The first proof of an entry stays: every later head proves it as well."""
    rows = [
        {
            "entry": UUID(leaf["entry"]),
            "tenant": tenant,
            "log_index": int(leaf["index"]),
            "path": [str(step) for step in leaf["path"]],
            "checkpoint": str(notice["checkpoint"]),
        }
        for leaf in notice["leaves"]
    ]
    if rows:
        await tx.connection.execute(insert(proofs).on_conflict_do_nothing(), rows)


# ── what the issuer and the overdue loop take ─────────────────────────────────────────────────────────────────────────


_OPEN = text(
    "SELECT q.certificate, q.tenant, c.number, c.kind, c.item, c.medium, q.traceparent, q.input_sha256, v.body, "
    "v.salt, p.log_index, p.path, p.checkpoint FROM pending q JOIN certificates c USING (certificate) "
    "JOIN evidence v ON v.entry = q.cited JOIN proofs p ON p.entry = q.cited "
    "JOIN items i ON i.item = c.item JOIN engagements e ON e.engagement = i.engagement "
    "JOIN parties t ON t.party = e.town JOIN parties z ON z.party = e.centre "
    "WHERE c.issued_at IS NULL AND q.certificate <> ALL(CAST(:without AS uuid[])) "
    "AND (q.tried_at IS NULL OR q.tried_at < now() - make_interval(secs => :retry)) "
    "ORDER BY c.kind = 'tracking', c.requested_at LIMIT :most"  # custody waits for the destruction's certificate
)


async def open_orders(
    connection: AsyncConnection, most: int = OPEN_MAX, *, without: Sequence[UUID] = ()
) -> list[Order]:
    """Return what can be issued now, except what is in hand: what custody waits for first, then the oldest request."""
    rows = await connection.execute(_OPEN, {"retry": RETRY_S, "most": most, "without": list(without)})
    return [
        Order(
            certificate=row.certificate,
            tenant=row.tenant,
            number=row.number,
            kind=row.kind,
            item=row.item,
            medium=row.medium,
            traceparent=row.traceparent,
            input_sha256=row.input_sha256,
            body=bytes(row.body),
            salt=bytes(row.salt),
            log_index=row.log_index,
            path=tuple(row.path),
            checkpoint=row.checkpoint,
        )
        for row in rows
    ]


async def fix_inputs(connection: AsyncConnection, inputs: Mapping[UUID, str]) -> dict[UUID, str]:
    """Fix each certificate's input by its hash, for every later attempt as well. Returns what stands: the first."""
    rows = await connection.execute(
        text(
            "UPDATE pending p SET input_sha256 = coalesce(p.input_sha256, g.sha) "
            "FROM unnest(CAST(:certificates AS uuid[]), CAST(:shas AS text[])) AS g(certificate, sha) "
            "WHERE p.certificate = g.certificate RETURNING p.certificate, p.input_sha256"
        ),
        {"certificates": list(inputs), "shas": list(inputs.values())},
    )
    return {row.certificate: row.input_sha256 for row in rows}


async def set_failure(connection: AsyncConnection, certificate: UUID, failure: str) -> None:
    """Note why a certificate could not be made; it is tried again after RETRY_S."""
    await connection.execute(
        text("UPDATE pending SET failure = :failure, tried_at = now() WHERE certificate = :of"),
        {"failure": failure[:500], "of": certificate},
    )


@dataclass(frozen=True, slots=True)
class Late:
    """A certificate whose deadline passed without it."""

    tenant: str
    item: UUID
    medium: UUID | None
    kind: CertificateKind
    number: str
    due_on: date


# What each received item owes: a destruction certificate for each medium to be destroyed, and one of tracking.
_BARE = "substr(i.label, 1, 4) || '-' || substr(i.label, 5, 4) || '-' || substr(i.label, 9)"
_OWED = (
    f"SELECT i.tenant, i.item, i.label, i.engagement, (m.value->>'id')::uuid AS medium, 'destruction' AS kind, "  # noqa: S608 - constants
    f"'D-' || {_BARE} || CASE WHEN m.nth > 1 THEN '-' || m.nth ELSE '' END AS number, {_DUE} AS due_on "
    "FROM receipts r JOIN items i USING (item) JOIN engagements e USING (engagement), "
    "jsonb_array_elements(i.data->'media') WITH ORDINALITY AS m(value, nth) "
    "WHERE i.data->'required'->>'at_centre' = 'destroy' "
    f"UNION ALL SELECT i.tenant, i.item, i.label, i.engagement, NULL, 'tracking', 'T-' || {_BARE}, {_DUE} "
    "FROM receipts r JOIN items i USING (item) JOIN engagements e USING (engagement)"
)


async def overdue(connection: AsyncConnection, today: date, most: int = 200) -> list[Late]:
    """Return what is late and not yet said to be, the earliest deadline first."""
    rows = await connection.execute(
        text(
            f"SELECT o.tenant, o.item, o.medium, o.kind, o.number, o.due_on FROM ({_OWED}) o "  # noqa: S608 - constants
            "LEFT JOIN certificates c ON c.number = o.number "
            "WHERE o.due_on < :today AND c.issued_at IS NULL AND c.overdue_at IS NULL ORDER BY o.due_on LIMIT :most"
        ),
        {"today": today, "most": most},
    )
    return [Late(*row) for row in rows]


# ── what documents say ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything known around one item, for filling a document."""

    tenant: str
    registered: ItemRegistered  # as corrected since
    engagement: Row[Any]
    received_at: datetime | None
    parties: Mapping[str, str]
    people: Mapping[str, Row[Any]]
    entries: tuple[Entry[Any], ...]  # about the item, its engagement and the town's policy, oldest first
    places: Mapping[UUID, int]  # of entries in the log
    numbers: Mapping[UUID, str]  # of issued certificates, by medium


async def facts(connection: AsyncConnection, items: Sequence[UUID]) -> dict[UUID, Facts]:
    """Return what is known around items, a handful of queries for all of them."""
    given = {"items": list(items)}
    known = list(
        await connection.execute(
            text(
                "SELECT i.item, i.tenant, i.data, i.engagement, r.received_at FROM items i "
                "LEFT JOIN receipts r USING (item) WHERE i.item = ANY(:items)"
            ),
            given,
        )
    )
    wanted = {"engagements": [row.engagement for row in known], "tenants": [row.tenant for row in known]}
    engagements = {
        row.engagement: row
        for row in await connection.execute(
            text("SELECT * FROM engagements WHERE engagement = ANY(:engagements)"), wanted
        )
    }
    named = [party for row in engagements.values() for party in (row.town, row.centre, row.carrier) if party]
    parties = {
        row.party: row.name
        for row in await connection.execute(
            text("SELECT party, name FROM parties WHERE party = ANY(:parties)"), {"parties": named}
        )
    }
    about = list(
        await connection.execute(
            text(
                "SELECT v.item, v.engagement, v.tenant, v.body, v.salt, v.entry, p.log_index FROM evidence v "
                "LEFT JOIN proofs p USING (entry) WHERE v.item = ANY(:items) OR v.engagement = ANY(:engagements) "
                "OR (v.tenant = ANY(:tenants) AND v.kind = 'tracking.policy-set.v1') "
                "ORDER BY v.recorded_at, v.stream, v.sequence"
            ),
            given | wanted,
        )
    )
    numbers: defaultdict[UUID, dict[UUID, str]] = defaultdict(dict)
    for row in await connection.execute(
        text("SELECT item, medium, number FROM certificates WHERE item = ANY(:items) AND medium IS NOT NULL"), given
    ):
        numbers[row.item][row.medium] = row.number
    entries = {row.entry: Entry.read(row.body, row.salt) for row in about}
    people = await _people(connection, entries.values())
    return {
        row.item: Facts(
            tenant=row.tenant,
            registered=_corrected(row.data, [entries[one.entry] for one in about if one.item == row.item]),
            engagement=engagements[row.engagement],
            received_at=row.received_at,
            parties=parties,
            people=people,
            entries=tuple(
                entries[one.entry]
                for one in about
                if one.item == row.item
                or one.engagement == row.engagement
                or (one.item is None and one.engagement is None and one.tenant == row.tenant)
            ),
            places={one.entry: one.log_index for one in about if one.log_index is not None},
            numbers=numbers[row.item],
        )
        for row in known
        if row.engagement in engagements
    }


async def _people(connection: AsyncConnection, entries: Any) -> dict[str, Row[Any]]:
    named = {entry.by.person for entry in entries}
    for entry in entries:
        named |= {
            said
            for role in ("operator", "witness", "verifier", "approver")
            if (said := getattr(entry.event, role, None))
        }
    rows = await connection.execute(text("SELECT * FROM people WHERE person = ANY(:people)"), {"people": sorted(named)})
    return {row.person: row for row in rows}


def _corrected(data: Mapping[str, Any], entries: Sequence[Entry[Any]]) -> ItemRegistered:
    """Return the registration with what was corrected since, in the order of the item's stream."""
    corrections = sorted((e for e in entries if e.kind == "tracking.corrected.v1"), key=lambda e: e.sequence)
    changed = {e.event.field: e.event.now for e in corrections if e.event.field in ItemRegistered.model_fields}
    return ItemRegistered.model_validate({**data, **changed})


# ── what the doors read ───────────────────────────────────────────────────────────────────────────────────────────────

_LIST = (
    f"SELECT c.*, {_STATE} AS state, {_DUE} AS due_on, i.engagement, i.data->>'item_kind' AS item_kind, "  # noqa: S608 - constants
    "i.data->>'maker' AS maker, i.data->>'model' AS model, q.failure FROM certificates c "
    "LEFT JOIN items i USING (item) LEFT JOIN engagements e USING (engagement) LEFT JOIN receipts r USING (item) "
    "LEFT JOIN proofs p ON p.entry = c.cited LEFT JOIN pending q USING (certificate) "
)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which certificates are looked for; None: all."""

    item: UUID | None = None
    engagement: UUID | None = None
    kind: str | None = None
    state: str | None = None


async def listed(
    connection: AsyncConnection, tenant: str, asked: Asked, *, most: int, after: int = 0
) -> list[Row[Any]]:
    """Return a town's certificates, what waits first, then the newest."""
    rows = await connection.execute(
        text(
            f"SELECT * FROM ({_LIST} WHERE c.tenant = :tenant) l "  # noqa: S608 - constants
            "WHERE (CAST(:item AS uuid) IS NULL OR item = :item) "
            "AND (CAST(:engagement AS uuid) IS NULL OR engagement = :engagement) "
            "AND (CAST(:kind AS text) IS NULL OR kind = :kind) AND (CAST(:state AS text) IS NULL OR state = :state) "
            "ORDER BY issued_at IS NOT NULL, issued_at DESC, number LIMIT :most OFFSET :after"
        ),
        {"tenant": tenant, "most": most, "after": after}
        | {name: getattr(asked, name) for name in ("item", "engagement", "kind", "state")},
    )
    return list(rows)


async def one(connection: AsyncConnection, number: str) -> Row[Any] | None:
    """Return one certificate by its number, among what the connection may see."""
    return (await connection.execute(text(f"{_LIST} WHERE c.number = :number"), {"number": number})).one_or_none()


async def public(connection: AsyncConnection, number: str) -> Row[Any] | None:
    """Return what anybody may know of a certificate: number, kind, moments."""
    found = await connection.execute(text("SELECT * FROM public_certificate(:number)"), {"number": number})
    return found.one_or_none()


async def deadlines(connection: AsyncConnection, tenant: str, engagement: UUID | None = None) -> list[Row[Any]]:
    """Return, by engagement, kind and deadline, how many certificates are owed, issued and missing."""
    rows = await connection.execute(
        text(
            f"SELECT o.engagement, o.kind, o.due_on, count(*) AS owed, count(c.issued_at) AS issued, "  # noqa: S608 - constants
            f"count(*) - count(c.issued_at) AS missing FROM ({_OWED}) o LEFT JOIN certificates c USING (number) "
            "WHERE o.tenant = :tenant "
            "AND (CAST(:engagement AS uuid) IS NULL OR o.engagement = :engagement) GROUP BY 1, 2, 3 ORDER BY 3, 2, 1"
        ),
        {"tenant": tenant, "engagement": engagement},
    )
    return list(rows)


async def counts(connection: AsyncConnection, tenant: str) -> dict[str, dict[str, int]]:
    """Count a town's certificates by kind and state; `overdue` counts those that were late when issued or still are."""
    rows = await connection.execute(
        text(
            f"SELECT kind, state, count(*) AS n, count(overdue_at) AS late "  # noqa: S608 - constants
            f"FROM ({_LIST} WHERE c.tenant = :tenant) l GROUP BY 1, 2"
        ),
        {"tenant": tenant},
    )
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for row in rows:
        found[row.kind][row.state] = row.n
        found[row.kind]["overdue"] = found[row.kind].get("overdue", 0) + row.late
    return dict(found)


async def issued(connection: AsyncConnection, tenant: str, engagement: UUID | None = None) -> list[Row[Any]]:
    """Return a town's issued certificates by number, with the hashes of their files."""
    rows = await connection.execute(
        text(
            "SELECT c.number, c.kind, c.label, c.issued_at, c.revoked_at, c.pdf_sha256, c.json_sha256 "
            "FROM certificates c JOIN items i USING (item) WHERE c.tenant = :tenant AND c.issued_at IS NOT NULL "
            "AND (CAST(:engagement AS uuid) IS NULL OR i.engagement = :engagement) ORDER BY c.number"
        ),
        {"tenant": tenant, "engagement": engagement},
    )
    return list(rows)


async def towns(connection: AsyncConnection, party: str) -> dict[str, str]:
    """Return the towns a party has an engagement with, by name; a town has itself."""
    rows = await connection.execute(
        text(
            "SELECT DISTINCT e.town, coalesce(p.name, e.town) AS name FROM engagements e "
            "LEFT JOIN parties p ON p.party = e.town WHERE :party IN (e.town, e.centre, e.carrier) ORDER BY 1"
        ),
        {"party": party},
    )
    return {row.town: row.name for row in rows}


async def engagements(connection: AsyncConnection, tenant: str) -> list[Row[Any]]:
    """Return a town's engagements, the newest first."""
    rows = await connection.execute(
        text(
            "SELECT engagement, title, contract, certificate_days FROM engagements WHERE town = :town "
            "ORDER BY starts_on DESC"
        ),
        {"town": tenant},
    )
    return list(rows)
