"""What everybody may see: the entrance, the look-up, and nothing private in it."""

import re
from datetime import UTC, datetime, timedelta

import pytest

from services.tracking.pages import public as pages_public
from services.tracking.tests.readers import NAMES, PRIVATE, Web, World, token_of
from shared.settings import settings
from shared.support import term
from shared.testing import NOW, Service
from shared.web.wareki import tokyo_day


async def test_the_entrance_leads_each_to_their_first_page(web: Web) -> None:
    assert (await web.get("/")).headers["location"] == "/lookup"
    assert (await web.get("/", who="clerk")).headers["location"] == "/dashboard"
    assert (await web.get("/", who="operator")).headers["location"] == "/towns"


@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize("path", ["/lookup", "/log", "/keys", "/signin"])
async def test_public_pages_stand_in_both_languages(web: Web, path: str, lang: str) -> None:
    page = await web.get(path, lang=lang)
    assert page.status_code == 200
    assert f'<html lang="{lang}">' in page.text


async def test_the_bare_id_tells_step_and_date_and_the_token_the_whole_way(
    web: Web, world: World, tracking: Service
) -> None:
    label = world.rich.event.label
    bare = await web.get(f"/t/{label.lower()}")
    assert bare.status_code == 200
    assert "終了" in bare.text
    assert "SSD換装" not in bare.text
    assert "最上町の" not in bare.text
    token = await token_of(tracking, world.rich)
    whole = await web.get(f"/T/{label}/{token.lower()}")
    assert whole.status_code == 200
    for word in ("この機器のデータは粉砕され、追跡は終了しました。", "SSD", "寄贈", "最上町のデスクトップ"):
        assert word in whole.text
    last = term(tokyo_day(NOW + timedelta(days=2)), 3)
    assert last is not None
    said = "までサポートが付いています。" if tokyo_day(datetime.now(UTC)) <= last.last else "サポートは"
    assert said in whole.text


@pytest.mark.parametrize("lang", ["ja", "en"])
async def test_the_public_page_names_no_person_serial_or_department(
    web: Web, world: World, tracking: Service, lang: str
) -> None:
    token = await token_of(tracking, world.rich)
    for path in (f"/t/{world.rich.event.label}", f"/t/{world.rich.event.label}/{token}"):
        page = (await web.get(path, lang=lang)).text
        assert [word for word in PRIVATE if word in page] == []


async def test_an_unknown_id_and_a_wrong_token_answer_alike(web: Web, world: World, tracking: Service) -> None:
    token = await token_of(tracking, world.rich)
    wrong = await web.get(f"/t/{world.rich.event.label}/{token[::-1]}")
    unknown = await web.get(f"/t/NA74QKCHQ/{token}")
    assert wrong.status_code == unknown.status_code == 404
    known, other = (re.sub(r"/t/\w+/\w+", "", page.text) for page in (wrong, unknown))
    assert known == other


async def test_the_lookup_answers_up_to_ten_each_by_itself(web: Web, world: World, tracking: Service) -> None:
    label = world.rich.event.label
    token = await token_of(tracking, world.rich)
    one = await web.get(f"/lookup?id=HTTPS://X.EXAMPLE/T/{label}/{token}")
    assert one.headers["location"] == f"/t/{label}/{token}"
    assert (await web.get(f"/lookup?id={label}")).headers["location"] == f"/t/{label}"
    several = await web.get(f"/lookup?id={label}+NA74QKCHQ+12345")
    assert several.status_code == 200
    assert "この追跡IDの記録はありません" in several.text
    assert "追跡IDは9文字です" in several.text
    bad = await web.get("/lookup?id=NA74QKCHX")
    assert bad.status_code == 422
    assert "最後の文字が合いません" in bad.text
    many = await web.get("/lookup?id=" + "+".join([label] * 12))
    assert "10件までです" in many.text
    assert many.text.count(f"/t/{label}") == 10


async def test_guessing_from_one_address_is_held_down_with_a_sentence(
    web: Web, world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    from limits import RateLimitItemPerMinute

    monkeypatch.setattr(pages_public, "BARE", RateLimitItemPerMinute(2, namespace="test"))
    answers = [await web.get(f"/t/{world.bare.event.label}") for _ in range(3)]
    assert [one.status_code for one in answers] == [200, 200, 429]
    assert "短い間に多くの要求がありました" in answers[-1].text
    assert answers[-1].headers["retry-after"] == "60"


async def test_development_sign_in_lists_people_and_is_a_sentence_where_it_is_off(
    web: Web, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = await web.get("/signin")
    assert NAMES["clerk"] in page.text
    assert 'name="person" value="clerk"' in page.text
    monkeypatch.setenv("MEGURU_DEVELOPMENT_LOGIN", "false")
    settings.cache_clear()
    closed = await web.get("/signin")
    monkeypatch.undo()
    settings.cache_clear()
    assert NAMES["clerk"] not in closed.text
    assert "認証の画面" in closed.text
