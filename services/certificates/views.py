"""Certificates' views: what documents need of other services' entries, and its own certificates. Rows commute."""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Row, Table, case, delete, func, select, text
from sqlalchemy.dialects.postgresql import Insert, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.certificates.domain.number import parse_number
from services.certificates.tables import certificates, evidence, metadata, pending, proofs, receipts
from shared.certification import earns_erasure
from shared.database import Transaction
from shared.entry import Entry
from shared.events.certificates import (
    CertificateIssued,
    CertificateOverdue,
    CertificateRequested,
    CertificateRevoked,
    CertificateValidated,
    Cited,
    LotRequested,
)
from shared.events.erasure import MediumErased
from shared.events.tracking import ItemRegistered, Received, Required

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
    given, there = statement.excluded, certificates.c
    kept: dict[str, ColumnElement[Any]] = {name: func.coalesce(there[name], given[name]) for name in names}
    if "revoked_at" in names:  # a replacement named later revokes nothing anew
        kept["revoked_at"] = func.least(there.revoked_at, given.revoked_at)
    for mark, said in NEWEST.items():
        if mark in names:  # of several such entries of one stream the newest says it, whichever is heard first
            kept |= {name: case((there[mark] > given[mark], there[name]), else_=given[name]) for name in said}
            kept[mark] = func.greatest(there[mark], given[mark])
    return statement.on_conflict_do_update(index_elements=["certificate"], set_=kept)


NEWEST: Mapping[str, Sequence[str]] = {
    "asked": ("cited", "requested_at"),
    "validated": ("validated_at", "accepted", "validator", "remark"),
}


async def _queue(tx: Transaction, entries: Sequence[Entry[Any]]) -> None:
    """Let what is requested wait for the issuer, on its latest grounds, and what is issued wait no more."""
    asked = [
        {
            "certificate": entry.stream,
            "tenant": entry.tenant,
            "cited": _cited(entry),
            "asked": entry.sequence,
            "traceparent": entry.traceparent,
        }
        for entry in entries
        if isinstance(entry.event, CertificateRequested | LotRequested)
    ]
    for row in asked:
        await tx.connection.execute(_WAITING, row)
    moving = CertificateRequested | LotRequested | CertificateIssued
    if done := [e.stream for e in entries if isinstance(e.event, moving)]:
        issued = select(certificates.c.certificate).where(
            certificates.c.certificate.in_(done), certificates.c.issued_at.is_not(None)
        )
        if (await tx.connection.execute(issued.limit(1))).first():
            await tx.connection.execute(delete(pending).where(pending.c.certificate.in_(issued)))


_WAIT = insert(pending)
_WAITING = _WAIT.on_conflict_do_update(
    index_elements=["certificate"],
    set_={
        "cited": _WAIT.excluded.cited,
        "asked": _WAIT.excluded.asked,
        "traceparent": _WAIT.excluded.traceparent,
        "input_sha256": None,  # was filled on the earlier grounds
        "failure": None,
        "tried_at": None,
    },
    where=pending.c.asked < _WAIT.excluded.asked,
)


def _cited(entry: Entry[Any]) -> UUID:
    """Return the entry that a certificate stands on; a lot's is the one that asks for it."""
    return entry.id if isinstance(entry.event, LotRequested) else UUID(str(entry.event.cites[0].entry))


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
    requested = {"requested_at": entry.recorded_at, "asked": entry.sequence}
    match event:
        case CertificateRequested():
            return row | requested | {"medium": event.medium, "cited": _cited(entry), "replaces": event.replaces}
        case LotRequested():
            return row | requested | {"cited": entry.id, "lot_of": event.engagement, "replaces": event.replaces}
        case CertificateIssued():
            hashes = event.model_dump(include={"input_sha256", "pdf_sha256", "json_sha256", "key", "log_index"})
            return row | hashes | {"medium": event.medium, "issued_at": entry.recorded_at}
        case CertificateOverdue():
            return row | {"overdue_at": entry.recorded_at}
        case CertificateRevoked():
            said = event.model_dump(include={"reason", "code", "replaced_by"})
            return row | said | {"revoked_at": entry.recorded_at}
        case CertificateValidated():
            said = event.model_dump(include={"accepted", "validator", "remark"})
            return row | said | {"validated": entry.sequence, "validated_at": entry.recorded_at}
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


async def is_taken(connection: AsyncConnection, number: str) -> bool:
    """Tell whether a number was given to any town's certificate."""
    found = await connection.execute(text("SELECT 1 FROM public_certificate(:number)"), {"number": number})
    return found.first() is not None


