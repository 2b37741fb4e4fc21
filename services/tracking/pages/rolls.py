"""Labels printed beforehand: a roll is drawn by the clerk, and bound on site by two scans. No step needs JavaScript."""

from typing import Annotated, Any
from urllib.parse import quote
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import RedirectResponse, Response

from services.tracking.commands import rolls
from services.tracking.domain.roll import ROLL_MAX
from services.tracking.pages.inventory import Clerk
from services.tracking.pages.labels import show_labels
from services.tracking.pages.place import Place, ThePlace
from services.tracking.pages.scans import Scanner
from services.tracking.pages.words import ITEM_KINDS
from services.tracking.reading.rolls import bound_to, drawn_label, left_to_bind
from shared.database import Transaction
from shared.door import Door, TheDoor, scanned
from shared.entry import Entry
from shared.identity import Principal
from shared.ids import LABEL_INPUT_MAX, BadLabel, Label, parse_label
from shared.refused import Refused
from shared.web.asked import SEE_OTHER, Asked, again, nothing
from shared.web.i18n import msgid as _
from shared.web.pages import render

router = APIRouter(include_in_schema=False)

SentLabel = Annotated[str, Query(max_length=LABEL_INPUT_MAX)]


@router.post("/labels/rolls")
async def draw(request: Request, door: TheDoor, who: Clerk, place: ThePlace) -> Response:
    """Draw the labels of a roll, then show where they are printed."""
    asked = await Asked.of(request)
    count = asked.form.number("count", _("枚数"), least=1, most=ROLL_MAX)

    drawn: list[Entry[Any]] = []

    async def do() -> None:
        if not place.here.open:
            raise Refused(
                "no-engagement",
                "この契約は期間外です。契約を確かめてください。",
                "This engagement is not open. Check its dates.",
            )

        async def draw_roll(tx: Transaction) -> Entry[Any]:
            return await rolls.draw_roll(tx, place.here.engagement, count)

        drawn.append(await door.act(place.town, who, draw_roll, ask=asked.ask))

    if await asked.tried(do):
        return again(f"/labels?{place.query}&roll={drawn[0].stream}", "drawn")
    return await show_labels(request, door, who, place, asked)


@router.get("/labels/bind")
async def start(
    request: Request, door: TheDoor, who: Scanner, place: ThePlace, *, label: SentLabel = "", bound: SentLabel = ""
) -> Response:
    """Wait for a label, then for the number of its machine; `bound` is what was done just before."""
    held = scanned(label) if label else None
    return await _page(request, door, who, place, nothing(request), held=held, bound=scanned(bound) if bound else None)


@router.post("/labels/bind")
async def take_scan(request: Request, door: TheDoor, who: Scanner, place: ThePlace) -> Response:
    """Take a label in hand, or put the one in hand on the machine whose number was scanned."""
    asked = await Asked.of(request)
    said = asked.form.need("scan", _("ラベルか、機器の番号"), longest=LABEL_INPUT_MAX)
    held = scanned(asked.form.value("label")) if asked.form.value("label") else None
    path = f"/labels/bind?{place.query}"
    if not asked.form.errors:
        try:
            if taken := await _label(door, who, place, said, held):
                return RedirectResponse(f"{path}&label={taken.id}", SEE_OTHER)
            label, chosen = _in_hand(held), _chosen(asked)

            async def do(tx: Transaction) -> Entry[Any]:
                if chosen:
                    return await rolls.bind_label(tx, label, chosen)
                return await rolls.bind_serial(tx, label, place.here.engagement, said)

            await door.act(place.town, who, do, ask=asked.ask)
        except Refused as refusal:
            asked.refusal = refusal
        else:
            return RedirectResponse(f"{path}&bound={quote(label.id)}", SEE_OTHER)
    return await _page(request, door, who, place, asked, held=held)


@router.post("/labels/bind/back")
async def take_back(request: Request, door: TheDoor, who: Scanner, place: ThePlace) -> Response:
    """Take the last binding back."""
    asked = await Asked.of(request)
    label = scanned(asked.form.value("back"))
    if await asked.tried(lambda: door.act(place.town, who, lambda tx: rolls.take_back(tx, label), ask=asked.ask)):
        return again(f"/labels/bind?{place.query}", "label-back")
    return await _page(request, door, who, place, asked)


async def _label(door: Door, who: Principal, place: Place, said: str, held: Label | None) -> Label | None:
    """Return the label that was scanned; None when it is a machine's number. Refused for a label that is not free.

    One serial of 36 has our check character by chance: with a label in hand, what nobody drew is a number.
    """
    try:
        label = parse_label(said)
    except BadLabel:
        return None
    drawn = await drawn_label(door, label, who)
    if drawn is None or drawn.engagement != place.here.engagement:
        if held and "://" not in said:
            return None
        raise rolls.unknown_label(label)
    if drawn.item:
        raise rolls.not_free(label, drawn.named)
    return label


def _in_hand(held: Label | None) -> Label:
    """Return the label that was scanned before the number. Raises Refused when there was none."""
    if held is None:
        raise Refused(
            "label-first",
            "先に、ロールのラベルを読み取ってください。そのあと、機器の番号を読み取ります。",
            "Scan a label of the roll first, then the number of its machine.",
        )
    return held


def _chosen(asked: Asked) -> UUID | None:
    """Return the machine chosen among several with the same number."""
    try:
        return UUID(asked.form.value("item"))
    except ValueError:
        return None


async def _page(
    request: Request,
    door: Door,
    who: Principal,
    place: Place,
    asked: Asked,
    *,
    held: Label | None = None,
    bound: Label | None = None,
) -> Response:
    """Render the place of binding, with what a scan said."""
    number = asked.form.value("scan")[:LABEL_INPUT_MAX]
    choices: list[rolls.Machine] = []
    if asked.refusal and asked.refusal.code == "several-machines":
        async with door.look(place.town, who) as connection:
            choices = await rolls.machines(connection, place.here.engagement, number)
        asked.refusal = Refused(asked.refusal.code, asked.refusal.ja, asked.refusal.en)  # the page lists them itself
    async with door.look(place.town, who) as connection:
        left = await left_to_bind(connection, place.here.engagement)
        machine = await bound_to(connection, bound) if bound else None
    return render(
        request,
        "binding.html",
        asked.status,
        place=place,
        held=held,
        bound=bound if machine else None,
        machine=machine,
        left=left,
        number=number,
        choices=choices[: rolls.SHOWN_MAX],
        item_kinds=ITEM_KINDS,
        **asked.said,
    )
