"""Counted lots: the count of the hand that acts, a difference by two people, and the lot's end."""

from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.tracking import reading
from services.tracking.commands import lots
from services.tracking.commands.differences import Difference
from services.tracking.domain import lot
from services.tracking.pages.cages import cages_page
from services.tracking.pages.place import ThePlace
from services.tracking.pages.scans import Worker, receiving_page
from services.tracking.pages.words import FATES
from shared.database import Transaction
from shared.door import Door, TheDoor
from shared.entry import Entry
from shared.identity import Principal
from shared.ids import LABEL_LENGTH
from shared.refused import Unknown
from shared.web.asked import Asked, again
from shared.web.i18n import msgid as _

router = APIRouter(include_in_schema=False)


@router.post("/lots/end")
async def end_lot(request: Request, door: TheDoor, who: Worker, place: ThePlace) -> Response:
    """Record that a lot, or a part of it, was recycled or given back."""
    asked = await Asked.of(request)
    form = asked.form
    label = form.need("ended", _("まとめて預かっている物"), longest=LABEL_LENGTH)
    fate = form.choice("fate", _("行き先"), FATES)
    count = form.number("gone", _("台数"), least=1, most=100_000)
    kg = form.number("kg", _("重さ（kg）"), least=1, most=1_000_000) if form.value("kg") else None
    receipt = form.need("receipt", _("管理票か受領書の番号"), longest=100)

    async def do(tx: Transaction, stream: UUID) -> Entry[Any]:
        return await lots.close_lot(tx, stream, fate, count, weight_kg=kg, receipt=receipt)  # type: ignore[arg-type]  # one of FATES

    if not form.errors and await _done(door, who, asked, label, do):
        return again(f"/receiving?{place.query}")
    return await receiving_page(request, door, who, place, asked)


@router.post("/lots/{step}")
async def count_lot(request: Request, door: TheDoor, who: Worker, place: ThePlace, step: lot.Step) -> Response:
    """Record what was counted of a lot where it leaves or arrives."""
    asked = await Asked.of(request)
    form = asked.form
    label = form.need("lot", _("まとめて預かっている物"), longest=LABEL_LENGTH)
    count = form.number("counted", _("数えた台数"), least=0, most=100_000)
    reason = form.may("why", _("差の理由"), longest=500)
    second = form.may("other", _("確かめたもう一人"), longest=64)
    if bool(reason) != bool(second):
        name, word = ("other", _("確かめたもう一人")) if reason else ("why", _("差の理由"))
        form.wrong(name, word, _("理由ともう一人の両方が必要です。"))
    difference = Difference(reason, second) if reason and second else None

    async def do(tx: Transaction, stream: UUID) -> Entry[Any]:
        return await lots.move_lot(tx, stream, step, count, difference=difference)

    if not form.errors and await _done(door, who, asked, label, do):
        return again(f"/{'cages' if step == 'shipped-out' else 'receiving'}?{place.query}")
    show = cages_page if step == "shipped-out" else receiving_page
    return await show(request, door, who, place, asked)


async def _done(
    door: Door, who: Principal, asked: Asked, label: str, do: Callable[[Transaction, UUID], Awaitable[Entry[Any]]]
) -> bool:
    """Act on the lot of a label; a refusal is kept for the page. Raises Unknown for a label this party may not know."""
    async with door.engine.connect() as connection:
        found = await reading.lot_of(connection, label, who.party)
    if found is None:
        raise Unknown
    stream, town = found
    return await asked.tried(lambda: door.act(town, who, lambda tx: do(tx, stream), ask=asked.ask))
