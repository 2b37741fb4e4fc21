from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import get_args
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.erasure.domain.remark import WORDS, Remark
from services.erasure.domain.session import RACK_ITEMS_MAX, Rack, Session, Surroundings, Told, fold
from shared.entry import Event
from shared.events.erasure import (
    ItemPlaced,
    ItemTakenOut,
    RackBegan,
    RackEnded,
    RackLoaded,
    SessionClosed,
    SessionOpened,
    WitnessRecorded,
)
from shared.refused import Refused
from shared.testing import NOW

OPENED = SessionOpened(session=UUID(int=1), engagement=UUID(int=2), room="第2会議室", machines=(), operator="takasaki")
MINUTE = timedelta(minutes=1)
ITEMS = [UUID(int=n) for n in range(10, 30)]


def told(events: list[Event]) -> list[Told]:
    """Events as they were recorded, one a minute."""
    return [Told(event, nth, NOW + nth * MINUTE, NOW + nth * MINUTE) for nth, event in enumerate(events, 1)]


def lived(*steps: str) -> Session:
    events: list[Event] = [OPENED]
    for step in steps:
        state = fold(told(events))
        assert state
        events.append(decided(state, step))
    state = fold(told(events))
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
    strays: list[list[Event]] = [[OPENED, stray], [stray], [RackBegan(session=UUID(int=1), rack="R1")]]
    for events in strays:
        with pytest.raises(ValueError, match="not an event of a session"):
            fold(told(events))


