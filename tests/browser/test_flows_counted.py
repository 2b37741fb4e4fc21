"""The shortest flows, counted: how many taps, scans and typed fields each takes of whoever does it.

What is scanned in series is the work itself and not counted (160 items are 160 scans); everything besides is: a tap, a
scan that is not an item's, a field typed into. Each flow begins on the page where that person stands (their home, the
page of their work) and may not take more than it was promised to.
"""

import csv
import io
from dataclasses import dataclass
from typing import Any

import pytest
from playwright.async_api import Browser, expect

from bench.world import inventory as media_of
from meguru.replay import inputs
from meguru.replay.acting import until_heard
from meguru.replay.actor import Actor
from meguru.replay.pilot import CARRIER, CENTRE
from shared.ids import uuid7
from shared.testing import photo
from tests.browser.hands import Hands, wedge
from tests.browser.pilot import Pilot, entered, fetching
from tests.browser.visits import ADMIN, CLERK, PUBLIC, WORKER

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

MACHINES, CAGES = 160, 8


@dataclass
class Journey:
    """An engagement of its own, so that 160 is 160."""

    engagement: str
    query: str
    labels: list[str]


async def hands(chrome: Browser, origin: str, who: str) -> Hands:
    return Hands(await (await entered(chrome, origin, who)).new_page())


def inventory() -> bytes:
    """A town's own list of 160 machines whose media were taken out before: nothing has to be erased on the way."""
    written = io.StringIO()
    lines = csv.writer(written)
    lines.writerow(inputs.HEADS)
    for nth in range(MACHINES):
        described = (f"Q-{nth:03}", "ノート", "ひばり", "HB-10", f"HBQ{nth:03}", "総務課", "LGWAN接続系", "3")
        lines.writerow((*described, "", "", "なし", "", "", "", ""))
    return written.getvalue().encode("cp932")


@pytest.fixture(scope="module")
async def journey(pilot: Pilot, chrome: Browser) -> Journey:
    """A clerk registers 160 PCs from the town's list and prints their labels: five actions in all."""
    opened: dict[str, Any] = {"centre": CENTRE, "carrier": CARRIER, "title": "数える試行"}
    dates: dict[str, Any] = {"starts_on": "2020-01-01", "ends_on": "2040-01-01", "certificate_days": 43}
    async with Actor(pilot.origin, pilot.stack.certificate_authority, ADMIN) as admin:
        made = await admin.do("/api/tracking/engagements", opened | dates | {"contract": f"Q-{uuid7()}"})
    engagement = made["stream"]
    query = f"town={pilot.known['town']}&engagement={engagement}"
    clerk = await hands(chrome, pilot.origin, CLERK)
    page = clerk.page
    await page.goto(f"/dashboard?{query}")
    await clerk.tap(page.get_by_role("link", name="物品台帳の読み込みとラベル"))
    await clerk.choose_file(page.locator("#file"), "物品台帳.csv", "text/csv", inventory())
    await clerk.tap(page.get_by_role("button", name="読み込んで確かめる"))
    await clerk.tap(page.get_by_role("button", name="この160台を登録する"))
    await expect(page.get_by_role("status").first).to_contain_text("登録しました")
    async with page.expect_request(lambda request: "labels.pdf" in request.url) as printing:
        await clerk.tap(page.get_by_role("button", name="印刷する（PDF）"))
    async with fetching(pilot, CLERK) as client:
        assert (await client.get((await printing.value).url)).content.startswith(b"%PDF-")
    assert clerk.actions <= 5
    await page.context.close()
    connection = await pilot.stack.connect("tracking")
    try:
        rows = await connection.fetch(
            "SELECT label FROM items WHERE engagement = $1 ORDER BY data->>'asset_number'", engagement
        )
    finally:
        await connection.close()
    return Journey(engagement, query, [row["label"] for row in rows])


async def test_160_are_registered_and_their_labels_printed_in_five_actions(journey: Journey) -> None:
    assert len(journey.labels) == MACHINES


@pytest.fixture(scope="module")
async def loaded(pilot: Pilot, chrome: Browser, journey: Journey) -> list[tuple[str, ...]]:
    """A worker loads 160 into 8 cages with seals: 11 actions at most. Returns what is in each cage."""
    each = MACHINES // CAGES
    cages = [tuple(journey.labels[nth : nth + each]) for nth in range(0, MACHINES, each)]
    worker = await hands(chrome, pilot.origin, WORKER)
    page = worker.page
    await page.goto(f"/dashboard?{journey.query}")
    await worker.tap(page.get_by_role("link", name="カゴ車の積み込みと出庫").first)
    for nth, labels in enumerate(cages, 1):
        await expect(page.locator("#labels")).to_be_focused()
        for label in labels:
            await wedge(page, label)
        async with page.expect_navigation():
            await worker.scan(f"70-{nth:03}")
        await expect(page.get_by_role("status").first).to_contain_text("封印を記録しました")
    await expect(page.get_by_text(f"封印 70-00{CAGES}")).to_have_count(1)
    assert worker.actions <= 11
    await page.context.close()
    return cages


async def test_160_are_loaded_into_8_cages_with_seals_in_eleven_actions(
    pilot: Pilot, loaded: list[tuple[str, ...]]
) -> None:
    connection = await pilot.stack.connect("tracking")
    try:
        sealed = await connection.fetch(
            "SELECT data->>'seal' AS seal, jsonb_array_length(data->'items') AS items FROM timeline "
            "WHERE kind = 'tracking.cage-sealed.v1' AND data->>'seal' LIKE '70-%' ORDER BY 1"
        )
    finally:
        await connection.close()
    assert [tuple(row) for row in sealed] == [(f"70-{nth:03}", 20) for nth in range(1, CAGES + 1)]


