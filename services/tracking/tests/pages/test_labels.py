"""Labels printed, and labels of a roll bound by two scans."""

import html
import re

import httpx

from services.tracking.tests.readers import Web, World, heard
from services.tracking.tests.world import registered, row
from shared.ids import uuid7
from shared.testing import TOWN, Service


async def test_labels_are_printed_from_a_page_that_asks_for_paper_place_and_offset(web: Web, world: World) -> None:
    for lang, word in (("ja", "もう使った面の数"), ("en", "Labels already used")):
        page = await web.get(f"/labels?{world.query}", who="clerk", lang=lang)
        assert page.status_code == 200
        assert word in page.text
        for name in ('"size"', '"start"', '"right"', '"down"', "labels.csv?town="):
            assert name in page.text
    action = re.findall(r'action="(/api/tracking/engagements/[^"]+/labels.pdf)"', page.text)[0]
    pdf = await web.get(f"{action}?town={TOWN}&size=44&start=3&right=-5&down=7", who="clerk")
    assert (pdf.status_code, pdf.headers["content-type"]) == (200, "application/pdf")
    label = world.bare.event.label
    one = await web.get(f"/labels?{world.query}&label={label}", who="worker")
    assert f'name="label" value="{label}"' in one.text
    assert (await web.get(f"/labels?{world.query}")).status_code == 401


def hidden(page: str, name: str) -> str:
    found = re.search(f'name="{name}" value="([^"]*)"', page)
    assert found, name
    return html.unescape(found[1])


async def test_a_roll_is_drawn_by_the_clerk_and_printed_the_same(web: Web, world: World) -> None:
    labels = f"/labels?{world.query}"
    assert "ロール用ラベルを作る" in (await web.get(labels, who="clerk")).text
    assert "ロール用ラベルを作る" not in (await web.get(labels, who="worker")).text
    assert (await web.post(f"/labels/rolls?{world.query}", who="worker", count="3")).status_code == 403
    for wrong in ("0", "1001", "たくさん", ""):
        refused = await web.post(f"/labels/rolls?{world.query}", who="clerk", count=wrong)
        assert refused.status_code == 422
        assert "aria-invalid" in refused.text
    request = str(uuid7())
    drawn = [await web.post(f"/labels/rolls?{world.query}", who="clerk", count="３", request=request) for _ in range(2)]
    assert {one.status_code for one in drawn} == {303}
    assert len({one.headers["location"] for one in drawn}) == 1, "the same form again draws no second roll"
    roll = re.findall("roll=([^&]+)", drawn[0].headers["location"])[0]
    for lang, word, count in (
        ("ja", "ロール用ラベル（まだ機器に付いていないもの）", "3枚のラベル"),
        ("en", "Labels of a roll (not on a machine yet)", "3 labels"),
    ):
        page = await web.get(drawn[0].headers["location"], who="clerk", lang=lang)
        assert page.status_code == 200
        assert word in page.text
        assert count in page.text
        assert f'name="roll" value="{roll}"' in page.text
    path = f"/api/tracking/engagements/{world.engagement}/labels"
    table = [await web.get(f"{path}.csv?town={TOWN}&roll={roll}", who="clerk") for _ in range(2)]
    assert table[0].content == table[1].content
    first, *others = re.findall(r"/T/([0-9A-Z]{9})/[0-9A-Z]{8}", table[0].text)
    assert len(others) == 2
    pdf = await web.get(f"{path}.pdf?town={TOWN}&roll={roll}&size=50x25", who="clerk")
    assert (pdf.status_code, pdf.headers["content-type"]) == (200, "application/pdf")
    assert (await web.get(f"{path}.csv?town={TOWN}&roll={uuid7()}", who="clerk")).status_code == 404
    assert (await web.get(f"/t/{first}")).status_code == 404, "unbound: like an unknown one"


async def rolled(web: Web, world: World, count: int) -> list[str]:
    """Draw a roll and return its labels."""
    drawn = await web.post(f"/labels/rolls?{world.query}", who="clerk", count=str(count))
    roll = re.findall("roll=([^&]+)", drawn.headers["location"])[0]
    table = await web.get(
        f"/api/tracking/engagements/{world.engagement}/labels.csv?town={TOWN}&roll={roll}", who="clerk"
    )
    return re.findall(r"/T/([0-9A-Z]{9})/[0-9A-Z]{8}", table.text)


