"""One file, one drive, several runs: the rule by itself, whatever the source."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.erasure.domain.finding import Finding
from services.erasure.domain.grading import grade
from services.erasure.domain.reason import because
from services.erasure.domain.technique import Freshness, Outcome, Technique, Verification
from services.erasure.reports.report import Report
from services.erasure.reports.runs import latest

DONE, FAILED, CUT, NONE = Outcome.COMPLETED, Outcome.FAILED, Outcome.INCOMPLETE, Outcome.NONE
MORNING = datetime(2026, 4, 8, 9, tzinfo=UTC)


def run(outcome: Outcome, start: float | None, hours: float = 1, **changed: object) -> Finding:
    started = None if start is None else MORNING + timedelta(hours=start)
    whole: dict[str, object] = {
        "technique": Technique.OVERWRITE, "outcome": outcome, "words": outcome, "serial": "000E12", "model": "A",
        "started": started, "finished": started and started + timedelta(hours=hours),
        "verification": Verification.LAST_PASS if outcome is DONE else Verification.NONE,
        "freshness": Freshness.LOGGED,
    }  # fmt: skip
    return Finding(**(whole | changed))  # type: ignore[arg-type]  # a table of changes, each checked by the assertion


def of(*runs: Finding) -> list[Finding]:
    return list(latest(Report(tool="t", tool_version="", source="s", findings=runs)).findings)


# runs | the verdict of the one drive, in whatever order they stand
CASES: list[tuple[list[Finding], str]] = [
    ([run(DONE, 0), run(FAILED, 2)], "failed"),
    ([run(FAILED, 0), run(DONE, 2)], "clear"),
    ([run(FAILED, 0), run(DONE, 1)], "clear"),  # begun as the other ended
    ([run(DONE, 0), run(FAILED, 0)], "unknown"),
    ([run(DONE, 0, 3), run(FAILED, 1)], "unknown"),
    ([run(DONE, None), run(FAILED, None)], "unknown"),
    ([run(DONE, 0), run(FAILED, None)], "unknown"),
    ([run(DONE, 0), run(DONE, 2)], "clear"),
    ([run(DONE, None), run(DONE, None, device="sdb")], "clear"),
    ([run(DONE, 0), run(NONE, None)], "clear"),  # an inventory is no run
    ([run(FAILED, 0), run(DONE, 2), run(CUT, 4)], "incomplete"),
    ([run(DONE, 0, serial="０００ｅ１２"), run(FAILED, 2)], "failed"),
    ([run(FAILED, 0, serial="000e12"), run(DONE, 2)], "unknown"),  # spelt in two ways
    ([run(DONE, 0), run(CUT, -1, contradictions=(because("times-out-of-order", words=""),))], "unknown"),
    ([run(DONE, 2), replace(run(FAILED, 0), started=MORNING.replace(tzinfo=None))], "unknown"),
    ([run(DONE, 0), run(DONE, 0, verification=Verification.NONE)], "unknown"),
]  # fmt: skip


@pytest.mark.parametrize(("runs", "verdict"), CASES, ids=range(len(CASES)))
def test_the_latest_run_decides_and_what_has_no_order_contradicts(runs: list[Finding], verdict: str) -> None:
    for order in permutations(runs):
        (finding,) = of(*order)
        assert grade(finding).verdict == verdict


def test_what_names_no_drive_or_another_one_stays() -> None:
    unnamed = [run(DONE, 0, serial=serial) for serial in ("", "", "Default string", "Default string")]
    assert of(*unnamed) == unnamed
    others = [run(DONE, 0), run(FAILED, 0, serial="OOOE12"), run(FAILED, 0, serial="0000E12")]
    assert of(*others) == others


def test_two_drives_of_one_serial_stay_two_and_a_later_failure_is_doubt() -> None:
    for other in (run(FAILED, 1, model="B"), run(FAILED, 1, device="sdb")):
        found = of(run(DONE, 0, 3, device="sda"), other)
        assert [grade(one).verdict for one in found] == ["unknown", "failed"]
    found = of(run(DONE, 0), run(DONE, 1, model="B", verification=Verification.NONE))
    assert [grade(one).verdict for one in found] == ["unknown", "unknown"]
    found = of(run(DONE, 0), run(DONE, 0, model="B", verification=Verification.ALL_PASSES))
    assert [grade(one).verdict for one in found] == ["clear", "clear"]


@given(st.lists(st.tuples(st.sampled_from([DONE, FAILED, CUT, NONE]), st.none() | st.integers(0, 6)), max_size=6))
def test_a_pass_has_every_other_ending_strictly_before_it(runs: list[tuple[Outcome, int | None]]) -> None:
    found = of(*(run(outcome, start) for outcome, start in runs))
    assert len(found) == min(len(runs), 1)
    if found and grade(found[0]).level:
        last = found[0].started
        for outcome, start in runs:
            if outcome in (FAILED, CUT):
                assert last is not None
                assert start is not None
                assert MORNING + timedelta(hours=start) < last
