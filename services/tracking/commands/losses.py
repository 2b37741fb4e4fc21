"""Commands about lost items: open the case, record what the town reported, and close it when a finding is confirmed."""

from collections.abc import Collection, Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.tracking import views
from services.tracking.domain import item, loss
from services.tracking.domain.custody import reached
from shared import ledger
from shared.database import Transaction
from shared.entry import Entry
from shared.events.tracking import LossReported, Sighted
from shared.ids import derived
from shared.ledger import History
from shared.levels import Level
from shared.refused import Invalid, Refused, Unknown

# What shows that somebody had a thing in the hand; others' facts arrive on the timeline.
FINDINGS = (
    "tracking.received.v1",
    "tracking.taken-over.v1",
    "tracking.sighted.v1",
    "erasure.medium-erased.v1",
    "erasure.medium-removed.v1",
    "erasure.medium-destroyed.v1",
    "refurb.work-started.v1",
    "refurb.step-done.v1",
    "refurb.ready.v1",
    "refurb.delivered-to-town.v1",
)


def loss_of(item_: UUID) -> UUID:
    """Return the stream of an item's loss."""
    return derived(item_, "loss")


def sightings_of(item_: UUID) -> UUID:
    """Return the stream of an item's sightings."""
    return derived(item_, "sightings")


async def hold(tx: Transaction, item_: UUID) -> None:
    """Let reporting a loss and closing custody of one item take turns."""
    await tx.connection.execute(text("SELECT pg_advisory_xact_lock(hashtextextended(:item, 0))"), {"item": str(item_)})


async def sight(tx: Transaction, item_: UUID) -> Entry[Any]:
    """Record that the item is here: a scan that is no step of its journey."""
    item.fold((await ledger.read(tx, item_)).events)
    history = await ledger.read(tx, sightings_of(item_))
    return history.answered(tx.request) or await ledger.append(tx, history, Sighted(item=item_))


async def findings(tx: Transaction, items: Sequence[UUID], since: UUID) -> dict[UUID, set[UUID]]:
    """Return, for each item, the entries newer than `since` that show somebody had it in the hand."""
    found: dict[UUID, set[UUID]] = {one: set() for one in items}
    histories = await ledger.read_all(tx, [stream for one in items for stream in (one, sightings_of(one))])
    for one in items:
        for stream in (one, sightings_of(one)):
            found[one] |= {e.id for e in histories[stream].entries if e.kind in FINDINGS and e.id > since}
    rows = await tx.connection.execute(
        text("SELECT item, entry FROM timeline WHERE item = ANY(:items) AND kind = ANY(:kinds) AND entry > :since"),
        {"items": list(items), "kinds": list(FINDINGS), "since": since},
    )
    for row in rows:
        found[row.item].add(row.entry)
    return found


async def open_losses(tx: Transaction, items: Collection[UUID]) -> dict[UUID, LossReported]:
    """Return the losses of the items that nobody has confirmed found."""
    histories = await ledger.read_all(tx, [loss_of(one) for one in items])
    cases = (loss.fold([(e.id, e.event) for e in history.entries]) for history in histories.values())
    return {case.reported.item: case.reported for case in cases if case and not case.ended}


async def lose(
    tx: Transaction, item_: UUID, *, reason: str, media: Collection[UUID] = (), discrepancy: UUID | None = None
) -> tuple[History, LossReported]:
    """Decide the report of a loss, for the caller to append with what it follows from."""
    await hold(tx, item_)
    known = await ledger.read(tx, item_)
    state = item.fold(known.events)
    history = await ledger.read(tx, loss_of(item_))
    case = loss.fold([(e.id, e.event) for e in history.entries])
    if case and not case.ended:
        raise Refused(
            "already-lost",
            "この機器の紛失はもう記録されています。紛失のページで確かめてください。",
            "This item is already reported lost. See the page of the loss.",
        )
    sighted = await ledger.read(tx, sightings_of(item_))
    moved = [(e.event, e.occurred_at, e.by.party) for e in (*known.entries, *sighted.entries)]
    event = loss.report(
        state.registered,
        loss=history.stream,
        media=media,
        proved=await _proved(tx, item_),
        holder=loss.last_holder(tx.tenant, moved),
        discrepancy=discrepancy,
        reason=reason,
    )
    return history, event


async def report_loss(tx: Transaction, item_: UUID, *, reason: str, media: Collection[UUID] = ()) -> Entry[Any]:
    """Report an item, or media of it, lost: a fact at any step, whoever notices it."""
    if done := (await ledger.read(tx, loss_of(item_))).answered(tx.request):
        return done
    history, event = await lose(tx, item_, reason=reason, media=media)
    return await ledger.append(tx, history, event)


async def notify_loss(tx: Transaction, loss_: UUID, stage: loss.Stage, notified_on: date, reference: str) -> Entry[Any]:
    """Record that the town made its report of a stage, or why none is owed."""
    history, case = await _case(tx, loss_)
    if done := history.answered(tx.request):
        return done
    if notified_on > tx.at.date():
        raise Invalid(
            "future",
            "報告した日が先の日付です。報告してから記録してください。",
            "The day of the report lies ahead. Record it once it has been made.",
            field="notified_on",
        )
    return await ledger.append(tx, history, case.notify(stage, notified_on, reference))


async def end_loss(tx: Transaction, loss_: UUID, explanation: str) -> Entry[Any]:
    """Confirm that what was lost is found; refused without a record of it that is newer than the loss."""
    history, case = await _case(tx, loss_)
    if done := history.answered(tx.request):
        return done
    found = await findings(tx, [case.reported.item], case.evidence_after)
    return await ledger.append(tx, history, case.end(found[case.reported.item], explanation))


async def _case(tx: Transaction, loss_: UUID) -> tuple[History, loss.Case]:
    history = await ledger.read(tx, loss_)
    case = loss.fold([(e.id, e.event) for e in history.entries if e.kind.startswith("tracking.loss-")])
    if case is None:
        raise Unknown
    return history, case


async def _proved(tx: Transaction, item_: UUID) -> dict[UUID, tuple[Level, datetime]]:
    """Return the level proved of each medium and when its last evidence was made."""
    seen = await views.seen(tx.connection, item_)
    return {
        medium: (level, max(one.occurred_at for one in seen if one.medium == medium and one.level == level))
        for medium, level in reached(seen).items()
    }
