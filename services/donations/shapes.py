"""What both doors of donations are asked: shapes with their bounds, and what each becomes."""

from hashlib import sha256
from typing import Annotated, Literal, get_args
from uuid import UUID

from fastapi import Depends, Path
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from services.donations.commands import Marked, Told
from services.donations.domain.applicant import Applicant, Attested, is_phone
from services.donations.domain.application import ClearedBy, Difficulty, ReturnReason, Use
from services.donations.domain.receipt import RECEIPT
from shared.door import Ask
from shared.entry import Request
from shared.events.donations import CallOpened, Category, Criterion, RoundOpened, Rule
from shared.events.refurb import Spec
from shared.identity import Principal, holding
from shared.refused import Invalid

UNITS_MAX = 999
USES_MAX = CATEGORIES_MAX = CRITERIA_MAX = 20
POINTS_MAX = 100
MARKS_MAX = 1_000

NUMBER = r"^[0-9]{6}-[0-9A-Z][0-9A-Z-]{0,20}$"
PRINTABLE = r"^[^\x00-\x1f\x7f]*$"
Number = Annotated[str, Path(pattern=NUMBER)]
Receipt = Annotated[str, Path(pattern=f"^{RECEIPT.pattern}$")]
Line = Annotated[str, Field(min_length=1, max_length=200, pattern=PRINTABLE)]
Optional = Annotated[str, Field(max_length=200, pattern=PRINTABLE)]
PROSE = r"^[^\x00-\x08\x0b\x0c\x0e-\x1f\x7f]*$"
Prose = Annotated[str, Field(max_length=2000, pattern=PROSE)]
Kinds = Annotated[tuple[Literal["notebook", "desktop"], ...], Field(min_length=1, max_length=2)]
Offered = Annotated[int, Field(ge=1, le=10_000)]
Keying = Literal["paper", "counter", "fax"]
KEYINGS: tuple[Keying, ...] = get_args(Keying)
Units = Annotated[int, Field(ge=1, le=UNITS_MAX)]
Code = Annotated[str, Field(pattern=r"^[a-z0-9-]{1,40}$")]
Passphrase = Annotated[str, Field(max_length=40)]
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


class GivenCriterion(Criterion):
    """A criterion of a review as typed, within bounds."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    code: Code
    name: Annotated[str, Field(min_length=1, max_length=100, pattern=PRINTABLE)]
    points_max: Annotated[int, Field(ge=1, le=POINTS_MAX)]


class Opening(Ask):
    """A call to be opened. The rule is said, never implied."""

    number: Annotated[str, Field(pattern=NUMBER)]
    title: Line
    rule: Rule
    item_kinds: Kinds
    units: Offered
    categories: Annotated[tuple[GivenCategory, ...], Field(min_length=1, max_length=CATEGORIES_MAX)]
    opens_at: AwareDatetime
    closes_at: AwareDatetime
    spec: GivenSpec
    consent: Annotated[Prose, Field(min_length=1)]
    consent_version: Line
    contact: Line
    criteria: Annotated[tuple[GivenCriterion, ...], Field(max_length=CRITERIA_MAX)] = ()

    @property
    def event(self) -> CallOpened:
        """What is asked for, as the event it becomes; the command gives it its stream."""
        asked = self.model_dump(exclude={"request", "captured_at", "sent_at"})
        return CallOpened.model_validate(asked | {"call": self.request})


class FurtherRound(Ask):
    """A further round of a call that was allocated."""

    item_kinds: Kinds
    units: Offered
    opens_at: AwareDatetime
    closes_at: AwareDatetime

    def event(self, call: UUID) -> RoundOpened:
        """Return what is asked for, as the event it becomes; the command numbers it."""
        asked = self.model_dump(exclude={"request", "captured_at", "sent_at"})
        return RoundOpened.model_validate(asked | {"call": call, "number": "-", "round": 2})


class Mark(BaseModel):
    """What a reviewer gives one application: points by criterion, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    receipt: Annotated[str, Field(pattern=f"^{RECEIPT.pattern}$")]
    points: dict[Code, Annotated[int, Field(ge=0, le=POINTS_MAX)]]
    reason: Annotated[Prose, Field(min_length=1)]


class Reviewing(Ask):
    """The marks of every application in the queue. The reasons are no part of what the ledger keeps of a request."""

    marks: Annotated[tuple[Mark, ...], Field(min_length=1, max_length=MARKS_MAX)]

    @property
    def identity(self) -> Request:
        """The request without the words of the reasons."""
        points = [f"{one.receipt}:{sorted(one.points.items())}" for one in self.marks]
        digest = self.identified_without("marks").digest + "".join(sorted(points))
        return Request(id=self.request, digest=sha256(digest.encode()).hexdigest())

    @property
    def marked(self) -> list[Marked]:
        """What the command is given."""
        return [Marked(one.receipt, one.points, one.reason) for one in self.marks]


class Confirming(Ask):
    """Which marks a second person looked at."""

    review: UUID


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
    channel: Keying = "paper"

    @property
    def attested(self) -> Attested:
        """What the clerk stands for."""
        return Attested(str(self.request), self.channel, self.category, self.units, self.arrived_at, self.applicant)


class Correcting(Application):
    """An application as its applicant corrects it, with what opens its receipt."""

    passphrase: Passphrase

    @property
    def identity(self) -> Request:
        """The request without anything personal, and without the passphrase."""
        return self.identified_without(*PERSONAL, "passphrase")


class Withdrawing(Ask):
    """An application is withdrawn by whoever holds its receipt and passphrase."""

    passphrase: Passphrase

    @property
    def identity(self) -> Request:
        """The request without the passphrase."""
        return self.identified_without("passphrase")


class Imported(Ask):
    """A portal's file, by its hash."""

    sha256: str


class HandingOver(Ask):
    """The machines at the counter, when they were scanned."""

    labels: Annotated[tuple[Line, ...], Field(min_length=1, max_length=200)] | None = None
    agreed: Line | None = None  # the version of what the recipient promised


class Grounds(Ask):
    """On what the town gives: 決裁番号 and 条例."""

    approval: Line
    basis: Line


class TakingBack(Ask):
    """Machines come back."""

    reason: ReturnReason


class Reoffering(Ask):
    """Machines that came back hold nobody's data any more."""

    method: ClearedBy


class Reported(Ask):
    """How the machines are used, told by the recipient: what can be tapped, so that nobody is named."""

    passphrase: Passphrase
    uses: Annotated[tuple[Use, ...], Field(min_length=1, max_length=USES_MAX)]
    difficulty: Difficulty | None = None
    difficulties: Annotated[tuple[Difficulty, ...], Field(max_length=USES_MAX)] = ()
    note: Prose = ""
    consent: bool = False
    interview: bool = False

    @property
    def identity(self) -> Request:
        """The request without the passphrase and the words."""
        return self.identified_without("passphrase", "note")

    def told(self, photo: bytes | None = None) -> Told:
        """Return what goes beside what is tapped."""
        return Told(self.difficulties, self.note, photo, self.consent, self.interview)


class ToldUse(Ask):
    """How the machines are used, as a clerk writes it down; no names."""

    uses: Annotated[tuple[Line, ...], Field(min_length=1, max_length=USES_MAX)]
    difficulty: Line | None = None


class Look(BaseModel):
    """A receipt and what opens it; in a body, so that no log of addresses keeps it."""

    model_config = ConfigDict(extra="forbid")
    receipt: Annotated[str, Field(max_length=40)]
    passphrase: Passphrase
