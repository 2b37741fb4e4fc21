"""The capture page before tracking's own ledger: fast scans under an input method, and a camera that sees a label."""

import asyncio
from pathlib import Path

import pytest
import qrcode
from PIL import Image
from playwright.async_api import Browser, expect
from qrcode.image.pil import PilImage

from bench.world import inventory
from meguru.replay.actor import Actor
from shared.browser import scanned_under_ime
from shared.ids import qr_url
from shared.web.pages import grouped
from tests.browser.pilot import Pilot, browsing, entered
from tests.browser.visits import CLERK, WORKER

pytestmark = [pytest.mark.browser, pytest.mark.timeout(300)]

SCANS, SCANS_A_SECOND = 200, 30
CUTS = {60: True, 90: False, 130: True, 160: False}  # at which scan the network goes, and comes back
SEEN = (640, 480)  # pixels that the camera gives


@pytest.fixture(scope="module")
async def labels(pilot: Pilot) -> list[str]:
    """As many devices as are scanned, and one for the camera."""
    content = inventory([f"CAPTURE{nth:03d}" for nth in range(SCANS + 1)])
    async with Actor(pilot.origin, pilot.stack.certificate_authority, CLERK) as clerk:
        file = [("file", ("capture.csv", content, "text/csv"))]
        said = {"engagement": str(pilot.known["engagement"])}
        answer = await clerk.upload("/api/tracking/inventories", said, file)
    assert answer.status == 201, answer.body
    return [one["label"] for one in answer.body["items"]]


async def received(pilot: Pilot, labels: list[str]) -> list[str]:
    """Return the labels of the receipts in the ledger, one for each entry."""
    connection = await pilot.stack.connect("tracking")
    try:
        rows = await connection.fetch(
            "SELECT l.label FROM entries e JOIN labels l ON l.item = e.stream "
            "WHERE e.kind = 'tracking.received.v1' AND l.label = ANY($1)",
            labels,
        )
    finally:
        await connection.close()
    return [row["label"] for row in rows]


async def test_two_hundred_fast_scans_under_an_input_method_are_in_the_ledger_once_though_the_network_is_cut_twice(
    pilot: Pilot, chrome: Browser, labels: list[str]
) -> None:
    context = await entered(chrome, pilot.origin, WORKER)
    page = await context.new_page()
    await page.goto("/capture/received")
    await expect(page.locator("#capture[data-ready]")).to_be_visible()
    keys = await context.new_cdp_session(page)
    began = asyncio.get_running_loop().time()
    for nth, label in enumerate(labels[:SCANS]):
        if nth in CUTS:
            await context.set_offline(CUTS[nth])
        await scanned_under_ime(keys, label)
        await asyncio.sleep(max(0.0, began + (nth + 1) / SCANS_A_SECOND - asyncio.get_running_loop().time()))
    await expect(page.locator(".mg-queue__n b").first).to_have_text("0", timeout=60_000)
    assert sorted(await received(pilot, labels[:SCANS])) == sorted(labels[:SCANS])
    await context.close()


def film(text: str, to: Path) -> Path:
    """Write what a camera sees that is held before a QR code: one frame of YUV4MPEG2, which Chromium shows for ever."""
    code = qrcode.make(
        text, image_factory=PilImage, error_correction=qrcode.constants.ERROR_CORRECT_Q, box_size=6
    ).get_image()
    frame = Image.new("L", SEEN, 200)
    frame.paste(code.convert("L"), ((SEEN[0] - code.width) // 2, (SEEN[1] - code.height) // 2))
    head = f"YUV4MPEG2 W{SEEN[0]} H{SEEN[1]} F10:1 Ip A1:1 C420jpeg\n".encode()
    to.write_bytes(head + b"FRAME\n" + frame.tobytes() + bytes([128]) * (SEEN[0] * SEEN[1] // 2))
    return to


async def test_a_label_held_before_the_camera_is_one_scan(pilot: Pilot, labels: list[str], tmp_path: Path) -> None:
    connection = await pilot.stack.connect("tracking")
    token = await connection.fetchval("SELECT token FROM labels WHERE label = $1", labels[SCANS])
    await connection.close()
    seen = film(qr_url(pilot.origin, labels[SCANS], token), tmp_path / "seen.y4m")
    camera = (
        "--use-fake-ui-for-media-stream",
        "--use-fake-device-for-media-stream",
        f"--use-file-for-fake-video-capture={seen}",
    )
    async with browsing(pilot.stack, *camera) as chrome:
        context = await entered(chrome, pilot.origin, WORKER)
        page = await context.new_page()
        await page.goto("/capture/received")
        await expect(page.locator("#capture[data-ready]")).to_be_visible()
        await page.locator("#camera").click()
        await expect(page.locator("[data-part=answer]")).to_contain_text(grouped(labels[SCANS]), timeout=30_000)
        await expect(page.locator("#viewfinder")).to_be_hidden()
        await expect(page.locator(".mg-queue__n b").first).to_have_text("0")
        await context.close()
    assert await received(pilot, labels[SCANS:]) == [labels[SCANS]]
