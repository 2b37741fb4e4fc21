"""Erasure's pages in a browser: reachable by all, the destroy line and the tray by hand, files by the hundred."""

import hashlib
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, FilePayload, Page, expect

from services.erasure.consumers import consumers
from services.erasure.tests.browser.device import opened, scan
from services.erasure.tests.capture import SAMPLES
from services.erasure.tests.conftest import ENGAGEMENT, hear, item, register, required
from services.erasure.tests.test_api import drop, failing, proof
from shared.browser import DESK, PHONE, Visits, axe_violations, unfocused
from shared.events.tracking import ExceptionApproved, ItemRegistered
from shared.ids import uuid7
from shared.messaging import Notice
from shared.testing import TOWN, Service, photo, recorded

pytestmark = pytest.mark.browser


@pytest.fixture(scope="module")
async def story(erasure: Service, client: httpx.AsyncClient) -> list[ItemRegistered]:
    """Media in every state that pages show: proved, failed, excepted, without report, waiting, near."""
    serials = ("WEB1", "WEB2", "WEB3", "WEB4", "00WEB50")
    them = [await register(erasure, item(serial)) for serial in serials]
    them.append(await register(erasure, item("WEB6", "WEB7", required=required(assurance="both"))))
    await drop(client, proof("WEB1"))
    for serial in ("WEB2", "WEB3"):
        await drop(client, failing(serial))
    excepted = ExceptionApproved(
        item=them[2].item, medium=them[2].media[0].id, reason="-", witness="sato", approver="mayor"
    )
    await hear(erasure, recorded(excepted))
    await drop(client, proof("WEB5O"))
    return them


@pytest.mark.parametrize("screen", [PHONE, DESK], ids=["phone", "desk"])
async def test_every_page_is_accessible_and_asks_nobody_outside(
    chrome: Browser, address: str, story: list[ItemRegistered], screen: dict[str, int]
) -> None:
    found: dict[str, Any] = {}
    paths = [
        "/erasure",
        "/erasure/unmatched",
        "/erasure/recheck",
        "/erasure/sessions",
        "/erasure/destroy",
        "/erasure/destroy?label=7K3D",
        "/erasure/destroy/tray",
    ]
    paths += [f"/erasure/destroy?label={one.label}" for one in (story[0], story[5])]
    paths += [f"/erasure/media/{one.label}" for one in (story[0], story[1], story[3])]
    context = await opened(chrome, screen)
    visits, page = Visits.of(context), await context.new_page()
    for path in paths:
        for lang in ("ja", "en") if screen is DESK else ("ja",):
            await page.goto(f"{address}{path}{'&' if '?' in path else '?'}lang={lang}")
            wide = await page.evaluate("document.documentElement.scrollWidth - innerWidth")
            if (faults := await axe_violations(page)) or wide > 0:
                found[f"{path} {lang}"] = (faults, wide)
        if screen is DESK and (unseen := await unfocused(page)):
            found[path] = unseen
    await context.close()
    assert found == {}
    assert visits.outside == []
    expected = ("422", "404")  # a label that is none; the front desk, which says what is new, does not run here
    assert [said for said in visits.consoles if not any(code in said for code in expected)] == []


async def test_many_files_go_in_parts_with_a_bar_and_a_row_each_and_go_on_after_a_break(
    chrome: Browser, address: str, erasure: Service
) -> None:
    many = [item(f"MANY{nth:03}") for nth in range(120)]
    await hear(erasure, *(recorded(one, stream=one.item) for one in many))
    context = await opened(chrome, DESK)
    page = await context.new_page()
    await page.goto(f"{address}/erasure?engagement={ENGAGEMENT}")
    files = [
        FilePayload(name=f"{nth:03}.json", mimeType="application/json", buffer=proof(f"MANY{nth:03}"))
        for nth in range(120)
    ]
    await page.locator("#files").set_input_files(files)
    await context.set_offline(True)
    await page.get_by_role("button", name="登録する").click()
    await expect(page.get_by_role("alert")).to_contain_text("途中で止まりました")
    await context.set_offline(False)
    await page.get_by_role("button", name="登録する").click()
    await expect(page.locator("#rows tr")).to_have_count(120)
    await expect(page.locator("#rows").get_by_text("Purge 証明済み")).to_have_count(120)
    await expect(page.locator("#sending [role=status]")).to_have_text("120 / 120")
    await expect(page.get_by_role("alert")).to_have_count(0)
    assert await axe_violations(page) == []
    await context.close()
    kept = await erasure.rows("SELECT count(*) FROM deeds d JOIN media m USING (medium) WHERE m.serial LIKE 'MANY%'")
    assert kept[0][0] == 120


