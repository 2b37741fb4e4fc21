"""An applicant's own pages: where the application stands, corrected or withdrawn, and how the machines are used."""

from fastapi import APIRouter
from sqlalchemy import select
from starlette.datastructures import FormData, UploadFile
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.donations import commands, reading
from services.donations.domain.application import DIFFICULTIES, USES
from services.donations.intake import Held, hold, hold_by_link, link_of, private_link, public
from services.donations.pages.place import LINES, page, person, request_id, shown_call
from services.donations.shapes import UNITS_MAX, Correcting, Reported, Withdrawing
from services.donations.tables import applicants
from shared import darkroom
from shared.blobs import BLOB_SIZE_MAX
from shared.door import Door, TheDoor
from shared.ids import uuid7
from shared.refused import Refused, Unknown
from shared.web.forms import Form
from shared.web.i18n import language
from shared.web.i18n import msgid as _
from shared.web.problems import status_of

router = APIRouter(include_in_schema=False)

COOKIE, COOKIE_AGE_S = "receipt", 1800


@router.get("/calls/mine/{receipt}/{token}")
async def open_link(request: Request, receipt: str, token: str, door: TheDoor) -> Response:
    """Open an application by its private link."""
    try:
        held, _words = await hold_by_link(door, receipt, token)
    except Unknown as refusal:
        return _refused_receipt(request, Form({"receipt": receipt}), refusal)
    return keep(request, held.receipt, token)


@router.get("/calls/receipt")
async def show_receipt(request: Request, door: TheDoor, other: str = "") -> Response:
    """Show where an application stands; the receipt and its link's token are in a cookie of half an hour."""
    if COOKIE not in request.cookies or other:
        return page(request, "lookup.html", form=Form())
    try:
        held, words = await _held(request, door)
    except Unknown as refusal:
        number = request.cookies[COOKIE].partition(".")[0]
        return _refused_receipt(request, Form({"receipt": number}), refusal)
    return await _receipt(request, door, held, words, Form({"request": str(uuid7())}))


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
    return keep(request, held.receipt, await link_of(door, held))


@router.get("/calls/receipt/correct")
async def show_correction(request: Request, door: TheDoor) -> Response:
    """Show the application as it stands, to be corrected."""
    held, _words = await _held(request, door)
    async with door.look(held.place.tenant, public(held.place)) as connection:
        row = (await connection.execute(select(applicants).where(applicants.c.application == held.application))).one()
        standing = await reading.standing(connection, held.place.call, held.receipt, door.now())
    typed = {name: getattr(row, name) for name in ("representative", "address", "phone", "mail", "purpose")}
    asked = {"group": row.group_name, "category": standing["category"], "units": str(standing["units"])}
    return await _correction(request, door, held, Form(typed | asked | {"request": str(uuid7())}))


@router.post("/calls/receipt/correct")
async def correct(request: Request, door: TheDoor) -> Response:
    """Correct an application while its round is open."""
    held, words = await _held(request, door)
    shown = await shown_call(door, held.place)
    form = Form(await request.form())
    facts = person(form, shown.call) | {
        "units": form.number("units", _("希望の台数"), least=1, most=UNITS_MAX),
        "purpose": form.may("purpose", _("役場に伝えたいこと"), pattern=LINES),
        "request": request_id(form),
        "passphrase": words,
    }
    if form.errors:
        return await _correction(request, door, held, form, 422)
    body = Correcting.model_validate(facts)
    who = body.applicant
    try:
        await door.act(
            held.place.tenant,
            public(held.place),
            lambda tx: commands.correct(
                tx, held.place.call, held.receipt, category=body.category, units=body.units, who=who
            ),
            ask=body,
        )
    except Refused as refusal:
        form.refused(refusal, language(request), field="units" if refusal.code == "over-cap" else "")
        return await _correction(request, door, held, form, status_of(refusal))
    return RedirectResponse("/calls/receipt", 303)


