"""What certificates hears: what documents need is kept; an erasure, a destruction, a closed custody ask for a paper."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.certificates import commands, views
from services.certificates.domain.number import Number
from services.certificates.tables import metadata
from shared.certification import MediumPaper, earns_erasure
from shared.database import Transaction
from shared.directory import join
from shared.entry import Entry
from shared.events.erasure import (
    ErasureFailed,
    ErasureVerified,
    LotReopened,
    LotSettled,
    MediumDestroyed,
    MediumErased,
    WitnessRecorded,
)
from shared.events.tracking import CustodyClosed, ExceptionApproved, PolicySet, Received, Required, RequirementChanged
from shared.ids import Label
from shared.messaging import Consumers, Later, Notice

consumers = Consumers("certificates")
join(consumers, metadata.tables)


@consumers.on(
    ErasureFailed,
    ErasureVerified,
    LotReopened,
    LotSettled,
    WitnessRecorded,
    ExceptionApproved,
    PolicySet,
)
async def on_evidence(tx: Transaction, entries: Sequence[Entry[Any]]) -> None:
    """Keep what a document tells of."""
    await views.keep(tx, entries)


@consumers.on(Received)
async def on_received(tx: Transaction, entries: Sequence[Entry[Received]]) -> None:
    """Keep the receipt; the deadline of the item's certificates runs from the first."""
    await views.keep(tx, entries)
    await views.keep_receipts(tx, entries)


@consumers.on(MediumErased)
async def on_medium_erased(tx: Transaction, entries: Sequence[Entry[MediumErased]]) -> None:
    """Ask for the erasure certificate of each medium whose policy asks for one and that reached the last level."""
    await views.keep(tx, entries)
    await _request_erasures(tx, entries)


@consumers.on(RequirementChanged)
async def on_requirement_changed(tx: Transaction, entries: Sequence[Entry[RequirementChanged]]) -> None:
    """Ask for the erasure certificate of what was erased before its job asked for one."""
    erased = await views.erased(tx.connection, [entry.event.item for entry in entries])
    await _request_erasures(tx, erased)


@consumers.on(MediumDestroyed)
async def on_medium_destroyed(tx: Transaction, entries: Sequence[Entry[MediumDestroyed]]) -> None:
    """Ask for the destruction certificate of each medium."""
    await views.keep(tx, entries)
    known = await _known(tx, [entry.event.item for entry in entries])
    for entry in entries:
        item = known[entry.event.item]
        await _request(tx, entry, _number("destruction", entry, item), item, entry.event.medium)


@consumers.on(CustodyClosed)
async def on_custody_closed(tx: Transaction, entries: Sequence[Entry[CustodyClosed]]) -> None:
    """Ask for the tracking certificate of each item."""
    await views.keep(tx, entries)
    known = await _known(tx, [entry.event.item for entry in entries])
    for entry in entries:
        item = known[entry.event.item]
        await _request(tx, entry, Number("tracking", Label(item.label)), item, None)


@consumers.on_notice("notice.tracking.logged.v1")
async def on_logged(tx: Transaction, notices: Sequence[Notice]) -> None:
    """Keep where entries stand in the log; the issuer takes what has its event and its proof."""
    for notice in notices:
        await views.keep_proofs(tx, notice.tenant, notice.data)


def _number(kind: MediumPaper, entry: Entry[Any], item: Any) -> Number:
    media = [UUID(one["id"]) for one in item.data["media"]]
    if entry.event.medium not in media:
        raise ValueError(f"{entry.id} speaks of the medium {entry.event.medium}, which its item does not have")
    return Number(kind, Label(item.label), media.index(entry.event.medium) + 1)


async def _request_erasures(tx: Transaction, entries: Sequence[Entry[MediumErased]]) -> None:
    known = await _known(tx, [entry.event.item for entry in entries])
    for entry in entries:
        item = known[entry.event.item]
        if earns_erasure(Required.model_validate(item.data["required"]), entry.event.achieved):
            await _request(tx, entry, _number("erasure", entry, item), item, entry.event.medium)


async def _request(tx: Transaction, entry: Entry[Any], number: Number, item: Any, medium: UUID | None) -> None:
    await commands.request(tx.following(entry), number, item=item.item, medium=medium, cites=[entry])


async def _known(tx: Transaction, items: Sequence[UUID]) -> dict[UUID, Any]:
    """Return label and media of items. Raises Later for one whose registration has not come."""
    query = text("SELECT item, label, data FROM items WHERE item = ANY(:items)")
    rows = await tx.connection.execute(query, {"items": list(items)})
    found = {row.item: row for row in rows}
    if missing := set(items) - found.keys():
        raise Later(f"{len(missing)} item(s) are not registered here yet")
    return found
