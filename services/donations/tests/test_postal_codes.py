"""Postal codes by the table of Japan Post, and the answer that a page of the application gets."""

import pytest

from services.donations.postal_codes import Found, look_up
from services.donations.tests.conftest import Web
from services.donations.tests.test_api import NUMBER, an_opening

MOGAMI = "06362"


@pytest.mark.parametrize("typed", ["9996101", "999-6101", "〒９９９－６１０１", " 999 6101 "])
def test_a_code_is_read_however_it_is_typed(typed: str) -> None:
    assert look_up(typed, MOGAMI) == Found("最上郡最上町", ("向町",), is_here=True)


def test_a_code_of_another_town_of_several_places_of_none_and_of_nowhere() -> None:
    assert look_up("1000000", MOGAMI) == Found("千代田区", (), is_here=False)
    assert look_up("9996100", MOGAMI) == Found("最上郡最上町", (), is_here=True)
    several = look_up("0680546", "01209")
    assert several is not None
    assert {"南部青葉町", "南部菊水町"} <= set(several.neighbourhoods)
    for nothing in ("0000000", "999610", "99961011", "", "abcdefg", "999610１' OR 1"):
        assert look_up(nothing, MOGAMI) is None


async def test_an_application_s_page_is_told_the_beginning_of_the_address(web: Web) -> None:
    assert (await web.clerk.post("/api/donations/calls", json=an_opening())).status_code == 201
    answers = {}
    for code in ("9996101", "1000000", "9996100", "0000000"):
        answer = await web.public.get(f"/calls/{NUMBER}/postal/{code}")
        assert answer.status_code == 200
        answers[code] = answer.json()
    assert answers["9996101"] == {
        "address": "向町",
        "say": "この番号の町域は「向町」です。続けて番地を入れてください。",
    }
    assert answers["1000000"]["say"] == "千代田区の郵便番号です。町内の住所を入れてください。"
    assert {said["address"] for code, said in answers.items() if code != "9996101"} == {""}
    english = (await web.public.get(f"/calls/{NUMBER}/postal/9996101", params={"lang": "en"})).json()
    assert english["say"].startswith("This code is of 向町.")
    page = (await web.public.get(f"/calls/{NUMBER}/apply")).text
    assert f'data-url="/calls/{NUMBER}/postal/"' in page
