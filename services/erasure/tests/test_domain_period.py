"""A report's own times against what the house knows: the engagement's first day, the registration, the filing."""

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.erasure.domain.grading import grade
from services.erasure.domain.medium import fold, judge
from services.erasure.domain.period import ALWAYS, Period
from services.erasure.domain.regrading import Unclear, filed_at, judgements, regrade
from services.erasure.domain.technique import MediumKind
from services.erasure.reports.read import Unreadable, read
from services.erasure.tests.capture import SAMPLES
from services.erasure.tests.test_domain_medium import CLEAR, FAILED, FILING, IT, finding
from shared.events.erasure import ErasureFailed, MediumErased
from shared.testing import Growing

JST = timezone(timedelta(hours=9))
REGISTERED, RECEIVED = datetime(2026, 11, 10, 9, 0, tzinfo=JST), datetime(2026, 11, 20, 12, 0, tzinfo=JST)
KNOWN = replace(IT, opened=date(2026, 11, 1), registered_at=REGISTERED)
FILED = replace(FILING, received=RECEIVED)

# begun                    | ended                      | what is said         | and the level stays
CASES = """
2026-11-12T10:00:00+09:00  | 2026-11-12T11:00:00+09:00  |                          | yes
2026-11-20T11:00:00+09:00  | 2026-11-20T12:04:00+09:00  |                          | yes
2026-11-20T11:00:00+09:00  | 2026-11-20T12:06:00+09:00  | done-after-received      |
2026-11-20T03:00:00+00:00  | 2026-11-20T03:04:00+00:00  |                          | yes
2026-11-20T12:06:00+09:00  | 2026-11-20T11:00:00+09:00  | done-after-received      |
2026-11-20T11:00:00        | 2026-11-21T11:00:00        |                          | yes
2026-11-20T11:00:00        | 2026-11-21T12:00:01        | done-after-received      |
2036-11-12T10:00:00        | 2036-11-12T11:00:00        | done-after-received      |
9999-12-31T23:00:00+09:00  | 9999-12-31T23:59:59+09:00  | done-after-received      |
2026-11-12T10:00:00+09:00  | -                          |                          | yes
2026-10-12T10:00:00+09:00  | -                          | done-before-engagement   |
-                          | 2026-10-12T10:00:00+09:00  | done-before-engagement   |
-                          | -                          |                          | yes
2026-10-31T22:00:00+09:00  | 2026-10-31T23:54:00+09:00  | done-before-engagement   |
2026-10-31T22:00:00+09:00  | 2026-10-31T23:56:00+09:00  | done-before-registration | yes
2026-10-31T22:00:00+09:00  | 2026-11-01T03:00:00+09:00  | done-before-registration | yes
2026-10-31T14:00:00        | 2026-10-31T20:00:00        | done-before-registration | yes
2026-10-30T14:00:00        | 2026-10-30T23:59:59        | done-before-engagement   |
2016-11-12T10:00:00+09:00  | 2016-11-12T11:00:00+09:00  | done-before-engagement   |
0001-01-01T00:00:00        | 0001-01-01T01:00:00        | done-before-engagement   |
0001-01-01T00:00:00+14:00  | 0001-01-01T01:00:00+14:00  | done-before-engagement   |
2026-11-10T08:00:00+09:00  | 2026-11-10T08:54:00+09:00  | done-before-registration | yes
2026-11-10T08:00:00+09:00  | 2026-11-10T08:56:00+09:00  |                          | yes
2026-11-09T08:00:00        | 2026-11-09T09:00:00        |                          | yes
2026-11-09T08:00:00        | 2026-11-09T08:59:59        | done-before-registration | yes
"""
ROWS = [[cell.strip() for cell in line.split("|")] for line in CASES.strip().splitlines()]
TIMELY = {"done-after-received", "done-before-engagement", "done-before-recheck", "done-before-registration"}


def at(text: str) -> datetime | None:
    return None if text == "-" else datetime.fromisoformat(text)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row[0]} {row[1]}")
def test_what_cannot_be_takes_the_level_away_and_what_may_be_is_said(row: list[str]) -> None:
    begun, ended, code, stays = row
    event = judge(KNOWN, finding(started=at(begun), finished=at(ended)), FILED)
    assert [reason.code for reason in event.reasons if reason.code in TIMELY] == ([code] if code else [])
    assert isinstance(event, MediumErased) == bool(stays)
    assert event.received_at == RECEIVED
    if not stays:
        assert {"contradicting", "repeat-or-destroy"} <= {reason.code for reason in event.reasons}
        (said,) = (reason for reason in event.reasons if reason.code in TIMELY)
        assert "時計を合わせて消去し直し" in said.ja
        assert "clock, erase again" in said.en


def test_what_is_not_known_is_not_compared() -> None:
    old = finding(started=at("1999-01-01T00:00:00"), finished=at("2099-01-01T00:00:00+09:00"))
    assert grade(old).level == grade(old, period=ALWAYS).level == "purge"
    assert isinstance(judge(IT, old, FILING), MediumErased)


def test_a_failure_stays_a_failure_whatever_its_times_are() -> None:
    event = judge(KNOWN, finding(**FAILED, finished=at("2016-11-12T10:00:00")), FILED)
    assert isinstance(event, ErasureFailed)
    assert event.reasons[0].code == "failed"


