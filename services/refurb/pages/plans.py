"""The page of plans: for each engagement the steps its chassis go through, and the form that changes them."""

import re
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Request
from pydantic import ValidationError
from starlette.responses import RedirectResponse, Response

from services.refurb import views
from services.refurb.api import plans as api
from services.refurb.domain import plan
from services.refurb.pages.orders import towns_of
from shared.door import Door, TheDoor
from shared.events.refurb import PlanStep
from shared.identity import Principal, SignedIn, holding
from shared.ids import uuid7
from shared.refused import Refused, Unknown
from shared.web.forms import Form
from shared.web.i18n import language
from shared.web.i18n import msgid as _
from shared.web.pages import render

router = APIRouter(prefix="/refurb/plans")

Refurbisher = Annotated[Principal, Depends(holding("refurbisher"))]
_LINE = re.compile(r"\s*([a-z0-9][a-z0-9-]{0,39})\s+([^/／]+?)\s*[/／]\s*(\S.*?)\s*")


@router.get("")
async def show(request: Request, door: TheDoor, who: SignedIn, town: str = "", done: str = "") -> Response:
    """Show the plans of a town's engagements."""
    return await _page(request, door, who, town, done=done == "set")


@router.post("/{engagement}")
async def set_plan(request: Request, engagement: UUID, door: TheDoor, who: Refurbisher, town: str = "") -> Response:
    """Set the steps of an engagement from the lines of the form."""
    form = Form(await request.form())
    steps = _steps(form)
    if form.errors:
        return await _page(request, door, who, town, form=form, engagement=engagement, status=422)
    try:
        asked = api.Planning(request=form.value("request"), steps=steps)
        await api.planned(door, who, engagement, asked)
    except ValidationError:
        form.wrong("steps", _("工程"), _("入力を読めませんでした。画面を読み直して、もう一度入れてください。"))
        return await _page(request, door, who, town, form=form, engagement=engagement, status=422)
    except Unknown:
        raise
    except Refused as no:
        form.refused(no, language(request), field="steps")
        return await _page(request, door, who, town, form=form, engagement=engagement, status=409)
    return RedirectResponse(f"/refurb/plans?town={town}&done=set", 303)


def _steps(form: Form) -> list[dict[str, Any]]:
    """Read one step a line: a known one by its code alone, another with its names."""
    typed = form.need("steps", _("工程"), longest=4000).splitlines()
    steps = []
    for line in filter(None, map(str.strip, typed)):
        code = line.split(maxsplit=1)[0]
        if code in plan.KNOWN:
            steps.append(plan.KNOWN[code].model_dump())
        elif match := _LINE.fullmatch(line):
            steps.append({"code": match[1], "ja": match[2], "en": match[3]})
        else:
            say = _("1行に1つ、「記号 名前 / 英語の名前」の形で入れてください。")
            form.wrong("steps", _("工程"), say, "memory メモリ増設 / Memory added")
    if len(steps) > plan.STEPS_MAX:
        form.wrong("steps", _("工程"), _("工程が多すぎます。12までにしてください。"))
    return steps


async def _page(
    request: Request,
    door: Door,
    who: Principal,
    town: str,
    *,
    form: Form | None = None,
    engagement: UUID | None = None,
    status: int = 200,
    done: bool = False,
) -> Response:
    towns = await towns_of(door, who)
    chosen = town or next(iter(towns), who.party)
    async with door.look(chosen, who) as connection:
        plans = await views.plans_of(connection, chosen)
    return render(
        request,
        "plans.html",
        status,
        plans=[(one, title, stands, _lines(stands.steps)) for one, title, stands in plans],
        delivery=plan.DELIVERY,
        town=chosen,
        towns=towns,
        form=form or Form(),
        asked=engagement,
        done=done,
        known=plan.STANDARD,
        fresh=str(uuid7()),
        may_work=who.has("refurbisher"),
    )


def _lines(steps: tuple[PlanStep, ...]) -> str:
    return "\n".join(one.code if one.code in plan.KNOWN else f"{one.code} {one.ja} / {one.en}" for one in steps)
