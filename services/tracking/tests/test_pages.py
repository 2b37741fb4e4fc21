"""Every page for its readers: both languages, refused to others, refusals said, nothing private in public."""

import html
import re
from datetime import timedelta
from typing import Any

import pytest

from services.tracking.commands import cages, items, losses
from services.tracking.pages.lines import Moment, lines
from services.tracking.pages.place import desk
from services.tracking.reading import overview
from services.tracking.tests.readers import NAMES, Web, World, erased, heard
from services.tracking.tests.test_commands import issued
from services.tracking.tests.world import founded, registered, row
from shared.entry import Entry
from shared.events.certificates import CertificateRevoked
from shared.events.erasure import ErasureVerified, LotReopened, LotSettled
from shared.events.refurb import DeliveredToTown
from shared.ids import derived, uuid7
from shared.testing import NOW, TOWN, WORKER, Service, photo, recorded

# ── who may see what ─────────────────────────────────────────────────────────────────────────────────────────────────

READERS: list[tuple[str, str, list[str], list[str]]] = [
    ("/dashboard", "clerk", ["worker"], ["", "stranger"]),
    ("/items", "clerk", ["worker"], ["", "stranger"]),
    ("/reports", "clerk", ["worker"], ["", "stranger"]),
    ("/engagements", "admin", ["worker", "clerk"], [""]),
    ("/policy", "admin", ["worker", "clerk"], [""]),
    ("/inventory", "clerk", ["admin"], ["", "worker"]),
    ("/receiving", "worker", ["manager"], ["", "clerk", "stranger"]),
    ("/cages", "worker", ["manager"], ["", "clerk", "stranger"]),
    ("/capture/received", "worker", ["manager"], ["", "clerk"]),
    ("/capture/taken-over", "clerk", ["admin"], ["", "worker"]),
    ("/people", "admin", ["manager", "operator"], ["", "clerk"]),
    ("/towns", "operator", [], ["", "admin", "worker"]),
]


@pytest.mark.parametrize("lang", ["ja", "en"])
@pytest.mark.parametrize(("path", "first", "others", "refused"), READERS, ids=[row[0] for row in READERS])
async def test_each_page_stands_for_its_readers_and_is_refused_to_others(
    web: Web, *, path: str, first: str, others: list[str], refused: list[str], lang: str
) -> None:
    for who in [first, *others]:
        page = await web.get(path, who=who, lang=lang)
        assert page.status_code == 200, (who, page.text[:2000])
        assert f'<html lang="{lang}">' in page.text
        assert "<h1" in page.text
    for who in refused:
        page = await web.get(path, who=who, lang=lang)
        assert page.status_code in (401, 403, 404), (who, page.status_code)


@pytest.mark.parametrize("who", ["", "stranger"])
async def test_a_device_is_hidden_from_strangers(web: Web, world: World, who: str) -> None:
    page = await web.get(f"/items/{world.rich.event.label}", who=who)
    assert page.status_code == (404 if who else 401)
    assert "RICH" not in page.text


@pytest.mark.parametrize(("who", "status"), [("", 401), ("stranger", 403)])
async def test_who_may_not_see_a_town_hears_nothing_of_it(web: Web, who: str, status: int) -> None:
    assert (await web.get(f"/live/{TOWN}", who=who)).status_code == status


# ── what the pages say ───────────────────────────────────────────────────────────────────────────────────────────────


async def test_the_dashboard_counts_from_items_and_names_the_one_machine_two_counts_disagree_about(
    web: Web, world: World
) -> None:
    page = (await web.get(f"/dashboard?{world.query}", who="clerk")).text
    assert "モニター59台" in page
    assert "再生した台数が、町1台とセンター2台で違います" in page
    assert f'<a href="/items/{world.waiting.event.label}">' in page
    assert "この機器を見る" in page
    assert "<svg" in page
    assert "同じ数の表" in page
    placed = re.search(r"登録した数と一致.*?</tr>", page, re.DOTALL)
    assert placed
    assert re.findall(r'class="n">(\d+)<', placed[0]) == ["5", "59"]


