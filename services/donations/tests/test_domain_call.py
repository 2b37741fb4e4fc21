"""The rules of a call, as tables: each row is a step and what it comes to."""

from datetime import timedelta
from typing import Any

import pytest

from services.donations.domain.call import Call, fold
from services.donations.tests.conftest import a_call
from shared.entry import Event
from shared.events.donations import ApplicationReceived, ApplicationRefused, CallClosed, HandedOver
from shared.ids import uuid7
from shared.refused import Refused
from shared.testing import NOW

STEPS = """
draft   | close          | call-not-opened
draft   | settle         | call-not-opened
draft   | receive        | call-not-opened
draft   | open           | call-opened.v1
draft   | open-backwards | bad-window
draft   | open-twins     | bad-categories
open    | open           | call-opened
open    | settle         | call-still-open
open    | receive        | application-received.v1
open    | receive-early  | call-not-begun
open    | receive-late   | call-closed
open    | receive-school | not-eligible
open    | receive-three  | over-cap
open    | record         | application-received.v1
open    | record-early   | early
open    | record-late    | late
open    | record-school  | not-eligible
open    | record-three   | application-received.v1
open    | record-future  | arrival-ahead
open    | close          | call-closed.v1
closed  | open           | call-opened
closed  | receive        | call-closed
closed  | record         | late
closed  | close          | call-closed-before
closed  | settle         | allocated.v1
closed  | granted        | not-granted
settled | open           | call-opened
settled | receive        | call-closed
settled | record         | late
settled | close          | call-closed-before
settled | settle         | call-settled
settled | granted        | not-granted
"""


def call_in(state: str) -> Call:
    call = Call() if state == "draft" else fold([a_call()])
    if state in ("closed", "settled"):
        call = fold([call.opened, call.close([])])  # type: ignore[list-item]  # it was opened above
    if state == "settled":
        call = fold([call.opened, CallClosed(call=uuid7(), number=""), call.settle([], [])])  # type: ignore[list-item]  # as above
    return call


def do(call: Call, step: str) -> Event:
    verb, _, how = step.partition("-")
    at = {"early": NOW - timedelta(hours=2), "late": NOW + timedelta(days=7)}.get(how, NOW)
    facts: dict[str, Any] = {
        "application": uuid7(),
        "receipt": "063622-0001",
        "category": "school" if how == "school" else "hamlet",
        "units": 3 if how == "three" else 1,
    }
    match verb:
        case "open":
            asked = a_call()
            if how == "backwards":
                asked = a_call(closes_at=asked.opens_at)
            if how == "twins":
                asked = a_call(categories=asked.categories[:1] * 2)
            return call.open(asked)
        case "receive":
            return call.receive(**facts, at=at)
        case "record":
            arrived, now = (at, NOW + timedelta(days=8)) if how != "future" else (NOW + timedelta(seconds=1), NOW)
            return call.record(**facts, channel="paper", arrived_at=arrived, keyed_by="clerk", at=now)
        case "close":
            return call.close([])
        case "granted":
            call.granted("063622-0001")
            raise AssertionError("granted")
        case _:
            return call.settle([], [])


@pytest.mark.parametrize("row", STEPS.strip().splitlines())
def test_each_step_comes_to_what_the_rule_says(row: str) -> None:
    state, step, expected = (cell.strip() for cell in row.split("|"))
    call = call_in(state)
    assert call.state == state
    try:
        event = do(call, step)
        found, sentences = getattr(event, "reason", event.kind.removeprefix("donations.")), ("。", ".")
    except Refused as refusal:
        found, sentences = refusal.code, (refusal.ja, refusal.en)
    assert found == expected
    assert (sentences[0][-1], sentences[1][-1]) == ("。", ".")


def test_the_window_takes_in_its_first_moment_and_not_its_last() -> None:
    opened = a_call()
    call = fold([opened])
    facts: dict[str, Any] = {"application": uuid7(), "receipt": "063622-0001", "category": "hamlet", "units": 1}
    assert call.receive(**facts, at=opened.opens_at).arrived_at == opened.opens_at
    last = opened.closes_at - timedelta(microseconds=1)
    assert call.receive(**facts, at=last).arrived_at == last
    with pytest.raises(Refused, match="応募の受付は終わりました"):
        call.receive(**facts, at=opened.closes_at)


def test_a_late_paper_is_recorded_with_everything_but_its_place() -> None:
    opened = a_call()
    late = fold([opened]).record(
        application=uuid7(),
        receipt="063622-0021",
        category="hamlet",
        units=1,
        channel="paper",
        arrived_at=opened.closes_at,
        keyed_by="clerk",
        at=opened.closes_at + timedelta(hours=1),
    )
    assert isinstance(late, ApplicationRefused)
    assert late.reason == "late"
    kept = fold([opened]).record(
        application=uuid7(),
        receipt="063622-0020",
        category="hamlet",
        units=1,
        channel="paper",
        arrived_at=opened.closes_at - timedelta(seconds=1),
        keyed_by="clerk",
        at=opened.closes_at + timedelta(hours=1),
    )
    assert isinstance(kept, ApplicationReceived)
    assert kept.keyed_by == "clerk"


def test_an_event_of_something_else_is_an_error() -> None:
    strange = HandedOver(call=uuid7(), application=uuid7(), receipt="", category="", items=())
    with pytest.raises(TypeError, match="handed-over"):
        fold([strange])
