"""The list of devices and the page of one: what is missing, and what each may do about it."""

import html
import re
from typing import Any
from urllib.parse import quote

import pytest

from services.tracking.tests.entries import erased, issued
from services.tracking.tests.readers import NAMES, Web, World, heard
from services.tracking.tests.world import founded, registered, row
from shared.entry import Entry
from shared.events.certificates import CertificateRevoked
from shared.events.erasure import UNCONFIRMED, Reason
from shared.ids import uuid7
from shared.levels import Level
from shared.testing import TOWN, Service, recorded


@pytest.mark.parametrize("who", ["", "stranger"])
async def test_a_device_is_hidden_from_strangers(web: Web, world: World, who: str) -> None:
    page = await web.get(f"/items/{world.rich.event.label}", who=who)
    assert page.status_code == (404 if who else 401)
    assert "RICH" not in page.text


async def test_the_list_filters_by_step_place_and_kind(web: Web, world: World) -> None:
    async def labels(query: str) -> set[str]:
        page = (await web.get(f"/items?{world.query}&{query}", who="clerk")).text
        return set(re.findall(r'href="/items/(\w{9})"', page))

    named = {name: getattr(world, name).event.label for name in ("rich", "waiting", "bare", "scrap", "held")}
    assert await labels("") == set(named.values())
    assert await labels("step=taken-over") == {named["rich"]}
    assert await labels("step=given") == {named["rich"]}
    assert await labels("step=ssd") == {named["rich"], named["waiting"]}
    assert await labels("place=centre") == {named["waiting"]}
    assert await labels("place=recycled") == {named["scrap"]}
    assert await labels("place=town") == {named["bare"], named["held"]}
    assert await labels("kind=desktop") == {named["rich"]}
    assert await labels("step=nonsense") == set()


def listed(page: str) -> set[str]:
    return set(re.findall(r'href="/items/(\w{9})"', page))


async def test_a_device_is_found_by_what_stands_on_it_however_it_is_typed(web: Web, world: World) -> None:
    rich, bare = world.rich.event.label, world.bare.event.label
    everything = {getattr(world, name).event.label for name in ("rich", "waiting", "bare", "scrap", "held")}

    async def found(words: str, more: str = "") -> set[str]:
        page = await web.get(f"/items?{world.query}&q={quote(words)}{more}", who="clerk")
        assert page.status_code == 200, words
        assert f'value="{html.escape(words)}"' in page.text, "what was typed is still there"
        return listed(page.text)

    grouped = f"{rich[:4]}-{rich[4:8]}-{rich[8]}"
    wide = grouped.translate({n: n + 0xFEE0 for n in range(0x21, 0x7F)})
    for words in (rich, rich.lower(), grouped, grouped.lower(), wide, wide.replace("－", "ー"), rich[1:7].lower()):
        assert await found(words) == {rich}, words
    assert await found(f"HTTPS://MEGURU.EXAMPLE/T/{rich}/K7Q492MD") == {rich}, "a scanner types into the field too"
    for words in ("PC-RICH", "pc-rich", "ＰＣ−ｒｉｃｈ", "RICH", "c-ric", "A-RICH", "aーrich", " a-rich　"):
        assert await found(words) == {rich}, words
    for words in ("MN-3200", "mn-32", "ミナト電機", "ﾐﾅﾄ電機", "ミナト電機　ｍｎ", ""):
        assert await found(words) == everything, words
    assert await found("BARE", "&step=registered&place=town&kind=notebook") == {bare}
    assert await found("BARE", "&place=centre") == set()
    assert await found("電機") == await found("ich!") == await found("RI") == set(), "two characters are a whole value"