async def test_each_reader_finds_the_rarer_pages_from_the_first_one(web: Web) -> None:
    offered = {
        "clerk": ({"/inventory", "/engagements", "/policy", "/signin"}, "/dashboard"),
        "admin": ({"/inventory", "/engagements", "/policy", "/people", "/signin"}, "/dashboard"),
        "worker": ({"/cages", "/receiving", "/engagements", "/policy", "/signin"}, "/dashboard"),
        "operator": ({"/people", "/signin"}, "/towns"),
    }
    for who, (links, first) in offered.items():
        page = (await web.get(first, who=who)).text
        found = re.findall(r'mg-button--plain" href="(/[a-z]+)', page.split('id="office"')[1])
        assert set(found) == links
        for link in found:
            assert (await web.get(link, who=who)).status_code == 200


async def test_what_is_left_is_said_with_its_number_in_both_languages(web: Web, world: World) -> None:
    japanese = (await web.get(f"/dashboard?{world.query}", who="clerk")).text
    english = (await web.get(f"/dashboard?{world.query}", who="clerk", lang="en")).text
    assert re.search(r"</svg>あと\d+</span>", japanese)
    assert re.search(r"</svg>\d+ left</span>", english)
    cages_page = (await web.get(f"/cages?{world.query}", who="worker", lang="en")).text
    assert '">Not yet</td>' in cages_page
    assert '">Missing</td>' not in cages_page


async def test_a_foreign_engagement_is_unknown(web: Web) -> None:
    page = await web.get(f"/dashboard?engagement={uuid7()}", who="clerk")
    assert page.status_code == 404
    assert "契約" in page.text


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


@pytest.mark.parametrize(("lang", "said"), [("ja", "まだ出庫できません。あと1つ必要です。"), ("en", "Purge")])
async def test_a_device_page_says_what_is_missing_before_it_may_leave(
    web: Web, world: World, lang: str, said: str
) -> None:
    page = (await web.get(f"/items/{world.bare.event.label}", who="worker", lang=lang)).text
    assert said in page
    assert "BARE" in page
    assert f'action="/items/{world.bare.event.label}/exception"' in page
    done = (await web.get(f"/items/{world.rich.event.label}", who="clerk", lang=lang)).text
    assert f'href="/certificates/D-{world.rich.event.label}"' in done
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


async def test_the_dashboard_says_that_a_failed_recheck_put_the_lot_in_doubt(
    web: Web, tracking: Service, world: World
) -> None:
    item = world.waiting.event
    stream = derived(world.engagement, "recheck")
    looked = ErasureVerified(
        medium=item.media[0].id, item=item.item, verifier="second", method="全域を読み直した", passed=False
    )
    failed = recorded(looked, stream=item.media[0].id, sequence=99)
    reopened = LotReopened(
        engagement=world.engagement,
        medium=item.media[0].id,
        failed=failed.id,
        round=2,
        seed="ab" * 32,
        population=3,
        drawn=(uuid7(),),
    )
    await heard(tracking, recorded(reopened, stream=stream), failed)
    page = (await web.get(f"/dashboard?{world.query}", who="clerk")).text
    assert "の再確認で、データが見つかりました" in page
    assert f'href="/erasure/recheck?engagement={world.engagement}"' in page
    await heard(tracking, recorded(LotSettled(engagement=world.engagement, round=2), stream=stream, sequence=2))
    assert "データが見つかりました" not in (await web.get(f"/dashboard?{world.query}", who="clerk")).text


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


