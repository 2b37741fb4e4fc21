"""An item from its label to the end of its custody."""

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from shared.entry import Event
from shared.events.tracking.part import Confidentiality, ItemKind, Lease, Medium, Part, Required, Zone


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


class MediumCorrected(Event):
    """A registered value of one medium was wrong; the entry that was wrong stays, and so does what it proved."""

    kind: ClassVar[str] = "tracking.medium-corrected.v1"
    item: UUID
    medium: UUID
    field: Literal["kind", "serial", "maker", "model", "capacity_gb"]
    was: str | int | None = None
    now: str | int | None = None
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


class ShippedOut(Event):
    """An item left the town hall in a sealed cage, in the hands of the carrier (出庫)."""

    kind: ClassVar[str] = "tracking.shipped-out.v1"
    item: UUID
    cage: UUID
    seal: str
    carrier: str
    vehicle: str | None = None
    policy_version: str | None = None  # of the town's table it was measured by


class Received(Event):
    """An item was scanned in at the centre (入庫). The deadline of its certificates runs from here."""

    kind: ClassVar[str] = "tracking.received.v1"
    item: UUID
    cage: UUID | None = None
    centre: str
    policy_version: str | None = None  # of the town's table it was measured by


class TakenOver(Event):
    """The town scanned a reborn machine at its own door: the town's count."""

    kind: ClassVar[str] = "tracking.taken-over.v1"
    item: UUID


class Sighted(Event):
    """An item was scanned where nobody expected a step: it is here, in the hands of the party that scanned it."""

    kind: ClassVar[str] = "tracking.sighted.v1"
    item: UUID


class BreachExplained(Event):
    """A person says why a recorded fact breaks what it breaks, where nothing else explains it. The flag stays."""

    kind: ClassVar[str] = "tracking.breach-explained.v1"
    item: UUID
    fact: UUID  # the entry that breaks it
    code: str  # what it breaks, by the rules of its day
    reason: str
    second: str | None = None  # the other person who looked


class ExceptionRequested(Event):
    """A medium cannot be erased on site; destroy only, with a witness, if another person approves."""

    kind: ClassVar[str] = "tracking.exception-requested.v1"
    item: UUID
    medium: UUID
    reason: str
    witness: str
    policy_version: str | None = None  # of the town's table it was measured by


class ExceptionApproved(Event):
    """The town's approver, another person, allowed a medium to leave without the level on site."""

    kind: ClassVar[str] = "tracking.exception-approved.v1"
    item: UUID
    medium: UUID
    reason: str
    witness: str
    approver: str
    policy_version: str | None = None  # of the town's table it was measured by


class MediumCleared(Event):
    """All that the policy asks of this medium is proved: its chassis need not wait for it any more."""

    kind: ClassVar[str] = "tracking.medium-cleared.v1"
    item: UUID
    medium: UUID
    media_open: int = Field(ge=0)  # original media of the item that are still unaccounted for
    policy_version: str | None = None  # of the town's table it was measured by


class MediumReopened(Event):
    """Later evidence took the clearance back."""

    kind: ClassVar[str] = "tracking.medium-reopened.v1"
    item: UUID
    medium: UUID
    reason: str
    policy_version: str | None = None  # of the town's table it was measured by


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
    policy_version: str | None = None  # of the town's table it was measured by
