"""Commands about work orders. Each loads one order, lets the domain decide, appends, and puts the row on the view."""

from collections.abc import Callable, Sequence
from typing import Any
from uuid import UUID

from services.refurb import views
from services.refurb.commands.media import originals, still_open
from services.refurb.commands.plans import plan_of
from services.refurb.domain import plan, work_order
from services.refurb.domain.support import Contact
from services.refurb.domain.work_order import Grade, Route, WorkOrder
from shared import ledger
from shared.database import Transaction
from shared.entry import Entry, Event
from shared.events.refurb import Picture, Spec, Weight, WorkStarted
from shared.events.tracking import ItemKind
from shared.ids import derived
from shared.support import term
from shared.web.wareki import tokyo_day


def stream_of(item: UUID) -> UUID:
    """Return the stream of an item's work order: derived, so that it is opened once."""
    return derived(item, "work")


async def start(tx: Transaction, item: UUID, *, label: str, item_kind: ItemKind, route: Route) -> Entry[Any] | None:
    """Open the work order of a chassis; None when it is open already."""
    history = await ledger.read(tx, stream_of(item))
    if history:
        return None
    started = WorkStarted(item=item, label=label, item_kind=item_kind, route=route)
    entry = await ledger.append(tx, history, started)
    await views.apply(tx, [entry])
    return entry


async def accept(
    tx: Transaction,
    item: UUID,
    grade: Grade,
    reasons: Sequence[str],
    *,
    engagement: UUID,
    photos: Sequence[Picture] = (),
) -> Entry[Any]:
    """Take a candidate into work with a grade, its reasons and its photos, by the plan of its engagement."""
    steps = (await plan_of(tx, engagement)).steps
    return await _decide(tx, item, lambda order: [order.accept(grade, reasons, photos, steps)])


async def reject(tx: Transaction, item: UUID, reasons: Sequence[str]) -> Entry[Any]:
    """Send a candidate to recycling with the reasons."""
    return await _decide(tx, item, lambda order: [order.reject(reasons)])


async def replace_part(
    tx: Transaction,
    item: UUID,
    *,
    maker: str | None,
    model: str,
    serial: str,
    capacity_gb: int,
    note: str | None = None,
    photos: Sequence[Picture] = (),
) -> Entry[Any]:
    """Record the new SSD by its serial and the step `ssd` with it. Answers the part's entry."""
    media = await originals(tx, item)

    def swap(order: WorkOrder) -> list[Event]:
        part = order.swap(maker=maker, model=model, serial=serial, capacity_gb=capacity_gb, originals=media)
        return [part, work_order.evolve(order, part).do(plan.SSD, note, photos)]

    return await _decide(tx, item, swap)


async def do_step(
    tx: Transaction, item: UUID, step: str, note: str | None = None, photos: Sequence[Picture] = ()
) -> Entry[Any]:
    """Record a step; `delivery` is the whole delivery."""
    if step == plan.DELIVERY.code:
        return await deliver(tx, item, note, photos)
    return await _decide(tx, item, lambda order: [order.do(step, note, photos)])


async def finish(tx: Transaction, item: UUID, spec: Spec) -> Entry[Any]:
    """Mark it READY: every original medium accounted for, graded, every step done."""
    open_media = await still_open(tx, item)
    return await _decide(tx, item, lambda order: [order.finish(spec, open_media)])


async def deliver(tx: Transaction, item: UUID, note: str | None = None, photos: Sequence[Picture] = ()) -> Entry[Any]:
    """Record the step `delivery` and that it was sent to the town. Answers the step's entry."""
    open_media = await still_open(tx, item)
    return await _decide(tx, item, lambda order: order.deliver(open_media, note, photos))


async def recycle(
    tx: Transaction, item: UUID, *, weights: Sequence[Weight], manifest: str, operator: str
) -> Entry[Any]:
    """Record that the chassis became material."""
    open_media = await still_open(tx, item)
    return await _decide(tx, item, lambda order: [order.recycle(weights, manifest, operator, open_media)])


async def contact(tx: Transaction, item: UUID, said: Contact) -> Entry[Any]:
    """Record what a recipient asked and what came of it, and whether support was owed on that day."""
    handed = await views.handed_over(tx.connection, item)
    since, on = handed and tokyo_day(handed), tokyo_day(tx.occurred_at)

    def tell(order: WorkOrder) -> list[Event]:
        owed = term(since, order.ready.spec.support_months) if order.ready else None
        return [said.of(order, owed, on)]

    return await _decide(tx, item, tell)


async def _decide(tx: Transaction, item: UUID, decide: Callable[[WorkOrder], Sequence[Event]]) -> Entry[Any]:
    history = await ledger.read(tx, stream_of(item))
    if done := history.answered(tx.request):
        return done
    decided = decide(work_order.fold(history.events))
    entries = await ledger.append_all(tx, [(history, event) for event in decided])
    await views.apply(tx, entries)
    return entries[0]
