"""When a job for a medium can have been done, and what a report's own times say against it. Pure.

A success that a drive or a log kept from an earlier job proves nothing of today's: a certificate speaks of one
sanitisation of one medium (NIST SP 800-88r2). So the times are held against what the house knows by itself:

- *Not after the report came.* What ends later was not done yet, or the clock was wrong: no level.
- *Not before the engagement began.* Until then the medium was in use, whatever an old log says of it: no level. Not the
  item's own registration: a town may register what was wiped before, and a report that came first binds by itself when
  its item appears. What is done in between is said, since the medium was free to be used again: a remark, and the level
  stays (ADR 0025).

- *Not before a re-check that found data.* It took back what was proved until then; a log of before it, filed after it,
  would bring that back: no level.

Clocks of machines are off: a time with its zone may miss by CLOCK_SKEW_MAX, one without is taken for Japan's and may
miss by a day, which holds every zone and a clock that runs in UTC.
"""

from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone

from services.erasure.domain.finding import Finding
from services.erasure.domain.reason import Reason, because
from shared.entry import CLOCK_SKEW_MAX

JST = timezone(timedelta(hours=9), "JST")
ZONE_UNKNOWN_MAX = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """What bounds the job; None is not known, and nothing is compared with it."""

    opened: date | None = None  # the engagement's first day, in Japan
    registered: datetime | None = None  # the item, in this engagement
    received: datetime | None = None  # the report, for the first time
    found: datetime | None = None  # data, by the last re-check before the report came

    def contradictions(self, finding: Finding) -> tuple[Reason, ...]:
        """Return what the report's times say that cannot be: it takes the level away."""
        said = [moment for moment in (finding.started, finding.finished) if moment]
        late = next((moment for moment in said if self.received and _after(moment, self.received)), None)
        if late and self.received:
            return (because("done-after-received", said=late.isoformat(), received=_shown(self.received)),)
        early = _end(finding)
        if early and self._is_of_before(early):
            return (because("done-before-engagement", said=early.isoformat(), opened=self.opened),)
        if early and self.found and _before(early, self.found):
            return (because("done-before-recheck", said=early.isoformat(), found=_shown(self.found)),)
        return ()

    def remarks(self, finding: Finding) -> tuple[Reason, ...]:
        """Return what a reader should know of the report's times although the level stays."""
        end = _end(finding)
        if not end or not self.registered or self._is_of_before(end) or not _before(end, self.registered):
            return ()
        return (because("done-before-registration", said=end.isoformat(), registered=_shown(self.registered)),)

    def _is_of_before(self, moment: datetime) -> bool:
        return self.opened is not None and _before(moment, datetime.combine(self.opened, time.min, JST))


ALWAYS = Period()


def _end(finding: Finding) -> datetime | None:
    """Return when the job was over, as far as the report says."""
    return finding.finished or finding.started


def _before(said: datetime, known: datetime) -> bool:
    return known - _placed(said) > _slack(said)


def _after(said: datetime, known: datetime) -> bool:
    return _placed(said) - known > _slack(said)


def _placed(said: datetime) -> datetime:
    return said if said.tzinfo else said.replace(tzinfo=JST)


def _slack(said: datetime) -> timedelta:
    return CLOCK_SKEW_MAX if said.tzinfo else ZONE_UNKNOWN_MAX


def _shown(moment: datetime) -> str:
    return moment.astimezone(JST).isoformat(timespec="minutes")