async def test_a_whole_value_of_two_characters_is_found_and_what_was_typed_leads_to_the_next_page(
    web: Web, tracking: Service
) -> None:
    engagement = await founded(tracking, contract="R8-SEARCH")
    short, other = row("SHORT"), row("OTHER")
    short.described["maker"] = "東芝"
    other.media[0]["maker"] = "ＨＰ"
    one, two, *_ = await registered(tracking, engagement, [short, other, *(row(f"M%{n:03}") for n in range(101))])
    query = f"/items?town={TOWN}&engagement={engagement}"
    assert listed((await web.get(f"{query}&q={quote('東芝')}", who="clerk")).text) == {one.event.label}
    assert listed((await web.get(f"{query}&q=hp", who="clerk")).text) == {two.event.label}
    first = (await web.get(f"{query}&q={quote('M%0')}&kind=notebook", who="clerk")).text
    assert len(listed(first)) == 100, "M%000 to M%099"
    first = (await web.get(f"{query}&q={quote('m%')}1&kind=notebook", who="clerk")).text
    assert len(listed(first)) == 1, "M%100"
    first = (await web.get(f"{query}&q={quote('a-m%')}&kind=notebook", who="clerk")).text
    (following,) = re.findall(r'href="(/items\?[^"]*page=2)"', first)
    second = (await web.get(html.unescape(following), who="clerk")).text
    assert len(listed(first) | listed(second)) == 101
    assert 'value="a-m%"' in second


HOSTILE = [
    "%",
    "_",
    "%%%",
    "___",
    "P_-RICH",
    "%RICH",
    "\\\\\\",
    "' OR ''='",
    '"><script>alert(1)</script>',
    "';--",
    "{{7*7}}",
    ":words",
]


@pytest.mark.parametrize("words", HOSTILE)
async def test_no_sign_in_a_search_means_more_than_itself(web: Web, world: World, words: str) -> None:
    page = await web.get(f"/items?{world.query}&q={quote(words)}", who="clerk")
    assert page.status_code == 200
    assert listed(page.text) == set()
    assert "この条件に合う機器はありません" in page.text
    assert f'value="{html.escape(words)}"' in page.text.replace("&#34;", "&quot;").replace("&#39;", "&#x27;")


@pytest.mark.parametrize(
    "words", ["x" * 10_000, "％" * 201, "RICH\0", "\x1b[2J"], ids=["long", "wide", "null", "control"]
)
@pytest.mark.parametrize(("lang", "said"), [("ja", "してください。"), ("en", "Search for")])
async def test_a_search_that_cannot_be_is_answered_by_a_sentence_beside_it(
    web: Web, world: World, words: str, lang: str, said: str
) -> None:
    page = await web.get(f"/items?{world.query}&q={quote(words)}", who="clerk", lang=lang)
    assert page.status_code == 422
    assert listed(page.text) == set()
    assert 'role="alert"' in page.text
    assert 'id="q-e"' in page.text
    assert said in page.text
    assert words in page.text, "nothing that was typed is lost"


@pytest.mark.parametrize(("lang", "said"), [("ja", "まだ出庫できません。あと1つ必要です。"), ("en", "Purge")])
async def test_a_device_page_says_what_is_missing_before_it_may_leave(
    web: Web, world: World, lang: str, said: str
) -> None:
    page = (await web.get(f"/items/{world.bare.event.label}", who="worker", lang=lang)).text
    assert said in page
    assert "BARE" in page
    assert f'action="/items/{world.bare.event.label}/exception"' in page
    done = (await web.get(f"/items/{world.rich.event.label}", who="clerk", lang=lang)).text
    assert f'href="/certificates/D-{world.rich.event.label}-1"' in done
    assert NAMES["worker"] in done
    assert "nvme.json" in done


async def test_an_exception_takes_three_people_and_a_refusal_keeps_what_was_typed(web: Web, world: World) -> None:
    path = f"/items/{world.held.event.label}"
    medium = str(world.held.event.media[0].id)
    empty = await web.post(f"{path}/exception", who="worker", medium=medium, reason="", witness="witness")
    assert empty.status_code == 422
    assert 'id="reason-e"' in empty.text
    alone = await web.post(f"{path}/exception", who="worker", medium=medium, reason="電源が入らない", witness="worker")
    assert alone.status_code == 409
    assert 'role="alert"' in alone.text
    assert "別の人が必要です" in alone.text
    assert "電源が入らない" in alone.text
    english = await web.post(f"{path}/exception", who="worker", lang="en", reason="dead", witness="worker")
    assert "The witness must be another person." in english.text
    asked = await web.post(f"{path}/exception", who="worker", medium=medium, reason="電源が入らない", witness="witness")
    assert asked.status_code == 303
    waiting = await web.get(f"/dashboard?{world.query}", who="approver")
    assert "承認待ち" in waiting.text
    assert "あと2" in waiting.text
    assert "例外 " not in waiting.text
    for who in ("clerk", "usurper"):
        assert (await web.post(f"{path}/approval", who=who, medium=medium)).status_code == 403
    approved = await web.post(f"{path}/approval", who="approver", medium=medium)
    assert approved.status_code == 303
    counted = (await web.get(f"/dashboard?{world.query}", who="approver")).text
    assert "例外 1" in counted
    assert "あと1" in counted, "what is allowed to leave unerased is not left to do"
    page = (await web.get(approved.headers["location"], who="worker")).text
    assert "記録しました" in page
    assert "まだ出庫できません" not in page


