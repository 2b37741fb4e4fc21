"""The labels' page: which paper, where on it to begin, and by how much the printer is off."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from services.tracking.domain.roll import ROLL_MAX
from services.tracking.labels import OFFSET_MAX
from services.tracking.pages.place import Place, ThePlace
from services.tracking.reading.printing import printed
from services.tracking.reading.rolls import printed_roll, rolls
from shared.door import Door, TheDoor, scanned
from shared.identity import Principal, SignedIn
from shared.ids import LABEL_INPUT_MAX
from shared.web.asked import Asked, nothing
from shared.web.i18n import msgid as _
from shared.web.pages import render

router = APIRouter(include_in_schema=False)

PAPERS = {
    "24": (_("A4、24面（70 × 33.9 mm）"), ""),
    "44": (_("A4、44面（48.3 × 25.4 mm）"), ""),
    "50x25": (_("ラベルプリンター（50 × 25 mm）"), _("1枚ずつ")),
}


@router.get("/labels")
async def choose_paper(
    request: Request,
    door: TheDoor,
    who: SignedIn,
    place: ThePlace,
    *,
    label: Annotated[str | None, Query(max_length=LABEL_INPUT_MAX)] = None,
    roll: UUID | None = None,
) -> Response:
    """Show the papers, the place to begin and the printer's offset; the form's answer is the PDF."""
    only = scanned(label).id if label else None
    return await show_labels(request, door, who, place, nothing(request), only=only, roll=roll)


async def show_labels(
    request: Request,
    door: Door,
    who: Principal,
    place: Place,
    asked: Asked,
    *,
    only: str | None = None,
    roll: UUID | None = None,
) -> Response:
    """Render the labels' page: of all machines, of one, or of a roll; with what a form said."""
    async with door.look(place.town, who) as connection:
        if roll:
            some = await printed_roll(connection, place.here.engagement, roll)
        else:
            some = await printed(connection, place.here.engagement, only=only)
        drawn = await rolls(connection, place.here.engagement)
    return render(
        request,
        "labels.html",
        asked.status,
        place=place,
        count=len(some),
        only=only,
        roll=roll,
        rolls=drawn,
        roll_max=ROLL_MAX,
        may_draw=who.party == place.town and who.has("clerk", "town-admin"),
        may_bind=who.has("clerk", "town-admin", "worker", "centre-manager"),
        papers=PAPERS,
        offset_max=OFFSET_MAX,
        **asked.said,
    )
