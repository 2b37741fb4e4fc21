"""The labels' page: which paper, where on it to begin, and by how much the printer is off."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from services.tracking.labels import OFFSET_MAX
from services.tracking.pages.place import ThePlace
from services.tracking.reading.printing import printed
from shared.door import TheDoor, scanned
from shared.identity import SignedIn
from shared.ids import LABEL_INPUT_MAX
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
    label: Annotated[str | None, Query(max_length=LABEL_INPUT_MAX)] = None,
) -> Response:
    """Show the papers, the place to begin and the printer's offset; the form's answer is the PDF."""
    only = scanned(label).id if label else None
    async with door.look(place.town, who) as connection:
        some = await printed(connection, place.here.engagement, only=only)
    return render(request, "labels.html", place=place, count=len(some), only=only, papers=PAPERS, offset_max=OFFSET_MAX)
