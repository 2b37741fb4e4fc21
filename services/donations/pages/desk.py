"""Pages of the clerk's desk: the town's calls, the queue with its applicants, and what is done with it."""

import re
from datetime import timedelta
from typing import Any

from fastapi import APIRouter
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.donations import commands, reading, views
from services.donations.domain.portal import TOKYO
from services.donations.domain.receipt import RECEIPT
from services.donations.intake import FILE_BYTES_MAX, PROBLEMS_SHOWN_MAX, Place, find_own, take_file
from services.donations.pages.place import LINE, LINES, local, page, person, request_id, shown_call
from services.donations.shapes import (
    KEYINGS,
    UNITS_MAX,
    USES_MAX,
    Clerk,
    Keyed,
    Receipt,
    ToldUse,
)
from shared.door import Ask, Door, TheDoor
from shared.identity import Principal
from shared.ids import uuid7
from shared.refused import Refused
from shared.web.forms import Form
from shared.web.i18n import language
from shared.web.i18n import msgid as _
from shared.web.problems import status_of

router = APIRouter(include_in_schema=False)


@router.get("/donations/calls/{number}")
async def show_desk(
    request: Request, number: str, door: TheDoor, who: Clerk, *, slip: str = "", new: int | None = None, known: int = 0
) -> Response:
    """Show the clerk's desk of a call: the queue with its applicants, and what may be done now."""
    place = await find_own(door, number, who)
    said: dict[str, Any] = {} if new is None else {"new": new, "known": known}
    if RECEIPT.fullmatch(slip):
        said["slip"] = await door.act(place.tenant, who, lambda tx: commands.slip(tx, place.call, slip))
    return await desk_page(request, door, who, place, Form(), **said)


@router.post("/donations/calls/{number}/paper")
async def key_paper(request: Request, number: str, door: TheDoor, who: Clerk) -> Response:
    """Record an application on paper."""
    place = await find_own(door, number, who)
    shown = await shown_call(door, place)
    form = Form(await request.form())
    facts = person(form, shown.call) | {
        "units": form.number("units", _("希望の台数"), least=1, most=UNITS_MAX),
        "purpose": form.may("purpose", _("使い道"), pattern=LINES),
        "channel": form.choice("channel", _("方法"), KEYINGS),
        "arrived_at": local(form, "arrived_at", _("届いた日時")) or door.now(),
        "request": request_id(form),
    }
    if form.errors:
        return await desk_page(request, door, who, place, form, status=422)
    body = Keyed.model_validate(facts)
    attested = body.attested
    try:
        taken = await door.act(place.tenant, who, lambda tx: commands.record(tx, place.call, attested), ask=body)
    except Refused as refusal:
        form.refused(refusal, language(request))
        return await desk_page(request, door, who, place, form, status=status_of(refusal))
    return RedirectResponse(f"/donations/calls/{number}?slip={taken.event.receipt}", 303)


@router.post("/donations/calls/{number}/portal")
async def import_portal(request: Request, number: str, door: TheDoor, who: Clerk) -> Response:
    """Preview or take in a portal's file."""
    place = await find_own(door, number, who)
    async with request.form() as typed:
        file = typed.get("file")
        content = await file.read(FILE_BYTES_MAX + 1) if isinstance(file, UploadFile) else b""
        form = Form({name: said for name, said in typed.items() if isinstance(said, str)})
    if not content:
        form.wrong("file", _("ポータルのCSV"), _("ファイルを選んでください。"))
        return await desk_page(request, door, who, place, form, status=422)
    preview = bool(form.value("preview"))
    taken = await take_file(door, place, who, content, request_id(form), preview=preview)
    if not preview and not taken.problems:
        return RedirectResponse(f"/donations/calls/{number}?new={taken.new}&known={taken.known}", 303)
    status = 422 if taken.problems else 200
    problems = taken.problems[:PROBLEMS_SHOWN_MAX]
    return await desk_page(request, door, who, place, Form(), status=status, file=taken, problems=problems)


@router.post("/donations/calls/{number}/close")
async def close_call(request: Request, number: str, door: TheDoor, who: Clerk) -> Response:
    """Close the queue."""
    place = await find_own(door, number, who)
    body = Ask(request=request_id(Form(await request.form())))
    await door.act(place.tenant, who, lambda tx: commands.close(tx, place.call), ask=body)
    return RedirectResponse(f"/donations/calls/{number}", 303)


