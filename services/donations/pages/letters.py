"""The page of what a town writes to applicants: its words, the letters to print, and how the mail goes."""

import asyncio
from functools import partial

from fastapi import APIRouter
from sqlalchemy import text
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from services.donations import correspondence, papers
from services.donations.domain.wording import BODY_MAX, OURS, PLACES, SUBJECT_MAX, WHATS, Words, checked
from services.donations.intake import Place, find_own
from services.donations.pages.place import LINE, LINES, page, shown_call
from services.donations.shapes import Clerk
from shared.door import Door, TheDoor
from shared.identity import Principal
from shared.refused import Invalid
from shared.settings import settings
from shared.web.asked import SEE_OTHER, Asked, nothing
from shared.web.i18n import msgid as _

router = APIRouter(include_in_schema=False)


@router.get("/donations/calls/{number}/letters")
async def show_letters(request: Request, number: str, door: TheDoor, who: Clerk) -> Response:
    """Show the town's words, how many letters there are, and what became of the mail."""
    return await _letters(nothing(request), door, who, await find_own(door, number, who))


@router.post("/donations/calls/{number}/letters")
async def keep_words(request: Request, number: str, door: TheDoor, who: Clerk) -> Response:
    """Keep the town's own words of one letter, or go back to ours."""
    place, asked = await find_own(door, number, who), await Asked.of(request)
    form = asked.form
    what = form.choice("what", _("手紙"), WHATS)
    words = Words(
        form.may("subject", _("件名"), longest=SUBJECT_MAX, pattern=LINE),
        form.may("body", _("本文"), longest=BODY_MAX, pattern=LINES),
    )

    async def act() -> None:
        kept = None if form.value("ours") else checked(words)
        [known] = [one for one in WHATS if one == what]
        await door.act(place.tenant, who, lambda tx: correspondence.keep_words(tx, known, kept))

    if await asked.tried(act):
        return RedirectResponse(f"/donations/calls/{number}/letters", SEE_OTHER)
    return await _letters(asked, door, who, place)


@router.get("/donations/calls/{number}/letters.pdf")
async def print_letters(number: str, door: TheDoor, who: Clerk, what: str = "") -> Response:
    """Give the letters of a call to print, all or those that say one thing."""
    place, known = await find_own(door, number, who), settings()
    async with door.look(place.tenant, who) as connection:
        addressed = await correspondence.printed(connection, place.call, place.tenant, origin=known.origin)
        town = await connection.scalar(text("SELECT name FROM parties WHERE party = :town"), {"town": place.tenant})
    wanted = [one for one in addressed if not what or one.what == what]
    if not wanted:
        raise Invalid(
            "no-letters",
            "印刷する手紙がありません。応募が届いてから、または割り当ての後で、もう一度開いてください。",
            "There is no letter to print. Open it again once applications came, or after the allocation.",
        )
    call = (await shown_call(door, place)).call
    make = partial(
        papers.letters,
        wanted,
        town=town or "",
        contact=call.contact,
        title=call.title,
        at=door.now(),
        fonts=known.fonts,
    )
    kept = {"content-disposition": f'inline; filename="letters-{number}.pdf"', "cache-control": "no-store"}
    return Response(await asyncio.to_thread(make), media_type="application/pdf", headers=kept)


async def _letters(asked: Asked, door: Door, who: Principal, place: Place) -> Response:
    known = settings()
    async with door.look(place.tenant, who) as connection:
        addressed = await correspondence.printed(connection, place.call, place.tenant, origin=known.origin)
        words = await correspondence.own_words(connection, place.tenant)
        posted = await correspondence.posted(connection, place.call)
    return page(
        asked.request,
        "letters.html",
        asked.status,
        shown=await shown_call(door, place),
        counts={what: sum(one.what == what for one in addressed) for what in WHATS},
        letters_words=words,
        ours=OURS,
        places=PLACES,
        posted=posted,
        mail=bool(known.smtp_host),
        **asked.said,
    )
