"""What erasure publishes: what was done to each medium, and what the evidence proves."""

from datetime import datetime
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from shared.entry import Event
from shared.events.tracking import Part
from shared.levels import Level


class Reason(Part):
    """Why a grade is what it is: a code of the grading table and the sentence in both languages."""

    code: str
    ja: str
    en: str


class Evidence(Part):
    """A tool's report, kept in its original bytes under its hash."""

    sha256: str
    filename: str
    tool: str
    tool_version: str | None = None


class Photo(Part):
    """An evidence photo, kept untouched under its hash."""

    sha256: str
    copy_sha256: str | None = None  # of the upright copy without EXIF that is printed, made when the photo came
    role: Literal["before", "after"]
    taken_at: datetime | None = None
    hashed_on_device: bool | None = None  # the device that took it stated this very hash before it sent the photo


class Tray(Part):
    """Several media that were crushed together and photographed in one picture: each one's entry names all of them."""

    tray: UUID
    labels: tuple[str, ...] = Field(min_length=1)


class Video(Part):
    """A recording of the destruction that stays where it is: only its fingerprint is kept here."""

    name: str
    place: str  # where the file is kept
    sha256: str
    duration_s: int = Field(ge=1)


class ReportFiled(Event):
    """A report arrived. Its tenant is the centre until it is bound: one stream a report."""

    kind: ClassVar[str] = "erasure.report-filed.v1"
    report: UUID
    evidence: Evidence
    serials: tuple[str, ...]
    engagement: UUID | None = None
    host_serials: tuple[str, ...] = ()  # of the computers they were in, one a serial, "" where the tool does not say


class ReportPutAside(Event):
    """A person looked at a waiting report's serial and said that it is not ours; its bytes stay kept."""

    kind: ClassVar[str] = "erasure.report-put-aside.v1"
    report: UUID
    serial: str
    reason: str


class ReportPutBack(Event):
    """What was put aside waits again: it may be ours after all. Both entries stay, and the last of them stands."""

    kind: ClassVar[str] = "erasure.report-put-back.v1"
    report: UUID
    serial: str


UNCONFIRMED = "reader-unconfirmed"  # a reason's code: nobody could try the reader on a real report of that tool


class MediumErased(Event):
    """The evidence proves a level for this medium; `achieved` is below `required` when more is needed."""

    kind: ClassVar[str] = "erasure.medium-erased.v1"
    medium: UUID
    item: UUID
    label: str
    serial: str
    technique: str
    achieved: Level
    required: Level | None = None
    sufficient: bool
    reasons: tuple[Reason, ...]
    table_version: str
    evidence: Evidence
    operator: str
    witness: str | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    started_said: str | None = None  # the tool's own digits where it gives no zone, ISO 8601: nobody knows the moment
    finished_said: str | None = None
    place: Literal["on-site", "centre"]
    regrades: UUID | None = (
        None  # the entry whose report a later table grades again: this judgement stands for that one
    )
    received_at: datetime | None = None  # when the report came for the first time: its times are held against that
    policy_version: str | None = None  # of the town's table it was measured by

    @property
    def is_unconfirmed(self) -> bool:
        """Whether it rests on a reader that is not confirmed: wherever the level is shown, that is shown with it."""
        return any(reason.code == UNCONFIRMED for reason in self.reasons)


class ErasureFailed(Event):
    """The tool says it failed, or the report proves nothing; the medium is where it was."""

    kind: ClassVar[str] = "erasure.erasure-failed.v1"
    medium: UUID
    item: UUID
    label: str
    serial: str
    technique: str
    reasons: tuple[Reason, ...]
    table_version: str
    evidence: Evidence
    operator: str
    regrades: UUID | None = None  # as in MediumErased
    received_at: datetime | None = None  # as in MediumErased
    policy_version: str | None = None  # of the town's table it was measured by


class ErasureVerified(Event):
    """Somebody who is not the wiper looked again at a drawn sample."""

    kind: ClassVar[str] = "erasure.erasure-verified.v1"
    medium: UUID
    item: UUID
    verifier: str
    method: str
    passed: bool


