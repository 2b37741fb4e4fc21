"""What tracking publishes: parties and engagements, policy, items, cages, custody.

One stream a party, an engagement, a policy of a town, an item, a lot, a cage and a discrepancy.
"""

from datetime import date, datetime
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict, Field

from shared.entry import Event
from shared.levels import Level

PartyKind = Literal["town", "centre", "carrier", "platform"]
ItemKind = Literal["notebook", "desktop", "loose-drive"]
MediumKind = Literal["hdd", "ssd", "nvme", "unknown"]
Zone = Literal["mynumber", "lgwan", "internet"]
Confidentiality = Literal["3", "3A", "3B", "3C", "2", "1"]
Assurance = Literal["witnessed", "onsite_erase_plus_certificate", "both"]


class Part(BaseModel):
    """A value inside an event."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class Required(Part):
    """What the town's policy asks of each medium of an item; only tracking interprets policy."""

    media_class: Literal[1, 2, 3]
    on_site: Level | None = None  # least level to be proved before the medium leaves the town hall
    at_centre: Level | None = None  # least level at the contractor
    assurance: Assurance
    policy_version: str


class Medium(Part):
    """A storage medium as registered. `id` is its own stream in erasure."""

    id: UUID
    kind: MediumKind
    serial: str
    maker: str | None = None
    model: str | None = None
    capacity_gb: int | None = None


class Lease(Part):
    """A leased machine: its media are destroyed like the rest, its chassis goes back and is never donated."""

    lessor: str
    clause: str


class PartyAdded(Event):
    """A town, a centre, a carrier or the platform joined. The tenant of this entry is the party itself."""

    kind: ClassVar[str] = "tracking.party-added.v1"
    party: str
    party_kind: PartyKind
    name: str
    code: str | None = None  # 全国地方公共団体コード, six digits, of a town
    kana: str | None = None
    address: str | None = None
    contact: str | None = None  # the desk: phone, Fax


class EngagementOpened(Event):
    """A centre (and its carrier) may act for a town, from a date to a date, under a contract."""

    kind: ClassVar[str] = "tracking.engagement-opened.v1"
    engagement: UUID
    town: str
    centre: str
    carrier: str | None = None
    title: str
    contract: str
    starts_on: date
    ends_on: date
    certificate_days: int = Field(ge=1)  # 提出期限: days from receipt


class EngagementEnded(Event):
    """The engagement is over: no further step by the centre, a fact is still taken in and flagged."""

    kind: ClassVar[str] = "tracking.engagement-ended.v1"
    engagement: UUID
    town: str
    centre: str


class PolicyRow(Part):
    """One row of a policy table: which media, and what is asked of them."""

    zone: Zone
    confidentiality: Confidentiality
    media_class: Literal[1, 2, 3]
    on_site: Level | None = None
    at_centre: Level | None = None
    assurance: Assurance
    unconfirmed: tuple[str, ...] = ()  # names of the fields whose wording no public source confirms


class PolicySet(Event):
    """The town put a policy table into force. Later items carry its version."""

    kind: ClassVar[str] = "tracking.policy-set.v1"
    town: str
    version: str
    source: str  # the guideline's version it was made from, e.g. "MIC R2.12"
    rows: tuple[PolicyRow, ...]


class Mapped(Part):
    """What a town's own inventory means: its heads and words beside ours."""

    columns: dict[str, str] = {}  # their head → our field; "" for a column that is not read
    words: dict[str, dict[str, str]] = {}  # our field → {their word: what it means}
    always: dict[str, str] = {}  # our field → what every row means where no column says it; "" for no longer


class ColumnsMapped(Event):
    """The town said which column and which word of its own inventory means what; the newest holds."""

    kind: ClassVar[str] = "tracking.columns-mapped.v1"
    town: str
    mapped: Mapped


class ItemRegistered(Event):
    """A device got its label and entered custody (登録)."""

    kind: ClassVar[str] = "tracking.item-registered.v1"
    item: UUID
    label: str
    token_sha256: str | None = None  # of the QR's token: who holds the label may look and may report a fact
    engagement: UUID
    item_kind: ItemKind
    maker: str | None = None
    model: str | None = None
    serial: str | None = None
    asset_number: str | None = None
    department: str | None = None
    zone: Zone
    confidentiality: Confidentiality
    lease: Lease | None = None
    media: tuple[Medium, ...]
    required: Required


