"""Letters that nobody sees: a name with one never equals the name without it, and nothing that holds one is proof."""

import pytest

from services.erasure.domain.grading import grade
from services.erasure.reports.read import read
from services.erasure.reports.text import REPLACEMENT, model_of, serial_of, visible
from services.erasure.tests.capture import SAMPLES
from services.erasure.tests.reports.test_placeholder import TELL_A_DRIVE
from shared.serial import is_near

UNSEEN = (
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u180b\u180e\u200b\u200d\u2060\u2065\u2800\u3164\ufe00\ufe0f\ufeff\uffa0"
    "\U000e0100\U000e0020\u00a0\u2000\u2007\u202f\u205f\u3000\u1680\u0301\u202e\x7f\x1b"
)
SEEN = "WD-WCC 12 34|Ü2|型番9|ＭＡ１|a/b|{x}|€5|½"


@pytest.mark.parametrize("letter", UNSEEN, ids=lambda letter: f"U+{ord(letter):04X}")
@pytest.mark.parametrize("place", [0, 3, 8])
def test_a_serial_with_a_letter_that_nobody_sees_is_near_and_never_equal(letter: str, place: int) -> None:
    said = "W7K04182"[:place] + letter + "W7K04182"[place:]
    assert REPLACEMENT in serial_of(said)
    assert is_near(serial_of(said), "W7K04182")
    assert REPLACEMENT in model_of(said)
    for row in TELL_A_DRIVE:
        file, _, serial = row.partition("|")
        if serial != "W7K04182":
            continue
        content = (SAMPLES / file).read_bytes().replace(serial.encode(), said.encode())
        try:
            findings = read(content, file).findings
        except ValueError:
            continue  # a control character in XML or JSON
        assert all(grade(one).level is None for one in findings), file
        if file != "attestation.txt":  # people pad what they type; that is a claim and never proof
            assert serial not in {one.serial for one in findings}, file


@pytest.mark.parametrize("letter", UNSEEN, ids=lambda letter: f"U+{ord(letter):04X}")
def test_nor_is_a_model_with_one(letter: str) -> None:
    content = (SAMPLES / "blancco-entries.xml").read_text().replace("HB5000LM-23", f"HB5000{letter}LM-23")
    try:
        (finding,) = read(content.encode(), "x").findings
    except ValueError:
        return  # a control character in XML
    assert grade(finding).level is None
    assert "unseen-letters" in {reason.code for reason in finding.contradictions}


@pytest.mark.parametrize("said", SEEN.split("|"))
def test_what_is_seen_stays(said: str) -> None:
    assert (serial_of(said), model_of(said), visible(said, 99)) == (said, said, said)


def test_blanks_of_a_text_stay_in_words() -> None:
    assert visible("実施者\u3000山田", 99) == "実施者\u3000山田"
