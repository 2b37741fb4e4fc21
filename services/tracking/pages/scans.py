"""Scanning: the capture place, receiving with two counts, loading and sealing cages. No step needs JavaScript."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query, Request
from sqlalchemy import text
from starlette.datastructures import UploadFile
from starlette.responses import RedirectResponse, Response

from services.tracking import reading
from services.tracking.api.cages import Role, photo_of
from services.tracking.commands import cages, scans
from services.tracking.commands.differences import Difference
from services.tracking.commands.scans import Answer, Scanned, Step
from services.tracking.domain.conformance import WORDS as BREAKS
from services.tracking.domain.conformance import Code
from services.tracking.pages.asked import Asked, again, nothing
from services.tracking.pages.items import Looked, lacking
from services.tracking.pages.place import Place, ThePlace
from services.tracking.pages.words import FATES, ITEM_KINDS, LEVELS, LOT_KINDS
from shared import photos
from shared.database import Transaction
from shared.door import Door, Found, TheDoor, scanned
from shared.entry import Entry
from shared.events.tracking import SealPhoto
from shared.identity import Principal, SignedIn, holding
from shared.ids import LABEL_INPUT_MAX, LABEL_LENGTH, Label
from shared.refused import Forbidden, Invalid, Refused
from shared.web.guard import CSP_CAMERA
from shared.web.i18n import language
from shared.web.i18n import msgid as _
from shared.web.pages import render

router = APIRouter(include_in_schema=False)

LABELS_MAX = 200  # of one cage's form
SHOTS: Mapping[Role, str] = {"seal": _("封印の写真"), "lock": _("錠の写真")}
Hash = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]
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
    if not asked.form.errors:
        difference = Difference(reason, second) if reason and second else None

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


@router.get("/cages")
async def list_cages(request: Request, door: TheDoor, who: Worker, place: ThePlace) -> Response:
    """Show the cages that are loaded here, and the form to load and seal one more."""
    return await cages_page(request, door, who, place, nothing(request))


@router.post("/cages")
async def seal(request: Request, door: TheDoor, who: Worker, place: ThePlace) -> Response:
    """Lock and seal a cage with the labels that were scanned into it."""
    asked = await Asked.of(request)
    number = asked.form.need("number", _("カゴ車の番号"), longest=40)
    seal_number = asked.form.need("seal", _("封印の番号"), longest=100)
    typed = asked.form.need("labels", _("積んだ機器のラベル"), longest=LABELS_MAX * LABEL_INPUT_MAX).split()
    taken = await _photographed(asked, place.town)
    await request.close()  # the spooled files with it
    if not asked.form.errors:
        try:
            found = await _loaded(door, who, place, typed)

            async def do(tx: Transaction) -> Entry[Any]:
                return await cages.seal(tx, place.here.engagement, number, seal_number, found, photos=taken)

            ask = asked.ask
            shown = {"photos": [one.sha256 for one in taken]}  # of a file, a form's fields say nothing
            ask = ask.model_copy(update={"fields": ask.fields | shown})
            await door.act(place.town, who, do, ask=ask)
        except Refused as refusal:
            asked.refusal = refusal
        else:
            return again(f"/cages?{place.query}", "sealed")
    return await cages_page(request, door, who, place, asked, taken=taken)


async def _photographed(asked: Asked, town: str) -> tuple[SealPhoto, ...]:
    """Keep the photos of a form, and look again at what a refused one has kept: nobody has to take one twice."""
    taken: list[SealPhoto] = []
    for role, word in SHOTS.items():
        name = f"{role}_photo"
        file, before = asked.form.typed.get(name), asked.form.value(f"{name}_kept")
        try:
            if isinstance(file, UploadFile) and file.filename:
                (one,) = await photos.keep(town, [await file.read()])
            elif before:
                one = await photos.kept(town, before)
            else:
                continue
        except Invalid as refusal:
            asked.form.labels[name] = word
            asked.form.refused(Invalid(refusal.code, refusal.ja, refusal.en, field=name), language(asked.request))
        else:
            taken.append(SealPhoto(role=role, sha256=one.sha256, taken_at=one.taken_at))
    return tuple(taken)


@router.get("/cages/{cage}/photos/{sha256}")
async def photo(cage: UUID, sha256: Hash, door: TheDoor, who: SignedIn, town: str) -> Response:
    """Give a photo of a cage's seal or lock for looking at, without EXIF."""
    content = await photo_of(door, who, town, cage, sha256)
    return Response(await photos.shown(content), media_type="image/jpeg")


async def _loaded(door: Door, who: Principal, place: Place, typed: list[str]) -> list[UUID]:
    """Return the items of the labels. Refused naming each that is unreadable, unknown, or of another engagement."""
    labels: list[Label] = []
    wrong: list[str] = []
    for one in typed[:LABELS_MAX]:
        try:
            labels.append(scanned(one))
        except Invalid:
            wrong.append(one[:40])
    found = await door.resolve_all(labels, who)
    wrong += [str(label) for label in labels if label.id not in found]
    wrong += [
        str(label) for label in labels if label.id in found and found[label.id].engagement != place.here.engagement
    ]
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
        return await cages.hand_over(tx, cage, vehicle=vehicle or None)

    if not asked.form.errors:
        try:
            await door.act(place.town, who, do, ask=asked.ask)
        except Refused as refusal:
            if refusal.code == "evidence-missing":  # the page shows the list itself, in the reader's language
                refusal = Refused(refusal.code, refusal.ja, refusal.en)
            asked.refuse(refusal)
        else:
            return again(f"/cages?{place.query}", "shipped")
    return await cages_page(request, door, who, place, asked)


@dataclass(frozen=True, slots=True)
class Lacking:
    """One medium that keeps a cage here."""

    label: str
    looked: Looked
    needed: str | None


async def cages_page(
    request: Request, door: Door, who: Principal, place: Place, asked: Asked, *, taken: Sequence[SealPhoto] = ()
) -> Response:
    """Render the place of loading, with what a form said and the photos it has kept."""

    async def look(tx: Transaction) -> tuple[list[reading.Cage], dict[UUID, list[Lacking]], list[reading.Counted]]:
        loaded = await reading.cages(tx.connection, place.here.engagement)
        waiting = [cage for cage in loaded if not cage.shipped]
        known = await lacking(tx, [item.item for cage in waiting for item in cage.items])
        missing = {
            cage.cage: [
                Lacking(item.label, one, known[item.item].state.registered.required.on_site)
                for item in cage.items
                for one in known[item.item].media
                if one.missing
            ]
            for cage in waiting
        }
        return loaded, missing, await reading.lots_of(tx.connection, place.here.engagement)

    loaded, missing_of, lots = await door.act(place.town, who, look)
    async with door.engine.connect() as connection:
        carrier = await connection.scalar(
            text("SELECT name FROM parties WHERE party = :party"), {"party": place.here.carrier}
        )
    async with door.look(place.town, who) as connection:
        people = await reading.people(connection, place.parties)
    return render(
        request,
        "cages.html",
        asked.status,
        place=place,
        waiting=[one for one in loaded if not one.shipped],
        gone=[one for one in loaded if one.shipped],
        missing_of=missing_of,
        shots=SHOTS,
        taken={one.role: one.sha256 for one in taken},
        carrier=carrier or place.here.centre_name,
        people=[one for one in people if one.person != who.person],
        levels=LEVELS,
        lots=lots,
        lot_kinds=LOT_KINDS,
        fates=FATES,
        **asked.said,
    )
