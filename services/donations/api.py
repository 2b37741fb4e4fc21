"""Donations' HTTP door: routes and shapes. The public acts through a call's number; whose it is, a look-up says."""

import hashlib
import hmac
import re
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, File, Form, Path, Query, UploadFile
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import select, text
from starlette.exceptions import HTTPException
from starlette.requests import Request as HttpRequest
from starlette.responses import JSONResponse, Response

from services.donations import commands, views
from services.donations.commands import Taken
from services.donations.domain import portal
from services.donations.domain.applicant import Applicant, Attested, is_phone
from services.donations.domain.application import Difficulty, Use
from services.donations.domain.receipt import RECEIPT, hashed
from services.donations.tables import applicants
from shared.database import Transaction
from shared.door import Ask, Door, TheDoor, scanned
from shared.door import receipt as recorded
from shared.entry import Request, moment
from shared.events.donations import CallOpened, Category
from shared.events.refurb import Spec
from shared.identity import Principal, SignedIn, holding
from shared.refused import Forbidden, Invalid, Unknown
from shared.web.i18n import Language, language

router = APIRouter(prefix="/api/donations", tags=["donations"])

UNITS_MAX = 999
FILE_BYTES_MAX = 5 * 1024 * 1024
PROBLEMS_SHOWN_MAX = 100
GUESSES = RateLimitItemPerMinute(10)  # wrong passphrases for one receipt and process; 40 bits outlast anybody
_guesses = MovingWindowRateLimiter(MemoryStorage())

NUMBER = r"^[0-9]{6}-[0-9A-Z][0-9A-Z-]{0,20}$"
PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
Number = Annotated[str, Path(pattern=NUMBER)]
Receipt = Annotated[str, Path(pattern=f"^{RECEIPT.pattern}$")]
Line = Annotated[str, Field(min_length=1, max_length=200, pattern=PRINTABLE)]
Optional = Annotated[str, Field(max_length=200, pattern=PRINTABLE)]
PROSE = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
Prose = Annotated[str, Field(max_length=2000, pattern=PROSE)]
Units = Annotated[int, Field(ge=1, le=UNITS_MAX)]
Code = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
Clerk = Annotated[Principal, Depends(holding("clerk", "town-admin"))]

PERSONAL = frozenset({"group", "representative", "address", "phone", "mail", "uses", "purpose", "network"})


class Opening(Ask):
    """A call to be opened. The rule is said, never implied."""

    number: Annotated[str, Field(pattern=NUMBER)]
    title: Line
    rule: Literal["first-come"]
    item_kinds: Annotated[tuple[Literal["notebook", "desktop"], ...], Field(min_length=1, max_length=2)]
    units: Annotated[int, Field(ge=1, le=10_000)]
    categories: Annotated[tuple[Category, ...], Field(min_length=1, max_length=20)]
    opens_at: AwareDatetime
    closes_at: AwareDatetime
    spec: Spec
    consent: Prose
    consent_version: Line
    contact: Line

    @property
    def event(self) -> CallOpened:
        """What is asked for, as the event it becomes; the command gives it its stream."""
        asked = self.model_dump(exclude={"request", "captured_at", "sent_at"})
        return CallOpened.model_validate(asked | {"call": self.request})


class Applying(Ask):
    """An application of the web form. Personal data stays out of what the ledger keeps of a request, its digest too."""

    category: Code
    units: Units
    group: Line
    representative: Line
    address: Line
    phone: Line
    mail: Optional = ""
    uses: Annotated[tuple[Use, ...], Field(min_length=1, max_length=20)]
    network: bool
    purpose: Prose = ""
    consent: Literal[True]
    consent_version: Line

    @property
    def identity(self) -> Request:
        """The request without anything personal; another applicant under the same id is told by the applicants' row."""
        return _impersonal(self)

    @property
    def applicant(self) -> Applicant:
        """Who applies. Raises Invalid for a phone number that cannot be one."""
        return _applicant(self)


class Keyed(Ask):
    """An application on paper or by fax, keyed by a clerk who says when it arrived."""

    arrived_at: AwareDatetime
    category: Code
    units: Units
    group: Line
    representative: Line
    address: Line
    phone: Line
    mail: Optional = ""
    uses: Annotated[tuple[Use, ...], Field(max_length=20)] = ()
    network: bool | None = None
    purpose: Prose = ""
    consent_version: Optional = ""

    @property
    def identity(self) -> Request:
        """The request without anything personal."""
        return _impersonal(self)

    @property
    def attested(self) -> Attested:
        """What the clerk stands for."""
        return Attested(str(self.request), "paper", self.category, self.units, self.arrived_at, _applicant(self))


