"""The board, one order with its forms, and the sheet for the recipient."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Annotated, Any, NamedTuple
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query
from fastapi import Request as HttpRequest
from pydantic import ValidationError
from sqlalchemy import text
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from services.refurb import views
from services.refurb.api import orders as api
from services.refurb.commands import orders
from services.refurb.domain import plan
from services.refurb.domain.support import MINUTES_MAX
from services.refurb.pages.weights import MATERIALS, weights
from shared import blobs
from shared.blobs import BLOB_SIZE_MAX
from shared.database import Transaction
from shared.door import Ask, Door, Found, GivenLabel, TheDoor, scanned
from shared.entry import Entry
from shared.events.refurb import PlanStep
from shared.identity import Principal, SignedIn, holding
from shared.ids import LABEL_INPUT_MAX, Label, uuid7
from shared.refused import Invalid, Refused, Unknown
from shared.web.forms import Form
from shared.web.i18n import Language, language
from shared.web.i18n import msgid as _
from shared.web.pages import render
from shared.web.problems import answer
from shared.web.wareki import tokyo_day

router = APIRouter(prefix="/refurb")

KINDS = {"notebook": _("ノート"), "desktop": _("デスクトップ"), "loose-drive": _("単体の記憶媒体")}
# The domain's msgids of what may be missing, carried into the catalogue; a test holds the two together.
NEEDED = (_("もとの記憶媒体の抹消か破壊の証跡"), _("等級の判定"), _("新しいSSDの製造番号の記録"))
EVENTS = {
    "refurb.work-started.v1": _("作業の始まり"),
    "refurb.candidate-accepted.v1": _("受け入れ"),
    "refurb.candidate-rejected.v1": _("再資源化へ"),
    "refurb.part-replaced.v1": _("SSDの取り付け"),
    "refurb.step-done.v1": _("工程の完了"),
    "refurb.ready.v1": _("再生完了"),
    "refurb.delivered-to-town.v1": _("町へ納品"),
    "refurb.recycled.v1": _("再資源化"),
    "refurb.support-contacted.v1": _("サポート"),
}
# The pilot's words, carried into the catalogue: the domain's msgids of what may be missing are these.
STANDARD_WORDS = (_("SSD換装"), _("OS導入"), _("クリーニング"), _("サポート設定"), _("納品"))
CHANNELS = {"phone": _("電話"), "remote": _("遠隔"), "mail": _("メール"), "visit": _("訪問")}
TROUBLES = {
    "start": _("起動しない"),
    "network": _("ネットにつながらない"),
    "printer": _("印刷できない"),
    "screen": _("画面や音"),
    "software": _("ソフトの使い方"),
    "account": _("サインイン"),
    "parts": _("部品の故障"),
    "other": _("そのほか"),
}
OUTCOMES = {"solved": _("解決した"), "open": _("続いている"), "replaced": _("機器を交換する")}
SPEC = {"os": "", "ssd_gb": "240", "memory_gb": "8", "office": "", "support_months": "3"}  # the pilot's, to start from
Refurbisher = Annotated[Principal, Depends(holding("refurbisher"))]


@router.get("")
async def board(request: HttpRequest, door: TheDoor, who: SignedIn, town: str = "", work: str = plan.OS) -> Response:
    """Show the board of a town, and the scan field for the one who works there."""
    towns = await towns_of(door, who)
    chosen = town or next(iter(towns), who.party)
    async with door.look(chosen, who) as connection:
        shown = await views.board(connection, chosen, door.now())
        counts = await views.overview(connection, chosen)
    works = [one.code for one in shown.plan if one.code != plan.SSD]  # a swap needs a serial: on the device's own page
    return render(
        request,
        "board.html",
        board=shown,
        counts=counts,
        town=chosen,
        towns=towns,
        work=work if work in works else works[0],
        works=works,
        words=words_of(shown.plan, language(request)),
        kinds=KINDS,
        materials=MATERIALS,
        now=door.now(),
        may_work=who.has("refurbisher"),
    )


@router.get("/open")
async def open_order(who: SignedIn, scan: Annotated[str, Query(max_length=LABEL_INPUT_MAX)] = "") -> Response:  # noqa: ARG001 - signed in only
    """Go from a scanned label to its order; without JavaScript the scan field comes here."""
    return RedirectResponse(f"/refurb/items/{scanned(scan).id}", 303)


@router.get("/items/{label}")
async def order(request: HttpRequest, label: GivenLabel, door: TheDoor, who: SignedIn, done: str = "") -> Response:
    """Show one order with what may be done next."""
    said = done if done in FORMS else ""
    return await _order_page(request, door, who, label, Form(), done=said)


@router.get("/items/{label}/sheet")
async def sheet(request: HttpRequest, label: GivenLabel, door: TheDoor, who: SignedIn) -> Response:
    """Show the sheet that goes to the recipient with the machine, ready to print."""
    found = await door.resolve(label, who)
    async with door.look(found.tenant, who) as connection:
        known = await views.one(connection, found.item)
        desks = (
            await connection.execute(
                text(
                    "SELECT p.name, p.contact FROM parties p JOIN engagements e ON p.party IN (e.centre, e.town) "
                    "WHERE e.engagement = :engagement ORDER BY p.kind"
                ),
                {"engagement": found.engagement},
            )
        ).all()
    if not known.order.ready or known.open_media:  # the sheet says that the media are dealt with
        raise Refused(
            "not-ready",
            "仕様書は、再生完了で、もとの記憶媒体がすべて証明されているときに印刷できます。足りないものを記録してください。",
            "The sheet is printed once the device is refurbished and all its media are proved. Record what is missing.",
            missing=known.order.missing_before_ready(known.open_media),
        )
    ready = next(moment.occurred_at for moment in known.moments if moment.kind == "refurb.ready.v1")
    return render(request, "specification.html", known=known, kinds=KINDS, desks=desks, ready_at=ready)


@router.get("/items/{label}/photos/{sha256}")
async def photo(label: GivenLabel, sha256: str, door: TheDoor, who: SignedIn) -> Response:
    """Show a photo of the chassis or of a step, the copy without EXIF."""
    found = await door.resolve(label, who)
    async with door.look(found.tenant, who) as connection:
        known = await views.one(connection, found.item)
    if sha256 not in {one.copy_sha256 for one in known.pictures}:
        raise Unknown
    headers = {"cache-control": "private, max-age=31536000, immutable"}
    return Response(await blobs.get(found.tenant, sha256), media_type="image/jpeg", headers=headers)


@router.post("/items/{label}/{act}")
async def act(request: HttpRequest, label: GivenLabel, act: str, door: TheDoor, who: Refurbisher) -> Response:
    """Do what a form of the order's page asks, by the same command as the API; a refusal shows on the same page."""
    if act not in FORMS:
        return answer(request, 404)
    async with request.form(max_files=api.PHOTOS_MAX) as given:
        form = Form(given)
        kept = await _kept(request, door, who, label, form) if act in WITH_PHOTOS else []
        asked = _asked(act, form, {"photos": kept} if act in WITH_PHOTOS else {})
    if asked is None:
        return await _order_page(request, door, who, label, form, status=422, kept=kept)
    do = FORMS[act].do

    async def run(tx: Transaction, found: Found) -> Entry[Any]:
        return await do(tx, found, asked)

    try:
        await door.act_on(label, who, run, ask=asked)
    except Refused as no:
        if no.code in ("unknown", "forbidden"):
            raise
        return await _order_page(request, door, who, label, form, status=409, refusal=no, kept=kept)
    return RedirectResponse(f"/refurb/items/{label.id}?{urlencode({'done': act})}", 303)


