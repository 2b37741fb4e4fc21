"""The allocation: by example, and for every input hypothesis can think of."""

from collections.abc import Callable, Sequence
from datetime import timedelta
from random import Random
from uuid import UUID

from hypothesis import given, settings
from hypothesis import strategies as st

from services.donations.domain.allocation import allocate, move_on
from services.donations.domain.draw import lot
from services.donations.domain.ranking import Ranking
from services.donations.domain.receipt import order, receipt_number
from services.donations.tests.conftest import CATEGORIES, a_call
from shared.events.donations import ApplicationReceived, CallOpened, Machine, RoundOpened
from shared.events.tracking import ItemKind
from shared.testing import NOW

CAPS = {one.code: one.cap for one in CATEGORIES}
CALL = a_call()


def application(nth: int, category: str, units: int, minute: int) -> ApplicationReceived:
    return ApplicationReceived(
        call=CALL.call,
        application=UUID(int=nth),
        receipt=receipt_number("063622", nth),
        category=category,
        units=units,
        channel="web",
        arrived_at=NOW + timedelta(minutes=minute),
    )


def machines(count: int, kind: ItemKind = "desktop") -> list[Machine]:
    first = {"desktop": 1, "notebook": 1001, "loose-drive": 2001}[kind]
    return [Machine(item=UUID(int=first + n), label=f"{kind[0].upper()}{n:08d}", kind=kind) for n in range(count)]


def got(call: CallOpened, applications: Sequence[ApplicationReceived], stock: Sequence[Machine]) -> dict[str, int]:
    return {grant.receipt[-4:]: len(grant.items) for grant in allocate(call, applications, stock).grants}


def test_who_came_first_is_served_first_and_the_cap_holds() -> None:
    queue = [application(1, "hamlet", 2, 5), application(2, "hamlet", 9, 1), application(3, "youth", 4, 3)]
    assert got(CALL, queue, machines(7)) == {"0002": 2, "0003": 4, "0001": 1}
    assert allocate(CALL, queue, machines(7)).waiting == ("063622-0001",)


def test_applications_of_the_same_moment_are_served_by_their_receipts_also_after_the_9999th() -> None:
    queue = [application(10_000, "hamlet", 1, 0), application(9_999, "hamlet", 1, 0)]
    assert got(CALL, queue, machines(1)) == {"9999": 1}


def test_the_call_gives_no_more_than_it_offers_and_only_kinds_it_names() -> None:
    call = a_call(units=3, item_kinds=("notebook", "desktop"))
    stock = [*machines(2), *machines(2, "notebook"), *machines(2, "loose-drive")]
    result = allocate(call, [application(1, "youth", 5, 0), application(2, "hamlet", 1, 1)], stock)
    assert [item.int for grant in result.grants for item in grant.items] == [1001, 1002, 1]
    assert [item.int for item in result.left] == [2]
    assert result.waiting == ("063622-0001", "063622-0002")


def test_a_category_the_call_does_not_name_gets_nothing_and_does_not_wait() -> None:
    result = allocate(CALL, [application(1, "school", 1, 0)], machines(1))
    assert (result.grants, result.waiting) == ((), ())


def test_nothing_in_stock_leaves_everybody_waiting() -> None:
    assert allocate(CALL, [application(1, "hamlet", 1, 0)], []).waiting == ("063622-0001",)


queues = st.lists(st.tuples(st.sampled_from([*CAPS, "school"]), st.integers(1, 9), st.integers(0, 5)), max_size=30).map(
    lambda rows: [application(n, *row) for n, row in enumerate(rows, 1)]
)
stocks = st.tuples(st.integers(0, 20), st.integers(0, 20)).map(
    lambda counts: [*machines(counts[0]), *machines(counts[1], "notebook")]
)
calls = st.tuples(st.integers(1, 30), st.sampled_from([("desktop",), ("desktop", "notebook")])).map(
    lambda given: a_call(units=given[0], item_kinds=given[1])
)


@settings(max_examples=300)
@given(calls, queues, stocks, st.randoms(use_true_random=False))
def test_an_allocation_is_fair_whole_and_the_same_for_any_order_of_its_inputs(
    call: CallOpened, queue: list[ApplicationReceived], stock: list[Machine], random: Random
) -> None:
    result = allocate(call, queue, stock)
    granted = [item for grant in result.grants for item in grant.items]
    offered = [machine.item for machine in stock if machine.kind in call.item_kinds]
    asked = {each.receipt: each for each in queue}

    assert sorted([*granted, *result.left]) == sorted(offered) == sorted(result.stock)
    assert len(set(granted)) == len(granted) <= call.units
    for grant in result.grants:
        assert 1 <= len(grant.items) <= min(grant.asked, CAPS[grant.category])
        assert (grant.asked, grant.category) == (asked[grant.receipt].units, asked[grant.receipt].category)

    got = {grant.receipt: len(grant.items) for grant in result.grants}
    ordered = sorted(queue, key=lambda each: (each.arrived_at, order(each.receipt)))
    due = {each.receipt: min(each.units, CAPS.get(each.category, 0)) for each in ordered}
    unmet = [each.receipt for each in ordered if got.get(each.receipt, 0) < due[each.receipt]]
    assert list(result.waiting) == unmet
    served_after_unmet = ordered[[each.receipt for each in ordered].index(unmet[0]) + 1 :] if unmet else []
    assert not any(each.receipt in got for each in served_after_unmet)
    assert not unmet or len(granted) == min(call.units, len(offered))

    random.shuffle(queue)
    random.shuffle(stock)
    assert allocate(call, queue, stock) == result


