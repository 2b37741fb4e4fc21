"""A device of the centre as the browser tests hold it: its screen, its scanner, its queue."""

from playwright.async_api import Browser, BrowserContext, Locator, Page

from services.erasure.tests.conftest import bearer, principal


async def scan(page: Page, text: str) -> None:
    await page.keyboard.type(text)
    await page.keyboard.press("Enter")


def waiting(page: Page) -> Locator:
    return page.locator(".mg-queue__n b").first


async def opened(chrome: Browser, screen: dict[str, int]) -> BrowserContext:
    return await chrome.new_context(
        viewport={"width": screen["width"], "height": screen["height"]},
        extra_http_headers=bearer(principal()),
        locale="ja-JP",
    )
