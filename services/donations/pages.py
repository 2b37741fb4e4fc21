"""Donations' pages: calls, the application in two pages, the receipt, the public record, and the clerk's desk."""

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Depends
from sqlalchemy import text
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.donations import commands, views
from services.donations.api import (
    FILE_BYTES_MAX,
    PRINTABLE,
    PROBLEMS_SHOWN_MAX,
    PROSE,
    UNITS_MAX,
    Applying,
    Clerk,
    HandingOver,
    Held,
    Keyed,
    Opening,
    Place,
    Receipt,
    Reported,
    ToldUse,
    find,
    find_own,
    hold,
    label_of,
    public,
    take_file,
)
from services.donations.domain.applicant import is_phone
from services.donations.domain.application import DIFFICULTIES, USES
from services.donations.domain.portal import TOKYO
from services.donations.domain.receipt import RECEIPT
from shared.door import Ask, Door, TheDoor
from shared.events.donations import CallOpened, Category
from shared.events.refurb import Spec
from shared.identity import Principal, principal
from shared.ids import uuid7
from shared.refused import Invalid, Refused, Unknown
from shared.web.forms import Form, carried
from shared.web.i18n import language
from shared.web.i18n import msgid as _
from shared.web.pages import render
from shared.web.viewer import PUBLIC, Help

# The public reads these without signing in; a bearer token that is there still says whose page it is.
router = APIRouter(include_in_schema=False, dependencies=[Depends(principal)])

COOKIE, COOKIE_AGE_S = "receipt", 1800
PAGE_1 = ("category", "group", "representative", "address", "phone", "mail")
PAGE_2 = ("units", "uses", "network", "purpose", "consent")
LINE, LINES = re.compile(PRINTABLE.strip("^$")), re.compile(PROSE.strip("^$"))

USE_WORDS = {
    "circulars": _("回覧文書・総会資料"),
    "accounts": _("会計処理・帳簿記帳"),
    "procedures": _("高齢者等の行政手続き支援"),
    "training": _("研修・講習会"),
    "stock": _("在庫・販売・顧客管理"),
    "meetings": _("オンライン面談"),
    "publishing": _("広報・文芸誌・ホームページ"),
    "other": _("その他の使い道"),
}
DIFFICULTY_WORDS = {
    "no-network": _("置き場所にインターネットがない"),
    "network-cost": _("インターネットを整え、保つ費用"),
    "operation": _("操作がわからない"),
    "trouble": _("故障・不具合"),
    "shelter": _("避難所になったときの使い方"),
}
WORDS = {
    "channel": {"web": _("ネット"), "paper": _("紙・Fax"), "portal": _("e申請")},
    "reason": {"late": _("締切の後"), "early": _("開始の前"), "not-eligible": _("条件に合わない")},
    "kind": {"notebook": _("ノートタイプ"), "desktop": _("デスクトップタイプ")},
    "use": USE_WORDS,
    "difficulty": DIFFICULTY_WORDS,
    "state": {
        "ahead": _("受付の前"),
        "open": _("受付中"),
        "over": _("受付終了"),
        "closed": _("締め切り済み"),
        "settled": _("割り当て済み"),
    },
}
SAID = (_("公募の締め切り"),)  # by the rules, which know no language: marked here for the catalogue
CHIPS = {"ahead": "wait", "open": "on", "over": "plain", "closed": "plain", "settled": "done"}


@dataclass(frozen=True, slots=True)
class Shown:
    """A call as a page shows it."""

    call: CallOpened
    tenant: str
    state: str
    closed_at: datetime | None
    allocated_at: datetime | None
    stock: tuple[UUID, ...] = ()

    @classmethod
    def of(cls, row: Any, tenant: str, now: datetime) -> "Shown":
        """Read a row of the calls and say where the call stands now."""
        call = CallOpened.model_validate(row.data)
        if row.allocated_at:
            state = "settled"
        elif row.closed_at:
            state = "closed"
        else:
            state = "ahead" if now < call.opens_at else "open" if now < call.closes_at else "over"
        return cls(call, tenant, state, row.closed_at, row.allocated_at, tuple(getattr(row, "stock", None) or ()))


