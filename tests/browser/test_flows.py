"""What people do with their hands: each flow through the real gateway, and the sentence when it goes wrong."""

import csv
import io
import json
import re
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from meguru.replay import inputs
from meguru.replay.actor import Actor
from meguru.replay.pilot import CARRIER, CENTRE
from shared.ids import uuid7
from shared.web.pages import grouped
from tests.browser.hands import Hands, wedge
from tests.browser.pilot import Pilot, entered, fetching
from tests.browser.visits import ADMIN, CLERK, PUBLIC, WORKER

pytestmark = [pytest.mark.browser, pytest.mark.timeout(420)]

TABS_MAX = 80
MACHINES = 12  # of the batch
ZONE, WRONG_ZONE = "個人番号利用事務系", "庁内のどこか"


def inventory(*zones: str, mark: str = "F") -> bytes:
    """Return a town's list of as many machines, numbered after `mark`: CP932 with Japanese headers."""
    written = io.StringIO()
    lines = csv.writer(written)
    lines.writerow(inputs.HEADS)
    for nth, zone in enumerate(zones):
        drive = ("SSD", "カワセミ", "KAWASEMI S2 240GB", f"{mark}LOW{nth}", "240")
        lines.writerow(
            (f"{mark}-{nth}", "ノート", "ひばり", "HB-10", f"HB{mark}{nth}", "総務課", zone, "3", "", "", *drive)
        )
    return written.getvalue().encode("cp932")


def csv_file(content: bytes) -> list[dict[str, object]]:
    return [{"name": "物品台帳.csv", "mimeType": "text/csv", "buffer": content}]


async def opened(chrome: Browser, pilot: Pilot, who: str) -> Page:
    return await (await entered(chrome, pilot.origin, who)).new_page()


@pytest.fixture(scope="module")
async def labels(pilot: Pilot, chrome: Browser) -> list[str]:
    """A clerk signs in and brings the town's list: first with a wrong row, then right. Returns the new labels."""
    page = await opened(chrome, pilot, CLERK)
    await page.goto("/inventory")
    await page.set_input_files("#file", csv_file(inventory(ZONE, WRONG_ZONE)))  # type: ignore[arg-type]  # playwright's own TypedDict
    await page.get_by_role("button", name="読み込んで確かめる").click()
    alert = page.get_by_role("alert")
    await expect(alert).to_contain_text("まだ何も登録していません")
    await expect(alert).to_contain_text("3行目")
    await expect(alert.locator("tbody tr")).to_have_count(1)
    await page.set_input_files("#file", csv_file(inventory(ZONE, ZONE)))  # type: ignore[arg-type]  # playwright's own TypedDict
    await page.get_by_role("button", name="読み込んで確かめる").click()
    await page.get_by_role("button", name="この2台を登録する").click()
    await expect(page.get_by_role("status").first).to_contain_text("登録")
    connection = await pilot.stack.connect("tracking")
    try:
        rows = await connection.fetch(
            "SELECT label FROM items WHERE data->>'asset_number' LIKE 'F-%' ORDER BY data->>'asset_number'"
        )
    finally:
        await connection.close()
    await page.context.close()
    return [row["label"] for row in rows]


async def test_a_list_with_a_wrong_row_is_refused_by_its_line_and_then_taken(labels: list[str]) -> None:
    assert len(labels) == 2


async def test_a_wedge_scanner_types_into_the_capture_page(pilot: Pilot, chrome: Browser, labels: list[str]) -> None:
    page = await opened(chrome, pilot, WORKER)
    await page.goto("/capture/received")
    await expect(page.locator("#capture[data-ready]")).to_be_visible()
    for typed in (*labels, labels[0][:-1] + ("0" if labels[0][-1] != "0" else "1")):
        await page.keyboard.type(typed)
        await page.keyboard.press("Enter")
    await expect(page.get_by_role("alert")).to_contain_text("最後の文字が合いません")
    scans = page.locator("#scans > li")
    await expect(scans.filter(has_text="送信済み")).to_have_count(2)
    await page.goto(f"/items/{labels[0]}")
    await expect(page.locator(".mg-line__event").filter(has_text="入庫")).to_have_count(1)
    await page.context.close()


