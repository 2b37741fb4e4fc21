"""Commands that follow from evidence: clear a medium for its chassis, close an item's custody."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services.tracking import views
from services.tracking.commands.losses import hold, open_losses
from services.tracking.domain import custody, item
from shared import ledger
from shared.database import Transaction
from shared.entry import Entry
from shared.ids import derived
from shared.messaging import Later


async def weigh(tx: Transaction, item_: UUID, medium: UUID) -> Entry[Any] | None:
    """Say that a medium is accounted for, or is not any more, when the evidence changed that."""
    registered = item.fold((await ledger.read(tx, item_)).events).registered
    history = await ledger.read(tx, derived(medium, "clearance"))
    seen = await views.seen(tx.connection, item_)
    event = custody.clearance(registered, medium, custody.reached(seen), history.events)
    return await ledger.append(tx, history, event) if event else None


async def close_uncertified(tx: Transaction, heard: Sequence[Entry[Any]]) -> None:
    """Close the custody of the items that were heard of, where no certificate will come to close it."""
    waiting = await views.uncertified(tx.connection, {entry.event.item for entry in heard})
    for entry in heard:
        if entry.event.item in waiting:
            await close(tx.following(entry), entry.event.item)


async def close(tx: Transaction, item_: UUID) -> Entry[Any] | None:
    """Close custody when everything the policy requires is there; once, on a stream of its own."""
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
