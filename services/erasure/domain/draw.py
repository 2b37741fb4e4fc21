"""The independent re-check: which media are looked at again. Anyone can draw them again from the ledger. Pure.

1. The population is every medium of the engagement with a proved erasure, ordered by its id.
2. The seed is SHA-256 over `meguru-draw-1`, the engagement's id, and the id of each medium's first erasure entry, all
   as text and each ended by a line feed. Entry ids are made by the server with 74 random bits: no wiper chooses them.
3. Each medium's ticket is SHA-256 over the seed and the medium's 16 bytes; the lowest tickets are drawn: 5 %, rounded
   up, so that there is always one.

The draw is settled when the last medium is erased; before that, each further erasure draws anew. When a re-check fails,
`recheck.py` draws again: the population is then what nobody had looked at yet, and the seed also takes, after the line
`again`, the ids of all re-check entries that failed, in their own order.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

VERSION = "meguru-draw-1"
SHARE_PERCENT = 5  # R2v3 asks for five in a hundred


@dataclass(frozen=True, slots=True)
class Draw:
    """What was drawn, and the seed from which it follows."""

    seed: str  # hex
    population: int
    drawn: tuple[UUID, ...]


def draw(engagement: UUID, first_erasures: Mapping[UUID, UUID], failures: Sequence[UUID] = ()) -> Draw:
    """Draw from media (keys) with the entries of their first proved erasure (values), after re-checks that failed."""
    media = sorted(first_erasures)
    again = ("again", *sorted(failures)) if failures else ()
    lines = (VERSION, engagement, *(first_erasures[medium] for medium in media), *again)
    said = "".join(f"{line}\n" for line in lines)
    seed = hashlib.sha256(said.encode()).digest()
    tickets = sorted(media, key=lambda medium: hashlib.sha256(seed + medium.bytes).digest())
    return Draw(seed.hex(), len(media), tuple(tickets[: -(-len(media) * SHARE_PERCENT // 100)]))