def _accept(form: Form) -> dict[str, Any]:
    grade = form.choice("grade", _("等級"), ("A", "B", "C"))
    return {"grade": grade, "reasons": _lines(form.need("accept_reasons", _("判定の理由"), longest=2000))}


def _reject(form: Form) -> dict[str, Any]:
    return {"reasons": _lines(form.need("reject_reasons", _("再資源化の理由"), longest=2000))}


def _part(form: Form) -> dict[str, Any]:
    return {
        "maker": form.may("maker", _("メーカー"), longest=200) or None,
        "model": form.need("model", _("型番"), longest=200),
        "serial": form.need("serial", _("新しいSSDの製造番号"), longest=200),
        "capacity_gb": form.number("capacity_gb", _("容量（GB）"), least=1, most=100_000),
    }


def _step(form: Form) -> dict[str, Any]:
    return {
        "step": form.need("step", _("工程"), longest=40),
        "note": form.may("step_note", _("メモ"), longest=200) or None,
    }


def _spec(form: Form) -> dict[str, Any]:
    return {
        "spec": {
            "os": form.need("os", _("OS"), longest=200),
            "ssd_gb": form.number("ssd_gb", _("SSD（GB）"), least=1, most=100_000),
            "memory_gb": form.number("memory_gb", _("メモリ（GB）"), least=1, most=10_000),
            "office": form.need("office", _("オフィスソフト"), longest=200),
            "support_months": form.number("support_months", _("サポート（月）"), least=0, most=120),
            "os_licence": form.may("os_licence", _("OSのライセンス"), longest=200) or None,
            "office_licence": form.may("office_licence", _("オフィスソフトのライセンス"), longest=200) or None,
        }
    }


def _delivery(form: Form) -> dict[str, Any]:
    return {"note": form.may("deliver_note", _("メモ"), longest=200) or None}


def _contact(form: Form) -> dict[str, Any]:
    took = bool(form.value("minutes").strip())
    return {
        "channel": form.choice("channel", _("連絡の方法"), CHANNELS),
        "trouble": form.choice("trouble", _("困りごと"), TROUBLES),
        "outcome": form.choice("outcome", _("結果"), OUTCOMES),
        "minutes": form.number("minutes", _("かかった時間（分）"), least=0, most=MINUTES_MAX) if took else None,
    }


