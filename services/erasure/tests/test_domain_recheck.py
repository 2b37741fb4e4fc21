from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.erasure.domain.draw import draw
from services.erasure.domain.recheck import Look, Lot, lot

ENGAGEMENT = UUID(int=7)
ERASED = {UUID(int=n): UUID(int=n + 1000) for n in range(1, 41)}  # 40 media: two are drawn
FIRST = draw(ENGAGEMENT, ERASED).drawn


def look(nth: int, medium: UUID, *, passed: bool) -> Look:
    return Look(UUID(int=5000 + nth), medium, passed)


def stands(*looks: Look, again: frozenset[UUID] = frozenset(), destroyed: frozenset[UUID] = frozenset()) -> Lot:
    """The lot after looks; who failed is proved no more until it is erased again."""
    failed = {one.medium for one in looks if not one.passed}
    return lot(ENGAGEMENT, ERASED, looks, proved=(ERASED.keys() - failed) | again, destroyed=destroyed)


def test_nothing_erased_is_nothing_to_look_at() -> None:
    assert lot(ENGAGEMENT, {}, [], proved=set(), destroyed=set()).state == "none"


def test_the_drawn_are_looked_at_and_the_lot_stands() -> None:
    assert (stands().state, stands().to_check) == ("to-check", FIRST)
    one = look(1, FIRST[0], passed=True)
    assert stands(one).to_check == FIRST[1:]
    assert stands(one, look(2, FIRST[1], passed=True)).state == "passed"
    assert stands(one, destroyed=frozenset(FIRST[1:])).state == "passed"
    assert not stands(one).in_doubt


def test_a_failure_reopens_the_lot_and_draws_anew_among_the_rest() -> None:
    looks = [look(1, FIRST[0], passed=True), look(2, FIRST[1], passed=False)]
    now = stands(*looks)
    assert (now.state, now.round, now.to_redo, now.failures) == ("reopened", 2, (FIRST[1],), (looks[1].entry,))
    rest = {medium: entry for medium, entry in ERASED.items() if medium not in FIRST}
    assert now.population == rest
    assert now.draw == draw(ENGAGEMENT, rest, [looks[1].entry])
    assert now.draw.seed != draw(ENGAGEMENT, rest).seed
    assert now.to_check == now.draw.drawn
    assert now.in_doubt == rest.keys()  # what passed on its own still counts, what failed is no proof at all


def test_the_lot_stands_again_when_the_new_draw_passed_and_the_failed_one_was_erased_and_looked_at() -> None:
    failed = look(1, FIRST[0], passed=False)
    drawn = stands(failed).draw.drawn
    passed = [look(2 + nth, medium, passed=True) for nth, medium in enumerate(drawn)]
    assert stands(failed, *passed).state == "reopened"
    again = stands(failed, *passed, again=frozenset({FIRST[0]}))
    assert (again.state, again.to_check, again.to_redo) == ("reopened", (FIRST[0],), ())
    done = stands(failed, *passed, look(9, FIRST[0], passed=True), again=frozenset({FIRST[0]}))
    assert (done.state, done.in_doubt, done.round) == ("passed", frozenset(), 2)
    assert stands(failed, *passed, destroyed=frozenset({FIRST[0]})).state == "passed"


def test_a_second_failure_is_a_third_round_with_a_seed_of_both() -> None:
    first = look(1, FIRST[0], passed=False)
    second = look(2, stands(first).draw.drawn[0], passed=False)
    now = stands(first, second)
    assert (now.round, now.failures) == (3, (first.entry, second.entry))
    assert {first.medium, second.medium}.isdisjoint(now.population)
    assert set(now.to_redo) == {first.medium, second.medium}


@pytest.mark.parametrize("round_", range(2))
def test_the_seed_is_what_the_page_says_it_is(round_: int) -> None:
    import hashlib

    failures = [UUID(int=9)] * round_
    lines = ["meguru-draw-1", str(ENGAGEMENT), *(str(ERASED[medium]) for medium in sorted(ERASED))]
    lines += ["again", *map(str, failures)] if failures else []
    seed = hashlib.sha256("".join(f"{line}\n" for line in lines).encode()).hexdigest()
    assert draw(ENGAGEMENT, ERASED, failures).seed == seed


@given(st.lists(st.tuples(st.sampled_from(sorted(ERASED)), st.booleans()), max_size=12), st.randoms())
def test_the_order_in_which_looks_arrive_changes_nothing(said: list[tuple[UUID, bool]], chance: object) -> None:
    looks = [look(nth, medium, passed=passed) for nth, (medium, passed) in enumerate(said)]
    shuffled = list(looks)
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # random.Random, which hypothesis does not name
    shuffled.sort(key=lambda one: one.medium)  # the ledger keeps the order within a medium, and no other
    within = [one for medium in dict.fromkeys(x.medium for x in shuffled) for one in looks if one.medium == medium]
    now = stands(*looks)
    assert stands(*within) == now
    assert (now.state == "reopened") == bool(now.failures and (now.to_check or now.to_redo))