async def test_a_roll_s_labels_are_bound_by_scanning_label_and_serial(pilot: Pilot, chrome: Browser) -> None:
    page = await opened(chrome, pilot, CLERK)
    await page.goto("/inventory")
    await page.set_input_files("#file", csv_file(inventory(ZONE, ZONE, mark="G")))  # type: ignore[arg-type]  # playwright's own TypedDict
    await page.get_by_role("button", name="読み込んで確かめる").click()
    await page.get_by_role("button", name="この2台を登録する").click()
    await page.goto("/labels")
    await page.locator("#count").fill("3")
    await page.get_by_role("button", name="ロール用ラベルを作る").click()
    await expect(page.get_by_role("status").first).to_contain_text("ロールのラベルを作りました")
    table = await page.get_by_role("link", name="ラベルソフト用の表").get_attribute("href")
    sheet = await page.evaluate("(table) => fetch(table).then((answer) => answer.text())", table)
    first, second, third = re.findall(r"HTTPS?://[^\s,\"]+/T/[0-9A-Z]{9}/[0-9A-Z]{8}", sheet)
    await page.context.close()

    page = await opened(chrome, pilot, WORKER)
    await page.goto("/labels/bind")
    left = page.locator("main [role=status]").last
    before = int(re.findall(r"あと([\d,]+)台", await left.inner_text())[0].replace(",", ""))

    worker = Hands(page)

    async def scan(typed: str) -> None:  # nobody touches the screen in between
        await expect(page.locator("#scan")).to_be_focused()
        async with page.expect_navigation():
            await worker.scan(typed)

    for label, number, said in ((first, "HBG0", "G-0に付けました"), (second, "GLOW1", "G-1に付けました")):
        await scan(label)
        await expect(page.locator("main [role=status]").first).to_contain_text("このラベルを付けます")
        await scan(number)
        await expect(page.locator("main [role=status]").first).to_contain_text(said)
    assert worker.actions == 2 * 2  # two scans a label
    await expect(left).to_contain_text(f"あと{before - 2}台")
    await scan(third)
    await scan("HBG9")
    await expect(page.get_by_role("alert")).to_contain_text("「HBG9」の番号の機器は")
    await scan("HBG0")  # the label stayed in hand, and takes the place of the first
    await expect(page.locator("main [role=status]").first).to_contain_text("G-0に付けました")
    await page.goto(f"/items/{second.split('/')[-2]}")
    await expect(page.locator(".mg-line__event").filter(has_text="ラベルの付け替え")).to_have_count(1)
    await page.context.close()


