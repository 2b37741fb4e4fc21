"""What one report says of one drive, before anybody judges it."""

from dataclasses import dataclass
from datetime import datetime

from services.erasure.domain.reason import Reason
from services.erasure.domain.technique import (
    Encryption,
    Freshness,
    Hidden,
    MediumKind,
    Outcome,
    Technique,
    Verification,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One drive in one report. Text comes from tools and devices: shown, compared, never believed for its wording."""

    technique: Technique
    outcome: Outcome
    words: str  # the tool's own words for the outcome
    serial: str = ""  # exactly as given, without the padding; empty when the report names none
    model: str = ""
    host_serial: str = ""  # the computer it was in, when the tool says so
    device: str = ""  # kernel name, e.g. sda or nvme0: means something inside one document only
    kind: MediumKind = MediumKind.UNKNOWN  # a hint; the registration decides
    started: datetime | None = None  # without zone where the tool gives none
    finished: datetime | None = None
    passes: int | None = None
    verification: Verification = Verification.NONE
    freshness: Freshness = Freshness.STATE_ONLY
    hidden: Hidden = Hidden.UNKNOWN
    encryption: Encryption = Encryption.UNKNOWN
    security_enabled: bool | None = None  # ATA security: a SECURITY ERASE UNIT that completes switches it off (ACS-3)
    errors: tuple[str, ...] = ()
    contradictions: tuple[Reason, ...] = ()
    notes: tuple[Reason, ...] = ()