async def test_a_leased_chassis_is_recycled_for_a_reason_given_on_its_page(
    web: Web, tracking: Service, world: World
) -> None:
    (leased,) = await registered(tracking, world.engagement, [row("LEASED", lessor="見本リース")])
    path = f"/items/{leased.event.label}"
    assert (await web.post("/capture/received", who="worker", scan=leased.event.label)).status_code == 303
    page = (await web.get(path, who="worker")).text
    assert 'for="why"' in page
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids)), "what a label or a link points at is one thing"
    assert f'action="{path}/candidate"' not in page, "it would only be refused"
    silent = await web.post(f"{path}/recycling", who="worker", lang="en", why=" ")
    assert silent.status_code == 422
    assert re.search(r'id="why-e">.*A leased chassis goes back to the lessor', silent.text)
    sent = await web.post(f"{path}/recycling", who="worker", why="貸主の処分依頼書 R8-3")
    assert sent.status_code == 303
    assert "貸主の処分依頼書 R8-3" in (await web.get(path, who="clerk")).text


async def test_a_clerk_corrects_a_value_with_its_reason_and_the_wrong_one_stays_on_the_way(
    web: Web, tracking: Service, world: World
) -> None:
    (one,) = await registered(tracking, world.engagement, [row("CRF1")])
    path = f"/items/{one.event.label}"
    said = {"corrected": "asset_number", "value": "R9-0001", "because": "台帳の写しまちがい"}
    assert (await web.post(f"{path}/correction", who="worker", **said)).status_code == 403
    assert (await web.post(f"{path}/correction", who="clerk", **(said | {"because": ""}))).status_code == 422
    same = await web.post(f"{path}/correction", who="clerk", **(said | {"value": "A-CRF1"}))
    assert (same.status_code, "いまの登録と同じです" in same.text) == (422, True)
    assert (await web.post(f"{path}/correction", who="clerk", **said)).status_code == 303
    page = await web.get(path, who="clerk")
    assert "物品番号：R9-0001" in page.text
    assert 'action="' + path + '/correction"' in page.text
    assert "/correction" not in (await web.get(path, who="worker")).text


async def test_the_form_of_a_correction_is_there_when_no_certificate_says_the_value(
    web: Web, tracking: Service, world: World
) -> None:
    (one,) = await registered(tracking, world.engagement, [row("CRF2")])
    path = f"/items/{one.event.label}"
    first = issued(one)
    second = recorded(first.event.model_copy(update={"certificate": uuid7()}), stream=uuid7())
    for told, offered in (([first, second], False), ([revoked(first)], False), ([revoked(second)], True)):
        await heard(tracking, *told)
        assert ("/correction" in (await web.get(path, who="clerk")).text) is offered


def revoked(certificate: Entry[Any]) -> Entry[Any]:
    event = CertificateRevoked(certificate=certificate.stream, number=certificate.event.number, reason="誤記")
    return recorded(event, stream=certificate.stream, sequence=certificate.sequence + 1)


