"""Pages for everybody: the calls, the application in two pages, the receipt, the public record."""

from typing import Any

from fastapi import APIRouter
from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.donations import commands, views
from services.donations.domain.application import DIFFICULTIES, USES
from services.donations.domain.receipt import canonical
from services.donations.intake import UNITS_MAX, Applying, Held, Reported, find, hold, public
from services.donations.pages.place import LINES, Shown, page, person, request_id, shown_call
from shared.door import Door, TheDoor
from shared.events.donations import CallOpened
from shared.identity import Principal
from shared.ids import uuid7
from shared.refused import Unknown
from shared.web.forms import Form, carried
from shared.web.i18n import language
from shared.web.i18n import msgid as _

router = APIRouter(include_in_schema=False)

COOKIE, COOKIE_AGE_S = "receipt", 1800
PAGE_1 = ("category", "group", "representative", "address", "phone", "mail")
PAGE_2 = ("units", "uses", "network", "purpose", "consent")


@router.get("/calls")
async def list_calls(request: Request, door: TheDoor) -> Response:
    """Show the calls of all towns, newest first."""
    async with door.engine.connect() as connection:
        rows = list(await connection.execute(text("SELECT * FROM public_calls()")))
    return page(request, "calls.html", calls=[Shown.of(row, row.tenant, door.now()) for row in rows])


@router.get("/calls/receipt")
async def show_receipt(request: Request, door: TheDoor, other: str = "") -> Response:
    """Show where an application stands; the receipt and its passphrase are in a cookie of half an hour."""
    number, _dot, passphrase = request.cookies.get(COOKIE, "").partition(".")
    if not number or other:
        return page(request, "lookup.html", form=Form())
    try:
        held = await hold(door, number, passphrase)
    except Unknown as refusal:
        return _refused_receipt(request, Form({"receipt": number}), refusal)
    return await _receipt(request, door, held, passphrase, Form({"request": str(uuid7())}))


@router.post("/calls/receipt")
async def look_up(request: Request, door: TheDoor) -> Response:
    """Open a receipt with its passphrase."""
    form = Form(await request.form())
    number = form.need("receipt", _("受付番号"), longest=40, example="063622-0001")
    passphrase = form.need("passphrase", _("照会コード"), longest=40, example="KTG4-92BD")
    if form.errors:
        return page(request, "lookup.html", 422, form=form)
    try:
        held = await hold(door, number, passphrase)
    except Unknown as refusal:
        return _refused_receipt(request, form, refusal)
    return _keep(request, held.receipt, canonical(passphrase))


@router.post("/calls/receipt/usage")
async def report_use(request: Request, door: TheDoor) -> Response:
    """Take a usage report of the recipient."""
    number, _dot, passphrase = request.cookies.get(COOKIE, "").partition(".")
    form = Form(await request.form())
    held = await hold(door, number, passphrase)
    uses = form.choices("uses", _("使い道"), USES, least=1)
    difficulty = form.value("difficulty") if form.value("difficulty") in DIFFICULTIES else None
    if form.errors:
        return await _receipt(request, door, held, passphrase, form, status=422)
    body = Reported.model_validate(
        {"request": request_id(form), "passphrase": passphrase, "uses": uses, "difficulty": difficulty}
    )
    await door.act(
        held.place.tenant,
        public(held.place),
        lambda tx: commands.report_usage(tx, held.place.call, held.receipt, body.uses, body.difficulty),
        ask=body,
    )
    return RedirectResponse("/calls/receipt", 303)


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
    return _keep(request, taken.event.receipt, taken.passphrase)


@router.get("/donations")
async def show_record(request: Request, door: TheDoor, town: str = "") -> Response:
    """Show what a town gave to whom, without names: totals, figure, uses and every application in order."""
    async with door.engine.connect() as connection:
        rows = list(await connection.execute(text("SELECT * FROM public_calls()")))
    towns = sorted({row.tenant for row in rows})
    tenant = town if town in towns else towns[0] if len(towns) == 1 else ""
    if not tenant:
        return page(request, "towns.html", towns=await _named(door, towns))
    async with door.look(tenant, Principal("public", tenant, frozenset())) as connection:
        calls = [Shown.of(row, tenant, door.now()) for row in await views.opened(connection)]
        settled = [one for one in reversed(calls) if one.state == "settled"]
        records = [(one, _flow(one, await views.record(connection, one.call.call))) for one in settled]
        categories = await views.by_category(connection)
        reports = await views.uses(connection)
    names = {one.code: one.name for shown in calls for one in shown.call.categories}
    return page(
        request,
        "donations.html",
        desk=calls[0].call.contact,
        town=(await _named(door, [tenant]))[0][1],
        records=records,
        categories=[(names.get(row.code, row.code), row.served, int(row.granted)) for row in categories if row.served],
        handed_over=sum(int(row.handed_over) for row in categories),
        reports=reports,
        names=names,
        asof=door.now(),
    )


def _keep(request: Request, receipt: str, passphrase: str) -> Response:
    """Go to the receipt, its passphrase in a cookie and not in an address that histories and logs keep."""
    answer = RedirectResponse("/calls/receipt", 303)
    answer.set_cookie(
        COOKIE,
        f"{receipt}.{passphrase}",
        COOKIE_AGE_S,
        path="/calls/receipt",
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return answer


def _refused_receipt(request: Request, form: Form, refusal: Unknown) -> Response:
    form.wrong("receipt", _("受付番号"), refusal.ja if language(request) == "ja" else refusal.en)
    return page(request, "lookup.html", 422, form=form)


async def _receipt(
    request: Request, door: Door, held: Held, passphrase: str, form: Form, *, status: int = 200
) -> Response:
    async with door.look(held.place.tenant, public(held.place)) as connection:
        standing = await views.standing(connection, held.place.call, held.receipt)
    shown = await shown_call(door, held.place)
    return page(
        request,
        "receipt.html",
        status,
        desk=shown.call.contact,
        shown=shown,
        standing=standing,
        passphrase=passphrase,
        form=form,
        uses=USES,
        difficulties=DIFFICULTIES,
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
    left, flow = min(shown.call.units, len(shown.stock)), []
    for row in rows:
        left -= row.granted
        flow.append((row, None if row.reason else left))
    return flow


async def _named(door: Door, towns: list[str]) -> list[tuple[str, str]]:
    async with door.engine.connect() as connection:
        query = text("SELECT party, name FROM parties WHERE party = ANY(:towns)")
        names = {row.party: row.name for row in await connection.execute(query, {"towns": towns})}
    return [(town, names.get(town, town)) for town in towns]
