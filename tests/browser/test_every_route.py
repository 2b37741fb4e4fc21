"""A browser opens every page there is, as those who may: nothing outside is asked, nothing is in the way of anybody."""

import re
from dataclasses import dataclass, field

import pytest
from axe_playwright_python.async_playwright import Axe
from playwright.async_api import Browser, Page, ViewportSize

from shared.browser import AXE_TAGS, DESK, PHONE, Visits
from tests.browser.pilot import Pilot, entered, fetching
from tests.browser.visits import FILES, VISITS, Visit, page_routes

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]

_DESK = ViewportSize(width=DESK["width"], height=DESK["height"])
_PHONE = ViewportSize(width=PHONE["width"], height=PHONE["height"])
PEOPLE = list(dict.fromkeys(visit.who for visit in VISITS))

WORDS = """() => {
  const said = [];
  const theirs = (node) => node.closest('[lang="ja"], script, style, template');
  const walk = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
  while (walk.nextNode()) {
    if (walk.currentNode.data.trim() && !theirs(walk.currentNode.parentElement)) said.push(walk.currentNode.data);
  }
  for (const one of document.querySelectorAll('[aria-label], [alt], [title], [placeholder], [data-say-check]')) {
    if (theirs(one) && one.closest('[lang="ja"]') !== document.documentElement) continue;
    for (const name of one.getAttributeNames()) {
      if (/^(aria-label|alt|title|placeholder|data-.*)$/.test(name)) said.push(one.getAttribute(name));
    }
  }
  return said;
}"""
# Only the violations leave the page: what passed is megabytes on a long list.
AXE = """async (tags) => {
  const found = await axe.run(document, {runOnly: {type: "tag", values: tags}, resultTypes: ["violations"]});
  const where = (rule) => rule.nodes.slice(0, 3).map((node) => node.html.slice(0, 160)).join("; ");
  return found.violations.map((rule) => `${rule.id}: ${where(rule)}`);
}"""

# After one press of Tab a moved focus shows like a pressed one (CSS Selectors 4, :focus-visible).
UNSEEN = """() => {
  const look = (one) => getComputedStyle(one);
  const shows = (one) => parseFloat(look(one).outlineWidth) >= 2 && look(one).outlineStyle !== "none";
  const reach = "a[href], button, input:not([type=hidden]), select, textarea, summary, [tabindex='0']";
  return [...document.querySelectorAll(reach)].filter((one) => one.checkVisibility() && !one.disabled).filter((one) => {
    one.focus();
    return !shows(look(one).opacity === "0" ? one.parentElement : one);
  }).map((one) => one.outerHTML.slice(0, 120));
}"""
# Words that a drawing or a box cuts off at its edge, and tables that a desk is too narrow for.
CUT = """() => [
  ...[...document.querySelectorAll("svg text")].filter((one) => {
    const box = one.getBBox(), view = one.ownerSVGElement.viewBox.baseVal;
    return view.width && (box.x < view.x - 1 || box.x + box.width > view.x + view.width + 1);
  }),
  ...[...document.querySelectorAll(".mg-scroll:not(figure), .mg-grade, .mg-grade__step")].filter(
    (one) => one.scrollWidth > one.clientWidth + 1),
].map((one) => `${one.tagName} ${one.textContent.trim().slice(0, 60)}`)"""
RAW = r"\{'\w+':.{0,40}|\bNone\b|<\w+ object at|\bundefined\b"  # what a template writes of a value that is no text
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"


@dataclass
class Findings:
    """What is wrong, one line each."""

    lines: list[str] = field(default_factory=list)

    def note(self, visit: Visit, what: str, found: object) -> None:
        if found:
            self.lines.append(f"{visit.who or 'public'} {visit.address}: {what}: {found}")


def test_every_page_is_visited() -> None:
    visited = {visit.route for visit in VISITS} | FILES.keys()
    assert page_routes() - visited == set(), "pages that nobody visits: add them to tests/browser/visits.py"
    assert visited - page_routes() == set(), "visits to pages that are gone"


@pytest.mark.parametrize("route", FILES)
async def test_a_file_is_what_it_says(pilot: Pilot, route: str) -> None:
    who, address, status, kind = FILES[route]
    async with fetching(pilot, who) as client:
        answer = await client.get(address.format_map(pilot.known))
    assert (answer.status_code, answer.headers.get("content-type", "").partition(";")[0]) == (status, kind)


@pytest.mark.parametrize("who", PEOPLE)
async def test_every_page_of(pilot: Pilot, chrome: Browser, who: str) -> None:
    context = await entered(chrome, pilot.origin, who)
    recorded, found = Visits.of(context), Findings()
    page = await context.new_page()
    for visit in VISITS:
        if visit.who == who:
            await look(page, visit, pilot, found)
    if not any(visit.status >= 400 for visit in VISITS if visit.who == who):
        found.note(visit, "the console", recorded.consoles)
    else:  # Chromium itself writes one line a refused page
        found.note(visit, "the console", [said for said in recorded.consoles if "Failed to load resource" not in said])
    found.note(visit, "asked outside", recorded.outside)
    await context.close()
    assert found.lines == []


async def look(page: Page, visit: Visit, pilot: Pilot, found: Findings) -> None:
    """Open a page in both languages and both sizes, and note what is wrong."""
    address = visit.address.format_map(pilot.known)
    await page.set_viewport_size(_DESK)
    await _speak(page, pilot, "ja")
    answer = await page.goto(address)
    found.note(visit, "status", answer is None or (answer.status != visit.status and answer.status))
    found.note(visit, "axe", await axe(page))
    found.note(visit, "a value of ours, not its words", re.findall(RAW, await page.inner_text("body")))
    found.note(visit, "wider than the desk", await page.evaluate(OVERFLOW))
    found.note(visit, "cut off", await page.evaluate(CUT))
    await page.keyboard.press("Tab")
    found.note(visit, "focus is not seen", await page.evaluate(UNSEEN))
    await page.set_viewport_size(_PHONE)
    found.note(visit, "wider than the phone", await page.evaluate(OVERFLOW))
    if visit.route in ON_THE_PHONE:
        found.note(visit, "axe on the phone", await axe(page))
    await _speak(page, pilot, "en")
    await page.goto(address)
    found.note(visit, "not in English", pilot.foreign(await page.evaluate(WORDS)))
    found.note(visit, "wider than the phone in English", await page.evaluate(OVERFLOW))
    await page.set_viewport_size(_DESK)
    found.note(visit, "wider than the desk in English", await page.evaluate(OVERFLOW))
    found.note(visit, "cut off in English", await page.evaluate(CUT))


# What people hold in their hands: axe-core looks at these pages in that size too.
ON_THE_PHONE = {"/t/{label}/{token}", "/calls/{number}/apply", "/capture/{work}", "/receiving", "/dashboard"}


async def axe(page: Page) -> list[str]:
    """Return what axe-core finds, one line a rule."""
    await page.evaluate(Axe().axe_script)
    violations: list[str] = await page.evaluate(AXE, AXE_TAGS)
    return violations


async def _speak(page: Page, pilot: Pilot, lang: str) -> None:
    """Choose a language as the switch at the top of a page does."""
    await page.context.add_cookies([{"name": "lang", "value": lang, "url": pilot.origin}])
