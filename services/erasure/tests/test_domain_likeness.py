import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.erasure.domain.likeness import differing, is_one_letter_off, why_waiting


@pytest.mark.parametrize(
    ("said", "registered", "left", "right"),
    [
        ("WEB5O", "00WEB50", [("WEB5", False), ("O", True)], [("00", True), ("WEB5", False), ("0", True)]),
        ("A1B", "AIB", [("A", False), ("1", True), ("B", False)], [("A", False), ("I", True), ("B", False)]),
        ("", "X", [], [("X", True)]),
        ("X", "X", [("X", False)], [("X", False)]),
    ],
)
def test_what_differs_is_marked_on_both_sides(
    said: str, registered: str, left: list[tuple[str, bool]], right: list[tuple[str, bool]]
) -> None:
    assert differing(said, registered) == (left, right)


@given(st.text(max_size=40), st.text(max_size=40))
def test_nothing_is_lost_and_what_is_not_marked_is_the_same(one: str, other: str) -> None:
    left, right = differing(one, other)
    assert ("".join(run for run, _ in left), "".join(run for run, _ in right)) == (one, other)
    same = [[run for run, differs in side if not differs] for side in (left, right)]
    assert same[0] == same[1]
    assert (one == other) == all(not differs for _, differs in (*left, *right))


@pytest.mark.parametrize(
    ("serial", "near", "why"),
    [("", [], "no-serial"), ("A", [], "unknown"), ("A0", ["AO"], "near"), ("A", ["A", "A"], "several")],
)
def test_each_that_waits_has_its_reason(serial: str, near: list[str], why: str) -> None:
    assert why_waiting(serial, near) == why


@pytest.mark.parametrize(
    ("one", "other", "altered"),
    [
        ("W7K04183", "W7K04182", True),
        ("7K04182", "W7K04182", True),
        ("W7K0418", "W7K04182", True),
        ("W7K04182", "W7K04182", False),
        ("W7K0414", "W7K04182", False),
        ("W8K04183", "W7K04182", False),
        ("W7K041825", "W7K04182", False),
        ("", "7", False),
    ],
)
def test_one_letter_off_is_altered_and_more_is_another_drive(one: str, other: str, *, altered: bool) -> None:
    assert is_one_letter_off(one, other) is altered
