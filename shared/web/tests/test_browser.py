import pytest
from playwright.async_api import Browser, expect

from shared.browser import DESK, PHONE, Visits, axe_violations, serving, unfocused
from shared.web.gallery import gallery

pytestmark = pytest.mark.browser
PAGES = ("/", "/capture", "/sheet", "/signin", "/apply", "/refused")


@pytest.mark.parametrize("screen", [PHONE, DESK], ids=["phone", "desk"])
async def test_every_page_is_accessible_and_asks_nobody_outside(chrome: Browser, screen: dict[str, int]) -> None:
    found: dict[str, object] = {}
    async with serving(gallery()) as address:
        context = await chrome.new_context(viewport={"width": screen["width"], "height": screen["height"]})
        visits, page = Visits.of(context), await context.new_page()
        for path in PAGES:
            for lang in ("ja", "en"):
                await page.goto(f"{address}{path}?lang={lang}")
                wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
                if (faults := await axe_violations(page)) or wide > 0:
                    found[f"{path} {lang}"] = (faults, wide)
        await context.close()
    assert found == {}
    assert visits.outside == []
    assert len(visits.inside) > len(PAGES)
    assert [said for said in visits.consoles if "409" not in said] == []


async def test_a_request_outside_would_be_noticed(chrome: Browser) -> None:
    context = await chrome.new_context()
    visits, page = Visits.of(context), await context.new_page()
    await page.route("**/*", lambda route: route.abort())
    await page.set_content('<img src="http://outside.invalid/x.png">')
    assert visits.outside == ["http://outside.invalid/x.png"]
    await context.close()


async def test_focus_is_seen_wherever_tab_goes(chrome: Browser) -> None:
    async with serving(gallery()) as address:
        context = await chrome.new_context()
        page = await context.new_page()
        for path in PAGES:
            await page.goto(address + path)
            assert await unfocused(page) == [], path
        await page.set_content('<style>a:focus{outline:none}</style><a href="#x">x</a>')
        assert len(await unfocused(page)) == 1
        await context.close()


async def test_the_keyboard_alone_sends_a_form_and_comes_to_its_errors(chrome: Browser) -> None:
    async with serving(gallery()) as address:
        context = await chrome.new_context(locale="ja-JP")
        page = await context.new_page()
        await page.goto(f"{address}/apply")
        await page.locator("form").evaluate("form => { form.noValidate = true }")
        await page.locator("#memo").focus()
        await page.keyboard.type("メモは残ります")
        await page.locator("#org").focus()
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("alert")).to_contain_text("3か所なおしてください")
        await page.get_by_role("link", name="団体の名前").focus()
        await page.keyboard.press("Enter")
        await page.keyboard.press("Tab")
        await expect(page.locator("#memo")).to_have_value("メモは残ります")
        await expect(page.locator("#org")).to_have_attribute("aria-describedby", "org-e")
        await context.close()


async def test_pages_work_without_javascript(chrome: Browser) -> None:
    async with serving(gallery()) as address:
        context = await chrome.new_context(java_script_enabled=False, locale="ja-JP")
        page = await context.new_page()
        await page.goto(f"{address}/capture")
        await page.get_by_label("ラベルを読み取る").fill("NA74QKCHQ")
        await page.get_by_role("button", name="記録する").click()
        assert page.url.endswith("/capture?scan=NA74QKCHQ")
        await context.close()