async def test_a_cage_is_received_by_one_scan_and_a_difference_only_with_its_reason(
    pilot: Pilot, chrome: Browser, journey: Journey, loaded: list[tuple[str, ...]]
) -> None:
    connection = await pilot.stack.connect("tracking")
    try:
        cages = await connection.fetch(
            "SELECT stream FROM timeline WHERE kind = 'tracking.cage-sealed.v1' AND data->>'engagement' = $1",
            journey.engagement,
        )
    finally:
        await connection.close()
    async with Actor(pilot.origin, pilot.stack.certificate_authority, WORKER) as carrier:
        for cage in cages:
            path = f"/api/tracking/cages/{cage['stream']}/hand-over"
            await carrier.do(path, {"vehicle": None}, params={"town": pilot.known["town"]})
    worker = await hands(chrome, pilot.origin, WORKER)
    page = worker.page
    await page.goto(f"/receiving?{journey.query}")
    series = await page.context.new_page()  # another device of the centre
    await series.goto("/capture/received")
    await expect(series.locator("#capture[data-ready]")).to_be_visible()
    missing = loaded[-1][-2:]
    for label in journey.labels:
        if label not in missing:
            await wedge(series, label)
    count = page.locator(".mg-count")
    await expect(count).to_have_text("158/ 160", timeout=30_000)  # live: nobody has touched this page
    high = await count.locator(".mg-count__n").evaluate("one => one.getBoundingClientRect().height")
    assert high >= 100, "the number is readable from two metres, as the destroy line's"
    await page.bring_to_front()
    for nth in range(1, CAGES):
        await expect(page.locator("#scan")).to_be_focused()
        async with page.expect_navigation():
            await worker.scan(f"70-{nth:03}")
        await expect(page.get_by_role("status").first).to_contain_text("入庫を確定しました")
    assert worker.actions == CAGES - 1
    async with page.expect_navigation():
        await worker.scan(f"70-{CAGES:03}")
    await expect(page.get_by_role("alert")).to_contain_text("差の理由と、確かめたもう一人を入れてください")
    for label in missing:
        await expect(page.locator(f'main a[href="/items/{label}"]').first).to_be_visible()
    await expect(page.locator("#seal")).to_have_value(f"70-{CAGES:03}")
    await series.goto(f"/items/{missing[0]}")
    told = series.locator(".mg-line__event")
    before = await told.count()
    async with Actor(pilot.origin, pilot.stack.certificate_authority, WORKER) as other:
        await other.do(f"/api/tracking/items/{missing[0]}/sighting")
    await expect(told).to_have_count(before + 1, timeout=10_000)
    await expect(page.get_by_role("alert")).to_be_visible()  # what others record wipes no refusal away
    await page.context.close()


async def test_a_medium_is_destroyed_by_one_scan_and_two_shutters(
    pilot: Pilot, chrome: Browser, journey: Journey
) -> None:
    file = [("file", ("media.csv", media_of(["TS9K0ADD01", "TS9K0ADD02", "TS9K0ADD03"]), "text/csv"))]
    async with Actor(pilot.origin, pilot.stack.certificate_authority, CLERK) as clerk:
        answer = await clerk.upload("/api/tracking/inventories", {"engagement": journey.engagement}, file)
        labels = [one["label"] for one in answer.body["items"]]
    async with fetching(pilot, WORKER) as client:
        known = f"{pilot.origin}/api/erasure/media/{labels[-1]}"
        await until_heard(lambda: client.get(known), lambda answer: answer.is_success)
    worker = await hands(chrome, pilot.origin, WORKER)
    page = worker.page
    shot = photo(size=(640, 480), exif=True)
    await page.goto(f"/erasure/destroy?engagement={journey.engagement}")
    for nth, label in enumerate(labels):
        before = worker.actions
        await expect(page.get_by_label("次の媒体のラベル")).to_be_focused()
        await worker.scan(label)
        await expect(page.locator("form[data-ready]")).to_be_visible()
        if not nth:  # once a day: the machine; it stays
            await worker.type(page.get_by_label("粉砕機"), "細断機 1号")
        for name in ("before", "after"):
            await worker.choose_file(page.locator(f"#{name}"), f"{name}.jpg", "image/jpeg", shot)
        await expect(page.get_by_text("記録しました")).to_be_visible()
        assert worker.actions - before <= (3 if nth else 4)
    await page.context.close()


async def test_a_citizen_looks_an_item_up_without_a_tap_and_ten_with_one(
    pilot: Pilot, chrome: Browser, journey: Journey
) -> None:
    citizen = await hands(chrome, pilot.origin, PUBLIC)
    page = citizen.page
    await page.goto(f"/T/{pilot.known['closed']}/{pilot.known['token']}")  # what the QR code opens
    assert await page.locator(".mg-line__event").count() > 8
    assert citizen.actions == 0
    await page.goto("/lookup")
    await citizen.type(page.get_by_label("追跡ID"), " ".join(journey.labels[:10]))
    await citizen.tap(page.get_by_role("button", name="調べる"))
    await expect(page.locator("main tbody tr")).to_have_count(10)
    assert citizen.actions == 2
    await page.context.close()
