"""Cages and counted lots on their pages: sealed, handed over, received, counted, closed."""

import re

from services.tracking.commands import cages, items
from services.tracking.tests.readers import Web, World, erased, heard
from services.tracking.tests.world import founded, registered, row
from shared.events.erasure import LotReopened
from shared.ids import derived, uuid7
from shared.testing import TOWN, WORKER, Service, photo, recorded


async def test_the_page_of_cages_says_what_is_in_doubt_and_lets_none_of_it_leave(web: Web, tracking: Service) -> None:
    contract = await founded(tracking, contract="doubted")
    (one,) = await registered(tracking, contract, [row("DOUBTED")])
    async with tracking.acting(TOWN, WORKER) as tx:
        cage = (await cages.seal(tx, contract, "7", "D-7", [one.stream])).stream
    reopened = LotReopened(
        engagement=contract, medium=uuid7(), failed=uuid7(), round=2, seed="ab" * 32, population=1, drawn=()
    )
    await heard(tracking, recorded(reopened, stream=derived(contract, "recheck")), erased(one))
    query = f"town={TOWN}&engagement={contract}"
    page = (await web.get(f"/cages?{query}", who="worker")).text
    assert "DOUBTED：この契約の再確認の合格" in page
    refused = await web.post(f"/cages/{cage}/hand-over?{query}", who="worker", vehicle="庄内 1")
    assert refused.status_code == 409
    assert "まだ出庫できません" in refused.text
    assert not await tracking.rows(
        "SELECT 1 FROM entries WHERE kind = 'tracking.shipped-out.v1' AND stream = :s", s=one.stream
    )


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