async def test_the_destroy_line_takes_photos_and_nothing_else(pilot: Pilot, chrome: Browser, labels: list[str]) -> None:
    page = await opened(chrome, pilot, WORKER)
    machine = pilot.world.machines[0]
    await page.goto("/erasure/destroy")
    await page.locator('input[name="label"]').fill(labels[0])
    await page.keyboard.press("Enter")
    await expect(page.locator(".mg-id--huge")).to_have_text(grouped(labels[0]))
    for role in ("before", "after"):
        await page.set_input_files(f"#{role}", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": b"not a photo"})
    await page.locator("#machine").fill("粉砕機 2号")
    await page.get_by_role("button", name="粉砕を記録する").click()
    await expect(page.get_by_role("alert")).to_contain_text("写真")
    await expect(page.locator("#machine")).to_have_value("粉砕機 2号")  # nothing typed is lost
    for role in ("before", "after"):
        await page.set_input_files(f"#{role}", pilot.world.files.photo(machine, role))  # and it goes by itself
    await expect(page.get_by_role("status").first).to_contain_text("記録しました")
    pictures = page.locator(".mg-photo img")
    await expect(pictures).to_have_count(2)
    widths = await pictures.evaluate_all(
        "(all) => Promise.all(all.map((one) => one.decode().then(() => one.naturalWidth)))"
    )
    assert all(width > 0 for width in widths)
    await page.context.close()


async def test_a_certificate_is_genuine_until_a_byte_changes(pilot: Pilot, chrome: Browser) -> None:
    number = pilot.known["certificate"]
    async with fetching(pilot, CLERK) as clerk:
        pdf = (await clerk.get(f"/certificates/{number}.pdf")).content
        credential = (await clerk.get(f"/certificates/{number}.json")).json()
    assert pdf.startswith(b"%PDF-")
    page = await opened(chrome, pilot, PUBLIC)
    say = page.locator("#r")
    await verify(page, "certificate.pdf", pdf)
    await expect(say).to_have_text("本物です。書き換えはありません。")
    at = pdf.index(b"/Contents", len(pdf) // 2)
    await verify(page, "certificate.pdf", pdf[: at - 200] + bytes([pdf[at - 200] ^ 1]) + pdf[at - 199 :])
    await expect(say).not_to_have_text("本物です。書き換えはありません。")
    await expect(page.get_by_role("alert")).to_be_visible()
    text = json.dumps(credential, ensure_ascii=False)
    await verify(page, "certificate.json", text.encode())
    await expect(say).to_have_text("本物です。書き換えはありません。")
    subject = json.dumps(credential["credentialSubject"], ensure_ascii=False)
    assert "粉砕機 2号" in subject
    text = text.replace(subject, subject.replace("粉砕機 2号", "粉砕機 9号"))
    await verify(page, "certificate.json", text.encode())
    await expect(say).to_have_text("書き換えられているか、確かめられないところがあります。")
    await expect(page.locator("mark").first).to_contain_text("粉砕機 9号")
    await page.context.close()


async def verify(page: Page, name: str, content: bytes) -> None:
    await page.goto("/verify")
    kind = "application/pdf" if name.endswith("pdf") else "application/json"
    await page.set_input_files("#file", {"name": name, "mimeType": kind, "buffer": content})
    await page.get_by_role("button", name="ファイルを確かめる").click()


async def test_a_bare_id_tells_step_and_date_and_a_label_the_whole_way(pilot: Pilot, chrome: Browser) -> None:
    page = await opened(chrome, pilot, PUBLIC)
    label = pilot.known["closed"]
    machine = next(one for one in pilot.world.machines if pilot.world.labels[one.asset_number] == label)
    await page.goto("/lookup")
    await page.get_by_label("追跡ID").fill(grouped(label).lower())
    await page.keyboard.press("Enter")
    await page.wait_for_url(f"**/t/{label}")
    await expect(page.locator("main time").first).to_be_visible()
    await expect(page.locator(".mg-line__event")).to_have_count(0)
    await page.goto(f"/t/{label}/{pilot.known['token']}")
    assert await page.locator(".mg-line__event").count() > 8
    shown = await page.content()
    people = ("阿部", "髙橋", "佐藤 健一", "髙﨑", "鈴木 彩")
    assert [one for one in (machine.serial, machine.drive_serial, machine.asset_number, *people) if one in shown] == []
    await page.goto(f"/t/{label}/AAAAAAAA")
    await expect(page.get_by_role("alert")).to_be_visible()
    await page.context.close()


async def test_a_group_applies_by_the_keyboard_alone(pilot: Pilot, chrome: Browser) -> None:
    page = await opened(chrome, pilot, PUBLIC)
    address = f"/calls/{pilot.known['open']}"
    await page.goto(address)
    await press(page, f'a[href="{address}/apply"]')
    await page.wait_for_url(f"**{address}/apply")
    await reach(page, 'input[name="category"]')
    await page.keyboard.press("Space")
    person = {
        "group": "鍵盤集落",
        "representative": "代表 花子",
        "address": "大字向町9",
        "phone": "0233-43-0009",
    }
    for name, typed in person.items():
        await reach(page, f"#{name}")
        await page.keyboard.type(typed)
    await press(page, "main button.mg-button--main")
    await expect(page.locator("#units")).to_be_visible()
    for name in ("uses", "network", "consent"):
        await reach(page, f'input[name="{name}"]')
        await page.keyboard.press("Space")
    await press(page, "main button.mg-button--main")
    await expect(page.locator("h1")).to_have_text("応募を受け付けました")
    await expect(page.locator(".mg-ticket__code .mg-id")).not_to_be_empty()
    await page.context.close()


async def reach(page: Page, selector: str) -> None:
    """Press Tab until the element has the focus."""
    for _ in range(TABS_MAX):
        await page.keyboard.press("Tab")
        if await page.evaluate("(wanted) => document.activeElement.matches(wanted)", selector):
            return
    raise AssertionError(f"{selector} cannot be reached by the Tab key")


async def press(page: Page, selector: str) -> None:
    """Reach a link or a button and press Enter."""
    await reach(page, selector)
    await page.keyboard.press("Enter")


async def test_an_open_page_follows_what_others_record_and_keeps_what_is_typed(
    pilot: Pilot, chrome: Browser, labels: list[str]
) -> None:
    page = await opened(chrome, pilot, WORKER)
    await page.goto(f"/items/{labels[1]}")
    events, reason = page.locator(".mg-line__event"), page.locator("#reason")
    before = await events.count()
    await reason.fill("書きかけの理由")
    await page.evaluate("window.untouched = true")
    async with Actor(pilot.origin, pilot.stack.certificate_authority, CLERK) as clerk:
        await clerk.do(f"/api/tracking/items/{labels[1]}/sighting")
    await expect(events).to_have_count(before + 1, timeout=10_000)
    assert await page.evaluate("window.untouched")  # not loaded again
    await expect(reason).to_have_value("書きかけの理由")
    await page.context.close()


async def test_the_page_of_certificates_counts_a_batch_while_nobody_touches_it(pilot: Pilot, chrome: Browser) -> None:
    opening: dict[str, Any] = {
        "centre": CENTRE,
        "carrier": CARRIER,
        "title": "一度に粉砕する",
        "contract": f"B-{uuid7()}",
    }
    dates: dict[str, Any] = {"starts_on": "2020-01-01", "ends_on": "2040-01-01", "certificate_days": 43}
    async with Actor(pilot.origin, pilot.stack.certificate_authority, ADMIN) as admin:
        made = await admin.do("/api/tracking/engagements", opening | dates)
    async with Actor(pilot.origin, pilot.stack.certificate_authority, CLERK) as clerk:
        content = inventory(*[ZONE] * MACHINES, mark="B")
        file = [("file", ("batch.csv", content, "text/csv"))]
        answer = await clerk.upload("/api/tracking/inventories", {"engagement": made["stream"]}, file)
        batch = [one["label"] for one in answer.body["items"]]
    page = await opened(chrome, pilot, WORKER)
    await page.goto(f"/certificates?town={pilot.known['town']}&engagement={made['stream']}")
    await page.evaluate("window.untouched = true")
    photo = pilot.world.files.photo(pilot.world.machines[0], "after").read_bytes()
    async with Actor(pilot.origin, pilot.stack.certificate_authority, WORKER) as worker:
        fields = {"technique": "crush", "machine": "粉砕機 2号", "media": batch}
        answer = await worker.upload("/api/erasure/trays", fields, [("after", ("a.jpg", photo, "image/jpeg"))])
        assert answer.status == 201, answer.body
    done = f"{2 * MACHINES}/ {2 * MACHINES}"  # of each its destruction, and its way
    await expect(page.locator(".mg-count")).to_have_text(done, timeout=60_000)
    assert await page.evaluate("window.untouched")  # not loaded again
    await page.context.close()


async def test_a_session_in_a_shielded_room_is_kept_through_a_reload_and_followed_by_another_device(
    pilot: Pilot, chrome: Browser, labels: list[str]
) -> None:
    address = f"/erasure/sessions/{pilot.known['session']}?engagement={pilot.known['engagement']}&rack=R-77"
    desk, room = await opened(chrome, pilot, WORKER), await opened(chrome, pilot, WORKER)
    for page in (desk, room):
        await page.goto(address)
        await expect(page.locator("#capture[data-ready]")).to_be_attached()
    await room.evaluate("navigator.serviceWorker.ready.then(() => 1)")
    await room.reload()  # now the worker rules the page and has kept its shell
    await expect(room.locator("#capture[data-ready]")).to_be_attached()
    await room.context.set_offline(True)
    for label in labels:
        await wedge(room, label)
    await room.get_by_role("button", name="消去を始めた").click()
    await wedge(room, labels[1])
    await expect(room.locator("[data-part=answer]")).to_contain_text("終わらず外した")  # green, and so on the disk
    await room.reload()
    await expect(room.locator("[data-rack=out]")).to_have_text("1")
    await room.get_by_role("button", name="消去が終わった 1").click()
    await expect(room.locator(".mg-queue__n b").first).to_have_text("5")
    await room.context.set_offline(False)
    await expect(room.locator(".mg-queue__n b").first).to_have_text("0", timeout=10_000)
    machines = desk.get_by_role("region", name="ラック R-77")
    await expect(machines.get_by_text("終わらなかった")).to_have_count(1, timeout=30_000)  # live: nobody has touched it
    await expect(machines.get_by_text("報告を待っています")).to_have_count(1)
    async with Actor(pilot.origin, pilot.stack.certificate_authority, WORKER) as worker:
        told = await worker.get(f"/api{address.partition('?')[0]}", engagement=pilot.known["engagement"])
    (rack,) = [one for one in told["racks"] if one["rack"] == "R-77"]
    expected = [{"label": label, "taken_out": label == labels[1], "proved": False} for label in labels]
    assert (rack["state"], rack["machines"]) == ("ended", expected)
    for page in (desk, room):
        await page.context.close()
