"""Certificates' views: what documents need of other services' entries, and its own certificates. Rows commute."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import Row, Table, delete, func, select, text
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.certificates.domain.number import parse_number
from services.certificates.tables import certificates, evidence, metadata, pending, proofs, receipts
from shared.database import Transaction
from shared.entry import Entry
from shared.events.certificates import (
    CertificateIssued,
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
    numbers: Mapping[UUID, str]  # of the destruction certificates that stand, by medium


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
        text(
            "SELECT item, medium, number FROM certificates WHERE item = ANY(:items) AND kind = 'destruction' "
            "AND issued_at IS NOT NULL AND revoked_at IS NULL"
        ),
        given,
    ):
        numbers[row.item][row.medium] = row.number
    entries = {row.entry: Entry.read(row.body, row.salt) for row in about}
    people = await _people(connection, entries.values())
    return {
        row.item: Facts(
            tenant=row.tenant,
            registered=ItemRegistered.model_validate(row.data),
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
