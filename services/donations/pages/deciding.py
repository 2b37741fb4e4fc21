"""What a clerk does to decide a closed call, and to go on: marks and their confirmation, a further round."""

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.donations import commands, reading, views
from services.donations.intake import Place, find_own
from services.donations.pages.desk import desk_page
from services.donations.pages.place import LINES, local, request_id, shown_call
from services.donations.shapes import Clerk, Confirming, FurtherRound, Mark, Reviewing
from shared.door import Door, TheDoor
from shared.events.donations import CallOpened
from shared.identity import Principal
from shared.refused import Refused
from shared.web.forms import Form
from shared.web.i18n import language
from shared.web.i18n import msgid as _
from shared.web.problems import status_of

router = APIRouter(include_in_schema=False)

OFFERED_MAX = 10_000


@router.post("/donations/calls/{number}/rounds")
async def open_round(request: Request, number: str, door: TheDoor, who: Clerk) -> Response:
    """Open a further round of an allocated call."""
    place = await find_own(door, number, who)
    form = Form(await request.form())
    facts = {
        "request": request_id(form),
        "item_kinds": tuple(form.choices("kinds", _("種類"), ("desktop", "notebook"), least=1)),
        "units": form.number("units", _("お譲りする台数"), least=1, most=OFFERED_MAX),
        "opens_at": local(form, "opens_at", _("受付の開始")),
        "closes_at": local(form, "closes_at", _("締切")),
    }
    if form.errors:
        return await desk_page(request, door, who, place, form, status=422)
    body = FurtherRound.model_validate(facts)
    try:
        await door.act(place.tenant, who, lambda tx: commands.open_round(tx, body.event(place.call)), ask=body)
    except Refused as refusal:
        form.refused(refusal, language(request))
        return await desk_page(request, door, who, place, form, status=status_of(refusal))
    return RedirectResponse(f"/donations/calls/{number}", 303)


@router.post("/donations/calls/{number}/review")
async def review(request: Request, number: str, door: TheDoor, who: Clerk) -> Response:
    """Record the marks of every application in the queue."""
    place = await find_own(door, number, who)
    form = Form(await request.form())
    marks = await _marks(door, place, who, form, (await shown_call(door, place)).call)
    if form.errors or not marks:
        return await desk_page(request, door, who, place, form, status=422)
    body = Reviewing(request=request_id(form), marks=marks)
    try:
        await door.act(place.tenant, who, lambda tx: commands.review(tx, place.call, body.marked), ask=body)
    except Refused as refusal:
        form.refused(refusal, language(request))
        return await desk_page(request, door, who, place, form, status=status_of(refusal))
    return RedirectResponse(f"/donations/calls/{number}", 303)


@router.post("/donations/calls/{number}/review/confirm")
async def confirm_review(request: Request, number: str, door: TheDoor, who: Clerk) -> Response:
    """Confirm the marks of a colleague."""
    place = await find_own(door, number, who)
    form = Form(await request.form())
    seen = await door.act(place.tenant, who, lambda tx: reading.progress(tx, place.call))
    body = Confirming.model_validate({"request": request_id(form), "review": form.value("review") or seen.review})
    try:
        await door.act(place.tenant, who, lambda tx: commands.confirm_review(tx, place.call, body.review), ask=body)
    except Refused as refusal:
        form.refused(refusal, language(request))
        return await desk_page(request, door, who, place, form, status=status_of(refusal))
    return RedirectResponse(f"/donations/calls/{number}", 303)


async def _marks(door: Door, place: Place, who: Principal, form: Form, call: CallOpened) -> tuple[Mark, ...]:
    """Read the points and the reason of each application in the queue."""
    async with door.look(place.tenant, who) as connection:
        receipts = [each.receipt for each in await views.queued(connection, place.call)]
    marks = []
    for receipt in receipts:
        points = {
            one.code: form.number(f"p-{receipt}-{one.code}", f"{receipt} {one.name}", least=0, most=one.points_max)
            for one in call.criteria
        }
        reason = form.need(f"r-{receipt}", _("理由（公開しません）"), pattern=LINES)
        if reason:
            marks.append(Mark(receipt=receipt, points=points, reason=reason))
    return tuple(marks)
