"""A roll of labels printed beforehand: which machine may still get another label than it was registered with. Pure.

A label that was bound once never names another machine: what a photo or a paper shows of it means one machine for ever,
and every copy of the directory comes out the same in whatever order bindings arrive.
"""

from collections.abc import Collection
from uuid import UUID

from services.tracking.domain.item import Item
from shared.events.tracking import Corrected, ItemRegistered, LabelBound, MediumCorrected
from shared.ids import Label
from shared.refused import Refused

ROLL_MAX = 1000  # labels of one roll
BEFORE_LABEL = frozenset({ItemRegistered.kind, Corrected.kind, MediumCorrected.kind, LabelBound.kind})
ROLLS = "roll:%"  # the names of all rolls' batches, for LIKE


def batch_of(stream: UUID) -> str:
    """Name the batch of a roll's labels; every other batch is of labels that named something from the start."""
    return ROLLS.replace("%", str(stream))


def bind(item: Item, label: Label, token_sha256: str, recorded: Collection[str], cage: str | None) -> LabelBound:
    """Decide that the item is known by this label from now on.

    `recorded` are the kinds of all that was recorded about it, `cage` the number of the cage it is in. Refused once
    there is more than its registration: what was recorded since was read off the label it has.
    """
    now = Label(item.registered.label)
    if cage is not None:
        raise Refused(
            "in-a-cage",
            f"この機器はカゴ車 {cage} に封印済みで、ラベルを替えられません。{now} を使ってください。",
            f"This machine ({now}) is sealed into cage {cage}, so its label stays. Go on with {now}.",
        )
    if not BEFORE_LABEL.issuperset(recorded):
        raise Refused(
            "label-in-use",
            f"この機器には、もう {now} で記録があるので、ラベルを替えられません。{now} を印刷して貼ってください。",
            f"There are records of this machine under {now} already, so its label stays. Print {now} and put it on.",
        )
    return LabelBound(
        item=item.registered.item, label=label.id, before=item.registered.label, token_sha256=token_sha256
    )
