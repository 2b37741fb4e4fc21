"""The page of what is personal: how long it is kept, who asked for a copy or for deletion, what was deleted."""

from fastapi import APIRouter
from fastapi.encoders import jsonable_encoder
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from services.donations import commands, reading
from services.donations.commands.personal import MONTHS, MONTHS_OURS
from services.donations.domain.receipt import RECEIPT
from services.donations.intake import Place, find_own
from services.donations.pages.place import page, receipts_place
from services.donations.shapes import Clerk, Receipt
from shared.door import Door, TheDoor
from shared.identity import Principal
from shared.refused import Unknown
from shared.web.asked import SEE_OTHER, Asked, nothing
from shared.web.i18n import msgid as _

router = APIRouter(include_in_schema=False)


@router.get("/donations/personal")
async def show_keeping(request: Request, door: TheDoor, who: Clerk) -> Response:
    """Show how long the town keeps what is personal, and what was deleted."""
    return await _keeping(nothing(request), door, who)


@router.post("/donations/personal")
async def keep_for(request: Request, door: TheDoor, who: Clerk) -> Response:
    """Say how long the town keeps what is personal."""
    asked = await Asked.of(request)
    months = asked.form.number("months", _("保存する月数"), least=MONTHS[0], most=MONTHS[-1])
    if await asked.tried(lambda: door.act(who.party, who, lambda tx: commands.keep_for(tx, months))):
        return RedirectResponse("/donations/personal", SEE_OTHER)
    return await _keeping(asked, door, who)


@router.post("/donations/personal/find")
async def find(request: Request, door: TheDoor, who: Clerk) -> Response:
    """Go to what is kept of a receipt."""
    asked = await Asked.of(request)
    receipt = asked.form.need("receipt", _("受付番号"), longest=40, pattern=RECEIPT, example="063622-0001")
    number = ""

    async def look() -> None:
        nonlocal number
        number = (await receipts_place(door, receipt, who)).number

    if await asked.tried(look, field="receipt"):
        return RedirectResponse(f"/donations/calls/{number}/applications/{receipt}/personal", SEE_OTHER)
    return await _keeping(asked, door, who)


@router.get("/donations/calls/{number}/applications/{receipt}/personal")
async def show_kept(
    request: Request, number: str, receipt: Receipt, door: TheDoor, who: Clerk, *, save: bool = False
) -> Response:
    """Show, or give as a file, all that is kept of an applicant: the answer to a request for access (開示)."""
    place = await find_own(door, number, who)
    kept = await _kept(door, place, who, receipt)
    if save and kept:
        told = {"content-disposition": f'attachment; filename="personal-{receipt}.json"', "cache-control": "no-store"}
        return JSONResponse(jsonable_encoder(kept), headers=told)
    return page(request, "personal_one.html", kept=kept, receipt=receipt, number=number, **nothing(request).said)


@router.post("/donations/calls/{number}/applications/{receipt}/personal")
async def erase(request: Request, number: str, receipt: Receipt, door: TheDoor, who: Clerk) -> Response:
    """Delete all that is personal of an application (消去の求め)."""
    place, asked = await find_own(door, number, who), await Asked.of(request)
    if await asked.tried(lambda: door.act(place.tenant, who, lambda tx: commands.forget(tx, place.call, receipt))):
        return RedirectResponse(f"/donations/calls/{number}/applications/{receipt}/personal", SEE_OTHER)
    kept = await _kept(door, place, who, receipt)
    return page(request, "personal_one.html", asked.status, kept=kept, receipt=receipt, number=number, **asked.said)


async def _kept(door: Door, place: Place, who: Principal, receipt: str) -> dict[str, object] | None:
    async with door.look(place.tenant, who) as connection:
        if not any(row.receipt == receipt for row in await reading.record(connection, place.call)):
            raise Unknown
        return await reading.kept_of(connection, place.call, receipt)


async def _keeping(asked: Asked, door: Door, who: Principal) -> Response:
    async with door.look(who.party, who) as connection:
        months, gone, kept = await reading.keeping(connection, who.party)
        staff = await reading.staff(connection, who.party)
    return page(
        asked.request,
        "personal.html",
        asked.status,
        **asked.said,
        months=months or MONTHS_OURS,
        gone=gone,
        kept=kept,
        staff=staff,
    )
