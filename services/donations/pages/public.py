"""Pages for everybody: the calls, the application in two pages, the receipt, the public record."""

import asyncio
from collections import Counter
from collections.abc import Callable
from functools import partial
from typing import Any

from fastapi import APIRouter
from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response

from services.donations import commands, papers, reading
from services.donations.domain.application import USES
from services.donations.intake import find, public
from services.donations.pages.own import keep
from services.donations.pages.place import LINES, Shown, page, person, request_id, shown_call
from services.donations.pages.words import WORDS
from services.donations.shapes import UNITS_MAX, Applying
from shared.door import Door, TheDoor
from shared.events.donations import CallOpened, RoundOpened
from shared.identity import Principal
from shared.ids import uuid7
from shared.settings import settings
from shared.web.forms import Form, carried
from shared.web.i18n import msgid as _

router = APIRouter(include_in_schema=False)

PAGE_1 = ("category", "group", "representative", "address", "phone", "mail")
PAGE_2 = ("units", "uses", "network", "purpose", "consent")


@router.get("/calls")
async def list_calls(request: Request, door: TheDoor) -> Response:
    """Show the calls of all towns, newest first."""
    async with door.engine.connect() as connection:
        rows = list(await connection.execute(text("SELECT * FROM public_calls()")))
    return page(request, "calls.html", calls=[Shown.of(row, row.tenant, door.now()) for row in rows])


@router.get("/calls/{number}")
async def show_call(request: Request, number: str, door: TheDoor) -> Response:
    """Show a call as its poster does."""
    shown = await shown_call(door, await find(door, number))
    return page(request, "call.html", desk=shown.call.contact, shown=shown)


@router.get("/calls/{number}/apply")
async def begin_application(request: Request, number: str, door: TheDoor) -> Response:
    """Show the first page of the application."""
    shown = await shown_call(door, await find(door, number))
    if shown.state != "open":
        return RedirectResponse(f"/calls/{number}", 303)
    return _first(request, shown, Form({"request": str(uuid7())}))


@router.post("/calls/{number}/apply")
async def apply(request: Request, number: str, door: TheDoor) -> Response:
    """Take either page of the application; nothing typed is lost between them."""
    place = await find(door, number)
    shown = await shown_call(door, place)
    form = Form(await request.form())
    applying = person(form, shown.call)
    if form.value("back"):
        form.errors.clear()
        return _first(request, shown, form)
    if form.errors:
        return _first(request, shown, form, 422)
    if form.value("page") != "2":
        return _second(request, shown, form)
    wish = _wish(form, shown.call)
    if form.errors:
        return _second(request, shown, form, 422)
    stated = {"consent": True, "consent_version": shown.call.consent_version, "request": request_id(form)}
    body = Applying.model_validate(applying | wish | stated)
    applicant = body.applicant
    taken = await door.act(
        place.tenant,
        public(place),
        lambda tx: commands.apply(tx, place.call, body.category, body.units, applicant),
        ask=body,
    )
    return keep(request, taken.event.receipt, taken.token)


@router.get("/calls/{number}/circular.pdf")
async def print_circular(number: str, door: TheDoor) -> Response:
    """Give the circular (回覧) of a call, with a QR code to its page."""
    shown = await shown_call(door, await find(door, number))
    town = (await _named(door, [shown.tenant]))[0][1]
    known = settings()
    told = partial(papers.circular, words=WORDS, town=town, origin=known.origin, fonts=known.fonts)
    return await _pdf(told, shown, "circular")


@router.get("/calls/{number}/form.pdf")
async def print_form(number: str, door: TheDoor) -> Response:
    """Give the application form (申込書) of a call on paper."""
    shown = await shown_call(door, await find(door, number))
    town = (await _named(door, [shown.tenant]))[0][1]
    return await _pdf(partial(papers.form, words=WORDS, town=town, fonts=settings().fonts), shown, "form")


@router.get("/calls/{number}/log.json")
async def save_log(number: str, door: TheDoor) -> Response:
    """Give the log of the allocation as a file, for `meguru recompute`."""
    place = await find(door, number)
    document = await door.act(place.tenant, public(place), lambda tx: reading.published(tx, place.call))
    kept = {"content-disposition": f'attachment; filename="allocation-{number}.json"'}
    return JSONResponse(document, headers=kept)


@router.get("/donations/cases")
async def show_cases(request: Request, door: TheDoor, town: str = "") -> Response:
    """Show the cases of a town: words and pictures that recipients let it show, without names."""
    tenant, towns = await _chosen(door, town)
    if not tenant:
        return page(request, "towns.html", towns=towns, below="/cases")
    async with door.look(tenant, Principal("public", tenant, frozenset())) as connection:
        calls = [Shown.of(row, tenant, door.now()) for row in await reading.opened(connection)]
        cases = await reading.cases(connection)
    names = _categories(calls)
    return page(request, "cases.html", cases=cases, names=names, town=dict(towns)[tenant], tenant=tenant)