class Imported(Ask):
    """A portal's file, by its hash."""

    sha256: str


class HandingOver(Ask):
    """The machines at the counter, when they were scanned."""

    labels: Annotated[tuple[Line, ...], Field(min_length=1, max_length=200)] | None = None


class Reported(Ask):
    """How the machines are used, told by the recipient: what can be tapped, so that nobody is named."""

    passphrase: Annotated[str, Field(max_length=40)]
    uses: Annotated[tuple[Use, ...], Field(min_length=1, max_length=20)]
    difficulty: Difficulty | None = None

    @property
    def identity(self) -> Request:
        """The request without the passphrase."""
        return Request(id=self.request, digest=_digest(self.model_dump_json(exclude={"sent_at", "passphrase"})))


class ToldUse(Ask):
    """How the machines are used, as a clerk writes it down; no names."""

    uses: Annotated[tuple[Line, ...], Field(min_length=1, max_length=20)]
    difficulty: Line | None = None


class Look(BaseModel):
    """A receipt and what opens it; in a body, so that no log of addresses keeps it."""

    model_config = ConfigDict(extra="forbid")
    receipt: Annotated[str, Field(max_length=40)]
    passphrase: Annotated[str, Field(max_length=40)]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a public act lands: the call and its town."""

    call: UUID
    tenant: str
    number: str


@dataclass(frozen=True, slots=True)
class Held:
    """An application whose passphrase was shown."""

    place: Place
    application: UUID
    receipt: str


def public(place: Place) -> Principal:
    """Return the public as it acts on one town's call: no person, no role."""
    return Principal("public", place.tenant, frozenset())


async def find(door: Door, number: str) -> Place:
    """Find a call by its number, across towns. Raises Unknown."""
    row = None
    if re.fullmatch(NUMBER, number):
        async with door.engine.connect() as connection:
            query = text("SELECT call, tenant FROM public_call(:number)")
            row = (await connection.execute(query, {"number": number})).one_or_none()
    if row is None:
        raise Unknown(
            "unknown-call",
            "この番号の公募はありません。番号を確かめるか、公募の一覧から探してください。",
            "There is no call of this number. Check the number, or look through the list of calls.",
        )
    return Place(row.call, row.tenant, number)


async def find_own(door: Door, number: str, who: Principal) -> Place:
    """Find a call of the clerk's own town. Raises Forbidden for another town's."""
    place = await find(door, number)
    if place.tenant != who.party:
        raise Forbidden(
            "other-town",
            "ほかの町の公募です。自分の町の公募の番号を確かめてください。",
            "This is another town's call. Check the number of your own.",
        )
    return place


async def hold(door: Door, receipt: str, passphrase: str) -> Held:
    """Open a receipt with its passphrase. A wrong one and an unknown receipt are answered alike, and counted."""
    given = receipt.strip()
    if not _guesses.test(GUESSES, given):
        raise HTTPException(429)
    if RECEIPT.fullmatch(given):
        if held := await _opened(door, given, passphrase):
            return held
        _guesses.hit(GUESSES, given)
    raise Unknown(
        "receipt-or-passphrase",
        "受付番号か照会コードが違います。控えを見て、もう一度入れてください。",
        "The receipt number or the passphrase is wrong. Look at your slip and enter them again.",
    )


async def _opened(door: Door, receipt: str, passphrase: str) -> Held | None:
    async with door.engine.connect() as connection:
        query = text("SELECT application, call, tenant, number FROM public_receipt(:receipt)")
        row = (await connection.execute(query, {"receipt": receipt})).one_or_none()
    if row is None:
        return None
    place = Place(row.call, row.tenant, row.number)
    async with door.look(place.tenant, public(place)) as connection:
        kept = await connection.scalar(
            select(applicants.c.passphrase_sha256).where(applicants.c.application == row.application)
        )
    if kept is None or not hmac.compare_digest(bytes(kept), hashed(row.application, passphrase)):
        return None
    return Held(place, row.application, receipt)


@router.post("/calls", status_code=201)
async def open_call(body: Opening, door: TheDoor, who: Clerk) -> Response:
    """Open a call (公募) of the clerk's town."""
    return recorded(await door.act(who.party, who, lambda tx: commands.open_call(tx, body.event), ask=body))


@router.get("/calls")
async def list_calls(door: TheDoor) -> Response:
    """List the calls of all towns, newest first."""
    async with door.engine.connect() as connection:
        found = await connection.execute(text("SELECT * FROM public_calls()"))
        return JSONResponse({"calls": [shown(row) for row in found]})


