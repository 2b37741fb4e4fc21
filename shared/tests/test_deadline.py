from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import text

from shared.deadline import FIRST, LAST, Terms, after, business_days, due_on, due_sql, is_open, left, office_hour
from shared.stack.stack import Stack
from shared.testing import TOWN, service

DAYS = st.dates(date(2026, 1, 1), date(2044, 12, 31))
COUNTS = st.integers(1, 400)


@pytest.mark.parametrize(
    ("closed", "next_open"),
    [
        (["2025-12-29", "2025-12-30", "2025-12-31", "2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"], "01-05"),
        (["2026-04-29"], "04-30"),  # 昭和の日
        (["2026-05-02", "2026-05-03", "2026-05-04", "2026-05-05", "2026-05-06"], "05-07"),  # the 6th stands for the 3rd
        (["2026-09-19", "2026-09-20", "2026-09-21", "2026-09-22", "2026-09-23"], "09-24"),  # the 22nd lies between two
        (["2026-12-29", "2026-12-30", "2026-12-31", "2027-01-01", "2027-01-02", "2027-01-03"], "01-04"),
        (["2027-03-20", "2027-03-21", "2027-03-22"], "03-23"),  # 春分の日 on a Sunday
        (["2027-05-01", "2027-05-02", "2027-05-03", "2027-05-04", "2027-05-05"], "05-06"),
        (["2027-09-18", "2027-09-19", "2027-09-20"], "09-21"),  # no long Silver Week
        (["2027-09-23"], "09-24"),
    ],
)
def test_golden_week_silver_week_and_the_new_year_are_closed(closed: list[str], next_open: str) -> None:
    days = [date.fromisoformat(day) for day in closed]
    assert [day for day in days if is_open(day)] == []
    assert not is_open(days[-1])
    first = days[-1] + timedelta(days=1)
    assert first.strftime("%m-%d") == next_open
    assert is_open(first)
    assert after(days[0] - timedelta(days=1), 1) == first


def test_a_year_has_as_many_open_days_as_the_calendar_of_the_town_hall() -> None:
    counted = {year: sum(day.year == year for day in business_days()) for year in (2026, 2027)}
    assert counted == {2026: 240, 2027: 242}


@given(DAYS, COUNTS)
def test_a_deadline_is_open_and_so_many_open_days_later(day: date, count: int) -> None:
    due = after(day, count)
    assert is_open(due)
    between = sum(is_open(day + timedelta(days=nth)) for nth in range(1, (due - day).days + 1))
    assert between == count == left(day, due)
    assert after(day, count + 1) > due
    assert after(day + timedelta(days=1), count) >= due


@given(DAYS, DAYS)
def test_what_is_left_counts_down_and_is_negative_afterwards(one: date, other: date) -> None:
    assert left(one, other) == -left(other, one)
    assert left(one, one) == 0


@given(DAYS)
def test_no_stretch_of_closed_days_is_longer_than_a_golden_week(day: date) -> None:
    assert after(day, 1) - day <= timedelta(days=11)


def test_outside_the_calendar_nothing_is_guessed() -> None:
    for day in (FIRST - timedelta(days=1), LAST + timedelta(days=1)):
        with pytest.raises(ValueError, match="outside"):
            is_open(day)
    with pytest.raises(ValueError, match="outside"):
        after(LAST - timedelta(days=3), 30)


@pytest.mark.parametrize(
    ("received", "terms", "due"),
    [
        ("2026-09-16T14:59Z", Terms(43), "2026-10-29"),  # 23:59 in Japan
        ("2026-09-16T15:00Z", Terms(43), "2026-10-30"),  # midnight: the next day
        ("2026-09-17T15:00Z", Terms(1, "business"), "2026-09-24"),  # a Friday before Silver Week
        ("2026-12-28T00:00Z", Terms(2, "business"), "2027-01-05"),
        ("2026-12-31T00:00Z", Terms(1, "business"), "2027-01-04"),  # received on a closed day
        ("2026-09-16T14:59Z", Terms(43, "business", date(2027, 3, 31)), "2027-03-31"),  # the contract's own date
    ],
)
def test_the_deadline_counts_from_the_day_of_receipt_in_japan(received: str, terms: Terms, due: str) -> None:
    moment = datetime.fromisoformat(received)
    assert due_on(moment, terms) == date.fromisoformat(due)


def test_before_the_receipt_only_a_date_of_the_contract_is_a_deadline() -> None:
    assert due_on(None, Terms(43)) is None
    assert due_on(None, Terms(43, by=date(2027, 3, 31))) == date(2027, 3, 31)


async def test_the_database_counts_as_we_do(servers: Stack) -> None:
    received = [datetime(2026, 1, 1, 14, 59, tzinfo=UTC) + timedelta(hours=17 * nth) for nth in range(700)]
    told = [Terms(1 + nth % 90, "business" if nth % 3 else "calendar") for nth in range(700)]
    told[5] = Terms(5, "business", date(2027, 3, 31))
    query = (
        f"SELECT {due_sql('r.at', 'e')} AS due FROM unnest(CAST(:received AS timestamptz[]), CAST(:days AS int[]), "  # noqa: S608 - constants
        "CAST(:kinds AS text[]), CAST(:by AS date[])) WITH ORDINALITY "
        "AS e(at, certificate_days, certificate_days_kind, certificate_by, nth), LATERAL (SELECT e.at) r ORDER BY nth"
    )
    async with service(servers, "certificates") as made, made.acting(TOWN) as tx:
        rows = await tx.connection.execute(
            text(query),
            {
                "business": list(business_days()),
                "received": received,
                "days": [one.days for one in told],
                "kinds": [one.kind for one in told],
                "by": [one.by for one in told],
            },
        )
        found = [row.due for row in rows]
    assert found == [due_on(at, terms) for at, terms in zip(received, told, strict=True)]


@pytest.mark.parametrize(
    ("moment", "then"),
    [
        ("2026-11-24T01:00Z", "2026-11-24T01:00Z"),  # 10:00 on a Tuesday
        ("2026-11-23T01:00Z", "2026-11-23T23:30Z"),  # a holiday: 8:30 the day after
        ("2026-11-23T20:00Z", "2026-11-23T23:30Z"),  # 5:00 on Tuesday
        ("2026-11-24T08:15Z", "2026-11-24T23:30Z"),  # 17:15
        ("2026-12-28T09:00Z", "2027-01-03T23:30Z"),  # the evening before the New Year's days
    ],
)
def test_nobody_is_written_to_while_the_town_hall_is_closed(moment: str, then: str) -> None:
    assert office_hour(datetime.fromisoformat(moment)) == datetime.fromisoformat(then)