async def test_the_destroy_line_from_scan_to_the_next_scan(
    chrome: Browser, address: str, story: list[ItemRegistered], tmp_path: Path
) -> None:
    shot = tmp_path / "photo.jpg"
    shot.write_bytes(photo(size=(640, 480), exif=True))
    context = await opened(chrome, DESK)
    page = await context.new_page()
    await page.goto(f"{address}/erasure/destroy")
    await expect(page.get_by_label("次の媒体のラベル")).to_be_focused()
    await scan(page, story[0].label.lower())
    await page.locator("#before").set_input_files(shot)
    await page.locator("#after").set_input_files(shot)
    await expect(page.get_by_text("撮影済み")).to_have_count(2)  # nothing is sent: the machine is not known yet
    await page.get_by_label("粉砕機").fill("粉砕機 2号")
    await page.get_by_role("button", name="粉砕を記録する").click()
    await expect(page.get_by_text("記録しました")).to_be_visible()
    for image in await page.locator(".mg-photo img").all():
        await image.scroll_into_view_if_needed()
        await expect(image).to_have_js_property("complete", value=True)
        assert await image.evaluate("image => image.naturalWidth") == 640
    high = await page.locator(".mg-count__n").evaluate("one => one.getBoundingClientRect().height")
    assert high >= 100, "the number is readable from two metres"
    assert await axe_violations(page) == []
    await page.goto(f"{address}/erasure/destroy?label={story[0].label}")
    await expect(page.get_by_role("alert")).to_contain_text("粉砕済みの媒体です")
    assert await page.locator("#after").count() == 0
    assert await axe_violations(page) == []
    await page.get_by_role("link", name="最初の記録を見る").click()
    await expect(page.get_by_role("img", name="証跡は Destroy まで。")).to_be_visible()
    await context.close()


def crushed_of(one: ItemRegistered) -> tuple[str, dict[str, Any]]:
    return "SELECT data FROM deeds WHERE item = :i AND kind = 'erasure.medium-destroyed.v1'", {"i": one.item}


async def test_the_second_shutter_sends_what_is_whole_and_the_next_medium_is_scanned(
    chrome: Browser, address: str, erasure: Service, tmp_path: Path
) -> None:
    them = [await register(erasure, item(f"SHUT{n}")) for n in range(3)]
    shot = tmp_path / "photo.jpg"
    shot.write_bytes(photo(size=(640, 480), exif=True))
    context = await opened(chrome, PHONE)
    page = await context.new_page()
    await page.goto(f"{address}/erasure/destroy?machine=M-1")  # the setting of the medium before
    for nth, one in enumerate(them):
        await expect(page.get_by_label("次の媒体のラベル")).to_be_focused()
        await scan(page, one.label)
        await expect(page.get_by_text("2枚とも撮ると、そのまま記録します。")).to_be_visible()
        for name in ("before", "after") if nth % 2 else ("after", "before"):
            await expect(page.locator("form[data-ready]")).to_be_visible()
            await page.locator(f"#{name}").set_input_files(shot)
        await expect(page.get_by_text("記録しました")).to_be_visible()
        (deed,) = await erasure.rows(crushed_of(one)[0], **crushed_of(one)[1])
        assert [(one["role"], one["hashed_on_device"]) for one in deed.data["photos"]] == [
            ("before", True),
            ("after", True),
        ]
    await context.close()


