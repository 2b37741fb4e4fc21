"""What a consignment's weight comes to: a table of cases, and the balance for any weights."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.refurb.domain.consignment import GRAM, Balance, Consignment, consign, fold
from shared.entry import Event
from shared.events.refurb import Consigned, MaterialReported, StepDone, Weight
from shared.ids import uuid7
from shared.refused import Refused, Unknown

LABELS = ("7K3D9Q2MX", "NY6KPVM8H")
KG = st.floats(0.001, 5000).map(lambda kg: round(kg, 3))


def sent(kg: float = 20.0, tolerance: float = 0.02, labels: tuple[str, ...] = LABELS) -> Consigned:
    return consign(uuid7(), uuid7(), manifest="M-1", operator="再生金属", labels=labels, kg=kg, tolerance=tolerance)


def iron(kg: float) -> Weight:
    return Weight(material="ferrous", kg=kg)


# in | out | loss | tolerance | unexplained | holds
TABLE = """
20   | 19.5 | 0.5 | 0.02 | 0     | yes
20   | 19.5 | 0.1 | 0.02 | 0.4   | yes
20   | 19.5 | 0   | 0.02 | 0.5   | no
20   | 20.4 | 0   | 0.02 | -0.4  | yes
20   | 20.5 | 0   | 0.02 | -0.5  | no
20   | 20   | 0   | 0    | 0     | yes
20   | 19.9 | 0   | 0    | 0.1   | no
0.3  | 0.1  | 0.2 | 0    | 0     | yes
"""


@pytest.mark.parametrize("row", TABLE.strip().splitlines())
def test_what_neither_comes_out_nor_is_said_to_be_lost_is_measured_against_what_was_agreed(row: str) -> None:
    into, out, loss, tolerance, unexplained, holds = (cell.strip() for cell in row.split("|"))
    known = Consignment(sent(float(into), float(tolerance)))
    assert known.balance is None
    told = known.tell([iron(float(out))], float(loss), None, None)
    balance = fold([known.sent, told]).balance
    assert balance is not None
    assert (balance.unexplained, balance.holds) == (float(unexplained), holds == "yes")


@given(KG, KG, KG, st.floats(0, 0.2))
def test_in_is_always_out_and_loss_and_the_unexplained(into: float, out: float, loss: float, tolerance: float) -> None:
    balance = Balance(into, out, loss, tolerance)
    assert abs(balance.out + balance.loss + balance.unexplained - balance.into) < GRAM
    assert balance.holds or balance.share > tolerance
    assert not balance.holds or balance.share <= tolerance + GRAM / into


def test_a_second_report_needs_its_reason_and_stands_for_the_first_which_stays() -> None:
    known = sent()
    first = Consignment(known).tell([iron(10)], 0, None, "さいしょ")
    assert first.reason is None
    with pytest.raises(Refused) as no:
        fold([known, first]).tell([iron(19.8)], 0.2, None, None)
    assert no.value.code == "report-stands"
    second = fold([known, first]).tell([iron(19.8)], 0.2, None, "計量の誤り")
    after = fold([known, first, second])
    assert (after.report, after.reports) == (second, 2)
    assert second.reason == "計量の誤り"


@pytest.mark.parametrize(
    ("weights", "code"),
    [
        ([iron(1), iron(2)], "material-twice"),
        ([iron(200.1)], "too-heavy"),
        ([iron(float("inf"))], "too-heavy"),
    ],
)
def test_a_report_that_cannot_be_is_refused(weights: list[Weight], code: str) -> None:
    with pytest.raises(Refused) as no:
        Consignment(sent()).tell(weights, 0, None, None)
    assert no.value.code == code


@pytest.mark.parametrize(
    ("labels", "kg", "code"), [(LABELS + LABELS[:1], 20, "chassis-twice"), (LABELS, 200.5, "too-heavy")]
)
def test_a_hand_over_that_cannot_be_is_refused(labels: tuple[str, ...], kg: float, code: str) -> None:
    with pytest.raises(Refused) as no:
        sent(kg, labels=labels)
    assert no.value.code == code


def test_a_foreign_event_is_an_error_and_an_empty_history_is_unknown() -> None:
    known = sent()
    foreign: Event = StepDone(item=uuid7(), step="os")
    told = MaterialReported(consignment=known.consignment, weights=(iron(1),), loss_kg=0)
    for history in ([known, foreign], [known, known], [told]):
        with pytest.raises(ValueError, match="no event of a consignment"):
            fold(history)
    with pytest.raises(Unknown):
        fold([])
