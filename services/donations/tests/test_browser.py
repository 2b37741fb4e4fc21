"""The pages in a browser: applying by keyboard, axe and outside requests 0 on every page, in both languages."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from services.donations.app import app
from services.donations.tests.conftest import Web, prepare_stock
from services.donations.tests.test_api import CALL, NUMBER, an_application, asked, opened, post
from shared.browser import DESK, PHONE, WHY_SKIPPED, Visits, axe_violations, chromium, launch, serving
from shared.testing import Service

pytestmark = [
    pytest.mark.timeout(300),  # axe takes its time where two cores are shared
    pytest.mark.browser,
    pytest.mark.skipif(chromium() is None, reason=WHY_SKIPPED),
]


@pytest.fixture(autouse=True)
def same_origin(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the pages' own origin be the address they are served at."""
    for middleware in app.user_middleware:
        if "origin" in middleware.kwargs:
            monkeypatch.setitem(middleware.kwargs, "origin", None)
    monkeypatch.setattr(app, "middleware_stack", None)


async def test_a_citizen_applies_on_a_phone_by_keyboard_alone(web: Web) -> None:
    await opened(web)
    async with serving(app) as address, launch() as browser:
        context = await browser.new_context(viewport=PHONE, locale="ja-JP")  # type: ignore[arg-type]  # a plain dict
        visits, page = Visits.of(context), await context.new_page()
        await page.goto(f"{address}/calls/{NUMBER}/apply")
        await page.focus('input[name="category"]')
        await page.keyboard.press("Space")
        for text in ("向町一区", "見本 太郎", "999-6101"):
            await page.keyboard.press("Tab")
            await page.keyboard.type(text)
        await page.wait_for_function("document.getElementById('address').value === '向町'")
        assert await axe_violations(page) == []
        for text in ("644", "0233-43-2261", ""):
            await page.keyboard.press("Tab")
            await page.keyboard.type(text)
        await page.keyboard.press("Enter")
        await page.wait_for_selector('input[name="units"]')
        assert await axe_violations(page) == []
        assert await page.input_value('input[name="address"]') == "向町644"
        for name in ("uses", "network", "consent"):
            await page.focus(f'input[name="{name}"]')
            await page.keyboard.press("Space")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/calls/receipt")
        assert "063622-0001" in await page.inner_text("main")
        assert await axe_violations(page) == []
        assert (visits.outside, visits.consoles) == ([], [])


async def test_a_postal_code_writes_over_nothing_that_was_typed(web: Web) -> None:
    await opened(web)
    async with serving(app) as address, launch() as browser:
        page = await browser.new_page(locale="ja-JP")
        await page.goto(f"{address}/calls/{NUMBER}/apply")
        said = page.locator("#postal-said")
        for code, say, kept in (
            ("9996101", "「向町」", "向町"),
            ("9996212", "「志茂」", "志茂"),
            ("1000000", "千代田区", "志茂"),
            ("0000000", "見つかりません", "志茂"),
        ):
            await page.fill("#postal", code)
            await said.filter(has_text=say).wait_for()
            assert await page.input_value("#address") == kept
        await page.click("#address")
        await page.keyboard.press("Control+A")
        await page.keyboard.type("大字向町644")
        await page.fill("#postal", "9996212")
        await said.filter(has_text="「志茂」").wait_for()
        assert await page.input_value("#address") == "大字向町644"