class LotReopened(Event):
    """A re-check found data: the engagement's media are in doubt, and others are drawn. One stream an engagement."""

    kind: ClassVar[str] = "erasure.lot-reopened.v1"
    engagement: UUID
    medium: UUID  # that failed
    failed: UUID  # the entry of its re-check
    round: int  # of the draw that follows
    seed: str  # of that draw, hex: `services/erasure/domain/draw.py` says how anyone computes it
    population: int
    drawn: tuple[UUID, ...]


class LotSettled(Event):
    """Everything that a failed re-check asked for has passed or is destroyed: the engagement's media stand again."""

    kind: ClassVar[str] = "erasure.lot-settled.v1"
    engagement: UUID
    round: int


class SessionOpened(Event):
    """Media of an engagement are treated in one room of the town hall. One stream a session, its racks in it."""

    kind: ClassVar[str] = "erasure.session-opened.v1"
    session: UUID
    engagement: UUID
    room: str
    machines: tuple[str, ...]
    operator: str
    witness: str | None = None  # of the town's staff


class RackLoaded(Event):
    """Which items stand in a rack: one scan of its label stands for all of them. A later load replaces an earlier."""

    kind: ClassVar[str] = "erasure.rack-loaded.v1"
    session: UUID
    rack: str
    items: tuple[UUID, ...]


class RackBegan(Event):
    """The machines of a rack were started."""

    kind: ClassVar[str] = "erasure.rack-began.v1"
    session: UUID
    rack: str


class RackEnded(Event):
    """The operator says that a rack is done, but for exceptions. What was reached the tools' reports say, not this."""

    kind: ClassVar[str] = "erasure.rack-ended.v1"
    session: UUID
    rack: str
    exceptions: tuple[UUID, ...] = ()  # items scanned out


class ItemPlaced(Event):
    """A machine was put on erasure in a session, in a rack or by itself: what a device saw, whenever that arrives."""

    kind: ClassVar[str] = "erasure.item-placed.v1"
    session: UUID
    label: str
    item: UUID | None = None  # none: no item of the town had this label when it was recorded
    rack: str = ""  # none: by itself


class ItemTakenOut(Event):
    """A machine was scanned out of a session as not finished."""

    kind: ClassVar[str] = "erasure.item-taken-out.v1"
    session: UUID
    label: str
    item: UUID | None = None
    rack: str = ""


class SessionClosed(Event):
    """The work in the room is done. What happened before and arrives later is recorded all the same."""

    kind: ClassVar[str] = "erasure.session-closed.v1"
    session: UUID


class WitnessRecorded(Event):
    """The town's staff stood by while media of an engagement were treated (立会い)."""

    kind: ClassVar[str] = "erasure.witness-recorded.v1"
    engagement: UUID
    witness: str
    place: str
    began_at: datetime
    ended_at: datetime | None = None


class MediumRemoved(Event):
    """The medium was taken out of its chassis at the centre: from here they live apart."""

    kind: ClassVar[str] = "erasure.medium-removed.v1"
    medium: UUID
    item: UUID
    label: str


class MediumDestroyed(Event):
    """The medium was crushed (粉砕), with photos."""

    kind: ClassVar[str] = "erasure.medium-destroyed.v1"
    medium: UUID
    item: UUID
    label: str
    serial: str
    technique: Literal["crush", "shred", "melt", "incinerate", "disintegrate"]
    machine: str
    method: Literal["destroy"] = "destroy"
    photos: tuple[Photo, ...] = Field(min_length=1)
    operator: str
    witness: str | None = None
    conformant: bool = True  # False: recorded although a guard was not met; `missing` says which
    missing: tuple[str, ...] = ()
    particle_mm: float | None = None  # the largest edge of what came out, as the machine's setting or a sieve says
    security_class: str | None = None  # DIN 66399 / ISO/IEC 21964, e.g. H-5: only as somebody stated it
    tray: Tray | None = None
    video: Video | None = None
    remarks: tuple[str, ...] = ()  # what a reader should know although no policy asks for it: `not-removed`
    policy_version: str | None = None  # of the town's table it was measured by
