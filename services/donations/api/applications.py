"""Routes of applications: taken in, corrected, withdrawn, handed over, used, forgotten."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, File, Form, Query, UploadFile
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response

from services.donations import commands, reading
from services.donations.commands import Taken
from services.donations.domain import portal
from services.donations.intake import (
    FILE_BYTES_MAX,
    PROBLEMS_SHOWN_MAX,
    Place,
    find,
    find_own,
    hold,
    label_of,
    public,
    take_file,
)
from services.donations.shapes import (
    Applying,
    Clerk,
    Correcting,
    HandingOver,
    Keyed,
    Look,
    Number,
    Receipt,
    Reoffering,
    Reported,
    TakingBack,
    ToldUse,
    Withdrawing,
)
from shared.door import Ask, TheDoor
from shared.door import receipt as recorded
from shared.entry import moment
from shared.refused import Invalid
from shared.settings import settings
from shared.web.i18n import Language, language

router = APIRouter()


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


@router.get("/calls/{number}/queue")
async def show_queue(number: Number, door: TheDoor, who: Clerk) -> Response:
    """Show the clerk's queue: receipts in order, with who applies and which receipts look like the same applicant."""
    place = await find_own(door, number, who)
    async with door.look(place.tenant, who) as connection:
        rows = await reading.desk(connection, place.call)
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


@router.post("/calls/{number}/applications/{receipt}/withdraw", status_code=201)
async def withdraw_for(number: Number, receipt: Receipt, body: Ask, door: TheDoor, who: Clerk) -> Response:
    """Withdraw an application whose applicant told the desk so."""
    place = await find_own(door, number, who)
    return recorded(await door.act(place.tenant, who, lambda tx: commands.withdraw(tx, place.call, receipt), ask=body))


@router.post("/calls/{number}/applications/{receipt}/hand-over", status_code=201)
async def hand_over(number: Number, receipt: Receipt, body: HandingOver, door: TheDoor, who: Clerk) -> Response:
    """Hand over what was granted; scanned machines must be exactly those."""
    place = await find_own(door, number, who)
    labels = None if body.labels is None else [label_of(each) for each in body.labels]
    shown = commands.Shown(labels, body.agreed)
    return recorded(
        await door.act(place.tenant, who, lambda tx: commands.hand_over(tx, place.call, receipt, shown), ask=body)
    )


@router.post("/calls/{number}/applications/{receipt}/return", status_code=201)
async def take_back(number: Number, receipt: Receipt, body: TakingBack, door: TheDoor, who: Clerk) -> Response:
    """Take back what was handed over."""
    place = await find_own(door, number, who)
    return recorded(
        await door.act(place.tenant, who, lambda tx: commands.take_back(tx, place.call, receipt, body.reason), ask=body)
    )


@router.post("/calls/{number}/applications/{receipt}/reoffer", status_code=201)
async def reoffer(number: Number, receipt: Receipt, body: Reoffering, door: TheDoor, who: Clerk) -> Response:
    """Offer again what came back, once its medium was erased or exchanged."""
    place = await find_own(door, number, who)
    return recorded(
        await door.act(place.tenant, who, lambda tx: commands.reoffer(tx, place.call, receipt, body.method), ask=body)
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
        return JSONResponse(_jsonable(await reading.standing(connection, held.place.call, held.receipt, door.now())))


@router.post("/receipts/{receipt}/correct", status_code=201)
async def correct(receipt: Receipt, body: Correcting, door: TheDoor) -> Response:
    """Correct an application while its round is open, by whoever holds the receipt and passphrase."""
    held, who = await hold(door, receipt, body.passphrase), body.applicant
    return recorded(
        await door.act(
            held.place.tenant,
            public(held.place),
            lambda tx: commands.correct(
                tx, held.place.call, receipt, category=body.category, units=body.units, who=who
            ),
            ask=body,
        )
    )


@router.post("/receipts/{receipt}/withdraw", status_code=201)
async def withdraw(receipt: Receipt, body: Withdrawing, door: TheDoor) -> Response:
    """Withdraw an application, by whoever holds the receipt and passphrase; what it held moves on."""
    held = await hold(door, receipt, body.passphrase)
    return recorded(
        await door.act(
            held.place.tenant, public(held.place), lambda tx: commands.withdraw(tx, held.place.call, receipt), ask=body
        )
    )


@router.post("/receipts/{receipt}/usage", status_code=201)
async def report_use(receipt: Receipt, body: Reported, door: TheDoor) -> Response:
    """Report how the machines are used, by whoever holds the receipt and passphrase."""
    held = await hold(door, receipt, body.passphrase)
    return recorded(
        await door.act(
            held.place.tenant,
            public(held.place),
            lambda tx: commands.report_usage(
                tx, held.place.call, receipt, body.uses, body.difficulty, told=body.told()
            ),
            ask=body,
        )
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
        "link": f"{settings().origin}/calls/mine/{event.receipt}/{taken.token}",
        "arrived_at": moment(event.arrived_at),
        "recorded_at": moment(taken.entry.recorded_at),
        "category": event.category,
        "units": event.units,
        "refused": getattr(event, "reason", None),
    }


def _jsonable(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: moment(value) if hasattr(value, "astimezone") else value for name, value in facts.items()}
