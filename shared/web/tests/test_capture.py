"""capture.js in Chromium against a receiving application of its own: what is scanned arrives once, whatever happens."""

import asyncio
import json
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest
from playwright.async_api import Browser, BrowserContext, FilePayload, Page, expect
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from shared.browser import Visits, scanned_under_ime, serving
from shared.ids import BadLabel, new_label, parse_label
from shared.web.gallery import gallery
from shared.web.static_files import static_url

pytestmark = pytest.mark.browser
SCANS, SCANS_A_SECOND = 200, 30
CUTS = {60: True, 90: False, 130: True, 160: False}  # at which scan the network goes, and comes back


@dataclass
class Receiver:
    """Remembers scans by request id, as a service's ledger does: the first is 201, a replay 200."""

    scans: dict[str, dict[str, Any]] = field(default_factory=dict)
    bodies: list[dict[str, Any]] = field(default_factory=list)
    refuses: set[str] = field(default_factory=set)
    breaks: dict[str, list[str]] = field(default_factory=dict)
    status: int = 200
    lose_answers: int = 0
    asked: asyncio.Event = field(default_factory=asyncio.Event)

    async def __call__(self, request: Request) -> Response:
        body = await request.json()
        self.bodies.append(body)
        if self.status != 200:
            return JSONResponse({"detail": "いまはだめ"}, self.status)
        results = []
        for scan in body["scans"]:
            if scan["label"] in self.refuses:
                results.append({"requestId": scan["requestId"], "status": 409, "detail": "先に登録してください"})
                continue
            new = scan["requestId"] not in self.scans
            self.scans.setdefault(scan["requestId"], scan)
            said = {"breaks": self.breaks[scan["label"]]} if scan["label"] in self.breaks else {}
            results.append({"requestId": scan["requestId"], "status": 201 if new else 200} | said)
        self.asked.set()
        if self.lose_answers:
            self.lose_answers -= 1
            return Response(status_code=502)
        return JSONResponse({"results": results})

    async def has(self, count: int) -> None:
        """Wait until so many scans have arrived, and then no more."""
        async with asyncio.timeout(10):
            while len(self.scans) < count:
                self.asked.clear()
                await self.asked.wait()
        await asyncio.sleep(0.05)
        assert len(self.scans) == count

    @property
    def labels(self) -> list[str]:
        return [scan["label"] for scan in self.scans.values()]


# Keys of several scans in one task: each is read before the one before it is kept.
AT_ONCE = """(texts) => {
  const code = (key) => (key === "Enter" ? key : /[0-9]/.test(key) ? `Digit${key}` : `Key${key}`);
  for (const key of texts.flatMap((text) => [...text, "Enter"])) {
    const pressed = {key, code: code(key), bubbles: true, cancelable: true};
    document.activeElement.dispatchEvent(new KeyboardEvent("keydown", pressed));
  }
}"""


# A sound card that writes down what it is told to play; everything else of a browser is real.
LISTENING = """
  window.tones = []; window.shaken = [];
  const node = () => ({ connect: (next) => next, gain: {} });
  window.AudioContext = class {
    currentTime = 0; destination = node();
    createGain() { return node(); }
    createOscillator() {
      const tone = { ...node(), frequency: {} };
      tone.start = (from) => Object.assign(tone, { from });
      tone.stop = (to) => window.tones.push([tone.type, tone.frequency.value, tone.from < to]);
      return tone;
    }
  };
  navigator.vibrate = (pattern) => { window.shaken.push(pattern); return true; };
"""
GOOD, BAD = [["sine", 1320, True]], [["square", 220, True], ["square", 165, True]]


@asynccontextmanager
async def opened(chrome: Browser, address: str) -> AsyncIterator[tuple[BrowserContext, Page]]:
    """One device: a context with a queue of its own, on the capture page."""
    context = await chrome.new_context(locale="ja-JP", accept_downloads=True)
    visits, page = Visits.of(context), await context.new_page()
    try:
        await page.goto(f"{address}/capture")
        await expect(page.locator("#capture[data-ready]")).to_be_attached()
        yield context, page
        assert visits.outside == []
    finally:
        await context.close()


