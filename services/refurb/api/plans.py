"""The plan of an engagement: which steps its chassis go through at the centre."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends
from pydantic import BaseModel, ConfigDict, Field, StringConstraints
from sqlalchemy import text
from starlette.responses import Response

from services.refurb import views
from services.refurb.commands import plans
from services.refurb.domain.plan import STEPS_MAX, WORD_MAX
from shared.door import Ask, Door, TheDoor, receipt
from shared.entry import Entry
from shared.events.refurb import PlanStep
from shared.identity import Principal, SignedIn, holding
from shared.refused import Unknown

router = APIRouter()

Refurbisher = Annotated[Principal, Depends(holding("refurbisher"))]
Word = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=WORD_MAX)]


class GivenStep(BaseModel):
    """A step as given; a known one (ssd, os, cleaning, support) keeps its own words."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    code: Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
    ja: Word
    en: Word


class Planning(Ask):
    """The steps before delivery, in order."""

    steps: list[GivenStep] = Field(min_length=1, max_length=STEPS_MAX)


class PlanShape(BaseModel):
    """The steps that stand for an engagement."""

    engagement: UUID
    title: str
    steps: tuple[PlanStep, ...]


@router.get("/engagements/{engagement}/plan")
async def plan(engagement: UUID, door: TheDoor, who: SignedIn) -> PlanShape:
    """Return the steps that chassis accepted now go through."""
    town = await _town_of(door, who, engagement)
    async with door.look(town, who) as connection:
        for one, title, stands in await views.plans_of(connection, town):
            if one == engagement:
                return PlanShape(engagement=one, title=title, steps=stands.steps)
    raise Unknown


@router.post("/engagements/{engagement}/plan", status_code=201)
async def set_plan(engagement: UUID, body: Planning, door: TheDoor, who: Refurbisher) -> Response:
    """Set the steps for what is accepted from now on; what is in work keeps its own."""
    return receipt(await planned(door, who, engagement, body))


async def planned(door: Door, who: Principal, engagement: UUID, body: Planning) -> Entry[Any]:
    """Record the plan. Raises Unknown for an engagement that is not of who asks, Refused for a plan that cannot be."""
    town = await _town_of(door, who, engagement)
    steps = [PlanStep(code=one.code, ja=one.ja, en=one.en) for one in body.steps]
    return await door.act(town, who, lambda tx: plans.set_plan(tx, engagement, steps), ask=body)


async def _town_of(door: Door, who: Principal, engagement: UUID) -> str:
    async with door.look(who.party, who) as connection:
        town: str | None = await connection.scalar(
            text("SELECT town FROM engagements WHERE engagement = :engagement AND :party IN (town, centre)"),
            {"engagement": engagement, "party": who.party},
        )
    if town is None:
        raise Unknown
    return town
