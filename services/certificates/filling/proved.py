"""What the evidence proves of a medium, as a document may say it."""

from collections.abc import Sequence
from typing import Any

from services.certificates.document import words
from services.certificates.views import Facts
from shared.entry import Entry
from shared.events.erasure import (
    ErasureFailed,
    ErasureVerified,
    LotReopened,
    LotSettled,
    MediumDestroyed,
    MediumErased,
)
from shared.events.tracking import Medium
from shared.levels import Level

MEDIUM_KINDS = {"hdd": "HDD", "ssd": "SSD", "nvme": "SSD（NVMe）", "soldered": "基板実装（eMMC・UFS）"}


def level_of(event: MediumErased) -> str:
    """Return the level in Japanese as a line of a document says it, with what a reader has to know of its reader."""
    return words.METHODS[event.achieved][0] + ("（読み取り未確認）" if event.is_unconfirmed else "")


def about(facts: Facts, kind: type[Any] | tuple[type[Any], ...], medium: Any) -> Sequence[Entry[Any]]:
    """Return the entries of a kind that speak of a medium."""
    return [entry for entry in facts.entries if isinstance(entry.event, kind) and entry.event.medium == medium]


def standing(facts: Facts, medium: Any) -> Sequence[Entry[Any]]:
    """Return the erasures of a medium that stand: all are entries of the medium's own stream.

    Where a later table graded a report again, its last grade stands in the place of the first; what was proved before
    a failed re-check is taken back with it, whenever it is graded again.
    """
    judged = sorted(about(facts, (MediumErased, ErasureFailed), medium), key=lambda entry: entry.sequence)
    place = {entry.id: entry.sequence for entry in judged}
    last = {entry.event.regrades or entry.id: entry for entry in judged}
    failed = max((e.sequence for e in about(facts, ErasureVerified, medium) if not e.event.passed), default=0)
    return [
        entry
        for first, entry in last.items()
        if isinstance(entry.event, MediumErased) and place.get(first, entry.sequence) > failed
    ]


def in_doubt(facts: Facts) -> bool:
    """Tell whether a failed re-check reopened the engagement's lot and nothing has settled it."""
    lot = [e for e in facts.entries if isinstance(e.event, LotReopened | LotSettled)]
    return bool(lot) and isinstance(max(lot, key=lambda e: e.sequence).event, LotReopened)


def reached(facts: Facts, medium: Medium, *, on_site: bool = False, crushed: bool = True) -> Level | None:
    """Return the highest level that evidence proves for a medium: in the town hall only, or without its crushing."""
    if not on_site and crushed and about(facts, MediumDestroyed, medium.id):
        return Level.DESTROY
    levels = [
        entry.event.achieved for entry in standing(facts, medium.id) if not on_site or entry.event.place == "on-site"
    ]
    return max(levels, key=lambda level: level.rank) if levels else None


def medium_type(medium: Medium) -> str | None:
    """Say what a medium is, with its capacity where it is known; None for a kind nobody named."""
    kind = MEDIUM_KINDS.get(medium.kind)
    if kind is None:
        return None
    return f"{kind} {medium.capacity_gb}GB" if medium.capacity_gb else kind
