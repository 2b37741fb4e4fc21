"""Differences, losses and flags: named, seen again, explained, closed by what resolved them."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from services.tracking.api.cages import of_town
from services.tracking.api.roles import Clerk, Either
from services.tracking.api.shapes import Decision, Difference, Explanation, Loss, LossEnd, LossReport, Resolution
from services.tracking.commands import differences, explanations, losses
from services.tracking.domain.conformance import Breach
from shared.database import Transaction
from shared.door import Found, GivenLabel, TheDoor, receipt
from shared.entry import Entry

router = APIRouter()


@router.post("/discrepancies/{discrepancy}/resolution", status_code=201)
async def resolve(discrepancy: UUID, body: Resolution, door: TheDoor, who: Either, town: str) -> Response:
    """Close a difference by what resolved it."""
    instead = [one.item for one in await of_town(door, who, town, body.replacements)]

    async def do(tx: Transaction) -> Entry[Any]:
        return await differences.resolve(tx, discrepancy, body.outcome, body.explanation, replacements=instead)

    return receipt(await door.act(town, who, do, ask=body))


@router.post("/items/{label}/difference", status_code=201)
async def find_difference(label: GivenLabel, body: Difference, door: TheDoor, who: Either) -> Response:
    """Name a machine that the two parties count differently."""

    async def do(tx: Transaction, found: Found) -> Entry[Any]:
        return await differences.find_difference(tx, found.item, reason=body.reason, second=body.second)

    return receipt(await door.act_on(label, who, do, ask=body))


@router.post("/items/{label}/explanation", status_code=201)
async def explain(label: GivenLabel, body: Explanation, door: TheDoor, who: Clerk) -> Response:
    """Say why a recorded fact breaks what it breaks, where nothing else explains it."""

    async def do(tx: Transaction, found: Found) -> Entry[Any]:
        breach = Breach(body.fact, body.code)
        return await explanations.explain(tx, found.item, breach, reason=body.reason, second=body.second)

    return receipt(await door.act_on(label, who, do, ask=body))


@router.post("/items/{label}/sighting", status_code=201)
async def sight(label: GivenLabel, body: Decision, door: TheDoor, who: Either) -> Response:
    """Record that an item is here, by a scan that is no step of its journey."""
    return receipt(await door.act_on(label, who, lambda tx, found: losses.sight(tx, found.item), ask=body))


@router.post("/items/{label}/loss", status_code=201)
async def report_loss(label: GivenLabel, body: Loss, door: TheDoor, who: Either) -> Response:
    """Report an item, or media of it, lost."""

    async def do(tx: Transaction, found: Found) -> Entry[Any]:
        return await losses.report_loss(tx, found.item, reason=body.reason, media=body.media)

    return receipt(await door.act_on(label, who, do, ask=body))


@router.post("/losses/{loss}/report", status_code=201)
async def notify_loss(loss: UUID, body: LossReport, door: TheDoor, who: Clerk) -> Response:
    """Record that the town reported a loss, or why it need not."""

    async def do(tx: Transaction) -> Entry[Any]:
        return await losses.notify_loss(tx, loss, body.stage, body.notified_on, body.reference)

    return receipt(await door.act(who.party, who, do, ask=body))


@router.post("/losses/{loss}/end", status_code=201)
async def end_loss(loss: UUID, body: LossEnd, door: TheDoor, who: Either, town: str) -> Response:
    """Confirm that what was lost is found."""
    return receipt(await door.act(town, who, lambda tx: losses.end_loss(tx, loss, body.explanation), ask=body))
