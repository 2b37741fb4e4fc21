import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.certificates.domain.number import ISSUES_MAX, KINDS, BadNumber, Number, lot_number, parse_number
from shared.ids import Label, uuid7

LABEL = "NA74QKCHQ"  # a fixed one: what a test is called is the same in every process that collects it
GROUPED = f"{LABEL[:4]}-{LABEL[4:8]}-{LABEL[8:]}"


@pytest.mark.parametrize(
    "typed", [f"D-{GROUPED}", f"d{LABEL.lower()}", f" D {GROUPED} ", f"Ｄ-{GROUPED}".replace("Ｄ", "D")]
)
def test_a_number_is_read_as_people_type_it(typed: str) -> None:
    assert parse_number(typed) == Number("destruction", Label(LABEL))


@pytest.mark.parametrize(
    "typed",
    [
        "",
        "D",
        GROUPED,
        f"X-{GROUPED}",
        f"D-{GROUPED}-1",
        f"D-{GROUPED}-0",
        f"D-{GROUPED}-R1",
        f"D-{GROUPED}-R100",
        "D-" + "A" * 60,
        "D-0000-0000-1",
    ],
)
def test_what_is_no_number_is_refused(typed: str) -> None:
    with pytest.raises(BadNumber):
        parse_number(typed)


@given(st.sampled_from(sorted(KINDS.values())), st.integers(1, 400), st.integers(1, ISSUES_MAX))
def test_what_is_printed_is_read_back(kind: str, nth: int, issue: int) -> None:
    number = Number(kind, Label(LABEL), nth, issue)  # type: ignore[arg-type]  # drawn from the kinds
    assert parse_number(str(number)) == number


def test_the_second_medium_has_its_own_number_and_the_first_has_none() -> None:
    assert str(Number("destruction", Label(LABEL))) == f"D-{GROUPED}"
    assert str(Number("destruction", Label(LABEL), 2)) == f"D-{GROUPED}-2"
    assert str(Number("tracking", Label(LABEL))) == f"T-{GROUPED}"


def test_a_replacement_has_the_next_number_whichever_medium_it_is_about() -> None:
    second = Number("destruction", Label(LABEL), 2)
    assert str(second.following) == f"D-{GROUPED}-2-R2"
    assert str(second.following.following) == f"D-{GROUPED}-2-R3"
    assert second.following.first == second
    assert parse_number(f"d{LABEL.lower()}2r2") == second.following


def test_a_lots_number_follows_from_its_stream_and_can_be_typed() -> None:
    streams = [uuid7() for _ in range(200)]
    numbers = [lot_number(stream) for stream in streams]
    assert numbers == [lot_number(stream) for stream in streams]
    assert len(set(numbers)) == len(streams)
    assert [parse_number(str(number)) for number in numbers] == numbers
    assert any(lot_number(streams[0], further) != numbers[0] for further in range(1, 30))  # few are alike