async def test_nothing_is_sent_by_itself_while_a_witness_is_asked_or_a_medium_is_to_be_chosen(
    chrome: Browser, address: str, erasure: Service, tmp_path: Path
) -> None:
    card = b'{"name": "\xe4\xbd\x90\xe8\x97\xa4", "roles": ["witness"]}'
    async with erasure.consuming() as tx:
        await consumers.handle(tx, [Notice(uuid7(), "people", TOWN, f"people.{TOWN}.sato", card)])
    asked = await register(erasure, item("SHUTW", required=required(assurance="both")))
    several = await register(erasure, item("SHUTA", "SHUTB"))
    shot = tmp_path / "photo.jpg"
    shot.write_bytes(photo(size=(320, 240)))
    context = await opened(chrome, DESK)
    page = await context.new_page()
    for one, missing in ((asked, page.get_by_label("佐藤")), (several, page.get_by_label("SHUTB"))):
        await page.goto(f"{address}/erasure/destroy?machine=M-1&label={one.label}")
        for name in ("before", "after"):
            await page.locator(f"#{name}").set_input_files(shot)
        await expect(page.get_by_text("撮影済み")).to_have_count(2)
        await expect(page.get_by_text("2枚とも撮ると、そのまま記録します。")).to_be_hidden()
        assert not await erasure.rows(crushed_of(one)[0], **crushed_of(one)[1])
        await missing.check()
        await page.get_by_role("button", name="粉砕を記録する").click()
        await expect(page.get_by_text("記録しました")).to_be_visible()
    await context.close()


async def test_neither_a_refusal_nor_a_lost_network_takes_away_what_was_taken(
    chrome: Browser, address: str, erasure: Service, tmp_path: Path
) -> None:
    one = await register(erasure, item("SHUTR"))
    shot = tmp_path / "photo.jpg"
    shot.write_bytes(photo(size=(320, 240)))
    context = await opened(chrome, DESK)
    page = await context.new_page()
    await page.goto(f"{address}/erasure/destroy?label={one.label}")
    await page.get_by_label("粉砕機").fill("M-7")
    await page.get_by_label("粒の大きさ（mm）").fill("細かい")
    for name in ("before", "after"):
        await page.locator(f"#{name}").set_input_files(shot)
    await expect(page.get_by_role("alert").first).to_contain_text("なおしてください")
    await expect(page.get_by_text("撮影済み")).to_have_count(2)
    await expect(page.get_by_label("粉砕機")).to_have_value("M-7")
    await expect(page.get_by_label("粒の大きさ（mm）")).to_have_value("細かい")
    assert await axe_violations(page) == []
    await page.get_by_label("粒の大きさ（mm）").fill("6.5")
    await context.set_offline(True)
    await page.get_by_role("button", name="粉砕を記録する").click()
    await expect(page.get_by_role("alert").last).to_be_visible()
    await expect(page.get_by_text("送れませんでした")).to_be_visible()
    await context.set_offline(False)
    await page.get_by_role("button", name="粉砕を記録する").click()
    await expect(page.get_by_text("記録しました")).to_be_visible()
    (deed,) = await erasure.rows(crushed_of(one)[0], **crushed_of(one)[1])
    digest = hashlib.sha256(shot.read_bytes()).hexdigest()
    assert [(one["sha256"], one["hashed_on_device"]) for one in deed.data["photos"]] == [(digest, True)] * 2
    assert deed.data["particle_mm"] == 6.5
    await context.close()


