"""A session on site in a browser: by racks, without a network, by another device, and what is refused."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, FilePayload, Page, expect

from services.erasure.tests.browser.device import opened, scan, waiting
from services.erasure.tests.conftest import ENGAGEMENT, hear, item, register
from shared.browser import DESK, axe_violations
from shared.ids import new_label, uuid7
from shared.testing import Service, recorded

pytestmark = pytest.mark.browser


async def began(client: httpx.AsyncClient, room: str) -> str:
    said = {"request": str(uuid7()), "engagement": str(ENGAGEMENT), "room": room}
    return str((await client.post("/api/erasure/sessions", json=said)).json()["stream"])


async def steps(made: Service, session: str) -> list[tuple[str, str | None, datetime]]:
    """What is recorded of a session, in the order of its happening: kind, label, when."""
    rows = await made.rows(
        "SELECT kind, data->>'label' AS label, occurred_at FROM session_steps "
        "WHERE stream = CAST(:s AS uuid) ORDER BY occurred_at, sequence",
        s=session,
    )
    return [(row.kind.split(".")[1], row.label, row.occurred_at) for row in rows]


@asynccontextmanager
async def session_page(chrome: Browser, url: str) -> AsyncIterator[tuple[BrowserContext, Page]]:
    """A device with a queue of its own, on the page of a session."""
    context = await opened(chrome, DESK)
    page = await context.new_page()
    try:
        await page.goto(url)
        await expect(page.locator("#capture[data-ready]")).to_be_attached()
        yield context, page
    finally:
        await context.close()


# The tap that begins a rack and the scans after it, in one task: the scans are of what does not get done.
AT_ONCE = """(labels) => {
  document.querySelector("button[name=begin]").click();
  for (const key of labels.flatMap((label) => [...label, "Enter"])) {
    const code = key === "Enter" ? key : /[0-9]/.test(key) ? `Digit${key}` : `Key${key}`;
    document.activeElement.dispatchEvent(new KeyboardEvent("keydown", {key, code, bubbles: true, cancelable: true}));
  }
}"""


# Looks for a QR code in an empty picture: its program and its WebAssembly have to be at hand.
QR_READ = """async (url) => {
  const { BarcodeDetector } = await import(url);
  return new BarcodeDetector({formats: ["qr_code"]}).detect(new ImageData(20, 20));
}"""


async def test_a_rack_of_twenty_takes_one_scan_two_taps_and_a_scan_an_exception(
    chrome: Browser, address: str, erasure: Service, client: httpx.AsyncClient
) -> None:
    machines = [item(f"RACK{nth:02}") for nth in range(20)]
    await hear(erasure, *(recorded(one, stream=one.item) for one in machines))
    session = await began(client, "第2会議室")  # beforehand, by the centre's own system: which machines stand in it
    load = {"request": str(uuid7()), "rack": "R-01", "labels": [one.label for one in machines]}
    query = {"engagement": str(ENGAGEMENT)}
    loaded = await client.post(f"/api/erasure/sessions/{session}/racks", params=query, json=load)
    assert loaded.status_code == 201
    url = f"/erasure/sessions/{session}?engagement={ENGAGEMENT}"
    async with session_page(chrome, f"{address}{url}") as (_context, page):
        scans = taps = 0

        async def scanned(text: str) -> None:
            nonlocal scans
            scans += 1
            await scan(page, text)

        async def tap(name: str) -> None:
            nonlocal taps
            taps += 1
            await page.get_by_role("button", name=name).click()

        await scanned("r-01")
        await tap("消去を始めた")
        for one in machines[:2]:
            await scanned(one.label)
        await tap("消去が終わった 18")
        await expect(waiting(page)).to_have_text("0")
        await expect(page.get_by_text("報告を待っています")).to_have_count(18)
        assert (scans, taps) == (1 + 2, 2)
        assert await axe_violations(page) == []


async def test_a_session_goes_on_without_network_and_is_recorded_once_as_it_happened(
    chrome: Browser, address: str, erasure: Service, client: httpx.AsyncClient
) -> None:
    machines = [item(f"DARK{nth:02}") for nth in range(20)]
    stray = new_label()
    await hear(erasure, *(recorded(one, stream=one.item) for one in machines))
    session = await began(client, "シールド室")
    url = f"{address}/erasure/sessions/{session}?engagement={ENGAGEMENT}"
    async with session_page(chrome, url) as (context, page):
        await page.evaluate("navigator.serviceWorker.ready.then(() => 1)")
        await page.reload()  # now the worker rules the page and has kept its shell
        await expect(page.locator("#capture[data-ready]")).to_be_attached()
        await context.set_offline(True)
        assert (
            await page.evaluate(QR_READ, f"{address}/static/vendor/barcode-detector.js") == []
        )  # the camera's reader too
        before = datetime.now(UTC)
        await scan(page, "r-07")
        await expect(page.locator("[data-part=answer]")).to_contain_text("はじめてのラックですか")
        await scan(page, "r-07")
        for one in machines:
            await scan(page, one.label)
        await expect(page.locator("[data-rack=in]")).to_have_text("20")
        await page.evaluate(AT_ONCE, [machines[3].label, stray])  # no moment between the tap and what it is about
        await expect(waiting(page)).to_have_text("23")
        after = datetime.now(UTC)
        await page.reload()
        await expect(page.locator("#capture[data-ready]")).to_be_attached()
        await expect(page.locator("[data-rack=name]")).to_have_text("R-07")
        await expect(waiting(page)).to_have_text("23")
        await expect(page.locator("[data-rack=out]")).to_have_text("1")
        assert await axe_violations(page) == []
        await page.get_by_role("button", name="消去が終わった 19").click()
        await expect(waiting(page)).to_have_text("24")
        assert len(await steps(erasure, session)) == 1
        await context.set_offline(False)
        await expect(waiting(page)).to_have_text("0", timeout=10_000)
        await expect(page.locator("[data-part=notes]")).to_contain_text("登録のない機器です")
        await expect(page.get_by_text("報告を待っています")).to_have_count(19)
        await expect(page.get_by_role("heading", name="確かめる記録")).to_be_visible()
    kept = await steps(erasure, session)
    assert [kind for kind, _, _ in kept] == [
        "session-opened",
        *["item-placed"] * 20,
        "rack-began",
        *["item-taken-out"] * 2,
        "rack-ended",
    ]
    assert [label for _, label, _ in kept[1:21]] == [one.label for one in machines]
    assert before - timedelta(seconds=1) <= kept[1][2] <= kept[23][2] <= after + timedelta(seconds=2)
    assert [at for _, _, at in kept] == sorted(at for _, _, at in kept)


async def test_a_sessions_queue_as_a_file_is_sent_by_another_device_and_recorded_once(
    chrome: Browser, address: str, erasure: Service, client: httpx.AsyncClient
) -> None:
    machines = [await register(erasure, item(f"FILE{nth}")) for nth in range(3)]
    session = await began(client, "書庫")
    url = f"{address}/erasure/sessions/{session}?engagement={ENGAGEMENT}"
    async with (
        session_page(chrome, url) as (dark, page),
        session_page(chrome, f"{address}/erasure/sessions/{await began(client, '別室')}?engagement={ENGAGEMENT}") as (
            _,
            other,
        ),
    ):
        await dark.set_offline(True)
        for text in ("R-1", "R-1", *(one.label for one in machines)):
            await scan(page, text)
        await page.get_by_role("button", name="消去を始めた").click()
        await page.get_by_text("作業を終える", exact=True).click()
        await page.get_by_role("button", name="作業を終えた").click()
        await expect(waiting(page)).to_have_text("5")
        async with page.expect_download() as downloading:
            await page.get_by_role("button", name="まだ送っていない記録をファイルに保存").click()
        content = await asyncio.to_thread((await (await downloading.value).path()).read_bytes)
        file = FilePayload(name="meguru-scans.json", mimeType="application/json", buffer=content)
        for new, known in ((5, 0), (0, 5)):
            await other.get_by_label("保存した読み取りを取り込む").set_input_files(file)
            said = f"取り込んだ記録 {new}件、この端末にもうあった記録 {known}件"
            await expect(other.locator("#imported")).to_contain_text(said)
        await expect(waiting(other)).to_have_text("0")
        kept = await steps(erasure, session)
        await dark.set_offline(False)
        await expect(waiting(page)).to_have_text("0", timeout=10_000)
        await expect(page.get_by_text("この作業は終わっています")).to_be_visible()
    assert [kind for kind, _, _ in kept] == ["session-opened", *["item-placed"] * 3, "rack-began", "session-closed"]
    assert await steps(erasure, session) == kept
    captured = [datetime.fromisoformat(one["capturedAt"]) for one in json.loads(content)["scans"]]
    assert all(abs(at - told) < timedelta(seconds=2) for at, (_, _, told) in zip(captured, kept[1:], strict=True))


async def test_what_was_refused_stays_red_with_its_sentence_until_somebody_has_seen_to_it(
    chrome: Browser, address: str, erasure: Service, client: httpx.AsyncClient
) -> None:
    machines = [await register(erasure, item(f"RED{nth}")) for nth in range(7)]
    url = f"{address}/erasure/sessions/{await began(client, '赤い部屋')}?engagement={ENGAGEMENT}"
    async with session_page(chrome, url) as (context, page):
        await context.set_offline(True)
        await scan(page, machines[0].label)
        await expect(waiting(page)).to_have_text("1")
        await page.evaluate(
            "id => { const { dataset } = document.getElementById('capture');"
            " dataset.url = dataset.url.replace(/=.*/, `=${id}`); }",
            str(uuid7()),  # a contract that is none
        )
        await scan(page, machines[1].label)
        await context.set_offline(False)
        red = page.locator("#scans .is-bad")
        await expect(red).to_contain_text("この契約は見つからないか、期間外です")
        await page.reload()
        await expect(page.locator("#capture[data-ready]")).to_be_attached()
        for one in machines[2:]:
            await scan(page, one.label)
        await expect(waiting(page)).to_have_text("0")
        await expect(page.locator("#scans li")).to_have_count(6)
        await expect(red).to_contain_text("この契約は見つからないか、期間外です")
        assert await axe_violations(page) == []
        await red.get_by_role("button", name="片付けた").click()
        await expect(red).to_have_count(0)
