"""What both doors of donations take in: shapes of what is asked, whose call or receipt it is, a portal's file."""

import hashlib
import hmac
import re
import unicodedata
from dataclasses import dataclass, replace
from typing import Annotated, Literal
from uuid import UUID

from fastapi import Depends, Path
from limits import RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from sqlalchemy import select, text
from starlette.exceptions import HTTPException

from services.donations import commands
from services.donations.domain import portal
from services.donations.domain.applicant import Applicant, Attested, is_phone
from services.donations.domain.application import Difficulty, Use
from services.donations.domain.receipt import RECEIPT, hashed
from services.donations.tables import applicants
from shared.database import Transaction
from shared.door import Ask, Door, scanned
from shared.entry import Request
from shared.events.donations import CallOpened, Category
from shared.events.refurb import Spec
from shared.identity import Principal, holding
from shared.refused import Forbidden, Invalid, Unknown

UNITS_MAX = 999
USES_MAX = CATEGORIES_MAX = 20
FILE_BYTES_MAX = 5 * 1024 * 1024
PROBLEMS_SHOWN_MAX = 100
GUESSES = RateLimitItemPerMinute(10)  # wrong passphrases for one receipt and process; 40 bits outlast anybody
_guesses = MovingWindowRateLimiter(MemoryStorage())

_CALL = text("SELECT call, tenant FROM public_call(:number)")
_RECEIPT = text("SELECT application, call, tenant, number FROM public_receipt(:receipt)")

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


class GivenSpec(Spec):
    """The specification as typed, within bounds."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    os: Line
    ssd_gb: Annotated[int, Field(ge=1, le=99_999)]
    memory_gb: Annotated[int, Field(ge=1, le=9_999)]
    office: Line
    support_months: Annotated[int, Field(ge=0, le=120)]


class GivenCategory(Category):
    """A category as typed, within bounds."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    code: Code
    name: Annotated[str, Field(min_length=1, max_length=100, pattern=PRINTABLE)]
    cap: Units


class Opening(Ask):
    """A call to be opened. The rule is said, never implied."""

    number: Annotated[str, Field(pattern=NUMBER)]
    title: Line
    rule: Literal["first-come"]
    item_kinds: Annotated[tuple[Literal["notebook", "desktop"], ...], Field(min_length=1, max_length=2)]
    units: Annotated[int, Field(ge=1, le=10_000)]
    categories: Annotated[tuple[GivenCategory, ...], Field(min_length=1, max_length=CATEGORIES_MAX)]
    opens_at: AwareDatetime
    closes_at: AwareDatetime
    spec: GivenSpec
    consent: Annotated[Prose, Field(min_length=1)]
    consent_version: Line
    contact: Line

    @property
    def event(self) -> CallOpened:
        """What is asked for, as the event it becomes; the command gives it its stream."""
        asked = self.model_dump(exclude={"request", "captured_at", "sent_at"})
        return CallOpened.model_validate(asked | {"call": self.request})


class Application(Ask):
    """Who applies for what. Personal data stays out of what the ledger keeps of a request, its digest too."""

    category: Code
    units: Units
    group: Line
    representative: Line
    address: Line
    phone: Line
    mail: Optional = ""
    uses: Annotated[tuple[Use, ...], Field(max_length=USES_MAX)] = ()
    network: bool | None = None
    purpose: Prose = ""
    consent_version: Optional = ""

    @property
    def identity(self) -> Request:
        """The request without anything personal; another applicant under the same id is told by the applicants' row."""
        return self.identified_without(*PERSONAL)

    @property
    def applicant(self) -> Applicant:
        """Who applies. Raises Invalid for a phone number that cannot be one."""
        if not is_phone(self.phone):
            raise Invalid(
                "bad-phone",
                "電話番号のけたが合いません。0233-43-2261 のように、市外局番から入れてください。",
                "The phone number's digits do not fit. Give it with its area code, as in 0233-43-2261.",
                field="phone",
            )
        return Applicant(
            group_name=self.group,
            representative=self.representative,
            address=self.address,
            phone=self.phone,
            mail=self.mail,
            uses=self.uses,
            purpose=self.purpose,
            network=self.network,
            consent_version=self.consent_version,
        )


class Applying(Application):
    """An application of the web form: all of it is asked for, the consent too."""

    uses: Annotated[tuple[Use, ...], Field(min_length=1, max_length=USES_MAX)]
    network: bool
    consent: Literal[True]
    consent_version: Line


class Keyed(Application):
    """An application on paper or by fax, keyed by a clerk who says when it arrived; paper may leave things out."""

    arrived_at: AwareDatetime

    @property
    def attested(self) -> Attested:
        """What the clerk stands for."""
        return Attested(str(self.request), "paper", self.category, self.units, self.arrived_at, self.applicant)


class Imported(Ask):
    """A portal's file, by its hash."""

    sha256: str


class HandingOver(Ask):
    """The machines at the counter, when they were scanned."""

    labels: Annotated[tuple[Line, ...], Field(min_length=1, max_length=200)] | None = None


class Reported(Ask):
    """How the machines are used, told by the recipient: what can be tapped, so that nobody is named."""

    passphrase: Annotated[str, Field(max_length=40)]
    uses: Annotated[tuple[Use, ...], Field(min_length=1, max_length=USES_MAX)]
    difficulty: Difficulty | None = None

    @property
    def identity(self) -> Request:
        """The request without the passphrase."""
        return self.identified_without("passphrase")


class ToldUse(Ask):
    """How the machines are used, as a clerk writes it down; no names."""

    uses: Annotated[tuple[Line, ...], Field(min_length=1, max_length=USES_MAX)]
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
        async with door.asking() as connection:
            row = (await connection.execute(_CALL, {"number": number})).one_or_none()
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
    given = unicodedata.normalize("NFKC", receipt).strip()
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
    async with door.asking() as connection:
        row = (await connection.execute(_RECEIPT, {"receipt": receipt})).one_or_none()
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


def label_of(given: str) -> str:
    """Read a scanned label. Raises Invalid with the sentence for the one who scanned it."""
    return scanned(given).id


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
