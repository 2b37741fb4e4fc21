"""Counted lots on their way: the count of each hand, and how they end."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from services.tracking import reading
from services.tracking.api.roles import Worker
from services.tracking.api.shapes import LotCount, LotEnd
from services.tracking.commands import lots
from services.tracking.commands.differences import Difference
from shared.database import Transaction
from shared.door import Ask, Door, GivenLabel, TheDoor, receipt, unknown
from shared.entry import Entry
from shared.identity import Principal
from shared.ids import Label

router = APIRouter()


@router.post("/lots/{label}/moves", status_code=201)
async def move_lot(label: GivenLabel, body: LotCount, door: TheDoor, who: Worker) -> Response:
    """Record that a lot was shipped out or received, with the count at that hand; a difference has names."""
    difference = Difference(body.reason, body.second) if body.reason and body.second else None

    async def do(tx: Transaction, lot: UUID) -> Entry[Any]:
        return await lots.move_lot(tx, lot, body.step, body.count, difference=difference)

    return await _on_lot(label, body, door, who, do)


@router.post("/lots/{label}/end", status_code=201)
async def close_lot(label: GivenLabel, body: LotEnd, door: TheDoor, who: Worker) -> Response:
    """Record that a lot, or a part of it, was recycled or given back."""

    async def do(tx: Transaction, lot: UUID) -> Entry[Any]:
        return await lots.close_lot(tx, lot, body.fate, body.count, weight_kg=body.weight_kg, receipt=body.receipt)

    return await _on_lot(label, body, door, who, do)


async def _on_lot(
    label: Label, body: Ask, door: Door, who: Principal, do: Callable[[Transaction, UUID], Awaitable[Entry[Any]]]
) -> Response:
    async with door.engine.connect() as connection:
        found = await reading.lot_of(connection, label.id, who.party)
    if found is None:
        raise unknown(label)
    lot, tenant = found
    return receipt(await door.act(tenant, who, lambda tx: do(tx, lot), ask=body))
