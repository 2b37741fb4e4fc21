"""The list of municipalities: 1,741 codes, each with a check digit that holds."""

import pytest

from services.tracking.municipalities import check_digit, municipalities, municipality
from shared.refused import Invalid


def test_every_code_of_the_list_is_six_digits_with_its_check_digit() -> None:
    known = municipalities()
    assert len(known) == 1741
    for code, one in known.items():
        assert code == one.code
        assert len(code) == 6
        assert check_digit(code[:5]) == code[5]
        assert municipality(code) is one
        assert one.prefecture.endswith(("都", "道", "府", "県"))
        assert one.name.endswith(("市", "区", "町", "村"))
        assert one.kana


def test_a_code_is_text_and_keeps_its_leading_zero() -> None:
    assert (municipality("063622").name, municipality("063622").kana) == ("最上町", "もがみまち")
    assert municipality("011002").name == "札幌市"


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("063623", "bad-code"),  # wrong check digit
        ("63622", "bad-code"),  # a spreadsheet ate the zero
        ("0636220", "bad-code"),
        ("06362a", "bad-code"),
        ("０６３６２２", "bad-code"),  # full-width
        ("", "bad-code"),
        ("999998", "bad-code"),
        ("060003", "unknown-code"),  # the prefecture itself: a right check digit, no municipality
    ],
)
def test_what_is_no_code_is_refused_with_a_sentence(code: str, why: str) -> None:
    with pytest.raises(Invalid) as refused:
        municipality(code)
    assert refused.value.code == why
    assert refused.value.ja.endswith("。")
    assert refused.value.en.endswith(".")
