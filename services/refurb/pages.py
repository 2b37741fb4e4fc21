"""Refurb's pages: the board, one order with its forms, and the sheet for the recipient."""

import unicodedata
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, cast
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Query
from fastapi import Request as HttpRequest
from pydantic import ValidationError
from sqlalchemy import text
from starlette.responses import RedirectResponse, Response

from services.refurb import api, commands, views
from services.refurb.domain.work_order import WORDS
from shared.database import Transaction
from shared.door import Ask, Door, Found, GivenLabel, TheDoor, scanned
from shared.entry import Entry
from shared.events.refurb import STEPS, Weight
from shared.identity import Principal, SignedIn, holding
from shared.ids import LABEL_INPUT_MAX, Label, uuid7
from shared.refused import Refused
from shared.web.forms import Form
from shared.web.i18n import msgid as _
from shared.web.pages import render
from shared.web.problems import answer

router = APIRouter(prefix="/refurb", include_in_schema=False)

MATERIALS = {
    "ferrous": _("鉄"),
    "non-ferrous": _("非鉄金属"),
    "plastic": _("プラスチック"),
    "circuit-board": _("基板"),
    "battery": _("電池"),
    "other": _("そのほか"),
}
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
}
SPEC = {"os": "", "ssd_gb": "240", "memory_gb": "8", "office": "", "support_months": "3"}  # the pilot's, to start from
Refurbisher = Annotated[Principal, Depends(holding("refurbisher"))]
WORKS = tuple(step for step in STEPS if step != "ssd")  # a swap needs the SSD's serial: on the device's own page


@router.get("")
async def board(request: HttpRequest, door: TheDoor, who: SignedIn, town: str = "", work: str = "os") -> Response:
    """Show the board of a town, and the scan field for the one who works there."""
    towns = await _towns(door, who)
    chosen = town or next(iter(towns), who.party)
    async with door.look(chosen, who) as connection:
        shown = await views.board(connection, chosen, door.now())
        counts = await views.overview(connection, chosen)
    return render(
        request,
        "board.html",
        board=shown,
        counts=counts,
        town=chosen,
        towns=towns,
        work=work if work in WORKS else "os",
        works=WORKS,
        words=_WORDS,
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


@router.post("/items/{label}/{act}")
async def act(request: HttpRequest, label: GivenLabel, act: str, door: TheDoor, who: Refurbisher) -> Response:
    """Do what a form of the order's page asks, by the same command as the API; a refusal shows on the same page."""
    if act not in FORMS:
        return answer(request, 404)
    form = Form(await request.form())
    asked = _asked(act, form)
    if asked is None:
        return await _order_page(request, door, who, label, form, status=422)
    _ask, do = FORMS[act]

    async def run(tx: Transaction, found: Found) -> Entry[Any]:
        return await do(tx, found, asked)

    try:
        await door.act_on(label, who, run, ask=asked)
    except Refused as no:
        if no.code in ("unknown", "forbidden"):
            raise
        return await _order_page(request, door, who, label, form, status=409, refusal=no)
    return RedirectResponse(f"/refurb/items/{label.id}?{urlencode({'done': act})}", 303)


Do = Callable[[Transaction, Found, Any], Awaitable[Entry[Any]]]
FORMS: dict[str, tuple[type[Ask], Do]] = {
    "accept": (api.Acceptance, lambda tx, found, ask: commands.accept(tx, found.item, ask.grade, ask.reasons)),
    "reject": (api.Rejection, lambda tx, found, ask: commands.reject(tx, found.item, ask.reasons)),
    "ssd": (api.Swap, lambda tx, found, ask: api.swap(tx, found.item, ask)),
    "step": (api.Did, lambda tx, found, ask: api.did(tx, found.item, ask)),
    "ready": (api.Readiness, lambda tx, found, ask: commands.finish(tx, found.item, api.spec(ask))),
    "deliver": (api.Delivery, lambda tx, found, ask: commands.deliver(tx, found.item, ask.note)),
    "recycle": (api.Recycling, lambda tx, found, ask: api.recycled(tx, found.item, ask)),
}


def _asked(act: str, form: Form) -> Ask | None:
    """Read the form of an act; None when something needs correcting, noted in the form."""
    given: dict[str, Any] = {"request": form.value("request")}
    match act:
        case "accept":
            given["grade"] = form.choice("grade", _("等級"), ("A", "B", "C"))
            given["reasons"] = _lines(form.need("accept_reasons", _("判定の理由"), longest=2000))
        case "reject":
            given["reasons"] = _lines(form.need("reject_reasons", _("再資源化の理由"), longest=2000))
        case "ssd":
            given["maker"] = form.may("maker", _("メーカー"), longest=200) or None
            given["model"] = form.need("model", _("型番"), longest=200)
            given["serial"] = form.need("serial", _("新しいSSDの製造番号"), longest=200)
            given["capacity_gb"] = form.number("capacity_gb", _("容量（GB）"), least=1, most=100_000)
        case "step":
            given["step"] = form.choice("step", _("工程"), STEPS)
            given["note"] = form.may("step_note", _("メモ"), longest=200) or None
        case "deliver":
            given["note"] = form.may("deliver_note", _("メモ"), longest=200) or None
        case "ready":
            given["spec"] = {
                "os": form.need("os", _("OS"), longest=200),
                "ssd_gb": form.number("ssd_gb", _("SSD（GB）"), least=1, most=100_000),
                "memory_gb": form.number("memory_gb", _("メモリ（GB）"), least=1, most=10_000),
                "office": form.need("office", _("オフィスソフト"), longest=200),
                "support_months": form.number("support_months", _("サポート（月）"), least=0, most=120),
            }
        case _:
            given["weights"] = _weights(form)
            given["manifest"] = form.need("manifest", _("産業廃棄物管理票の番号"), longest=200)
            given["operator"] = form.need("operator", _("再資源化の事業者"), longest=200)
    if form.errors:
        return None
    try:
        return FORMS[act][0](**given)
    except ValidationError:
        form.wrong("", "", _("入力を読めませんでした。画面を読み直して、もう一度入れてください。"))
        return None


def _weights(form: Form) -> list[dict[str, Any]]:
    weights = []
    for material, word in MATERIALS.items():
        said = unicodedata.normalize("NFKC", form.may(material, word, longest=20))
        if not said:
            continue
        try:
            weight = Weight.model_validate({"material": material, "kg": said})
        except ValidationError:
            form.wrong(material, word, _("0より大きい数をキログラムで入れてください。"), "2.35")
        else:
            weights.append(weight.model_dump())
    if not weights and not form.errors:
        form.wrong("ferrous", MATERIALS["ferrous"], _("重さを1つ以上入れてください。"), "2.35")
    return weights


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
) -> Response:
    found = await door.resolve(label, who)
    async with door.look(found.tenant, who) as connection:
        known = await views.one(connection, found.item)
        people = dict(
            cast("list[tuple[str, str]]", (await connection.execute(text("SELECT person, name FROM people"))).all())
        )
    order = known.order
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
        missing=() if order.ready or order.route == "recycle" else order.missing_before_ready(known.open_media),
        words=_WORDS,
        kinds=KINDS,
        materials=MATERIALS,
        events=EVENTS,
        spec=SPEC | ({"ssd_gb": str(order.ssd.capacity_gb)} if order.ssd else {}),
        people=people,
        fresh=str(uuid7()),
        may_work=who.has("refurbisher"),
    )


async def _towns(door: Door, who: Principal) -> dict[str, str]:
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


_WORDS = {step: ja for step, (ja, _en) in WORDS.items()}
