"""The pages in a browser: applying by keyboard, axe and outside requests 0 on every page, in both languages."""

from typing import Any

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
        for text in ("向町一区", "見本 太郎", "大字向町644", "0233-43-2261", ""):
            await page.keyboard.press("Tab")
            await page.keyboard.type(text)
        await page.keyboard.press("Enter")
        await page.wait_for_selector('input[name="units"]')
        assert await axe_violations(page) == []
        for name in ("uses", "network", "consent"):
            await page.focus(f'input[name="{name}"]')
            await page.keyboard.press("Space")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await page.wait_for_url("**/calls/receipt")
        assert "063622-0001" in await page.inner_text("main")
        assert await axe_violations(page) == []
        assert (visits.outside, visits.consoles) == ([], [])


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
