"""The lot of an engagement under its independent re-check (R2v3: five in a hundred, by somebody else). Pure.

1. Somebody who is not the wiper looks at each medium that `draw.py` draws.
2. A look that finds data reopens the lot. The medium itself is where it was: it is erased again, and then looked at
   again, or it is destroyed. Of the rest, a new draw is made among what nobody had looked at before the last failure,
   by a seed that takes the failures in. Until that is done, no medium that nobody looked at since counts as proved.
3. The lot stands again when every medium of the draw in force and every one that failed has passed or is destroyed.

All of it follows from the set of entries, whatever arrived first: "before" is the order of the entries' ids (UUIDv7).
"""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from services.erasure.domain.draw import Draw, draw

State = Literal["none", "to-check", "reopened", "passed"]


@dataclass(frozen=True, slots=True)
class Look:
    """One re-check: by which entry, of which medium, and whether nothing was found on it."""

    entry: UUID
    medium: UUID
    passed: bool


@dataclass(frozen=True, slots=True)
class Lot:
    """How the re-check of an engagement stands."""

    state: State
    round: int  # 1, and one more for each look that failed
    draw: Draw  # the one in force
    population: Mapping[UUID, UUID]  # what it drew from: media, each with the entry of its first proved erasure
    failures: tuple[UUID, ...]  # entries of the looks that failed
    to_check: tuple[UUID, ...]  # media somebody still has to look at: drawn, or erased again after they failed
    to_redo: tuple[UUID, ...]  # media that failed and are neither erased again nor destroyed
    in_doubt: frozenset[UUID]  # proved media that do not count until the lot stands again


def lot(
    engagement: UUID,
    first_erasures: Mapping[UUID, UUID],
    looks: Sequence[Look],
    *,
    proved: AbstractSet[UUID],
    destroyed: AbstractSet[UUID],
) -> Lot:
    """Say how the re-check stands; `looks` come oldest first within each medium, `proved` is what is proved now."""
    failures = tuple(sorted(look.entry for look in looks if not look.passed))
    seen = {look.medium for look in looks if failures and look.entry <= failures[-1]}
    population = {medium: entry for medium, entry in first_erasures.items() if medium not in seen}
    drawn = draw(engagement, population, failures)
    failed = sorted({look.medium for look in looks if not look.passed})
    done = destroyed | {medium for medium, passed in {look.medium: look.passed for look in looks}.items() if passed}
    open_ = [medium for medium in (*drawn.drawn, *failed) if medium not in done]
    to_check = tuple(medium for medium in open_ if medium in proved)
    to_redo = tuple(medium for medium in open_ if medium not in proved)
    if not first_erasures:
        state: State = "none"
    elif not open_:
        state = "passed"
    else:
        state = "reopened" if failures else "to-check"
    in_doubt = frozenset(proved - done) if state == "reopened" else frozenset()
    return Lot(state, len(failures) + 1, drawn, population, failures, to_check, to_redo, in_doubt)
