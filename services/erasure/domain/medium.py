"""One storage medium: what was done to it, and what may be said of it next. One stream a medium. Pure.

A fact is never refused: it is recorded, and what was missing is named (ARCHITECTURE, step 6 of the journey). What is
refused is a step that rests on a person: a second look by the wiper, a second crushing of what is already crushed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Literal
from uuid import UUID

from services.erasure.domain.finding import Finding
from services.erasure.domain.grading import TABLE_CURRENT, Grade, Verdict, grade
from services.erasure.domain.period import Period
from services.erasure.domain.reason import Reason
from services.erasure.domain.simulation import is_of_simulation, without_worth
from services.erasure.domain.technique import MediumKind
from shared.entry import Entry, Event
from shared.events import erasure
from shared.events.erasure import (
    ErasureFailed,
    ErasureVerified,
    Evidence,
    MediumDestroyed,
    MediumErased,
    MediumRemoved,
    Photo,
    Tray,
    Video,
)
from shared.events.tracking import Required
from shared.levels import Level, at_least
from shared.refused import Refused
from shared.simulated import is_simulated

Place = Literal["on-site", "centre"]
Technique = Literal["crush", "shred", "melt", "incinerate", "disintegrate"]
WITNESSED = ("witnessed", "both")  # assurances under which the town's staff stand by (MIC R2.12)


@dataclass(frozen=True, slots=True)
class Registered:
    """A medium as tracking registered it, with what the town's policy asks of it and whether it was excepted."""

    medium: UUID
    item: UUID
    tenant: str
    label: str
    serial: str
    kind: str
    required: Required
    excepted: bool = False  # an approver of the town let it leave without the level on site
    simulated: bool = False  # its engagement is part of a simulation: only there may simulated evidence stand
    item_kind: str = ""  # of the item it came in; a loose drive has no chassis to be taken out of
    opened: date | None = None  # the first day of its engagement
    registered_at: datetime | None = None

    @property
    def asks_witness(self) -> bool:
        """Whether the policy asks that staff of the town stand by (MIC R2.12, 職員の立会い)."""
        return self.required.assurance in WITNESSED


@dataclass(frozen=True, slots=True)
class Remains:
    """What came out of the machine, and what else shows that it did; all of it only as far as somebody stated it."""

    particle_mm: float | None = None
    security_class: str | None = None  # DIN 66399 / ISO/IEC 21964
    tray: Tray | None = None
    video: Video | None = None


UNSTATED = Remains()


@dataclass(frozen=True, slots=True)
class Destroyed:
    """When and by which entry a medium was crushed."""

    entry: UUID
    at: datetime


