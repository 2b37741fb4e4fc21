"""A difference by name: what it is about, scanning what turned up, and closing it by what resolved it."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from starlette.responses import Response

from services.tracking import reading
from services.tracking.api.cages import of_town
from services.tracking.commands import differences, losses
from services.tracking.domain.discrepancy import Outcome
from services.tracking.pages.place import Place, ThePlace
from services.tracking.pages.words import ABOUT, ITEM_KINDS, OUTCOMES, STEPS
from shared.database import Transaction
from shared.door import Door, Found, TheDoor, scanned
from shared.entry import Entry
from shared.identity import Principal, SignedIn, holding
from shared.ids import LABEL_INPUT_MAX
from shared.refused import Refused, Unknown
from shared.web.asked import Asked, again, nothing
from shared.web.i18n import msgid as _
from shared.web.pages import render

router = APIRouter(include_in_schema=False)
LABELS_MAX = 100
Closer = Annotated[Principal, Depends(holding("clerk", "town-admin", "worker", "centre-manager"))]


@router.get("/differences/{difference}")
async def difference(request: Request, door: TheDoor, who: SignedIn, place: ThePlace, difference: UUID) -> Response:
    """Show a difference by name, and how it may be closed."""
    return await _page(request, door, who, place, difference=difference, asked=nothing(request))


@router.post("/differences/{difference}/sighting")
async def sight(request: Request, door: TheDoor, who: Closer, place: ThePlace, difference: UUID) -> Response:
    """Scan what turned up: the record that it was found."""
    asked = await Asked.of(request)
    label = asked.form.need("scan", _("機器のラベル"), longest=LABEL_INPUT_MAX)
    if not asked.form.errors:

        async def do(tx: Transaction, found: Found) -> Entry[Any]:
            return await losses.sight(tx, found.item)

        try:
            await door.act_on(scanned(label), who, do, ask=asked.ask)
        except Refused as refusal:
            asked.refusal = refusal
        else:
            return again(f"/differences/{difference}?{place.query}")
    return await _page(request, door, who, place, difference=difference, asked=asked)


@router.post("/differences/{difference}")
async def resolve(request: Request, door: TheDoor, who: Closer, place: ThePlace, difference: UUID) -> Response:
    """Close a difference by what resolved it."""
    asked = await Asked.of(request)
    outcome: Outcome = asked.form.choice("outcome", _("どうなったか"), OUTCOMES)  # type: ignore[assignment]  # one of OUTCOMES
    explanation = asked.form.need("explanation", _("説明"), longest=500)
    typed = asked.form.may("instead", _("取り替えた機器のラベル"), longest=LABELS_MAX * LABEL_INPUT_MAX).split()
    if not asked.form.errors:
        try:
            instead = [one.item for one in await of_town(door, who, place.town, typed[:LABELS_MAX])]

            async def do(tx: Transaction) -> Entry[Any]:
                return await differences.resolve(tx, difference, outcome, explanation, replacements=instead)

            await door.act(place.town, who, do, ask=asked.ask)
        except Refused as refusal:
            asked.refusal = refusal
        else:
            return again(f"/differences/{difference}?{place.query}")
    return await _page(request, door, who, place, difference=difference, asked=asked)


async def _page(
    request: Request, door: Door, who: Principal, place: Place, *, difference: UUID, asked: Asked
) -> Response:
    async with door.look(place.town, who) as connection:
        found = await reading.differences(connection, only=difference)
        if not found:
            raise Unknown
        one = found[0]
        names = await reading.names_of(connection, [p for p in (one.person, one.second, one.resolver) if p])
        lost = [case for case in await reading.losses(connection) if case.reported.discrepancy == difference]
    return render(
        request,
        "difference.html",
        asked.status,
        place=place,
        found=one,
        lost=lost,
        names=names,
        about=ABOUT,
        outcomes=OUTCOMES,
        item_kinds=ITEM_KINDS,
        steps=STEPS,
        may=not who.roles.isdisjoint(("clerk", "town-admin", "worker", "centre-manager")),
        **asked.said,
    )
