"""An application: taken in, corrected, withdrawn, refused, forgotten."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import select, text, update
from sqlalchemy.dialects.postgresql import insert

from services.donations import correspondence, views
from services.donations.commands.queue import append, append_all, application_of, folded, lock_desk, moved_on
from services.donations.domain import application as applications
from services.donations.domain import call as calls
from services.donations.domain.applicant import Applicant, Attested, comparable_name, comparable_phone
from services.donations.domain.receipt import hashed, link_token, passphrase, receipt_number
from services.donations.domain.wording import What
from services.donations.tables import applicants
from shared import ledger
from shared.database import Transaction
from shared.entry import Entry
from shared.events.donations import ApplicationReceived, ApplicationRefused
from shared.ids import derived
from shared.ledger import History, again
from shared.refused import Refused, Reused

Mark = Literal["new", "same", "changed"]


@dataclass(frozen=True, slots=True)
class Taken:
    """An application in the queue (or refused), and the passphrase that opens its receipt."""

    entry: Entry[Any]
    passphrase: str
    token: str  # of the private link

    @property
    def event(self) -> ApplicationReceived | ApplicationRefused:
        """What was recorded of it first."""
        event: ApplicationReceived | ApplicationRefused = self.entry.event
        return event


async def apply(tx: Transaction, call: UUID, category: str, units: int, applicant: Applicant) -> Taken:
    """Take in an application of the web form; it arrives when it is recorded, whatever the sender's clock says."""
    if tx.request is None:
        raise ValueError("an application needs its request")
    secret = await lock_desk(tx)
    stream = derived(call, f"application:{tx.request.id}")
    histories = await ledger.read_all(tx, [call, stream])
    if histories[stream].answered(tx.request):
        await _refuse_other(tx, stream, applicant)
        return Taken(again(histories[stream].entries[0]), passphrase(secret, stream), link_token(secret, stream))
    opened = calls.fold(histories[call].events)
    event = opened.receive(
        application=stream,
        receipt=await _next_receipt(tx, opened),
        category=category,
        units=units,
        at=tx.at,
    )
    return await _take(tx, histories[stream], event, applicant, secret)


async def record(tx: Transaction, call: UUID, attested: Attested) -> Taken:
    """Record one application on paper, keyed by the clerk who acts."""
    return (await record_all(tx, call, [attested]))[0]


async def record_all(tx: Transaction, call: UUID, attested: Sequence[Attested]) -> list[Taken]:
    """Record attested applications in one transaction; those already there are answered again, unchanged.

    Raises Refused when one that is there comes again with another category, number of units or arrival, Reused when
    the request itself comes with another body.
    """
    secret = await lock_desk(tx)
    streams = [derived(call, f"application:{each.key}") for each in attested]
    histories = await ledger.read_all(tx, [call, *streams])
    opened = calls.fold(histories[call].events)
    taken = []
    for each, stream in zip(attested, streams, strict=True):
        history = histories[stream]
        if history:
            history.answered(tx.request)
            if changed := _changed(history, each):
                raise Refused(
                    "application-changed",
                    f"{changed} として記録済みの応募が、別の内容で届きました。前の記録と見比べてください。",
                    f"An application recorded as {changed} came again with other facts. Compare the two.",
                    receipt=changed,
                )
            taken.append(Taken(again(history.entries[0]), passphrase(secret, stream), link_token(secret, stream)))
            continue
        event = opened.record(
            application=stream,
            receipt=await _next_receipt(tx, opened),
            category=each.category,
            units=each.units,
            channel=each.channel,
            arrived_at=each.arrived_at,
            keyed_by=tx.by.person,
            at=tx.at,
        )
        taken.append(await _take(tx, history, event, each.applicant, secret))
    return taken


async def compare(tx: Transaction, call: UUID, attested: Sequence[Attested]) -> list[Mark]:
    """Tell of each attested application whether it is new, was recorded before as it is, or otherwise (changed)."""
    streams = [derived(call, f"application:{each.key}") for each in attested]
    histories = await ledger.read_all(tx, streams)
    return [
        "changed" if _changed(histories[stream], each) else "same" if histories[stream] else "new"
        for each, stream in zip(attested, streams, strict=True)
    ]


async def refuse(tx: Transaction, call: UUID, receipt: str) -> Entry[Any]:
    """Take an application out of the queue as not eligible, before the call is allocated."""
    await lock_desk(tx)
    stream = await application_of(tx, call, receipt)
    histories = await ledger.read_all(tx, [call, stream])
    if done := histories[stream].answered(tx.request):
        return done
    application = applications.fold(histories[stream].events)
    opened = calls.fold(histories[call].events)
    if opened.allocated or (application.received and application.received.round < opened.round):
        raise Refused(
            "call-settled",
            "割り当てた後は、応募を列から外せません。割り当ての記録を確かめてください。",
            "An application stays once the call is allocated. See the record of the allocation.",
        )
    opened.refuse_leaving()
    entry = await append(tx, histories[stream], application.refuse())
    await correspondence.write(tx, "not-eligible", [stream])
    return entry


