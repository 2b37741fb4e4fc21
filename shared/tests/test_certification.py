from typing import get_args

import pytest

from shared.certification import PAPERS, earns_erasure, paper
from shared.events.tracking import Assurance, Required
from shared.levels import Level

ASSURANCES: tuple[Assurance, ...] = get_args(Assurance)
CERTIFIED: Assurance = "onsite_erase_plus_certificate"


def asked(on_site: Level | None, at_centre: Level | None, assurance: Assurance) -> Required:
    return Required(media_class=2, on_site=on_site, at_centre=at_centre, assurance=assurance, policy_version="1")


@pytest.mark.parametrize(
    ("on_site", "at_centre", "assurance", "reached", "kind"),
    [
        (Level.CLEAR, Level.DESTROY, CERTIFIED, None, "destruction"),  # (1) of the guideline
        (Level.CLEAR, Level.DESTROY, "witnessed", Level.PURGE, "destruction"),
        (Level.CLEAR, Level.PURGE, CERTIFIED, Level.PURGE, "erasure"),  # (2)
        (Level.CLEAR, Level.PURGE, "both", Level.CLEAR, "erasure"),
        (Level.CLEAR, Level.PURGE, CERTIFIED, Level.DESTROY, "destruction"),  # (2), treated more strictly
        (Level.CLEAR, Level.PURGE, "witnessed", Level.PURGE, None),
        (Level.CLEAR, None, "witnessed", Level.CLEAR, None),  # (3)
        (Level.CLEAR, None, "both", Level.CLEAR, "erasure"),  # (3) of a town that asks for more
        (None, None, CERTIFIED, None, None),
    ],
)
def test_the_paper_follows_from_the_last_level_and_the_assurance(
    on_site: Level | None, at_centre: Level | None, assurance: Assurance, reached: Level | None, kind: str | None
) -> None:
    assert paper(asked(on_site, at_centre, assurance), reached) == kind


def test_every_level_and_assurance_has_a_row() -> None:
    assert PAPERS.keys() == {(level, assurance) for level in (None, *Level) for assurance in ASSURANCES}


def test_an_erasure_earns_its_paper_at_the_last_level_asked_and_above() -> None:
    required = asked(Level.CLEAR, Level.PURGE, CERTIFIED)
    assert [earns_erasure(required, level) for level in Level] == [False, True, True]
    assert not earns_erasure(asked(Level.CLEAR, Level.DESTROY, CERTIFIED), Level.PURGE)