async def test_a_lot_is_counted_where_it_leaves_and_where_it_arrives(web: Web, tracking: Service) -> None:
    engagement = await founded(tracking, contract="R8-lots")
    async with tracking.acting() as tx:
        one = await items.register_lot(tx, engagement, "monitor", 59)
    await heard(tracking)
    label, query = one.event.label, f"town={TOWN}&engagement={engagement}"
    for path, step, count, word in (
        ("/cages", "shipped-out", "59", "出庫の台数を記録する"),
        ("/receiving", "received", "58", "入庫の台数を記録する"),
    ):
        page = (await web.get(f"{path}?{query}", who="worker")).text
        assert word in page
        ids = re.findall(r' id="([^"]+)"', page)
        assert len(ids) == len(set(ids)), "what a label or a link points at is one thing"
        wrong = await web.post(f"/lots/{step}?{query}", who="worker", lot=label, counted="たくさん")
        assert wrong.status_code == 422
        assert 'id="counted-e"' in wrong.text
        why = {"why": "1台たりない", "other": "worker2"} if count == "58" else {}
        if why:
            silent = await web.post(f"/lots/{step}?{query}", who="worker", lot=label, counted=count)
            assert silent.status_code == 409
            assert "合いません" in silent.text
        sent = await web.post(f"/lots/{step}?{query}", who="worker", lot=label, counted=count, **why)
        assert sent.headers["location"].startswith(path)
        await heard(tracking)
        page = (await web.get(sent.headers["location"], who="worker")).text
        assert (word in page) is bool(why), "what differs may be counted again"
        assert f">{count}<" in page
    again = await web.post(f"/lots/received?{query}", who="worker", lot=label, counted="57")
    assert again.status_code == 409
    assert "もう記録されています" in again.text
    assert (await web.post(f"/lots/received?{query}", who="clerk", lot=label, counted="59")).status_code == 403
    strange = await web.post(f"/lots/received?{query}", who="worker", lot="7K3D9Q2MX", counted="59")
    assert strange.status_code == 404


async def test_what_the_town_takes_over_and_what_the_centre_delivers_have_two_words(
    web: Web, tracking: Service, world: World
) -> None:
    page = (await web.get(f"/items/{world.rich.event.label}", who="clerk")).text
    assert "受け取り済み" in page
    assert "町へ納品" in page
    assert "納品済み" not in page
    async with tracking.acting() as tx:
        counts = await overview(tx.connection, world.engagement)
    assert world.waiting.event.label in counts.ready_not_taken_over
    assert counts.not_delivered == [world.waiting.event.label]
    delivered = DeliveredToTown(item=world.waiting.stream, label=world.waiting.event.label, item_kind="notebook")
    await heard(tracking, recorded(delivered, stream=uuid7(), by=WORKER))
    async with tracking.acting() as tx:
        counts = await overview(tx.connection, world.engagement)
    assert (counts.not_delivered, counts.ready_not_taken_over) == ([], [world.waiting.event.label])


async def test_a_form_sent_twice_records_once(web: Web, world: World, tracking: Service) -> None:
    path, request = f"/items/{world.waiting.event.label}/difference", str(uuid7())
    for _ in range(2):
        sent = await web.post(path, who="clerk", request=request, reason="棚に残っている", second="worker")
        assert sent.status_code == 303, sent.text
    rows = await tracking.rows("SELECT stream FROM timeline WHERE data->>'about' = 'delivery'")
    assert len(rows) == 1
    page = await web.get(f"/differences/{rows[0].stream}?{world.query}", who="worker")
    assert world.waiting.event.label[:4] in page.text
    assert NAMES["worker"] in page.text
    path = f"/differences/{rows[0].stream}"
    early = await web.post(f"{path}?{world.query}", who="worker", outcome="found", explanation="棚で見つけた")
    assert early.status_code == 409
    assert "まだ読み取っていない機器" in early.text
    seen = await web.post(f"{path}/sighting?{world.query}", who="worker", scan=world.waiting.event.label)
    assert seen.status_code == 303
    closed = await web.post(
        f"/differences/{rows[0].stream}?{world.query}", who="worker", outcome="found", explanation="棚で見つけた"
    )
    assert closed.status_code == 303
    again = await web.post(
        f"/differences/{rows[0].stream}?{world.query}", who="worker", outcome="lost", explanation="ちがう"
    )
    assert again.status_code == 409
    assert "もう閉じています" in again.text