@asynccontextmanager
async def received(chrome: Browser) -> AsyncIterator[tuple[Receiver, str]]:
    """A receiving application, and its address."""
    receiver, app = Receiver(), gallery()

    async def receive(request: Request) -> Response:
        return await receiver(request)

    app.add_route("/api/gallery/scans", receive, methods=["POST"])
    async with serving(app) as address:
        yield receiver, address


@asynccontextmanager
async def capturing(chrome: Browser) -> AsyncIterator[tuple[Receiver, BrowserContext, Page]]:
    async with received(chrome) as (receiver, address), opened(chrome, address) as (context, page):
        yield receiver, context, page


async def scan(page: Page, text: str) -> None:
    await page.keyboard.type(text)
    await page.keyboard.press("Enter")


def waiting(page: Page) -> Any:
    return page.locator(".mg-queue__n b").first


async def test_twenty_wedge_scans_back_to_back_all_arrive(chrome: Browser) -> None:
    labels = [new_label() for _ in range(20)]
    async with capturing(chrome) as (receiver, _context, page):
        for number, label in enumerate(labels):
            await scan(page, f"HTTPS://MEGURU.EXAMPLE:8443/T/{label}/K7Q492MD" if number % 2 else label)
        await expect(waiting(page)).to_have_text("0")
        await expect(page.locator("#today")).to_have_text("20")
        await expect(page.locator("#scans li")).to_have_count(5)
        await receiver.has(20)
        assert sorted(receiver.labels) == sorted(labels)
        assert receiver.scans[next(iter(receiver.scans))]["work"] == "erase"
        assert {scanned["token"] for scanned in receiver.scans.values()} == {None, "K7Q492MD"}
        assert all(body["sentAt"] >= one["capturedAt"] for body in receiver.bodies for one in body["scans"])


async def test_twenty_offline_scans_survive_a_reload_and_arrive_once(chrome: Browser) -> None:
    labels = [new_label() for _ in range(20)]
    async with capturing(chrome) as (receiver, context, page):
        await page.evaluate("navigator.serviceWorker.ready.then(() => 1)")
        await expect(page.locator("#capture")).to_be_visible()
        await page.reload()  # now the worker rules the page and has kept its shell
        await expect(page.locator("#capture[data-ready]")).to_be_attached()
        await context.set_offline(True)
        for label in labels:
            await scan(page, label)
        await expect(waiting(page)).to_have_text("20")
        await expect(page.locator(".mg-chip--off")).to_be_visible()
        before = await queued(page)
        await page.reload()
        await expect(page.locator("#capture[data-ready]")).to_be_attached()
        await expect(waiting(page)).to_have_text("20")
        assert receiver.scans == {}
        await context.set_offline(False)
        await expect(waiting(page)).to_have_text("0")
        await receiver.has(20)
        assert list(receiver.scans) == before
        assert receiver.labels == labels


async def queued(page: Page) -> list[str]:
    """Return the request ids in the queue, in the order they were scanned."""
    return [one["requestId"] for one in json.loads((await saved_queue(page)).decode())["scans"]]


async def saved_queue(page: Page) -> bytes:
    """Save the queue to a file as a person does, and return what it holds."""
    async with page.expect_download() as downloading:
        await page.get_by_role("button", name="まだ送っていない記録をファイルに保存").click()
    return await asyncio.to_thread((await (await downloading.value).path()).read_bytes)


async def take_in(page: Page, content: bytes) -> None:
    file = FilePayload(name="meguru-scans.json", mimeType="application/json", buffer=content)
    await page.get_by_label("保存した読み取りを取り込む").set_input_files(file)


