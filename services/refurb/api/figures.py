"""The figures of the second life, for those who reckon on."""

from fastapi import APIRouter
from pydantic import BaseModel

from services.refurb.api.orders import Town
from services.refurb.domain.figures import FACTORS_VERSION
from services.refurb.reading.figures import figures_of
from shared.door import TheDoor
from shared.identity import SignedIn

router = APIRouter()


class ReuseShape(BaseModel):
    """Of one kind."""

    reborn: int
    material: int
    rate: float | None  # reborn ÷ (reborn + material)


class AvoidedShape(BaseModel):
    """Of one kind: an estimate."""

    units: int
    factor_kg: float  # of CO₂ equivalent, for one new machine
    source: str
    kg: float  # units × factor_kg


class FiguresShape(BaseModel):
    """A town's figures."""

    reuse: dict[str, ReuseShape]
    weights_kg: dict[str, float]
    avoided_co2e: dict[str, AvoidedShape]
    factors_version: str


@router.get("/figures")
async def figures(town: Town, door: TheDoor, who: SignedIn) -> FiguresShape:
    """Return a town's figures with their factors."""
    async with door.look(town, who) as connection:
        found = await figures_of(connection, town)
    return FiguresShape(
        reuse={
            kind: ReuseShape(reborn=one.reborn, material=one.material, rate=one.rate)
            for kind, one in found.reuse.items()
        },
        weights_kg=found.weights_kg,
        avoided_co2e={
            kind: AvoidedShape(units=one.units, factor_kg=one.factor.kg, source=one.factor.en, kg=one.kg)
            for kind, one in found.avoided.items()
        },
        factors_version=FACTORS_VERSION,
    )
