"""A loss: what cannot be found, what the law asks, and what was found again."""

from datetime import date, datetime
from typing import ClassVar, Literal
from uuid import UUID

from shared.entry import Event
from shared.events.tracking.part import Confidentiality, Part, Zone
from shared.levels import Level


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
    policy_version: str | None = None  # of the town's table it was measured by


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