@dataclass(frozen=True, slots=True)
class Medium:
    """The state of one medium, folded from its entries."""

    grades: Mapping[UUID, Level | None] = field(default_factory=dict)  # what each report proves, by its first entry
    taken_back: frozenset[UUID] = frozenset()  # of these, by a second look that found data
    failed: bool = False  # the last report proved nothing
    wipers: frozenset[str] = frozenset()
    verified: bool | None = None  # of the last second look
    removed: bool = False
    destroyed: Destroyed | None = None

    @property
    def reached(self) -> Level | None:
        """The highest level proved by evidence; a later table's judgement stands for the earlier one's."""
        standing = (level for report, level in self.grades.items() if level and report not in self.taken_back)
        return max(standing, key=lambda level: level.rank, default=None)

    def destroy(
        self,
        registered: Registered,
        *,
        technique: Technique,
        machine: str,
        photos: tuple[Photo, ...],
        operator: str,
        witness: str | None,
        remains: Remains = UNSTATED,
    ) -> MediumDestroyed:
        """Say that the medium was crushed, with what was missing. Raises Refused when it had been crushed before."""
        if self.destroyed:
            raise already_destroyed(registered.label, self.destroyed)
        missing = self.missing_before_destruction(registered, witness)
        return MediumDestroyed(
            medium=registered.medium,
            item=registered.item,
            label=registered.label,
            serial=registered.serial,
            technique=technique,
            machine=machine,
            photos=photos,
            operator=operator,
            witness=witness,
            conformant=not missing,
            missing=missing,
            particle_mm=remains.particle_mm,
            security_class=remains.security_class,
            tray=remains.tray,
            video=remains.video,
            remarks=self.remarks_on_destruction(registered),
            policy_version=registered.required.policy_version,
        )

    def missing_before_destruction(self, registered: Registered, witness: str | None) -> tuple[str, ...]:
        """Return the codes of what the policy asks and nobody showed: `on-site-level`, `witness` (MIC R2.12)."""
        missing = []
        if not registered.excepted and not at_least(self.reached, registered.required.on_site):
            missing.append("on-site-level")
        if registered.asks_witness and not witness:
            missing.append("witness")
        return tuple(missing)

    def remarks_on_destruction(self, registered: Registered) -> tuple[str, ...]:
        """Return what is said of a destruction though no policy asks it: nobody recorded that the medium was out.

        What is soldered cannot be taken out: its board, or the device, is destroyed with it.
        """
        is_alone = registered.item_kind == "loose-drive" or registered.kind == MediumKind.SOLDERED
        return () if self.removed or is_alone else ("not-removed",)

    def remove(self, registered: Registered) -> MediumRemoved:
        """Say that the medium was taken out of its chassis."""
        return MediumRemoved(medium=registered.medium, item=registered.item, label=registered.label)

    def verify(self, registered: Registered, *, verifier: str, method: str, passed: bool) -> ErasureVerified:
        """Say what a second person found. Raises Refused for the wiper, and when there is nothing to look at."""
        if self.reached is None and self.verified is False:
            raise Refused(
                "erase-again",
                "この媒体は再確認で不合格です。もう一度消去して報告を登録するか、破壊してください。再確認はそのあとです。",
                "This medium failed its re-check. Erase it again and file the report, or destroy it.",
            )
        if self.reached is None:
            raise Refused(
                "nothing-to-verify",
                "この媒体には、証明された消去の記録がまだありません。先に消去の報告を登録してください。",
                "No erasure of this medium is proved yet. File its erasure report first.",
            )
        if verifier in self.wipers:
            raise Refused(
                "same-person",
                "消去した人は、同じ媒体の再確認ができません。別の人が確認してください。",
                "The one who erased a medium cannot re-check it. Another person has to.",
            )
        return ErasureVerified(
            medium=registered.medium, item=registered.item, verifier=verifier, method=method, passed=passed
        )


def fold(entries: Iterable[Entry[Event]]) -> Medium:
    """Fold a medium's entries, oldest first. Raises ValueError for an event that is not of a medium."""
    state = Medium()
    for entry in entries:
        state = _next(state, entry)
    return state


def _next(state: Medium, entry: Entry[Event]) -> Medium:
    match entry.event:
        case MediumErased() as e:
            grades = {**state.grades, e.regrades or entry.id: e.achieved}
            return replace(state, grades=grades, failed=False, wipers=state.wipers | {e.operator})
        case ErasureFailed() as e:
            grades = {**state.grades, e.regrades or entry.id: None}
            return replace(state, grades=grades, failed=True, wipers=state.wipers | {e.operator})
        case ErasureVerified() as e:  # what a second look finds takes back every proof before it, graded again or not
            taken_back = state.taken_back if e.passed else state.taken_back | state.grades.keys()
            return replace(state, verified=e.passed, taken_back=taken_back)
        case MediumRemoved():
            return replace(state, removed=True)
        case MediumDestroyed():
            return replace(state, destroyed=state.destroyed or Destroyed(entry.id, entry.occurred_at))
        case other:
            raise ValueError(f"{other.kind} is not an event of a medium")


def already_destroyed(label: str, destroyed: Destroyed) -> Refused:
    """Return the refusal of a second crushing: the same drive cannot be crushed twice, so one of the two is wrong."""
    when = destroyed.at.isoformat(timespec="seconds")
    return Refused(
        "already-destroyed",
        f"この媒体（{label}）は {when} に粉砕済みです（記録 {destroyed.entry}）。"
        "手元の媒体のラベルと製造番号を確かめ、違うものなら読み取り直してください。",
        f"This medium ({label}) was destroyed at {when} (entry {destroyed.entry}). "
        "Check label and serial of the one in your hands; if it is another, scan again.",
    )


@dataclass(frozen=True, slots=True)
class Filing:
    """The circumstances of one report: its kept bytes, who did it, where, who stood by."""

    evidence: Evidence
    operator: str
    place: Place
    witness: str | None = None
    by_host: bool = False  # two media have this serial, and the computer it was in decided
    received: datetime | None = None  # when its bytes came for the first time; None: not known
    found: datetime | None = None  # when a re-check before that found data on the medium