async def test_a_saved_queue_is_sent_by_another_device_and_each_scan_is_recorded_once(chrome: Browser) -> None:
    labels = [new_label() for _ in range(5)]
    async with (
        received(chrome) as (receiver, address),
        opened(chrome, address) as (first, page),
        opened(chrome, address) as (second, other),
    ):
        await first.set_offline(True)
        for label in labels:
            await scan(page, label)
        await expect(waiting(page)).to_have_text("5")
        file = await saved_queue(page)
        captured = {one["requestId"]: one["capturedAt"] for one in json.loads(file)["scans"]}
        await second.set_offline(True)
        await take_in(other, file)
        await expect(other.locator("#imported")).to_contain_text("取り込んだ記録 5件、この端末にもうあった記録 0件")
        await expect(waiting(other)).to_have_text("5")
        await take_in(other, file)
        await expect(other.locator("#imported")).to_contain_text("取り込んだ記録 0件、この端末にもうあった記録 5件")
        await second.set_offline(False)
        await expect(waiting(other)).to_have_text("0")
        await receiver.has(5)
        assert receiver.labels == labels
        assert {name: one["capturedAt"] for name, one in receiver.scans.items()} == captured
        await scan(other, new_label())  # the file field has not kept the keys
        await receiver.has(6)
        sent = len(receiver.bodies)
        await first.set_offline(False)
        await expect(waiting(page)).to_have_text("0")
        await receiver.has(6)
        assert [one["requestId"] for body in receiver.bodies[sent:] for one in body["scans"]] == list(captured)


async def test_a_file_that_is_no_saved_queue_is_refused_with_a_sentence(chrome: Browser) -> None:
    good = {
        "requestId": "00000000-0000-4000-8000-000000000001",
        "work": "erase",
        "label": "NA74QKCHQ",
        "capturedAt": "2026-11-24T01:00:00Z",
    }
    wrong: list[Any] = [
        [],
        {"scans": [good | {"requestId": "1"}]},
        {"scans": [good, good | {"label": "M4MT4K4P7"}]},
        {"scans": [good | {"capturedAt": "きのう"}]},
        {"scans": [good | {"url": "https://example.com/api/tracking/scans"}]},
        {"scans": [good | {"url": "/api/tracking/losses"}]},
        {"scans": [good | {"url": "/api/erasure/sessions/../media/steps?engagement=1"}]},
        {"scans": [good | {"label": "R-01", "facts": {"rack": "R-02"}}]},
    ]
    async with capturing(chrome) as (receiver, _context, page):
        for content in (b"PK\x03\x04", *(json.dumps(one).encode() for one in wrong)):
            await page.locator("#imported").evaluate("said => { said.textContent = ''; }")
            await take_in(page, content)
            await expect(page.locator("#imported")).to_contain_text("保存したものではありません")
        await expect(waiting(page)).to_have_text("0")
        assert receiver.scans == {}
        await take_in(page, json.dumps({"scans": [good]}).encode())
        await receiver.has(1)


async def test_a_scan_left_by_another_page_goes_where_it_was_meant_to_go(chrome: Browser) -> None:
    async with capturing(chrome) as (receiver, context, page):
        left = {
            "requestId": "00000000-0000-4000-8000-000000000002",
            "work": "ssd",
            "label": "NA74QKCHQ",
            "capturedAt": "2026-11-24T01:00:00Z",
            "url": "/api/gallery/steps",
        }
        await context.set_offline(True)
        await take_in(page, json.dumps({"scans": [left]}).encode())
        await scan(page, new_label())
        await expect(waiting(page)).to_have_text("2")
        async with page.expect_request("**/api/gallery/steps") as asked:
            await context.set_offline(False)
        sent = (await asked.value).post_data_json
        assert sent
        assert [one["requestId"] for one in sent["scans"]] == [left["requestId"]]
        await receiver.has(1)
        assert left["requestId"] not in receiver.scans


