"""What makes two applications look like the same applicant's: a hint for the clerk, so it is generous."""

import pytest

from services.donations.domain.applicant import comparable_name, comparable_phone, is_phone


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("向町一区", "向町　１区"),
        ("髙﨑𠮷会", "高崎吉会"),
        ("渡邉󠄂クラブ", "渡辺くらぶ"),
        ("ｿﾌﾄ・クラブ", "ソフトくらぶ"),
        ("（株）ＭＯＧＡＭＩ", "(株)Mogami"),
    ],
)
def test_one_group_in_two_spellings_is_compared_as_one(one: str, other: str) -> None:
    assert comparable_name(one) == comparable_name(other)


def test_two_groups_are_not_compared_as_one() -> None:
    assert (
        len({comparable_name(name) for name in ("向町一区", "向町二区", "上町一区", "ガール会", "カール会", "☆", "♪")})
        == 7
    )


@pytest.mark.parametrize(
    "phone", ["0233-43-2261", "０２３３ー４３ー２２６１", "０２３３（４３）２２６１", "0233 43 2261"]
)
def test_a_phone_number_is_one_however_it_is_typed(phone: str) -> None:
    assert is_phone(phone)
    assert comparable_phone(phone) == "0233432261"
