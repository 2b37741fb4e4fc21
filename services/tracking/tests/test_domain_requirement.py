"""What a job asks beyond its policy: whatever is said in whatever order, never less than before."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.tracking.domain import item, requirement
from services.tracking.domain.requirement import Raised
from services.tracking.tests.test_domain_item import CAGE, HISTORIES, ITEM, registered
from shared.events.tracking import Assurance, Required, RequirementChanged, RequirementRaised
from shared.levels import Level, at_least
from shared.refused import Invalid

LEVELS = st.sampled_from([None, *Level])
ASSURANCES: st.SearchStrategy[Assurance] = st.sampled_from(["witnessed", "onsite_erase_plus_certificate", "both"])
RULES = st.builds(Raised, LEVELS, LEVELS, st.sampled_from([None, "both"]), st.just("議会の決議"))
ASKED = st.builds(
    Required,
    media_class=st.just(2),
    on_site=LEVELS,
    at_centre=LEVELS,
    assurance=ASSURANCES,
    policy_version=st.just("1"),
    raised=st.none(),
)


@given(ASKED, st.lists(RULES, max_size=6), st.booleans())
def test_nothing_that_is_said_of_a_job_ever_asks_less(asked: Required, rules: list[Raised], left: bool) -> None:
    said: list[RequirementRaised] = []
    now = asked
    for rule in rules:
        before = requirement.fold(said)
        try:
            said.append(requirement.raise_(CAGE, before, rule))
        except Invalid:
            continue
        after = rule.of(now, left=left)
        assert at_least(after.on_site, now.on_site)
        assert at_least(after.at_centre, now.at_centre)
        assert after.assurance in (now.assurance, "both")
        assert left is False or after.on_site == now.on_site, "what has left is asked nothing more at the town hall"
        assert (after == now) or after.raised == "議会の決議"
        assert (after.media_class, after.policy_version) == (now.media_class, now.policy_version)
        now = after
    assert requirement.fold(said).of(asked, left=left) == now, "what comes later is asked what all are asked"


@pytest.mark.parametrize(
    ("before", "asked", "code", "field"),
    [
        (Raised(), Raised(), "nothing-raised", "on_site"),
        (Raised(Level.PURGE), Raised(Level.PURGE, reason="x"), "nothing-raised", "on_site"),
        (Raised(Level.PURGE), Raised(Level.CLEAR), "looser-than-before", "on_site"),
        (Raised(Level.PURGE), Raised(None, Level.DESTROY), "looser-than-before", "on_site"),
        (Raised(None, Level.DESTROY), Raised(None, Level.PURGE), "looser-than-before", "at_centre"),
        (Raised(assurance="both"), Raised(Level.PURGE), "looser-than-before", "assurance"),
        (Raised(), Raised(assurance="witnessed"), "not-stricter", "assurance"),
    ],
)
def test_a_rule_that_asks_less_or_nothing_is_refused_at_its_field(
    before: Raised, asked: Raised, code: str, field: str
) -> None:
    with pytest.raises(Invalid) as refused:
        requirement.raise_(CAGE, before, asked)
    assert (refused.value.code, refused.value.detail) == (code, {"field": field})


@pytest.mark.parametrize("history", ["registered", "shipped", "received", "candidate"])
def test_a_registered_item_is_asked_more_and_what_has_left_only_at_the_centre(history: str) -> None:
    known = item.fold(HISTORIES[history])
    change = Raised(Level.DESTROY, None, None, "議会の決議").change(known, closed=False)
    if history == "registered":
        assert isinstance(change, RequirementChanged)
        assert (change.item, change.required.on_site, change.required.raised) == (ITEM, Level.DESTROY, "議会の決議")
        assert item.fold([*HISTORIES[history], change]).registered.required.on_site is Level.DESTROY
    else:
        assert change is None
    assert Raised(Level.DESTROY).change(known, closed=True) is None
    bare = item.fold([registered(media=())])
    assert Raised(Level.DESTROY).change(bare, closed=False) is None, "nothing is asked of what has no media"