async def test_what_a_recorded_fact_does_not_fit_is_said_to_the_one_who_scanned(chrome: Browser) -> None:
    labels = [new_label() for _ in range(4)]
    async with capturing(chrome) as (receiver, context, page):
        receiver.breaks = {label: ["出庫の記録がないまま入庫しました。"] for label in labels}
        await context.set_offline(True)
        for label in labels:
            await scan(page, label)
        await scan(page, "M4MT4K4P7")
        await context.set_offline(False)
        await receiver.has(4)
        notes = page.locator("[data-part=notes] [role=status]")
        await expect(notes).to_have_count(3)  # the latest
        await expect(notes.first).to_contain_text("確かめることがあります")
        await expect(notes.first).to_contain_text("出庫の記録がないまま")
        await expect(notes.first.locator(".mg-id")).to_have_text(f"{labels[3][:4]}-{labels[3][4:8]}-{labels[3][8]}")
        await expect(page.get_by_role("alert")).to_contain_text(
            "最後の文字が合いません"
        )  # a late note hides no refusal
        await expect(page.locator("#today")).to_have_text("4")


async def test_what_was_refused_stays_with_its_sentence_until_somebody_has_seen_to_it(chrome: Browser) -> None:
    bad = new_label()
    async with capturing(chrome) as (receiver, _context, page):
        receiver.refuses = {bad}
        await scan(page, bad)
        red = page.locator("#scans .is-bad")
        await expect(red).to_contain_text("先に登録してください")
        await page.reload()
        await expect(page.locator("#capture[data-ready]")).to_be_attached()
        for _ in range(6):
            await scan(page, new_label())
        await receiver.has(6)
        await expect(page.locator("#scans li")).to_have_count(6)  # the last five, and the red one
        await expect(red).to_contain_text("先に登録してください")
        await red.get_by_role("button", name="片付けた").click()
        await expect(red).to_have_count(0)
        assert await queued(page) == []


async def test_a_lost_answer_is_sent_again_and_changes_nothing(chrome: Browser) -> None:
    async with capturing(chrome) as (receiver, _context, page):
        receiver.lose_answers = 1
        await scan(page, new_label())
        await expect(waiting(page)).to_have_text("1")
        await expect(waiting(page)).to_have_text("0", timeout=10_000)  # again after a second
        await receiver.has(1)
        assert len(receiver.bodies) == 2
        assert receiver.bodies[0]["scans"] == receiver.bodies[1]["scans"]
        assert len(receiver.scans) == 1


async def test_at_most_a_hundred_scans_go_in_one_request(chrome: Browser) -> None:
    labels = [new_label() for _ in range(120)]
    async with capturing(chrome) as (receiver, context, page):
        await context.set_offline(True)
        for label in labels:
            await scan(page, label)
        await expect(waiting(page)).to_have_text("120")
        await context.set_offline(False)
        await expect(waiting(page)).to_have_text("0", timeout=10_000)
        assert [len(body["scans"]) for body in receiver.bodies] == [100, 20]
        assert receiver.labels == labels


async def test_a_wrong_check_character_is_refused_at_once_and_never_sent(chrome: Browser) -> None:
    async with capturing(chrome) as (receiver, _context, page):
        for text, said in (
            ("M4MT4K4P7", "最後の文字が合いません"),
            ("NA74QKCH", "9文字ではありません"),
            ("NA74QKCHU", "使わない文字があります"),
        ):
            await scan(page, text)
            await expect(page.get_by_role("alert")).to_contain_text("記録していません")
            await expect(page.get_by_role("alert")).to_contain_text(said)
        await expect(page.locator("#scans .is-bad")).to_have_count(3)
        await page.get_by_role("button", name="もう一度読む").click()
        await scan(page, "NA74QKCHQ")
        await expect(page.locator("[data-part=answer]")).to_contain_text("記録しました")
        await expect(waiting(page)).to_have_text("0")
        await receiver.has(1)
        assert receiver.labels == ["NA74QKCHQ"]


