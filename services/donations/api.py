"""Donations' HTTP door: its routes. The public acts through a call's number; whose it is, a look-up says."""

from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, File, Form, Query, UploadFile
from sqlalchemy import text
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response

from services.donations import commands, views
from services.donations.commands import Taken
from services.donations.domain import portal
from services.donations.domain.call import stage
from services.donations.intake import (
    FILE_BYTES_MAX,
    PROBLEMS_SHOWN_MAX,
    Applying,
    Clerk,
    HandingOver,
    Keyed,
    Look,
    Number,
    Opening,
    Place,
    Receipt,
    Reported,
    ToldUse,
    find,
    find_own,
    hold,
    label_of,
    public,
    take_file,
)
from shared.door import Ask, TheDoor
from shared.door import receipt as recorded
from shared.entry import moment
from shared.events.donations import CallOpened
from shared.identity import SignedIn
from shared.refused import Invalid
from shared.web.i18n import Language, language

router = APIRouter(prefix="/api/donations", tags=["donations"])


@router.post("/calls", status_code=201)
async def open_call(body: Opening, door: TheDoor, who: Clerk) -> Response:
    """Open a call (公募) of the clerk's town."""
    return recorded(await door.act(who.party, who, lambda tx: commands.open_call(tx, body.event), ask=body))


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
        row = next(row for row in await views.opened(connection) if row.call == place.call)
        return JSONResponse(shown(row, door.now()))


@router.post("/calls/{number}/applications", status_code=201)
async def apply(number: Number, body: Applying, door: TheDoor) -> Response:
    """Apply, without an account. The answer holds the receipt and the passphrase that opens it."""
    place, applicant = await find(door, number), body.applicant
    taken = await door.act(
        place.tenant,
        public(place),
        lambda tx: commands.apply(tx, place.call, body.category, body.units, applicant),
        ask=body,
    )
    return JSONResponse(slip(taken, place), 200 if taken.entry.replayed else 201)


@router.post("/calls/{number}/paper", status_code=201)
async def key_paper(number: Number, body: Keyed, door: TheDoor, who: Clerk) -> Response:
    """Record an application on paper or by fax with its arrival; out of the window it is recorded as refused."""
    place, attested = await find_own(door, number, who), body.attested
    taken = await door.act(place.tenant, who, lambda tx: commands.record(tx, place.call, attested), ask=body)
    return JSONResponse(slip(taken, place), 200 if taken.entry.replayed else 201)


@router.post("/calls/{number}/portal")
async def import_portal(
    number: Number,
    door: TheDoor,
    who: Clerk,
    request: HttpRequest,
    file: Annotated[UploadFile, File()],
    *,
    request_id: Annotated[UUID, Form(alias="request")],
    preview: Annotated[bool, Query()] = False,
) -> Response:
    """Take the CSV of the prefecture's portal: all rows or none. `?preview=1` says what would happen."""
    place = await find_own(door, number, who)
    taken = await take_file(door, place, who, await file.read(FILE_BYTES_MAX + 1), request_id, preview=preview)
    lang = language(request)
    if taken.problems and not preview:
        raise Invalid(
            "bad-file",
            "ファイルに直すところがあります。示した行を直して、もう一度送ってください。何も取り込んでいません。",
            "Some rows need correcting. Correct them and send the file again. Nothing was taken in.",
            missing=tuple(told(problem, lang) for problem in taken.problems[:PROBLEMS_SHOWN_MAX]),
            problems=len(taken.problems),
        )
    body = {
        "preview": preview,
        "rows": taken.rows,
        "new": taken.new,
        "known": taken.known,
        "refused": taken.refused,
        "receipts": list(taken.receipts),
        "problems": [
            {"line": problem.line, "column": problem.column, "say": problem.ja if lang == "ja" else problem.en}
            for problem in taken.problems
        ],
    }
    return JSONResponse(body, 200 if preview or not taken.new else 201)


@router.post("/calls/{number}/close", status_code=201)
async def close_call(number: Number, body: Ask, door: TheDoor, who: Clerk) -> Response:
    """Close the queue for good."""
    place = await find_own(door, number, who)
    return recorded(await door.act(place.tenant, who, lambda tx: commands.close(tx, place.call), ask=body))


@router.post("/calls/{number}/settle", status_code=201)
async def settle_call(number: Number, body: Ask, door: TheDoor, who: Clerk) -> Response:
    """Allocate by the call's rule."""
    place = await find_own(door, number, who)
    return recorded(await door.act(place.tenant, who, lambda tx: commands.settle(tx, place.call), ask=body))


@router.get("/calls/{number}/allocation")
async def show_allocation(number: Number, door: TheDoor) -> Response:
    """Show the record of the allocation without names: the inputs to do it again, and the result."""
    place = await find(door, number)
    return JSONResponse(await door.act(place.tenant, public(place), lambda tx: views.published(tx, place.call)))