async def test_a_clerk_explains_a_flag_with_a_second_person_and_it_leaves_the_home(
    web: Web, tracking: Service, world: World
) -> None:
    (one,) = await registered(tracking, world.engagement, [row("EXPL")])
    await web.post("/capture/received", who="worker", scan=one.event.label)
    path, home = f"/items/{one.event.label}", f"/dashboard?{world.query}"
    page = (await web.get(path, who="clerk")).text
    flags = re.findall(r'<option value="([0-9a-f-]{36}\.(?:not|level)-[a-z-]+)"', page)
    assert [one.split(".")[1] for one in flags] == ["not-shipped-out", "level-not-proved"]
    assert path + "/explanation" not in (await web.get(path, who="worker")).text
    said = {"flag": flags[0], "explained": "運送の控えで確かめた", "beside": ""}
    alone = await web.post(f"{path}/explanation", who="clerk", **said)
    assert (alone.status_code, "確かめたもう一人が必要です" in alone.text) == (422, True)
    assert "運送の控えで確かめた" in alone.text
    for wrong in ({"flag": "x"}, {"explained": ""}, {"beside": "clerk"}):
        assert (await web.post(f"{path}/explanation", who="clerk", **said | wrong)).status_code in (409, 422)
    assert (await web.post(f"{path}/explanation", who="worker", **said | {"beside": "worker2"})).status_code == 403
    for flag in flags:
        assert one.event.label in (await web.get(f"/items?{world.query}&record=broken", who="worker")).text
        done = await web.post(f"{path}/explanation", who="clerk", **said | {"flag": flag, "beside": "worker2"})
        assert done.status_code == 303, done.text
    for lang, chip in (("ja", "手順と合わず、説明済み"), ("en", "Does not fit, explained")):
        shown = (await web.get(path, who="clerk", lang=lang)).text
        assert chip in shown
        assert "小林実" in shown
        assert "/explanation" not in shown
    assert one.event.label not in (await web.get(f"/items?{world.query}&record=broken", who="clerk")).text
    assert one.event.label in (await web.get(f"/items?{world.query}&record=explained", who="clerk")).text
    assert (await web.get(home, who="clerk")).status_code == 200


async def test_a_clerk_corrects_a_medium_by_the_same_form(web: Web, tracking: Service, world: World) -> None:
    (one,) = await registered(tracking, world.engagement, [row("CRM1")])
    path, medium = f"/items/{one.event.label}", one.event.media[0].id
    for name, value, status in (
        ("kind", "ディスク", 422),
        ("kind", "なし", 422),
        ("capacity_gb", "たくさん", 422),
        ("serial", "", 422),
        ("colour", "red", 422),
        ("kind", "ssd", 303),
        ("capacity_gb", "２４０", 303),
        ("model", "KAWASEMI", 303),
        ("serial", "ＣＲＭ9", 303),
    ):
        said = {"corrected": f"{medium}.{name}", "value": value, "because": "ラベルのとおり"}
        answer = await web.post(f"{path}/correction", who="clerk", **said)
        assert answer.status_code == status, (name, value)
    nobody = await web.post(f"{path}/correction", who="clerk", corrected="x.serial", value="1", because="x")
    assert nobody.status_code == 422
    page = (await web.get(path, who="clerk")).text
    for shown in ("記憶媒体1　製造番号：CRM9", "記憶媒体1　種別：SSD", "容量（GB）：240", "CRM1 → CRM9", "HDD → SSD"):
        assert shown in page


@pytest.mark.parametrize(("lang", "said"), [("ja", "読み取り未確認"), ("en", "Reader unconfirmed")])
@pytest.mark.parametrize("unconfirmed", [True, False])
async def test_a_grade_of_a_reader_that_is_not_confirmed_says_so_on_the_timeline(
    web: Web, tracking: Service, world: World, lang: str, said: str, *, unconfirmed: bool
) -> None:
    (one,) = await registered(tracking, world.engagement, [row(f"UNCONFIRMED-{lang}-{unconfirmed}")])
    why = Reason(code=UNCONFIRMED if unconfirmed else "verified", ja="実物では未確認。", en="Not tried on a real one.")
    await heard(tracking, erased(one, Level.CLEAR, reasons=(why,)))
    page = (await web.get(f"/items/{one.event.label}", who="clerk", lang=lang)).text
    assert (said in page) is unconfirmed
    assert (why.ja if lang == "ja" else why.en) in page
