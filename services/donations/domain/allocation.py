"""The allocation: one pure function of what is published, so that anybody can do it again (先着順).

The rule, in four sentences:

1. Applications are served in the order of `arrived_at`, those of the same moment in the order of their receipts.
2. Machines are given in the order of the kinds as the call names them, within a kind in the order of their labels.
3. An application gets the smallest of what it asked, what its category may have, and what is left of the call's units.
4. Who got less than the smaller of the first two waits for the rest, in the same order.
"""

from collections.abc import Iterable
from uuid import UUID

from services.donations.domain.receipt import order
from shared.events.donations import Allocated, ApplicationReceived, CallOpened, Grant
from shared.events.tracking import ItemKind, Part


class Machine(Part):
    """A machine the town has taken over and not given to anybody yet."""

    item: UUID
    label: str
    kind: ItemKind


def allocate(call: CallOpened, applications: Iterable[ApplicationReceived], stock: Iterable[Machine]) -> Allocated:
    """Return who gets what. The order in which applications and machines are handed in does not matter.

    Machines of kinds that the call does not offer are left out of its stock; an application of a category that the
    call does not name gets nothing and does not wait.
    """
    caps = {category.code: category.cap for category in call.categories}
    places = {kind: place for place, kind in enumerate(call.item_kinds)}
    offered = sorted(
        (machine for machine in stock if machine.kind in places), key=lambda m: (places[m.kind], m.label, m.item)
    )
    items = [machine.item for machine in offered]
    given, units_max = 0, min(call.units, len(items))
    grants: list[Grant] = []
    waiting: list[str] = []
    for each in sorted(applications, key=lambda a: (a.arrived_at, order(a.receipt))):
        due = min(each.units, caps.get(each.category, 0))
        got = min(due, units_max - given)
        if got:
            granted = tuple(items[given : given + got])
            grants.append(_grant(each, granted))
            given += got
        if got < due:
            waiting.append(each.receipt)
    return Allocated(
        call=call.call,
        rule=call.rule,
        stock=tuple(items),
        grants=tuple(grants),
        waiting=tuple(waiting),
        left=tuple(items[given:]),
    )


def _grant(each: ApplicationReceived, items: tuple[UUID, ...]) -> Grant:
    return Grant(
        application=each.application, receipt=each.receipt, category=each.category, asked=each.units, items=items
    )
