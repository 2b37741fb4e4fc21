"""What refurb hears: candidates and chassis for recycling open work orders; the media's clearances are kept."""

from collections.abc import Sequence

from services.refurb import views
from services.refurb.commands import orders
from services.refurb.tables import metadata
from shared.database import Transaction
from shared.directory import join
from shared.entry import Entry
from shared.events.donations import HandedOver, Returned
from shared.events.tracking import MediumCleared, MediumReopened, RecyclingChosen, ReuseCandidateNamed
from shared.messaging import Consumers

consumers = Consumers("refurb")
join(consumers, metadata.tables)


@consumers.on(ReuseCandidateNamed)
async def on_reuse_candidate_named(tx: Transaction, entries: Sequence[Entry[ReuseCandidateNamed]]) -> None:
    """Open a work order for each candidate."""
    for entry in entries:
        event = entry.event
        await orders.start(tx.following(entry), event.item, label=event.label, item_kind=event.item_kind, route="reuse")


@consumers.on(RecyclingChosen)
async def on_recycling_chosen(tx: Transaction, entries: Sequence[Entry[RecyclingChosen]]) -> None:
    """Open a work order that ends in material."""
    for entry in entries:
        event = entry.event
        await orders.start(
            tx.following(entry), event.item, label=event.label, item_kind=event.item_kind, route="recycle"
        )


@consumers.on(HandedOver, Returned)
async def on_handed_over(tx: Transaction, entries: Sequence[Entry[HandedOver | Returned]]) -> None:
    """Know from when on a machine's support runs."""
    await views.keep_hand_overs(tx, entries)


@consumers.on(MediumCleared, MediumReopened)
async def on_medium_weighed(tx: Transaction, entries: Sequence[Entry[MediumCleared | MediumReopened]]) -> None:
    """Keep whether each original medium is accounted for."""
    await views.keep_clearances(tx, entries)
