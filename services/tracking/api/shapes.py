"""What tracking's HTTP door takes in and answers: one shape a body."""

import hashlib
from datetime import date, datetime
from typing import Annotated, Literal
from uuid import UUID

from pydantic import AfterValidator, AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel

from services.tracking.commands.scans import Scanned, Step
from services.tracking.domain.conformance import Code
from services.tracking.domain.policy import ROWS_MAX, Source
from services.tracking.domain.width import plain
from shared.deadline import DaysKind
from shared.door import Ask
from shared.entry import Request
from shared.events.tracking import Assurance, PolicyRow
from shared.identity import Role
from shared.ids import LABEL_INPUT_MAX
from shared.levels import Level
from shared.mail import EMAIL, EMAIL_LENGTH_MAX
from shared.web.scans import SCANS_MAX

PartyId = Annotated[str, Field(pattern=r"^(town|centre|carrier)-[a-z0-9-]{1,40}$")]
Said = Annotated[str, Field(min_length=1, max_length=500)]
Hash = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Numbered = Annotated[str, AfterValidator(plain), Field(min_length=1, max_length=500)]  # of a cage or a seal


class NewTown(Ask):
    """A municipality by its code; its name comes from the list."""

    code: Annotated[str, Field(min_length=6, max_length=6)]
    simulated: bool = False  # a party of its own beside the real town, with the mark of a simulation in its name
    address: Annotated[str, Field(max_length=200)] | None = None
    contact: Annotated[str, Field(max_length=200)] | None = None


class NewParty(Ask):
    """A centre or a carrier."""

    party: PartyId
    kind: Literal["centre", "carrier"]
    name: Said
    address: Annotated[str, Field(max_length=200)] | None = None
    contact: Annotated[str, Field(max_length=200)] | None = None


class NewPerson(BaseModel):
    """A person of a party, for the deletable directory."""

    model_config = ConfigDict(extra="forbid")
    person: Annotated[str, Field(pattern=r"^[a-z0-9-]{2,40}$")]
    party: PartyId | Literal["platform"]
    name: Said
    title: Annotated[str, Field(max_length=100)] | None = None
    contact: Annotated[str, Field(max_length=200)] | None = None
    email: Annotated[str, Field(pattern=EMAIL.pattern, max_length=EMAIL_LENGTH_MAX)] | None = None
    roles: list[Role]


class NewEngagement(Ask):
    """A dated contract by which a centre acts for this town."""

    centre: PartyId
    carrier: PartyId | None = None
    title: Said
    contract: Said
    starts_on: date
    ends_on: date
    certificate_days: Annotated[int, Field(ge=1, le=3650)] = 43
    certificate_days_kind: DaysKind = "calendar"
    certificate_by: date | None = None


class NewPolicy(Ask):
    """A policy table: the guideline's own with the town's choices, or rows of the town's."""

    version: Said
    source: Source = "MIC R2.12"
    on_site: Level = Level.CLEAR
    assurance: Assurance = "onsite_erase_plus_certificate"
    rows: Annotated[tuple[PolicyRow, ...], Field(max_length=ROWS_MAX)] | None = None


class Raise(Ask):
    """The least that one job asks beyond the town's policy; what is left out stays the policy's."""

    on_site: Level | None = None
    at_centre: Level | None = None
    assurance: Literal["both"] | None = None
    reason: Said


class NewLot(Ask):
    """Things without media, counted."""

    engagement: UUID
    kind: Literal["monitor", "keyboard", "other"]
    count: Annotated[int, Field(ge=1, le=100_000)]


class Binding(Ask):
    """Two scans: a label of a roll, and a number that is on the machine."""

    label: Annotated[str, Field(max_length=LABEL_INPUT_MAX)]
    serial: Annotated[str, Field(min_length=1, max_length=200)]


class LotCount(Ask):
    """What the one who gives a lot away, or takes it, counted."""

    step: Literal["shipped-out", "received"]
    count: Annotated[int, Field(ge=0, le=100_000)]
    reason: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    second: Annotated[str, Field(min_length=1, max_length=64)] | None = None


