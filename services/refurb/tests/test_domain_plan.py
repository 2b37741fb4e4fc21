"""The plan of an engagement: what may stand, what is refused with a sentence, and that a history gives the last one."""

import pytest

from services.refurb.domain import plan
from services.refurb.domain.plan import STANDARD, STEPS_MAX, WORD_MAX, Plan, fold
from shared.events.refurb import PlanStep
from shared.ids import uuid7
from shared.refused import Refused

JOB = uuid7()
MEMORY = PlanStep(code="memory", ja="メモリ増設", en="Memory added")
SSD, OS, CLEANING, SUPPORT = STANDARD


def own(code: str = "memory", ja: str = "メモリ増設", en: str = "Memory added") -> PlanStep:
    return PlanStep(code=code, ja=ja, en=en)


def test_the_pilots_steps_stand_until_something_is_said_and_then_the_last() -> None:
    first = Plan(JOB).set([SSD, MEMORY, OS])
    second = fold(JOB, [first]).set([SSD, OS])
    assert fold(JOB, []).steps == STANDARD
    assert fold(JOB, [first]).steps == (SSD, MEMORY, OS)
    assert fold(JOB, [first, second]).steps == (SSD, OS)


def test_a_known_step_keeps_its_words() -> None:
    assert Plan(JOB).set([own("os", "別の名前", "Another name")]).steps == (OS,)


@pytest.mark.parametrize(
    ("steps", "code"),
    [
        ([], "bad-plan"),
        ([own(f"own-{nth}") for nth in range(STEPS_MAX + 1)], "bad-plan"),
        ([SSD, SSD], "bad-plan"),
        ([plan.DELIVERY], "bad-plan"),
        ([OS, SSD], "bad-plan"),
        ([own("Memory")], "bad-plan"),
        ([own("a b")], "bad-plan"),
        ([own(ja=" ")], "bad-plan"),
        ([own(en="x" * (WORD_MAX + 1))], "bad-plan"),
        (list(STANDARD), "plan-stands"),
    ],
)
def test_what_cannot_be_a_plan_is_refused_with_what_to_do(steps: list[PlanStep], code: str) -> None:
    with pytest.raises(Refused) as no:
        Plan(JOB).set(steps)
    assert no.value.code == code
    assert no.value.ja.endswith("。")
    assert no.value.en.endswith(".")
