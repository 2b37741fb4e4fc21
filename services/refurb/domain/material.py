"""Material: what a chassis is taken apart into, by weight. Pure."""

from collections.abc import Sequence

from shared.events.refurb import Weight
from shared.refused import Refused


def each_once(weights: Sequence[Weight]) -> tuple[Weight, ...]:
    """Return the weights, each material once. Raises Refused when one is given twice."""
    if len({weight.material for weight in weights}) != len(weights):
        raise Refused(
            "material-twice",
            "同じ素材が2回あります。1つの素材は1行にまとめてください。",
            "A material is given twice. Put each material on one line.",
        )
    return tuple(weights)
