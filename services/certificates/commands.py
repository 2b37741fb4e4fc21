"""What one may ask: request, issue, fall due (by themselves); a lot, revoke, reissue, validate (by people)."""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from services.certificates import views
from services.certificates.domain.certificate import Made, fold, lot_stream, next_lot_stream, stream_of
from services.certificates.domain.number import Number, lot_number
from services.certificates.waiting import Late
from shared import ledger
from shared.database import Transaction
from shared.entry import Entry, Event
from shared.events.certificates import CertificateIssued, CertificateRequested, Cited, LotRequested, RevocationCode
from shared.ledger import History
from shared.refused import Unknown

Asked = tuple[History, Event]  # the successor's stream, and the request to append to it


async def request(
    tx: Transaction,
    number: Number,
    *,
    item: UUID,
    medium: UUID | None,
    cites: Sequence[Entry[Any]],
) -> Entry[Any]:
    """Record the intent to issue, with exactly the entries it will stand on. A second time changes nothing.

    Later grounds (the medium was erased anew) are recorded as long as nothing is issued. The deadline is not recorded
    here: it runs from the receipt, a message of another stream that may come later.
    """
    stream = stream_of(number.kind, medium or item)
    history = await ledger.read(tx, stream)
    state = fold(history.events)
    grounds = [Cited(entry=one.id, stream=one.stream, sequence=one.sequence) for one in cites]
    if state.stands_on(grounds):
        there = _last(history, CertificateRequested)
        await views.apply(tx, [there])
        return ledger.again(there)
    event = state.request(
        stream,
        number=str(number),
        kind=number.kind,
        item=item,
        label=number.label.id,
        medium=medium,
        cites=grounds,
    )
    return await _append(tx, history, event)


async def request_lot(tx: Transaction, engagement: UUID, lines: int, list_sha256: str) -> Entry[Any]:
    """Record that somebody asks for one document about many certificates; the request names it, so it is made once."""
    if tx.request is None:
        raise ValueError("a lot's certificate is asked for by a request")
    stream = lot_stream(engagement, tx.request.id)
    history = await ledger.read(tx, stream)
    if done := history.answered(tx.request):
        return done
    attempt = 0
    while await views.is_taken(tx.connection, number := str(lot_number(stream, attempt))):
        attempt += 1
    event = fold(history.events).request_lot(
        stream, number=number, engagement=engagement, lines=lines, list_sha256=list_sha256
    )
    return await _append(tx, history, event)


async def issue(tx: Transaction, certificate: UUID, made: Made, *, cited: UUID | None = None) -> Entry[Any]:
    """Record that it is issued. When it is already, that entry is the answer and `made` is forgotten.

    Raises LostRace when it was made on other grounds than are asked for by now: it is made again.
    """
    history = await ledger.read(tx, certificate)
    if there := _last(history, CertificateIssued):
        await views.apply(tx, [there])
        return ledger.again(there)
    asked = _last(history, CertificateRequested) or _last(history, LotRequested)
    if asked is None:
        raise Unknown
    if cited and isinstance(asked.event, CertificateRequested) and asked.event.cites[0].entry != cited:
        raise ledger.LostRace
    event = fold(history.events).issue(made)
    return await _append(replace(tx, tenant=asked.tenant, because=asked), history, event)


async def fall_due(tx: Transaction, late: Late) -> Entry[Any] | None:
    """Record that the deadline passed without it; None when it came meanwhile, or this was said before."""
    stream = stream_of(late.kind, late.medium or late.item)
    history = await ledger.read(tx, stream)
    state = fold(history.events)
    if state.issued or state.overdue:
        await views.apply(tx, history.entries)
        return None
    event = state.fall_due(stream, number=late.number, item=late.item, due_on=late.due_on)
    return await _append(replace(tx, tenant=late.tenant), history, event)


async def revoke(tx: Transaction, certificate: UUID, reason: str, code: RevocationCode = "other") -> Entry[Any]:
    """Record that an issued certificate no longer stands, and why. Both files stay readable."""
    history = await ledger.read(tx, certificate)
    if done := history.answered(tx.request):
        return done
    return await _append(tx, history, fold(history.events).revoke(reason, code))


async def reissue(tx: Transaction, certificate: UUID, reason: str, code: RevocationCode) -> Entry[Any]:
    """Revoke it and ask for another in its place, in one transaction. Returns the revocation, which names the other.

    An erasure certificate's successor stands on the medium's last erasure that earns one: the first may have been taken
    back.
    """

    async def ask(asked: Event | None, number: Number, replaces: str) -> Asked:
        if not isinstance(asked, CertificateRequested):
            raise Unknown
        stream = stream_of(number.kind, asked.medium or asked.item, number.issue)
        after = await ledger.read(tx, stream)
        event = fold(after.events).request(
            stream,
            number=str(number),
            kind=number.kind,
            item=asked.item,
            label=asked.label,
            medium=asked.medium,
            cites=await views.last_grounds(tx.connection, asked) or asked.cites,
            replaces=replaces,
        )
        return after, event

    return await _replaced(tx, certificate, reason, code, ask)


async def reissue_lot(
    tx: Transaction, certificate: UUID, reason: str, code: RevocationCode, *, lines: int, list_sha256: str
) -> Entry[Any]:
    """Do the same for a lot's certificate, with the list as it stands now."""

    async def ask(asked: Event | None, number: Number, replaces: str) -> Asked:
        if not isinstance(asked, LotRequested):
            raise Unknown
        stream = next_lot_stream(certificate)
        after = await ledger.read(tx, stream)
        event = fold(after.events).request_lot(
            stream,
            number=str(number),
            engagement=asked.engagement,
            lines=lines,
            list_sha256=list_sha256,
            replaces=replaces,
        )
        return after, event

    return await _replaced(tx, certificate, reason, code, ask)


async def validate(tx: Transaction, certificate: UUID, *, accepted: bool, remark: str | None) -> Entry[Any]:
    """Record that the town accepts what the certificate states, or does not; the one who says so is who acts."""
    history = await ledger.read(tx, certificate)
    if done := history.answered(tx.request):
        return done
    event = fold(history.events).validate(tx.by.person, accepted=accepted, remark=remark)
    return await _append(tx, history, event)


async def _replaced(
    tx: Transaction,
    certificate: UUID,
    reason: str,
    code: RevocationCode,
    ask: Callable[[Event | None, Number, str], Awaitable[Asked]],
) -> Entry[Any]:
    """Revoke, and append what `ask` makes of the first request, the successor's number and the number it replaces."""
    history = await ledger.read(tx, certificate)
    if done := history.answered(tx.request):
        return done
    state = fold(history.events)
    revoked, number = state.reissue(reason, code)
    entries = await ledger.append_all(tx, [(history, revoked), await ask(state.requested, number, revoked.number)])
    await views.apply(tx, entries)
    return entries[0]


def _last(history: History, kind: type[Event]) -> Any:
    return next((entry for entry in reversed(history.entries) if isinstance(entry.event, kind)), None)


async def _append(tx: Transaction, history: History, event: Event) -> Entry[Any]:
    entry = await ledger.append(tx, history, event)
    await views.apply(tx, [entry])
    return entry