class LotEnd(Ask):
    """How a lot, or a part of it, ended."""

    fate: Literal["recycled", "returned"]
    count: Annotated[int, Field(ge=1, le=100_000)]
    weight_kg: Annotated[float, Field(gt=0, le=1_000_000)] | None = None
    receipt: Annotated[str, Field(min_length=1, max_length=100)]


class Scan(BaseModel):
    """One scan of a batch, as the capture module sends it; `work` is the step it records."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)
    request_id: UUID
    work: Step
    label: Annotated[str, Field(max_length=LABEL_INPUT_MAX)]
    token: Annotated[str, Field(max_length=20)] | None = None
    captured_at: AwareDatetime | None = None

    def asked(self, item: UUID, sent_at: datetime | None, received: datetime) -> Scanned:
        """Return the scan with its item, its request and its time by our clock.

        A field left at its default is no part of the digest: a scan queued before an upgrade that
        adds a field still repeats itself.
        """
        ask = Ask(request=self.request_id, captured_at=self.captured_at, sent_at=sent_at)
        said = self.model_dump_json(exclude={"label", "token"}, exclude_unset=True, exclude_none=True).encode()
        digest = hashlib.sha256(said + item.bytes).hexdigest()
        request = Request(id=self.request_id, digest=digest, clock_off_s=ask.clock_off_s(received))
        return Scanned(item, self.work, request, ask.occurred_at(received))


class Scans(BaseModel):
    """What a device sends at once; each scan has its own request id and its own result."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)
    sent_at: AwareDatetime | None = None
    scans: Annotated[tuple[Scan, ...], Field(min_length=1, max_length=SCANS_MAX)]


class Explanation(Ask):
    """Why a recorded fact breaks what it breaks, and who else looked."""

    fact: UUID
    code: Code
    reason: Said
    second: Annotated[str, Field(min_length=1, max_length=64)] | None = None


class Sealing(Ask):
    """A cage, its seal, and what was scanned into it."""

    engagement: UUID
    number: Numbered
    seal: Numbered
    labels: Annotated[list[str], Field(max_length=200)]
    seal_photo: Hash | None = None  # by the hash that `/cages/photos` answered
    lock_photo: Hash | None = None


class HandOver(Ask):
    """The cage goes into the carrier's hands."""

    vehicle: Annotated[str, Field(max_length=100)] | None = None


class Receipt(Ask):
    """What came out of a cage; a difference needs a reason and a second person."""

    seal_seen: Numbered
    labels: Annotated[list[str], Field(max_length=200)]
    reason: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    second: Annotated[str, Field(min_length=1, max_length=64)] | None = None


class Resolution(Ask):
    """What resolved a difference."""

    outcome: Literal["found", "replaced", "lost"]
    explanation: Said
    replacements: Annotated[tuple[str, ...], Field(max_length=100)] = ()


class Loss(Ask):
    """An item that cannot be found, or only these media of it."""

    reason: Said
    media: Annotated[tuple[UUID, ...], Field(max_length=100)] = ()


class LossReport(Ask):
    """That the town reported a loss, or why it need not."""

    stage: Literal["speedy", "final"]
    notified_on: date
    reference: Said


class LossEnd(Ask):
    """How it was found."""

    explanation: Said


class Exemption(Ask):
    """A medium that cannot be erased on site."""

    reason: Said
    witness: Annotated[str, Field(min_length=1, max_length=64)]
    medium: UUID | None = None


class Decision(Ask):
    """A step about one item that needs no more than the label."""

    medium: UUID | None = None


class Recycling(Ask):
    """Why the chassis goes to recycling."""

    reason: Annotated[str, Field(max_length=200)] | None = None


class Difference(Ask):
    """Why a machine counted by one party was not counted by the other."""

    reason: Said
    second: Annotated[str, Field(min_length=1, max_length=64)]
