import re
from html.parser import HTMLParser

import httpx
import pytest

from services.erasure.domain.reason import SENTENCES
from services.erasure.tests.capture import SAMPLES
from services.erasure.tests.conftest import ENGAGEMENT, bearer, item, principal, register, required
from services.erasure.tests.test_api import drop, proof
from shared.ids import uuid7
from shared.levels import Level
from shared.testing import TOWN, Service, photo

PAGE = {"Accept": "text/html"}


class Balanced(HTMLParser):
    """Every element that is opened is closed, and no id stands twice."""

    void = frozenset({"meta", "link", "input", "img", "br", "path", "rect", "circle", "use"})

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [value or "" for name, value in attrs if name == "id"]
        assert not any(name == "style" or name.startswith("on") for name, _ in attrs), self.get_starttag_text()
        if tag not in self.void:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.ids += [f"{value}" for name, value in attrs if name == "id" and tag]

    def handle_endtag(self, tag: str) -> None:
        if tag not in self.void:
            assert self.open.pop() == tag


def whole(page: httpx.Response) -> str:
    reader = Balanced()
    reader.feed(page.text)
    assert reader.open == []
    assert len(set(reader.ids)) == len(reader.ids)
    return page.text


async def test_the_session_page_counts_media_and_takes_files(erasure: Service, client: httpx.AsyncClient) -> None:
    one = await register(erasure, item("PAGE0001"))
    page = await client.get("/erasure", headers=PAGE)
    assert page.status_code == 200
    assert "最上町" in whole(page)
    request = re.search(r'name="request" value="([^"]+)"', page.text)
    assert request
    files = [
        ("files", ("session.json", proof("PAGE0001"), "application/json")),
        ("files", ("holiday.jpg", photo(), "image/jpeg")),
        ("files", ("stray.json", proof("PAGE0002"), "application/json")),
    ]
    said = {"request": request.group(1), "place": "on-site"}
    shown = whole(await client.post("/erasure/reports", files=files, data=said, headers=PAGE))
    assert "Purge 証明済み" in shown
    assert "読めません" in shown
    assert "媒体を待っています" in shown
    assert f"/erasure/media/{one.label}" in shown
    again = whole(await client.post("/erasure/reports", files=files, data=said, headers=PAGE))
    assert "登録済み" in again


async def test_the_destroy_line_works_as_a_plain_form(erasure: Service, client: httpx.AsyncClient) -> None:
    one = await register(erasure, item("LINE0001"))
    await drop(client, proof("LINE0001"))
    page = whole(
        await client.get("/erasure/destroy", params={"label": one.label, "machine": "粉砕機 2号"}, headers=PAGE)
    )
    assert 'capture="environment"' in page
    assert "Purge 証明済み" in page
    assert 'value="粉砕機 2号"' in page
    said = {"label": one.label, "machine": "粉砕機 2号", "technique": "crush", "request": str(uuid7())}
    shots = {"before": ("b.jpg", photo(), "image/jpeg"), "after": ("a.jpg", photo(), "image/jpeg")}
    done = await client.post("/erasure/destroy", data=said, files=shots, headers=PAGE)
    assert done.status_code == 303
    shown = whole(await client.get(done.headers["location"], headers=PAGE))
    assert "記録しました" in shown
    assert 'value="粉砕機 2号"' in shown
    assert "粉砕済み1、" in shown


