"""A work order: one chassis from named to delivered, or to material. Pure.

named → accepted → the plan's steps → ready → delivered; rejected or sent straight → recycled. No chassis leaves the
centre while one of its original media is unaccounted for.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Literal
from uuid import UUID

from services.refurb.domain import plan
from services.refurb.domain.material import each_once
from shared.entry import Event
from shared.events.refurb import (
    CandidateAccepted,
    CandidateRejected,
    Consigned,
    DeliveredToTown,
    PartReplaced,
    Picture,
    PlanStep,
    Ready,
    Recycled,
    Spec,
    StepDone,
    SupportContacted,
    Weight,
    WorkStarted,
)
from shared.events.tracking import ItemKind, Medium
from shared.refused import Refused, Unknown

Grade = Literal["A", "B", "C"]
Route = Literal["reuse", "recycle"]
Stage = Literal["candidate", "working", "ready", "delivered", "to-recycle", "recycled"]

# Msgids of what may be missing; the pages carry them into the catalogue.
MEDIA_PROOF = "もとの記憶媒体の抹消か破壊の証跡"
GRADE = "等級の判定"
NEW_SSD = "新しいSSDの製造番号の記録"

ON_THE_MEDIUM = frozenset({plan.SSD, plan.OS})  # what a new medium undoes
KG_MAX = 100  # kilograms of one chassis: above it somebody typed grams, or a pallet


@dataclass(frozen=True, slots=True)
class WorkOrder:
    """What is known of one chassis' second life."""

    item: UUID
    label: str
    item_kind: ItemKind
    route: Route
    accepted: CandidateAccepted | None = None
    ssd: PartReplaced | None = None
    done: tuple[str, ...] = ()
    ready: Ready | None = None
    delivered: bool = False
    recycled: Recycled | None = None

    @property
    def stage(self) -> Stage:
        """Where it stands on the board."""
        if self.recycled:
            return "recycled"
        if self.route == "recycle":
            return "to-recycle"
        if self.delivered:
            return "delivered"
        if self.ready:
            return "ready"
        return "working" if self.accepted else "candidate"

    @property
    def steps(self) -> tuple[PlanStep, ...]:
        """The steps before its delivery: the plan of the day it was accepted on."""
        return (self.accepted.steps if self.accepted else ()) or plan.STANDARD

    @property
    def next_step(self) -> PlanStep | None:
        """The first step that is not done."""
        return next((one for one in (*self.steps, plan.DELIVERY) if one.code not in self.done), None)

    def accept(
        self,
        grade: Grade,
        reasons: Sequence[str],
        photos: Sequence[Picture] = (),
        steps: Sequence[PlanStep] = plan.STANDARD,
    ) -> CandidateAccepted:
        """Take the chassis into work by a plan, with a grade, why, and what it looks like."""
        self._undecided()
        return CandidateAccepted(
            item=self.item,
            label=self.label,
            item_kind=self.item_kind,
            grade=grade,
            reasons=_said(reasons),
            photos=tuple(photos),
            steps=() if tuple(steps) == plan.STANDARD else tuple(steps),
        )

    def reject(self, reasons: Sequence[str]) -> CandidateRejected:
        """Send a candidate to recycling after all."""
        self._undecided()
        return CandidateRejected(item=self.item, label=self.label, reasons=_said(reasons))

    def swap(
        self, *, maker: str | None, model: str, serial: str, capacity_gb: int, originals: Sequence[Medium]
    ) -> PartReplaced:
        """Tie a new medium to the chassis. A second swap undoes what was done on the first medium (ssd, os)."""
        self._in_work()
        if any(_same(serial, medium.serial) for medium in originals):
            raise Refused(
                "original-medium",
                f"製造番号 {serial} はもとの記憶媒体です。新しいSSDの製造番号を読み取ってください。",
                f"{serial} is one of the original media. Scan the serial of the new SSD.",
            )
        if self.ssd and _same(serial, self.ssd.serial):
            raise Refused(
                "same-medium",
                f"製造番号 {serial} のSSDはもう記録しています。次の工程へ進んでください。",
                f"The SSD {serial} is already recorded. Go on with the next step.",
            )
        return PartReplaced(
            item=self.item, part="ssd", maker=maker, model=model, serial=serial, capacity_gb=capacity_gb
        )

    def do(self, code: str, note: str | None = None, photos: Sequence[Picture] = ()) -> StepDone:
        """Record one of the steps before delivery, with what shows it; each once, in order."""
        if code == plan.DELIVERY.code:
            raise ValueError("delivery is decided by `deliver`, which looks at the media")
        self._in_work()
        step = plan.named(code, self.steps)
        if code in self.done:
            raise Refused(
                "step-done",
                f"「{step.ja}」はもう記録しています。次の工程へ進んでください。",
                f'"{step.en}" is already recorded. Go on with the next step.',
            )
        before = [one for one in self.steps[: self.steps.index(step)] if one.code not in self.done]
        if before:
            raise Refused(
                "step-order",
                f"「{step.ja}」の前に「{'」「'.join(one.ja for one in before)}」が必要です。先に記録してください。",
                f'Before "{step.en}" comes: {", ".join(one.en for one in before)}. Record that first.',
                missing=tuple(one.ja for one in before),
            )
        if code == plan.SSD and not self.ssd:
            raise Refused(
                "no-new-medium",
                "新しいSSDの製造番号がありません。SSDのラベルを読み取って、換装を記録してください。",
                "The new SSD's serial is not recorded. Scan the label of the SSD and record the swap.",
                missing=(NEW_SSD,),
            )
        own = None if code in plan.KNOWN else step
        return StepDone(item=self.item, step=code, name=own, note=note, photos=tuple(photos))

    def missing_before_ready(self, open_media: Sequence[Medium]) -> tuple[str, ...]:
        """Return, most important first, what READY still needs."""
        return (
            *((MEDIA_PROOF,) if open_media else ()),
            *(() if self.accepted else (GRADE,)),
            *(one.ja for one in self.steps if one.code not in self.done),
        )

    def finish(self, spec: Spec, open_media: Sequence[Medium]) -> Ready:
        """Decide READY. Refused while an original medium is unaccounted for, and says which."""
        self._is_reuse()
        if self.ready:
            raise Refused(
                "already-ready",
                "この機器はもう再生完了です。納品へ進んでください。",
                "This device is already refurbished. Go on with its delivery.",
            )
        missing = self.missing_before_ready(open_media)
        if open_media:
            raise _media_open("再生完了にできません", "It cannot be marked as refurbished", open_media, missing)
        if not self.accepted or missing:
            raise Refused(
                "not-ready",
                f"まだ再生完了にできません。あと「{'」「'.join(missing)}」が必要です。",
                f"Not refurbished yet: {len(missing)} more to be recorded.",
                missing=missing,
            )
        if self.ssd and spec.ssd_gb != self.ssd.capacity_gb:
            raise Refused(
                "spec-differs",
                f"換装したSSDは {self.ssd.capacity_gb} GB です。仕様の容量を同じに直してください。",
                f"The new SSD has {self.ssd.capacity_gb} GB. Correct the capacity in the specification.",
            )
        return Ready(item=self.item, label=self.label, item_kind=self.item_kind, grade=self.accepted.grade, spec=spec)

    def deliver(
        self, open_media: Sequence[Medium], note: str | None = None, photos: Sequence[Picture] = ()
    ) -> tuple[StepDone, DeliveredToTown]:
        """Send it to the town: the last step and the centre's count. Refused while a medium was reopened (a hold)."""
        self._is_reuse()
        if self.delivered:
            raise Refused(
                "already-delivered",
                "この機器はもう納品しています。町の引き取りの記録を確かめてください。",
                "This device is already delivered. See whether the town has taken it over.",
            )
        if not self.ready:
            raise Refused(
                "not-ready",
                "再生完了の前には納品できません。足りない工程を記録し、再生完了にしてください。",
                "It cannot be delivered before it is refurbished. Record what is missing first.",
                missing=self.missing_before_ready(open_media),
            )
        if open_media:
            raise _media_open(
                "止め置きです。納品できません", "It is on hold and cannot be delivered", open_media, (MEDIA_PROOF,)
            )
        return (
            StepDone(item=self.item, step=plan.DELIVERY.code, note=note, photos=tuple(photos)),
            DeliveredToTown(item=self.item, label=self.label, item_kind=self.item_kind),
        )

    def recycle(
        self, weights: Sequence[Weight], manifest: str, operator: str, open_media: Sequence[Medium]
    ) -> Recycled:
        """Hand the chassis to a downstream recycler, with weights (kg) and the waste manifest's number."""
        self._may_leave(open_media)
        weights = each_once(weights)
        if not sum(weight.kg for weight in weights) <= KG_MAX:
            raise Refused(
                "too-heavy",
                f"1台で {KG_MAX} kg を超えています。重さはキログラムで、1台ずつ入れてください。",
                f"More than {KG_MAX} kg for one device. Give kilograms, one device at a time.",
            )
        return Recycled(item=self.item, label=self.label, weights=weights, manifest=manifest, operator=operator)

    def leave_with(self, sent: Consigned, open_media: Sequence[Medium]) -> Recycled:
        """Hand the chassis over together with others, which were weighed with it."""
        self._may_leave(open_media)
        return Recycled(
            item=self.item,
            label=self.label,
            manifest=sent.manifest,
            operator=sent.operator,
            consignment=sent.consignment,
        )

    def _may_leave(self, open_media: Sequence[Medium]) -> None:
        if self.recycled:
            raise Refused(
                "already-recycled",
                f"この機器はもう再資源化しています（管理票 {self.recycled.manifest}）。別の機器を読み取ってください。",
                f"This device is already recycled (manifest {self.recycled.manifest}). Scan another one.",
            )
        if self.route != "recycle":
            raise Refused(
                "route-reuse",
                "この機器は再生の候補です。再資源化するなら、先に候補から外してください。",
                "This device is a candidate for reuse. Reject it first, then recycle it.",
            )
        if open_media:
            raise _media_open("再資源化に出せません", "It cannot leave for recycling", open_media, (MEDIA_PROOF,))

    def _is_reuse(self) -> None:
        if self.route == "recycle":
            raise Refused(
                "route-recycle",
                "この機器は再資源化に回しました。再生の工程は記録できません。置き場所を確かめてください。",
                "This device goes to recycling; no step of refurbishing can be recorded. Check where it stands.",
            )

    def _undecided(self) -> None:
        self._is_reuse()
        if self.accepted:
            raise Refused(
                "already-accepted",
                f"この機器はもう受け入れました（等級 {self.accepted.grade}）。工程へ進んでください。",
                f"This device is already accepted (grade {self.accepted.grade}). Go on with the steps.",
            )

    def _in_work(self) -> None:
        self._is_reuse()
        if not self.accepted:
            raise Refused(
                "not-accepted",
                "まだ受け入れていません。等級を判定して、受け入れてください。",
                "It is not accepted yet. Grade it and accept it first.",
                missing=(GRADE,),
            )
        if self.ready:
            raise Refused(
                "already-ready",
                "この機器はもう再生完了です。工程は記録できません。納品へ進むか、管理者に相談してください。",
                "This device is already refurbished. Deliver it, or ask your manager.",
            )