class RequirementChanged(Event):
    """A stricter (or newer) requirement for an item's media."""

    kind: ClassVar[str] = "tracking.requirement-changed.v1"
    item: UUID
    required: Required
    reason: str


class Corrected(Event):
    """A registered value was wrong; the entry that was wrong stays."""

    kind: ClassVar[str] = "tracking.corrected.v1"
    item: UUID
    field: str
    was: str | None = None
    now: str | None = None
    reason: str


class LabelsDrawn(Event):
    """A roll of labels was drawn before anybody knows which machine gets which. Their texts are no history."""

    kind: ClassVar[str] = "tracking.labels-drawn.v1"
    roll: UUID
    engagement: UUID
    count: int = Field(ge=1)


class LabelBound(Event):
    """A machine got another label than it had; from here it is known by this one. The old one names nothing more."""

    kind: ClassVar[str] = "tracking.label-bound.v1"
    item: UUID
    label: str
    before: str
    token_sha256: str  # of the new label's QR token


class LotRegistered(Event):
    """Things without media, counted and not labelled one by one: monitors, keyboards."""

    kind: ClassVar[str] = "tracking.lot-registered.v1"
    lot: UUID
    label: str
    engagement: UUID
    lot_kind: Literal["monitor", "keyboard", "other"]
    count: int = Field(ge=1)


class LotMoved(Event):
    """A lot changed hands with the count seen by the receiver."""

    kind: ClassVar[str] = "tracking.lot-moved.v1"
    lot: UUID
    step: Literal["shipped-out", "received"]
    count: int = Field(ge=0)


class LotClosed(Event):
    """A lot, or a part of it, reached its end: recycled or given back, by count and, where it was weighed, weight."""

    kind: ClassVar[str] = "tracking.lot-closed.v1"
    lot: UUID
    fate: Literal["recycled", "returned"]
    count: int = Field(ge=1)
    weight_kg: float | None = Field(default=None, gt=0)
    receipt: str  # the number of the 管理票 or of the lessor's receipt


class SealPhoto(Part):
    """What a seal or a lock looked like when it was put on; the original lies under its hash, untouched."""

    sha256: str
    role: Literal["seal", "lock"]
    taken_at: datetime | None = None


class CageSealed(Event):
    """A cage was loaded, locked and sealed; from here its content is the manifest."""

    kind: ClassVar[str] = "tracking.cage-sealed.v1"
    cage: UUID
    number: str  # what is painted on it
    engagement: UUID
    seal: str
    items: tuple[UUID, ...]
    photos: tuple[SealPhoto, ...] = ()  # none: nobody took one


class CageOpened(Event):
    """A cage arrived: the seal as seen, and what was scanned out of it."""

    kind: ClassVar[str] = "tracking.cage-opened.v1"
    cage: UUID
    engagement: UUID
    seal_seen: str
    seal_matches: bool
    expected: int
    found: int
    missing: tuple[UUID, ...] = ()
    surplus: tuple[UUID, ...] = ()


class ShippedOut(Event):
    """An item left the town hall in a sealed cage, in the hands of the carrier (出庫)."""

    kind: ClassVar[str] = "tracking.shipped-out.v1"
    item: UUID
    cage: UUID
    seal: str
    carrier: str
    vehicle: str | None = None


class Received(Event):
    """An item was scanned in at the centre (入庫). The deadline of its certificates runs from here."""

    kind: ClassVar[str] = "tracking.received.v1"
    item: UUID
    cage: UUID | None = None
    centre: str


class TakenOver(Event):
    """The town scanned a reborn machine at its own door: the town's count."""

    kind: ClassVar[str] = "tracking.taken-over.v1"
    item: UUID


class DiscrepancyFound(Event):
    """Two counts do not agree, and the difference has names."""

    kind: ClassVar[str] = "tracking.discrepancy-found.v1"
    discrepancy: UUID
    about: Literal["receipt", "delivery", "reopened", "lot"]
    cage: UUID | None = None
    items: tuple[UUID, ...]
    reason: str
    second: str  # the other person who looked
    seal: str | None = None  # of a cage whose seal was not the one put on, with what was seen instead
    seal_seen: str | None = None
    lot: UUID | None = None
    step: Literal["shipped-out", "received"] | None = None  # where the lot was counted
    expected: int | None = None  # the count of the hand before
    counted: int | None = None


