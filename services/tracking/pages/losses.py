"""A case of loss: the text for the town's report, the clocks of the law, what was found since, and its end."""

from collections.abc import Awaitable, Callable
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from services.tracking import reading
from services.tracking.commands import losses
from services.tracking.domain.loss import MY_NUMBER, Stage
from services.tracking.pages.differences import Closer
from services.tracking.pages.place import Place, ThePlace
from services.tracking.pages.words import EVENTS, LEVELS, STAGES, ZONES
from shared.database import Transaction
from shared.door import Door, TheDoor
from shared.entry import Entry
from shared.identity import Principal, SignedIn, holding
from shared.refused import Unknown
from shared.web.asked import Asked, again, nothing
from shared.web.i18n import msgid as _
from shared.web.pages import render

router = APIRouter(include_in_schema=False)
Clerk = Annotated[Principal, Depends(holding("clerk", "town-admin"))]


@router.get("/losses/{loss}")
async def show(request: Request, door: TheDoor, who: SignedIn, place: ThePlace, loss: UUID) -> Response:
    """Show a case of loss with the text of its report."""
    return await _page(request, door, who, place, loss=loss, asked=nothing(request))


@router.post("/losses/{loss}/report")
async def report(request: Request, door: TheDoor, who: Clerk, place: ThePlace, loss: UUID) -> Response:
    """Record that the town reported it, or why it need not."""
    asked = await Asked.of(request)
    stage: Stage = asked.form.choice("stage", _("段階"), STAGES)  # type: ignore[assignment]  # one of STAGES
    said = asked.form.need("notified_on", _("報告した日"), longest=10)
    reference = asked.form.need("reference", _("受付番号か、報告しない理由"), longest=500)
    try:
        day = date.fromisoformat(said)
    except ValueError:
        day = date.min
        if said:
            asked.form.wrong("notified_on", _("報告した日"), _("日付を年-月-日の形で入れてください。"), "2026-11-24")

    async def do(tx: Transaction) -> Entry[Any]:
        return await losses.notify_loss(tx, loss, stage, day, reference)

    return await _act(request, door, who, place, loss=loss, asked=asked, do=do)


@router.post("/losses/{loss}/end")
async def end(request: Request, door: TheDoor, who: Closer, place: ThePlace, loss: UUID) -> Response:
    """Confirm that what was lost is found."""
    asked = await Asked.of(request)
    explanation = asked.form.need("explanation", _("どこで見つかったか"), longest=500)

    async def do(tx: Transaction) -> Entry[Any]:
        return await losses.end_loss(tx, loss, explanation)

    return await _act(request, door, who, place, loss=loss, asked=asked, do=do)


async def _act(
    request: Request,
    door: Door,
    who: Principal,
    place: Place,
    *,
    loss: UUID,
    asked: Asked,
    do: Callable[[Transaction], Awaitable[Entry[Any]]],
) -> Response:
    if await asked.tried(lambda: door.act(place.town, who, do, ask=asked.ask)):
        return again(f"/losses/{loss}?{place.query}")
    return await _page(request, door, who, place, loss=loss, asked=asked)


async def _page(request: Request, door: Door, who: Principal, place: Place, *, loss: UUID, asked: Asked) -> Response:
    async with door.look(place.town, who) as connection:
        cases = await reading.losses(connection, only=loss)
        if not cases:
            raise Unknown
        names = await reading.names_of(connection, [cases[-1].person])
        parties = await reading.parties_of(connection)
    return render(
        request,
        "loss.html",
        asked.status,
        place=place,
        case=cases[-1],
        my_number=MY_NUMBER,
        names=names,
        parties=parties,
        events=EVENTS,
        levels=LEVELS,
        zones=ZONES,
        stages=STAGES,
        may_report=who.has("clerk", "town-admin"),
        may_end=who.has("clerk", "town-admin", "worker", "centre-manager"),
        now=door.now(),
        **asked.said,
    )