async def test_a_cage_goes_only_when_everything_is_proved_and_comes_short_by_name(
    web: Web, tracking: Service, world: World
) -> None:
    one, two = await registered(tracking, world.engagement, [row("CAGE-1"), row("CAGE-2")])
    await heard(tracking, erased(one))
    labels = f"{one.event.label}\n{two.event.label}"
    wrong = await web.post(f"/cages?{world.query}", who="worker", number="7", seal="S7", labels=f"{labels}\nNA74QKCHQ")
    assert wrong.status_code == 409
    assert "NA74-QKCH-Q" in wrong.text
    assert one.event.label in wrong.text
    sealed = await web.post(f"/cages?{world.query}", who="worker", number="7", seal="S7", labels=labels)
    assert sealed.status_code == 303, sealed.text
    page = (await web.get(sealed.headers["location"], who="worker")).text
    assert "CAGE-2" in page
    assert "CAGE-1" not in page
    cage = cages.cage_of(world.engagement, "7")
    refused = await web.post(f"/cages/{cage}/hand-over?{world.query}", who="worker", vehicle="庄内 2")
    assert refused.status_code == 409
    assert "まだ出庫できません" in refused.text
    assert "CAGE-2" in refused.text
    assert 'value="庄内 2"' in refused.text
    await heard(tracking, erased(two))
    gone = await web.post(f"/cages/{cage}/hand-over?{world.query}", who="worker", vehicle="庄内 2")
    assert gone.status_code == 303, gone.text

    scanned = await web.post(f"/receiving?{world.query}", who="worker", scan=one.event.label)
    assert scanned.status_code == 303, scanned.text
    short = await web.get(f"/receiving?{world.query}&cage={cage}", who="worker")
    assert "見つからない 1台" in short.text
    assert two.event.label in short.text
    silent = await web.post(f"/receiving/{cage}?{world.query}", who="worker", seal="S7", reason="", second="")
    assert silent.status_code == 409
    assert "合いません" in silent.text
    half = await web.post(f"/receiving/{cage}?{world.query}", who="worker", seal="S7", reason="ない", second="")
    assert half.status_code == 422
    own = await web.post(f"/receiving/{cage}?{world.query}", who="worker", seal="S7", reason="ない", second="worker")
    assert "別の人が必要です" in own.text
    told = await web.post(f"/receiving/{cage}?{world.query}", who="worker", seal="S7", reason="ない", second="worker2")
    assert told.status_code == 303, told.text
    for who in ("clerk", "worker"):
        assert "台数の差が閉じていません" in (await web.get(f"/dashboard?{world.query}", who=who)).text


async def test_a_seal_read_last_is_no_label_cut_short_and_read_at_the_receipt_closes_its_cage(
    web: Web, tracking: Service, world: World
) -> None:
    one, two = await registered(tracking, world.engagement, [row("SEAL-1"), row("SEAL-2")])
    await heard(tracking, erased(one), erased(two))
    page, receiving = f"/cages?{world.query}", f"/receiving?{world.query}"
    said = {"number": "封9", "labels": f"{one.event.label}\n{two.event.label}"}
    for cut in (one.event.label[:5], two.event.label[-6:], f"{one.event.label[:4]}-{one.event.label[4:6]}".lower()):
        short = await web.post(page, who="worker", **said, seal=cut, scanned=cut)
        assert (short.status_code, "途中で切れたラベルかもしれません" in short.text) == (409, True)
    assert (await web.post(page, who="worker", **said, seal="90210", scanned="90210")).status_code == 303
    assert re.search(r'id="number"[^>]* value="封10"', (await web.get(page, who="worker")).text), "the next number"
    cage = cages.cage_of(world.engagement, "封9")
    await web.post(f"/cages/{cage}/hand-over?{world.query}", who="worker", vehicle="")
    await web.post(receiving, who="worker", scan=one.event.label)
    early = await web.post(receiving, who="worker", scan="９０２１０")
    assert (early.status_code, "合いません" in early.text) == (409, True)
    assert two.event.label in early.text
    assert 'value="９０２１０"' in early.text, "the seal need not be read again"
    await web.post(receiving, who="worker", scan=two.event.label)
    done = await web.post(receiving, who="worker", scan="90210")
    assert done.headers["location"].endswith("done=confirmed")
    again = await web.post(receiving, who="worker", scan="90210")
    assert again.status_code == 422, "the seal of a cage that is through means nothing more"