async def test_a_good_scan_is_one_high_tone_and_a_bad_one_two_low_ones_and_a_shake(chrome: Browser) -> None:
    refused = new_label()
    async with capturing(chrome) as (receiver, _context, page):
        receiver.refuses = {refused}
        await page.add_init_script(LISTENING)
        await page.reload()
        await expect(page.locator("#capture[data-ready]")).to_be_attached()
        told: list[Any] = []
        for text, tones, shakes in (
            ("NA74QKCHQ", GOOD, 0),
            ("M4MT4K4P7", BAD, 1),  # the check character
            (new_label(), GOOD, 1),
            ("M4MT4K4P7", BAD, 2),
            (refused, GOOD + BAD, 3),  # kept on the device, then refused by the service
        ):
            await scan(page, text)
            told += tones
            await page.wait_for_function("n => window.tones.length >= n", arg=len(told))
            assert await page.evaluate("[window.tones, window.shaken.length]") == [told, shakes]
        await receiver.has(2)
        assert await page.evaluate("window.shaken[0]") == [200, 100, 200]


async def test_what_was_kept_a_moment_later_does_not_hide_that_the_next_scan_was_wrong(chrome: Browser) -> None:
    good = new_label()
    wrong = good[:-1] + ("0" if good[-1] != "0" else "1")
    async with capturing(chrome) as (receiver, _context, page):
        await page.evaluate(AT_ONCE, [good, wrong])
        await receiver.has(1)
        await expect(waiting(page)).to_have_text("0")
        await expect(page.get_by_role("alert")).to_contain_text("最後の文字が合いません")
        await scan(page, good)
        await expect(page.get_by_role("alert")).to_have_count(0)


async def test_one_refused_scan_does_not_hold_up_the_others(chrome: Browser) -> None:
    good, bad = new_label(), new_label()
    async with capturing(chrome) as (receiver, context, page):
        receiver.refuses = {bad}
        await context.set_offline(True)  # both go in one request: the answer comes after the last scan
        await scan(page, bad)
        await scan(page, good)
        await expect(waiting(page)).to_have_text("2")
        await context.set_offline(False)
        await expect(page.get_by_role("alert")).to_contain_text("先に登録してください")
        await expect(waiting(page)).to_have_text("0")
        await receiver.has(1)
        assert receiver.labels == [good]
        assert len(await queued(page)) == 1  # what was refused is kept and can be saved


async def test_a_signed_out_device_keeps_its_scans(chrome: Browser) -> None:
    async with capturing(chrome) as (receiver, _context, page):
        receiver.status = 401
        await scan(page, new_label())
        await expect(page.locator(".mg-queue")).to_contain_text("サインインし直すと送ります")
        receiver.status = 200
        await expect(waiting(page)).to_have_text("0", timeout=10_000)
        await receiver.has(1)


async def test_an_unsent_scan_is_undone_by_forgetting_and_a_sent_one_by_a_second_record(chrome: Browser) -> None:
    first, second = new_label(), new_label()
    async with capturing(chrome) as (receiver, context, page):
        await context.set_offline(True)
        await scan(page, first)
        await expect(waiting(page)).to_have_text("1")
        await page.get_by_role("button", name="取り消す").click()
        await expect(waiting(page)).to_have_text("0")
        await context.set_offline(False)
        await scan(page, second)
        await receiver.has(1)
        await expect(waiting(page)).to_have_text("0")
        await page.get_by_role("button", name="取り消す").click()
        await expect(page.locator("#scans li")).to_have_count(2)
        await receiver.has(2)
        recorded, undone = receiver.scans.values()
        assert recorded["label"] == undone["label"] == second
        assert (undone["work"], undone["undoes"]) == ("undo", recorded["requestId"])


