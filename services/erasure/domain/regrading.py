"""Grading again: what a new version of the table says of a kept report, as an entry beside the old one. Pure.

So it is when the registration said the wrong kind of medium: the report may prove more or less of the right one.
The first entry of a report and all that grade it again are one judgement; the last of them stands. What was recorded
under the older table stays readable in its own words (NIST SP 800-88r2, §4.5: who relied on what, and when).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from services.erasure.domain.finding import Finding
from services.erasure.domain.medium import Filing, Registered, judge, unzoned
from shared.entry import Entry, Event
from shared.events.erasure import ErasureFailed, ErasureVerified, MediumErased, Reason
from shared.levels import Level
from shared.serial import is_near

Judged = MediumErased | ErasureFailed


class Unclear(ValueError):
    """The report says several things of this medium, and which of them the entry meant cannot be told any more."""


@dataclass(frozen=True, slots=True)
class Judgement:
    """What stands for one report of one medium: its first entry and the last that judged it.

    And what its times are held against: when it came, and the last re-check before it that found data.
    """

    first: UUID
    last: Entry[Judged]
    received_at: datetime
    found_at: datetime | None

    @property
    def event(self) -> Judged:
        """What the last entry says."""
        return self.last.event


def judgements(entries: Iterable[Entry[Event]]) -> list[Judgement]:
    """Return what stands for each report of a medium's history, oldest report first."""
    standing: dict[UUID, Judgement] = {}
    found_at: datetime | None = None
    for entry in entries:
        match entry.event:
            case MediumErased() | ErasureFailed() as e:
                first, judged = e.regrades or entry.id, _judged(entry)
                before = standing.get(first) or Judgement(first, judged, e.received_at or entry.recorded_at, found_at)
                standing[first] = replace(before, last=judged)
            case ErasureVerified(passed=False):
                found_at = entry.occurred_at
    return list(standing.values())


def _judged(entry: Entry[Event]) -> Entry[Judged]:
    return entry  # type: ignore[return-value]  # its event was just looked at


def filed_at(filing: Filing, entries: Sequence[Entry[Event]], at: datetime) -> Filing:
    """Return a filing at a moment with what a report's times are held against, as the medium's history knows it.

    Bytes that came before are held against what they were then: filing them again makes an end that lay in the future
    no truer.
    """
    same = [one for one in judgements(entries) if one.event.evidence.sha256 == filing.evidence.sha256]
    if same:
        return replace(filing, received=same[0].received_at, found=same[0].found_at)
    looks = [entry for entry in entries if isinstance(entry.event, ErasureVerified) and not entry.event.passed]
    return replace(filing, received=filing.received or at, found=looks[-1].occurred_at if looks else None)


def level(event: Judged) -> Level | None:
    """Return the level that a judgement proves."""
    return event.achieved if isinstance(event, MediumErased) else None


def regrade(registered: Registered, standing: Judgement, findings: Sequence[Finding], version: str) -> Judged | None:
    """Judge a kept report again; None where the level stays. `findings` is all that the report says.

    Operator, witness, place and when it came are those of the old entry: what happened did not change. Raises Unclear,
    also where the medium's serial was corrected since to that of another drive than the report's.
    """
    said = standing.event
    codes = {reason.code for reason in said.reasons}
    filing = Filing(
        said.evidence,
        said.operator,
        said.place if isinstance(said, MediumErased) else "on-site",
        said.witness if isinstance(said, MediumErased) else None,
        by_host="bound-by-host" in codes,
        received=standing.received_at,
        found=standing.found_at,
    )
    meant = _meant(findings, said)
    again = [judge(registered, finding, filing, version=version) for finding in meant]
    if len({level(one) for one in again}) != 1:
        raise Unclear(said.evidence.sha256)
    if any(
        one.serial and one.serial != registered.serial and not is_near(one.serial, registered.serial) for one in meant
    ):
        raise Unclear(said.evidence.sha256)
    return beside(standing, again[0])


def beside(standing: Judgement, event: Judged) -> Judged | None:
    """Return an event as the one that grades again what stands; None where both prove the same level."""
    if level(event) == level(standing.event):
        return None
    return event.model_copy(update={"regrades": standing.first})


def of_kind(registered: Registered, event: Judged | None) -> Judged | None:
    """Return a judgement that stands for an older one because the medium's kind was corrected, saying so."""
    if event is None:
        return None
    kind = registered.kind.upper()
    why = Reason(
        code="kind-corrected",
        ja=f"登録された媒体の種類が {kind} に訂正されたので、保存した報告を評価し直しました。",
        en=f"The registered kind of the medium was corrected to {kind}: the kept report was judged again.",
    )
    return event.model_copy(update={"reasons": (why, *event.reasons)})


def same_report(standing: Judgement, event: Judged) -> bool:
    """Tell whether an event judges, under another table, the very job that a standing judgement is about."""
    said = standing.event
    return (
        said.evidence.sha256 == event.evidence.sha256
        and said.technique == event.technique
        and said.table_version != event.table_version
        and (_times(said) == _times(event) or not (_times(said) and _times(event)))
    )


def _times(event: Judged) -> tuple[object, ...] | None:
    """Return the report's own times, None where the event has none."""
    if not isinstance(event, MediumErased):
        return None
    times = (event.started_at, event.finished_at, event.started_said, event.finished_said)
    return times if any(times) else None


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
        times = (said.started_at or said.started_said, said.finished_at or said.finished_said)
        mine = [one for one in mine if (_said(one.started), _said(one.finished)) == times] or mine
    return mine


def _said(moment: datetime | None) -> datetime | str | None:
    """Return a time as an event keeps it: without zone it is a text."""
    return unzoned(moment) or moment
