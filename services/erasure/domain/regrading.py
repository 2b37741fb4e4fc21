"""Grading again: what a new version of the table says of a kept report, as an entry beside the old one. Pure.

The first entry of a report and all that grade it again are one judgement; the last of them stands. What was recorded
under the older table stays readable in its own words (NIST SP 800-88r2, §4.5: who relied on what, and when).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.erasure.domain.finding import Finding
from services.erasure.domain.medium import Filing, Registered, judge
from shared.entry import Entry, Event
from shared.events.erasure import ErasureFailed, MediumErased
from shared.levels import Level
from shared.serial import is_near

Judged = MediumErased | ErasureFailed


class Unclear(ValueError):
    """The report says several things of this medium, and which of them the entry meant cannot be told any more."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What stands for one report of one medium: its first entry, and the last that judged it."""

    first: UUID
    last: Entry[Judged]

    @property
    def event(self) -> Judged:
        """What the last entry says."""
        return self.last.event


def judgements(entries: Iterable[Entry[Event]]) -> list[Judgement]:
    """Return what stands for each report of a medium's history, oldest report first."""
    standing: dict[UUID, Judgement] = {}
    for entry in entries:
        if isinstance(entry.event, MediumErased | ErasureFailed):
            first = entry.event.regrades or entry.id
            standing[first] = Judgement(first, entry)  # type: ignore[arg-type]  # just looked at
    return list(standing.values())


def level(event: Judged) -> Level | None:
    """Return the level that a judgement proves."""
    return event.achieved if isinstance(event, MediumErased) else None


def regrade(registered: Registered, standing: Judgement, findings: Sequence[Finding], version: str) -> Judged | None:
    """Judge a kept report again; None where the level stays. `findings` is all that the report says.

    Operator, witness and place are those of the old entry: what happened did not change. Raises Unclear.
    """
    said = standing.event
    filing = Filing(
        said.evidence,
        said.operator,
        said.place if isinstance(said, MediumErased) else "on-site",
        said.witness if isinstance(said, MediumErased) else None,
    )
    again = [judge(registered, finding, filing, version=version) for finding in _meant(findings, said)]
    if len({level(one) for one in again}) != 1:
        raise Unclear(said.evidence.sha256)
    return beside(standing, again[0])


def beside(standing: Judgement, event: Judged) -> Judged | None:
    """Return an event as the one that grades again what stands; None where both prove the same level."""
    if level(event) == level(standing.event):
        return None
    return event.model_copy(update={"regrades": standing.first})


def same_report(standing: Judgement, event: Judged) -> bool:
    """Tell whether an event judges, under another table, the very job that a standing judgement is about."""
    said = standing.event
    return (
        said.evidence.sha256 == event.evidence.sha256
        and said.technique == event.technique
        and said.table_version != event.table_version
        and (_times(said) == _times(event) or not (_times(said) and _times(event)))
    )


def _times(event: Judged) -> tuple[object, object] | None:
    return (event.started_at, event.finished_at) if isinstance(event, MediumErased) else None


def _meant(findings: Sequence[Finding], said: Judged) -> Sequence[Finding]:
    """Return the findings an entry may have meant: its serial, or what a person bound to it; then technique and times.

    A narrower question that nothing answers is not asked: today's reader may name a technique more exactly.
    """
    codes = {reason.code for reason in said.reasons}
    mine = [one for one in findings if one.serial == said.serial]
    if not mine and "bound-by-person" in codes:
        mine = [one for one in findings if one.serial and is_near(one.serial, said.serial)]
    if not mine and "bound-by-label" in codes:
        mine = [one for one in findings if not one.serial]
    mine = [one for one in mine if one.technique == said.technique] or mine
    if isinstance(said, MediumErased):
        started, finished = said.started_at, said.finished_at
        mine = [one for one in mine if (one.started, one.finished) == (started, finished)] or mine
    return mine
