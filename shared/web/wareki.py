"""Japanese era dates beside ISO dates.

Eras begin on the day the cabinet orders say: 令和 2019-05-01, 平成 1989-01-08, 昭和 1926-12-25.
"""

from datetime import UTC, date, datetime, tzinfo
from zoneinfo import ZoneInfo

TOKYO: tzinfo = ZoneInfo("Asia/Tokyo")
_ERAS = (
    (date(2019, 5, 1), "令和", "Reiwa"),
    (date(1989, 1, 8), "平成", "Heisei"),
    (date(1926, 12, 25), "昭和", "Showa"),
)
_WEEKDAYS = (("月", "Mon"), ("火", "Tue"), ("水", "Wed"), ("木", "Thu"), ("金", "Fri"), ("土", "Sat"), ("日", "Sun"))


def tokyo_day(moment: date | datetime) -> date:
    """Return the calendar day in Tokyo. A moment without a zone is taken as UTC, as the ledgers keep it."""
    if not isinstance(moment, datetime):
        return moment
    aware = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return aware.astimezone(TOKYO).date()


def era(day: date) -> tuple[str, str, int] | None:
    """Return the era's name, its name in Latin letters and the year in it; None before 昭和."""
    for begin, name, latin in _ERAS:
        if day >= begin:
            return name, latin, day.year - begin.year + 1
    return None


def wareki(moment: date | datetime) -> str:
    """Return 令和3年9月14日（火）, in Tokyo; the first year is 元年. Before 昭和 the western year stands: 1925年…."""
    day = tokyo_day(moment)
    known = era(day)
    year = f"{day.year}年" if known is None else f"{known[0]}{'元' if known[2] == 1 else known[2]}年"
    return f"{year}{day.month}月{day.day}日（{_WEEKDAYS[day.weekday()][0]}）"


def wareki_en(moment: date | datetime) -> str:
    """Return what an English reader needs beside the ISO date: Tue, Reiwa 3."""
    day = tokyo_day(moment)
    known = era(day)
    weekday = _WEEKDAYS[day.weekday()][1]
    return weekday if known is None else f"{weekday}, {known[1]} {known[2]}"