rankings = st.sampled_from(["first-come", "lottery", "review"])


def ranking(rule: str, queue: Sequence[ApplicationReceived], seed: bytes) -> Ranking:
    """Return what a rule needs, made of the seed of a test."""
    if rule == "lottery":
        return Ranking("lottery", seed=seed)
    points = {each.application: lot(seed, each.application)[0] % 4 for each in queue}
    return Ranking("review", points=points) if rule == "review" else Ranking()


@settings(max_examples=200)
@given(st.tuples(rankings, st.binary(min_size=32, max_size=32)), calls, queues, stocks, st.randoms())
def test_under_every_rule_nobody_is_over_the_cap_no_machine_goes_twice_and_withdrawals_only_help(
    rule: tuple[str, bytes],
    call: CallOpened,
    queue: list[ApplicationReceived],
    stock: list[Machine],
    random: Random,
) -> None:
    by = ranking(rule[0], queue, rule[1])
    first = allocate(call, queue, stock, ranking=by)
    shuffled = random.sample(queue, len(queue)), random.sample(stock, len(stock))
    assert allocate(call, shuffled[0], shuffled[1], ranking=by) == first
    asked = {each.receipt: min(each.units, CAPS.get(each.category, 0)) for each in queue}
    held = {grant.receipt: list(grant.items) for grant in first.grants}
    waiting, place = list(first.waiting), [each.receipt for each in by.ordered(queue)]
    leaving = random.sample([*held, *waiting], min(5, len([*held, *waiting])))
    for receipt in dict.fromkeys(leaving):
        freed, line = held.pop(receipt, []), sorted((q for q in queue if q.receipt in waiting), key=_at(place))
        moved = move_on(call, receipt, freed, line, {each: len(items) for each, items in held.items()})
        before = {each: list(items) for each, items in held.items()}
        for grant in moved.grants:
            held.setdefault(grant.receipt, []).extend(grant.items)
        waiting = list(moved.waiting)
        everything = [item for items in held.values() for item in items]
        assert len(set(everything)) == len(everything) <= call.units
        assert all(len(items) <= asked[each] for each, items in held.items())
        assert all(held[each][: len(items)] == items for each, items in before.items())
        assert receipt not in waiting
        assert waiting == sorted(waiting, key=place.index)
        assert not (moved.left and waiting)
        assert sorted([*moved.left, *(item for grant in moved.grants for item in grant.items)]) == sorted(freed)


def _at(place: list[str]) -> Callable[[ApplicationReceived], int]:
    return lambda each: place.index(each.receipt)


def test_a_lot_stays_who_else_is_in_the_queue_or_leaves_it() -> None:
    queue = [application(n, "hamlet", 1, 0) for n in range(1, 50)]
    by = Ranking("lottery", seed=b"7" * 32)
    order_ = [each.receipt for each in by.ordered(queue)]
    assert order_ != sorted(order_)
    fewer = [each.receipt for each in by.ordered(queue[::2])]
    assert fewer == [receipt for receipt in order_ if receipt in set(fewer)]


def test_a_further_round_gives_the_rest_to_who_waits_and_counts_what_they_hold() -> None:
    queue = [application(1, "youth", 5, 0), application(2, "hamlet", 1, 1)]
    first = allocate(a_call(units=3), queue, machines(3))
    further = RoundOpened(
        call=CALL.call, number=CALL.number, round=2, item_kinds=("notebook",), units=9, opens_at=NOW, closes_at=NOW
    )
    held = {grant.receipt: len(grant.items) for grant in first.grants}
    second = allocate(CALL, queue, [*machines(9), *machines(9, "notebook")], further=further, held=held)
    assert {grant.receipt[-4:]: len(grant.items) for grant in second.grants} == {"0001": 2, "0002": 1}
    assert (second.round, len(second.stock), len(second.left), second.waiting) == (2, 9, 6, ())


def test_ten_thousand_applications_are_allocated() -> None:
    queue = [application(n, "hamlet", 2, n % 600) for n in range(1, 10_001)]
    call = a_call(units=10_000)
    result = allocate(call, queue, machines(900))
    assert (len(result.grants), len(result.waiting)) == (450, 9_550)