def _page(request: Request, template: str, status: int = 200, *, desk: str = "", **context: Any) -> Response:
    if desk:
        viewer = getattr(request.state, "viewer", PUBLIC)
        request.state.viewer = replace(viewer, help=Help(desk=desk))
    return render(request, template, status, words=WORDS, chips=CHIPS, **context)


async def _shown(door: Door, place: Place) -> Shown:
    async with door.look(place.tenant, public(place)) as connection:
        row = next(row for row in await views.opened(connection) if row.call == place.call)
    return Shown.of(row, place.tenant, door.now())


def _request_id(form: Form) -> UUID:
    try:
        return UUID(form.value("request"))
    except ValueError:  # a page of ours always carries one; whoever made this request did without a replay
        return uuid7()


@router.get("/calls")
async def list_calls(request: Request, door: TheDoor) -> Response:
    """Show the calls of all towns, newest first."""
    async with door.engine.connect() as connection:
        rows = list(await connection.execute(text("SELECT * FROM public_calls()")))
    return _page(request, "calls.html", calls=[Shown.of(row, row.tenant, door.now()) for row in rows])


@router.get("/calls/receipt")
async def show_receipt(request: Request, door: TheDoor, other: str = "") -> Response:
    """Show where an application stands; the receipt and its passphrase are in a cookie of half an hour."""
    number, _dot, passphrase = request.cookies.get(COOKIE, "").partition(".")
    if not number or other:
        return _page(request, "lookup.html", form=Form())
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
        return _page(request, "lookup.html", 422, form=form)
    try:
        held = await hold(door, number, passphrase)
    except Unknown as refusal:
        return _refused_receipt(request, form, refusal)
    return _keep(request, held.receipt, passphrase)


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
        {"request": _request_id(form), "passphrase": passphrase, "uses": uses, "difficulty": difficulty}
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
    shown = await _shown(door, await find(door, number))
    return _page(request, "call.html", desk=shown.call.contact, shown=shown)


@router.get("/calls/{number}/apply")
async def begin_application(request: Request, number: str, door: TheDoor) -> Response:
    """Show the first page of the application."""
    shown = await _shown(door, await find(door, number))
    if shown.state != "open":
        return RedirectResponse(f"/calls/{number}", 303)
    return _first(request, shown, Form({"request": str(uuid7())}))


