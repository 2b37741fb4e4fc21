"""Scanning: the capture place, and receiving with two counts. No step needs JavaScript."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from starlette.responses import RedirectResponse, Response

from services.tracking import reading
from services.tracking.commands import cages, scans
from services.tracking.commands.differences import Difference
from services.tracking.commands.scans import Answer, Scanned, Step
from services.tracking.domain.conformance import WORDS as BREAKS
from services.tracking.domain.conformance import Code
from services.tracking.domain.width import plain
from services.tracking.pages.cages import SHOTS
from services.tracking.pages.place import Place, ThePlace
from services.tracking.pages.words import FATES, ITEM_KINDS, LOT_KINDS
from shared.database import Transaction
from shared.door import Door, Found, TheDoor, scanned
from shared.entry import Entry
from shared.identity import Principal, holding
from shared.ids import LABEL_INPUT_MAX, LABEL_LENGTH, Label
from shared.refused import Forbidden, Refused
from shared.web.asked import Asked, again, nothing
from shared.web.guard import CSP_CAMERA
from shared.web.i18n import msgid as _
from shared.web.pages import render

router = APIRouter(include_in_schema=False)

WORDS: Mapping[Step, str] = {"received": _("入庫"), "taken-over": _("納品の受け取り")}

Scanner = Annotated[Principal, Depends(holding("worker", "centre-manager", "clerk", "town-admin"))]
Worker = Annotated[Principal, Depends(holding("worker", "centre-manager"))]


@router.get("/capture")
async def capture_first(who: Scanner) -> Response:
    """Lead to the first kind of work of the reader."""
    return RedirectResponse(f"/capture/{_works(who)[0]}", 303)


@router.get("/capture/{work}")
async def capture(
    request: Request,
    who: Scanner,
    work: Step,
    scan: Annotated[str, Query(max_length=LABEL_INPUT_MAX)] = "",
) -> Response:
    """Show the capture place; without JavaScript a scanned label comes here and is confirmed by a button."""
    if work not in _works(who):
        raise Forbidden
    return _capture(request, who, work, nothing(request), scan)


@router.post("/capture/{work}")
async def capture_one(request: Request, door: TheDoor, who: Scanner, work: Step) -> Response:
    """Record one label typed or scanned into the plain form."""
    if work not in _works(who):
        raise Forbidden
    asked = await Asked.of(request)
    label = asked.form.need("scan", _("ラベル"), longest=LABEL_INPUT_MAX)
    if not asked.form.errors:
        try:
            read, codes = await _record(door, who, asked, label, work)
        except Refused as refusal:
            asked.refusal = refusal
        else:
            breaks = "".join(f"&breaks={code}" for code in codes)
            return RedirectResponse(f"/capture/{work}?recorded={read.id}{breaks}", 303)
    return _capture(request, who, work, asked, label)


def _capture(request: Request, who: Principal, work: Step, asked: Asked, scan: str) -> Response:
    page = render(
        request,
        "capture.html",
        asked.status,
        work=work,
        works=[(name, WORDS[name]) for name in _works(who)],
        word=WORDS[work],
        centre="received" in _works(who),
        scan=scan,
        recorded=request.query_params.get("recorded", "")[:LABEL_LENGTH],
        breaks=[said for code, said in BREAKS.items() if code in request.query_params.getlist("breaks")],
        **asked.said,
    )
    page.headers["content-security-policy"] = CSP_CAMERA
    return page


def _works(who: Principal) -> tuple[Step, ...]:
    centre: tuple[Step, ...] = ("received",) if who.has("worker", "centre-manager") else ()
    town: tuple[Step, ...] = ("taken-over",) if who.has("clerk", "town-admin") else ()
    return centre + town


async def _record(door: Door, who: Principal, asked: Asked, label: str, step: Step) -> tuple[Label, tuple[Code, ...]]:
    """Record one scan through the same command as the device's batches; say what the fact breaks, as far as is known.

    Raises Refused with the sentence.
    """
    read, ask = scanned(label), asked.ask

    async def do(tx: Transaction, found: Found) -> Answer:
        scan = Scanned(found.item, step, ask.as_received(tx.at), tx.occurred_at)
        return (await scans.scan(tx, [scan]))[0]

    answer = await door.act_on(read, who, do, ask=ask)
    if isinstance(answer.said, Refused):
        raise answer.said
    return read, answer.breaks


@router.get("/receiving")
async def receiving(
    request: Request, door: TheDoor, who: Worker, place: ThePlace, cage: Annotated[UUID | None, Query()] = None
) -> Response:
    """Show what was loaded against what was scanned, and what is missing by name."""
    return await receiving_page(request, door, who, place, nothing(request), cage=cage)


@router.post("/receiving")
async def receive_one(request: Request, door: TheDoor, who: Worker, place: ThePlace) -> Response:
    """Scan one device in."""
    asked = await Asked.of(request)
    label = asked.form.need("scan", _("ラベル"), longest=LABEL_INPUT_MAX)
    if not asked.form.errors:
        if sealed := await _sealed_with(door, who, place, label):
            return await _confirm(request, door, who, place, asked=asked, cage=sealed, seal=label, difference=None)
        try:
            await _record(door, who, asked, label, "received")
        except Refused as refusal:
            asked.refusal = refusal
        else:
            return again(f"/receiving?{place.query}")
    return await receiving_page(request, door, who, place, asked)


@router.post("/receiving/{cage}")
async def confirm(request: Request, door: TheDoor, who: Worker, place: ThePlace, cage: UUID) -> Response:
    """Confirm a cage: what was scanned is in, the rest becomes a difference with names, reason and a second person."""
    asked = await Asked.of(request)
    seal = asked.form.need("seal", _("見た封印の番号"), longest=100)
    reason = asked.form.may("reason", _("差の理由"), longest=500)
    second = asked.form.may("second", _("確かめたもう一人"), longest=64)
    if bool(reason) != bool(second):
        name, word = ("second", _("確かめたもう一人")) if reason else ("reason", _("差の理由"))
        asked.form.wrong(name, word, _("理由ともう一人の両方が必要です。"))
    if asked.form.errors:
        return await receiving_page(request, door, who, place, asked, cage=cage)
    difference = Difference(reason, second) if reason and second else None
    return await _confirm(request, door, who, place, asked=asked, cage=cage, seal=seal, difference=difference)


async def _sealed_with(door: Door, who: Principal, place: Place, seal: str) -> UUID | None:
    """Return the cage on its way here that this seal closes: reading it says that the cage is through."""
    async with door.look(place.town, who) as connection:
        loaded = await reading.cages(connection, place.here.engagement)
    return next((one.cage for one in loaded if one.shipped and not one.opened and one.seal == plain(seal)), None)


async def _confirm(
    request: Request,
    door: Door,
    who: Principal,
    place: Place,
    *,
    asked: Asked,
    cage: UUID,
    seal: str,
    difference: Difference | None,
) -> Response:
    async def do(tx: Transaction) -> list[Entry[Any]]:
        loaded = next(
            (one for one in await reading.cages(tx.connection, place.here.engagement) if one.cage == cage), None
        )
        found = [one.item for one in loaded.items if one.received] if loaded else []
        return await cages.open_(tx, cage, seal_seen=seal, found=found, centre=who.party, difference=difference)

    try:
        await door.act(place.town, who, do, ask=asked.ask)
    except Refused as refusal:
        if refusal.code == "difference":  # its list holds streams; the page names the machines itself
            refusal = Refused(refusal.code, refusal.ja, refusal.en)
        asked.form.typed = {**asked.form.typed, "scan": "", "seal": seal}
        asked.refuse(refusal)
    else:
        return again(f"/receiving?{place.query}", "confirmed")
    return await receiving_page(request, door, who, place, asked, cage=cage)


async def receiving_page(
    request: Request, door: Door, who: Principal, place: Place, asked: Asked, *, cage: UUID | None = None
) -> Response:
    """Render the place of receiving, with what a form said."""
    async with door.look(place.town, who) as connection:
        loaded = [one for one in await reading.cages(connection, place.here.engagement) if one.shipped]
        people = await reading.people(connection, place.parties)
        lots = await reading.lots_of(connection, place.here.engagement)
    chosen = next((one for one in loaded if one.cage == cage), None)
    chosen = chosen or next((one for one in loaded if not one.opened), None)
    return render(
        request,
        "receiving.html",
        asked.status,
        place=place,
        cages=loaded,
        chosen=chosen,
        shots=SHOTS,
        expected=sum(len(one.items) for one in loaded),
        found=sum(one.received for one in loaded),
        people=[one for one in people if one.person != who.person],
        item_kinds=ITEM_KINDS,
        lots=lots,
        lot_kinds=LOT_KINDS,
        fates=FATES,
        **asked.said,
    )