@router.get("/calls/{number}/queue")
async def show_queue(number: Number, door: TheDoor, who: Clerk) -> Response:
    """Show the clerk's queue: receipts in order, with who applies and which receipts look like the same applicant."""
    place = await find_own(door, number, who)
    async with door.look(place.tenant, who) as connection:
        rows = await views.desk(connection, place.call)
    return JSONResponse(
        {
            "applications": [
                {
                    "receipt": row.receipt,
                    "category": row.category,
                    "units": row.units,
                    "channel": row.channel,
                    "keyed_by": row.keyed_by,
                    "arrived_at": moment(row.arrived_at),
                    "recorded_at": moment(row.recorded_at),
                    "refused": row.reason,
                    "granted": len(row.items),
                    "handed_over_at": moment(row.handed_over_at) if row.handed_over_at else None,
                    "group": row.group_name,
                    "same_applicant_as": list(row.same),
                }
                for row in rows
            ]
        }
    )


@router.post("/calls/{number}/applications/{receipt}/refuse", status_code=201)
async def refuse(number: Number, receipt: Receipt, body: Ask, door: TheDoor, who: Clerk) -> Response:
    """Take an application out of the queue as not eligible."""
    place = await find_own(door, number, who)
    return recorded(await door.act(place.tenant, who, lambda tx: commands.refuse(tx, place.call, receipt), ask=body))


@router.post("/calls/{number}/applications/{receipt}/hand-over", status_code=201)
async def hand_over(number: Number, receipt: Receipt, body: HandingOver, door: TheDoor, who: Clerk) -> Response:
    """Hand over what was granted; scanned machines must be exactly those."""
    place = await find_own(door, number, who)
    labels = None if body.labels is None else [label_of(each) for each in body.labels]
    return recorded(
        await door.act(place.tenant, who, lambda tx: commands.hand_over(tx, place.call, receipt, labels), ask=body)
    )


@router.post("/calls/{number}/applications/{receipt}/usage", status_code=201)
async def write_down_use(number: Number, receipt: Receipt, body: ToldUse, door: TheDoor, who: Clerk) -> Response:
    """Write down how the machines are used, as the recipient told the desk."""
    place = await find_own(door, number, who)
    return recorded(
        await door.act(
            place.tenant,
            who,
            lambda tx: commands.report_usage(tx, place.call, receipt, body.uses, body.difficulty),
            ask=body,
        )
    )


@router.delete("/calls/{number}/applications/{receipt}/applicant", status_code=204)
async def forget(number: Number, receipt: Receipt, door: TheDoor, who: Clerk) -> Response:
    """Delete the personal data of an application; ledger and allocation stay whole."""
    place = await find_own(door, number, who)
    await door.act(place.tenant, who, lambda tx: commands.forget(tx, place.call, receipt))
    return Response(status_code=204)


@router.post("/receipts")
async def look_up(body: Look, door: TheDoor) -> Response:
    """Show where an application stands, to whoever holds its receipt and passphrase."""
    held = await hold(door, body.receipt, body.passphrase)
    async with door.look(held.place.tenant, public(held.place)) as connection:
        return JSONResponse(_jsonable(await views.standing(connection, held.place.call, held.receipt)))


@router.post("/receipts/{receipt}/usage", status_code=201)
async def report_use(receipt: Receipt, body: Reported, door: TheDoor) -> Response:
    """Report how the machines are used, by whoever holds the receipt and passphrase."""
    held = await hold(door, receipt, body.passphrase)
    return recorded(
        await door.act(
            held.place.tenant,
            public(held.place),
            lambda tx: commands.report_usage(tx, held.place.call, receipt, body.uses, body.difficulty),
            ask=body,
        )
    )


@router.get("/overview")
async def overview(
    door: TheDoor, who: SignedIn, town: Annotated[str | None, Query(pattern=r"^town-[a-z0-9-]{1,40}$")] = None
) -> Response:
    """Count a town's donations: applications and units by category, machines in stock; each number from rows."""
    tenant = town or who.party
    async with door.look(tenant, who) as connection:
        calls = await views.opened(connection)
        rows = await views.by_category(connection)
        counted = await views.counts(connection)
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


def told(problem: portal.Problem, lang: Language) -> str:
    """Say a problem of a row in one line."""
    if lang == "ja":
        return f"{problem.line}行目　{problem.column}　{problem.ja}"
    return f"Line {problem.line}, {problem.column or 'file'}: {problem.en}"


def slip(taken: Taken, place: Place) -> dict[str, Any]:
    """Return what the applicant keeps."""
    event = taken.event
    return {
        "call": place.number,
        "receipt": event.receipt,
        "passphrase": taken.passphrase,
        "arrived_at": moment(event.arrived_at),
        "recorded_at": moment(taken.entry.recorded_at),
        "category": event.category,
        "units": event.units,
        "refused": getattr(event, "reason", None),
    }


def shown(row: Any, now: datetime) -> dict[str, Any]:
    """Return a call as the public sees it, with where it stands now."""
    call = CallOpened.model_validate(row.data)
    state = stage(call, closed=bool(row.closed_at), allocated=bool(row.allocated_at), now=now)
    return {
        **row.data,
        "state": state,
        "closed_at": moment(row.closed_at) if row.closed_at else None,
        "allocated_at": moment(row.allocated_at) if row.allocated_at else None,
    }


def _jsonable(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: moment(value) if hasattr(value, "astimezone") else value for name, value in facts.items()}
