"""What went to material: hand chassis over under one manifest, and see whether the recycler's report balances."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from fastapi import Request as HttpRequest
from pydantic import ValidationError
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from services.refurb import views
from services.refurb.api import consignments as api
from services.refurb.api.orders import Refurbisher, Town
from services.refurb.domain.consignment import CHASSIS_MAX, TOLERANCE
from services.refurb.pages.orders import towns_of
from services.refurb.pages.weights import MATERIALS, decimal, weights
from services.refurb.reading import consignments as reading
from shared import blobs
from shared.door import Door, TheDoor
from shared.identity import Principal, SignedIn
from shared.ids import uuid7
from shared.refused import Refused, Unknown
from shared.web.forms import Form
from shared.web.i18n import language
from shared.web.i18n import msgid as _
from shared.web.pages import render

router = APIRouter(prefix="/refurb/consignments")

PERCENT_MAX = 20


@router.get("")
async def consignments(request: HttpRequest, door: TheDoor, who: SignedIn, town: str = "") -> Response:
    """Show what left under which manifest, what waits for its report, and the form for the next hand-over."""
    return await _list(request, door, who, town, Form())


@router.post("")
async def hand_over(request: HttpRequest, door: TheDoor, who: Refurbisher, town: Town) -> Response:
    """Hand chassis over; what is wrong shows on the same page with everything that was typed."""
    form = Form(await request.form())
    asked = _handing(form)
    if asked is None:
        return await _list(request, door, who, town, form, status=422)
    try:
        entry = await api.consign(door, who, asked)
    except Refused as no:
        form.refused(no, language(request), field="labels")
        return await _list(request, door, who, town, form, status=409)
    return RedirectResponse(f"/refurb/consignments/{entry.stream}?town={town}&done=sent", 303)


@router.get("/{consignment}")
async def one(
    *, request: HttpRequest, consignment: UUID, door: TheDoor, who: SignedIn, town: Town, done: str = ""
) -> Response:
    """Show one consignment: its chassis, what the recycler reported, and whether the weight adds up."""
    return await _one(request, door, who, (town, consignment), Form(), done=done)


@router.post("/{consignment}")
async def report(request: HttpRequest, consignment: UUID, door: TheDoor, who: Refurbisher, town: Town) -> Response:
    """Record the recycler's report, with its certificate where there is one."""
    about = (town, consignment)
    async with request.form() as given:
        form = Form(given)
        facts = _reporting(form)
        if form.errors:
            return await _one(request, door, who, about, form, status=422)
        try:
            await _tell(door, who, about, given.get("certificate"), facts)
        except ValidationError:
            form.wrong("", "", _("入力を読めませんでした。画面を読み直して、もう一度入れてください。"))
            return await _one(request, door, who, about, form, status=422)
        except Unknown:
            raise
        except Refused as no:
            form.refused(no, language(request), field="reason")
            return await _one(request, door, who, about, form, status=409)
    return RedirectResponse(f"/refurb/consignments/{consignment}?town={town}&done=reported", 303)


@router.get("/certificates/{sha256}")
async def certificate(sha256: str, door: TheDoor, who: SignedIn, town: Town) -> Response:
    """Return a recycler's certificate as it came, to be kept, never shown by the browser."""
    async with door.look(town, who) as connection:
        if await reading.certificate_named(connection, town, sha256) is None:
            raise Unknown
    headers = {"content-disposition": f'attachment; filename="certificate-{sha256[:12]}"'}
    return Response(await blobs.get(town, sha256), media_type="application/octet-stream", headers=headers)


async def _tell(door: Door, who: Principal, about: tuple[str, UUID], file: object, facts: dict[str, Any]) -> None:
    town, consignment = about
    if isinstance(file, UploadFile) and file.filename:
        facts["certificate"] = await api.keep(door, who, town, consignment, file)
    await api.tell(door, who, town, consignment, api.Reporting(**facts))


def _handing(form: Form) -> api.Handing | None:
    labels = [line.strip() for line in form.need("labels", _("機器のラベル")).splitlines() if line.strip()]
    if len(labels) > CHASSIS_MAX:
        form.wrong("labels", _("機器のラベル"), _("1枚の管理票には200台までです。分けてください。"))
    facts: dict[str, Any] = {
        "request": form.value("request"),
        "labels": labels,
        "manifest": form.need("manifest", _("産業廃棄物管理票の番号"), longest=200),
        "operator": form.need("operator", _("再資源化の事業者"), longest=200),
        "kg": decimal(form, "kg", _("全部の重さ（kg）"), least=0.001, most=api.KG_MAX, example="812.4"),
        "tolerance": decimal(form, "tolerance", _("許す差（％）"), least=0, most=PERCENT_MAX, example="2") / 100,
    }
    if form.errors:
        return None
    try:
        return api.Handing(**facts)
    except ValidationError:
        form.wrong("labels", _("機器のラベル"), _("1行に1台、ラベルの番号だけを入れてください。"))
        return None


def _reporting(form: Form) -> dict[str, Any]:
    return {
        "request": form.value("request"),
        "weights": weights(form),
        "loss_kg": decimal(form, "loss_kg", _("減った重さ（kg）"), least=0, most=api.KG_MAX, example="12.5"),
        "reason": form.may("reason", _("前の結果が違っていた理由"), longest=200) or None,
    }


async def _list(
    request: HttpRequest, door: Door, who: Principal, town: str, form: Form, *, status: int = 200
) -> Response:
    towns = await towns_of(door, who)
    chosen = town or next(iter(towns), who.party)
    async with door.look(chosen, who) as connection:
        seen = await reading.of_town(connection, chosen)
        waiting = (await views.board(connection, chosen, door.now())).to_recycle
    return render(
        request,
        "consignments.html",
        status,
        seen=seen,
        waiting=waiting,
        ready=[card.label for card in waiting if not card.open_media],
        town=chosen,
        towns=towns,
        form=form,
        now=door.now(),
        tolerance=f"{TOLERANCE * 100:g}",
        fresh=str(uuid7()),
        may_work=who.has("refurbisher"),
    )


async def _one(
    request: HttpRequest,
    door: Door,
    who: Principal,
    about: tuple[str, UUID],
    form: Form,
    *,
    status: int = 200,
    done: str = "",
) -> Response:
    town, consignment = about
    async with door.look(town, who) as connection:
        seen = await reading.one(connection, town, consignment)
        people = await views.names_of_people(connection)
    if seen is None:
        raise Unknown
    return render(
        request,
        "consignment.html",
        status,
        seen=seen,
        town=town,
        form=form,
        done=done,
        materials=MATERIALS,
        people=people,
        fresh=str(uuid7()),
        may_work=who.has("refurbisher"),
    )
