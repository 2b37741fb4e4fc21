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
LATER = uuid7()
GRANT = Grant(application=RECEIVED.application, receipt=RECEIVED.receipt, category="hamlet", asked=2, items=ITEMS)
MORE = GRANT.model_copy(update={"items": (*ITEMS, LATER)})  # the rest was granted after the first hand-over

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
handed-over | more      | handed-over.v1
handed-over | all       | other-machines
handed-over | late      | other-grant
returned    | hand-over | not-queued
returned    | more      | not-queued
"""


def application_in(state: str) -> Application:
    events: list[Event] = [] if state == "unknown" else [RECEIVED]
    if state == "refused":
        events.append(fold(events).refuse())
    if state in ("handed-over", "returned"):
        events.append(fold(events).hand_over(GRANT, None))
    if state == "returned":
        events.append(fold(events).take_back("unused"))
    return fold(events)


def do(application: Application, step: str) -> Event:
    scanned: dict[str, Any] = {"wrong": (ITEMS[0], uuid7()), "twice": (ITEMS[0], *ITEMS), "scanned": ITEMS[::-1]}
    match step:
        case "refuse":
            return application.refuse()
        case "report":
            return application.report(("circulars",), None)
        case "more":
            return application.hand_over(MORE, (LATER,), looked_at=(LATER,))
        case "all":
            return application.hand_over(MORE, MORE.items)
        case "late":
            return application.hand_over(MORE, None, looked_at=ITEMS)
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


TRIED = ["refuse", "hand-over", "report", "wrong", "scanned", "more", "all", "late"]


@given(st.lists(st.sampled_from(TRIED), max_size=12))
def test_whatever_is_tried_each_machine_changes_hands_at_most_once_and_never_after_a_refusal(steps: list[str]) -> None:
    events: list[Event] = [RECEIVED]
    for step in steps:
        try:
            events.append(do(fold(events), step))
        except Refused:
            continue
    kinds = [event.kind.split(".")[1] for event in events]
    assert len(set(fold(events).items)) == len(fold(events).items)
    assert kinds.count("application-refused") <= 1
    assert "application-refused" not in kinds or "handed-over" not in kinds[kinds.index("application-refused") :]
    assert "usage-reported" not in kinds or kinds.index("handed-over") < kinds.index("usage-reported")


def test_an_event_of_something_else_is_an_error() -> None:
    with pytest.raises(TypeError, match="call-closed"):
        fold([CallClosed(call=uuid7(), number="1")])
