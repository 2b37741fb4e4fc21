"""The figures: counted, and reckoned as their formula says."""

from hypothesis import given
from hypothesis import strategies as st

from services.refurb.domain import figures
from services.refurb.domain.figures import FACTORS, Reuse

COUNTS = st.dictionaries(st.sampled_from(["notebook", "desktop", "loose-drive"]), st.integers(0, 5000))


def test_the_pilots_reuse_rate_is_forty_eight_of_a_hundred_and_sixty() -> None:
    assert Reuse(48, 112).rate == 0.3
    assert Reuse(0, 0).rate is None


@given(COUNTS, COUNTS)
def test_a_rate_lies_between_none_and_all(reborn: dict[str, int], material: dict[str, int]) -> None:
    for kind, one in figures.reuse(reborn, material).items():
        assert one.reborn + one.material == reborn.get(kind, 0) + material.get(kind, 0)
        assert one.rate is None or 0 <= one.rate <= 1


@given(COUNTS)
def test_what_is_avoided_is_units_times_factor_and_says_whose_factor(in_use: dict[str, int]) -> None:
    found = figures.avoided(in_use)  # type: ignore[arg-type]  # the kinds of items
    assert found.keys() == in_use.keys() & FACTORS.keys()
    for kind, one in found.items():
        assert one.kg == in_use[kind] * FACTORS[kind].kg
        assert one.factor.ja
        assert one.factor.en
