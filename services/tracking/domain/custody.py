"""Custody is about data: when a medium is accounted for, and when all of an item's are. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from shared.certification import final_level, paper
from shared.entry import Event
from shared.events.tracking import ClosedStep, CustodyClosed, ItemRegistered, MediumCleared, MediumReopened, Required
from shared.levels import Level, at_least


@dataclass(frozen=True, slots=True)
class Seen:
    """One event about an item, as the timeline knows it."""

    kind: str
    occurred_at: datetime
    entry: UUID
    medium: UUID | None = None
    level: Level | None = None
    number: str | None = None  # of a certificate
    disproved: bool = False  # a re-check found data
    cage: UUID | None = None  # it left in, or came out of
    party: str | None = None  # that holds it from then on
    required: Required | None = None  # from then on
    regrades: UUID | None = None  # the entry for which this judgement by a later table stands


RECEIVED = "tracking.received.v1"
STEPS: Mapping[str, str] = {
    "tracking.item-registered.v1": "registered",
    "erasure.medium-erased.v1": "erased",
    "tracking.shipped-out.v1": "shipped-out",
    RECEIVED: "received",
    "erasure.medium-destroyed.v1": "destroyed",
}


def reached(seen: Iterable[Seen]) -> dict[UUID, Level]:
    """Return the highest level that evidence proves for each medium; `seen` is given oldest first.

    A re-check that finds data takes back every erasure before it, until one is proved anew. What is crushed stays so.
    A report graded again counts with its last grade, and in the place where it was first graded: a new table makes no
    new erasure.
    """
    told = list(seen)
    again = {one.regrades: one.level for one in told if one.regrades}
    levels: dict[UUID, Level] = {}
    for one in told:
        if one.regrades:
            continue
        level = again.get(one.entry, one.level)
        if one.medium and one.disproved and levels.get(one.medium) is not Level.DESTROY:
            levels.pop(one.medium, None)
        if one.medium and level and not at_least(levels.get(one.medium), level):
            levels[one.medium] = level
    return levels


def is_cleared(level: Level | None, required: Required) -> bool:
    """Tell whether the last thing the policy asks of a medium is proved: at the centre, or on site when that is all."""
    return at_least(level, final_level(required))


def certificates_required(required: Required, reached: Level | None = None) -> frozenset[str]:
    """Return the kinds of certificate a medium that reached a level needs before custody closes."""
    kind = paper(required, reached)
    return frozenset({kind}) if kind else frozenset()


def clearance(
    registered: ItemRegistered,
    medium: UUID,
    levels: Mapping[UUID, Level],
    history: Sequence[Event],
    *,
    doubted: AbstractSet[UUID] = frozenset(),
) -> Event | None:
    """Decide what to say of one medium: cleared, reopened, or nothing new.

    What is proved of `doubted` media does not count while a failed re-check has their lot reopened; crushed is crushed.
    """
    counts = {one: level for one, level in levels.items() if one not in doubted or level is Level.DESTROY}
    version = registered.required.policy_version
    was = bool(history) and isinstance(history[-1], MediumCleared)
    now = is_cleared(counts.get(medium), registered.required)
    if now and not was:
        others = sum(not is_cleared(counts.get(one.id), registered.required) for one in registered.media)
        return MediumCleared(item=registered.item, medium=medium, media_open=others, policy_version=version)
    if was and not now:
        if is_cleared(levels.get(medium), registered.required):
            reason = "lot-in-doubt"
        else:
            raised = registered.required.raised and levels.get(medium)
            reason = "requirement-raised" if raised else "evidence-withdrawn"
        return MediumReopened(item=registered.item, medium=medium, reason=reason, policy_version=version)
    return None


def closing(
    registered: ItemRegistered,
    seen: Sequence[Seen],
    issued: Mapping[UUID, frozenset[str]],
    at: datetime,
    *,
    lost: bool = False,
) -> CustodyClosed | None:
    """Decide that custody ends: every medium cleared and its required certificates issued.

    Unless its media must be destroyed the item must have been received: what was only erased may be certified in the
    town hall, and its way is not over then. What is lost never closes by itself, whatever turns up: a person must first
    confirm that it was found.
    """
    required = registered.required
    if lost:
        return None
    if final_level(required) is not Level.DESTROY and all(one.kind != RECEIVED for one in seen):
        return None
    levels = reached(seen)
    for medium in registered.media:
        level = levels.get(medium.id)
        if not is_cleared(level, required):
            return None
        if not certificates_required(required, level) <= issued.get(medium.id, frozenset()):
            return None
    first: dict[str, Seen] = {}
    for one in sorted(seen, key=lambda one: (one.occurred_at, one.entry)):
        if one.kind in STEPS:
            first.setdefault(STEPS[one.kind], one)
    steps = [ClosedStep(step=step, occurred_at=one.occurred_at, entry=one.entry) for step, one in first.items()]
    steps.append(ClosedStep(step="closed", occurred_at=at))
    numbers = tuple(sorted(one.number for one in seen if one.number))
    return CustodyClosed(
        item=registered.item,
        label=registered.label,
        steps=tuple(steps),
        certificates=numbers,
        policy_version=required.policy_version,
    )
