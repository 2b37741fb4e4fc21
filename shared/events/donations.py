"""What donations publishes. No name of an applicant ever enters here: names stay in one deletable table."""

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from shared.entry import Event
from shared.events.refurb import Spec
from shared.events.tracking import ItemKind, Part

Channel = Literal["web", "paper", "portal"]


class Category(Part):
    """Who may apply, and how many units one of them may get."""

    code: str
    name: str
    cap: int = Field(ge=1)


class CallOpened(Event):
    """A public call (公募) with its rule said aloud."""

    kind: ClassVar[str] = "donations.call-opened.v1"
    call: UUID
    number: str
    title: str
    rule: Literal["first-come"]
    item_kinds: tuple[ItemKind, ...]
    units: int = Field(ge=1)
    categories: tuple[Category, ...]
    opens_at: datetime
    closes_at: datetime
    spec: Spec
    consent: str
    consent_version: str
    contact: str


class CallClosed(Event):
    """The window is over: nothing more is taken in, the queue stands."""

    kind: ClassVar[str] = "donations.call-closed.v1"
    call: UUID
    number: str


class ApplicationReceived(Event):
    """An application stands in the queue. `arrived_at` orders it, whatever the channel."""

    kind: ClassVar[str] = "donations.application-received.v1"
    call: UUID
    application: UUID
    receipt: str
    category: str
    units: int = Field(ge=1)
    channel: Channel
    arrived_at: datetime
    keyed_by: str | None = None  # the clerk who attests the arrival of paper or of a portal's file


class ApplicationRefused(Event):
    """An application was seen and is not in the queue, with the reason (late, not eligible)."""

    kind: ClassVar[str] = "donations.application-refused.v1"
    call: UUID
    application: UUID
    receipt: str
    category: str
    units: int
    channel: Channel
    arrived_at: datetime
    reason: Literal["late", "early", "not-eligible"]


class Grant(Part):
    """What one application gets."""

    application: UUID
    receipt: str
    category: str
    asked: int
    items: tuple[UUID, ...]


class Allocated(Event):
    """The result of the call: recomputable by anyone from the call, the queue and the stock named here."""

    kind: ClassVar[str] = "donations.allocated.v1"
    call: UUID
    rule: Literal["first-come"]
    stock: tuple[UUID, ...]
    grants: tuple[Grant, ...]
    waiting: tuple[str, ...]
    left: tuple[UUID, ...]


class HandedOver(Event):
    """The machines changed hands at the ceremony or the counter."""

    kind: ClassVar[str] = "donations.handed-over.v1"
    call: UUID
    application: UUID
    receipt: str
    category: str
    items: tuple[UUID, ...]


class UsageReported(Event):
    """How the machines are used (活用状況), without names."""

    kind: ClassVar[str] = "donations.usage-reported.v1"
    call: UUID
    receipt: str
    category: str
    uses: tuple[str, ...]
    difficulty: str | None = None
