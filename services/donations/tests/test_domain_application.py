"""The rules of one application."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.donations.domain.application import Application, fold
from shared.entry import Event
from shared.events.donations import ApplicationReceived, CallClosed, Grant
from shared.ids import uuid7
from shared.refused import Refused
from shared.testing import NOW

ITEMS = (uuid7(), uuid7())
RECEIVED = ApplicationReceived(
    call=uuid7(),
    application=uuid7(),
    receipt="063622-0001",
    category="hamlet",
    units=2,
    channel="web",
    arrived_at=NOW,
)
GRANT = Grant(application=RECEIVED.application, receipt=RECEIVED.receipt, category="hamlet", asked=2, items=ITEMS)

STEPS = """
unknown     | hand-over | not-queued
unknown     | refuse    | not-queued
unknown     | report    | not-handed-over
received    | refuse    | application-refused.v1
received    | report    | not-handed-over
received    | hand-over | handed-over.v1
received    | wrong     | other-machines
received    | twice     | other-machines
received    | scanned   | handed-over.v1
refused     | hand-over | not-queued
refused     | refuse    | not-queued
handed-over | hand-over | handed-over
handed-over | report    | usage-reported.v1
"""


def application_in(state: str) -> Application:
    events: list[Event] = [] if state == "unknown" else [RECEIVED]
    if state == "refused":
        events.append(fold(events).refuse())
    if state == "handed-over":
        events.append(fold(events).hand_over(GRANT, None))
    return fold(events)


def do(application: Application, step: str) -> Event:
    scanned: dict[str, Any] = {"wrong": (ITEMS[0], uuid7()), "twice": (ITEMS[0], *ITEMS), "scanned": ITEMS[::-1]}
    match step:
        case "refuse":
            return application.refuse()
        case "report":
            return application.report(("circulars",), None)
        case _:
            return application.hand_over(GRANT, scanned.get(step))


@pytest.mark.parametrize("row", STEPS.strip().splitlines())
def test_each_step_comes_to_what_the_rule_says(row: str) -> None:
    state, step, expected = (cell.strip() for cell in row.split("|"))
    try:
        found = do(application_in(state), step).kind.removeprefix("donations.")
    except Refused as refusal:
        found = refusal.code
    assert found == expected


@given(st.lists(st.sampled_from(["refuse", "hand-over", "report", "wrong", "scanned"]), max_size=12))
def test_whatever_is_tried_machines_change_hands_at_most_once_and_never_after_a_refusal(steps: list[str]) -> None:
    events: list[Event] = [RECEIVED]
    for step in steps:
        try:
            events.append(do(fold(events), step))
        except Refused:
            continue
    kinds = [event.kind.split(".")[1] for event in events]
    assert kinds.count("handed-over") + kinds.count("application-refused") <= 2
    assert kinds.count("handed-over") <= 1
    assert "usage-reported" not in kinds or kinds.index("handed-over") < kinds.index("usage-reported")


def test_an_event_of_something_else_is_an_error() -> None:
    with pytest.raises(TypeError, match="call-closed"):
        fold([CallClosed(call=uuid7(), number="1")])
