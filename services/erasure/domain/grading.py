"""Which level a finding proves: a versioned table and the argument (IEEE 2883-2022, NIST SP 800-88r2).

Three questions are kept apart. What does the report show of the last job (`verdict`)? Is it proof for this medium and
this job, that is bound and fresh (`level`)? And what must the organisation still accept (`to_validate`)?

**Soldered flash** (tablets, Chromebooks) goes by what answers on the board. IEEE 2883-2022 names techniques by
interface (ATA, SCSI, NVMe), however the drive is fixed: a soldered NVMe that shows its sanitize is Purge like any
other. For eMMC and UFS no Purge is taken from it here, since no tool shows one, and SP 800-88r1 (table A-8, embedded
flash) had none; r2 leaves techniques to IEEE 2883. So an overwrite, or a factory reset with a record of its
completion, is Clear at most. A reset that somebody only tells of is a claim. More is reached on site by breaking the
board: nothing can be taken out, so the device is the medium.

**Self-encrypting drives**: a changed key destroys what was enciphered by it and nothing else (SP 800-88r2,
cryptographic erase; IEEE 2883-2022, the same). Purge therefore needs that the drive enciphered *all* user data since
before there was any, that it confirms the change, and that no copy of the key is kept. The first two are the drive's:
the SANITIZE operations that change keys are specified for all user data (ACS-4, CRYPTO SCRAMBLE EXT; NVM Express Base
2.0, 8.21) and state their completion; `Encryption` is what the drive says of itself beside. One that says that it has
no such operation contradicts its own log: unknown. The third is the organisation's: `to_validate`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from services.erasure.domain.finding import Finding
from services.erasure.domain.period import ALWAYS, Period
from services.erasure.domain.placeholder import named
from services.erasure.domain.reason import Reason, because
from services.erasure.domain.technique import (
    Encryption,
    Freshness,
    Hidden,
    MediumKind,
    Outcome,
    Technique,
    Verification,
)
from shared.levels import Level


class Verdict(StrEnum):
    """What a report alone shows of the last job, whether or not it can be tied to a medium."""

    CLEAR = "clear"
    PURGE = "purge"
    FAILED = "failed"
    INCOMPLETE = "incomplete"
    UNKNOWN = "unknown"
    NOT_EVIDENCE = "not-evidence"


@dataclass(frozen=True, slots=True)
class Grade:
    """The judgement of one finding under one version of the table; a later table gives another grade beside it."""

    level: Level | None  # proved: completed, checked, bound to a serial, fresh, without contradiction
    verdict: Verdict
    bound: bool  # does anything in the report name the drive
    fresh: bool  # is it shown that the job was done in the time stated
    verification: Verification
    reasons: tuple[Reason, ...]
    contradictions: tuple[Reason, ...]
    would_raise: tuple[Reason, ...]
    to_validate: tuple[Reason, ...]
    table_version: str


Row = Mapping[MediumKind, Level]
Table = Mapping[Technique, Row]

_CLEAR, _PURGE = Level.CLEAR, Level.PURGE
_HDD, _SSD, _NVME, _UNKNOWN = MediumKind.HDD, MediumKind.SSD, MediumKind.NVME, MediumKind.UNKNOWN
_SOLDERED = MediumKind.SOLDERED

_FIRST: Table = {
    Technique.NVME_SANITIZE_BLOCK: {_NVME: _PURGE},
    Technique.NVME_SANITIZE_CRYPTO: {_NVME: _PURGE},
    Technique.NVME_SANITIZE_OVERWRITE: {_NVME: _PURGE},
    Technique.NVME_FORMAT_SES1: {_NVME: _CLEAR},
    Technique.NVME_FORMAT_SES2: {_NVME: _PURGE},
    # a magnetic disk has no block erase, so the operation itself says flash
    Technique.ATA_SANITIZE_BLOCK: {_SSD: _PURGE, _UNKNOWN: _PURGE},
    Technique.ATA_SANITIZE_CRYPTO: {_HDD: _PURGE, _SSD: _PURGE, _UNKNOWN: _PURGE},
    Technique.ATA_SANITIZE_OVERWRITE: {_HDD: _PURGE, _SSD: _CLEAR, _UNKNOWN: _CLEAR},
    Technique.ATA_SANITIZE: {_HDD: _PURGE, _SSD: _CLEAR, _UNKNOWN: _PURGE},
    Technique.ATA_SECURITY_ERASE: {_HDD: _CLEAR, _SSD: _CLEAR, _UNKNOWN: _CLEAR},
    Technique.ATA_SECURITY_ERASE_ENHANCED: {_HDD: _CLEAR, _SSD: _CLEAR, _UNKNOWN: _CLEAR},
    Technique.OVERWRITE: {_HDD: _CLEAR, _SSD: _CLEAR, _NVME: _CLEAR, _UNKNOWN: _CLEAR},
}
_SECOND: Table = {  # soldered flash: a drive on the board that speaks ATA is a drive, eMMC and UFS are reset at most
    **{name: {**row, _SOLDERED: row[_SSD]} for name, row in _FIRST.items() if _SSD in row},
    **{name: row for name, row in _FIRST.items() if _SSD not in row},
    Technique.FACTORY_RESET: {_SOLDERED: _CLEAR},
}

TABLE_FIRST = "ieee2883-2022+nist80088r2.1"
TABLE_CURRENT = "ieee2883-2022+nist80088r2.2"
TABLES: Mapping[str, Table] = {TABLE_FIRST: _FIRST, TABLE_CURRENT: _SECOND}

_ATA_SANITIZE = (
    Technique.ATA_SANITIZE,
    Technique.ATA_SANITIZE_BLOCK,
    Technique.ATA_SANITIZE_CRYPTO,
    Technique.ATA_SANITIZE_OVERWRITE,
)
_CRYPTO = (Technique.NVME_SANITIZE_CRYPTO, Technique.ATA_SANITIZE_CRYPTO, Technique.NVME_FORMAT_SES2)


def grade(
    finding: Finding,
    registered: MediumKind | None = None,
    *,
    version: str = TABLE_CURRENT,
    period: Period = ALWAYS,
) -> Grade:
    """Judge one finding for a medium registered as `registered` (None: nothing is registered about its kind).

    `period` is when its job can have been done, as far as that is known.

    Raises KeyError for a table version that never existed.
    """
    kind, contradictions = _kind(finding, registered)
    contradictions = (*finding.contradictions, *contradictions, *period.contradictions(finding))
    notes = (*finding.notes, *period.remarks(finding))
    verdict, reasons, would_raise = _verdict(finding, kind, TABLES[version], contradicting=bool(contradictions))
    if MediumKind.SOLDERED in (kind, registered) and verdict is not Verdict.PURGE:
        would_raise = (*would_raise, because("destroy-board"))
    bound, fresh = bool(named(finding.serial)), finding.freshness is not Freshness.STATE_ONLY
    level = Level(verdict) if verdict in (Verdict.CLEAR, Verdict.PURGE) and bound and fresh else None
    if verdict in (Verdict.CLEAR, Verdict.PURGE):
        reasons, would_raise = _tie(notes, reasons, would_raise, bound=bound, fresh=fresh)
    return Grade(
        level=level,
        verdict=verdict,
        bound=bound,
        fresh=fresh,
        verification=finding.verification,
        reasons=(*reasons, *(note for note in notes if note not in reasons)),
        contradictions=contradictions,
        would_raise=would_raise,
        to_validate=_to_validate(finding, level),
        table_version=version,
    )


def _to_validate(finding: Finding, level: Level | None) -> tuple[Reason, ...]:
    """Name what the tool cannot know and the organisation must accept (NIST SP 800-88r2: validation)."""
    conditions = []
    if finding.technique in _CRYPTO:
        always = finding.encryption is Encryption.ALWAYS
        conditions.append(because("validate-key-copies" if always else "validate-key-conditions"))
    if level is Level.PURGE and finding.technique in _ATA_SANITIZE and finding.hidden is Hidden.UNKNOWN:
        conditions.append(because("validate-hidden-areas"))
    return tuple(conditions)


_Argument = tuple[Verdict, tuple[Reason, ...], tuple[Reason, ...]]


def _kind(finding: Finding, registered: MediumKind | None) -> tuple[MediumKind, tuple[Reason, ...]]:
    """Take registration and report together; NVMe registered as plain SSD is one family, disk against flash is not."""
    reported = finding.kind
    if registered is None or registered is MediumKind.UNKNOWN or registered is reported:
        return reported, ()
    if reported is MediumKind.UNKNOWN:
        return registered, ()
    if registered.is_flash and reported.is_flash:
        return reported, ()
    return reported, (because("kind-differs", registered=registered, reported=reported),)


def _verdict(finding: Finding, kind: MediumKind, table: Table, *, contradicting: bool) -> _Argument:
    """Let the first thing that is wrong decide; only what survives all questions reaches the table."""
    if stopped := _stopped(finding):
        return stopped
    for wrong, code, remedy in (
        (contradicting, "contradicting", "repeat-or-destroy"),
        (finding.technique is Technique.READ_ONLY, "read-only", "repeat-or-destroy"),
        (finding.outcome is Outcome.CLAIMED, "claimed", "capture-session"),
        (
            finding.technique in _CRYPTO and finding.encryption is Encryption.ABSENT,
            "crypto-not-offered",
            "repeat-or-destroy",
        ),
        (finding.verification is Verification.NONE, "unverified", "verify-it"),
        # a log that could have named its drive and did not: nothing later can tie it to one
        (not finding.serial and finding.freshness is Freshness.LOGGED, "no-serial", "show-serial"),
    ):
        if wrong:
            return Verdict.UNKNOWN, (because(code),), (because(remedy),)
    return _reached(finding, kind, table)


def _stopped(finding: Finding) -> _Argument | None:
    """Outcomes that end the question, whatever the technique."""
    words = finding.words
    match finding.outcome:
        case Outcome.FAILED:
            return Verdict.FAILED, (because("failed", words=words),), (because("repeat-or-destroy"),)
        case Outcome.INCOMPLETE:
            return Verdict.INCOMPLETE, (because("incomplete", words=words),), (because("repeat-or-destroy"),)
        case Outcome.IN_PROGRESS:
            return Verdict.INCOMPLETE, (because("in-progress", words=words),), (because("capture-session"),)
        case Outcome.NEVER:
            return Verdict.NOT_EVIDENCE, (because("never"),), ()
        case Outcome.NONE:
            return Verdict.NOT_EVIDENCE, (because("no-erasure"),), ()
        case Outcome.COMPLETED | Outcome.CLAIMED:
            return None


def _reached(finding: Finding, kind: MediumKind, table: Table) -> _Argument:
    """Technique on kind, then what caps it."""
    level = table.get(finding.technique, {}).get(kind)
    if level is None:
        reason = because("not-applicable", technique=finding.technique, kind=kind)
        return Verdict.UNKNOWN, (reason,), (because("repeat-or-destroy"),)
    reasons, would_raise = _caps(finding, kind, level)
    if level is Level.PURGE and finding.hidden is Hidden.PRESENT:
        level = Level.CLEAR
    reached = because("technique-reaches", kind=kind, technique=finding.technique, level=level)
    verified = because("verified", verification=finding.verification)
    return Verdict(level), (reached, verified, *reasons), would_raise


def _caps(finding: Finding, kind: MediumKind, level: Level) -> tuple[tuple[Reason, ...], tuple[Reason, ...]]:
    """Why it is not more, and what would make it more."""
    reasons: list[Reason] = []
    would_raise: list[Reason] = []
    if finding.hidden is Hidden.PRESENT:
        reasons.append(because("hidden-areas"))
        would_raise.append(because("remove-hidden-areas"))
    if level is Level.CLEAR:
        reasons += _why_clear(finding.technique, kind)
        would_raise.append(because("sanitize-instead"))
    if finding.technique is Technique.ATA_SANITIZE:
        reasons.append(because("technique-not-stated"))
    if kind is MediumKind.UNKNOWN and finding.technique is Technique.ATA_SANITIZE_OVERWRITE:
        reasons.append(because("kind-unknown"))
        would_raise.append(because("state-kind"))
    return tuple(reasons), tuple(would_raise)


def _why_clear(technique: Technique, kind: MediumKind) -> list[Reason]:
    if technique is Technique.OVERWRITE:
        return [because("host-overwrite")]
    if technique is Technique.FACTORY_RESET:
        return [because("reset-of-device")]
    if technique is Technique.ATA_SECURITY_ERASE_ENHANCED and kind is not MediumKind.HDD:
        return [because("enhanced-erase-on-flash")]
    if technique in (Technique.ATA_SANITIZE_OVERWRITE, Technique.ATA_SANITIZE) and kind.is_flash:
        return [because("overwrite-on-flash")]
    return []


def _tie(
    notes: tuple[Reason, ...],
    reasons: tuple[Reason, ...],
    would_raise: tuple[Reason, ...],
    *,
    bound: bool,
    fresh: bool,
) -> tuple[tuple[Reason, ...], tuple[Reason, ...]]:
    """Say whether it is proof for this medium and this job, and what is missing if it is not."""
    if not bound:
        reasons = (*reasons, because("no-serial"))
    reasons = (*reasons, because("fresh") if fresh else because("not-fresh"))
    if any(reason.code == "before-already-completed" for reason in notes):
        would_raise = (*would_raise, because("capture-progress"))
    elif not (bound and fresh):
        would_raise = (*would_raise, because("capture-session"))
    return reasons, would_raise
