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


@settings(max_examples=120, suppress_health_check=list(HealthCheck))
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
def test_one_changed_byte_of_a_serial_is_no_pass_and_names_no_other_drive(case: Case) -> None:
    for _, changed in changed_bytes(case, tuple(case.truth)):
        found = passes(changed)
        assert set(found) <= set(case.truth)
        assert set(found) < set(case.truth) or rest_proves_it(case, place_of(case, changed))


# Words of a state that are none: the line they stand on, which of its matches is meant, and what it is.
NO_STATE = (
    (
        rb"<(?:Custom_1|entry name=\"Custom 1\" [^>]*)>state: (Successful)<",
        "what a person typed into a field of their own",
    ),
    (rb"<model>&lt;state&gt;(Successful)</model>", "the model of a drive that failed"),
    (rb"Make:(ERASED) S/N: 000 ", "the maker of a drive that was aborted"),
    (rb"Name: (ERASED) +Address: ERASED", "a customer's name"),
    (rb"Name: ERASED +Address: (ERASED)", "a customer's address"),
    (rb"notice: Found /dev/sdb, +ATA-SSD, sdb \| (Erased \|) 0,", "the model of a drive that failed"),
    (rb"!      sdb \|-FAILED-\|[^|]*\|[^|]*\| sdb \| (Erased \|) 0/", "the same in the row of its failure"),
    (rb"!   Device \|      Bytes (Erased \|)", "the heading of a column"),
)
RUN = re.compile(rb"^\[[^\]]*\]  notice: Found /dev/", re.MULTILINE)  # the first line of each run of the old log
ERASURE = re.compile(rb' *<entries name="erasure">.*?</entries>\n.*?</entries>\n', re.DOTALL)


def place_of(case: Case, changed: bytes) -> int:
    return next(at for at, (one, other) in enumerate(zip(case.content, changed, strict=True)) if one != other)


def is_no_state(case: Case, at: int) -> bool:
    """Whether the byte stands in one of the words that are no state of any drive that passed."""
    found = (match for pattern, _ in NO_STATE for match in re.finditer(pattern, case.content))
    return any(match.start(1) <= at < match.end(1) for match in found)


def rest_proves_it(case: Case, at: int) -> bool:
    """Whether, without the whole run or erasure in which the byte stands, the same is proved by what is left."""
    if case.name.startswith("nwipe-joined"):
        starts = [0, *(found.start() for found in RUN.finditer(case.content))][1:]
        parts = list(zip(starts, [*starts[1:], len(case.content)], strict=True))
    else:
        parts = [found.span() for found in ERASURE.finditer(case.content)]
    around = [(first, last) for first, last in parts if first <= at < last]
    if len(parts) < 2 or len(around) != 1:
        return False
    ((first, last),) = around
    return passes(case.content[:first] + case.content[last:]) == case.truth


@pytest.mark.parametrize("case", ONE_BYTE, ids=lambda case: case.name)
def test_one_changed_byte_of_the_state_is_no_pass(case: Case) -> None:
    changes = list(changed_bytes(case, WORDS))
    assert changes or "security" in case.name
    for word, changed in changes:
        if not set(passes(changed)) < set(case.truth):
            at = place_of(case, changed)
            assert passes(changed) == case.truth
            assert is_no_state(case, at) or rest_proves_it(case, at), (word, case.content[at - 40 : at + 40])


def test_every_word_that_is_no_state_is_met_and_stands_beside_one_that_is() -> None:
    for pattern, what in NO_STATE:
        of = [case for case in ONE_BYTE if re.search(pattern, case.content)]
        assert of, what
        for case in of:
            assert any(
                not is_no_state(case, found.start())
                for found in re.finditer(rb"Erased \||ERASED|Successful", case.content)
            )


def test_a_joined_log_is_excused_for_its_earlier_run_only() -> None:
    twice = next(case for case in ONE_BYTE if case.name == "nwipe-joined-twice-")
    first, second = (found.start() for found in re.finditer(rb"\| Erased \|", twice.content))
    spoiled = [twice.content[:at] + twice.content[at:].replace(b"Erased", b"Erasex", 1) for at in (first, second)]
    assert [passes(one) == twice.truth for one in spoiled] == [True, False]
