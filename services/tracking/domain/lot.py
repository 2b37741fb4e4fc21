"""A lot: things without media, counted and not labelled one by one; each hand counts again, until it is closed.

Pure.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from shared.entry import Event
from shared.events.tracking import LotClosed, LotMoved, LotRegistered
from shared.refused import Refused, Unknown

Step = Literal["shipped-out", "received"]
Fate = Literal["recycled", "returned"]


@dataclass(frozen=True, slots=True)
class Lot:
    """What was registered, and what was counted at each hand."""

    registered: LotRegistered
    shipped: int | None = None
    received: int | None = None
    closed: int = 0

    def counted(self, step: Step) -> int | None:
        """Return the newest count at a step, None where nobody has counted."""
        return self.shipped if step == "shipped-out" else self.received

    def expected(self, step: Step) -> int:
        """Return the count of the hand before: what was registered, or what left."""
        known = self.registered.count
        return known if step == "shipped-out" or self.shipped is None else self.shipped

    def move(self, step: Step, count: int, *, confirmed: bool) -> LotMoved:
        """Record the count of the hand that gives it away or takes it.

        A count that is not the one before needs a reason and a second person (`confirmed`). A lot is counted again at
        the same step only to close the gap; any other count leaves the difference as it is.
        """
        expected, known = self.expected(step), self.counted(step)
        if known is not None and (count != expected or known == expected):
            raise Refused(
                "already-moved",
                "この員数はもう記録されています。数え直して前の数えと合ったときだけ、もう一度記録できます。"
                "合わないときは、差のページで閉じてください。",
                "This lot was already counted at this step. Count it again only when it now agrees with the count "
                "before; otherwise close the difference on its page.",
            )
        if count != expected and not confirmed:
            raise Refused(
                "difference",
                f"前の数え{expected}台と、いまの数え{count}台が合いません。差の理由と、確かめたもう一人を入れてください。",
                f"{expected} before, {count} counted. Give a reason and a second person.",
            )
        return LotMoved(lot=self.registered.lot, step=step, count=count)

    def close(self, fate: Fate, count: int, *, weight_kg: float | None, receipt: str) -> LotClosed:
        """Close the lot, or a part of it: never more than is there."""
        there = self.received if self.received is not None else self.expected("received")
        if count > there - self.closed:
            raise Refused(
                "more-than-held",
                f"預かっているのは{there - self.closed}台です。それより多くは閉じられません。台数を確かめてください。",
                f"Only {there - self.closed} are held. No more than that can be closed. Check the count.",
            )
        return LotClosed(lot=self.registered.lot, fate=fate, count=count, weight_kg=weight_kg, receipt=receipt)


def fold(events: Iterable[Event]) -> Lot:
    """Return the lot that its history makes. Raises Unknown for an empty history or a label of something else."""
    lot: Lot | None = None
    for event in events:
        match event:
            case LotRegistered():
                lot = Lot(event)
            case LotMoved(step="shipped-out") if lot:
                lot = replace(lot, shipped=event.count)
            case LotMoved() if lot:
                lot = replace(lot, received=event.count)
            case LotClosed() if lot:
                lot = replace(lot, closed=lot.closed + event.count)
            case _ if lot:
                raise ValueError(f"{event.kind} is no event of a lot")
            case _:
                break
    if lot is None:
        raise Unknown(
            "no-lot",
            "員数で扱う品のラベルではありません。ラベルを確かめてください。",
            "This is not the label of a counted lot. Check the label.",
        )
    return lot
