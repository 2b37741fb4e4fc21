"""The support that comes with a reborn machine: on which days it is owed. Refurb counts by it, tracking shows it."""

from calendar import monthrange
from dataclasses import dataclass
from datetime import date, timedelta


@dataclass(frozen=True, slots=True)
class Term:
    """The days on which support is owed, both included."""

    first: date
    last: date

    def covers(self, day: date) -> bool:
        """Tell whether it is owed on a day."""
        return self.first <= day <= self.last


def term(handed_over: date | None, months: int) -> Term | None:
    """Return the term of so many months from the hand-over; None without one, or without support.

    The day of the hand-over itself does not count (民法140条): the term begins on the next, and ends before the day of
    the same number, or with the month's last day where there is none (143条): from 30 April one month ends with 31 May,
    from 30 November three months end with 28 or 29 February.
    """
    if handed_over is None or not months:
        return None
    counted = handed_over + timedelta(days=1)
    year, month = divmod(counted.month - 1 + months, 12)
    year, month = counted.year + year, month + 1
    days = monthrange(year, month)[1]
    if counted.day > days:
        return Term(handed_over, date(year, month, days))
    return Term(handed_over, date(year, month, counted.day) - timedelta(days=1))
