import json
from datetime import UTC, date, datetime
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from services.certificates.document import inputs, jcs, words
from services.certificates.document.inputs import Input
from services.certificates.tests import sample


@pytest.mark.parametrize("given_", [sample.destruction(), sample.erasure(), sample.tracking(), sample.lot()])
def test_the_canonical_bytes_survive_storage(given_: Input) -> None:
    stored = inputs.canonical(given_)
    again = type(given_).model_validate_json(stored)
    assert again == given_
    assert inputs.canonical(again) == stored


def test_any_changed_field_changes_the_hash() -> None:
    first = sha256(inputs.canonical(sample.destruction())).digest()
    assert sha256(inputs.canonical(sample.destruction(serial="TS9K0A114C72"))).digest() != first
    assert sha256(inputs.canonical(sample.destruction(tool=None))).digest() != first


def test_an_input_refuses_what_it_does_not_know_and_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        sample.destruction(seriel="typing error")
    with pytest.raises(ValidationError):
        sample.destruction(photos=())
    with pytest.raises(ValidationError):
        sample.destruction(treated_at=datetime(2021, 9, 28, 11, 24))  # noqa: DTZ001  # without a zone, on purpose
    with pytest.raises(ValidationError):
        sample.destruction().serial = "other"  # type: ignore[misc]  # frozen, on purpose


def test_canonical_json_is_the_one_of_rfc_8785() -> None:
    given_ = {"\u20ac": "Euro", "\r": "CR", "1": "One", "\U0001f600": "Smile", "\u00f6": "ö", "\ufb33": "Dalet"}
    assert list(json.loads(jcs.canonical(given_))) == ["\r", "1", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    assert jcs.canonical({"a": '\u000f\n"\\/', "b": [True, None, 1]}) == b'{"a":"\\u000f\\n\\"\\\\/","b":[true,null,1]}'
    for unsafe in [1.5, 2**53]:
        with pytest.raises(ValueError, match="canonical"):
            jcs.canonical({"n": unsafe})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(st.characters(codec="utf-8")),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(st.characters(codec="utf-8")), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(JSON)
def test_canonical_json_means_the_same(value: object) -> None:
    assert json.loads(jcs.canonical(value)) == value


@pytest.mark.parametrize(
    ("day", "said"),
    [
        (date(2021, 9, 30), "令和3年9月30日（木）"),
        (date(2019, 5, 1), "令和元年5月1日（水）"),
        (date(2019, 4, 30), "平成31年4月30日（火）"),
        (date(1989, 1, 7), "昭和64年1月7日（土）"),
    ],
)
def test_days_are_written_in_the_japanese_calendar(day: date, said: str) -> None:
    assert words.wareki(day) == said


def test_moments_are_written_in_japans_time() -> None:
    assert words.moment(datetime(2021, 9, 30, 15, 30, tzinfo=UTC))["iso"] == "2021-10-01 00:30"
    assert words.rfc3339(datetime(2021, 9, 30, 15, 30, tzinfo=UTC)) == "2021-09-30T15:30:00Z"


def test_every_word_of_the_events_has_japanese() -> None:
    assert words.label("NA74QKCHQ") == "NA74-QKCH-Q"
    assert all(
        ja and en for table in (words.METHODS, words.STEPS, words.ROLES, words.SHOTS) for ja, en in table.values()
    )