@router.post("/donations/calls/{number}/settle")
async def settle_call(request: Request, number: str, door: TheDoor, who: Clerk) -> Response:
    """Allocate."""
    place = await find_own(door, number, who)
    body = Ask(request=request_id(Form(await request.form())))
    await door.act(place.tenant, who, lambda tx: commands.settle(tx, place.call), ask=body)
    return RedirectResponse(f"/donations/calls/{number}", 303)


@router.post("/donations/calls/{number}/applications/{receipt}/refuse")
async def refuse(request: Request, number: str, receipt: Receipt, door: TheDoor, who: Clerk) -> Response:
    """Take an application out of the queue."""
    place = await find_own(door, number, who)
    body = Ask(request=request_id(Form(await request.form())))
    await door.act(place.tenant, who, lambda tx: commands.refuse(tx, place.call, receipt), ask=body)
    return RedirectResponse(f"/donations/calls/{number}", 303)


@router.post("/donations/calls/{number}/applications/{receipt}/withdraw")
async def withdraw(request: Request, number: str, receipt: Receipt, door: TheDoor, who: Clerk) -> Response:
    """Withdraw an application whose applicant told the desk so."""
    place = await find_own(door, number, who)
    body = Ask(request=request_id(Form(await request.form())))
    await door.act(place.tenant, who, lambda tx: commands.withdraw(tx, place.call, receipt), ask=body)
    return RedirectResponse(f"/donations/calls/{number}", 303)


@router.post("/donations/calls/{number}/usage")
async def write_down_use(request: Request, number: str, door: TheDoor, who: Clerk) -> Response:
    """Write down how a recipient uses the machines."""
    place = await find_own(door, number, who)
    form = Form(await request.form())
    receipt = form.need("receipt", _("受付番号"), longest=40, pattern=RECEIPT, example="063622-0001")
    told = form.need("told", _("使い道"), longest=200, pattern=LINE)
    uses = tuple(part for part in re.split(r"[、,]\s*", told) if part.strip())[:USES_MAX]
    if told and not uses:
        form.wrong("told", _("使い道"), _("使い道を「、」で区切って入れてください。"), "総会資料、研修")
    difficulty = form.may("difficulty", _("困っていること"), longest=200, pattern=LINE) or None
    if form.errors:
        return await desk_page(request, door, who, place, form, status=422)
    body = ToldUse(request=request_id(form), uses=uses, difficulty=difficulty)
    try:
        await door.act(
            place.tenant,
            who,
            lambda tx: commands.report_usage(tx, place.call, receipt, body.uses, body.difficulty),
            ask=body,
        )
    except Refused as refusal:
        form.refused(refusal, language(request), field="receipt")
        return await desk_page(request, door, who, place, form, status=status_of(refusal))
    return RedirectResponse(f"/donations/calls/{number}", 303)


async def desk_page(
    request: Request,
    door: Door,
    who: Principal,
    place: Place,
    form: Form,
    *,
    status: int = 200,
    **said: Any,
) -> Response:
    """Answer with the desk of a call as it stands now, and what was typed into one of its forms."""
    progress = await door.act(place.tenant, who, lambda tx: reading.progress(tx, place.call))
    async with door.look(place.tenant, who) as connection:
        rows = await reading.desk(connection, place.call)
        machines = {m.item: m.label for m in await views.machines(connection, [i for row in rows for i in row.items])}
        stock = await views.stock(connection)
        staff = await reading.staff(connection, place.tenant)
    shown = await shown_call(door, place)
    today = door.now().astimezone(TOKYO).replace(second=0, microsecond=0, tzinfo=None)
    return page(
        request,
        "desk.html",
        status,
        shown=shown,
        rows=rows,
        labels=machines,
        in_stock=sum(1 for machine in stock if machine.kind in shown.offer.item_kinds),
        progress=progress,
        me=who.person,
        staff=staff,
        keyings=KEYINGS,
        names={one.code: one.name for one in shown.call.categories},
        form=form,
        new_request=lambda: str(uuid7()),
        request_id=form.value("request") or str(uuid7()),
        now=today.isoformat(timespec="minutes"),
        closes=(today + timedelta(days=14)).isoformat(timespec="minutes"),
        said=said,
    )