def _material(form: Form) -> dict[str, Any]:
    return {
        "weights": weights(form),
        "manifest": form.need("manifest", _("産業廃棄物管理票の番号"), longest=200),
        "operator": form.need("operator", _("再資源化の事業者"), longest=200),
    }


class Act(NamedTuple):
    """One form of the page: how it is read, what it asks, and the command it is for."""

    read: Callable[[Form], dict[str, Any]]
    ask: type[Ask]
    do: Callable[[Transaction, Found, Any], Awaitable[Entry[Any]]]


WITH_PHOTOS = frozenset({"accept", "ssd", "step", "deliver"})
FORMS: dict[str, Act] = {
    "accept": Act(_accept, api.Acceptance, api.accepted),
    "reject": Act(_reject, api.Rejection, lambda tx, found, ask: orders.reject(tx, found.item, ask.reasons)),
    "ssd": Act(_part, api.Swap, api.swapped),
    "step": Act(_step, api.Did, api.did),
    "ready": Act(_spec, api.Readiness, lambda tx, found, ask: orders.finish(tx, found.item, api.spec(ask))),
    "deliver": Act(_delivery, api.Delivery, api.delivered),
    "support": Act(_contact, api.Contacted, lambda tx, found, ask: orders.contact(tx, found.item, ask.contact)),
    "recycle": Act(_material, api.Recycling, lambda tx, found, ask: api.recycled(tx, found.item, ask)),
}


async def _kept(request: HttpRequest, door: Door, who: Principal, label: Label, form: Form) -> list[str]:
    """Keep the photos of a form before anything else: whatever is refused later, they need not be chosen again."""
    found = await door.resolve(label, who)
    hashes = form.values("kept")[: api.PHOTOS_MAX]
    try:
        for file in form.typed.getlist("photos"):
            if isinstance(file, UploadFile) and file.filename:
                hashes += await api.keep(door, who, found, [await file.read(BLOB_SIZE_MAX + 1)])
    except Invalid as no:
        form.refused(no, language(request), field="photos")
    return hashes


def _asked(act: str, form: Form, more: Mapping[str, Any]) -> Ask | None:
    """Read the form of an act; None when something needs correcting, noted in the form."""
    given: dict[str, Any] = {"request": form.value("request"), **FORMS[act].read(form), **more}
    if form.errors:
        return None
    try:
        return FORMS[act].ask(**given)
    except ValidationError:
        form.wrong("", "", _("入力を読めませんでした。画面を読み直して、もう一度入れてください。"))
        return None


def _lines(typed: str) -> list[str]:
    return [line.strip()[:200] for line in typed.splitlines() if line.strip()][: api.REASONS_MAX]


async def _order_page(
    request: HttpRequest,
    door: Door,
    who: Principal,
    label: Label,
    form: Form,
    *,
    status: int = 200,
    refusal: Refused | None = None,
    done: str = "",
    kept: Sequence[str] = (),
) -> Response:
    found = await door.resolve(label, who)
    async with door.look(found.tenant, who) as connection:
        known = await views.one(connection, found.item)
        people = await views.names_of_people(connection)
    order, lang = known.order, language(request)
    missing = () if order.ready or order.route == "recycle" else order.missing_before_ready(known.open_media)
    own = {one.ja: one.en for one in order.steps if lang == "en" and one.code not in plan.KNOWN}  # in no catalogue
    return render(
        request,
        "order.html",
        status,
        known=known,
        order=order,
        town=found.tenant,
        form=form,
        refusal=refusal,
        done=done,
        missing=[own.get(one, one) for one in missing],
        needed=[own.get(one, one) for one in (refusal.missing if refusal else ())],
        words=words_of(order.steps, lang),
        kinds=KINDS,
        materials=MATERIALS,
        events=EVENTS,
        kept=kept,
        channels=CHANNELS,
        troubles=TROUBLES,
        outcomes=OUTCOMES,
        today=tokyo_day(door.now()),
        spec=SPEC | ({"ssd_gb": str(order.ssd.capacity_gb)} if order.ssd else {}),
        people=people,
        fresh=str(uuid7()),
        may_work=who.has("refurbisher"),
    )


async def towns_of(door: Door, who: Principal) -> dict[str, str]:
    """Return the towns a centre has an engagement with, by name; a town has itself."""
    async with door.look(who.party, who) as connection:
        rows = await connection.execute(
            text(
                "SELECT DISTINCT e.town, coalesce(p.name, e.town) AS name FROM engagements e "
                "LEFT JOIN parties p ON p.party = e.town WHERE :party IN (e.town, e.centre, e.carrier) ORDER BY 1"
            ),
            {"party": who.party},
        )
        return {row.town: row.name for row in rows}


def words_of(steps: Sequence[PlanStep], lang: Language) -> dict[str, str]:
    """Return the word of every step by its code, in the reader's language; a known one's is in the catalogue."""
    own = {one.code: one.ja if lang == "ja" else one.en for one in steps}
    return own | {code: one.ja for code, one in plan.KNOWN.items()}