def test_a_time_without_zone_is_kept_in_the_tool_s_digits_and_one_with_zone_as_the_moment() -> None:
    zoned = judge(KNOWN, finding(started=at("2026-11-12T10:00:00+09:00"), finished=at("2026-11-12T11:00:00")), FILED)
    assert isinstance(zoned, MediumErased)
    assert (zoned.started_at, zoned.started_said) == (at("2026-11-12T10:00:00+09:00"), None)
    assert (zoned.finished_at, zoned.finished_said) == (None, "2026-11-12T11:00:00")
    silent = judge(KNOWN, finding(), FILED)
    assert isinstance(silent, MediumErased)
    assert not any((silent.started_at, silent.started_said, silent.finished_at, silent.finished_said))


def test_graded_again_it_is_held_against_the_day_it_came_and_not_against_the_entry_s() -> None:
    late = finding(finished=RECEIVED + timedelta(days=1))
    for filed, later in ((FILED, timedelta(days=30)), (FILING, timedelta())):
        growing = Growing(stream=IT.medium)
        event = judge(KNOWN, finding(**FAILED), filed)
        growing.add(event, at=RECEIVED + later)
        (standing,) = judgements(growing.entries)
        assert standing.received_at == RECEIVED
        assert regrade(KNOWN, standing, [late], event.table_version) is None, "it ended after it came"
        better = regrade(KNOWN, standing, [finding(finished=RECEIVED)], event.table_version)
        assert isinstance(better, MediumErased)
        growing.add(better, at=RECEIVED + timedelta(days=60))
        (standing,) = judgements(growing.entries)
        assert standing.received_at == RECEIVED


# ended                     | after a re-check of 2026-11-15 12:00 that found data
@pytest.mark.parametrize(
    ("ended", "stays"),
    [
        ("2026-11-15T11:54:00+09:00", False),
        ("2026-11-15T11:56:00+09:00", True),
        ("2026-11-16T10:00:00+09:00", True),
        ("2026-11-14T11:00:00", False),
        ("2026-11-14T13:00:00", True),
    ],
)
def test_a_log_of_before_a_recheck_that_found_data_brings_nothing_back(ended: str, *, stays: bool) -> None:
    growing = Growing(stream=IT.medium)
    growing.add(judge(KNOWN, finding(), FILED), at=RECEIVED - timedelta(days=9))
    found = fold(growing.entries).verify(IT, verifier="abe", method="read back", passed=False)
    growing.add(found, at=datetime(2026, 11, 15, 12, 0, tzinfo=JST))
    other = replace(FILING, evidence=FILING.evidence.model_copy(update={"sha256": "c" * 64}))
    event = judge(KNOWN, finding(finished=at(ended)), filed_at(other, growing.entries, RECEIVED))
    assert isinstance(event, MediumErased) == stays
    assert ("done-before-recheck" in {reason.code for reason in event.reasons}) == (not stays)
    growing.add(event, at=RECEIVED)
    assert fold(growing.entries).reached == ("purge" if stays else None)
    _, standing = judgements(growing.entries)
    assert regrade(KNOWN, standing, [finding(finished=at(ended))], event.table_version) is None
    again = filed_at(FILING, growing.entries, RECEIVED)
    assert again.found is None, "the first report is what it was before the look, and stays taken back"


def test_of_two_jobs_in_a_log_without_zones_the_one_with_its_digits_is_meant() -> None:
    jobs = [finding(**CLEAR, finished=at(f"2026-11-12T1{hour}:00:00")) for hour in (1, 2)]
    growing = Growing(stream=IT.medium)
    growing.add(judge(KNOWN, jobs[1], FILED))
    (standing,) = judgements(growing.entries)
    other = replace(jobs[0], kind=MediumKind.HDD)  # contradicts the registration: another level
    assert regrade(KNOWN, standing, [other, jobs[1]], standing.event.table_version) is None
    with pytest.raises(Unclear):
        regrade(KNOWN, standing, [other, replace(jobs[1], finished=None)], standing.event.table_version)


def test_whatever_proves_a_level_says_when_it_ended() -> None:
    proved = []
    for path in sorted(SAMPLES.iterdir()):
        try:
            findings = read(path.read_bytes(), path.name).findings
        except Unreadable:
            continue
        proved += [one for one in findings if grade(one).level]
    assert len(proved) > 5
    assert all(one.started and one.finished for one in proved), "else nothing could be held against the period"


OURS = st.datetimes(max_value=datetime(9998, 12, 31), timezones=st.just(UTC))  # noqa: DTZ001 - the strategy adds it


@given(st.datetimes(timezones=st.none() | st.timezones()), OURS)
def test_any_time_is_compared_without_an_error_and_says_one_thing_at_most(said: datetime, known: datetime) -> None:
    period = Period(opened=known.date(), registered=known, received=known)
    one: Any = finding(finished=said)
    contradictions, remarks = period.contradictions(one), period.remarks(one)
    assert len(contradictions) + len(remarks) <= 1
    assert all(reason.ja and reason.en for reason in (*contradictions, *remarks))
