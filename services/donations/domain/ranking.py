"""In what order a call serves its applications: first come (先着順), by lot (抽選), by review (審査)."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from uuid import UUID

from services.donations.domain.draw import lot
from services.donations.domain.receipt import order
from shared.events.donations import ApplicationReceived, Rule

Place = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Ranking:
    """A rule with what it needs: a lottery its seed, a review the points of each application."""

    rule: Rule = "first-come"
    seed: bytes = b""
    points: Mapping[UUID, int] = field(default_factory=dict)

    def ordered(self, applications: Iterable[ApplicationReceived]) -> list[ApplicationReceived]:
        """Return applications in the order they are served; the order they come in does not matter."""
        return sorted(applications, key=self._key)

    @property
    def _key(self) -> Callable[[ApplicationReceived], Place]:
        match self.rule:
            case "first-come":
                return _arrival
            case "lottery":
                return lambda each: (lot(self.seed, each.application), order(each.receipt))
            case "review":
                return lambda each: (-self.points.get(each.application, 0), *_arrival(each))


def _arrival(each: ApplicationReceived) -> Place:
    return each.arrived_at, order(each.receipt)


FIRST_COME = Ranking()