async def test_photos_that_were_refused_are_not_sent_again_with_the_first_new_one(
    chrome: Browser, address: str, erasure: Service, tmp_path: Path
) -> None:
    one = await register(erasure, item("SHUTX"))
    shot, none = tmp_path / "photo.jpg", tmp_path / "none.jpg"
    shot.write_bytes(photo(size=(320, 240)))
    none.write_bytes(b"not a photo")
    context = await opened(chrome, DESK)
    page = await context.new_page()
    posts: list[str] = []
    page.on("request", lambda request: posts.append(request.url) if request.method == "POST" else None)
    await page.goto(f"{address}/erasure/destroy?machine=M-1&label={one.label}")
    for name in ("before", "after"):
        await page.locator(f"#{name}").set_input_files(none)
    await expect(page.get_by_role("alert").first).to_contain_text("写真")
    await expect(page.get_by_text("撮影済み")).to_have_count(2)
    await page.locator("#before").set_input_files(shot)
    await expect(page.get_by_text(f"SHA-256 {hashlib.sha256(shot.read_bytes()).hexdigest()[:8]}…")).to_be_visible()
    assert len(posts) == 1
    await page.locator("#after").set_input_files(shot)
    await expect(page.get_by_text("記録しました")).to_be_visible()
    assert len(posts) == 2
    assert await erasure.rows(crushed_of(one)[0], **crushed_of(one)[1])
    await context.close()


@pytest.mark.parametrize("screen", [PHONE, DESK], ids=["phone", "desk"])
async def test_a_tray_is_scanned_and_its_picture_hashed_before_it_leaves(
    chrome: Browser, address: str, erasure: Service, tmp_path: Path, screen: dict[str, int]
) -> None:
    them = [await register(erasure, item(f"TRAY{screen['width']}-{n}")) for n in range(3)]
    shot, film = tmp_path / "tray.jpg", tmp_path / "cam1.mp4"
    shot.write_bytes(photo(size=(640, 480), exif=True))
    film.write_bytes(b"not shown, only hashed")
    context = await opened(chrome, screen)
    page = await context.new_page()
    await page.goto(f"{address}/erasure/destroy")
    await page.get_by_role("link", name="1枚の写真に複数の媒体が写るとき").click()
    await page.get_by_label("トレーの媒体").fill("\n".join(one.label for one in them))
    await page.locator("#after").set_input_files(shot)
    digest = hashlib.sha256(shot.read_bytes()).hexdigest()
    await expect(page.get_by_text(f"SHA-256 {digest[:8]}…")).to_be_visible()
    await page.get_by_label("粉砕機").fill("細断機 1号")
    await page.get_by_label("本体から取り外してから粉砕した").check()
    await page.get_by_label("細断", exact=True).check()
    await page.get_by_label("粒の大きさ（mm）").fill("6.5")
    await page.get_by_text("細断の等級・動画").click()
    await page.get_by_label("動画のファイル").set_input_files(film)
    await expect(page.get_by_label("動画のSHA-256")).to_have_value(hashlib.sha256(film.read_bytes()).hexdigest())
    await page.get_by_label("動画の保管場所").fill("録画機2号")
    await page.get_by_label("動画の長さ（秒）").fill("600")
    assert await axe_violations(page) == []
    await page.get_by_role("button", name="トレーの粉砕を記録する").click()
    await expect(page.get_by_text("3つを記録しました")).to_be_visible()
    say = await page.locator(".mg-status__say").evaluate("one => parseFloat(getComputedStyle(one).fontSize)")
    assert say >= 24, "the answer is readable from two metres"
    for lang in ("ja", "en"):
        await page.goto(f"{page.url.replace('&lang=ja', '')}&lang={lang}")
        assert await page.evaluate("document.documentElement.scrollWidth - innerWidth") <= 0, lang
    await page.goto(page.url.replace("&lang=en", "&lang=ja"))
    assert await axe_violations(page) == []
    for one in them:
        (deed,) = await erasure.rows(
            "SELECT data FROM deeds WHERE item = :i AND kind = 'erasure.medium-destroyed.v1'", i=one.item
        )
        assert [(photo["sha256"], photo["hashed_on_device"]) for photo in deed.data["photos"]] == [(digest, True)]
        assert deed.data["video"]["name"] == "cam1.mp4"
    await page.get_by_role("link", name="次のトレーへ").click()
    await expect(page.get_by_label("粉砕機")).to_have_value("細断機 1号")
    await context.close()


