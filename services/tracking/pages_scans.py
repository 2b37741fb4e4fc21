"""Scanning: the capture place, receiving with two counts, loading and sealing cages. Every step works without JavaScript."""

from collections import defaultdict
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import text
from starlette.responses import JSONResponse, RedirectResponse, Response

from services.tracking import reading
from services.tracking.commands import cages
from services.tracking.commands import items as commands
from services.tracking.pages_asked import Asked, again, nothing
from services.tracking.pages_items import Looked, lacking
from services.tracking.pages_place import Place, ThePlace
from services.tracking.pages_words import ITEM_KINDS, LEVELS
from shared.database import Transaction
from shared.door import Ask, Door, Found, TheDoor, scanned, unknown
from shared.entry import Entry
from shared.identity import Principal, holding
from shared.ids import LABEL_INPUT_MAX, Label
from shared.refused import Forbidden, Invalid, Refused
from shared.web.guard import CSP_CAMERA
from shared.web.i18n import Language, language
from shared.web.i18n import msgid as _
from shared.web.pages import render

router = APIRouter(include_in_schema=False)

SCANS_MAX = 100
LABELS_MAX = 200  # of one cage's form
Work = Literal["received", "candidate", "recycling", "taken-over"]

WORDS: dict[Work, str] = {
    "received": _("入庫"),
    "candidate": _("再生の候補"),
    "recycling": _("再資源化へ"),
    "taken-over": _("納品の受け取り"),
}
CENTRE: tuple[Work, ...] = ("received", "candidate", "recycling")
TOWN: tuple[Work, ...] = ("taken-over",)

Scanner = Annotated[Principal, Depends(holding("worker", "centre-manager", "clerk", "town-admin"))]
Worker = Annotated[Principal, Depends(holding("worker", "centre-manager"))]


class Scan(BaseModel):
    """One scan as the capture place keeps it in its queue."""

    model_config = ConfigDict(extra="ignore")
    requestId: UUID  # noqa: N815 - the names of the device's queue
    work: str = Field(max_length=20)
    label: str = Field(max_length=LABEL_INPUT_MAX)
    capturedAt: AwareDatetime  # noqa: N815 - the names of the device's queue


class Batch(BaseModel):
    """What the capture place sends at once."""

    model_config = ConfigDict(extra="ignore")
    sentAt: AwareDatetime  # noqa: N815 - the names of the device's queue
    scans: list[Scan] = Field(min_length=1, max_length=SCANS_MAX)


class Scanned(Ask):
    """A scan as it is recorded: the same request with another label or work is no replay."""

    label: str
    work: str


@dataclass(frozen=True, slots=True)
class Told:
    """One scan on its way: the label it reads as, and the answer once there is one."""

    ask: Scanned
    label: Label | None = None
    answer: Entry[Any] | Refused | None = None


@router.get("/capture")
async def capture_first(who: Scanner) -> Response:
    """Lead to the first kind of work of the reader."""
    return RedirectResponse(f"/capture/{_works(who)[0]}", 303)


@router.post("/capture/scans")
async def capture_scans(request: Request, body: Batch, door: TheDoor, who: Scanner) -> JSONResponse:
    """Take in what the capture place kept; each scan is answered by itself, sending again changes nothing."""
    asks = [
        Scanned(
            request=one.requestId, captured_at=one.capturedAt, sent_at=body.sentAt, label=one.label, work=one.work
        )
        for one in body.scans
    ]
    lang = language(request)
    answers = [_result(told, lang) for told in await _take(door, who, asks)]
    return JSONResponse({"results": answers})


@router.get("/capture/{work}")
async def capture(
    request: Request,
    who: Scanner,
    work: Work,
    scan: Annotated[str, Query(max_length=LABEL_INPUT_MAX)] = "",
) -> Response:
    """Show the capture place; without JavaScript a scanned label comes here and is confirmed by a button."""
    if work not in _works(who):
        raise Forbidden
    return _capture(request, who, work, nothing(request), scan)