@router.get("/calls/{number}")
async def show_call(number: Number, door: TheDoor) -> Response:
    """Show a call: rule, categories, window, spec and where it stands."""
    place = await find(door, number)
    async with door.look(place.tenant, public(place)) as connection:
        row = next(row for row in await views.opened(connection) if row.call == place.call)
        return JSONResponse(shown(row))


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
            "calls": [shown(call) for call in calls],
            "categories": categories,
            "applications": sum(each["applications"] for each in categories),
            "asked": sum(each["asked"] for each in categories),
            **counted,
        }
    )


@dataclass(frozen=True, slots=True)
class TakenFile:
    """What became, or would become, of a portal's file."""

    rows: int = 0
    new: int = 0
    known: int = 0
    refused: int = 0
    receipts: tuple[str, ...] = ()
    problems: tuple[portal.Problem, ...] = ()


async def take_file(
    door: Door, place: Place, who: Principal, content: bytes, request: UUID, *, preview: bool
) -> TakenFile:
    """Read a portal's file and record it, all or nothing; a preview writes nothing. Raises Invalid when too large."""
    if len(content) > FILE_BYTES_MAX:
        raise Invalid(
            "file-too-large",
            "ファイルが大きすぎます。5 MB までに分けて送ってください。",
            "The file is too large. Split it into files of at most 5 MB.",
            field="file",
        )

    async def take(tx: Transaction) -> TakenFile:
        return await _take_file(tx, place, content, preview=preview)

    ask = Imported(request=request, sha256=hashlib.sha256(content).hexdigest())
    try:
        return await door.act(place.tenant, who, take, ask=ask)
    except _Previewed as rolled_back:
        return rolled_back.would_be


class _Previewed(Exception):
    """Rolls the transaction back: a preview does the real thing up to the commit, so it cannot say anything else."""

    def __init__(self, would_be: TakenFile) -> None:
        super().__init__()
        self.would_be = would_be


async def _take_file(tx: Transaction, place: Place, content: bytes, *, preview: bool) -> TakenFile:
    data = await tx.connection.scalar(text("SELECT data FROM calls WHERE call = :call"), {"call": place.call})
    read = portal.read(content, CallOpened.model_validate(data).categories, tx.at)
    attested = [each for _, each in read.rows]
    marks = await commands.compare(tx, place.call, attested)
    problems = read.problems + tuple(
        portal.Problem(
            line,
            portal.COLUMNS["key"][0],
            "前に取り込んだ応募と、日時・区分・台数のどれかが違います。ポータルの記録と見比べてください。",
            "It differs from what was taken in before in time, category or units. Compare with the portal.",
        )
        for (line, _), mark in zip(read.rows, marks, strict=True)
        if mark == "changed"
    )
    counted = TakenFile(len(attested), marks.count("new"), marks.count("same"), problems=problems)
    if problems:
        return counted
    taken = await commands.record_all(tx, place.call, attested)
    counted = replace(counted, refused=sum(1 for each in taken if getattr(each.event, "reason", None)))
    if preview:
        raise _Previewed(counted)
    return replace(counted, receipts=tuple(each.event.receipt for each in taken))


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


def shown(row: Any) -> dict[str, Any]:
    """Return a call as the public sees it, with where it stands."""
    state = "settled" if row.allocated_at else "closed" if row.closed_at else "open"
    return {
        **row.data,
        "state": state,
        "closed_at": moment(row.closed_at) if row.closed_at else None,
        "allocated_at": moment(row.allocated_at) if row.allocated_at else None,
    }


def label_of(given: str) -> str:
    """Read a scanned label. Raises Invalid with the sentence for the one who scanned it."""
    return scanned(given).id


def _jsonable(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: moment(value) if hasattr(value, "astimezone") else value for name, value in facts.items()}


def _digest(asked: str) -> str:
    return hashlib.sha256(asked.encode()).hexdigest()


def _impersonal(asked: Ask) -> Request:
    return Request(id=asked.request, digest=_digest(asked.model_dump_json(exclude={"sent_at", *PERSONAL})))


def _applicant(asked: Applying | Keyed) -> Applicant:
    if not is_phone(asked.phone):
        raise Invalid(
            "bad-phone",
            "電話番号のけたが合いません。0233-43-2261 のように、市外局番から入れてください。",
            "The phone number's digits do not fit. Give it with its area code, as in 0233-43-2261.",
            field="phone",
        )
    return Applicant(
        group_name=asked.group,
        representative=asked.representative,
        address=asked.address,
        phone=asked.phone,
        mail=asked.mail,
        uses=asked.uses,
        purpose=asked.purpose,
        network=asked.network,
        consent_version=asked.consent_version,
    )