class DiscrepancyResolved(Event):
    """What resolved it: found, replaced, or lost; never a mere wish to close."""

    kind: ClassVar[str] = "tracking.discrepancy-resolved.v1"
    discrepancy: UUID
    outcome: Literal["found", "replaced", "lost"]
    explanation: str
    replacements: tuple[UUID, ...] = ()  # the items that were meant, of "replaced"


class Sighted(Event):
    """An item was scanned where nobody expected a step: it is here, in the hands of the party that scanned it."""

    kind: ClassVar[str] = "tracking.sighted.v1"
    item: UUID


class LostMedium(Part):
    """A medium that is lost, with what was proved of it before."""

    medium: UUID
    serial: str
    proved: Level | None = None
    proved_at: datetime | None = None


class LossReported(Event):
    """An item, or media of it, cannot be found (滅失・漏えいのおそれ). The report to the authority runs from here."""

    kind: ClassVar[str] = "tracking.loss-reported.v1"
    loss: UUID
    item: UUID
    label: str
    media: tuple[LostMedium, ...]
    media_class: Literal[1, 2, 3]
    zone: Zone
    confidentiality: Confidentiality
    last_party: str | None = None  # who had it last, by the last scan, and since when
    last_since: datetime | None = None
    last_kind: str | None = None  # the record that says so
    discrepancy: UUID | None = None  # the difference it came from
    reason: str


class LossNotified(Event):
    """The town reported a loss to the 個人情報保護委員会, or judged that it need not; the clock of that stage stops."""

    kind: ClassVar[str] = "tracking.loss-notified.v1"
    loss: UUID
    item: UUID
    stage: Literal["speedy", "final"]
    notified_on: date
    reference: str  # the receipt's number, or the reason why no report is owed


class LossEnded(Event):
    """What was lost is found: a person confirmed the finding that a later record shows."""

    kind: ClassVar[str] = "tracking.loss-ended.v1"
    loss: UUID
    item: UUID
    evidence: UUID  # the entry that shows it
    explanation: str


class ExceptionRequested(Event):
    """A medium cannot be erased on site; destroy only, with a witness, if another person approves."""

    kind: ClassVar[str] = "tracking.exception-requested.v1"
    item: UUID
    medium: UUID
    reason: str
    witness: str


class ExceptionApproved(Event):
    """The town's approver, another person, allowed a medium to leave without the level on site."""

    kind: ClassVar[str] = "tracking.exception-approved.v1"
    item: UUID
    medium: UUID
    reason: str
    witness: str
    approver: str


class MediumCleared(Event):
    """All that the policy asks of this medium is proved: its chassis need not wait for it any more."""

    kind: ClassVar[str] = "tracking.medium-cleared.v1"
    item: UUID
    medium: UUID
    media_open: int = Field(ge=0)  # original media of the item that are still unaccounted for


class MediumReopened(Event):
    """Later evidence took the clearance back."""

    kind: ClassVar[str] = "tracking.medium-reopened.v1"
    item: UUID
    medium: UUID
    reason: str


class ReuseCandidateNamed(Event):
    """The centre named the chassis a candidate for a second life."""

    kind: ClassVar[str] = "tracking.reuse-candidate-named.v1"
    item: UUID
    label: str
    item_kind: ItemKind
    maker: str | None = None
    model: str | None = None
    media: tuple[UUID, ...]


class RecyclingChosen(Event):
    """The centre sent the chassis straight to material recycling."""

    kind: ClassVar[str] = "tracking.recycling-chosen.v1"
    item: UUID
    label: str
    item_kind: ItemKind
    reason: str | None = None


class ClosedStep(Part):
    """One of the six steps, as the tracking certificate lists it."""

    step: Literal["registered", "erased", "shipped-out", "received", "destroyed", "closed"]
    occurred_at: datetime
    entry: UUID | None = None


class CustodyClosed(Event):
    """All media of the item are accounted for and certified (終了). Custody is about data; the chassis goes on."""

    kind: ClassVar[str] = "tracking.custody-closed.v1"
    item: UUID
    label: str
    steps: tuple[ClosedStep, ...]
    certificates: tuple[str, ...]