async def test_every_page_is_clean_in_both_languages(made: Service, web: Web) -> None:
    await prepare_stock(made, 4)
    await opened(web)
    await web.public.post(f"{CALL}/applications", json=an_application())
    token = web.clerk.headers["authorization"]
    async with serving(app) as address, launch() as browser:
        public = await browser.new_context(viewport=DESK)  # type: ignore[arg-type]  # a plain dict
        clerk = await browser.new_context(viewport=DESK, extra_http_headers={"authorization": token})  # type: ignore[arg-type]  # a plain dict
        visits = [Visits.of(public), Visits.of(clerk)]
        paths = ("/calls", "/calls/receipt", f"/calls/{NUMBER}", f"/calls/{NUMBER}/apply", "/donations")
        desks = ("/donations/calls", f"/donations/calls/{NUMBER}", f"/donations/calls/{NUMBER}?slip=063622-0001")
        found = await _look(public, address, paths) + await _look(clerk, address, desks)
        for step in ("close", "settle"):
            await post(web.clerk, f"{CALL}/{step}")
            found += await _look(clerk, address, desks[1:2])
        await post(web.clerk, f"{CALL}/applications/063622-0001/hand-over")
        told = asked(uses=["総会資料"], difficulty=None)
        await web.clerk.post(f"{CALL}/applications/063622-0001/usage", json=told)
        found += await _look(public, address, (f"/calls/{NUMBER}", "/donations"))
        found += await _look(clerk, address, desks[1:2])
        assert found == [], "\n".join(found)
        assert [(each.outside, each.consoles) for each in visits] == [([], []), ([], [])]


async def _look(context: Any, address: str, paths: tuple[str, ...]) -> list[str]:
    page, found = await context.new_page(), []
    for path in paths:
        for lang in ("ja", "en"):
            await page.goto(f"{address}{path}{'&' if '?' in path else '?'}lang={lang}")
            assert await page.inner_text("h1")
            if lang == "ja":  # the same markup in both languages
                found += [f"{path}: {each}" for each in await axe_violations(page)]
    await page.close()
    return found


async def test_the_desk_of_each_rule_and_an_applicants_own_pages_are_clean_on_desk_and_phone(
    made: Service, web: Web
) -> None:
    await prepare_stock(made, 1)
    criteria = [{"code": "need", "name": "必要性", "points_max": 5}]
    lottery = "063622-2026-2"
    await opened(web, rule="review", criteria=criteria, units=1)
    await opened(web, rule="lottery", number=lottery)
    for n in range(2):
        body = an_application(group=f"団体{n}", phone=f"0233-43-000{n}")
        slip = (await web.public.post(f"{CALL}/applications", json=body)).json()
        await web.public.post(f"/api/donations/calls/{lottery}/applications", json=body | asked())
    found: list[str] = []
    async with serving(app) as address, launch() as browser:
        clerk = await browser.new_context(extra_http_headers={"authorization": web.clerk.headers["authorization"]})
        second = web.as_("clerk-2", "town-063622", "clerk").headers["authorization"]
        other = await browser.new_context(extra_http_headers={"authorization": second})
        public = await browser.new_context()
        visits = [Visits.of(each) for each in (clerk, other, public)]
        own = await public.new_page()
        await own.goto(address + urlsplit(slip["link"]).path)
        assert "063622-0003" in await own.inner_text("main")
        for path in ("/calls/receipt", "/calls/receipt/correct"):
            found += await _both(own, f"{address}{path}", "own")
        assert (
            await own.locator("main form input:visible, main form textarea").count() - 2 == 9
        )  # one radio of three; a postal code
        await own.goto(f"{address}/calls/receipt")
        await own.check('input[name="confirm"]')
        await own.click('form[action$="/withdraw"] button')  # two actions from the receipt
        await own.wait_for_url("**/calls/receipt")
        assert "取り下げました" in await own.inner_text("h1")
        for number in (NUMBER, lottery):
            await post(web.clerk, f"/api/donations/calls/{number}/close")
            found += await _both(await clerk.new_page(), f"{address}/donations/calls/{number}", "closed")
        marks = [{"receipt": "063622-0001", "points": {"need": 4}, "reason": "集会所で使う"}]
        await post(web.clerk, f"{CALL}/review", marks=marks)
        desk = await other.new_page()
        found += await _both(desk, f"{address}/donations/calls/{NUMBER}", "marked")
        await desk.check('form[action$="/confirm"] input[name="confirm"]')
        await desk.click('form[action$="/confirm"] button')
        await desk.wait_for_url(f"**/donations/calls/{NUMBER}")
        await post(web.clerk, f"{CALL}/settle")
        found += await _both(desk, f"{address}/donations/calls/{NUMBER}", "settled")
        for path in ("/donations", f"/calls/{NUMBER}", f"/calls/{lottery}", "/calls"):
            found += await _both(own, f"{address}{path}", "public")
        found += await _both(desk, f"{address}/donations/calls", "own")
        assert found == [], "\n".join(found)
        assert [(each.outside, each.consoles) for each in visits] == [([], [])] * 3


