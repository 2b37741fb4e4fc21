"""Pages of the clerk's desk: the town's calls, the queue with its applicants, and what is done with it."""

import re
from collections.abc import Awaitable, Callable
from datetime import timedelta
from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.donations import commands, reading, views
from services.donations.domain.portal import TOKYO
from services.donations.domain.receipt import RECEIPT
from services.donations.intake import FILE_BYTES_MAX, PROBLEMS_SHOWN_MAX, Place, TakenFile, find_own, take_file
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
from shared.database import Transaction
from shared.door import Ask, Door, TheDoor
from shared.entry import Entry
from shared.identity import Principal
from shared.ids import uuid7
from shared.web.asked import SEE_OTHER, UNPROCESSABLE, Asked, nothing
from shared.web.i18n import msgid as _

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
    return await desk_page(nothing(request), door, who, place, **said)


@router.post("/donations/calls/{number}/paper")
async def key_paper(request: Request, number: str, door: TheDoor, who: Clerk) -> Response:
    """Record an application on paper."""
    place = await find_own(door, number, who)
    shown, asked = await shown_call(door, place), await Asked.of(request)
    form = asked.form
    facts = person(form, shown.call) | {
        "units": form.number("units", _("希望の台数"), least=1, most=UNITS_MAX),
        "purpose": form.may("purpose", _("使い道"), pattern=LINES),
        "channel": form.choice("channel", _("方法"), KEYINGS),
        "arrived_at": local(form, "arrived_at", _("届いた日時")) or door.now(),
        "request": request_id(form),
    }
    receipt = ""

    async def act() -> None:
        nonlocal receipt
        body = Keyed.model_validate(facts)
        attested = body.attested
        taken = await door.act(place.tenant, who, lambda tx: commands.record(tx, place.call, attested), ask=body)
        receipt = taken.event.receipt

    if await asked.tried(act):
        return RedirectResponse(f"/donations/calls/{number}?slip={receipt}", SEE_OTHER)
    return await desk_page(asked, door, who, place)


@router.post("/donations/calls/{number}/portal")
async def import_portal(request: Request, number: str, door: TheDoor, who: Clerk) -> Response:
    """Preview or take in a portal's file."""
    place = await find_own(door, number, who)
    asked = await Asked.of(request)
    content = await asked.file("file", FILE_BYTES_MAX)
    if not content:
        asked.form.wrong("file", _("ポータルのCSV"), _("ファイルを選んでください。"))
    preview = bool(asked.form.value("preview"))
    taken = TakenFile()

    async def act() -> None:
        nonlocal taken
        taken = await take_file(door, place, who, content, request_id(asked.form), preview=preview)

    if not await asked.tried(act, field="file"):
        return await desk_page(asked, door, who, place)
    if not preview and not taken.problems:
        return RedirectResponse(f"/donations/calls/{number}?new={taken.new}&known={taken.known}", SEE_OTHER)
    status = UNPROCESSABLE if taken.problems else 200
    problems = taken.problems[:PROBLEMS_SHOWN_MAX]
    return await desk_page(nothing(request), door, who, place, status=status, file=taken, problems=problems)


@router.post("/donations/calls/{number}/close")
async def close_call(request: Request, number: str, door: TheDoor, who: Clerk) -> Response:
    """Close the queue."""
    place, asked = await find_own(door, number, who), await Asked.of(request)
    return await desk_does(lambda tx: commands.close(tx, place.call), asked, door, who, place)


@router.post("/donations/calls/{number}/seed")
async def ask_seed(request: Request, number: str, door: TheDoor, who: Clerk) -> Response:
    """Ask for a lottery's seed that does not come."""
    place, asked = await find_own(door, number, who), await Asked.of(request)
    return await desk_does(lambda tx: commands.ask_seed(tx, place.call), asked, door, who, place)


@router.post("/donations/calls/{number}/settle")
async def settle_call(request: Request, number: str, door: TheDoor, who: Clerk) -> Response:
    """Allocate."""
    place, asked = await find_own(door, number, who), await Asked.of(request)
    return await desk_does(lambda tx: commands.settle(tx, place.call), asked, door, who, place)


