"""The rules of a counted lot as a table: what happened before, what is counted, what the answer is."""

from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.tracking.domain import lot
from shared.entry import Event
from shared.events.tracking import LotMoved, LotRegistered, TakenOver
from shared.refused import Refused, Unknown

LOT = UUID(int=1)
REGISTERED = LotRegistered(lot=LOT, label="7K3D9Q2MX", engagement=UUID(int=2), lot_kind="monitor", count=59)
STEPS: tuple[lot.Step, ...] = ("shipped-out", "received")

TABLE = """
registered              shipped-out 59  59    None
registered              received    58  difference
registered              received    59  None  59
registered              received    0   difference
registered+shipped-out  received    58  difference
registered+shipped-out  received    59  59    59
registered+shipped-out  shipped-out 59  already-moved
registered+received     received    59  already-moved
registered+received     shipped-out 59  59    59
nothing                 shipped-out 59  no-lot
"""


def history(said: str) -> list[Event]:
    events: list[Event] = []
    for word in said.split("+"):
        if word == "registered":
            events.append(REGISTERED)
        elif word != "nothing":
            events.append(LotMoved(lot=LOT, step=word, count=59))
    return events


@pytest.mark.parametrize("line", [line for line in TABLE.splitlines() if line])
def test_the_rules_of_a_lot(line: str) -> None:
    said, step, count, *wanted = line.split()
    events = history(said)
    if len(wanted) == 1:
        with pytest.raises(Refused) as refused:
            lot.fold(events).move(step, int(count), confirmed=False)  # type: ignore[arg-type]  # the table's own words
        assert refused.value.code == wanted[0]
        assert refused.value.ja.endswith("。")
        assert refused.value.en.endswith(".")
        return
    event = lot.fold(events).move(step, int(count), confirmed=False)  # type: ignore[arg-type]  # the table's own words
    after = lot.fold([*events, event])
    assert [str(after.shipped), str(after.received)] == wanted
    assert after.registered.count == 59, "what was registered stands beside it"


@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(57, 60))))
def test_each_hand_counts_once_and_again_only_to_close_the_gap(counted: list[tuple[lot.Step, int]]) -> None:
    events: list[Event] = [REGISTERED]
    for step, count in counted:
        known = lot.fold(events)
        try:
            event = known.move(step, count, confirmed=True)
        except Refused as refusal:
            assert refusal.code == "already-moved"
            assert known.counted(step) is not None
        else:
            assert known.counted(step) is None or count == known.expected(step) != known.counted(step)
            events.append(event)


def test_a_lot_ends_by_what_is_there_and_no_more() -> None:
    known = lot.fold([REGISTERED, LotMoved(lot=LOT, step="received", count=58)])
    part = known.close("recycled", 30, weight_kg=120.5, receipt="M-1")
    rest = lot.fold([REGISTERED, LotMoved(lot=LOT, step="received", count=58), part])
    with pytest.raises(Refused, match="28台"):
        rest.close("returned", 29, weight_kg=None, receipt="R-1")
    assert rest.close("returned", 28, weight_kg=None, receipt="R-1").fate == "returned"


def test_what_is_no_lot_is_unknown_and_a_foreign_event_is_an_error() -> None:
    with pytest.raises(Unknown):
        lot.fold([TakenOver(item=LOT)])
    with pytest.raises(ValueError, match="no event of a lot"):
        lot.fold([REGISTERED, TakenOver(item=LOT)])
