"""Commands about counted lots: each hand counts, a count that differs has names, and the lot comes to its end."""

from typing import Any
from uuid import UUID

from services.tracking.commands.differences import Difference, seen_by_two
from services.tracking.domain import lot
from shared import ledger
from shared.database import Transaction
from shared.entry import Entry, Event
from shared.events.tracking import DiscrepancyFound
from shared.ids import derived
from shared.ledger import History


async def move_lot(
    tx: Transaction, lot_: UUID, step: lot.Step, count: int, *, difference: Difference | None = None
) -> Entry[Any]:
    """Record that a lot left or arrived, with the count of the one who acts.

    A count that is not the one before becomes a difference with both counts, open until it is resolved.
    """
    history = await ledger.read(tx, lot_)
    if done := history.answered(tx.request):
        return done
    known = lot.fold(history.events)
    moved = known.move(step, count, confirmed=difference is not None)
    decided: list[tuple[History, Event]] = [(history, moved)]
    if difference and count != known.expected(step):
        await seen_by_two(tx, known.registered.engagement, difference)
        stream = derived(lot_, f"discrepancy:{step}")
        found = DiscrepancyFound(
            discrepancy=stream,
            about="lot",
            items=(),
            reason=difference.reason,
            second=difference.second,
            lot=lot_,
            step=step,
            expected=known.expected(step),
            counted=count,
        )
        decided.append((History(stream), found))
    return (await ledger.append_all(tx, decided))[0]


async def close_lot(
    tx: Transaction, lot_: UUID, fate: lot.Fate, count: int, *, weight_kg: float | None, receipt: str
) -> Entry[Any]:
    """Record that a lot, or a part of it, was recycled or given back."""
    history = await ledger.read(tx, lot_)
    if done := history.answered(tx.request):
        return done
    return await ledger.append(
        tx, history, lot.fold(history.events).close(fate, count, weight_kg=weight_kg, receipt=receipt)
    )