@router.get("/donations")
async def show_record(request: Request, door: TheDoor, town: str = "") -> Response:
    """Show what a town gave to whom, without names: totals, figure, uses and every application in order."""
    tenant, towns = await _chosen(door, town)
    if not tenant:
        return page(request, "towns.html", towns=towns, below="")
    async with door.look(tenant, Principal("public", tenant, frozenset())) as connection:
        calls = [Shown.of(row, tenant, door.now()) for row in await reading.opened(connection)]
        settled = [one for one in reversed(calls) if one.state == "settled" or one.stock]
        records = [(one, _flow(one, await reading.record(connection, one.call.call))) for one in settled]
        categories = await reading.by_category(connection)
        reports = await reading.uses(connection)
    names = _categories(calls)
    return page(
        request,
        "donations.html",
        desk=calls[0].call.contact,
        town=dict(towns)[tenant],
        records=records,
        categories=[(names.get(row.code, row.code), row.served, int(row.granted)) for row in categories if row.served],
        handed_over=sum(int(row.handed_over) for row in categories),
        reports=reports,
        told=_by_use(reports),
        tenant=tenant,
        names=names,
        asof=door.now(),
    )


def _first(request: Request, shown: Shown, form: Form, status: int = 200) -> Response:
    kept = carried(form, (*PAGE_2, "request"))
    return page(request, "apply_1.html", status, desk=shown.call.contact, shown=shown, form=form, carried=kept)


def _second(request: Request, shown: Shown, form: Form, status: int = 200) -> Response:
    kept = carried(form, (*PAGE_1, "request"))
    cap = next(one.cap for one in shown.call.categories if one.code == form.value("category"))
    return page(
        request,
        "apply_2.html",
        status,
        desk=shown.call.contact,
        shown=shown,
        form=form,
        carried=kept,
        cap=cap,
        uses=USES,
    )


def _wish(form: Form, call: CallOpened) -> dict[str, Any]:
    """Read the second page."""
    cap = next(one.cap for one in call.categories if one.code == form.value("category"))
    facts = {
        "units": form.number("units", _("希望の台数"), least=1, most=min(cap, UNITS_MAX)),
        "uses": tuple(form.choices("uses", _("使い道"), USES, least=1)),
        "network": form.choice("network", _("置く場所のインターネット"), ("yes", "no")) == "yes",
        "purpose": form.may("purpose", _("役場に伝えたいこと"), pattern=LINES),
    }
    if form.value("consent") != "yes":
        form.wrong("consent", _("約束していただくこと"), _("印を付けてください。"))
    return facts


def _flow(shown: Shown, rows: list[Any]) -> list[tuple[Any, int | None]]:
    """Return the applications of a call with what was left after each."""
    left, flow, in_order = min(shown.units, len(shown.stock)), [], shown.call.rule == "first-come"
    for row in rows:
        left -= row.granted
        flow.append((row, None if row.reason or not in_order else left))
    return flow


def _by_use(reports: list[Any]) -> list[tuple[str, Counter[str]]]:
    """Count each use by category; a receipt that reports a use again counts once."""
    seen = {(use, report.category, report.receipt) for report in reports for use in report.uses if use in USES}
    counted = [(use, Counter(category for one, category, _receipt in seen if one == use)) for use in USES]
    return [(use, by) for use, by in counted if by]


async def _pdf(make: Callable[[CallOpened, RoundOpened | None], bytes], shown: Shown, name: str) -> Response:
    content = await asyncio.to_thread(make, shown.call, shown.further)
    kept = {"content-disposition": f'inline; filename="{name}-{shown.call.number}.pdf"'}
    return Response(content, media_type="application/pdf", headers=kept)


async def _chosen(door: Door, town: str) -> tuple[str, list[tuple[str, str]]]:
    """Return the town that is meant, empty while there is a choice, and all towns with a call by code and name."""
    async with door.engine.connect() as connection:
        towns = sorted({row.tenant for row in await connection.execute(text("SELECT tenant FROM public_calls()"))})
    chosen = town if town in towns else towns[0] if len(towns) == 1 else ""
    return chosen, await _named(door, towns)


def _categories(calls: list[Shown]) -> dict[str, str]:
    """Return the names of the categories of all calls, by their codes."""
    return {one.code: one.name for shown in calls for one in shown.call.categories}


async def _named(door: Door, towns: list[str]) -> list[tuple[str, str]]:
    async with door.engine.connect() as connection:
        query = text("SELECT party, name FROM parties WHERE party = ANY(:towns)")
        names = {row.party: row.name for row in await connection.execute(query, {"towns": towns})}
    return [(town, names.get(town, town)) for town in towns]
