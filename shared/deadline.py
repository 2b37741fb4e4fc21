"""Deadlines of certificates (提出期限): the days a town hall is open, and the day by which a certificate is due. Pure.

A town hall is closed (休日) on Saturdays and Sundays, on the national holidays with their substitutes and the days
between two of them, and around the New Year. Sources: 地方自治法（昭和22年法律第67号）第4条の2第2項, under which each
town says so by an ordinance of its own; 行政機関の休日に関する法律（昭和63年法律第91号）第1条, whose days those
ordinances take over; 国民の祝日に関する法律（昭和23年法律第178号）第3条 for substitutes. The holidays come from
`jpholiday`, which computes both equinoxes; officially each is named in the February before (暦要項).
"""

from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta, timezone
from functools import lru_cache
from typing import Literal

import jpholiday

DaysKind = Literal["calendar", "business"]

JST = timezone(timedelta(hours=9), "JST")
FIRST, LAST = (
    date(2025, 1, 1),
    date(2055, 12, 31),
)  # receipts are dated by our own clock, and days are at most ten years
SATURDAY = 5
SOON_DAYS = 5  # business days: from here on a deadline is near, and people are told
# 行政機関の休日に関する法律 第1条第1項第3号: 12月29日から翌年の1月3日まで (month, day)
NEW_YEAR = frozenset({(12, 29), (12, 30), (12, 31), (1, 1), (1, 2), (1, 3)})
OPENS, CLOSES = time(8, 30), time(17, 15)  # the hours town halls commonly have; a town that differs is written to then


@dataclass(frozen=True, slots=True)
class Terms:
    """What a contract says of the deadline: so many days from the receipt, or a date of its own, which then stands."""

    days: int
    kind: DaysKind = "calendar"
    by: date | None = None


@lru_cache(maxsize=1)
def business_days() -> tuple[date, ...]:
    """Return every day from FIRST to LAST on which a town hall is open, in order."""
    holidays = {day for day, _name in jpholiday.between(FIRST, LAST)}
    every = (FIRST + timedelta(days=nth) for nth in range((LAST - FIRST).days + 1))
    return tuple(
        day
        for day in every
        if day.weekday() < SATURDAY and (day.month, day.day) not in NEW_YEAR and day not in holidays
    )


def is_open(day: date) -> bool:
    """Tell whether a town hall is open on a day. Raises ValueError for a day outside FIRST to LAST."""
    _known(day)
    there = business_days()
    place = bisect_left(there, day)
    return place < len(there) and there[place] == day


def after(day: date, count: int) -> date:
    """Return the `count`-th business day after a day, which itself is not counted (民法 第140条, 初日不算入).

    Raises ValueError where the calendar ends.
    """
    _known(day)
    there, place = business_days(), bisect_right(business_days(), day) + count - 1
    if not 0 <= place < len(there):
        raise ValueError(f"{count} business days after {day} are outside the calendar")
    return there[place]


def left(today: date, due: date) -> int:
    """Return how many business days remain after today until a day, that one included; negative once it has passed."""
    there = business_days()
    return bisect_right(there, due) - bisect_right(there, today)


def day_in_japan(moment: datetime) -> date:
    """Return the day of a moment in Japan."""
    return moment.astimezone(JST).date()


def due_on(received: datetime | None, terms: Terms) -> date | None:
    """Return the deadline: the contract's own date, else so many days after the day of receipt in Japan.

    The receipt is dated by the clock that recorded it. None before the receipt, unless the contract names a date.
    Calendar days that end on a holiday end there: a contract that means otherwise counts business days.
    """
    if terms.by or received is None:
        return terms.by
    day = day_in_japan(received)
    return after(day, terms.days) if terms.kind == "business" else day + timedelta(days=terms.days)


def office_hour(moment: datetime) -> datetime:
    """Return the moment itself when the town hall is open, else when it opens next: nobody is written to at night."""
    local = moment.astimezone(JST)
    if is_open(local.date()) and OPENS <= local.time() < CLOSES:
        return moment
    early = is_open(local.date()) and local.time() < OPENS
    return datetime.combine(local.date() if early else after(local.date(), 1), OPENS, JST)


def due_sql(received: str, engagement: str) -> str:
    """Return `due_on` in SQL, for a column with the receipt and the row of an engagement.

    Whoever runs it gives `business`: `list(business_days())`. `width_bucket` finds the place of a day in it by halving.
    """
    day, of = f"({received} AT TIME ZONE 'Asia/Tokyo')::date", engagement
    return (
        f"coalesce({of}.certificate_by, CASE {of}.certificate_days_kind WHEN 'business' THEN "
        f"(CAST(:business AS date[]))[width_bucket({day}, CAST(:business AS date[])) + {of}.certificate_days] "
        f"ELSE {day} + {of}.certificate_days END)"
    )


def _known(day: date) -> None:
    if not FIRST <= day <= LAST:
        raise ValueError(f"{day} is outside the calendar of business days, {FIRST} to {LAST}")
