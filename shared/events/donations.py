"""What donations publishes. No name of an applicant ever enters here: names stay in one deletable table."""

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from shared.entry import Event
from shared.events.refurb import Spec
from shared.events.tracking import ItemKind, Part

Channel = Literal["web", "paper", "counter", "fax", "portal"]  # paper: by post
Rule = Literal["first-come", "lottery", "review"]
Kinds = tuple[ItemKind, ...]


class Category(Part):
    """Who may apply, and how many units one of them may get."""

    code: str
    name: str
    cap: int = Field(ge=1)


class Criterion(Part):
    """What a review (審査) looks at, and the most points it gives."""

    code: str
    name: str
    points_max: int = Field(ge=1)


class Machine(Part):
    """A machine the town has taken over and not given to anybody yet."""

    item: UUID
    label: str
    kind: ItemKind


class CallOpened(Event):
    """A public call (公募) with its rule said aloud. Its first round is what it says; further ones are opened later."""

    kind: ClassVar[str] = "donations.call-opened.v1"
    call: UUID
    number: str
    title: str
    rule: Rule
    item_kinds: Kinds
    units: int = Field(ge=1)
    categories: tuple[Category, ...]
    opens_at: datetime
    closes_at: datetime
    spec: Spec
    consent: str
    consent_version: str
    contact: str
    criteria: tuple[Criterion, ...] = ()  # of a review, and only of one


class RoundOpened(Event):
    """A further round of a call (追加の募集): more units, for who waits and who applies in its window."""

    kind: ClassVar[str] = "donations.round-opened.v1"
    call: UUID
    number: str
    round: int = Field(ge=2)
    item_kinds: Kinds
    units: int = Field(ge=1)
    opens_at: datetime
    closes_at: datetime


class CallClosed(Event):
    """The window of a round is over: nothing more is taken in, the queue stands, and a lottery's stock with it."""

    kind: ClassVar[str] = "donations.call-closed.v1"
    call: UUID
    number: str
    round: int = 1
    stock: tuple[Machine, ...] | None = None  # what a lottery draws for, in the order it is given; of no other rule


class SeedAsked(Event):
    """The desk waits for a lottery's seed: tracking is asked to say once more where the closing stands in the log."""

    kind: ClassVar[str] = "donations.seed-asked.v1"
    call: UUID
    round: int
    closing: UUID  # the entry that closed the round


class SeedDrawn(Event):
    """The seed of a lottery (抽選), from the log's head as it stood when the call was closed (docs/adr/0029)."""

    kind: ClassVar[str] = "donations.seed-drawn.v1"
    call: UUID
    round: int
    closing: UUID  # the entry that closed the round
    index: int  # its place in the log
    path: tuple[str, ...]  # its inclusion proof under `checkpoint`, base64
    checkpoint: str
    head: str  # hex: the root of the log's first index + 1 leaves
    seed: str  # hex


class Marks(Part):
    """What a review gives one application. The reason's words stand in a deletable table, here is their digest."""

    application: UUID
    receipt: str
    points: dict[str, int]
    reason_sha256: str


class Reviewed(Event):
    """A clerk marked every application in the queue; another one looks at it before anything is allocated."""

    kind: ClassVar[str] = "donations.reviewed.v1"
    call: UUID
    round: int
    marks: tuple[Marks, ...]
    reviewer: str  # a reference to the person


class ReviewConfirmed(Event):
    """A second clerk confirmed the marks (four eyes)."""

    kind: ClassVar[str] = "donations.review-confirmed.v1"
    call: UUID
    round: int
    review: UUID  # the entry confirmed
    confirmer: str


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
    round: int = 1


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
    round: int = 1


class ApplicationCorrected(Event):
    """The applicant corrected an application while its round was open. Its place stays; names changed elsewhere."""

    kind: ClassVar[str] = "donations.application-corrected.v1"
    call: UUID
    application: UUID
    receipt: str
    category: str
    units: int = Field(ge=1)


class ApplicationWithdrawn(Event):
    """An application left the queue by the applicant's wish; what it held moves on."""

    kind: ClassVar[str] = "donations.application-withdrawn.v1"
    call: UUID
    application: UUID
    receipt: str


class Grant(Part):
    """What one application gets."""

    application: UUID
    receipt: str
    category: str
    asked: int
    items: tuple[UUID, ...]


class Allocated(Event):
    """The result of a round: recomputable by anyone from the call, the queue, what ranks it, and the stock named."""

    kind: ClassVar[str] = "donations.allocated.v1"
    call: UUID
    rule: Rule
    stock: tuple[UUID, ...]
    grants: tuple[Grant, ...]
    waiting: tuple[str, ...]
    left: tuple[UUID, ...]
    round: int = 1
    out: tuple[str, ...] | None = None  # receipts out of the queue by then; not said before there were rounds
    seed: str | None = None  # of a lottery, hex


class MovedOn(Event):
    """What a withdrawn application held went to those who wait, in their order (繰り上げ)."""

    kind: ClassVar[str] = "donations.moved-on.v1"
    call: UUID
    receipt: str  # who left
    freed: tuple[UUID, ...]
    grants: tuple[Grant, ...]
    waiting: tuple[str, ...]
    left: tuple[UUID, ...]  # what nobody waited for
    out: tuple[str, ...] | None = None  # receipts out of the queue by then; first said when returns left it


class BasisRecorded(Event):
    """On what the town gives: the number of its approval (決裁番号) and the rule of law (条例, 規則)."""

    kind: ClassVar[str] = "donations.basis-recorded.v1"
    call: UUID
    approval: str
    basis: str


class HandedOver(Event):
    """The machines changed hands at the ceremony or the counter. What was not said was not asked for at the time."""

    kind: ClassVar[str] = "donations.handed-over.v1"
    call: UUID
    application: UUID
    receipt: str
    category: str
    items: tuple[UUID, ...]
    scanned: bool | None = None  # the machines and the receipt were read at the counter
    agreed: str | None = None  # the version of what the recipient promised
    photo_sha256: str | None = None  # of the signed receipt, or of the hand-over; the picture itself may be deleted
    approval: str | None = None
    basis: str | None = None


class Returned(Event):
    """The recipient gave the machines back. They hold the recipient's data: nobody gets them before that is gone."""

    kind: ClassVar[str] = "donations.returned.v1"
    call: UUID
    application: UUID
    receipt: str
    items: tuple[UUID, ...]
    reason: Literal["unused", "broken", "closed", "other"]


class Reoffered(Event):
    """What was returned holds nobody's data any more and is offered again (再募集)."""

    kind: ClassVar[str] = "donations.reoffered.v1"
    call: UUID
    application: UUID
    receipt: str
    items: tuple[UUID, ...]
    method: Literal["erased", "replaced"]  # the medium erased by a tool with a record, or exchanged


class UsageReported(Event):
    """How the machines are used (活用状況), without names."""

    kind: ClassVar[str] = "donations.usage-reported.v1"
    call: UUID
    receipt: str
    category: str
    uses: tuple[str, ...]
    difficulty: str | None = None
    difficulties: tuple[str, ...] = ()  # what is tapped; `difficulty` is what a clerk wrote down
    photo_sha256: str | None = None
    consent: bool | None = None  # that words and photo may be shown; both stand in a deletable table
