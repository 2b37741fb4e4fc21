"""Cages at the town hall: loaded, sealed with photos, handed to the carrier. No step needs JavaScript."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Request
from sqlalchemy import text
from starlette.datastructures import UploadFile
from starlette.responses import Response

from services.tracking import reading
from services.tracking.api.cages import Role, photo_of
from services.tracking.commands import cages as commands
from services.tracking.domain.width import plain
from services.tracking.pages.device import Looked, lacking
from services.tracking.pages.place import Place, ThePlace
from services.tracking.pages.words import FATES, LEVELS, LOT_KINDS
from shared import photos
from shared.database import Transaction
from shared.door import Door, TheDoor, scanned
from shared.entry import Entry
from shared.events.tracking import SealPhoto
from shared.identity import Principal, SignedIn, holding
from shared.ids import LABEL_INPUT_MAX, Label
from shared.refused import Invalid, Refused
from shared.web.asked import Asked, again, nothing
from shared.web.i18n import language
from shared.web.i18n import msgid as _
from shared.web.pages import render

router = APIRouter(include_in_schema=False)

LABELS_MAX = 200  # of one cage's form
SHOTS: Mapping[Role, str] = {"seal": _("封印の写真"), "lock": _("錠の写真")}
Hash = Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")]

Worker = Annotated[Principal, Depends(holding("worker", "centre-manager"))]


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
            if asked.form.value("scanned").strip() == seal_number:
                await _not_cut_short(door, who, place, seal_number)

            async def do(tx: Transaction) -> Entry[Any]:
                return await commands.seal(tx, place.here.engagement, number, seal_number, found, photos=taken)

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


async def _not_cut_short(door: Door, who: Principal, place: Place, seal: str) -> None:
    """Raise Refused for a seal's number, read as the last of labels, that is the beginning or the end of a label."""
    async with door.look(place.town, who) as connection:
        label = await connection.scalar(
            text(
                "SELECT label FROM items WHERE engagement = :engagement "
                "AND (starts_with(label, :said) OR right(label, length(:said)) = :said) LIMIT 1"
            ),
            {"engagement": place.here.engagement, "said": plain(seal).upper().replace("-", "")},
        )
    if label:
        raise Refused(
            "cut-short",
            f"最後に読み取った「{seal}」は、途中で切れたラベルかもしれません。機器のラベルなら、読み取り直してください。"
            "封印の番号なら、確かめて「施錠して封印した」を押してください。",
            f"“{seal}”, read last, may be a label that was cut short. If it is a device's label, scan it again; if it "
            "is the seal, check it and press the button.",
        )


def _next_number(numbers: Sequence[str]) -> str:
    """Return the number after the highest one, written as that is; people may type another."""
    known = [found.groups() for one in numbers if (found := re.fullmatch(r"(.*?)([0-9]{1,9})", one, re.ASCII))]
    before, last = max(known, key=lambda one: int(one[1]), default=("", "0"))
    return f"{before}{int(last) + 1}"


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
        return await commands.hand_over(tx, cage, vehicle=vehicle or None)

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
                if one.missing or one.doubted
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
        shut = await reading.shut_now(connection, place.here.engagement)  # the list above may not have heard of it yet
    return render(
        request,
        "cages.html",
        asked.status,
        place=place,
        waiting=[one for one in loaded if not one.shipped],
        gone=[one for one in loaded if one.shipped],
        missing_of=missing_of,
        next_number=_next_number([*shut, *(one.number for one in loaded)]),
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