@router.post("/capture/{work}")
async def capture_one(request: Request, door: TheDoor, who: Scanner, work: Work) -> Response:
    """Record one label typed or scanned into the plain form."""
    if work not in _works(who):
        raise Forbidden
    asked = await Asked.of(request)
    label = asked.form.need("scan", _("ラベル"), longest=LABEL_INPUT_MAX)
    if not asked.form.errors:
        try:
            ask = Scanned(request=asked.ask.request, label=label, work=work)
            told = (await _take(door, who, [ask]))[0]
            if isinstance(told.answer, Refused):
                asked.refusal = told.answer
            else:
                return RedirectResponse(f"/capture/{work}?done={told.label.id if told.label else ''}", 303)
        except Refused as refusal:
            asked.refuse(refusal)
    return _capture(request, who, work, asked, label)


def _capture(request: Request, who: Principal, work: Work, asked: Asked, scan: str) -> Response:
    page = render(
        request,
        "capture.html",
        asked.status,
        work=work,
        works=[(name, WORDS[name]) for name in _works(who)],
        word=WORDS[work],
        scan=scan,
        recorded=request.query_params.get("done", "")[:LABEL_INPUT_MAX],
        **asked.said,
    )
    page.headers["content-security-policy"] = CSP_CAMERA
    return page


def _works(who: Principal) -> tuple[Work, ...]:
    return CENTRE if who.has("worker", "centre-manager") else TOWN


async def _take(door: Door, who: Principal, asks: list[Scanned]) -> list[Told]:
    """Record scans: all of one town and one kind of work in one transaction, each answered by itself."""
    told = [_read(ask, who) for ask in asks]
    found = await door.resolve_all([one.label for one in told if one.label], who)
    together: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
    for nth, one in enumerate(told):
        if one.answer or one.label is None:
            continue
        if one.label.id in found:
            together[found[one.label.id].tenant, one.ask.work].append(nth)
        else:
            told[nth] = replace(one, answer=unknown(one.label))
    for (tenant, work), numbers in together.items():
        group = [(found[label.id], told[nth].ask) for nth in numbers if (label := told[nth].label)]
        for nth, answer in zip(numbers, await door.act(tenant, who, _work(work, group, door.now())), strict=True):
            told[nth] = replace(told[nth], answer=answer)
    return told


def _read(ask: Scanned, who: Principal) -> Told:
    if ask.work not in _works(who):
        return Told(ask, answer=Forbidden())
    try:
        return Told(ask, scanned(ask.label))
    except Invalid as wrong:
        return Told(ask, answer=wrong)


def _work(
    work: str, group: list[tuple[Found, Scanned]], now: datetime
) -> Callable[[Transaction], Awaitable[list[Entry[Any] | Refused]]]:
    async def do(tx: Transaction) -> list[Entry[Any] | Refused]:
        if work in ("received", "taken-over"):
            asked = [commands.Scanned(found.item, ask.identity, ask.occurred_at(now)) for found, ask in group]
            return await commands.scan(tx, "received" if work == "received" else "taken-over", asked)
        answers: list[Entry[Any] | Refused] = []
        for found, ask in group:
            one = replace(tx, request=ask.identity, occurred_at=ask.occurred_at(now))
            try:
                chosen = commands.choose_recycling(one, found.item, None)
                answers.append(await (chosen if work == "recycling" else commands.name_candidate(one, found.item)))
            except Refused as refusal:
                answers.append(refusal)
        return answers

    return do


def _result(told: Told, lang: Language) -> dict[str, Any]:
    request = str(told.ask.request)
    if isinstance(told.answer, Refused):
        said = told.answer.ja if lang == "ja" else told.answer.en
        return {"requestId": request, "status": 409, "detail": said}
    return {"requestId": request, "status": 200 if told.answer and told.answer.replayed else 201}


