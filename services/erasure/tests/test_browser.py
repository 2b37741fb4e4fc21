import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser, BrowserContext, FilePayload, expect

from services.erasure import api, pages
from services.erasure.tests.conftest import ENGAGEMENT, bearer, hear, item, principal, register, required
from services.erasure.tests.test_api import drop, failing, proof
from services.erasure.worker import life
from shared.assembly import assemble
from shared.browser import DESK, PHONE, WHY_SKIPPED, Visits, axe_violations, chromium, launch, serving, unfocused
from shared.events.tracking import ExceptionApproved, ItemRegistered
from shared.ids import uuid7
from shared.testing import Service, photo, recorded

pytestmark = pytest.mark.browser
ROUTERS = (api.router, pages.router)


@pytest.fixture(scope="module")
async def chrome() -> AsyncIterator[Browser]:
    if chromium() is None:
        pytest.skip(WHY_SKIPPED)
    async with launch() as browser:
        yield browser


@pytest.fixture(scope="module")
async def address(erasure: Service, monkeypatch_module: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """The application on a loopback port that is its own origin."""
    assert erasure.settings.service == "erasure"
    monkeypatch_module.delenv("MEGURU_ORIGIN", raising=False)
    templates = Path(api.__file__).parent / "templates"
    app = assemble("erasure", title="erasure", life=life, routers=ROUTERS, templates=templates)
    async with app.router.lifespan_context(app), serving(app) as at:
        yield at


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


async def opened(chrome: Browser, screen: dict[str, int]) -> BrowserContext:
    return await chrome.new_context(
        viewport={"width": screen["width"], "height": screen["height"]},
        extra_http_headers=bearer(principal()),
        locale="ja-JP",
    )


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


async def test_a_rack_of_twenty_takes_one_scan_two_taps_and_a_scan_an_exception(
    chrome: Browser, address: str, erasure: Service, client: httpx.AsyncClient
) -> None:
    machines = [item(f"RACK{nth:02}") for nth in range(20)]
    await hear(erasure, *(recorded(one, stream=one.item) for one in machines))
    said = {"request": str(uuid7()), "engagement": str(ENGAGEMENT), "room": "第2会議室"}
    went = await client.post("/erasure/sessions", data=said, headers={"accept": "text/html"})
    load = {"step": "load", "rack": "R-01", "labels": "\n".join(one.label for one in machines)}
    url = went.headers["location"]
    await client.post(url.split("?")[0], data=said | load | {"request": str(uuid7())}, headers={"accept": "text/html"})
    context = await opened(chrome, DESK)
    page = await context.new_page()
    scans = taps = 0

    async def scan(text: str) -> None:
        nonlocal scans
        scans += 1
        await expect(page.locator("input:focus")).to_have_count(1)
        async with page.expect_navigation():
            await page.keyboard.type(text)
            await page.keyboard.press("Enter")

    async def tap(name: str) -> None:
        nonlocal taps
        taps += 1
        async with page.expect_navigation():
            await page.get_by_role("button", name=name).click()

    await page.goto(f"{address}{url}")
    await scan("r-01")
    await tap("消去を始めた")
    for one in machines[:2]:
        await scan(one.label)
    await tap("18台の消去が終わった")
    await expect(page.get_by_text("報告を待っています")).to_have_count(18)
    assert (scans, taps) == (1 + 2, 2)
    assert await axe_violations(page) == []
    await context.close()


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
    await page.get_by_label("次の媒体のラベル").fill(story[0].label.lower())
    await page.keyboard.press("Enter")
    await page.locator("#before").set_input_files(shot)
    await page.locator("#after").set_input_files(shot)
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
