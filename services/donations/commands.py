"""What one may ask of donations. Each loads, decides, appends; the town's desk is locked where the queue must stand."""

from collections.abc import Sequence
from dataclasses import dataclass
from secrets import token_bytes
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import delete, select, text
from sqlalchemy.dialects.postgresql import insert

from services.donations import views
from services.donations.domain import application as applications
from services.donations.domain import call as calls
from services.donations.domain.applicant import Applicant, Attested, comparable_name, comparable_phone
from services.donations.domain.receipt import SECRET_SIZE, hashed, passphrase, receipt_number
from services.donations.tables import applicants
from shared import ledger
from shared.database import Transaction
from shared.entry import Entry, Event
from shared.events.donations import (
    ApplicationReceived,
    ApplicationRefused,
    CallOpened,
)
from shared.ids import derived, uuid7
from shared.ledger import History, again
from shared.refused import Invalid, Refused, Reused, Unknown

Mark = Literal["new", "same", "changed"]


@dataclass(frozen=True, slots=True)
class Taken:
    """An application in the queue (or refused), and the passphrase that opens its receipt."""

    entry: Entry[Any]
    passphrase: str

    @property
    def event(self) -> ApplicationReceived | ApplicationRefused:
        """What was recorded of it first."""
        event: ApplicationReceived | ApplicationRefused = self.entry.event
        return event


async def open_call(tx: Transaction, asked: CallOpened) -> Entry[Any]:
    """Open a call under a number that begins with the town's code; `asked.call` is not looked at."""
    await _desk(tx)
    await _refuse_foreign_code(tx, asked.number)
    known = await tx.connection.scalar(text("SELECT call FROM calls WHERE number = :number"), {"number": asked.number})
    history = await ledger.read(tx, known) if known else History(uuid7())
    if done := history.answered(tx.request):
        return done
    event = calls.fold(history.events).open(asked.model_copy(update={"call": history.stream}))
    return await _append(tx, history, event)


async def apply(tx: Transaction, call: UUID, category: str, units: int, applicant: Applicant) -> Taken:
    """Take in an application of the web form; it arrives when it is recorded, whatever the sender's clock says."""
    if tx.request is None:
        raise ValueError("an application needs its request")
    secret = await _desk(tx)
    stream = derived(call, f"application:{tx.request.id}")
    histories = await ledger.read_all(tx, [call, stream])
    if histories[stream].answered(tx.request):
        await _refuse_other(tx, stream, applicant)
        return Taken(again(histories[stream].entries[0]), passphrase(secret, stream))
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
    secret = await _desk(tx)
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
            taken.append(Taken(again(history.entries[0]), passphrase(secret, stream)))
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
    await _desk(tx)
    stream = await _application(tx, call, receipt)
    histories = await ledger.read_all(tx, [call, stream])
    if done := histories[stream].answered(tx.request):
        return done
    if calls.fold(histories[call].events).allocated:
        raise Refused(
            "call-settled",
            "割り当てた後は、応募を列から外せません。割り当ての記録を確かめてください。",
            "An application stays once the call is allocated. See the record of the allocation.",
        )
    return await _append(tx, histories[stream], applications.fold(histories[stream].events).refuse())


async def close(tx: Transaction, call: UUID) -> Entry[Any]:
    """Close a call: an application on its way is either in the queue by now or refused."""
    await _desk(tx)
    history = await ledger.read(tx, call)
    if done := history.answered(tx.request):
        return done
    return await _append(tx, history, calls.fold(history.events).close())


async def settle(tx: Transaction, call: UUID) -> Entry[Any]:
    """Allocate the town's stock to the queue; the desk is locked, so that no other call takes the same machine."""
    await _desk(tx)
    history = await ledger.read(tx, call)
    if done := history.answered(tx.request):
        return done
    queue, stock = await views.queued(tx.connection, call), await views.stock(tx.connection)
    return await _append(tx, history, calls.fold(history.events).settle(queue, stock))


async def hand_over(tx: Transaction, call: UUID, receipt: str, labels: Sequence[str] | None = None) -> Entry[Any]:
    """Hand over what an application was granted; `labels` are the machines scanned at the counter, if any were."""
    stream = await _application(tx, call, receipt)
    histories = await ledger.read_all(tx, [call, stream])
    if done := histories[stream].answered(tx.request):
        return done
    grant = calls.fold(histories[call].events).granted(receipt)
    scanned = None if labels is None else await _items(tx, labels)
    event = applications.fold(histories[stream].events).hand_over(grant, scanned)
    return await _append(tx, histories[stream], event)


