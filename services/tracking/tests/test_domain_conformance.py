"""What a fact breaks, as a table: what happened in which order, and what the timeline says of it."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.tracking.domain import conformance
from services.tracking.domain.conformance import CHANGED, Code, Subject
from services.tracking.domain.custody import Seen
from services.tracking.tests.test_domain_item import CAGE, M1, M2, registered
from shared.events.tracking import Required
from shared.levels import Level

AT = datetime(2026, 11, 24, tzinfo=UTC)
CENTRE, ANOTHER = "centre-x", "centre-y"
OTHER_CAGE = UUID(int=99)

# A history is written as words, one a minute.
WORDS: dict[str, Seen] = {
    "erased": Seen("erasure.medium-erased.v1", AT, CAGE, M1, Level.PURGE),
    "cleared": Seen("erasure.medium-erased.v1", AT, CAGE, M1, Level.CLEAR),
    "taken back": Seen("erasure.erasure-failed.v1", AT, CAGE, M1, regrades=UUID(int=1000)),  # of the first word
    "disproved": Seen("erasure.erasure-verified.v1", AT, CAGE, M1, disproved=True),
    "excepted": Seen("tracking.exception-approved.v1", AT, CAGE, M1),
    "shipped": Seen("tracking.shipped-out.v1", AT, CAGE, cage=CAGE),
    "received": Seen("tracking.received.v1", AT, CAGE, party=CENTRE),
    "received elsewhere": Seen("tracking.received.v1", AT, CAGE, party=ANOTHER),
    "out of its cage": Seen("tracking.received.v1", AT, CAGE, cage=CAGE, party=CENTRE),
    "out of another": Seen("tracking.received.v1", AT, CAGE, cage=OTHER_CAGE, party=CENTRE),
    "too many": Seen("tracking.cage-opened.v1", AT, CAGE, cage=OTHER_CAGE),
    "closed": Seen("tracking.custody-closed.v1", AT, CAGE),
    "lost": Seen("tracking.loss-reported.v1", AT, CAGE),
    "found": Seen("tracking.loss-ended.v1", AT, CAGE),
    "ready": Seen("refurb.ready.v1", AT, CAGE),
    "taken": Seen("tracking.taken-over.v1", AT, CAGE),
    "less asked": Seen(
        CHANGED, AT, CAGE, required=Required(media_class=1, on_site=Level.CLEAR, assurance="both", policy_version="2")
    ),
    "paid": Seen("certificates.issued.v1", AT, CAGE),  # bears on nothing here
}


def subject(**given: Any) -> Subject:
    return Subject.of(registered(**given))


def history(*words: str) -> list[Seen]:
    """What the words say, one a minute."""
    return [
        Seen(
            **{name: getattr(WORDS[word], name) for name in Seen.__slots__}
            | {"occurred_at": AT + timedelta(minutes=nth), "entry": UUID(int=1000 + nth)}
        )
        for nth, word in enumerate(words)
    ]


def codes(seen: Sequence[Seen], *, on_site: Level | None = Level.PURGE) -> list[Code]:
    return [one.code for one in conformance.breaches(subject(on_site=on_site), seen, CENTRE)]


@pytest.mark.parametrize(
    ("words", "wanted"),
    [
        ("erased,shipped,received", []),
        ("erased,shipped,received,received elsewhere", []),  # the earliest stands
        ("erased,received", ["not-shipped-out"]),
        ("erased,received,shipped", ["not-shipped-out"]),
        ("erased,shipped,received elsewhere", ["another-centre"]),
        ("shipped,received", ["level-not-proved"]),
        ("cleared,shipped,received", ["level-not-proved"]),
        ("less asked,cleared,shipped,received", []),
        ("cleared,shipped,less asked,received", ["level-not-proved"]),
        ("shipped,erased,received", ["level-not-proved"]),  # proved on its way is not proved on site
        ("received,erased", ["not-shipped-out", "level-not-proved"]),
        ("excepted,shipped,received", []),
        ("shipped,excepted,received", ["level-not-proved"]),
        ("erased,shipped,received,disproved", ["level-not-proved"]),  # a re-check counts back
        ("erased,shipped,received,taken back", ["level-not-proved"]),  # and so does a later table
        ("erased,disproved,erased,shipped,received", []),
        ("erased,shipped,out of its cage", []),
        ("erased,shipped,out of another", ["another-cage"]),
        ("erased,shipped,received,too many", ["another-cage"]),
        ("erased,shipped,closed,received", ["after-custody"]),
        ("erased,shipped,received,closed", []),
        ("erased,shipped,lost,received", ["while-lost"]),
        ("erased,shipped,lost,received,found", []),  # a person confirmed it
        ("erased,shipped,lost,found,received", []),
        ("erased,shipped,received,lost", []),
        ("erased,shipped,lost,found,lost,received", ["while-lost"]),
        ("ready,taken", []),
        ("taken", ["not-ready"]),
        ("taken,ready", ["not-ready"]),
        ("ready,lost,taken", ["while-lost"]),
        ("erased,shipped,paid", []),
        ("", []),
    ],
)
def test_what_a_fact_breaks_is_read_from_the_order_of_occurrence(words: str, wanted: list[str]) -> None:
    assert codes(history(*words.split(",") if words else ())) == wanted


def test_a_fact_says_its_own_entry_and_every_code_has_its_words() -> None:
    told = history("received", "taken")
    found = conformance.breaches(subject(), told, CENTRE)
    assert {one.entry for one in found if one.code != "not-ready"} == {told[0].entry}
    assert [one.entry for one in found if one.code == "not-ready"] == [told[1].entry]
    assert all(said.ja.endswith("。") and said.en.endswith(".") for said in conformance.WORDS.values())


def test_each_medium_is_to_be_proved_and_no_requirement_asks_for_nothing() -> None:
    told = history("erased", "shipped", "received")
    found = conformance.breaches(subject(media=(M1, M2)), told, CENTRE)
    assert [one.code for one in found] == ["level-not-proved"]
    assert codes(history("shipped", "received"), on_site=None) == []


def test_while_the_engagement_is_not_known_no_centre_is_the_wrong_one() -> None:
    told = history("erased", "shipped", "received elsewhere")
    assert conformance.breaches(subject(), told, None) == []


def test_of_two_things_at_one_moment_what_belongs_first_counts_as_first() -> None:
    same = [
        Seen(**{name: getattr(one, name) for name in Seen.__slots__} | {"occurred_at": AT})
        for one in history("received", "shipped", "erased", "taken", "ready")
    ]
    assert codes(same) == []


@given(
    st.lists(st.sampled_from(sorted(WORDS)), max_size=12).flatmap(lambda words: st.permutations(history(*words) * 2))
)
def test_late_doubled_and_shuffled_captures_break_the_same(told: list[Seen]) -> None:
    in_order = sorted(set(told), key=lambda one: one.occurred_at)
    once = conformance.breaches(subject(), in_order, CENTRE)
    assert conformance.breaches(subject(), told, CENTRE) == once
