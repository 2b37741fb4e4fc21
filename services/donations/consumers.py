"""What donations hears: the directory, what becomes the stock of a call, and where the log holds its closings."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any
from uuid import UUID

from services.donations import commands, views
from services.donations.tables import metadata
from shared.database import Transaction
from shared.directory import join
from shared.entry import Entry
from shared.events.refurb import DeliveredToTown, Ready
from shared.events.tracking import TakenOver
from shared.messaging import Consumers, Notice

consumers = Consumers("donations")
join(consumers, metadata.tables)


@consumers.on(Ready, DeliveredToTown, TakenOver)
async def on_machine(tx: Transaction, entries: Sequence[Entry[Any]]) -> None:
    """Keep what is known of a machine; it is stock once it is ready and the town has taken it over."""
    await views.apply(tx, entries)


@consumers.on_notice("notice.tracking.logged.v1")
async def on_logged(tx: Transaction, notices: Sequence[Notice]) -> None:
    """Draw the seed of each lottery whose closing now stands in the log."""
    for notice in notices:
        leaves = {UUID(leaf["entry"]): leaf for leaf in notice.data["leaves"]}
        for row in await views.closed_lotteries(tx.connection, notice.tenant, list(leaves)):
            leaf = leaves[row.entry]
            logged = commands.Leaf(
                row.entry, int(leaf["index"]), tuple(map(str, leaf["path"])), str(notice.data["checkpoint"])
            )
            await commands.draw(replace(tx, tenant=notice.tenant), row.call, logged)
