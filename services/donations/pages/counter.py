"""The counter: machines are handed over by scans and a picture of the signed receipt, taken back, offered again."""

from typing import Any

from fastapi import APIRouter
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.donations import commands, reading, views
from services.donations.domain.application import CLEARED_BY, RETURN_REASONS
from services.donations.intake import Place, find_own, label_of
from services.donations.pages.desk import desk_after
from services.donations.pages.place import LINE, LINES, page, request_id, shown_call
from services.donations.shapes import Clerk, Grounds, HandingOver, Receipt, Reoffering, TakingBack
from shared import darkroom
from shared.blobs import BLOB_SIZE_MAX
from shared.cells import written
from shared.door import Door, TheDoor
from shared.entry import Entry, moment
from shared.identity import Principal
from shared.web.asked import SEE_OTHER, Asked, nothing
from shared.web.forms import Form
from shared.web.i18n import msgid as _

router = APIRouter(include_in_schema=False)

LOOKED_AT_MAX = 1_000  # machines on one page


LABELS_MAX = 200
REGISTER_HEADS = ("追跡ID", "種類", "公募", "受付番号", "譲渡日時", "決裁番号", "根拠", "返却日時")


@router.get("/donations/calls/{number}/applications/{receipt}/hand-over")
async def show_counter(request: Request, number: str, receipt: Receipt, door: TheDoor, who: Clerk) -> Response:
    """Show what is to be handed over to whom."""
    return await _counter(nothing(request), door, who, await find_own(door, number, who), receipt=receipt)


@router.post("/donations/calls/{number}/applications/{receipt}/hand-over")
async def hand_over(request: Request, number: str, receipt: Receipt, door: TheDoor, who: Clerk) -> Response:
    """Hand over: scanned machines must be the granted ones, and a scanned receipt this one."""
    place, asked = await find_own(door, number, who), await Asked.of(request, part_max=BLOB_SIZE_MAX)
    form, content = asked.form, await asked.file("photo", BLOB_SIZE_MAX)
    given = form.may("labels", _("渡す機器の追跡ID"), pattern=LINES).split()
    if len(given) > LABELS_MAX:
        form.wrong("labels", _("渡す機器の追跡ID"), _("多すぎます。渡す機器だけを読み取ってください。"))
    seen = form.may("receipt_seen", _("控えの受付番号"), longest=40)
    if seen and seen != receipt:
        form.wrong(
            "receipt_seen", _("控えの受付番号"), _("控えの番号が違います。受付番号を確かめてください。"), receipt
        )
    shown = await shown_call(door, place)
    agreed = shown.call.consent_version if form.value("agreed") else None
    picture: bytes | None = None

    async def develop() -> None:
        nonlocal picture
        picture = (await darkroom.develop(content)).copy if content else None

    async def act() -> Entry[Any]:
        labels = [label_of(each) for each in given] or None
        told = commands.Shown(labels, agreed, picture, _looked_at(form))
        body = HandingOver(request=request_id(form), labels=tuple(given) or None, agreed=agreed)
        return await door.act(place.tenant, who, lambda tx: commands.hand_over(tx, place.call, receipt, told), ask=body)

    if await asked.tried(develop, field="photo") and await asked.tried(act, field="labels"):
        return RedirectResponse(f"/donations/calls/{number}", SEE_OTHER)
    return await _counter(asked, door, who, place, receipt=receipt)


@router.post("/donations/calls/{number}/basis")
async def record_basis(request: Request, number: str, door: TheDoor, who: Clerk) -> Response:
    """Record by which approval and rule of law the town gives."""
    place, asked = await find_own(door, number, who), await Asked.of(request)
    form = asked.form
    approval = form.need("approval", _("決裁番号"), longest=200, pattern=LINE, example="総務第123号")
    basis = form.need(
        "basis", _("根拠の条例・規則"), longest=200, pattern=LINE, example="最上町財産の交換、譲与等に関する条例"
    )

    async def act() -> Entry[Any]:
        body = Grounds(request=request_id(form), approval=approval, basis=basis)
        return await door.act(
            place.tenant, who, lambda tx: commands.record_basis(tx, place.call, approval, basis), ask=body
        )

    return await desk_after(act, asked, door, who, place)


@router.post("/donations/calls/{number}/applications/{receipt}/return")
async def take_back(request: Request, number: str, receipt: Receipt, door: TheDoor, who: Clerk) -> Response:
    """Take back what was handed over."""
    place, asked = await find_own(door, number, who), await Asked.of(request)
    reason = asked.form.choice("reason", _("返却の理由"), RETURN_REASONS)

    async def act() -> Entry[Any]:
        body = TakingBack.model_validate({"request": request_id(asked.form), "reason": reason})
        return await door.act(
            place.tenant, who, lambda tx: commands.take_back(tx, place.call, receipt, body.reason), ask=body
        )

    return await desk_after(act, asked, door, who, place)


@router.post("/donations/calls/{number}/applications/{receipt}/reoffer")
async def reoffer(request: Request, number: str, receipt: Receipt, door: TheDoor, who: Clerk) -> Response:
    """Offer again what came back."""
    place, asked = await find_own(door, number, who), await Asked.of(request)
    method = asked.form.choice("method", _("前の利用者のデータ"), CLEARED_BY)

    async def act() -> Entry[Any]:
        body = Reoffering.model_validate({"request": request_id(asked.form), "method": method})
        return await door.act(
            place.tenant, who, lambda tx: commands.reoffer(tx, place.call, receipt, body.method), ask=body
        )

    return await desk_after(act, asked, door, who, place)


@router.get("/donations/register")
async def show_register(request: Request, door: TheDoor, who: Clerk) -> Response:
    """Show the goods register's moves: what left the town, by what right, and what came back."""
    async with door.look(who.party, who) as connection:
        rows = await reading.register(connection)
    return page(request, "register.html", rows=rows)


@router.get("/donations/register.csv")
async def save_register(door: TheDoor, who: Clerk) -> Response:
    """Give the goods register's moves as CSV that a Japanese spreadsheet opens."""
    async with door.look(who.party, who) as connection:
        rows = await reading.register(connection)
    told: list[tuple[str, ...]] = [REGISTER_HEADS]
    for row in rows:
        back = moment(row.returned_at) if row.returned_at else ""
        at, by = moment(row.handed_over_at), (row.approval, row.basis)
        told.append(tuple(str(cell or "") for cell in (row.label, row.kind, row.number, row.receipt, at, *by, back)))
    kept = {"content-disposition": 'attachment; filename="goods-register.csv"'}
    return Response(written(told), media_type="text/csv; charset=utf-8", headers=kept)


def _looked_at(form: Form) -> list[str] | None:
    """Read which machines the page named when it was opened; a page of ours always says."""
    return form.value("looked_at").split()[:LOOKED_AT_MAX] or None


async def _counter(asked: Asked, door: Door, who: Principal, place: Place, *, receipt: str) -> Response:
    async with door.look(place.tenant, who) as connection:
        row = next((row for row in await reading.desk(connection, place.call) if row.receipt == receipt), None)
        items: list[Any] = [item for item in row.items if item not in row.handed] if row else []
        machines = await views.machines(connection, items)
    progress = await door.act(place.tenant, who, lambda tx: reading.progress(tx, place.call))
    return page(
        asked.request,
        "counter.html",
        asked.status,
        shown=await shown_call(door, place),
        receipt=receipt,
        row=row,
        machines=sorted(machines, key=lambda machine: machine.label),
        basis=progress.call.basis,
        **asked.said,
    )