@given(st.lists(st.sampled_from(["load", "begin", "end"]), max_size=12))
def test_whatever_is_asked_a_rack_ends_only_after_it_began(steps: list[str]) -> None:
    events: list[Event] = [OPENED]
    for step in steps:
        state = fold(told(events))
        assert state
        try:
            events.append(decided(state, step))
        except Refused:
            continue
    kinds = [event.kind.split(".")[1] for event in events[1:] if event.kind != "erasure.rack-loaded.v1"]
    assert kinds == ["rack-began", "rack-ended"] * (len(kinds) // 2) + ["rack-began"] * (len(kinds) % 2)


R1, R2 = "R1", "R2"
LABELS = {name: UUID(int=nth) for nth, name in enumerate("abcd", 10)}
AROUND = Surroundings(LABELS, frozenset(LABELS.values()) - {LABELS["d"]}, frozenset({LABELS["c"]}))


def fact(said: str) -> Event:
    """A thing that a device saw, from its short form: `place a R1`, `begin R1`, `close`."""
    session = OPENED.session
    match said.split():
        case ["place", label, *rack]:
            return ItemPlaced(session=session, label=label, item=LABELS.get(label), rack="".join(rack))
        case ["take-out", label, *rack]:
            return ItemTakenOut(session=session, label=label, item=LABELS.get(label), rack="".join(rack))
        case ["begin", rack]:
            return RackBegan(session=session, rack=rack)
        case ["end", rack]:
            return RackEnded(session=session, rack=rack)
        case ["load", rack, *labels]:
            return RackLoaded(session=session, rack=rack, items=tuple(LABELS[one] for one in labels))
        case _:
            return SessionClosed(session=session)


# what happened                                          | what the last of it does not fit
FACTS = """
place a R1                                               |
place a R1, place a R1                                   | twice
place a R1, take-out a R1, place a R1                    |
place a R1, place a R2                                   | in-another-rack
place a, place a R1                                      |
load R1 a, place a R2                                    | in-another-rack
load R1 c                                                | in-another-session
place a R1, load R2 a                                    | in-another-rack
place a R1, begin R1, end R1, place a R2                 |
place a R1, begin R1, place b R1                         | rack-began
place a R1, begin R1, load R1 b                          | rack-began
place c R1                                               | in-another-session
place d R1                                               | not-of-engagement
place x R1                                               | unregistered
take-out x R1                                            | unregistered
begin R1                                                 | rack-empty
place a R1, begin R1, begin R1                           | began-before
place a R1, end R1                                       | not-begun
place a R1, begin R1, end R1, end R1                     | ended-before
take-out a R1                                            | not-in-session
place a R1, take-out a R2                                | not-in-rack
place a R1, take-out a                                   |
place a R1, begin R1, end R1, take-out a R1              |
place a R1, take-out a R1, take-out a R1                 | taken-out-before
close, close                                             | after-close
close, place a R1                                        | after-close
"""


@pytest.mark.parametrize(
    "row", [line.split("|") for line in FACTS.strip("\n").splitlines()], ids=lambda row: row[0].strip()
)
def test_what_has_happened_is_taken_in_and_says_what_it_does_not_fit(row: list[str]) -> None:
    happened, expected = (cell.strip() for cell in row)
    steps = told([OPENED, *(fact(one) for one in happened.split(", "))])
    state = fold(steps, AROUND)
    assert state
    assert [remark for one, said in state.remarks if one == steps[-1] for remark in said] == expected.split()


def test_every_remark_is_tried_and_says_what_to_do_in_both_languages() -> None:
    tried = {line.split("|")[1].strip() for line in FACTS.strip("\n").splitlines()} | {"before-open", "rack-full"}
    assert set(WORDS) == set(get_args(Remark)) == tried - {""}
    early = [Told(OPENED, 1, NOW, NOW), Told(fact("place a R1"), 2, NOW - MINUTE, NOW)]
    state = fold(early, AROUND)
    assert state
    assert state.remarks == ((early[1], ("before-open",)),)


def test_a_rack_takes_in_what_was_put_into_it_and_says_when_it_is_too_much() -> None:
    many = {f"m{nth}": UUID(int=1000 + nth) for nth in range(RACK_ITEMS_MAX + 1)}
    around = Surroundings(many, frozenset(many.values()))
    places: list[Event] = [
        ItemPlaced(session=OPENED.session, label=label, item=item, rack=R1) for label, item in many.items()
    ]
    steps = told([OPENED, *places])
    state = fold(steps, around)
    assert state
    assert state.remarks == ((steps[-1], ("rack-full",)),)
    assert len(state.racks[R1].items) == RACK_ITEMS_MAX + 1


def test_what_a_rack_held_before_it_was_used_again_is_kept() -> None:
    first, second = "place a R1, take-out a R1, begin R1, end R1", "place b R1, place x R1"
    state = fold(told([OPENED, *(fact(one) for one in f"{first}, {second}".split(", "))]), AROUND)
    assert state
    assert state.held == (
        (R1, Rack((LABELS["a"],), "ended", (LABELS["a"],))),
        (R1, Rack((LABELS["b"],), strangers=("x",))),
    )
    assert state.claimed == {LABELS["b"]}


SAID = [f"{work} {label} {rack}" for work in ("place", "take-out") for label in "abx" for rack in ("", R1, R2)]
SAID += [f"{work} {rack}" for work in ("begin", "end") for rack in (R1, R2)] + ["load R1 a b", "close"]


@given(st.lists(st.tuples(st.sampled_from(SAID), st.integers(0, 5)), max_size=14), st.randoms(use_true_random=False))
def test_whatever_order_it_arrives_in_the_same_is_known_and_every_machine_counts_once(
    said: list[tuple[str, int]], dice: Random
) -> None:
    happened = [(OPENED, NOW), *((fact(one), NOW + minute * MINUTE) for one, minute in said)]
    arrived = [Told(event, nth, at, NOW + 9 * MINUTE) for nth, (event, at) in enumerate(happened, 1)]
    state = fold(arrived, AROUND)
    dice.shuffle(happened)
    again = fold([Told(event, nth, at, NOW + 9 * MINUTE) for nth, (event, at) in enumerate(happened, 1)], AROUND)
    assert state
    assert again
    assert replace(state, remarks=()) == replace(again, remarks=())
    assert [(one.event, codes) for one, codes in state.remarks] == [(one.event, codes) for one, codes in again.remarks]
    standing = [item for rack in state.racks.values() if rack.state != "ended" for item in rack.claimed]
    assert len(standing) == len(set(standing))


def test_a_form_asks_no_step_of_a_session_that_is_closed() -> None:
    state = fold(told([OPENED, fact("load R1 a"), SessionClosed(session=OPENED.session)]), AROUND)
    assert state
    for ask in (lambda: state.load(R2, ITEMS), lambda: state.begin(R1), lambda: state.end(R1, []), state.close):
        with pytest.raises(Refused, match="新しい作業を始めてください"):
            ask()