def judge(
    registered: Registered, finding: Finding, filing: Filing, *, version: str = TABLE_CURRENT
) -> MediumErased | ErasureFailed:
    """Grade one finding for the medium it was bound to. A serial that differs but is near is said among the reasons.

    What is not proof (no serial of its own, stale, contradicting) becomes ErasureFailed: the medium is where it was.
    """
    period = Period(
        opened=registered.opened,
        registered=registered.registered_at,
        received=filing.received,
        found=filing.found,
    )
    judged = grade(finding, MediumKind(registered.kind), version=version, period=period)
    if not registered.simulated and (is_simulated(registered.serial) or is_of_simulation(finding)):
        judged = without_worth(judged)
    required = registered.required.on_site
    sufficient = judged.level is not None and at_least(judged.level, required)
    reasons = _reasons(judged, sufficient=sufficient)
    if finding.serial != registered.serial:
        reasons = (*reasons, _bound_by_person(finding.serial, registered.serial))
    if filing.by_host:
        reasons = (*reasons, _bound_by_host(finding.host_serial))
    if judged.level is None:
        return ErasureFailed(
            medium=registered.medium,
            item=registered.item,
            label=registered.label,
            serial=registered.serial,
            technique=finding.technique,
            reasons=reasons,
            table_version=judged.table_version,
            evidence=filing.evidence,
            operator=filing.operator,
            received_at=filing.received,
            policy_version=registered.required.policy_version,
        )
    return MediumErased(
        medium=registered.medium,
        item=registered.item,
        label=registered.label,
        serial=registered.serial,
        technique=finding.technique,
        achieved=judged.level,
        required=required,
        sufficient=sufficient,
        reasons=reasons,
        table_version=judged.table_version,
        evidence=filing.evidence,
        operator=filing.operator,
        witness=filing.witness,
        started_at=_zoned(finding.started),
        finished_at=_zoned(finding.finished),
        started_said=unzoned(finding.started),
        finished_said=unzoned(finding.finished),
        place=filing.place,
        received_at=filing.received,
        policy_version=registered.required.policy_version,
    )


def speaks_of_erasure(finding: Finding) -> bool:
    """Tell whether a finding says anything about an erasure: an inventory does not, nor a drive never sanitised."""
    return grade(finding).verdict is not Verdict.NOT_EVIDENCE


def _reasons(judged: Grade, *, sufficient: bool) -> tuple[erasure.Reason, ...]:
    """Everything that carries the grade; what would raise it where it is not enough."""
    remedies = () if sufficient else judged.would_raise
    said = (*judged.reasons, *judged.contradictions, *judged.to_validate, *remedies)
    return tuple(_spoken(reason) for reason in dict.fromkeys(said))


def _spoken(reason: Reason) -> erasure.Reason:
    return erasure.Reason(code=reason.code, ja=reason.ja, en=reason.en)


def _bound_by_person(reported: str, registered: str) -> erasure.Reason:
    if not reported:
        return erasure.Reason(
            code="bound-by-label",
            ja="報告に製造番号がないため、人がラベルで結び付けました。",
            en="The report names no serial; a person bound it by the label.",
        )
    return erasure.Reason(
        code="bound-by-person",
        ja=f"報告の製造番号「{reported}」と登録の「{registered}」は表記が異なり、人が確かめて結び付けました。",
        en=f"The report says “{reported}”, registered is “{registered}”; a person checked and bound them.",
    )


def _bound_by_host(host: str) -> erasure.Reason:
    return erasure.Reason(
        code="bound-by-host",
        ja=f"同じ製造番号の媒体が複数登録されているため、入っていた本体の製造番号「{host}」で結び付けました。",
        en=f"Several media are registered with this serial; the computer it was in, “{host}”, decided.",
    )


def _zoned(moment: datetime | None) -> datetime | None:
    """Keep a time that is one everywhere."""
    return moment if moment is not None and moment.tzinfo else None


def unzoned(moment: datetime | None) -> str | None:
    """Keep a time without zone in the tool's own digits: which moment it was nobody can tell."""
    return moment.isoformat() if moment is not None and not moment.tzinfo else None