@router.post("/calls/{number}/apply")
async def apply(request: Request, number: str, door: TheDoor) -> Response:
    """Take either page of the application; nothing typed is lost between them."""
    place = await find(door, number)
    shown = await _shown(door, place)
    form = Form(await request.form())
    person = _person(form, shown.call)
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
    stated = {"consent": True, "consent_version": shown.call.consent_version, "request": _request_id(form)}
    body = Applying.model_validate(person | wish | stated)
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
        return _page(request, "towns.html", towns=await _named(door, towns))
    async with door.look(tenant, Principal("public", tenant, frozenset())) as connection:
        calls = [Shown.of(row, tenant, door.now()) for row in await views.opened(connection)]
        settled = [one for one in reversed(calls) if one.state == "settled"]
        records = [(one, _flow(one, await views.record(connection, one.call.call))) for one in settled]
        categories = await views.by_category(connection)
        reports = await views.uses(connection)
    names = {one.code: one.name for shown in calls for one in shown.call.categories}
    return _page(
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
        field = str(refusal.detail.get("field", "number" if refusal.code == "call-opened" else ""))
        form.wrong(field, _("公募"), refusal.ja if language(request) == "ja" else refusal.en)
        return await _own(request, door, who, form, 409 if not isinstance(refusal, Invalid) else 422)
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
    shown = await _shown(door, place)
    form = Form(await request.form())
    facts = _person(form, shown.call) | {
        "units": form.number("units", _("希望の台数"), least=1, most=UNITS_MAX),
        "purpose": form.may("purpose", _("使い道"), pattern=LINES),
        "arrived_at": _local(form, "arrived_at", _("届いた日時")) or door.now(),
        "request": _request_id(form),
    }
    if form.errors:
        return await _desk(request, door, who, place, form, status=422)
    body = Keyed.model_validate(facts)
    attested = body.attested
    try:
        taken = await door.act(place.tenant, who, lambda tx: commands.record(tx, place.call, attested), ask=body)
    except Invalid as refusal:
        form.refused(refusal, language(request))
        return await _desk(request, door, who, place, form, status=422)
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
    taken = await take_file(door, place, who, content, _request_id(form), preview=preview)
    if not preview and not taken.problems:
        return RedirectResponse(f"/donations/calls/{number}?new={taken.new}&known={taken.known}", 303)
    status = 422 if taken.problems else 200
    problems = taken.problems[:PROBLEMS_SHOWN_MAX]
    return await _desk(request, door, who, place, Form(), status=status, file=taken, problems=problems)


@router.post("/donations/calls/{number}/close")
async def close_call(request: Request, number: str, door: TheDoor, who: Clerk) -> Response:
    """Close the queue."""
    place = await find_own(door, number, who)
    body = Ask(request=_request_id(Form(await request.form())))
    await door.act(place.tenant, who, lambda tx: commands.close(tx, place.call), ask=body)
    return RedirectResponse(f"/donations/calls/{number}", 303)


@router.post("/donations/calls/{number}/settle")
async def settle_call(request: Request, number: str, door: TheDoor, who: Clerk) -> Response:
    """Allocate."""
    place = await find_own(door, number, who)
    body = Ask(request=_request_id(Form(await request.form())))
    await door.act(place.tenant, who, lambda tx: commands.settle(tx, place.call), ask=body)
    return RedirectResponse(f"/donations/calls/{number}", 303)


@router.post("/donations/calls/{number}/applications/{receipt}/refuse")
async def refuse(request: Request, number: str, receipt: Receipt, door: TheDoor, who: Clerk) -> Response:
    """Take an application out of the queue."""
    place = await find_own(door, number, who)
    body = Ask(request=_request_id(Form(await request.form())))
    await door.act(place.tenant, who, lambda tx: commands.refuse(tx, place.call, receipt), ask=body)
    return RedirectResponse(f"/donations/calls/{number}", 303)


@router.post("/donations/calls/{number}/applications/{receipt}/hand-over")
async def hand_over(request: Request, number: str, receipt: Receipt, door: TheDoor, who: Clerk) -> Response:
    """Hand over; labels scanned into the field must be the granted ones, an empty field is not compared."""
    place = await find_own(door, number, who)
    form = Form(await request.form())
    given = form.may("labels", _("追跡ID"), pattern=LINES).split()
    labels = [label_of(each) for each in given] or None
    body = HandingOver(request=_request_id(form), labels=tuple(given) or None)
    await door.act(place.tenant, who, lambda tx: commands.hand_over(tx, place.call, receipt, labels), ask=body)
    return RedirectResponse(f"/donations/calls/{number}", 303)


@router.post("/donations/calls/{number}/usage")
async def write_down_use(request: Request, number: str, door: TheDoor, who: Clerk) -> Response:
    """Write down how a recipient uses the machines."""
    place = await find_own(door, number, who)
    form = Form(await request.form())
    receipt = form.need("receipt", _("受付番号"), longest=40, pattern=LINE)
    told = form.need("told", _("使い道"), longest=200, pattern=LINE)
    difficulty = form.may("difficulty", _("困っていること"), longest=200, pattern=LINE) or None
    if form.errors:
        return await _desk(request, door, who, place, form, status=422)
    uses = tuple(part for part in re.split(r"[、,]\s*", told) if part)[:20]
    body = ToldUse(request=_request_id(form), uses=uses, difficulty=difficulty)
    await door.act(
        place.tenant,
        who,
        lambda tx: commands.report_usage(tx, place.call, receipt, body.uses, body.difficulty),
        ask=body,
    )
    return RedirectResponse(f"/donations/calls/{number}", 303)


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
    return _page(request, "lookup.html", 422, form=form)


async def _receipt(
    request: Request, door: Door, held: Held, passphrase: str, form: Form, *, status: int = 200
) -> Response:
    async with door.look(held.place.tenant, public(held.place)) as connection:
        standing = await views.standing(connection, held.place.call, held.receipt)
    shown = await _shown(door, held.place)
    return _page(
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
    return _page(request, "apply_1.html", status, desk=shown.call.contact, shown=shown, form=form, carried=kept)


def _second(request: Request, shown: Shown, form: Form, status: int = 200) -> Response:
    kept = carried(form, (*PAGE_1, "request"))
    cap = next(one.cap for one in shown.call.categories if one.code == form.value("category"))
    return _page(
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


def _person(form: Form, call: CallOpened) -> dict[str, Any]:
    """Read the first page."""
    facts = {
        "category": form.choice("category", _("区分"), [one.code for one in call.categories]),
        "group": form.need("group", _("団体の名前"), longest=200, pattern=LINE),
        "representative": form.need("representative", _("代表の方の氏名"), longest=200, pattern=LINE),
        "address": form.need("address", _("町内の住所"), longest=200, pattern=LINE),
        "phone": form.need("phone", _("電話番号"), longest=40, pattern=LINE, example="0233-43-2261"),
        "mail": form.may("mail", _("メールアドレス"), longest=200, pattern=LINE),
    }
    if facts["phone"] and not is_phone(facts["phone"]):
        form.wrong("phone", _("電話番号"), _("けたが合いません。市外局番から入れてください。"), "0233-43-2261")
    if facts["mail"] and not re.fullmatch(r"[^@\s]+@[^@\s]+", facts["mail"]):
        form.wrong("mail", _("メールアドレス"), _("書き方が違います。例のように入れてください。"), "a@example.jp")
    return facts


def _wish(form: Form, call: CallOpened) -> dict[str, Any]:
    """Read the second page."""
    cap = next(one.cap for one in call.categories if one.code == form.value("category"))
    facts = {
        "units": form.number("units", _("希望の台数"), least=1, most=cap),
        "uses": tuple(form.choices("uses", _("使い道"), USES, least=1)),
        "network": form.choice("network", _("置く場所のインターネット"), ("yes", "no")) == "yes",
        "purpose": form.may("purpose", _("役場に伝えたいこと"), pattern=LINES),
    }
    if form.value("consent") != "yes":
        form.wrong("consent", _("約束していただくこと"), _("印を付けてください。"))
    return facts


def _local(form: Form, name: str, label: str) -> datetime | None:
    """Read a moment that a person typed by the clock on the wall."""
    said = form.need(name, label, longest=40)
    try:
        at = datetime.fromisoformat(said)
    except ValueError:
        if said:
            form.wrong(name, label, _("日時として読めません。例のように入れてください。"), "2026-11-05T08:33")
        return None
    return at if at.tzinfo else at.replace(tzinfo=TOKYO)


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


async def _own(request: Request, door: Door, who: Principal, form: Form, status: int = 200) -> Response:
    async with door.look(who.party, who) as connection:
        calls = [Shown.of(row, who.party, door.now()) for row in await views.opened(connection)]
        counted = await views.counts(connection)
    today = datetime.now(TOKYO).replace(second=0, microsecond=0, tzinfo=None)
    return _page(
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
        "request": _request_id(form),
        "rule": "first-come",
        "number": form.need("number", _("公募の番号"), longest=28, example="063622-2026-1", pattern=_NUMBER),
        "title": form.need("title", _("題"), longest=200, pattern=LINE),
        "item_kinds": tuple(form.choices("kinds", _("種類"), ("desktop", "notebook"), least=1)),
        "units": form.number("units", _("お譲りする台数"), least=1, most=10_000),
        "categories": _categories(form),
        "opens_at": _local(form, "opens_at", _("受付の開始")),
        "closes_at": _local(form, "closes_at", _("締切")),
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
    return None if form.errors else Opening.model_validate(facts | {"spec": Spec(**spec)})


_NUMBER = re.compile(r"[0-9]{6}-[0-9A-Z][0-9A-Z-]{0,20}")


def _categories(form: Form) -> tuple[Category, ...]:
    """Read one category a line: code, name, cap."""
    said = form.need("categories", _("区分"), pattern=LINES, example="hamlet 集落 2")
    found = []
    for line in said.splitlines():
        match = re.fullmatch(r"\s*([a-z0-9-]{1,40})\s+(\S.{0,99}?)\s+([0-9]{1,3})\s*", line)
        if match and int(match[3]):
            found.append(Category(code=match[1], name=match[2], cap=int(match[3])))
        elif line.strip():
            form.wrong(
                "categories", _("区分"), _("1行に「記号 名前 上限の台数」の形で入れてください。"), "hamlet 集落 2"
            )
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
    shown = await _shown(door, place)
    return _page(
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
        now=datetime.now(TOKYO).replace(tzinfo=None).isoformat(timespec="minutes"),
        said=said,
    )