@router.post("/calls/receipt/withdraw")
async def withdraw(request: Request, door: TheDoor) -> Response:
    """Withdraw an application; what it held moves on."""
    held, words = await _held(request, door)
    form = Form(await request.form())
    if form.value("confirm") != "yes":
        form.wrong("confirm", _("応募を取り下げる"), _("印を付けてください。"))
        return await _receipt(request, door, held, words, form, status=422)
    body = Withdrawing(request=request_id(form), passphrase=words)
    await door.act(
        held.place.tenant, public(held.place), lambda tx: commands.withdraw(tx, held.place.call, held.receipt), ask=body
    )
    return RedirectResponse("/calls/receipt", 303)


@router.post("/calls/receipt/usage")
async def report_use(request: Request, door: TheDoor) -> Response:
    """Take a usage report of the recipient: taps, and if wished words and a picture."""
    held, words = await _held(request, door)
    async with request.form() as typed:
        file = typed.get("photo")
        content = await file.read(BLOB_SIZE_MAX + 1) if isinstance(file, UploadFile) else b""
        form = Form(FormData([(name, said) for name, said in typed.multi_items() if isinstance(said, str)]))
    facts = {
        "request": request_id(form),
        "passphrase": words,
        "uses": form.choices("uses", _("使い道"), USES, least=1),
        "difficulties": form.choices("difficulties", _("困っていること"), DIFFICULTIES),
        "note": form.may("note", _("使ってみてどうですか"), pattern=LINES),
        "consent": bool(form.value("show")),
        "interview": bool(form.value("interview")),
    }
    picture = None
    try:
        picture = (await darkroom.develop(content)).copy if content else None
    except Refused as refusal:
        form.wrong("photo", _("写真"), refusal.ja if language(request) == "ja" else refusal.en)
    if form.errors:
        return await _receipt(request, door, held, words, form, status=422)
    body = Reported.model_validate(facts)
    await door.act(
        held.place.tenant,
        public(held.place),
        lambda tx: commands.report_usage(tx, held.place.call, held.receipt, body.uses, told=body.told(picture)),
        ask=body,
    )
    return RedirectResponse("/calls/receipt", 303)


@router.post("/calls/receipt/consent")
async def end_consent(request: Request, door: TheDoor) -> Response:
    """Take back the consent to show words and pictures."""
    held, _words = await _held(request, door)
    await door.act(held.place.tenant, public(held.place), lambda tx: commands.end_consent(tx, held.application))
    return RedirectResponse("/calls/receipt", 303)


def keep(request: Request, receipt: str, token: str) -> Response:
    """Go to the receipt, its link's token in a cookie and not in an address that histories and logs keep.

    Not the passphrase: guesses at that are counted by receipt, and a stranger's must not close the page to its owner.
    """
    answer = RedirectResponse("/calls/receipt", 303)
    answer.set_cookie(
        COOKIE,
        f"{receipt}.{token}",
        COOKIE_AGE_S,
        path="/calls/receipt",
        httponly=True,
        samesite="lax",
        secure=request.url.scheme == "https",
    )
    return answer


async def _held(request: Request, door: Door) -> tuple[Held, str]:
    """Return the application that the cookie opens, and its passphrase. Raises Unknown."""
    number, _dot, token = request.cookies.get(COOKIE, "").partition(".")
    return await hold_by_link(door, number, token)


def _refused_receipt(request: Request, form: Form, refusal: Unknown) -> Response:
    form.wrong("receipt", _("受付番号"), refusal.ja if language(request) == "ja" else refusal.en)
    return page(request, "lookup.html", 422, form=form)


async def _receipt(
    request: Request, door: Door, held: Held, passphrase: str, form: Form, *, status: int = 200
) -> Response:
    async with door.look(held.place.tenant, public(held.place)) as connection:
        standing = await reading.standing(connection, held.place.call, held.receipt, door.now())
        consented = await reading.consented(connection, held.application)
    shown = await shown_call(door, held.place)
    return page(
        request,
        "receipt.html",
        status,
        desk=shown.call.contact,
        shown=shown,
        standing=standing,
        passphrase=passphrase,
        consented=consented,
        link=await private_link(door, held),
        form=form,
        uses=USES,
        difficulties=DIFFICULTIES,
    )


async def _correction(request: Request, door: Door, held: Held, form: Form, status: int = 200) -> Response:
    shown = await shown_call(door, held.place)
    return page(request, "correct.html", status, desk=shown.call.contact, shown=shown, form=form, receipt=held.receipt)
