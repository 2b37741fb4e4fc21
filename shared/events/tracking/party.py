"""Parties and engagements, policy, and what a town's own inventory means."""

from datetime import date
from typing import ClassVar, Literal
from uuid import UUID

from pydantic import Field

from shared.deadline import DaysKind
from shared.entry import Event
from shared.events.tracking.part import Assurance, Confidentiality, Mapped, Part, PartyKind, Zone
from shared.levels import Level


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
    certificate_days_kind: DaysKind = "calendar"  # business: days on which a town hall is open
    certificate_by: date | None = None  # a day the contract names itself; it stands instead of the days


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


class RequirementRaised(Event):
    """A job asks for more than the town's policy: of what is registered (see RequirementChanged) and of what comes."""

    kind: ClassVar[str] = "tracking.requirement-raised.v1"
    engagement: UUID
    on_site: Level | None = None
    at_centre: Level | None = None
    assurance: Assurance | None = None
    reason: str


class ColumnsMapped(Event):
    """The town said which column and which word of its own inventory means what; the newest holds."""

    kind: ClassVar[str] = "tracking.columns-mapped.v1"
    town: str
    mapped: Mapped
