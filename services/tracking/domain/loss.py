"""A lost item: who had it last, what was proved of it, which clocks of the law run, and what ends the case. Pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Literal
from uuid import UUID

from shared.entry import Event
from shared.events.tracking import (
    ItemRegistered,
    LossEnded,
    LossNotified,
    LossReported,
    LostMedium,
    Received,
    ShippedOut,
    Sighted,
    TakenOver,
)
from shared.levels import Level
from shared.refused import Refused

Stage = Literal["speedy", "final"]


@dataclass(frozen=True, slots=True)
class Clock:
    """A deadline of the law: within so many days of the day of knowing, which is day one."""

    stage: Stage
    days: int
    source: str
    when: Literal["always", "wrongful"] = "always"  # wrongful: it may have been done with a wrongful purpose
    from_day: int | None = None  # where the source names a span, its first day


# 個人情報保護法 第68条1項、同施行規則 第43条（対象の事態）・第44条（速報と確報）. What the rule calls "速やかに" the
# Commission's guidelines read as three to five days; they count the day of knowing as day one. A final day on which
# offices are closed may move to the next; we do not move it: an early reminder harms nobody.
_RULE = "個人情報保護法第68条第1項、同施行規則第44条"
CLOCKS: tuple[Clock, ...] = (
    Clock("speedy", 5, f"{_RULE}第1項（「速やかに」：個人情報保護委員会の指針で概ね3〜5日以内）", from_day=3),
    Clock("final", 30, f"{_RULE}第2項"),
    Clock("final", 60, f"{_RULE}第2項（同規則第43条第3号：不正の目的のおそれがあるとき）", "wrongful"),
)
MY_NUMBER = "番号法第29条の4（特定個人情報：同じ期間の報告。対象の事態は同条の規則による）"


def due_on(clock: Clock, known_on: date) -> date:
    """Return the last day of a clock, the day of knowing being day one."""
    return known_on + timedelta(days=clock.days - 1)


@dataclass(frozen=True, slots=True)
class Case:
    """A case of loss as its history makes it; a second loss after an end begins it anew."""

    reported: LossReported
    evidence_after: UUID  # the entry that reported it: a finding is newer
    notified: Mapping[Stage, LossNotified]
    ended: LossEnded | None = None

    def notify(self, stage: Stage, notified_on: date, reference: str) -> LossNotified:
        """Record that a report was made, once a stage."""
        if stage in self.notified:
            raise Refused(
                "already-notified",
                "この段階の報告はもう記録されています。紛失のページで確かめてください。",
                "This stage has already been reported. See the page of the loss.",
            )
        return LossNotified(
            loss=self.reported.loss,
            item=self.reported.item,
            stage=stage,
            notified_on=notified_on,
            reference=reference,
        )

    def end(self, findings: Collection[UUID], explanation: str) -> LossEnded:
        """Confirm that it was found, by the newest record since the report."""
        if self.ended:
            raise Refused(
                "already-ended",
                "この紛失はもう「見つかった」として閉じています。",
                "This loss is already closed as found.",
            )
        if not findings:
            raise Refused(
                "no-finding",
                "紛失の記録のあとに、この機器を読み取った記録がありません。ラベルを読み取ってから閉じてください。",
                "Nobody has scanned this item since it was reported lost. Scan its label first.",
            )
        return LossEnded(
            loss=self.reported.loss, item=self.reported.item, evidence=max(findings), explanation=explanation
        )


def report(
    registered: ItemRegistered,
    *,
    loss: UUID,
    media: Collection[UUID],
    proved: Mapping[UUID, tuple[Level, datetime]],
    holder: tuple[str, datetime, str] | None,
    discrepancy: UUID | None,
    reason: str,
) -> LossReported:
    """Say what is lost (all media of the item, or those named), what was proved, and who had it last."""
    lost = [one for one in registered.media if not media or one.id in media]
    if media and len(lost) != len(set(media)):
        raise Refused(
            "not-its-medium",
            "この媒体はこの機器のものではありません。機器のページで確かめてください。",
            "This medium does not belong to this item. See the item's page.",
        )
    nothing: tuple[None, None] = (None, None)
    last = dict(zip(("last_party", "last_since", "last_kind"), holder, strict=True)) if holder else {}
    return LossReported(
        loss=loss,
        item=registered.item,
        label=registered.label,
        media=tuple(
            LostMedium(
                medium=one.id,
                serial=one.serial,
                proved=proved.get(one.id, nothing)[0],
                proved_at=proved.get(one.id, nothing)[1],
            )
            for one in lost
        ),
        media_class=registered.required.media_class,
        zone=registered.zone,
        confidentiality=registered.confidentiality,
        discrepancy=discrepancy,
        reason=reason,
        policy_version=registered.required.policy_version,
        **last,
    )


def last_holder(town: str, moved: Iterable[tuple[Event, datetime, str]]) -> tuple[str, datetime, str] | None:
    """Return the party that had the item last, since when and by which record; `moved` says event, moment, party."""
    held: tuple[str, datetime, str] | None = None
    for event, at, party in sorted(moved, key=lambda one: one[1]):
        match event:
            case ItemRegistered() | TakenOver():
                held = (town, at, event.kind)
            case ShippedOut():
                held = (event.carrier, at, event.kind)
            case Received():
                held = (event.centre, at, event.kind)
            case Sighted():
                held = (party, at, event.kind)
            case _:
                continue
    return held


def fold(entries: Sequence[tuple[UUID, Event]]) -> Case | None:
    """Return the case that its history (entry and event) makes, None for an item never lost."""
    case: Case | None = None
    for entry, event in entries:
        match event:
            case LossReported():
                case = Case(event, entry, {})
            case LossNotified() if case:
                case = replace(case, notified={**case.notified, event.stage: event})
            case LossEnded() if case:
                case = replace(case, ended=event)
            case _:
                raise ValueError(f"{event.kind} is no event of a loss at this point")
    return case
