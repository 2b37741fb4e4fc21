"""Every page for its readers: both languages, refused to others; what homes, reports and the capture place say."""

import html
import re
from datetime import timedelta

import pytest

from services.tracking.commands import losses
from services.tracking.pages.lines import Moment, lines
from services.tracking.pages.place import desk
from services.tracking.reading import overview
from services.tracking.tests.readers import NAMES, Web, World, erased, heard
from services.tracking.tests.world import founded, registered, row
from shared.events.erasure import ErasureVerified, LotReopened, LotSettled
from shared.events.refurb import DeliveredToTown
from shared.ids import derived, uuid7
from shared.testing import NOW, TOWN, WORKER, Service, recorded

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
    bare = world.bare
    await heard(tracking, erased(bare))
    path = f"/items/{bare.event.label}"
    page = (await web.get(path, who="clerk")).text
    assert "まだ出庫できません" in page
    assert "この契約の再確認の合格" in page
    assert "re-check" in (await web.get(path, who="clerk", lang="en")).text
    await heard(tracking, recorded(LotSettled(engagement=world.engagement, round=2), stream=stream, sequence=2))
    assert "データが見つかりました" not in (await web.get(f"/dashboard?{world.query}", who="clerk")).text
    assert "再確認の合格" not in (await web.get(path, who="clerk")).text


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
