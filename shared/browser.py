"""Browser tests: where Chromium is, how it starts, who is asked outside, and what axe-core finds.

The system's own Chromium is used (`apt-get install chromium fonts-morisawa-bizud-gothic`); nothing is downloaded.
"""

import asyncio
import shutil
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

import uvicorn
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, BrowserContext, CDPSession, Page, Request, async_playwright

WHY_SKIPPED = "no Chromium on this machine: apt-get install chromium fonts-morisawa-bizud-gothic"
PHONE = {"width": 390, "height": 844}
DESK = {"width": 1280, "height": 900}
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
AXE_TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_LOCAL = frozenset({"localhost", "127.0.0.1", "::1"})
_INSIDE = frozenset({"data", "blob", "about"})


def chromium() -> str | None:
    """Return the path of the system's Chromium, or None: tests then skip with WHY_SKIPPED."""
    return next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )


@asynccontextmanager
async def launch(*flags: str) -> AsyncIterator[Browser]:
    """Start Chromium for the block, with more flags than the usual ones. Raises RuntimeError where there is none."""
    path = chromium()
    if path is None:
        raise RuntimeError(WHY_SKIPPED)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=[*FLAGS, *flags])
        try:
            yield browser
        finally:
            await browser.close()


async def scanned_under_ime(keys: CDPSession, label: str) -> None:
    """Scan a label while an input method composes: its keys come as Chromium reports those that such a method took."""
    await keys.send("Input.imeSetComposition", {"text": "か", "selectionStart": 1, "selectionEnd": 1})
    taken = {"key": "Process", "windowsVirtualKeyCode": 229}
    codes = [*(f"Digit{one}" if one.isdecimal() else f"Key{one}" for one in label), "Enter"]
    pressed = [{"type": kind, "code": code, **taken} for code in codes for kind in ("rawKeyDown", "keyUp")]
    await asyncio.gather(*(keys.send("Input.dispatchKeyEvent", one) for one in pressed))


@dataclass
class Visits:
    """Records every request of a context; `outside` are those that left this machine. Zero is the rule."""

    outside: list[str] = field(default_factory=list)
    inside: list[str] = field(default_factory=list)
    consoles: list[str] = field(default_factory=list)  # errors the browser wrote, CSP violations among them

    @classmethod
    def of(cls, context: BrowserContext) -> "Visits":
        """Return a recorder that listens to `context` from now on, service workers included."""
        visits = cls()
        context.on("request", visits._note)
        context.on("console", lambda said: visits.consoles.append(said.text) if said.type == "error" else None)
        context.on("weberror", lambda said: visits.consoles.append(str(said.error)))
        return visits

    def _note(self, request: Request) -> None:
        url = urlsplit(request.url)
        home = url.scheme in _INSIDE or url.hostname in _LOCAL
        (self.inside if home else self.outside).append(request.url)


async def axe_violations(page: Page) -> list[str]:
    """Return what axe-core finds on a page, one line a rule with the elements; an empty list is the aim."""
    results = await Axe().run(page, options={"runOnly": {"type": "tag", "values": AXE_TAGS}})
    found: list[dict[str, Any]] = results.response["violations"]
    return [
        f"{rule['id']}: {rule['help']}: {'; '.join(node['html'][:160] for node in rule['nodes'][:5])}" for rule in found
    ]


async def unfocused(page: Page, steps_max: int = 400) -> list[str]:
    """Walk the page with the Tab key and return the elements whose focus cannot be seen (WCAG 2.4.7)."""
    unseen: list[str] = []
    first = ""
    for _step in range(steps_max):
        await page.keyboard.press("Tab")
        at, seen = await page.evaluate(_FOCUS)
        if not at or at == first:
            break
        first = first or at
        if not seen:
            unseen.append(at)
    return unseen


_FOCUS = """() => {
  const e = document.activeElement;
  if (!e || e === document.body) return ["", true];
  const look = (one) => getComputedStyle(one);
  const shows = (one) => one && parseFloat(look(one).outlineWidth) >= 2 && look(one).outlineStyle !== "none";
  const invisible = getComputedStyle(e).opacity === "0";
  const path = [];
  for (let one = e; one.parentElement; one = one.parentElement) {
    path.unshift([...one.parentElement.children].indexOf(one));
  }
  const name = (e.textContent || e.getAttribute("aria-label") || "").trim().slice(0, 30);
  return [`${e.tagName}.${e.className} ${name} ${path.join("/")}`, shows(invisible ? e.parentElement : e)];
}"""


@asynccontextmanager
async def serving(app: Any) -> AsyncIterator[str]:
    """Serve an ASGI application on a free loopback port for the block and give its address.

    The address says localhost: browsers count it as secure, so service workers and the camera work without TLS.
    """
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off", ws="none"))
        running = asyncio.create_task(server.serve(sockets=[listening]))
        try:
            yield f"http://localhost:{listening.getsockname()[1]}"
        finally:
            server.should_exit = True
            await running
