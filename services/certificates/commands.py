"""What one may ask of certificates: request, issue, fall due (by itself), revoke (by a person)."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from services.certificates import views
from services.certificates.domain.certificate import Made, fold, stream_of
from services.certificates.domain.number import Number
from services.certificates.waiting import Late
from shared import ledger
from shared.database import Transaction
from shared.entry import Entry, Event
from shared.events.certificates import CertificateIssued, CertificateRequested, Cited
from shared.ledger import History
from shared.refused import Unknown


async def request(
    tx: Transaction,
    number: Number,
    *,
    item: UUID,
    medium: UUID | None,
    cites: Sequence[Entry[Any]],
) -> Entry[Any]:
    """Record the intent to issue, with exactly the entries it will stand on. A second time changes nothing.

    The deadline is not recorded here: it runs from the receipt, a message of another stream that may come later.
    """
    stream = stream_of(number.kind, medium or item)
    history = await ledger.read(tx, stream)
    if there := _first(history, CertificateRequested):
        await views.apply(tx, [there])
        return ledger.again(there)
    event = fold(history.events).request(
        stream,
        number=str(number),
        kind=number.kind,
        item=item,
        label=number.label.id,
        medium=medium,
        cites=[Cited(entry=one.id, stream=one.stream, sequence=one.sequence) for one in cites],
    )
    return await _append(tx, history, event)


async def issue(tx: Transaction, certificate: UUID, made: Made) -> Entry[Any]:
    """Record that it is issued. When it is already, that entry is the answer and `made` is forgotten."""
    history = await ledger.read(tx, certificate)
    if there := _first(history, CertificateIssued):
        await views.apply(tx, [there])
        return ledger.again(there)
    asked = _first(history, CertificateRequested)
    if asked is None:
        raise Unknown
    event = fold(history.events).issue(made)
    return await _append(replace(tx, tenant=asked.tenant, because=asked), history, event)


async def fall_due(tx: Transaction, late: Late) -> None:
    """Record that the deadline passed without it, unless it came meanwhile."""
    stream = stream_of(late.kind, late.medium or late.item)
    history = await ledger.read(tx, stream)
    state = fold(history.events)
    if state.issued or state.overdue:
        await views.apply(tx, history.entries)
        return
    event = state.fall_due(stream, number=late.number, item=late.item, due_on=late.due_on)
    await _append(replace(tx, tenant=late.tenant), history, event)


async def revoke(tx: Transaction, certificate: UUID, reason: str) -> Entry[Any]:
    """Record that an issued certificate no longer stands, and why. Both files stay readable."""
    history = await ledger.read(tx, certificate)
    if done := history.answered(tx.request):
        return done
    return await _append(tx, history, fold(history.events).revoke(reason))


def _first(history: History, kind: type[Event]) -> Entry[Any] | None:
    return next((entry for entry in history.entries if isinstance(entry.event, kind)), None)


async def _append(tx: Transaction, history: History, event: Event) -> Entry[Any]:
    entry = await ledger.append(tx, history, event)
    await views.apply(tx, [entry])
    return entry
