"""Commands that follow from evidence: clear a medium for its chassis, close an item's custody."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services.tracking import views
from services.tracking.commands.losses import hold, open_losses
from services.tracking.domain import custody, item
from shared import ledger
from shared.database import Transaction
from shared.entry import Entry, Event
from shared.ids import derived
from shared.ledger import History
from shared.messaging import Later


async def weigh(tx: Transaction, item_: UUID, medium: UUID) -> Entry[Any] | None:
    """Say that a medium is accounted for, or is not any more, when the evidence changed that."""
    registered = item.fold((await ledger.read(tx, item_)).events).registered
    history = await ledger.read(tx, derived(medium, "clearance"))
    seen = await views.seen(tx.connection, item_)
    doubted = await views.in_doubt(tx.connection, [registered])
    event = custody.clearance(registered, medium, custody.reached(seen), history.events, doubted=doubted)
    return await ledger.append(tx, history, event) if event else None


async def weigh_lot(tx: Transaction, engagement: UUID) -> list[Entry[Any]]:
    """Say it of every medium of an engagement whose lot was reopened, or stands again: all of them in a few queries.

    Evidence of the same town waits meanwhile, and then sees what is said here, as this sees all that came before.
    """
    await views.take_turns(tx.connection, [tx.tenant])
    items_ = await views.items_of(tx.connection, engagement)
    histories = await ledger.read_all(tx, items_)
    registered = [item.fold(history.events).registered for history in histories.values() if history]
    levels = await views.levels(tx.connection, items_)
    doubted = await views.in_doubt(tx.connection, registered)
    said = await ledger.read_all(tx, [derived(medium.id, "clearance") for one in registered for medium in one.media])
    decided: list[tuple[History, Event]] = []
    for one in registered:
        for medium in one.media:
            history = said[derived(medium.id, "clearance")]
            event = custody.clearance(one, medium.id, levels, history.events, doubted=doubted)
            if event:
                decided.append((history, event))
    return await ledger.append_all(tx, decided)


async def close_uncertified(tx: Transaction, heard: Sequence[Entry[Any]]) -> None:
    """Close the custody of the items that were heard of, where the last thing asked may not be a certificate."""
    waiting = await views.uncertified(tx.connection, {entry.event.item for entry in heard})
    for entry in heard:
        if entry.event.item in waiting:
            await close(tx.following(entry), entry.event.item)


async def close(tx: Transaction, item_: UUID) -> Entry[Any] | None:
    """Close custody when everything the policy requires is there; once, on a stream of its own."""
    await views.take_turns(tx.connection, [tx.tenant])  # what a job asks is not raised meanwhile
    await hold(tx, item_)
    history = await ledger.read(tx, derived(item_, "custody"))
    if history:
        return None
    known = await ledger.read(tx, item_)
    if not known:
        raise Later(f"the item {item_} is not here yet")
    registered = item.fold(known.events).registered
    seen = await views.seen(tx.connection, item_)
    lost = await open_losses(tx, [item_])
    issued = await views.issued(tx.connection, item_)
    event = custody.closing(registered, seen, issued, tx.at, lost=bool(lost))
    return await ledger.append(tx, history, event) if event else None