async def test_photos_of_seal_and_lock_stay_with_a_refused_form_and_are_seen_at_the_receipt(
    web: Web, tracking: Service, world: World
) -> None:
    (one,) = await registered(tracking, world.engagement, [row("SHOT-1")])
    await heard(tracking, erased(one))
    said = {"number": "写8", "seal": "", "labels": one.event.label}
    page = f"/cages?{world.query}"
    bad = await web.post(page, who="worker", **said, files={"seal_photo": ("s.jpg", b"<svg/>")})
    assert bad.status_code == 422
    assert "もう一度撮影してください" in bad.text
    refused = await web.post(page, who="worker", **said, files={"seal_photo": ("s.jpg", photo(exif=True))})
    assert refused.status_code == 422
    (kept,) = re.findall(r'name="seal_photo_kept" value="([0-9a-f]{64})"', refused.text)
    said |= {"seal": "S8", "seal_photo_kept": kept}
    sealed = await web.post(page, who="worker", **said, files={"lock_photo": ("l.webp", photo("WEBP"))})
    assert sealed.status_code == 303, sealed.text
    cage = cages.cage_of(world.engagement, "写8")
    shown = (await web.get(page, who="worker")).text
    assert "カゴ車 写8 の封印の写真" in shown
    assert "カゴ車 写8 の錠の写真" in shown
    other = await web.get(f"/receiving?{world.query}&cage={cages.cage_of(world.engagement, '1')}", who="worker")
    assert "封印の写真は撮られていません。" in other.text
    picture = await web.get(f"/cages/{cage}/photos/{kept}?town={TOWN}", who="worker")
    assert picture.headers["content-type"] == "image/jpeg"
    assert b"Exif" not in picture.content
    assert (await web.get(f"/cages/{cage}/photos/{kept}?town={TOWN}", who="stranger")).status_code == 403
    assert (await web.get(f"/cages/{cage}/photos/{'0' * 64}?town={TOWN}", who="worker")).status_code == 404
    await web.post(f"/cages/{cage}/hand-over?{world.query}", who="worker", vehicle="")
    receiving = await web.get(f"/receiving?{world.query}&cage={cage}", who="worker")
    assert f"/cages/{cage}/photos/{kept}?town={TOWN}" in receiving.text
    assert "届いた封印と見比べてから" in receiving.text


async def test_the_capture_place_works_as_a_plain_form(web: Web, tracking: Service, world: World) -> None:
    (one,) = await registered(tracking, world.engagement, [row("PLAIN")])
    first = await web.get("/capture", who="worker")
    assert first.headers["location"] == "/capture/received"
    page = await web.get(f"/capture/received?scan={one.event.label}", who="worker")
    assert "この機器を記録する" in page.text
    assert 'data-url="/api/tracking/scans" data-work="received"' in page.text
    assert "wasm-unsafe-eval" in page.headers["content-security-policy"]
    sent = await web.post("/capture/received", who="worker", scan=one.event.label)
    breaks = "&breaks=not-shipped-out&breaks=level-not-proved"
    assert sent.headers["location"] == f"/capture/received?recorded={one.event.label}{breaks}"
    for lang, said in (("ja", "出庫の記録がないまま入庫しました"), ("en", "Received without having been shipped out")):
        assert said in (await web.get(sent.headers["location"], who="worker", lang=lang)).text
    foreign = await web.get("/capture/received?recorded=x&breaks=nonsense", who="worker")
    assert "出庫の記録がない" not in foreign.text
    bad = await web.post("/capture/received", who="worker", scan="NA74QKCHX")
    assert bad.status_code == 422
    assert "最後の文字が合いません" in bad.text
    kinds = [one.kind for one in await tracking.rows("SELECT kind FROM entries WHERE stream = :s", s=one.stream)]
    assert "tracking.received.v1" in kinds