async def test_a_label_of_a_roll_is_bound_by_two_scans(web: Web, tracking: Service, world: World) -> None:
    await registered(tracking, world.engagement, [row("ROLL-1")])
    await heard(tracking)
    bind = f"/labels/bind?{world.query}"
    first, second = await rolled(web, world, 2)
    assert "ラベルを待っています" in (await web.get(bind, who="worker")).text
    early = await web.post(bind, who="worker", scan="PC-ROLL-1")
    assert early.status_code == 409
    assert "先に、ロールのラベルを" in early.text
    taken = await web.post(bind, who="worker", scan=f"https://MEGURU.EXAMPLE/T/{first}/AAAAAAAA")
    assert taken.headers["location"].endswith(f"label={first}")
    held = await web.get(taken.headers["location"], who="worker")
    assert hidden(held.text, "label") == first
    assert "次に、機器の番号を" in held.text
    instead = await web.post(bind, who="worker", scan=second, label=first)
    assert instead.headers["location"].endswith(f"label={second}"), "a label in place of the one in hand"
    missing = await web.post(bind, who="worker", scan="NOBODY", label=second)
    assert missing.status_code == 409
    assert "「NOBODY」の番号の機器は" in missing.text
    assert hidden(missing.text, "label") == second, "the label stays in hand"
    done = await web.post(bind, who="worker", scan="roll-1", label=second)
    assert done.headers["location"].endswith(f"bound={second}")
    for lang, word in (("ja", "A-ROLL-1に付けました"), ("en", "Put on A-ROLL-1")):
        page = await web.get(done.headers["location"], who="worker", lang=lang)
        assert word in page.text
    assert re.search(r"あと\d+台", (await web.get(bind, who="clerk")).text)
    again_ = await web.post(bind, who="worker", scan=second)
    assert "もう別の機器" in again_.text
    for who in ("approver", "stranger"):
        assert (await web.get(bind, who=who)).status_code in (403, 404)


async def bound(web: Web, world: World, label: str, said: str, **more: str) -> httpx.Response:
    return await web.post(f"/labels/bind?{world.query}", who="worker", scan=said, label=label, **more)


async def test_a_label_that_was_replaced_says_so_to_its_parties_alone(
    web: Web, tracking: Service, world: World
) -> None:
    pair = await registered(tracking, world.engagement, [row("ROLL-3")])
    await heard(tracking)
    (second,) = await rolled(web, world, 1)
    assert (await bound(web, world, second, "PC-ROLL-3")).status_code == 303
    assert (await web.get(f"/t/{second}")).status_code == 200
    assert (await web.get(f"/t/{pair[0].event.label}")).status_code == 404, "replaced: like an unknown one"
    for lang, word in (("ja", "付け替えました"), ("en", "was replaced by")):
        replaced = await web.get(f"/items/{pair[0].event.label}", who="worker", lang=lang)
        assert replaced.status_code == 404
        assert word in replaced.text
    stranger = await web.get(f"/items/{pair[0].event.label}", who="stranger")
    assert second[:4] not in stranger.text
    item = await web.get(f"/items/{second}", who="clerk")
    assert "ラベルの付け替え" in item.text

    bind = f"/labels/bind?{world.query}"
    back = await web.post(f"/labels/bind/back?{world.query}", who="worker", back=second)
    assert back.status_code == 303
    assert "もとのラベルに戻しました" in (await web.get(back.headers["location"], who="worker")).text
    assert "前に使ったラベルです" in (await web.post(bind, who="worker", scan=second)).text
    gone = await web.post(f"/labels/bind/back?{world.query}", who="worker", back=second)
    assert gone.status_code == 409


async def test_of_several_machines_with_one_number_the_worker_chooses(
    web: Web, tracking: Service, world: World
) -> None:
    (one,) = await registered(tracking, world.engagement, [row("ROLL-4")])
    (third,) = await rolled(web, world, 1)
    twin = row("ROLL-5")  # its drive has the number that another machine has as its own
    twin.described["serial"], twin.described["asset_number"] = "PC-X", "A-X"
    twin.media[0]["serial"] = "PC-ROLL-4"
    (other,) = await registered(tracking, world.engagement, [twin])
    several = await bound(web, world, third, "PC-ROLL-4")
    assert several.status_code == 409
    assert "番号の機器が2台あります" in several.text
    choices = re.findall('name="item" value="([^"]+)"', several.text)
    assert set(choices) == {str(other.stream), str(one.stream)}
    chosen = await bound(web, world, third, "PC-ROLL-4", item=str(one.stream))
    assert chosen.headers["location"].endswith(f"bound={third}")
    assert (await web.get(f"/items/{third}", who="clerk")).status_code == 200