async def test_a_second_destruction_and_a_false_photo_are_refused_in_words(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    one = await register(erasure, item("LINE0002"))
    said = {"label": one.label, "machine": "2号機", "technique": "crush", "request": str(uuid7())}
    text = {"before": ("b.jpg", b"<svg/>", "image/jpeg")}
    wrong = await client.post("/erasure/destroy", data=said, files=text, headers=PAGE)
    assert wrong.status_code == 422
    assert "写真（JPEG・PNG・WebP・HEIC）として読めません" in whole(wrong)
    assert 'value="2号機"' in wrong.text
    none = await client.post("/erasure/destroy", data=said, files={"before": ("", b"")}, headers=PAGE)
    assert none.status_code == 422
    shots = {"after": ("a.jpg", photo(), "image/jpeg")}
    missing = await client.post("/erasure/destroy", data=said | {"machine": ""}, files=shots, headers=PAGE)
    assert missing.status_code == 422
    assert "なおしてください" in whole(missing)
    assert (await client.post("/erasure/destroy", data=said, files=shots, headers=PAGE)).status_code == 303
    second = await client.post("/erasure/destroy", data=said | {"request": str(uuid7())}, files=shots, headers=PAGE)
    assert second.status_code == 409
    assert "粉砕済みです" in whole(second)
    assert "次にすること" in second.text


async def test_a_label_that_is_none_and_one_that_is_unknown_say_so(client: httpx.AsyncClient) -> None:
    wrong = await client.get("/erasure/destroy", params={"label": "7K3D"}, headers=PAGE)
    assert wrong.status_code == 422
    assert "追跡IDは9文字です" in whole(wrong)
    unknown = await client.get("/erasure/destroy", params={"label": item().label}, headers=PAGE)
    assert unknown.status_code == 404
    assert "登録がない" in whole(unknown)


async def test_the_queue_proposes_and_a_person_decides(erasure: Service, client: httpx.AsyncClient) -> None:
    one = await register(erasure, item("0QUEUE10"))
    await drop(client, proof("QUEUEIO"))
    page = whole(await client.get("/erasure/unmatched", headers=PAGE))
    assert "QUEUEIO" in page
    assert f'value="{one.label}"' in page
    report = re.search(
        rf'action="(/erasure/unmatched/[^"]+/bind)"(?:(?!</form>).)*value="{one.label}"', page, re.DOTALL
    )
    assert report
    bad = await client.post(report.group(1), data={"label": "?", "serial": "QUEUEIO"}, headers=PAGE)
    assert bad.status_code == 422
    assert 'role="alert"' in whole(bad)
    said = {"label": one.label, "serial": "QUEUEIO", "request": str(uuid7())}
    done = await client.post(report.group(1), data=said, headers=PAGE)
    assert done.status_code == 303, done.text
    after = whole(await client.get(done.headers["location"], headers=PAGE))
    assert "結び付けました" in after
    assert "QUEUEIO" not in after
    medium = whole(await client.get(f"/erasure/media/{one.label}", headers=PAGE))
    assert "人が確かめて結び付けました" in medium
    assert "証跡は Purge まで。必要なのは Purge。" in medium


async def test_every_page_speaks_english_and_asks_no_other_host(erasure: Service, client: httpx.AsyncClient) -> None:
    one = await register(erasure, item("ENGL0001", "ENGL0002"))
    await drop(client, proof("ENGL0001"))
    paths = ("/erasure", "/erasure/destroy", f"/erasure/destroy?label={one.label}", "/erasure/unmatched")
    for path in (*paths, f"/erasure/media/{one.label}"):
        page = await client.get(path, headers=PAGE, params={**dict(httpx.URL(path).params), "lang": "en"})
        assert page.status_code == 200
        assert '<html lang="en">' in whole(page)
        assert "://" not in re.sub(r"<script.*?</script>", "", page.text, flags=re.DOTALL)


async def test_a_clerk_of_the_town_sees_it_and_a_stranger_does_not(erasure: Service, client: httpx.AsyncClient) -> None:
    one = await register(erasure, item("SEEN0001"))
    clerk = bearer(principal("clerk", person="sato", party=TOWN))
    stranger = bearer(principal("worker", party="centre-elsewhere"))
    url = f"/erasure/media/{one.label}"
    assert (await client.get(url, headers=PAGE | clerk)).status_code == 200
    assert (await client.get(url, headers=PAGE | stranger)).status_code == 404
    assert (await client.get(url, headers=PAGE | {"Authorization": ""})).status_code == 401
    assert (await client.get("/erasure/destroy", headers=PAGE | clerk)).status_code == 403


@pytest.mark.parametrize(("lang", "said"), [("ja", "読み取り未確認"), ("en", "Reader unconfirmed")])
@pytest.mark.parametrize("file", ["blancco-entries.xml", "nwipe-0.42.pdf"])
async def test_a_grade_of_blanccos_reader_is_marked_wherever_a_page_shows_it(
    erasure: Service, client: httpx.AsyncClient, file: str, lang: str, said: str
) -> None:
    serial = f"UNC{lang.upper()}{'BL' if file.startswith('blancco') else 'NW'}0"
    one = await register(erasure, item(serial, kind="hdd", required=required(on_site=Level.CLEAR)))
    content = (SAMPLES / file).read_bytes().replace(b"W7K04182", serial.encode())
    form = {"request": str(uuid7()), "engagement": str(ENGAGEMENT), "place": "on-site"}
    english = {"lang": lang}
    dropped = await client.post(
        "/erasure/reports", files=[("files", (file, content))], data=form, params=english, headers=PAGE
    )
    medium = await client.get(f"/erasure/media/{one.label}", params=english, headers=PAGE)
    line = await client.get("/erasure/destroy", params=english | {"label": one.label}, headers=PAGE)
    is_blancco = file.startswith("blancco")
    assert [whole(page).count(said) for page in (dropped, medium, line)] == ([1, 2, 1] if is_blancco else [0, 0, 0])
    for page in (dropped, medium, line):
        assert "Clear" in page.text
    sentence = SENTENCES["reader-unconfirmed"][lang == "en"].format(tool="Blancco")
    assert (sentence in whole(medium)) is is_blancco


async def test_soldered_storage_is_called_so_and_nobody_asks_for_its_removal(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    one = await register(erasure, item("EMMC0001", kind="soldered"))
    japanese = {"lang": "ja"}
    medium = await client.get(f"/erasure/media/{one.label}", params=japanese, headers=PAGE)
    assert "基板実装（eMMC・UFS）" in whole(medium)
    page = whole(await client.get("/erasure/destroy", params=japanese | {"label": one.label}, headers=PAGE))
    assert "基板実装（eMMC・UFS）" in page
    assert "取り外しの記録なし" not in page
