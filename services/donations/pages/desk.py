"""Pages of the clerk's desk: the town's calls, the queue with its applicants, and what is done with it."""

import re
import unicodedata
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.donations import commands, views
from services.donations.domain.call import YEARS
from services.donations.domain.portal import TOKYO
from services.donations.domain.receipt import RECEIPT
from services.donations.intake import (
    CATEGORIES_MAX,
    FILE_BYTES_MAX,
    PROBLEMS_SHOWN_MAX,
    UNITS_MAX,
    USES_MAX,
    Clerk,
    GivenCategory,
    HandingOver,
    Keyed,
    Opening,
    Place,
    Receipt,
    ToldUse,
    find_own,
    label_of,
    take_file,
)
from services.donations.pages.place import LINE, LINES, Shown, page, person, request_id, shown_call
from shared.door import Ask, Door, TheDoor
from shared.identity import Principal
from shared.ids import uuid7
from shared.refused import Refused
from shared.web.forms import Form
from shared.web.i18n import language
from shared.web.i18n import msgid as _
from shared.web.problems import status_of

router = APIRouter(include_in_schema=False)


@router.get("/donations/calls")
async def list_own(request: Request, door: TheDoor, who: Clerk) -> Response:
    """Show the clerk the calls of the town, and the form that opens the next."""
    return await _own(request, door, who, Form())


@router.post("/donations/calls")
async def open_call(request: Request, door: TheDoor, who: Clerk) -> Response:
    """Open a call."""
    form = Form(await request.form())
    body = _opening(form)
    if body is None:
        return await _own(request, door, who, form, 422)
    try:
        await door.act(who.party, who, lambda tx: commands.open_call(tx, body.event), ask=body)
    except Refused as refusal:
        form.refused(refusal, language(request), field="number" if refusal.code == "call-opened" else "")
        return await _own(request, door, who, form, status_of(refusal))
    return RedirectResponse(f"/donations/calls/{body.number}", 303)


@router.get("/donations/calls/{number}")
async def show_desk(
    request: Request, number: str, door: TheDoor, who: Clerk, *, slip: str = "", new: int | None = None, known: int = 0
) -> Response:
    """Show the clerk's desk of a call: the queue with its applicants, and what may be done now."""
    place = await find_own(door, number, who)
    said: dict[str, Any] = {} if new is None else {"new": new, "known": known}
    if RECEIPT.fullmatch(slip):
        said["slip"] = await door.act(place.tenant, who, lambda tx: commands.slip(tx, place.call, slip))
    return await _desk(request, door, who, place, Form(), **said)


@router.post("/donations/calls/{number}/paper")
async def key_paper(request: Request, number: str, door: TheDoor, who: Clerk) -> Response:
    """Record an application on paper."""
    place = await find_own(door, number, who)
    shown = await shown_call(door, place)
    form = Form(await request.form())
    facts = person(form, shown.call) | {
        "units": form.number("units", _("希望の台数"), least=1, most=UNITS_MAX),
        "purpose": form.may("purpose", _("使い道"), pattern=LINES),
        "arrived_at": local(form, "arrived_at", _("届いた日時")) or door.now(),
        "request": request_id(form),
    }
    if form.errors:
        return await _desk(request, door, who, place, form, status=422)
    body = Keyed.model_validate(facts)
    attested = body.attested
    try:
        taken = await door.act(place.tenant, who, lambda tx: commands.record(tx, place.call, attested), ask=body)
    except Refused as refusal:
        form.refused(refusal, language(request))
        return await _desk(request, door, who, place, form, status=status_of(refusal))
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
        return await _desk(request, door, who, place, form, status=422)
    preview = bool(form.value("preview"))
    taken = await take_file(door, place, who, content, request_id(form), preview=preview)
    if not preview and not taken.problems:
        return RedirectResponse(f"/donations/calls/{number}?new={taken.new}&known={taken.known}", 303)
    status = 422 if taken.problems else 200
    problems = taken.problems[:PROBLEMS_SHOWN_MAX]
    return await _desk(request, door, who, place, Form(), status=status, file=taken, problems=problems)


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


@router.post("/donations/calls/{number}/applications/{receipt}/hand-over")
async def hand_over(request: Request, number: str, receipt: Receipt, door: TheDoor, who: Clerk) -> Response:
    """Hand over; labels scanned into the field must be the granted ones, an empty field is not compared."""
    place = await find_own(door, number, who)
    form = Form(await request.form())
    given = form.may("labels", _("追跡ID"), pattern=LINES).split()
    if form.errors:
        return await _desk(request, door, who, place, form, status=422)
    labels = [label_of(each) for each in given] or None
    body = HandingOver(request=request_id(form), labels=tuple(given) or None)
    await door.act(place.tenant, who, lambda tx: commands.hand_over(tx, place.call, receipt, labels), ask=body)
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
        return await _desk(request, door, who, place, form, status=422)
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
        return await _desk(request, door, who, place, form, status=status_of(refusal))
    return RedirectResponse(f"/donations/calls/{number}", 303)