async def report_usage(
    tx: Transaction, call: UUID, receipt: str, uses: Sequence[str], difficulty: str | None = None
) -> Entry[Any]:
    """Record how the machines are used; by the recipient or by a clerk who was told."""
    history = await ledger.read(tx, await _application(tx, call, receipt))
    if done := history.answered(tx.request):
        return done
    return await _append(tx, history, applications.fold(history.events).report(tuple(uses), difficulty))


async def slip(tx: Transaction, call: UUID, receipt: str) -> Taken:
    """Return an application with its passphrase, so that the desk can print a slip (again). Writes nothing."""
    stream = await _application(tx, call, receipt)
    secret = await tx.connection.scalar(text("SELECT secret FROM desks WHERE tenant = :tenant"), {"tenant": tx.tenant})
    return Taken((await ledger.read(tx, stream)).entries[0], passphrase(bytes(secret), stream))


async def forget(tx: Transaction, call: UUID, receipt: str) -> None:
    """Delete the personal data of one application; the ledger and the allocation stay as they are."""
    stream = await _application(tx, call, receipt)
    await tx.connection.execute(delete(applicants).where(applicants.c.application == stream))


async def _desk(tx: Transaction) -> bytes:
    """Lock the town's desk until the commit and return its secret; the first one sets the desk up."""
    statement = (
        "INSERT INTO desks (tenant, secret) VALUES (:tenant, :secret) "
        "ON CONFLICT (tenant) DO UPDATE SET tenant = excluded.tenant RETURNING secret"
    )
    found = await tx.connection.scalar(text(statement), {"tenant": tx.tenant, "secret": token_bytes(SECRET_SIZE)})
    return bytes(found)


async def _append(tx: Transaction, history: History, event: Event) -> Entry[Any]:
    entry = await ledger.append(tx, history, event)
    await views.apply(tx, [entry])
    return entry


async def _take(
    tx: Transaction,
    history: History,
    event: ApplicationReceived | ApplicationRefused,
    applicant: Applicant,
    secret: bytes,
) -> Taken:
    words = passphrase(secret, history.stream)
    row = _row(applicant) | {
        "application": history.stream,
        "tenant": tx.tenant,
        "call": event.call,
        "name_key": comparable_name(applicant.group_name),
        "phone_key": comparable_phone(applicant.phone),
        "passphrase_sha256": hashed(history.stream, words),
    }
    await tx.connection.execute(insert(applicants).on_conflict_do_nothing(), row)
    return Taken(await _append(tx, history, event), words)


def _row(applicant: Applicant) -> dict[str, Any]:
    names = [column.name for column in applicants.columns if hasattr(applicant, column.name)]
    return {name: getattr(applicant, name) for name in names} | {"uses": list(applicant.uses)}


async def _next_receipt(tx: Transaction, call: calls.Call) -> str:
    code = call.opened.number.split("-", 1)[0] if call.opened else ""
    return receipt_number(code, await views.last_nth(tx.connection) + 1)


async def _application(tx: Transaction, call: UUID, receipt: str) -> UUID:
    query = (
        "SELECT application FROM applications WHERE call = :call AND receipt = :receipt "
        "UNION SELECT application FROM refusals WHERE call = :call AND receipt = :receipt"
    )
    found: UUID | None = await tx.connection.scalar(text(query), {"call": call, "receipt": receipt})
    if found is None:
        raise Unknown(
            "unknown-receipt",
            "この公募にこの受付番号はありません。番号を確かめてください。",
            "This call has no such receipt. Check the number.",
        )
    return found


async def _items(tx: Transaction, labels: Sequence[str]) -> tuple[UUID, ...]:
    query = text("SELECT DISTINCT ON (label) label, item FROM refurbishments WHERE label = ANY(:labels)")
    known = {row.label: row.item for row in await tx.connection.execute(query, {"labels": list(labels)})}
    if unknown := [label for label in labels if label not in known]:
        raise Refused(
            "unknown-machine",
            f"{unknown[0]} は再生した機器の記録にありません。ラベルを確かめてください。",
            f"{unknown[0]} is not among the refurbished machines. Check the label.",
        )
    return tuple(known[label] for label in labels)


async def _refuse_foreign_code(tx: Transaction, number: str) -> None:
    query = text("SELECT code FROM parties WHERE party = :party")
    code = await tx.connection.scalar(query, {"party": tx.tenant})
    if code is None:
        raise Refused(
            "town-unknown",
            "この町の登録がまだ届いていません。少し待って、もう一度送ってください。",
            "This town's registration has not arrived yet. Wait a moment and send it again.",
        )
    if not number.startswith(f"{code}-"):
        raise Invalid(
            "foreign-number",
            f"公募の番号は町の団体コード {code} で始めてください。例：{code}-2026-1",
            f"Begin the number with the town's code {code}, as in {code}-2026-1.",
            field="number",
        )


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
