"""A short cut of the soak: damaged reports pass nobody falsely, and harmless changes lose no pass."""

import re
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.erasure.tests.mutations import Case, Tally, attempt, cases, harmless, passes, soak

CASES = cases()
SERIES = 40  # reports of one seed


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_the_truth_of_a_case_is_what_is_read_from_it(case: Case) -> None:
    assert passes(case.content) == case.truth


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.integers(0, 2**64 - 1))
def test_damage_passes_nobody_and_harmless_changes_lose_nobody(seed: int) -> None:
    tally = soak(SERIES, seed)
    assert tally.reports == SERIES
    assert not tally.false_passes
    assert not tally.crashes
    assert not tally.hangs
    assert not tally.lost


@pytest.mark.parametrize("case", [case for case in CASES if case.truth], ids=lambda case: case.name)
def test_every_harmless_way_keeps_every_pass(case: Case) -> None:
    ways = {}
    for number in range(40):
        content, truth, way = harmless(case, Random(number))
        ways[way] = passes(content) == truth
    assert len(ways) > 2
    assert all(ways.values()), ways


def test_a_run_can_be_made_again() -> None:
    first, second = soak(300, 7), soak(300, 7)
    first.slowest_s = second.slowest_s = 0.0
    assert first == second
    assert first.harmless
    assert first.still_passing


def test_a_false_pass_would_be_seen() -> None:
    lying = tuple(Case(case.name, case.content, {}) for case in CASES if case.truth)
    tally = Tally()
    for number in range(200):
        attempt(Random(number), lying, tally, str(number))
    assert tally.false_passes
    assert not tally.is_clean


WORDS = ("Erased |", "ERASED", "Successful", "(1) Most", "Completed Without", "Idle")
ONE_BYTE = [case for case in CASES if case.truth]


def changed_bytes(case: Case, words: tuple[str, ...]) -> Iterator[tuple[str, bytes]]:
    for word in words:
        for found in re.finditer(re.escape(word.encode()), case.content):
            for at in range(found.start(), found.end()):
                for new in b"X7 ":
                    if case.content[at] != new:
                        yield word, case.content[:at] + bytes([new]) + case.content[at + 1 :]


@pytest.mark.parametrize("case", ONE_BYTE, ids=lambda case: case.name)
def test_one_changed_byte_of_a_serial_names_no_other_drive(case: Case) -> None:
    for serial, changed in changed_bytes(case, tuple(case.truth)):
        assert set(passes(changed)) <= {serial}


@pytest.mark.parametrize("case", ONE_BYTE, ids=lambda case: case.name)
def test_one_changed_byte_of_the_state_is_no_pass(case: Case) -> None:
    changes = list(changed_bytes(case, WORDS))
    assert changes or "security" in case.name
    for word, changed in changes:
        assert not passes(changed) or not case.truth or word_is_elsewhere(word, case, changed), word


def word_is_elsewhere(word: str, case: Case, changed: bytes) -> bool:
    """A state that decides nothing: of another drive, in a person's own field, or a running log's heading."""
    text = changed.decode(errors="replace")
    return passes(changed) == case.truth and word in text and case.name.startswith(("blancco", "nwipe"))
