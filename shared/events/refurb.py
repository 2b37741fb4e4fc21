"""What refurb publishes: the second life of a chassis. One stream a work order, derived from the item."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from shared.entry import Event
from shared.events.tracking import ItemKind, Part


class PlanStep(Part):
    """One step of the work on a chassis: the code that entries name it by, and its word in both languages."""

    code: str
    ja: str
    en: str


class Spec(Part):
    """What the recipient gets. The operating system is data: the pilot's is past its end of support."""

    os: str
    ssd_gb: int
    memory_gb: int
    office: str
    support_months: int
    os_licence: str | None = None  # how it may run it: a programme's certificate, a reused key's last digits
    office_licence: str | None = None


class Weight(Part):
    """Kilograms of one material."""

    material: Literal["ferrous", "non-ferrous", "plastic", "circuit-board", "battery", "other"]
    kg: float = Field(gt=0)


class Picture(Part):
    """A photo in its original bytes under its hash, and the copy without EXIF that pages show."""

    sha256: str
    copy_sha256: str


class CandidateAccepted(Event):
    """The centre's refurbisher accepted the chassis, with a grade, its reasons and what it looks like."""

    kind: ClassVar[str] = "refurb.candidate-accepted.v1"
    item: UUID
    label: str
    item_kind: ItemKind
    grade: Literal["A", "B", "C"]
    reasons: tuple[str, ...]
    photos: tuple[Picture, ...] = ()
    steps: tuple[PlanStep, ...] = ()  # of the engagement on that day; none: the pilot's


class CandidateRejected(Event):
    """The chassis goes to recycling after all."""

    kind: ClassVar[str] = "refurb.candidate-rejected.v1"
    item: UUID
    label: str
    reasons: tuple[str, ...]


class WorkStarted(Event):
    """A work order was opened because the chassis was named a candidate, or was sent to recycling."""

    kind: ClassVar[str] = "refurb.work-started.v1"
    item: UUID
    label: str
    item_kind: ItemKind
    route: Literal["reuse", "recycle"]


class PartReplaced(Event):
    """A new medium went into the chassis (換装), tied to it by its serial."""

    kind: ClassVar[str] = "refurb.part-replaced.v1"
    item: UUID
    part: Literal["ssd"]
    maker: str | None = None
    model: str
    serial: str
    capacity_gb: int


class PlanSet(Event):
    """The centre said which steps chassis of an engagement go through from now on, before their delivery."""

    kind: ClassVar[str] = "refurb.plan-set.v1"
    engagement: UUID
    steps: tuple[PlanStep, ...]


class StepDone(Event):
    """A step of the plan was done, or the delivery that ends it."""

    kind: ClassVar[str] = "refurb.step-done.v1"
    item: UUID
    step: str
    name: PlanStep | None = None  # of a step that is not among the pilot's: its words go with it
    note: str | None = None
    photos: tuple[Picture, ...] = ()


class Ready(Event):
    """Refurbished: every original medium is accounted for and every step before delivery is done."""

    kind: ClassVar[str] = "refurb.ready.v1"
    item: UUID
    label: str
    item_kind: ItemKind
    grade: Literal["A", "B", "C"]
    spec: Spec


class DeliveredToTown(Event):
    """The centre sent the machine to the town: the centre's count."""

    kind: ClassVar[str] = "refurb.delivered-to-town.v1"
    item: UUID
    label: str
    item_kind: ItemKind


Channel = Literal["phone", "remote", "mail", "visit"]
Trouble = Literal["start", "network", "printer", "screen", "software", "account", "parts", "other"]
Outcome = Literal["solved", "open", "replaced"]


class SupportContacted(Event):
    """The recipient asked for help, and what came of it. No free text: it would hold who rang, for ever."""

    kind: ClassVar[str] = "refurb.support-contacted.v1"
    item: UUID
    label: str
    channel: Channel
    trouble: Trouble
    outcome: Outcome
    minutes: int | None = Field(default=None, ge=0)
    in_term: bool  # of the support that came with the machine, counted on the day of the contact


class Recycled(Event):
    """The chassis went to material under a waste manifest; weighed by itself, or with others in a consignment."""

    kind: ClassVar[str] = "refurb.recycled.v1"
    item: UUID
    label: str
    weights: tuple[Weight, ...] = ()  # none of a chassis that was weighed together with others
    manifest: str
    operator: str  # the downstream recycler
    consignment: UUID | None = None


class Consigned(Event):
    """Chassis of one engagement left together under one waste manifest (産業廃棄物管理票), weighed on one scale."""

    kind: ClassVar[str] = "refurb.consigned.v1"
    consignment: UUID
    engagement: UUID
    manifest: str
    operator: str  # the downstream recycler
    labels: tuple[str, ...] = Field(min_length=1)
    kg: float = Field(gt=0)  # what went in
    tolerance: float = Field(ge=0, le=0.2)  # the share of it that may stay unexplained, agreed when it left


class Document(Part):
    """A paper of somebody else's, kept in its original bytes under its hash."""

    sha256: str
    filename: str


class MaterialReported(Event):
    """What the downstream recycler made of a consignment. A later report stands for an earlier one, which stays."""

    kind: ClassVar[str] = "refurb.material-reported.v1"
    consignment: UUID
    weights: tuple[Weight, ...] = Field(min_length=1)
    loss_kg: float = Field(ge=0)  # dust, water, what is thrown away: said, not computed
    certificate: Document | None = None  # the recycler's own
    reason: str | None = None  # why an earlier report was wrong
