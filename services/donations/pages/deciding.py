"""What a clerk does to decide a closed call, and to go on: marks and their confirmation, a further round."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import Response

from services.donations import commands, reading, views
from services.donations.intake import Place, find_own
from services.donations.pages.desk import desk_after
from services.donations.pages.place import LINES, local, request_id, shown_call
from services.donations.shapes import MARKS_MAX, Clerk, Confirming, FurtherRound, Mark, Reviewing
from shared.door import Door, TheDoor
from shared.entry import Entry
from shared.events.donations import CallOpened
from shared.identity import Principal
from shared.refused import Refused
from shared.web.asked import Asked
from shared.web.forms import Form
from shared.web.i18n import msgid as _

router = APIRouter(include_in_schema=False)

OFFERED_MAX = 10_000


@router.post("/donations/calls/{number}/rounds")
async def open_round(request: Request, number: str, door: TheDoor, who: Clerk) -> Response:
    """Open a further round of an allocated call."""
    place, asked = await find_own(door, number, who), await Asked.of(request)
    form = asked.form
    facts = {
        "request": request_id(form),
        "item_kinds": tuple(form.choices("kinds", _("種類"), ("desktop", "notebook"), least=1)),
        "units": form.number("units", _("お譲りする台数"), least=1, most=OFFERED_MAX),
        "opens_at": local(form, "opens_at", _("受付の開始")),
        "closes_at": local(form, "closes_at", _("締切")),
    }

    async def act() -> Entry[Any]:
        body = FurtherRound.model_validate(facts)
        event = body.event(place.call)
        return await door.act(place.tenant, who, lambda tx: commands.open_round(tx, event), ask=body)

    return await desk_after(act, asked, door, who, place)


@router.post("/donations/calls/{number}/review")
async def review(request: Request, number: str, door: TheDoor, who: Clerk) -> Response:
    """Record the marks of every application in the queue."""
    place, asked = await find_own(door, number, who), await Asked.of(request)
    marks = await _marks(door, place, who, asked.form, (await shown_call(door, place)).call)

    async def act() -> Entry[Any]:
        if not marks:
            raise Refused(
                "nobody-to-review",
                "列に応募がありません。審査する応募がないときは、そのまま次の公募を始めてください。",
                "There is no application in the queue. With nobody to review, go on to the next call.",
            )
        if len(marks) > MARKS_MAX:
            raise Refused(
                "too-many-to-review",
                f"審査できる応募は一度に{MARKS_MAX}件までです。条件に合わない応募を列から外してから、もう一度記録してください。",
                f"At most {MARKS_MAX} applications are reviewed at once. Take out who is not eligible first.",
            )
        body = Reviewing(request=request_id(asked.form), marks=marks)
        return await door.act(place.tenant, who, lambda tx: commands.review(tx, place.call, body.marked), ask=body)

    return await desk_after(act, asked, door, who, place)


@router.post("/donations/calls/{number}/review/confirm")
async def confirm_review(request: Request, number: str, door: TheDoor, who: Clerk) -> Response:
    """Confirm the marks of a colleague."""
    place, asked = await find_own(door, number, who), await Asked.of(request)

    async def act() -> Entry[Any]:
        seen = await door.act(place.tenant, who, lambda tx: reading.progress(tx, place.call))
        asking = request_id(asked.form)
        body = Confirming(request=asking, review=_seen(asked.form) or seen.review or asking)
        return await door.act(
            place.tenant, who, lambda tx: commands.confirm_review(tx, place.call, body.review), ask=body
        )

    return await desk_after(act, asked, door, who, place)


def _seen(form: Form) -> UUID | None:
    """Return the marks that the page showed; none when the page did not say."""
    try:
        return UUID(form.value("review"))
    except ValueError:
        return None


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
