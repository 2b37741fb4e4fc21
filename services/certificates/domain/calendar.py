"""The calendar of deadlines (RFC 5545): one whole-day event an engagement and day. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from uuid import UUID

REFRESH = timedelta(hours=6)  # how often a calendar program is asked to look again (RFC 7986, 5.7)


@dataclass(frozen=True, slots=True)
class Due:
    """What is due of one engagement on one day."""

    engagement: UUID
    day: date
    title: str
    town: str
    counts: Mapping[str, int]  # of each kind, by its Japanese name
    link: str


def written(dues: Sequence[Due], *, at: datetime, host: str) -> bytes:
    """Return the calendar's bytes: folded at 75 octets, its text escaped.

    An event keeps its UID for ever, so that a program that looks again moves nothing and doubles nothing.
    """
    from icalendar import Calendar, Event

    calendar = Calendar()
    calendar.add("prodid", "-//Meguru//Deadlines//JA")
    calendar.add("version", "2.0")
    calendar.add("method", "PUBLISH")
    calendar.add("x-wr-calname", "めぐる 証明書の提出期限")
    calendar.add("refresh-interval", REFRESH, parameters={"VALUE": "DURATION"})
    calendar.add("x-published-ttl", "PT6H")
    for due in dues:
        event = Event()
        event.add("uid", f"{due.engagement}-{due.day.isoformat()}@{host}")
        event.add("dtstamp", at)
        event.add("dtstart", due.day)
        event.add("dtend", due.day + timedelta(days=1))
        event.add("summary", f"証明書の提出期限（まだ{sum(due.counts.values())}通）{due.town} {due.title}")
        said = "、".join(f"{kind} {n}通" for kind, n in due.counts.items() if n)
        event.add("description", f"{said}が届いていません。\n{due.link}")
        event.add("url", due.link)
        event.add("transp", "TRANSPARENT")  # a deadline takes nobody's time of the day
        calendar.add_component(event)
    content: bytes = calendar.to_ical()
    return content
