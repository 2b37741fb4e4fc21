from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.certificates.domain.certificate import Certificate, Made, due_on, fold, stream_of
from shared.entry import Event
from shared.events.certificates import Cited
from shared.events.tracking import TakenOver
from shared.ids import uuid7
from shared.refused import Refused

ITEM, MEDIUM = uuid7(), uuid7()
STREAM = stream_of("destruction", MEDIUM)
CITED = Cited(entry=uuid7(), stream=uuid7(), sequence=3)
MADE = Made("a" * 64, "b" * 64, "c" * 64, "d" * 64, 7)
ACTS = ("request", "issue", "fall-due", "revoke")


def decide(state: Certificate, act: str) -> Event:
    number = "D-0000-0000-0"
    match act:
        case "request":
            return state.request(
                STREAM,
                number=number,
                kind="destruction",
                item=ITEM,
                label="000000000",
                medium=MEDIUM,
                cites=[CITED],
            )
        case "issue":
            return state.issue(MADE)
        case "fall-due":
            return state.fall_due(STREAM, number=number, item=ITEM, due_on=date(2026, 1, 1))
        case _:
            return state.revoke("誤り")


TABLE = """
before                    | request           | issue            | fall-due    | revoke
-                         | ok                | not-to-be-issued | ok          | not-issued
request                   | already-requested | ok               | ok          | not-issued
fall-due                  | ok                | not-to-be-issued | not-overdue | not-issued
fall-due request          | already-requested | ok               | not-overdue | not-issued
request fall-due          | already-requested | ok               | not-overdue | not-issued
request issue             | already-requested | not-to-be-issued | not-overdue | ok
request fall-due issue    | already-requested | not-to-be-issued | not-overdue | ok
request issue revoke      | already-requested | not-to-be-issued | not-overdue | already-revoked
"""
ROWS = [[cell.strip() for cell in line.split("|")] for line in TABLE.strip().splitlines()][1:]


@pytest.mark.parametrize("row", ROWS, ids=[row[0] for row in ROWS])
def test_every_decision_from_every_state(row: list[str]) -> None:
    events: list[Event] = []
    for act in [] if row[0] == "-" else row[0].split():
        events.append(decide(fold(events), act))
    for act, expected in zip(ACTS, row[1:], strict=True):
        try:
            decide(fold(events), act)
            said = "ok"
        except Refused as no:
            said = no.code
        assert said == expected, act


@given(st.lists(st.sampled_from(ACTS), max_size=12))
def test_whatever_is_asked_it_is_issued_at_most_once_and_only_after_a_request(acts: list[str]) -> None:
    events: list[Event] = []
    for act in acts:
        try:
            events.append(decide(fold(events), act))
        except Refused:
            continue
    kinds = [event.kind.split(".")[1] for event in events]
    assert len(kinds) == len(set(kinds))
    if "issued" in kinds:
        assert kinds.index("requested") < kinds.index("issued")
    if "revoked" in kinds:
        assert kinds.index("issued") < kinds.index("revoked")


@pytest.mark.parametrize("reason", ["", " ", "長" * 501])
def test_a_revocation_needs_a_reason(reason: str) -> None:
    state = fold([asked := decide(Certificate(), "request"), decide(fold([asked]), "issue")])
    with pytest.raises(Refused, match="理由"):
        state.revoke(reason)


def test_an_event_of_another_thing_is_an_error() -> None:
    with pytest.raises(ValueError, match="taken-over"):
        fold([TakenOver(item=ITEM)])


@pytest.mark.parametrize(
    ("received", "due"),
    [
        (datetime(2026, 9, 16, 14, 59, tzinfo=UTC), date(2026, 10, 29)),  # 23:59 in Japan
        (datetime(2026, 9, 16, 15, 0, tzinfo=UTC), date(2026, 10, 30)),  # midnight: the next day
    ],
)
def test_the_deadline_counts_from_the_day_of_receipt_in_japan(received: datetime, due: date) -> None:
    assert due_on(received, 43) == due


def test_a_certificate_has_the_month_of_what_it_certifies_and_one_stream_a_kind() -> None:
    assert str(STREAM)[:13] == str(MEDIUM)[:13]
    assert stream_of("destruction", MEDIUM) == STREAM != stream_of("erasure", MEDIUM)