async def test_files_are_dropped_and_each_says_what_became_of_it(
    chrome: Browser, address: str, story: list[ItemRegistered], tmp_path: Path
) -> None:
    for name, content in (
        ("good.json", proof(story[3].media[0].serial)),
        ("bad.txt", b"?"),
        ("stray.json", proof("X1")),
    ):
        (tmp_path / name).write_bytes(content)
    context = await opened(chrome, DESK)
    page = await context.new_page()
    await page.goto(f"{address}/erasure")
    await page.locator("#files").set_input_files([tmp_path / name for name in ("good.json", "bad.txt", "stray.json")])
    await page.get_by_role("button", name="登録する").click()
    for said in ("Purge 証明済み", "読めません", "媒体を待っています"):
        await expect(page.locator("#results ~ *, .mg-table").get_by_text(said, exact=True).first).to_be_visible()
    assert await axe_violations(page) == []
    await context.close()


async def dropped(page: Page, paths: list[Path], at: tuple[float, float]) -> None:
    """Drag files from the desktop onto a point of the page, as the browser itself is told by the window system."""
    devtools = await page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for kind in ("dragEnter", "dragOver", "drop"):
        await devtools.send("Input.dispatchDragEvent", {"type": kind, "x": at[0], "y": at[1], "data": data})
    await devtools.detach()


async def middle(page: Page, selector: str) -> tuple[float, float]:
    box = await page.locator(selector).bounding_box()
    assert box
    return box["x"] + box["width"] / 2, box["y"] + box["height"] / 2


@pytest.mark.parametrize("target", [".mg-drop", "h1"], ids=["on the field", "beside it"])
async def test_files_of_many_kinds_are_dragged_from_the_desktop_and_each_gets_its_row(
    chrome: Browser, address: str, erasure: Service, tmp_path: Path, target: str
) -> None:
    mark = "A" if target == "h1" else "B"
    it = await register(erasure, item(f"DROP{mark}1"))
    log = (SAMPLES / "nwipe-0.32-nvme.log").read_text().replace("S64DNX0R900417", f"S64DNX0R9DROP{mark}")
    them = {
        f"session-{mark}.json": (proof(f"DROP{mark}1"), "Purge 証明済み"),
        f"nwipe-{mark}.log": (log.encode(), "媒体を待っています"),
        f"certificate-{mark}.pdf": ((SAMPLES / "nwipe-0.42.pdf").read_bytes(), "媒体を待っています"),
        f"消去-{mark}.xml": ((SAMPLES / "blancco-entries.xml").read_bytes(), "媒体を待っています"),
        f"empty-{mark}.txt": (b"", "読めません"),
        f"photo-{mark}.jpg": (photo(size=(64, 48)), "読めません"),
        f"lshw-{mark}.json": ((SAMPLES / "lshw.json").read_bytes(), "証跡ではありません"),
    }
    for name, (content, _) in them.items():
        (tmp_path / name).write_bytes(content)
    context = await opened(chrome, DESK)
    page = await context.new_page()
    await page.goto(f"{address}/erasure?engagement={ENGAGEMENT}")
    here = page.url
    await dropped(page, [tmp_path / name for name in them], await middle(page, target))
    await expect(page.locator("#chosen")).to_contain_text(f"選んだファイル {len(them)}")
    assert page.url == here, "the browser did not leave to show a file"
    await page.get_by_role("button", name="登録する").click()
    await expect(page.locator("#sending [role=status]")).to_have_text(f"{len(them)} / {len(them)}")
    for name, (_, said) in them.items():
        row = page.locator("#rows tr", has_text=name)
        await expect(row.first).to_contain_text(said)
    assert await axe_violations(page) == []
    await context.close()
    kept = await erasure.rows("SELECT achieved FROM deeds WHERE item = :i", i=it.item)
    assert [row.achieved for row in kept] == ["purge"]
