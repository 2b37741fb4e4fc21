"""The list of an engagement's devices, and the page of one: what is missing, its facts, its way, what may be done."""

from collections.abc import Mapping
from dataclasses import replace
from math import ceil
from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from services.tracking import reading
from services.tracking.commands import losses
from services.tracking.domain import item as domain
from services.tracking.domain.columns import HEADS
from services.tracking.domain.conformance import WORDS as BREAKS
from services.tracking.pages.acts import ALLOWED, Act, decided, may
from services.tracking.pages.device import whole
from services.tracking.pages.place import ThePlace, set_desk
from services.tracking.pages.words import CERTIFICATES, EVENTS, ITEM_KINDS, LEVELS, MEDIUM_KINDS, PLACES, STEPS, ZONES
from services.tracking.reading.rolls import unresolved
from shared.door import Door, GivenLabel, TheDoor
from shared.events.erasure import UNCONFIRMED
from shared.identity import Principal, SignedIn
from shared.ids import Label
from shared.refused import Forbidden
from shared.web.asked import UNPROCESSABLE, Asked, again, nothing
from shared.web.forms import Form
from shared.web.i18n import msgid as _
from shared.web.pages import render

router = APIRouter(include_in_schema=False)

OF_MEDIUM: Mapping[domain.MediumField, str] = {
    "serial": _("製造番号"),
    "kind": _("種別"),
    "maker": _("メーカー"),
    "model": _("型名"),
    "capacity_gb": _("容量（GB）"),
}
PAGES_MAX = 10_000
WORDS_MAX = 200  # characters, as a cell of an inventory or a scanned URL may have
Short = Annotated[str, Query(max_length=40)]


@router.get("/items")
async def list_items(
    request: Request,
    door: TheDoor,
    who: SignedIn,
    place: ThePlace,
    *,
    step: Short = "",
    at: Annotated[str, Query(max_length=40, alias="place")] = "",
    kind: Short = "",
    record: Short = "",
    q: str = "",
    page: Annotated[int, Query(ge=1, le=PAGES_MAX)] = 1,
) -> Response:
    """List the devices of an engagement, filtered by what they are called, how far they came and where they are."""
    form = Form({"q": q})
    words = form.may("q", _("探す言葉"), longest=WORDS_MAX)
    total, rows = 0, list[reading.Listed]()
    if not form.errors:
        async with door.look(place.town, who) as connection:
            total, rows = await reading.items(
                connection, place.here.engagement, step=step, place=at, kind=kind, record=record, words=words, page=page
            )
    return render(
        request,
        "items.html",
        UNPROCESSABLE if form.errors else 200,
        place=place,
        form=form,
        rows=rows,
        total=total,
        page=page,
        pages=max(1, ceil(total / reading.PAGE_SIZE)),
        step=step,
        at=at,
        kind=kind,
        record=record,
        stations={one.label: _station(one) for one in rows},
        steps=STEPS,
        places=PLACES,
        item_kinds=ITEM_KINDS,
    )


def _station(listed: reading.Listed) -> str:
    """Return the last word that fits a device in the list."""
    order = {
        "given": listed.place == "given",
        "taken-over": "tracking.taken-over.v1" in listed.kinds,
        "recycled": "refurb.recycled.v1" in listed.kinds,
        "ready": "refurb.ready.v1" in listed.kinds,
        "closed": "tracking.custody-closed.v1" in listed.kinds,
        "destroyed": "erasure.medium-destroyed.v1" in listed.kinds,
        "received": "tracking.received.v1" in listed.kinds,
        "shipped-out": "tracking.shipped-out.v1" in listed.kinds,
        "erased": "erasure.medium-erased.v1" in listed.kinds,
    }
    return next((word for word, so in order.items() if so), "registered")


@router.get("/items/{label}")
async def show(request: Request, door: TheDoor, who: SignedIn, label: GivenLabel) -> Response:
    """Show one device."""
    return await _show(request, door, who, label, nothing(request))


@router.post("/items/{label}/{act}")
async def act(request: Request, door: TheDoor, who: SignedIn, label: GivenLabel, act: Act) -> Response:
    """Do one thing about a device, or say why not on its page."""
    if who.roles.isdisjoint(ALLOWED[act]):
        raise Forbidden
    asked = await Asked.of(request)
    do = decided(act, asked)
    if await asked.tried(lambda: door.act_on(label, who, do, ask=asked.ask)):
        return again(f"/items/{label.id}")
    return await _show(request, door, who, label, asked)


async def _show(request: Request, door: Door, who: Principal, label: Label, asked: Asked) -> Response:
    if (found := (await door.resolve_all([label], who)).get(label.id)) is None:
        raise await unresolved(door, label, who)
    known = await door.act(found.tenant, who, lambda tx: whole(tx, found), device=found.item)
    await set_desk(request, door, found.tenant)
    others = [one for one in known.people if one.person != who.person]
    return render(
        request,
        "item.html",
        asked.status,
        label=label.id,
        loss=losses.loss_of(found.item),
        town=found.tenant,
        engagement=found.engagement,
        whole=replace(known, people=others),
        may=may(who, known),
        now=door.now(),
        events=EVENTS,
        item_kinds=ITEM_KINDS,
        medium_kinds=MEDIUM_KINDS,
        zones=ZONES,
        levels=LEVELS,
        certificates=CERTIFICATES,
        steps=STEPS,
        heads={**HEADS, "department": _("使っていた課")},
        correctable=domain.CORRECTABLE,
        of_medium=OF_MEDIUM,
        breaks=BREAKS,
        unconfirmed=UNCONFIRMED,
        **asked.said,
    )
