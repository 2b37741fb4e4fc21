"""Somebody's hands on a page, and how often they do something: a tap, a scan, a field typed into, a file chosen."""

from dataclasses import dataclass

from playwright.async_api import Locator, Page


@dataclass
class Hands:
    """What a flow costs whoever goes through it."""

    page: Page
    actions: int = 0

    async def tap(self, what: Locator) -> None:
        """Click a link or a button."""
        self.actions += 1
        await what.click()

    async def choose_file(self, what: Locator, name: str, kind: str, content: bytes) -> None:
        """Give a file to a field."""
        self.actions += 1
        await what.set_input_files({"name": name, "mimeType": kind, "buffer": content})

    async def type(self, what: Locator, text: str) -> None:
        """Fill one field by hand."""
        self.actions += 1
        await what.fill(text)

    async def scan(self, text: str) -> None:
        """Scan what is counted: a seal, a label to bind, a number."""
        self.actions += 1
        await wedge(self.page, text)


async def wedge(page: Page, text: str) -> None:
    """Type as a wedge scanner does: into whatever has the focus, with Enter at the end."""
    await page.keyboard.type(text)
    await page.keyboard.press("Enter")
