"""How the machines are used: what recipients told, for the clerk; and the cases (取り組み事例) for everybody."""

from collections import Counter
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Path
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.donations import commands, reading
from services.donations.intake import Place, find_own
from services.donations.pages.place import page, shown_call
from services.donations.shapes import Clerk
from shared.door import Door, TheDoor
from shared.identity import Principal
from shared.web.asked import SEE_OTHER, Asked, nothing

router = APIRouter(include_in_schema=False)
CaseTown = Annotated[str, Path(pattern=r"^town-[a-z0-9-]{1,40}$")]


@router.get("/donations/calls/{number}/uses")
async def show_uses(request: Request, number: str, door: TheDoor, who: Clerk) -> Response:
    """Show what the recipients of a call told in their own words, and what of it everybody sees."""
    return await _uses(nothing(request), door, who, await find_own(door, number, who))


@router.post("/donations/calls/{number}/uses/{report}")
async def release(request: Request, number: str, report: UUID, door: TheDoor, who: Clerk) -> Response:
    """Show a recipient's words and picture to everybody, or no longer."""
    place, asked = await find_own(door, number, who), await Asked.of(request)
    shown = bool(asked.form.value("show"))
    if await asked.tried(
        lambda: door.act(place.tenant, who, lambda tx: commands.release_case(tx, report, shown=shown))
    ):
        return RedirectResponse(f"/donations/calls/{number}/uses", SEE_OTHER)
    return await _uses(asked, door, who, place)


async def _uses(asked: Asked, door: Door, who: Principal, place: Place) -> Response:
    async with door.look(place.tenant, who) as connection:
        rows = await reading.told(connection, place.call)
        reports = await reading.uses(connection, place.call)
    return page(
        asked.request,
        "uses.html",
        asked.status,
        shown=await shown_call(door, place),
        rows=rows,
        reports=reports,
        troubles=Counter(one for report in reports for one in report.difficulties),
        **asked.said,
    )


@router.get("/donations/calls/{number}/uses/{report}.jpg")
async def show_own_picture(number: str, report: UUID, door: TheDoor, who: Clerk) -> Response:
    """Give the picture of a report to the town."""
    place = await find_own(door, number, who)
    return await _picture(door, place.tenant, who, report, public=False)


@router.get("/donations/cases/{town}/{report}.jpg")
async def show_picture(town: CaseTown, report: UUID, door: TheDoor) -> Response:
    """Give the picture of a case to everybody."""
    return await _picture(door, town, Principal("public", town, frozenset()), report, public=True)


async def _picture(door: Door, town: str, who: Principal, report: UUID, *, public: bool) -> Response:
    async with door.look(town, who) as connection:
        content = await reading.picture(connection, report, public=public)
    if content is None:
        raise HTTPException(404)
    kept = {"cache-control": "no-store"}  # a consent may end at any moment
    return Response(content, media_type="image/jpeg", headers=kept)
