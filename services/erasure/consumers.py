"""What erasure hears: items and what is required of their media, where they are, who was excepted."""

from collections.abc import Sequence
from typing import Any

from services.erasure import intake, regrading, views
from services.erasure.tables import metadata
from shared.database import Transaction
from shared.directory import join
from shared.entry import Entry
from shared.events.tracking import (
    ExceptionApproved,
    ItemRegistered,
    LabelBound,
    MediumCorrected,
    Received,
    RequirementChanged,
    ShippedOut,
)
from shared.messaging import Consumers

consumers = Consumers("erasure")
join(consumers, metadata.tables)


@consumers.on(ItemRegistered)
async def on_item_registered(tx: Transaction, entries: Sequence[Entry[ItemRegistered]]) -> None:
    """Know the item's media, and bind the reports that came before it."""
    await views.apply(tx, entries)
    await intake.bind_arrived(tx)


@consumers.on(LabelBound)
async def on_label_bound(tx: Transaction, entries: Sequence[Entry[LabelBound]]) -> None:
    """Know the item's media by the label that the directory has just taken over."""
    await views.relabel(tx, [entry.event.item for entry in entries])


@consumers.on(MediumCorrected)
async def on_medium_corrected(tx: Transaction, entries: Sequence[Entry[MediumCorrected]]) -> None:
    """Know the media as the directory has just taken over; bind what waited for the serial, judge again by the kind."""
    await views.describe(tx, [entry.event.item for entry in entries])
    await regrading.judge_corrected(tx, entries)
    await intake.bind_arrived(tx)


@consumers.on(RequirementChanged, ShippedOut, Received, ExceptionApproved)
async def on_circumstance(tx: Transaction, entries: Sequence[Entry[Any]]) -> None:
    """Know what is required, where the item is, and that a medium was excepted."""
    await views.apply(tx, entries)
