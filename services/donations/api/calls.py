"""Routes of a call: opened, closed, reviewed, allocated, and its published log."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from sqlalchemy import text
from starlette.responses import JSONResponse, Response

from services.donations import commands, reading
from services.donations.domain.window import stage
from services.donations.intake import find, find_own, public
from services.donations.shapes import (
    Clerk,
    Confirming,
    FurtherRound,
    Grounds,
    Number,
    Opening,
    Reviewing,
)
from shared.door import Ask, TheDoor
from shared.door import receipt as recorded
from shared.entry import moment
from shared.events.donations import CallOpened, RoundOpened
from shared.identity import SignedIn

router = APIRouter()


@router.post("/calls", status_code=201)
async def open_call(body: Opening, door: TheDoor, who: Clerk) -> Response:
    """Open a call (公募) of the clerk's town."""
    return recorded(await door.act(who.party, who, lambda tx: commands.open_call(tx, body.event), ask=body))


@router.post("/calls/{number}/rounds", status_code=201)
async def open_round(number: Number, body: FurtherRound, door: TheDoor, who: Clerk) -> Response:
    """Open a further round of an allocated call (追加の募集)."""
    place = await find_own(door, number, who)
    return recorded(
        await door.act(place.tenant, who, lambda tx: commands.open_round(tx, body.event(place.call)), ask=body)
    )


@router.get("/calls")
async def list_calls(door: TheDoor) -> Response:
    """List the calls of all towns, newest first."""
    async with door.engine.connect() as connection:
        found = await connection.execute(text("SELECT * FROM public_calls()"))
        return JSONResponse({"calls": [shown(row, door.now()) for row in found]})


@router.get("/calls/{number}")
async def show_call(number: Number, door: TheDoor) -> Response:
    """Show a call: rule, categories, window, spec and where it stands."""
    place = await find(door, number)
    async with door.look(place.tenant, public(place)) as connection:
        row = next(row for row in await reading.opened(connection) if row.call == place.call)
        return JSONResponse(shown(row, door.now()))


@router.post("/calls/{number}/close", status_code=201)
async def close_call(number: Number, body: Ask, door: TheDoor, who: Clerk) -> Response:
    """Close the queue for good."""
    place = await find_own(door, number, who)
    return recorded(await door.act(place.tenant, who, lambda tx: commands.close(tx, place.call), ask=body))


@router.post("/calls/{number}/basis", status_code=201)
async def record_basis(number: Number, body: Grounds, door: TheDoor, who: Clerk) -> Response:
    """Record the approval (決裁番号) and the rule of law by which the town gives."""
    place = await find_own(door, number, who)
    return recorded(
        await door.act(
            place.tenant, who, lambda tx: commands.record_basis(tx, place.call, body.approval, body.basis), ask=body
        )
    )


@router.post("/calls/{number}/review", status_code=201)
async def review_call(number: Number, body: Reviewing, door: TheDoor, who: Clerk) -> Response:
    """Record the marks of every application in the queue; somebody else confirms them."""
    place = await find_own(door, number, who)
    return recorded(
        await door.act(place.tenant, who, lambda tx: commands.review(tx, place.call, body.marked), ask=body)
    )


@router.post("/calls/{number}/review/confirm", status_code=201)
async def confirm_review(number: Number, body: Confirming, door: TheDoor, who: Clerk) -> Response:
    """Confirm the marks a colleague recorded (four eyes)."""
    place = await find_own(door, number, who)
    return recorded(
        await door.act(place.tenant, who, lambda tx: commands.confirm_review(tx, place.call, body.review), ask=body)
    )


@router.post("/calls/{number}/seed", status_code=201)
async def ask_seed(number: Number, body: Ask, door: TheDoor, who: Clerk) -> Response:
    """Ask again where the closing of a lottery stands in the log, when its seed does not come."""
    place = await find_own(door, number, who)
    return recorded(await door.act(place.tenant, who, lambda tx: commands.ask_seed(tx, place.call), ask=body))


@router.post("/calls/{number}/settle", status_code=201)
async def settle_call(number: Number, body: Ask, door: TheDoor, who: Clerk) -> Response:
    """Allocate by the call's rule."""
    place = await find_own(door, number, who)
    return recorded(await door.act(place.tenant, who, lambda tx: commands.settle(tx, place.call), ask=body))


@router.get("/calls/{number}/allocation")
async def show_allocation(number: Number, door: TheDoor) -> Response:
    """Show the record of the allocation without names: the inputs to do it again, and the result."""
    place = await find(door, number)
    return JSONResponse(await door.act(place.tenant, public(place), lambda tx: reading.published(tx, place.call)))


@router.get("/overview")
async def overview(
    door: TheDoor, who: SignedIn, town: Annotated[str | None, Query(pattern=r"^town-[a-z0-9-]{1,40}$")] = None
) -> Response:
    """Count a town's donations: applications and units by category, machines in stock; each number from rows."""
    tenant = town or who.party
    async with door.look(tenant, who) as connection:
        calls = await reading.opened(connection)
        rows = await reading.by_category(connection)
        counted = await reading.counts(connection)
    names = {one["code"]: one["name"] for call in reversed(calls) for one in call.data["categories"]}
    categories = [
        {
            "code": row.code,
            "name": names.get(row.code, row.code),
            "applications": row.applications,
            "asked": int(row.asked),
            "granted": int(row.granted),
            "served": row.served,
            "handed_over": int(row.handed_over),
        }
        for row in rows
    ]
    return JSONResponse(
        {
            "town": tenant,
            "calls": [shown(call, door.now()) for call in calls],
            "categories": categories,
            "applications": sum(each["applications"] for each in categories),
            "asked": sum(each["asked"] for each in categories),
            **counted,
        }
    )


def shown(row: Any, now: datetime) -> dict[str, Any]:
    """Return a call as the public sees it, with where it stands now."""
    call = CallOpened.model_validate(row.data)
    further = RoundOpened.model_validate(row.further) if row.further else None
    state = stage(further or call, closed=bool(row.closed_at), allocated=bool(row.allocated_at), now=now)
    return {
        **row.data,
        "further": row.further,
        "state": state,
        "closed_at": moment(row.closed_at) if row.closed_at else None,
        "allocated_at": moment(row.allocated_at) if row.allocated_at else None,
    }
