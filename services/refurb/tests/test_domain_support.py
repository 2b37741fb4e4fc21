"""The support that comes with a machine: its days, and what is recorded of a contact."""

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.refurb.domain.support import Contact
from services.refurb.domain.work_order import WorkOrder
from shared.events.refurb import Ready, Spec
from shared.ids import uuid7
from shared.refused import Refused
from shared.support import Term, term

SPEC = Spec(os="Windows 11 Home", ssd_gb=240, memory_gb=8, office="LibreOffice", support_months=3)
READY = Ready(item=uuid7(), label="7K3D9Q2MX", item_kind="notebook", grade="B", spec=SPEC)
DAYS = st.dates(date(2020, 1, 1), date(2099, 12, 31))


@pytest.mark.parametrize(
    ("since", "months", "last"),
    [
        (date(2021, 10, 27), 3, date(2022, 1, 27)),
        (date(2021, 11, 30), 3, date(2022, 2, 28)),
        (date(2023, 11, 30), 3, date(2024, 2, 29)),
        (date(2021, 12, 31), 12, date(2022, 12, 31)),
        (date(2021, 1, 31), 1, date(2021, 2, 28)),
        (date(2021, 4, 30), 1, date(2021, 5, 31)),
        (date(2027, 2, 28), 12, date(2028, 2, 29)),
    ],
)
def test_a_term_is_counted_from_the_next_day_by_the_calendar(since: date, months: int, last: date) -> None:
    assert term(since, months) == Term(since, last)


def test_without_a_hand_over_or_without_support_there_is_no_term() -> None:
    assert term(None, 3) is None
    assert term(date(2021, 10, 27), 0) is None


@given(DAYS, st.integers(1, 120))
def test_a_term_is_as_long_as_its_months(since: date, months: int) -> None:
    owed = term(since, months)
    assert owed is not None
    assert 28 * months <= (owed.last - owed.first).days <= 31 * months
    assert owed.covers(since)
    assert owed.covers(owed.last)
    assert not owed.covers(owed.last + timedelta(days=1))


def test_a_contact_is_recorded_in_the_term_or_not_and_never_of_a_machine_that_is_not_out() -> None:
    owed = Term(date(2021, 10, 27), date(2022, 1, 27))
    order = WorkOrder(item=READY.item, label=READY.label, item_kind="notebook", route="reuse", ready=READY)
    contact = Contact("phone", "network", "solved", 15)
    for on, is_owed in ((date(2022, 1, 27), True), (date(2022, 1, 28), False)):
        assert contact.of(order, owed, on).in_term is is_owed
    assert contact.of(order, None, date(2022, 1, 1)).in_term is False
    unfinished = WorkOrder(item=uuid7(), label="7K3D9Q2MX", item_kind="notebook", route="reuse")
    with pytest.raises(Refused, match="まだ再生完了ではありません"):
        contact.of(unfinished, owed, date(2022, 1, 1))
