"""Words and values that several of tracking's events hold."""

from typing import Literal
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from shared.levels import Level

PartyKind = Literal["town", "centre", "carrier", "platform"]
ItemKind = Literal["notebook", "desktop", "loose-drive"]
MediumKind = Literal["hdd", "ssd", "nvme", "soldered", "unknown"]
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
    raised: str | None = None  # why this job asks for more than the policy's row, where it does


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


class Mapped(Part):
    """What a town's own inventory means: its heads and words beside ours."""

    columns: dict[str, str] = {}  # their head → our field; "" for a column that is not read
    words: dict[str, dict[str, str]] = {}  # our field → {their word: what it means}
    always: dict[str, str] = {}  # our field → what every row means where no column says it; "" for no longer