async def correct(
    tx: Transaction, call: UUID, receipt: str, *, category: str, units: int, who: Applicant
) -> Entry[Any]:
    """Correct an application while its round is open: its place stays, what it says of people changes in one table."""
    await lock_desk(tx)
    stream = await application_of(tx, call, receipt)
    histories = await ledger.read_all(tx, [call, stream])
    if done := histories[stream].answered(tx.request):
        return done
    opened, before = calls.fold(histories[call].events), applications.fold(histories[stream].events)
    opened.refuse_correction(before.queued(), tx.at)
    opened.within(category, units)
    event = before.correct(category, units)
    changed = _row(who) | _keys(who)
    await tx.connection.execute(update(applicants).where(applicants.c.application == stream).values(changed))
    return await append(tx, histories[stream], event)


async def withdraw(tx: Transaction, call: UUID, receipt: str) -> Entry[Any]:
    """Withdraw an application; what it holds, or its place among those who wait, moves on in the same transaction."""
    await lock_desk(tx)
    stream = await application_of(tx, call, receipt)
    histories = await ledger.read_all(tx, [call, stream])
    if done := histories[stream].answered(tx.request):
        return done
    event = applications.fold(histories[stream].events).withdraw()
    opened = await folded(tx, histories[call])
    opened.refuse_leaving()
    if receipt not in opened.held and receipt not in opened.waiting:
        return await append(tx, histories[stream], event)
    moved = await moved_on(tx, opened, call, receipt)
    entries = await append_all(tx, [(histories[stream], event), (histories[call], moved)])
    await correspondence.write(tx, "granted", [grant.application for grant in moved.grants])
    return entries[0]


async def slip(tx: Transaction, call: UUID, receipt: str) -> Taken:
    """Return an application with its passphrase, so that the desk can print a slip (again). Writes nothing."""
    stream = await application_of(tx, call, receipt)
    secret = await tx.connection.scalar(text("SELECT secret FROM desks WHERE tenant = :tenant"), {"tenant": tx.tenant})
    words, token = passphrase(bytes(secret), stream), link_token(bytes(secret), stream)
    return Taken((await ledger.read(tx, stream)).entries[0], words, token)


async def _take(
    tx: Transaction,
    history: History,
    event: ApplicationReceived | ApplicationRefused,
    applicant: Applicant,
    secret: bytes,
) -> Taken:
    words = passphrase(secret, history.stream)
    row = (
        _row(applicant)
        | _keys(applicant)
        | {
            "application": history.stream,
            "tenant": tx.tenant,
            "call": event.call,
            "passphrase_sha256": hashed(history.stream, words),
        }
    )
    await tx.connection.execute(insert(applicants).on_conflict_do_nothing(), row)
    entry = await append(tx, history, event)
    if applicant.mail:
        what: What = "received" if isinstance(event, ApplicationReceived) else "late"
        await correspondence.write(tx, what, [history.stream])
    return Taken(entry, words, link_token(secret, history.stream))


def _row(applicant: Applicant) -> dict[str, Any]:
    names = [column.name for column in applicants.columns if hasattr(applicant, column.name)]
    return {name: getattr(applicant, name) for name in names} | {"uses": list(applicant.uses)}


def _keys(applicant: Applicant) -> dict[str, Any]:
    return {"name_key": comparable_name(applicant.group_name), "phone_key": comparable_phone(applicant.phone)}


async def _next_receipt(tx: Transaction, call: calls.Call) -> str:
    code = call.opened.number.split("-", 1)[0] if call.opened else ""
    return receipt_number(code, await views.last_nth(tx.connection) + 1)


async def _refuse_other(tx: Transaction, stream: UUID, applicant: Applicant) -> None:
    """Raise Reused when a request comes again with another applicant: the ledger's digest knows nothing of them."""
    row = (await tx.connection.execute(select(applicants).where(applicants.c.application == stream))).one_or_none()
    if row is not None and any(row._mapping[name] != said for name, said in _row(applicant).items()):  # noqa: SLF001 - documented
        raise Reused


def _changed(history: History, each: Attested) -> str:
    """Return the receipt of an application that was recorded with other facts, empty when it was not."""
    if not history:
        return ""
    event = history.entries[0].event
    if not isinstance(event, ApplicationReceived | ApplicationRefused):
        raise TypeError(f"{event.kind} does not begin an application")
    same = (event.category, event.units, event.arrived_at) == (each.category, each.units, each.arrived_at)
    return "" if same else event.receipt
