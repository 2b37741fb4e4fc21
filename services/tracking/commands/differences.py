"""Commands about differences: name one, and close it by what resolves it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from services.tracking import views
from services.tracking.commands.losses import findings, lose, open_losses
from services.tracking.commands.parties import known_person
from services.tracking.domain import discrepancy, item, lot
from services.tracking.domain.discrepancy import Outcome
from shared import ledger
from shared.database import Transaction
from shared.entry import Entry, Event
from shared.events.tracking import DiscrepancyFound
from shared.ids import derived
from shared.ledger import History
from shared.refused import Refused


@dataclass(frozen=True, slots=True)
class Difference:
    """Why a count does not close, and the other person who looked."""

    reason: str
    second: str


async def seen_by_two(tx: Transaction, engagement: UUID, difference: Difference) -> None:
    """Raise unless the second person is somebody else, on the directory of one of the two parties."""
    discrepancy.another_person(tx.by.person, difference.second)
    await known_person(tx, engagement, difference.second, field="second")


async def find_difference(tx: Transaction, item_: UUID, *, reason: str, second: str) -> Entry[Any]:
    """Name a machine that one party counted as delivered and the other did not."""
    stream = derived(item_, "discrepancy:delivery")
    history = await ledger.read(tx, stream)
    if done := history.answered(tx.request):
        return done
    if history:
        raise Refused(
            "already-found",
            "この差はもう記録されています。差のページで確かめてください。",
            "This discrepancy is already recorded. See its page.",
        )
    registered = item.fold((await ledger.read(tx, item_)).events).registered
    await seen_by_two(tx, registered.engagement, Difference(reason, second))
    event = DiscrepancyFound(discrepancy=stream, about="delivery", items=(item_,), reason=reason, second=second)
    return await ledger.append(tx, history, event)


async def resolve(
    tx: Transaction, stream: UUID, outcome: Outcome, explanation: str, *, replacements: Sequence[UUID] = ()
) -> Entry[Any]:
    """Close a difference by what resolved it; what is lost opens a case for each item in the same commit."""
    history = await ledger.read(tx, stream)
    if done := history.answered(tx.request):
        return done
    known = discrepancy.fold([(e.event, e.by.person) for e in history.entries])
    absent = await absent_of(tx, history.entries[0])
    event = known.resolve(
        outcome,
        explanation,
        by=tx.by.person,
        absent=[views.grouped(label) for label in absent.values()],
        replacements=await _replacing(tx, known.found, history.entries[0], replacements),
        last_count=await _last_count(tx, known.found),
    )
    decided: list[tuple[History, Event]] = [(history, event)]
    if outcome == "lost":
        lost = await open_losses(tx, absent)
        new = sorted(set(absent) - set(lost))  # in one order: two commands never wait for each other
        decided += [await lose(tx, one, reason=explanation, discrepancy=stream) for one in new]
    return (await ledger.append_all(tx, decided))[0]


async def absent_of(tx: Transaction, found: Entry[Any]) -> dict[UUID, str]:
    """Return the items of a difference, with their labels, that nobody has scanned since; a receipt asks for 入庫."""
    histories = await ledger.read_all(tx, found.event.items)
    states = {one: item.fold(history.events) for one, history in histories.items()}
    scanned = await findings(tx, list(states), found.id)
    return {
        one: state.registered.label
        for one, state in states.items()
        if not scanned[one] and not (found.event.about == "receipt" and state.received)
    }


async def _replacing(
    tx: Transaction, found: DiscrepancyFound, entry: Entry[Any], replacements: Sequence[UUID]
) -> list[UUID]:
    """Return the items that stand for the missing ones. Raises Refused for one nobody has had in the hand."""
    wanted = list(dict.fromkeys(replacements))
    histories = await ledger.read_all(tx, wanted)
    states = {one: item.fold(history.events) for one, history in histories.items()}
    scanned = await findings(tx, wanted, entry.id)
    wrong = [
        views.grouped(state.registered.label)
        for one, state in states.items()
        if not (state.received or scanned[one]) or (found.about != "receipt" and one in found.items)
    ]
    if wrong:
        raise Refused(
            "no-replacement",
            "取り替えた機器として入れたラベルは、差の機器自身か、まだ読み取っていない機器です。実物のラベルを読み取ってください。",
            "A label given as the replacement is of the missing item itself, or of one nobody has scanned. Scan the "
            "label on the actual machine.",
            missing=tuple(wrong),
        )
    return wanted


async def _last_count(tx: Transaction, found: DiscrepancyFound) -> int | None:
    if found.lot is None or found.step is None:
        return None
    return lot.fold((await ledger.read(tx, found.lot)).events).counted(found.step)