async def test_an_input_method_cannot_eat_a_scan(chrome: Browser) -> None:
    async with capturing(chrome) as (receiver, _context, page):
        codes = ["KeyN", "KeyA", "Digit7", "Numpad4", "Minus", "KeyQ", "KeyK", "KeyC", "KeyH", "KeyQ", "Enter"]
        await page.evaluate(
            """codes => codes.forEach((code) => document.activeElement.dispatchEvent(new KeyboardEvent(
                 "keydown", { code, key: "Process", keyCode: 229, isComposing: true, bubbles: true })))""",
            codes,
        )
        await expect(page.locator("[data-part=answer]")).to_contain_text("NA74-QKCH-Q")
        await expect(waiting(page)).to_have_text("0")
        await receiver.has(1)
        assert receiver.labels == ["NA74QKCHQ"]


async def test_two_hundred_fast_scans_under_an_input_method_arrive_once_though_the_network_is_cut_twice(
    chrome: Browser,
) -> None:
    labels = [new_label() for _ in range(SCANS)]
    async with capturing(chrome) as (receiver, context, page):
        keys = await context.new_cdp_session(page)
        began = asyncio.get_running_loop().time()
        for nth, label in enumerate(labels):
            if nth in CUTS:
                await context.set_offline(CUTS[nth])
            await scanned_under_ime(keys, label)
            await asyncio.sleep(max(0.0, began + (nth + 1) / SCANS_A_SECOND - asyncio.get_running_loop().time()))
        await expect(waiting(page)).to_have_text("0", timeout=20_000)
        await receiver.has(SCANS)
        assert sorted(receiver.labels) == sorted(labels)
        assert len(receiver.bodies) > len(CUTS)


async def test_a_scan_is_heard_while_a_button_has_the_focus(chrome: Browser) -> None:
    async with capturing(chrome) as (receiver, _context, page):
        await page.get_by_role("button", name="手で入力").focus()
        await scan(page, "NA74QKCHQ")
        await receiver.has(1)
        assert receiver.labels == ["NA74QKCHQ"]
        assert await page.locator("#scan").evaluate("field => field.readOnly")  # Enter ended the scan, pressed nothing
        await page.keyboard.press("Space")
        assert not await page.locator("#scan").evaluate("field => field.readOnly")


async def test_typing_by_hand_forgives_case_dashes_and_full_width(chrome: Browser) -> None:
    async with capturing(chrome) as (receiver, _context, page):
        await page.get_by_role("button", name="手で入力").click()
        await page.locator("#scan").fill("ｎａ７４-qkch-ｑ")
        await page.keyboard.press("Enter")
        await expect(page.locator("[data-part=answer]")).to_contain_text("記録しました")
        await expect(waiting(page)).to_have_text("0")
        await receiver.has(1)
        assert receiver.labels == ["NA74QKCHQ"]
        assert await page.locator("#scan").evaluate("field => field.readOnly")


async def test_browser_and_server_read_labels_alike(chrome: Browser) -> None:
    dice = random.Random(20210914)
    texts = [
        "https://meguru.example/t/na74qkchq",
        "HTTPS://X/T/NA74QKCHQ/K7Q492MD/",
        "",
        "x" * 9,
        "na74 qkch q",
        "NA74QKCHQ/1",
    ]
    for _ in range(300):
        label = list(new_label())
        if dice.random() < 0.7:
            label[dice.randrange(9)] = dice.choice("0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        texts.append("".join(label))
    async with capturing(chrome) as (_receiver, _context, page):
        read = await page.evaluate(
            "async ([url, texts]) => { const { read } = await import(url); return texts.map((text) => read(text)); }",
            [static_url("capture.js"), texts],
        )
    for text, got in zip(texts, read, strict=True):
        try:
            label_read = parse_label(text)
        except BadLabel:
            assert "wrong" in got, text
        else:
            assert (got.get("label"), got.get("token")) == (label_read.id, label_read.token), text