@router.get("/receiving")
async def receiving(
    request: Request, door: TheDoor, who: Worker, place: ThePlace, cage: Annotated[UUID | None, Query()] = None
) -> Response:
    """Show what was loaded against what was scanned, and what is missing by name."""
    return await _receiving(request, door, who, place, cage, nothing(request))


@router.post("/receiving")
async def receive_one(request: Request, door: TheDoor, who: Worker, place: ThePlace) -> Response:
    """Scan one device in."""
    asked = await Asked.of(request)
    label = asked.form.need("scan", _("ラベル"), longest=LABEL_INPUT_MAX)
    if not asked.form.errors:
        try:
            ask = Scanned(request=asked.ask.request, label=label, work="received")
            told = (await _take(door, who, [ask]))[0]
            if isinstance(told.answer, Refused):
                raise told.answer
        except Refused as refusal:
            asked.refusal = refusal
        else:
            return again(f"/receiving?{place.query}")
    return await _receiving(request, door, who, place, None, asked)


@router.post("/receiving/{cage}")
async def confirm(request: Request, door: TheDoor, who: Worker, place: ThePlace, cage: UUID) -> Response:
    """Confirm a cage: what was scanned is in, the rest becomes a difference with names, a reason and a second person."""
    asked = await Asked.of(request)
    seal = asked.form.need("seal", _("見た封印の番号"), longest=100)
    reason = asked.form.may("reason", _("差の理由"), longest=500)
    second = asked.form.may("second", _("確かめたもう一人"), longest=64)
    if bool(reason) != bool(second):
        name, word = ("second", _("確かめたもう一人")) if reason else ("reason", _("差の理由"))
        asked.form.wrong(name, word, _("理由ともう一人の両方が必要です。"))
    if not asked.form.errors:
        difference = cages.Difference(reason, second) if reason and second else None

        async def do(tx: Transaction) -> list[Entry[Any]]:
            loaded = next(
                (one for one in await reading.cages(tx.connection, place.here.engagement) if one.cage == cage), None
            )
            found = [one.item for one in loaded.items if one.received] if loaded else []
            return await cages.open_(
                tx, cage, seal_seen=seal, found=found, centre=who.party, difference=difference
            )

        try:
            await door.act(place.town, who, do, ask=asked.ask)
        except Refused as refusal:
            if refusal.code == "difference":  # its list holds streams; the page names the machines itself
                refusal = Refused(refusal.code, refusal.ja, refusal.en)
            asked.refuse(refusal)
        else:
            return again(f"/receiving?{place.query}", "confirmed")
    return await _receiving(request, door, who, place, cage, asked)


async def _receiving(
    request: Request, door: Door, who: Principal, place: Place, cage: UUID | None, asked: Asked
) -> Response:
    async with door.look(place.town, who) as connection:
        loaded = [one for one in await reading.cages(connection, place.here.engagement) if one.shipped]
        people = await reading.people(connection, place.parties)
    chosen = next((one for one in loaded if one.cage == cage), None)
    chosen = chosen or next((one for one in loaded if not one.opened), None)
    return render(
        request,
        "receiving.html",
        asked.status,
        place=place,
        cages=loaded,
        chosen=chosen,
        expected=sum(len(one.items) for one in loaded),
        found=sum(one.received for one in loaded),
        people=[one for one in people if one.person != who.person],
        item_kinds=ITEM_KINDS,
        **asked.said,
    )


@router.get("/cages")
async def list_cages(request: Request, door: TheDoor, who: Worker, place: ThePlace) -> Response:
    """Show the cages that are loaded here, and the form to load and seal one more."""
    return await _cages(request, door, who, place, nothing(request))