def fold(events: Iterable[Event]) -> WorkOrder:
    """Return the work order that its history makes. Raises Unknown for an empty history."""
    order: WorkOrder | None = None
    for event in events:
        order = evolve(order, event)
    if order is None:
        raise Unknown(
            "no-work-order",
            "この機器の再生はまだ始まっていません。センターで再生か再資源化を選んでから、もう一度読み取ってください。",
            "No work order yet. Choose reuse or recycling at the centre first, then scan again.",
        )
    return order


def evolve(order: WorkOrder | None, event: Event) -> WorkOrder:
    """Return the work order after one more event. Raises ValueError for an event that is not its own."""
    if order is None:
        return _begun(event)
    match event:
        case CandidateAccepted():
            now = replace(order, accepted=event)
        case CandidateRejected():
            now = replace(order, route="recycle")
        case PartReplaced():
            now = replace(order, ssd=event, done=tuple(step for step in order.done if step not in ON_THE_MEDIUM))
        case StepDone():
            now = replace(order, done=(*order.done, event.step))
        case Ready():
            now = replace(order, ready=event)
        case DeliveredToTown():
            now = replace(order, delivered=True)
        case Recycled():
            now = replace(order, recycled=event)
        case SupportContacted():
            now = order
        case _:
            raise ValueError(f"{event.kind} is no event of a work order")
    return now


def _begun(event: Event) -> WorkOrder:
    if isinstance(event, WorkStarted):
        return WorkOrder(item=event.item, label=event.label, item_kind=event.item_kind, route=event.route)
    raise ValueError(f"a work order begins with its start, not with {event.kind}")


def _said(reasons: Sequence[str]) -> tuple[str, ...]:
    said = tuple(reason.strip() for reason in reasons if reason.strip())
    if not said:
        raise Refused(
            "no-reason",
            "理由がありません。判定の理由を1つ以上書いてください。",
            "A reason is missing. Write at least one reason for the decision.",
        )
    return said


def _same(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()


def _media_open(ja: str, en: str, open_media: Sequence[Medium], missing: tuple[str, ...]) -> Refused:
    serials = [medium.serial for medium in open_media]
    return Refused(
        "media-open",
        f"{ja}。もとの記憶媒体 {'、'.join(serials)} の抹消も破壊も証明されていません。媒体を処理し、記録してください。",
        f"{en}: the original medium {', '.join(serials)} is not proved sanitised or destroyed. Process it first.",
        missing=missing,
        media=", ".join(serials),
    )
