"""The three levels of sanitisation that every service speaks of."""

from enum import StrEnum


class Level(StrEnum):
    """What was reached on a medium, in rising order: clear, purge, destroy (NIST SP 800-88r2 §3, IEEE 2883-2022 §3)."""

    CLEAR = "clear"
    PURGE = "purge"
    DESTROY = "destroy"

    @property
    def rank(self) -> int:
        """Position in the order, so that levels are never compared as words ("destroy" < "purge" in the alphabet)."""
        return _ORDER.index(self)

    def __lt__(self, other: str) -> bool:
        return self.rank < Level(other).rank

    def __le__(self, other: str) -> bool:
        return self.rank <= Level(other).rank

    def __gt__(self, other: str) -> bool:
        return self.rank > Level(other).rank

    def __ge__(self, other: str) -> bool:
        return self.rank >= Level(other).rank


_ORDER = (Level.CLEAR, Level.PURGE, Level.DESTROY)


def at_least(reached: Level | None, required: Level | None) -> bool:
    """Whether what was reached satisfies what is required. Nothing reached satisfies only that nothing is required."""
    if required is None:
        return True
    return reached is not None and reached >= required
