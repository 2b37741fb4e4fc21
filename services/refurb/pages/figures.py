"""The page of the figures: each number with its formula and its source beside it."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.refurb.domain.figures import FACTORS_VERSION
from services.refurb.pages.orders import KINDS, towns_of
from services.refurb.pages.weights import MATERIALS
from services.refurb.reading.figures import figures_of
from shared.door import TheDoor
from shared.identity import SignedIn
from shared.web.pages import render

router = APIRouter(prefix="/refurb")


@router.get("/figures")
async def figures(request: Request, door: TheDoor, who: SignedIn, town: str = "") -> Response:
    """Show how much is reborn, what came out as material, and what was not made anew."""
    towns = await towns_of(door, who)
    chosen = town or next(iter(towns), who.party)
    async with door.look(chosen, who) as connection:
        found = await figures_of(connection, chosen)
    return render(
        request,
        "figures.html",
        figures=found,
        town=chosen,
        name=towns.get(chosen, chosen),
        kinds=KINDS,
        materials=MATERIALS,
        version=FACTORS_VERSION,
    )