@router.post("/cages")
async def seal(request: Request, door: TheDoor, who: Worker, place: ThePlace) -> Response:
    """Lock and seal a cage with the labels that were scanned into it."""
    asked = await Asked.of(request)
    number = asked.form.need("number", _("カゴ車の番号"), longest=40)
    seal_number = asked.form.need("seal", _("封印の番号"), longest=100)
    typed = asked.form.need("labels", _("積んだ機器のラベル"), longest=LABELS_MAX * LABEL_INPUT_MAX).split()
    if not asked.form.errors:
        try:
            found = await _loaded(door, who, place, typed)

            async def do(tx: Transaction) -> Entry[Any]:
                return await cages.seal(tx, place.here.engagement, number, seal_number, found)

            await door.act(place.town, who, do, ask=asked.ask)
        except Refused as refusal:
            asked.refusal = refusal
        else:
            return again(f"/cages?{place.query}", "sealed")
    return await _cages(request, door, who, place, asked)


async def _loaded(door: Door, who: Principal, place: Place, typed: list[str]) -> list[UUID]:
    """Return the items of the labels. Refused naming each label that is unreadable, unknown, or of another engagement."""
    labels: list[Label] = []
    wrong: list[str] = []
    for one in typed[:LABELS_MAX]:
        try:
            labels.append(scanned(one))
        except Invalid:
            wrong.append(one[:40])
    found = await door.resolve_all(labels, who)
    wrong += [str(label) for label in labels if label.id not in found]
    wrong += [str(label) for label in labels if label.id in found and found[label.id].engagement != place.here.engagement]
    if wrong:
        raise Refused(
            "labels",
            "読めないか、この契約にないラベルがあります。ラベルを確かめて、読み取り直してください。",
            "Some labels cannot be read or are not part of this engagement. Check and scan them again.",
            missing=tuple(wrong),
        )
    return [found[label.id].item for label in labels]


@router.post("/cages/{cage}/hand-over")
async def hand_over(request: Request, door: TheDoor, who: Worker, place: ThePlace, cage: UUID) -> Response:
    """Hand a sealed cage to the carrier; the answer to a cage that may not go is the list of what is missing."""
    asked = await Asked.of(request)
    vehicle = asked.form.may("vehicle", _("車両の番号"), longest=100)

    async def do(tx: Transaction) -> list[Entry[Any]]:
        return await cages.hand_over(tx, cage, carrier=place.here.carrier or who.party, vehicle=vehicle or None)

    if not asked.form.errors:
        try:
            await door.act(place.town, who, do, ask=asked.ask)
        except Refused as refusal:
            if refusal.code == "evidence-missing":  # the page shows the list itself, in the reader's language
                refusal = Refused(refusal.code, refusal.ja, refusal.en)
            asked.refuse(refusal)
        else:
            return again(f"/cages?{place.query}", "shipped")
    return await _cages(request, door, who, place, asked)


@dataclass(frozen=True, slots=True)
class Lacking:
    """One medium that keeps a cage here."""

    label: str
    looked: Looked
    needed: str | None


async def _cages(request: Request, door: Door, who: Principal, place: Place, asked: Asked) -> Response:
    async def look(tx: Transaction) -> tuple[list[reading.Cage], dict[UUID, list[Lacking]]]:
        loaded = await reading.cages(tx.connection, place.here.engagement)
        missing: dict[UUID, list[Lacking]] = {}
        for cage in loaded:
            if cage.shipped:
                continue
            missing[cage.cage] = []
            for item in cage.items:
                state, media = await lacking(tx, item.item)
                needed = state.registered.required.on_site
                missing[cage.cage] += [Lacking(item.label, one, needed) for one in media if one.missing]
        return loaded, missing

    loaded, missing_of = await door.act(place.town, who, look)
    async with door.engine.connect() as connection:
        carrier = await connection.scalar(
            text("SELECT name FROM parties WHERE party = :party"), {"party": place.here.carrier}
        )
    return render(
        request,
        "cages.html",
        asked.status,
        place=place,
        waiting=[one for one in loaded if not one.shipped],
        gone=[one for one in loaded if one.shipped],
        missing_of=missing_of,
        carrier=carrier or place.here.centre_name,
        levels=LEVELS,
        **asked.said,
    )


