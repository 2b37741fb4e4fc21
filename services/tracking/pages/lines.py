"""The two lines of a device: six stations of its data, six of its second life, each with the moment it was reached."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

CUSTODY = (
    "tracking.item-registered.v1",
    "erasure.medium-erased.v1",
    "tracking.shipped-out.v1",
    "tracking.received.v1",
    "erasure.medium-destroyed.v1",
    "tracking.custody-closed.v1",
)
STATIONS = ("registered", "erased", "shipped-out", "received", "destroyed", "closed")
LIFE = ("ssd", "os", "cleaning", "support", "taken-over", "given")


class Moment(NamedTuple):
    """One event as the lines need it."""

    kind: str
    at: datetime
    medium: str | None = None
    step: str | None = None


@dataclass(frozen=True, slots=True)
class Line:
    """When each of the six stations was reached; None for those that were not."""

    reached: tuple[datetime | None, ...]

    @property
    def last(self) -> int:
        """The furthest station reached, −1 for none."""
        return max((n for n, at in enumerate(self.reached) if at), default=-1)

    @property
    def done(self) -> int:
        """How many were reached."""
        return sum(at is not None for at in self.reached)

    @property
    def states(self) -> tuple[str, ...]:
        """How each station is drawn: done, now (the next one), ahead."""
        return tuple("" if at else "now" if n == self.last + 1 else "ahead" for n, at in enumerate(self.reached))


@dataclass(frozen=True, slots=True)
class Lines:
    """Both lines of one device."""

    custody: Line
    life: Line
    recycled: datetime | None

    @property
    def station(self) -> str:
        """The station of custody it stands at."""
        return STATIONS[max(self.custody.last, 0)]


def lines(moments: Iterable[Moment], media: int, given: datetime | None = None) -> Lines:
    """Place events on the lines. What is done medium by medium is reached when the last medium is done."""
    first: dict[str, datetime] = {}
    by_medium: defaultdict[str, dict[str | None, datetime]] = defaultdict(dict)
    steps: dict[str, datetime] = {}
    for moment in sorted(moments, key=lambda moment: moment.at):
        first.setdefault(moment.kind, moment.at)
        if moment.medium:
            by_medium[moment.kind].setdefault(moment.medium, moment.at)
        if moment.kind == "refurb.step-done.v1" and moment.step:
            steps.setdefault(moment.step, moment.at)

    def reached(kind: str) -> datetime | None:
        if not kind.startswith("erasure."):
            return first.get(kind)
        done = by_medium[kind]
        return max(done.values()) if done and len(done) >= media else None

    second = [steps.get(step) for step in LIFE[:4]] + [first.get("tracking.taken-over.v1"), given]
    return Lines(Line(tuple(reached(kind) for kind in CUSTODY)), Line(tuple(second)), first.get("refurb.recycled.v1"))
