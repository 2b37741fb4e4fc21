"""What refurb publishes: the second life of a chassis. One stream a work order, derived from the item."""

from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from shared.entry import Event
from shared.events.tracking import ItemKind, Part

Step = Literal["ssd", "os", "cleaning", "support", "delivery"]
STEPS: tuple[Step, ...] = ("ssd", "os", "cleaning", "support", "delivery")


class Spec(Part):
    """What the recipient gets. The operating system is data: the pilot's is past its end of support."""

    os: str
    ssd_gb: int
    memory_gb: int
    office: str
    support_months: int


class Weight(Part):
    """Kilograms of one material."""

    material: Literal["ferrous", "non-ferrous", "plastic", "circuit-board", "battery", "other"]
    kg: float = Field(gt=0)


class CandidateAccepted(Event):
    """The centre's refurbisher accepted the chassis, with a grade and its reasons."""

    kind: ClassVar[str] = "refurb.candidate-accepted.v1"
    item: UUID
    label: str
    item_kind: ItemKind
    grade: Literal["A", "B", "C"]
    reasons: tuple[str, ...]


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


class StepDone(Event):
    """One of the pilot's five steps was done."""

    kind: ClassVar[str] = "refurb.step-done.v1"
    item: UUID
    step: Step
    note: str | None = None


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


class Recycled(Event):
    """The chassis became material, with weights and the waste manifest's number."""

    kind: ClassVar[str] = "refurb.recycled.v1"
    item: UUID
    label: str
    weights: tuple[Weight, ...] = Field(min_length=1)
    manifest: str
    operator: str  # the downstream recycler
