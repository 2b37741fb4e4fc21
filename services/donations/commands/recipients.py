"""Who got machines: handed over, taken back and offered again, and how they are used."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from sqlalchemy import text, true, update
from sqlalchemy.dialects.postgresql import insert

from services.donations import correspondence
from services.donations.commands.personal import refuse_erased
from services.donations.commands.queue import append, append_all, application_of, folded, lock_desk, moved_on
from services.donations.domain import application as applications
from services.donations.domain import call as calls
from services.donations.tables import hand_over_photos, usage_notes
from shared import ledger
from shared.database import Transaction
from shared.entry import Entry
from shared.events.donations import BasisRecorded
from shared.refused import Refused


@dataclass(frozen=True, slots=True)
class Shown:
    """What was shown at the counter: scanned machines, what was agreed to, a picture of the signed receipt."""

    labels: Sequence[str] | None = None
    agreed: str | None = None
    photo: bytes | None = None  # a JPEG without EXIF, kept where it can be deleted
    looked_at: Sequence[str] | None = None  # the machines that the clerk's page named, by their labels


async def hand_over(tx: Transaction, call: UUID, receipt: str, shown: Shown | None = None) -> Entry[Any]:
    """Hand over what was granted and is still here. Of two clerks who do it at once, one is refused with a sentence.

    The desk is locked, so that nothing is granted to the application or taken from it between the look and the entry.
    """
    shown = shown or Shown()
    await lock_desk(tx)
    stream = await application_of(tx, call, receipt)
    histories = await ledger.read_all(tx, [call, stream])
    if done := histories[stream].answered(tx.request):
        return done
    opened = calls.fold(histories[call].events)
    grant = opened.granted(receipt)
    if shown.photo:
        await refuse_erased(tx, stream)
    scanned = None if shown.labels is None else await _items(tx, shown.labels)
    event = applications.fold(histories[stream].events).hand_over(
        grant,
        scanned,
        looked_at=None if shown.looked_at is None else await _items(tx, shown.looked_at),
        agreed=shown.agreed,
        photo_sha256=sha256(shown.photo).hexdigest() if shown.photo else None,
        approval=opened.basis.approval if opened.basis else None,
        basis=opened.basis.basis if opened.basis else None,
    )
    entry = await append(tx, histories[stream], event)
    if shown.photo:
        row = {"application": stream, "sequence": entry.sequence, "tenant": tx.tenant, "call": call}
        await tx.connection.execute(insert(hand_over_photos), row | {"content": shown.photo})
    return entry


async def record_basis(tx: Transaction, call: UUID, approval: str, basis: str) -> Entry[Any]:
    """Record the approval and the rule of law by which the town gives; what is handed over from then on names them."""
    history = await ledger.read(tx, call)
    if done := history.answered(tx.request):
        return done
    asked = BasisRecorded(call=call, approval=approval, basis=basis)
    return await append(tx, history, calls.fold(history.events).record_basis(asked))


async def take_back(tx: Transaction, call: UUID, receipt: str, reason: applications.ReturnReason) -> Entry[Any]:
    """Take back what was handed over; it holds the recipient's data and is offered to nobody yet.

    Who gave machines back waits no longer: what others leave goes past them from this commit on. Raises Refused
    while a lottery of the call is being decided.
    """
    await lock_desk(tx)
    stream = await application_of(tx, call, receipt)
    histories = await ledger.read_all(tx, [call, stream])
    if done := histories[stream].answered(tx.request):
        return done
    event = applications.fold(histories[stream].events).take_back(reason)
    calls.fold(histories[call].events).refuse_leaving()
    return await append(tx, histories[stream], event)


async def reoffer(tx: Transaction, call: UUID, receipt: str, method: applications.ClearedBy) -> Entry[Any]:
    """Offer again what came back: to who waits in their order, in the same transaction, else to the next round."""
    await lock_desk(tx)
    stream = await application_of(tx, call, receipt)
    histories = await ledger.read_all(tx, [call, stream])
    if done := histories[stream].answered(tx.request):
        return done
    event = applications.fold(histories[stream].events).reoffer(method)
    opened = await folded(tx, histories[call])
    opened.refuse_leaving()
    moved = await moved_on(tx, opened, call, receipt)
    entries = await append_all(tx, [(histories[stream], event), (histories[call], moved)])
    await correspondence.write(tx, "granted", [grant.application for grant in moved.grants])
    return entries[0]


@dataclass(frozen=True, slots=True)
class Told:
    """What a recipient tells beside what is tapped: words, a picture, and whether both may be shown."""

    difficulties: tuple[str, ...] = ()
    note: str = ""
    photo: bytes | None = None
    consent: bool = False
    interview: bool = False  # may the town come and ask


async def report_usage(
    tx: Transaction,
    call: UUID,
    receipt: str,
    uses: Sequence[str],
    difficulty: str | None = None,
    *,
    told: Told | None = None,
) -> Entry[Any]:
    """Record how the machines are used; told by the recipient or a clerk. Words and picture stay deletable."""
    told = told or Told()
    history = await ledger.read(tx, await application_of(tx, call, receipt))
    if done := history.answered(tx.request):
        return done
    if told.note or told.photo or told.interview:
        await refuse_erased(tx, history.stream)
    event = applications.fold(history.events).report(
        tuple(uses),
        difficulty,
        difficulties=told.difficulties,
        photo_sha256=sha256(told.photo).hexdigest() if told.photo else None,
        consent=told.consent if told.note or told.photo else None,
    )
    entry = await append(tx, history, event)
    if told.note or told.photo or told.interview:
        row = {
            "report": entry.id,
            "application": history.stream,
            "tenant": tx.tenant,
            "call": call,
            "note": told.note,
            "photo": told.photo,
            "consent": told.consent,
            "interview": told.interview,
        }
        await tx.connection.execute(insert(usage_notes), row)
    return entry


async def release_case(tx: Transaction, report: UUID, *, shown: bool) -> None:
    """Show a recipient's words and picture to everybody, or no longer. Raises Refused without consent."""
    given = {"released_by": tx.by.person, "released_at": tx.at} if shown else {"released_by": None, "released_at": None}
    wanted = usage_notes.c.consent if shown else true()
    done = await tx.connection.execute(update(usage_notes).where(usage_notes.c.report == report, wanted).values(given))
    if not done.rowcount:
        raise Refused(
            "no-consent",
            "公開の同意がない報告です。事例として出すには、報告した方に同意をもらってください。",
            "There is no consent to show this report. Ask who reported it.",
        )


async def end_consent(tx: Transaction, application: UUID) -> None:
    """Take back the consent to show anything of an application; it leaves the public page with this commit."""
    given = {"consent": False, "released_by": None, "released_at": None}
    await tx.connection.execute(update(usage_notes).where(usage_notes.c.application == application).values(given))


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
