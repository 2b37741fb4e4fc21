from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.erasure.domain.session import RACK_ITEMS_MAX, Session, fold
from shared.entry import Event
from shared.events.erasure import RackBegan, SessionOpened, WitnessRecorded
from shared.refused import Refused
from shared.testing import NOW

OPENED = SessionOpened(session=UUID(int=1), engagement=UUID(int=2), room="第2会議室", machines=(), operator="takasaki")
ITEMS = [UUID(int=n) for n in range(10, 30)]


def lived(*steps: str) -> Session:
    events: list[Event] = [OPENED]
    for step in steps:
        state = fold(events)
        assert state
        events.append(decided(state, step))
    state = fold(events)
    assert state
    return state


def decided(state: Session, step: str) -> Event:
    match step:
        case "load":
            return state.load("R1", ITEMS)
        case "begin":
            return state.begin("R1")
        case _:
            return state.end("R1", ITEMS[:1])


# what was done   | next  | refused
STEPS = """
                  | load  |
                  | begin | rack-state
load              | begin |
load              | load  |
load              | end   | rack-state
load begin        | begin | rack-state
load begin        | load  | rack-began
load begin        | end   |
load begin end    | end   | rack-state
load begin end    | load  |
"""


@pytest.mark.parametrize("row", [line.split("|") for line in STEPS.strip("\n").splitlines()], ids="".join)
def test_a_rack_is_loaded_begun_and_ended_in_this_order(row: list[str]) -> None:
    done, step, code = (cell.strip() for cell in row)
    state = lived(*done.split())
    if not code:
        assert isinstance(decided(state, step), Event)
        return
    with pytest.raises(Refused) as refused:
        decided(state, step)
    assert refused.value.code == code


def test_what_stands_in_a_rack_stands_in_no_other_until_that_has_ended() -> None:
    with pytest.raises(Refused, match="ほかのラックに載っている"):
        lived("load").load("R2", ITEMS[:1])
    assert lived("load", "begin", "end").load("R2", ITEMS[:1]).items == (ITEMS[0],)


def test_an_exception_is_of_the_rack_and_a_rack_has_its_size() -> None:
    with pytest.raises(Refused, match="このラックに載っていない"):
        lived("load", "begin").end("R1", [UUID(int=99)])
    for items in ([], [UUID(int=n) for n in range(RACK_ITEMS_MAX + 1)]):
        with pytest.raises(Refused, match="1台から"):
            lived().load("R1", items)


def test_nothing_is_no_session_and_another_event_is_an_error() -> None:
    assert fold([]) is None
    stray = WitnessRecorded(engagement=UUID(int=2), witness="sato", place="-", began_at=NOW)
    for events in ([OPENED, stray], [RackBegan(session=UUID(int=1), rack="R1")]):
        with pytest.raises(ValueError, match="not an event of a session"):
            fold(events)


@given(st.lists(st.sampled_from(["load", "begin", "end"]), max_size=12))
def test_whatever_is_asked_a_rack_ends_only_after_it_began(steps: list[str]) -> None:
    events: list[Event] = [OPENED]
    for step in steps:
        state = fold(events)
        assert state
        try:
            events.append(decided(state, step))
        except Refused:
            continue
    kinds = [event.kind.split(".")[1] for event in events[1:] if event.kind != "erasure.rack-loaded.v1"]
    assert kinds == ["rack-began", "rack-ended"] * (len(kinds) // 2) + ["rack-began"] * (len(kinds) % 2)