# ── the office ───────────────────────────────────────────────────────────────────────────────────────────────────────


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


async def test_a_device_the_centre_never_refurbished_is_named_when_the_town_counts_it(
    web: Web, tracking: Service
) -> None:
    engagement = await founded(tracking, contract="R8-apart")
    (one,) = await registered(tracking, engagement, [row("APART")])
    assert (await web.post("/capture/taken-over", who="clerk", scan=one.event.label)).status_code == 303
    page = (await web.get(f"/dashboard?town={TOWN}&engagement={engagement}", who="clerk")).text
    assert "差の機器：" in page
    assert one.event.label in page
    assert "再生完了の記録なし" in page
    assert "2つの数は一致しています" not in page
    path = f"/items/{one.event.label}"
    assert "町の数えにあり、センターの数えにない機器" in (await web.get(path, who="clerk")).text
    named = await web.post(f"{path}/difference", who="clerk", reason="センターに行っていない", second="worker")
    assert named.status_code == 303, named.text


async def test_a_fact_that_breaks_something_is_named_on_both_homes_its_list_and_its_page(
    web: Web, tracking: Service
) -> None:
    engagement = await founded(tracking, contract="R8-broken")
    query = f"town={TOWN}&engagement={engagement}"
    one, well = await registered(tracking, engagement, [row("BROKEN"), row("WELL")])
    for who in ("clerk", "worker"):
        assert "手順と合わない記録" not in (await web.get(f"/dashboard?{query}", who=who)).text
    assert (await web.post("/capture/received", who="worker", scan=one.event.label)).status_code == 303
    for who in ("clerk", "worker"):
        page = (await web.get(f"/dashboard?{query}", who=who)).text
        assert "手順と合わない記録のある機器 1台" in page
        link = re.search(r'href="(/items\?[^"]*record=broken)"', page)
        assert link
        listed = (await web.get(html.unescape(link[1]), who=who)).text
        assert re.findall(r'href="/items/(\w{9})"', listed) == [one.event.label]
    for lang, said in (("ja", "役場で求める水準の証跡がないまま"), ("en", "without proof of the level required there")):
        assert said in (await web.get(f"/items/{one.event.label}", who="clerk", lang=lang)).text
        assert said not in (await web.get(f"/items/{well.event.label}", who="clerk", lang=lang)).text
    left = (await web.get(f"/items/{one.event.label}", who="clerk")).text
    assert "出庫できません" not in left
    assert "カゴ車に積んでください" not in left, "it has left, whatever is missing"
    assert "まだ出庫できません" in (await web.get(f"/items/{well.event.label}", who="clerk")).text
    nothing = (await web.get(f"/items?{query}&record=nonsense", who="clerk")).text
    assert "この条件に合う機器はありません" in nothing


async def test_the_report_gives_the_share_of_reuse_and_the_weights(web: Web, world: World) -> None:
    page = (await web.get(f"/reports?{world.query}", who="clerk")).text
    assert "100.0%" in page  # of the one desktop
    assert "3.5" in page


# ── pure parts ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_station_is_reached_when_the_last_medium_is_done() -> None:
    moments = [
        Moment("tracking.item-registered.v1", NOW),
        Moment("erasure.medium-erased.v1", NOW + timedelta(hours=1), "a"),
        Moment("erasure.medium-erased.v1", NOW + timedelta(hours=2), "a"),
    ]
    assert lines(moments, 2).custody.reached[1] is None
    both = [*moments, Moment("erasure.medium-erased.v1", NOW + timedelta(hours=3), "b")]
    line = lines(both, 2).custody
    assert line.reached[1] == NOW + timedelta(hours=3)
    assert line.states == ("", "", "now", "ahead", "ahead", "ahead")