@router.post("/donations/calls/{number}/applications/{receipt}/refuse")
async def refuse(request: Request, number: str, receipt: Receipt, door: TheDoor, who: Clerk) -> Response:
    """Take an application out of the queue."""
    place, asked = await find_own(door, number, who), await Asked.of(request)
    return await desk_does(lambda tx: commands.refuse(tx, place.call, receipt), asked, door, who, place)


@router.post("/donations/calls/{number}/applications/{receipt}/withdraw")
async def withdraw(request: Request, number: str, receipt: Receipt, door: TheDoor, who: Clerk) -> Response:
    """Withdraw an application whose applicant told the desk so."""
    place, asked = await find_own(door, number, who), await Asked.of(request)
    return await desk_does(lambda tx: commands.withdraw(tx, place.call, receipt), asked, door, who, place)


@router.post("/donations/calls/{number}/usage")
async def write_down_use(request: Request, number: str, door: TheDoor, who: Clerk) -> Response:
    """Write down how a recipient uses the machines."""
    place, asked = await find_own(door, number, who), await Asked.of(request)
    form = asked.form
    receipt = form.need("receipt", _("受付番号"), longest=40, pattern=RECEIPT, example="063622-0001")
    told = form.need("told", _("使い道"), longest=200, pattern=LINE)
    uses = tuple(part for part in re.split(r"[、,]\s*", told) if part.strip())[:USES_MAX]
    if told and not uses:
        form.wrong("told", _("使い道"), _("使い道を「、」で区切って入れてください。"), "総会資料、研修")
    difficulty = form.may("difficulty", _("困っていること"), longest=200, pattern=LINE) or None

    async def act() -> Entry[Any]:
        body = ToldUse(request=request_id(form), uses=uses, difficulty=difficulty)
        return await door.act(
            place.tenant,
            who,
            lambda tx: commands.report_usage(tx, place.call, receipt, body.uses, body.difficulty),
            ask=body,
        )

    return await desk_after(act, asked, door, who, place, field="receipt")


async def desk_does(
    command: Callable[[Transaction], Awaitable[object]], asked: Asked, door: Door, who: Principal, place: Place
) -> Response:
    """Do what a form without fields of its own asks for, and answer as `desk_after`."""
    body = Ask(request=request_id(asked.form))
    return await desk_after(lambda: door.act(place.tenant, who, command, ask=body), asked, door, who, place)


async def desk_after(
    act: Callable[[], Awaitable[object]], asked: Asked, door: Door, who: Principal, place: Place, *, field: str = ""
) -> Response:
    """Act and go on to the desk; what has to be mended, or was refused, comes back on it with all that was typed."""
    if await asked.tried(act, field=field):
        return RedirectResponse(f"/donations/calls/{place.number}", SEE_OTHER)
    return await desk_page(asked, door, who, place)


async def desk_page(
    asked: Asked,
    door: Door,
    who: Principal,
    place: Place,
    *,
    status: int | None = None,
    **said: Any,
) -> Response:
    """Answer with the desk of a call as it stands now, and what was typed into one of its forms."""
    progress = await door.act(place.tenant, who, lambda tx: reading.progress(tx, place.call))
    async with door.look(place.tenant, who) as connection:
        rows = await reading.desk(connection, place.call)
        machines = {m.item: m.label for m in await views.machines(connection, [i for row in rows for i in row.items])}
        free = await views.stock(connection)
        staff = await reading.staff(connection, place.tenant)
    shown = await shown_call(door, place)
    stock = free if progress.call.drawn_for is None else progress.call.drawn_for
    today = door.now().astimezone(TOKYO).replace(second=0, microsecond=0, tzinfo=None)
    return page(
        asked.request,
        "desk.html",
        status or asked.status,
        shown=shown,
        rows=rows,
        labels=machines,
        in_stock=sum(1 for machine in stock if machine.kind in shown.offer.item_kinds),
        progress=progress,
        me=who.person,
        staff=staff,
        keyings=KEYINGS,
        names={one.code: one.name for one in shown.call.categories},
        sent=asked.request.url.path,
        new_request=lambda: str(uuid7()),
        now=today.isoformat(timespec="minutes"),
        closes=(today + timedelta(days=14)).isoformat(timespec="minutes"),
        told=said,
        **asked.said,
    )
