import time
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from stdnum.iso7064 import mod_37_36

from shared import ids
from shared.ids import ALPHABET, BadLabel, Label


def test_a_uuid7_carries_the_time_and_its_version() -> None:
    before = time.time_ns() // 1_000_000
    made = ids.uuid7()
    assert before <= ids.milliseconds(made) <= time.time_ns() // 1_000_000
    assert (made.version, made.variant) == (7, "specified in RFC 4122")
    assert len({ids.uuid7() for _ in range(1000)}) == 1000


@given(st.uuids(version=4), st.text(max_size=50), st.text(max_size=50))
def test_a_derived_stream_is_the_same_always_and_lies_in_its_parents_partition(
    parent: UUID, one: str, other: str
) -> None:
    made = ids.derived(parent, one)
    assert made == ids.derived(parent, one)
    assert ids.milliseconds(made) == ids.milliseconds(parent)
    assert (made == ids.derived(parent, other)) is (one == other)


def test_every_drawn_label_is_read_back_from_every_way_it_may_be_typed() -> None:
    for _ in range(300):
        label, token = ids.new_label(), ids.new_token()
        grouped = f"{label[:4]}-{label[4:8]}-{label[8:]}"
        url = ids.qr_url("https://meguru.example", label, token)
        assert url == url.upper()
        assert ids.parse_label(label.lower()) == Label(label)
        assert ids.parse_label(f"  {grouped} ") == Label(label)
        assert ids.parse_label(url) == Label(label, token)
        assert ids.parse_label(url.lower()) == Label(label, token)
        assert str(Label(label)) == grouped


def test_every_single_substitution_and_nearly_every_transposition_is_caught() -> None:
    label = "7K3D9Q2M"
    label += mod_37_36.calc_check_digit(label)
    caught = tried = 0
    for at in range(len(label)):
        for other in ALPHABET:
            if other != label[at]:
                tried += 1
                with pytest.raises(BadLabel):
                    ids.parse_label(label[:at] + other + label[at + 1 :])
                caught += 1
    assert caught == tried == 9 * 31


@pytest.mark.parametrize("text", ["", "7K3D", "7K3D-9Q2M", "x" * 5000, "HTTPS://HOST/T/", "日本語のラベル"])
def test_what_is_no_label_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(BadLabel, match=r"。$"):
        ids.parse_label(text)


@given(st.text(max_size=300))
def test_whatever_is_scanned_it_is_a_label_or_refused(text: str) -> None:
    try:
        label = ids.parse_label(text)
    except BadLabel:
        return
    assert len(label.id) == ids.LABEL_LENGTH
    assert set(label.id) <= set(ALPHABET)