def local(form: Form, name: str, label: str) -> datetime | None:
    """Read a moment that a person typed by the clock on the wall."""
    said = form.need(name, label, longest=40)
    try:
        at = datetime.fromisoformat(unicodedata.normalize("NFKC", said))
    except ValueError:
        if said:
            form.wrong(name, label, _("日時として読めません。例のように入れてください。"), "2026-11-05T08:33")
        return None
    if at.year not in YEARS:
        form.wrong(name, label, _("日時として読めません。例のように入れてください。"), "2026-11-05T08:33")
        return None
    return at if at.tzinfo else at.replace(tzinfo=TOKYO)


async def _own(request: Request, door: Door, who: Principal, form: Form, status: int = 200) -> Response:
    async with door.look(who.party, who) as connection:
        calls = [Shown.of(row, who.party, door.now()) for row in await views.opened(connection)]
        counted = await views.counts(connection)
    today = door.now().astimezone(TOKYO).replace(second=0, microsecond=0, tzinfo=None)
    return page(
        request,
        "own.html",
        status,
        calls=calls,
        counted=counted,
        form=form,
        request_id=form.value("request") or str(uuid7()),
        opens=today.isoformat(timespec="minutes"),
        closes=(today + timedelta(days=28)).isoformat(timespec="minutes"),
    )


def _opening(form: Form) -> Opening | None:
    """Read the form that opens a call; None when something has to be mended."""
    facts: dict[str, Any] = {
        "request": request_id(form),
        "rule": "first-come",
        "number": form.need("number", _("公募の番号"), longest=28, example="063622-2026-1", pattern=_NUMBER),
        "title": form.need("title", _("題"), longest=200, pattern=LINE),
        "item_kinds": tuple(form.choices("kinds", _("種類"), ("desktop", "notebook"), least=1)),
        "units": form.number("units", _("お譲りする台数"), least=1, most=10_000),
        "categories": _categories(form),
        "opens_at": local(form, "opens_at", _("受付の開始")),
        "closes_at": local(form, "closes_at", _("締切")),
        "consent": form.need("consent", _("約束していただくこと"), pattern=LINES),
        "consent_version": form.need("consent_version", _("約束の版"), longest=200, pattern=LINE),
        "contact": form.need("contact", _("窓口"), longest=200, pattern=LINE),
    }
    spec = {
        "os": form.need("os", _("OS"), longest=200, pattern=LINE),
        "ssd_gb": form.number("ssd_gb", _("内蔵ストレージ（GB）"), least=1, most=99_999),
        "memory_gb": form.number("memory_gb", _("メモリ（GB）"), least=1, most=9_999),
        "office": form.need("office", _("ソフト"), longest=200, pattern=LINE),
        "support_months": form.number("support_months", _("サポートの月数"), least=0, most=120),
    }
    return None if form.errors else Opening.model_validate(facts | {"spec": spec})


_NUMBER = re.compile(r"[0-9]{6}-[0-9A-Z][0-9A-Z-]{0,20}")


def _categories(form: Form) -> tuple[GivenCategory, ...]:
    """Read one category a line: code, name, cap."""
    said = form.need("categories", _("区分"), pattern=LINES, example="hamlet 集落 2")
    found = []
    for line in said.splitlines():
        match = re.fullmatch(r"\s*([a-z0-9-]{1,40})\s+(\S.{0,99}?)\s+([0-9０-９]{1,3})\s*", line)
        if match and int(match[3]):
            found.append(GivenCategory(code=match[1], name=match[2], cap=int(match[3])))
        elif line.strip():
            form.wrong(
                "categories", _("区分"), _("1行に「記号 名前 上限の台数」の形で入れてください。"), "hamlet 集落 2"
            )
    if len(found) > CATEGORIES_MAX:
        form.wrong("categories", _("区分"), _("区分が多すぎます。20までにしてください。"))
    return tuple(found)


async def _desk(
    request: Request,
    door: Door,
    who: Principal,
    place: Place,
    form: Form,
    *,
    status: int = 200,
    **said: Any,
) -> Response:
    async with door.look(place.tenant, who) as connection:
        rows = await views.desk(connection, place.call)
        machines = {m.item: m.label for m in await views.machines(connection, [i for row in rows for i in row.items])}
        stock = await views.stock(connection)
    shown = await shown_call(door, place)
    return page(
        request,
        "desk.html",
        status,
        shown=shown,
        rows=rows,
        labels=machines,
        in_stock=sum(1 for machine in stock if machine.kind in shown.call.item_kinds),
        names={one.code: one.name for one in shown.call.categories},
        form=form,
        new_request=lambda: str(uuid7()),
        request_id=form.value("request") or str(uuid7()),
        now=door.now().astimezone(TOKYO).replace(tzinfo=None).isoformat(timespec="minutes"),
        said=said,
    )
