"""What moves together: lots and cages, and the differences between two counts."""

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from shared.entry import Event
from shared.events.tracking.part import Part


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
