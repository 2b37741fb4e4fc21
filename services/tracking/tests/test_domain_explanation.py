"""Who may explain which flag: a table."""

from uuid import UUID

import pytest

from services.tracking.domain.conformance import WORDS, Breach, Code
from services.tracking.domain.explanation import BY_TWO, explain
from shared.refused import Invalid, Refused

ITEM, FACT, OTHER = (UUID(int=n) for n in range(3))


def said(code: Code, *, by: str = "clerk", recorder: str = "worker", second: str | None = None) -> str:
    """What the rules say: the second person of the event, or the code of the refusal."""
    standing = [Breach(FACT, code)]
    try:
        event = explain(ITEM, standing[0], standing, reason="控え", by=by, recorder=recorder, second=second)
    except Refused as refusal:
        return refusal.code
    assert (event.fact, event.code, event.reason) == (FACT, code, "控え")
    return event.second or "alone"


@pytest.mark.parametrize("code", WORDS)
def test_where_data_may_have_gone_astray_two_people_look(code: Code) -> None:
    assert said(code) == ("second-needed" if code in BY_TWO else "alone")
    assert said(code, second="boss") == "boss"
    assert said(code, second="clerk") == "two-persons"


def test_nobody_explains_their_own_record_alone() -> None:
    assert said("not-ready", recorder="clerk") == "second-needed"
    assert said("not-ready", recorder="clerk", second="boss") == "boss"


def test_what_breaks_nothing_is_not_explained() -> None:
    for breach in (Breach(OTHER, "not-ready"), Breach(FACT, "after-custody")):
        with pytest.raises(Refused) as refused:
            explain(ITEM, breach, [Breach(FACT, "not-ready")], reason="x", by="a", recorder="b", second=None)
        assert refused.value.code == "no-breach"
        assert not isinstance(refused.value, Invalid)
