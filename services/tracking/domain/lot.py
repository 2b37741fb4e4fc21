"""A lot: things without media, counted and not labelled one by one; each hand that takes it counts again. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from shared.entry import Event
from shared.events.tracking import LotMoved, LotRegistered
from shared.refused import Refused, Unknown

Step = Literal["shipped-out", "received"]


@dataclass(frozen=True, slots=True)
class Lot:
    """What was registered, and what was counted at each hand."""

    registered: LotRegistered
    shipped: int | None = None
    received: int | None = None

    def move(self, step: Step, count: int) -> LotMoved:
        """Record the count of the hand that gives it away or takes it. A count that differs is a fact and stands."""
        if (self.shipped if step == "shipped-out" else self.received) is not None:
            raise Refused(
                "already-moved",
                "この員数はもう記録されています。数え直した結果が違うときは、差として記録してください。",
                "This lot was already counted at this step. Record a different count as a difference.",
            )
        return LotMoved(lot=self.registered.lot, step=step, count=count)


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
