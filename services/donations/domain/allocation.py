"""The allocation: one pure function of what is published, so that anybody can do it again.

The rule, in five sentences:

1. Applications are served in the order of the call's rule (`ranking.py`): by arrival, by lot, or by points.
2. Machines are given in the order of the kinds as the offer names them, within a kind in the order of their labels.
3. An application gets the smallest of what it is due and what is left of the offer's units; it is due what it asked, at
   most what its category may have, less what it holds from an earlier round.
4. Who got less than that waits for the rest, in the same order.
5. What a withdrawn application held goes to those who wait, in their order, and nobody else's machines move. Who gave
   machines back waits no longer.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.donations.domain.ranking import FIRST_COME, Ranking
from shared.events.donations import Allocated, ApplicationReceived, CallOpened, Grant, Machine, MovedOn, RoundOpened


@dataclass(frozen=True, slots=True)
class Shared:
    """What a share-out gave, who waits for the rest, and what nobody was due."""

    grants: tuple[Grant, ...]
    waiting: tuple[str, ...]
    left: tuple[UUID, ...]


def offered(offer: CallOpened | RoundOpened, stock: Iterable[Machine]) -> list[Machine]:
    """Return the machines of the kinds that a round offers, in the order they are given."""
    places = {kind: place for place, kind in enumerate(offer.item_kinds)}
    return sorted(
        (machine for machine in stock if machine.kind in places), key=lambda m: (places[m.kind], m.label, m.item)
    )


def allocate(
    call: CallOpened,
    applications: Iterable[ApplicationReceived],
    stock: Iterable[Machine],
    *,
    ranking: Ranking = FIRST_COME,
    further: RoundOpened | None = None,
    held: Mapping[str, int] | None = None,
) -> Allocated:
    """Return who gets what in a round. The order in which applications and machines are handed in does not matter.

    `further` is the round when it is not the call's first, `held` how many each receipt has from earlier ones.
    Machines of kinds that the round does not offer are left out of its stock; an application of a category that the
    call does not name gets nothing and does not wait.
    """
    offer = further or call
    items = [machine.item for machine in offered(offer, stock)]
    done = share(call, ranking.ordered(applications), items, min(offer.units, len(items)), held or {})
    return Allocated(
        call=call.call,
        rule=call.rule,
        stock=tuple(items),
        grants=done.grants,
        waiting=done.waiting,
        left=done.left,
        round=further.round if further else 1,
        seed=ranking.seed.hex() if ranking.rule == "lottery" else None,
    )


def move_on(
    call: CallOpened,
    receipt: str,
    freed: Sequence[UUID],
    waiting: Sequence[ApplicationReceived],
    held: Mapping[str, int],
) -> MovedOn:
    """Give what `receipt` held to those who wait, in the order in which they wait; `held` is what each has already."""
    rest = [each for each in waiting if each.receipt != receipt]
    done = share(call, rest, freed, len(freed), held)
    return MovedOn(
        call=call.call,
        receipt=receipt,
        freed=tuple(freed),
        grants=done.grants,
        waiting=done.waiting,
        left=done.left,
    )


def share(
    call: CallOpened,
    ordered: Sequence[ApplicationReceived],
    items: Sequence[UUID],
    units_max: int,
    held: Mapping[str, int],
) -> Shared:
    """Share items out in the order given: the one loop that gives machines."""
    caps = {category.code: category.cap for category in call.categories}
    given, grants, waiting = 0, [], []
    for each in ordered:
        due = max(0, min(each.units, caps.get(each.category, 0)) - held.get(each.receipt, 0))
        got = min(due, units_max - given)
        if got:
            grants.append(_grant(each, tuple(items[given : given + got])))
            given += got
        if got < due:
            waiting.append(each.receipt)
    return Shared(tuple(grants), tuple(waiting), tuple(items[given:]))


def _grant(each: ApplicationReceived, items: tuple[UUID, ...]) -> Grant:
    return Grant(
        application=each.application, receipt=each.receipt, category=each.category, asked=each.units, items=items
    )