async def test_what_comes_after_the_allocation_is_clean_and_a_use_is_reported_in_three_actions(
    made: Service, web: Web
) -> None:
    await prepare_stock(made, 1)
    await opened(web)
    slip = (await web.public.post(f"{CALL}/applications", json=an_application())).json()
    for step in ("close", "settle"):
        await post(web.clerk, f"{CALL}/{step}")
    desk_of = f"donations/calls/{NUMBER}"
    async with serving(app) as address, launch() as browser:
        clerk = await browser.new_context(extra_http_headers={"authorization": web.clerk.headers["authorization"]})
        public = await browser.new_context(viewport=PHONE)  # type: ignore[arg-type]  # a plain dict
        visits, desk = [Visits.of(each) for each in (clerk, public)], await clerk.new_page()
        counter = f"{address}/{desk_of}/applications/063622-0001/hand-over"
        found = await _both(desk, counter, "counter")
        await desk.fill('textarea[name="labels"]', "D00000001")  # no label of ours: the check character is missing
        await desk.check('input[name="confirm"]')
        await desk.click("main form button")
        assert "最後の文字が合いません" in await desk.inner_text("#labels-e")
        await post(web.clerk, f"{CALL}/applications/063622-0001/hand-over")
        told: dict[str, Any] = {"uses": ["circulars"], "note": "集会の資料を作っています", "consent": True}
        await post(web.public, "/api/donations/receipts/063622-0001/usage", **told, passphrase=slip["passphrase"])
        [[report]] = await made.rows("SELECT report FROM usage_notes")
        await web.clerk.post(f"/{desk_of}/uses/{report}", data={"show": "1"})

        page = await public.new_page()
        await page.goto(address + urlsplit(slip["link"]).path)  # one: the private link
        await page.check('input[name="uses"][value="meetings"]')  # two: a tap
        await page.click('form[action$="/usage"] > p button')  # three
        await page.wait_for_url("**/calls/receipt")
        assert len(await made.rows("SELECT 1 FROM usage_reports")) == 2

        for path in ("calls/receipt", "donations/cases", "donations"):
            found += await _both(page, f"{address}/{path}", "uses")
        theirs = (f"{desk_of}/uses", f"{desk_of}/letters", f"{desk_of}/applications/063622-0001/personal")
        for path in (*theirs, "donations/personal", "donations/register"):
            found += await _both(desk, f"{address}/{path}", "clerk")
        assert found == [], "\n".join(found)
        said = [one for each in visits for one in each.consoles if "status of 422" not in one]  # Chromium's own line
        assert ([each.outside for each in visits], said) == ([[]] * 2, [])


async def _both(page: Any, address: str, what: str) -> list[str]:
    """Look at a page in both sizes and languages: axe, and nothing wider than the window."""
    found = []
    wide = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
    for lang, sizes in (("en", (PHONE,)), ("ja", (PHONE, DESK))):
        await page.goto(f"{address}?lang={lang}")
        for size in sizes:
            await page.set_viewport_size(size)
            found += [f"{what} {address} {lang}: wider than the window"] * (await page.evaluate(wide) > 0)
    return found + [f"{what} {address}: {each}" for each in await axe_violations(page)]