async def last_grounds(connection: AsyncConnection, asked: CertificateRequested) -> tuple[Cited, ...]:
    """Return the last erasure that earns an erasure certificate of the medium; nothing for other kinds, or unheard."""
    if asked.certificate_kind != "erasure":
        return ()
    required = await connection.scalar(
        text("SELECT data->'required' FROM items WHERE item = :item"), {"item": asked.item}
    )
    rows = await connection.execute(
        text(
            "SELECT body, salt FROM evidence WHERE item = :item AND medium = :medium "
            "AND kind = 'erasure.medium-erased.v1' ORDER BY sequence DESC"
        ),
        {"item": asked.item, "medium": asked.medium},
    )
    for row in rows:
        entry: Entry[Any] = Entry.read(row.body, row.salt)
        if required and earns_erasure(Required.model_validate(required), entry.event.achieved):
            return (Cited(entry=entry.id, stream=entry.stream, sequence=entry.sequence),)
    return ()


async def erased(connection: AsyncConnection, items: Sequence[UUID]) -> list[Entry[MediumErased]]:
    """Return the last erasure of each medium of the items, as far as this view has heard."""
    rows = await connection.execute(
        text(
            "SELECT DISTINCT ON (medium) body, salt FROM evidence WHERE item = ANY(:items) "
            "AND kind = 'erasure.medium-erased.v1' ORDER BY medium, sequence DESC"
        ),
        {"items": list(items)},
    )
    read: list[Entry[Any]] = [Entry.read(row.body, row.salt) for row in rows]
    return read


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
    validations: tuple[Row[Any], ...]  # what the town said of the item's certificates, oldest first
    numbers: Mapping[UUID, Sequence[str]]  # of the certificates that stand, by medium, the most telling first


@dataclass(frozen=True, slots=True)
class LotFacts:
    """What a lot's certificate tells of: its engagement, the parties' names, and the list as it was asked for."""

    engagement: Row[Any]
    parties: Mapping[str, str]
    listed: bytes


async def lot_facts(connection: AsyncConnection, engagement: UUID, listed: bytes) -> LotFacts:
    """Return what is known around a list. Raises LookupError for an engagement that is not here."""
    found = (
        await connection.execute(
            text("SELECT * FROM engagements WHERE engagement = :engagement"), {"engagement": engagement}
        )
    ).one_or_none()
    if found is None:
        raise LookupError(f"the engagement {engagement} is not here yet")
    return LotFacts(found, await _parties(connection, [found]), listed)


async def _parties(connection: AsyncConnection, engagements: Iterable[Row[Any]]) -> dict[str, str]:
    named = [party for row in engagements for party in (row.town, row.centre, row.carrier) if party]
    rows = await connection.execute(
        text("SELECT party, name FROM parties WHERE party = ANY(:parties)"), {"parties": named}
    )
    return {row.party: row.name for row in rows}


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
    parties = await _parties(connection, engagements.values())
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
    numbers = await _standing(connection, items)
    validations = list(
        await connection.execute(
            text(
                "SELECT item, number, validator, accepted, remark, validated_at, revoked_at FROM certificates "
                "WHERE item = ANY(:items) AND validated_at IS NOT NULL ORDER BY validated_at, number"
            ),
            given,
        )
    )
    entries = {row.entry: Entry.read(row.body, row.salt) for row in about}
    people = await _people(connection, entries.values(), {row.validator for row in validations})
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
            validations=tuple(one for one in validations if one.item == row.item),
            numbers=numbers,
        )
        for row in known
        if row.engagement in engagements
    }


async def _standing(connection: AsyncConnection, items: Sequence[UUID]) -> dict[UUID, list[str]]:
    numbers: defaultdict[UUID, list[str]] = defaultdict(list)
    for row in await connection.execute(
        text(
            "SELECT medium, number FROM certificates WHERE item = ANY(:items) AND medium IS NOT NULL "
            "AND issued_at IS NOT NULL AND revoked_at IS NULL ORDER BY kind <> 'destruction', issued_at DESC"
        ),
        {"items": list(items)},
    ):
        numbers[row.medium].append(row.number)
    return dict(numbers)


async def _people(connection: AsyncConnection, entries: Any, others: AbstractSet[str]) -> dict[str, Row[Any]]:
    named = {entry.by.person for entry in entries} | others
    for entry in entries:
        named |= {
            said
            for role in ("operator", "witness", "verifier", "approver")
            if (said := getattr(entry.event, role, None))
        }
    rows = await connection.execute(text("SELECT * FROM people WHERE person = ANY(:people)"), {"people": sorted(named)})
    return {row.person: row for row in rows}
