"""What donations hears: the directory, and what becomes the stock of a call."""

from collections.abc import Sequence
from typing import Any

from services.donations import views
from services.donations.tables import metadata
from shared.database import Transaction
from shared.directory import join
from shared.entry import Entry
from shared.events.refurb import DeliveredToTown, Ready
from shared.events.tracking import TakenOver
from shared.messaging import Consumers

consumers = Consumers("donations")
join(consumers, metadata.tables)


@consumers.on(Ready, DeliveredToTown, TakenOver)
async def on_machine(tx: Transaction, entries: Sequence[Entry[Any]]) -> None:
    """Keep what is known of a machine; it is stock once it is ready and the town has taken it over."""
    await views.apply(tx, entries)
