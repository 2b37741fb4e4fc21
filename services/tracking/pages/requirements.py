"""What one job asks beyond its town's policy: stricter, never looser."""

from functools import partial
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import Response

from services.tracking import reading
from services.tracking.commands import parties, requirements
from services.tracking.domain.requirement import Raised
from services.tracking.pages.place import Engagement, engagements_of, set_desk
from services.tracking.pages.words import ASSURANCES, LEVELS
from shared.database import Transaction
from shared.door import Door, TheDoor
from shared.identity import Principal, SignedIn
from shared.levels import Level
from shared.refused import Forbidden, Unknown
from shared.web.asked import Asked, again, nothing
from shared.web.i18n import msgid as _
from shared.web.pages import render

router = APIRouter(include_in_schema=False)
SAME = "same"  # the policy's row stands


@router.get("/engagements/{engagement}/requirement")
async def show_requirement(request: Request, door: TheDoor, who: SignedIn, engagement: UUID) -> Response:
    """Show what is asked of this job's items, and ask what more."""
    return await _requirement(request, door, who, nothing(request), engagement)


@router.post("/engagements/{engagement}/requirement")
async def raise_requirement(request: Request, door: TheDoor, who: SignedIn, engagement: UUID) -> Response:
    """Ask more of this job's items, of those registered and of those that will be."""
    if "town-admin" not in who.roles:
        raise Forbidden
    asked = await Asked.of(request)
    form = asked.form
    more = Raised(
        on_site=_level(form.choice("on_site", _("役場で求める水準"), (SAME, *Level))),
        at_centre=_level(form.choice("at_centre", _("センターで求める水準"), (SAME, *Level))),
        assurance="both" if form.choice("assurance", _("確かめ方"), (SAME, "both")) == "both" else None,
        reason=form.need("reason", _("理由"), longest=500),
    )
    raise_it = partial(requirements.raise_requirement, engagement=engagement, asked=more)
    if await asked.tried(lambda: door.act(who.party, who, raise_it, ask=asked.ask)):
        return again(f"/engagements/{engagement}/requirement", "raised")
    return await _requirement(request, door, who, asked, engagement)


async def _requirement(request: Request, door: Door, who: Principal, asked: Asked, engagement: UUID) -> Response:
    one: Engagement | None = next(
        (one for one in await engagements_of(door, who) if one.engagement == engagement), None
    )
    if one is None:
        raise Unknown(
            "no-engagement",
            "この契約は登録されていません。契約の一覧を確かめてください。",
            "There is no such engagement. Check the list of engagements.",
        )

    async def look(tx: Transaction) -> Raised:
        return await parties.job_rule(tx, engagement)

    rule = await door.act(one.town, who, look)
    async with door.look(one.town, who) as connection:
        there = await reading.requirements(connection, engagement)
    await set_desk(request, door, one.town)
    return render(
        request,
        "requirement.html",
        asked.status,
        one=one,
        rule=rule,
        there=there,
        may=one.open and one.town == who.party and who.has("town-admin"),
        same=SAME,
        levels=LEVELS,
        assurances=ASSURANCES,
        **asked.said,
    )


def _level(chosen: str) -> Level | None:
    return Level(chosen) if chosen in set(Level) else None
