import hashlib
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.erasure.domain.draw import draw

ENGAGEMENT = UUID(int=7)


@pytest.mark.parametrize(("population", "drawn"), [(0, 0), (1, 1), (20, 1), (21, 2), (160, 8), (161, 9)])
def test_five_in_a_hundred_are_drawn_and_at_least_one(population: int, drawn: int) -> None:
    result = draw(ENGAGEMENT, {UUID(int=n): UUID(int=n + 1000) for n in range(population)})
    assert (result.population, len(result.drawn)) == (population, drawn)
    assert len(set(result.drawn)) == drawn


def test_anyone_can_draw_again_from_what_is_published() -> None:
    media = {UUID(int=n): UUID(int=n + 1000) for n in (3, 1, 2)}
    lines = ["meguru-draw-1", str(ENGAGEMENT), *(str(media[UUID(int=n)]) for n in (1, 2, 3))]
    seed = hashlib.sha256(("\n".join(lines) + "\n").encode()).digest()
    first = min(media, key=lambda medium: hashlib.sha256(seed + medium.bytes).digest())
    result = draw(ENGAGEMENT, media)
    assert (result.seed, result.drawn) == (seed.hex(), (first,))


@given(st.dictionaries(st.uuids(), st.uuids(), max_size=50), st.randoms())
def test_the_order_in_which_media_are_given_changes_nothing(media: dict[UUID, UUID], chance: object) -> None:
    shuffled = list(media.items())
    chance.shuffle(shuffled)  # type: ignore[attr-defined]  # random.Random, which hypothesis does not name
    assert draw(ENGAGEMENT, dict(shuffled)) == draw(ENGAGEMENT, media)