def test_the_desk_is_read_out_of_a_contact_as_people_write_it() -> None:
    help_ = desk("最上町", "総務課 電話：0233-43-2111、Fax 0233-43-2345", "向町644")
    assert (help_.desk, help_.phone, help_.fax) == ("最上町 総務課", "0233-43-2111", "0233-43-2345")
    assert desk("最上町", None).desk == "最上町"


async def test_a_lost_machine_has_its_page_on_both_homes_and_its_end(web: Web, tracking: Service, world: World) -> None:
    (one,) = await registered(tracking, world.engagement, [row("LOST-1")])
    await heard(tracking)
    item = f"/items/{one.event.label}"
    assert "紛失として記録する" in (await web.get(item, who="worker")).text
    empty = await web.post(f"{item}/loss", who="worker", lost="")
    assert empty.status_code == 422
    told = await web.post(f"{item}/loss", who="worker", lost="カゴ車から降ろしたあと見つからない")
    assert told.status_code == 303, told.text
    await heard(tracking)
    path = f"/losses/{losses.loss_of(one.stream)}"
    for who in ("clerk", "worker"):
        assert f'href="{path}?' in (await web.get(f"/dashboard?{world.query}", who=who)).text
        page = (await web.get(f"{path}?{world.query}", who=who)).text
        assert "LOST-1" in page
        assert "カゴ車から降ろしたあと見つからない" in page
        assert "第68条" in page
        assert page.count("不明") >= 8, "what nobody recorded is not made up"
    assert "紛失として記録されています" in (await web.get(item, who="clerk")).text
    english = (await web.get(f"{path}?{world.query}", who="clerk", lang="en")).text
    assert "Unknown" in english
    report = {"stage": "speedy", "notified_on": "2026-11-24", "reference": "受付 1"}
    assert (await web.post(f"{path}/report?{world.query}", who="worker", **report)).status_code == 403
    wrong = await web.post(f"{path}/report?{world.query}", who="clerk", **report | {"notified_on": "31 Feb"})
    assert wrong.status_code == 422
    assert (await web.post(f"{path}/report?{world.query}", who="clerk", **report)).status_code == 303
    early = await web.post(f"{path}/end?{world.query}", who="worker", explanation="棚")
    assert early.status_code == 409
    seen = await web.post(f"{item}/sighting", who="worker")
    assert seen.status_code == 303
    await heard(tracking)
    assert "見つかったと確かめる" in (await web.get(f"{path}?{world.query}", who="worker")).text
    ended = await web.post(f"{path}/end?{world.query}", who="worker", explanation="棚の奥")
    assert ended.status_code == 303
    await heard(tracking)
    assert path not in (await web.get(f"/dashboard?{world.query}", who="clerk")).text
    assert (await web.get(f"{path}?{world.query}", who="stranger")).status_code == 404


async def test_a_lot_is_closed_by_its_form_and_falls_from_what_is_held(web: Web, tracking: Service) -> None:
    engagement = await founded(tracking, contract="R8-lot-ends")
    async with tracking.acting() as tx:
        lot = await items.register_lot(tx, engagement, "monitor", 5)
    await heard(tracking)
    query = f"town={TOWN}&engagement={engagement}"
    end = {"ended": lot.event.label, "fate": "recycled", "gone": "6", "kg": "31", "receipt": "M-7"}
    more = await web.post(f"/lots/end?{query}", who="worker", **end)
    assert more.status_code == 409
    assert "預かっているのは5台" in more.text
    assert (await web.post(f"/lots/end?{query}", who="worker", **end | {"gone": "5"})).status_code == 303
    await heard(tracking)
    assert "まとめて預かっている物" not in (await web.get(f"/dashboard?{query}", who="worker")).text
