"""The town's list: previewed with its problems, mapped, registered once, written and read back."""

import html
import io
import random
import re

import httpx
import pytest
import xlsxwriter

from services.tracking.domain import columns, inventory, workbook
from services.tracking.pages.inventory import WORKBOOK, pack, unpack
from services.tracking.tests.readers import Web, World
from shared.ids import uuid7
from shared.refused import Invalid
from shared.testing import TOWN, Service

HEAD = "物品番号,種別,ネットワーク,機密性,媒体種別,媒体製造番号"


async def preview(web: Web, world: World, csv: str, encoding: str = "cp932") -> httpx.Response:
    return await preview_file(web, world, csv.encode(encoding))


async def preview_file(web: Web, world: World, content: bytes) -> httpx.Response:
    web.client.cookies.clear()
    return await web.client.post(
        f"/inventory/preview?{world.query}",
        data={"request": str(uuid7())},
        files={"file": ("台帳", content, "application/octet-stream")},
        headers={"accept": "text/html", "authorization": f"Bearer {web.tokens['clerk']}"},
    )


async def test_an_inventory_is_previewed_with_its_problem_lines_and_registered_once(
    web: Web, tracking: Service, world: World
) -> None:
    bad = await preview(
        web, world, f"{HEAD}\nR1,ノート,個人番号利用事務系,3,HDD,0001\nR2,電話,個人番号利用事務系,3,HDD,\n"
    )
    assert "3行目" in bad.text
    assert "媒体製造番号がありません" in bad.text
    assert 'name="packed"' not in bad.text
    good = await preview(web, world, f"{HEAD}\nR1,ノート,個人番号利用事務系,3,HDD,000E12\n")
    packed = re.search(r'name="packed" value="([^"]+)"', good.text)
    assert packed
    assert "000E12" in good.text
    before = len(await tracking.rows("SELECT item FROM items"))
    form = {"packed": packed[1], "request": str(uuid7())}
    for _ in range(2):  # the second is a double click: the same answer
        sent = await web.post(f"/inventory?{world.query}", who="clerk", **form)
        assert sent.status_code == 303, sent.text
    same = await preview(web, world, f"{HEAD}\nR1,ノート,個人番号利用事務系,3,HDD,000E12\n\n", "utf-8-sig")
    later = await web.post(f"/inventory?{world.query}", who="clerk", packed=packed[1])
    for answer in (same, later):
        assert answer.status_code == 200
        assert "もう登録されています（1台）" in answer.text
        assert 'name="packed"' not in answer.text
    more = await preview(web, world, f"{HEAD}\nR9,ノート,個人番号利用事務系,3,HDD,N9\nR1,ノート,LGWAN接続系,3,HDD,N1\n")
    assert "物品番号 R1 は、追跡ID" in more.text
    assert 'name="packed"' not in more.text
    again = pack(f"{HEAD}\nR9,ノート,個人番号利用事務系,3,HDD,000E12\n".encode())
    taken = await web.post(f"/inventory?{world.query}", who="clerk", packed=again)
    assert taken.status_code == 422
    assert "媒体製造番号 000E12 は、追跡ID" in taken.text
    assert len(await tracking.rows("SELECT item FROM items")) == before + 1
    page = await web.get(sent.headers["location"], who="clerk")
    assert f"/labels?town={TOWN}&amp;engagement={world.engagement}" in page.text
    dice = random.Random(1)
    words = [[dice.randbytes(90).hex() for _ in range(2)] for _ in range(15_000)]
    large = f"{HEAD},使用課,メーカー\n" + "".join(
        f"R{n},ノート,個人番号利用事務系,3,HDD,L{n},{a},{b}\n" for n, (a, b) in enumerate(words)
    )
    assert len(pack(large.encode("cp932"))) > 3_000_000  # more than a field may usually have
    fault = large + "R,電話,個人番号利用事務系,3,HDD,X,,\n"
    refused = await web.post(f"/inventory?{world.query}", who="clerk", packed=pack(fault.encode("cp932")))
    assert refused.status_code == 409
    assert "15002行目" in refused.text, "the whole field arrived, and its last line was read"
    lost = await web.post(f"/inventory?{world.query}", who="clerk", packed="!")
    assert lost.status_code == 422
    assert "もう一度ファイルを選んでください" in lost.text


async def test_a_town_s_own_columns_are_asked_once_and_its_export_registers_nothing(
    web: Web, tracking: Service, world: World
) -> None:
    def hidden(page: str, name: str) -> str:
        found = re.search(f'name="{name}" value="([^"]*)"', page)
        assert found, name
        return html.unescape(found[1])

    heads = "管理番号,品名,ネットワーク,機密性,ディスク種別,HDDシリアル"
    first = await preview(web, world, f"{heads}\nM1,ノート(A4),LGWAN接続系,3,HDD,MAP1\n")
    assert "列がありません" in first.text
    columns = {
        f"column-{name}": head
        for name, head in (("asset_number", "管理番号"), ("item_kind", "品名"), ("zone", "ネットワーク"))
    } | {
        "column-confidentiality": "機密性",
        "column-medium_kind": "ディスク種別",
        "column-medium_serial": "HDDシリアル",
    }
    assert all(
        re.search(f'name="{name}".*?<option value="{head}" selected', first.text) for name, head in columns.items()
    )
    form = {name: hidden(first.text, name) for name in ("kept", "mapped")}
    path = f"/inventory/columns?{world.query}"
    wrong = await web.post(path, who="clerk", **form, **(columns | {"column-maker": "品名"}))
    assert wrong.status_code == 422
    assert 'name="kept"' in wrong.text, "nothing entered is lost"
    asked = await web.post(path, who="clerk", **form, **columns)
    assert "種別「ノート(A4)」" in asked.text
    form = {name: hidden(asked.text, name) for name in ("kept", "mapped", "word-field", "word-said")}
    good = await web.post(path, who="clerk", **form, **{"word-0": "notebook"})
    assert "MAP1" in good.text
    assert "町の列と言葉" not in good.text
    said = {name: hidden(good.text, name) for name in ("packed", "mapped")}
    assert (await web.post(f"/inventory?{world.query}", who="clerk", **said)).status_code == 303
    next_one = await preview(web, world, f"{heads}\nM2,ノート(A4),LGWAN接続系,3,なし,\n")
    assert hidden(next_one.text, "packed")
    assert "町の列と言葉" not in next_one.text, "it is remembered for the town"
    said = {name: hidden(next_one.text, name) for name in ("packed", "mapped")}
    assert (await web.post(f"/inventory?{world.query}", who="clerk", **said)).status_code == 303
    mapped = await tracking.rows("SELECT 1 FROM entries WHERE kind = 'tracking.columns-mapped.v1'")
    assert len(mapped) == 1, "what is known is not said again"
    out = await web.get(f"/inventory/items.csv?{world.query}", who="clerk")
    assert (out.status_code, out.headers["content-type"]) == (200, "text/csv; charset=utf-8")
    again = await preview(web, world, out.content.decode("utf-8-sig"), "utf-8-sig")
    assert "もう登録されています" in again.text
    broken = await web.post(f"/inventory?{world.query}", who="clerk", packed=said["packed"], mapped="{")
    assert broken.status_code == 422


async def test_a_list_without_a_column_is_read_with_one_answer_for_all_that_is_shown_every_time(
    web: Web, tracking: Service, world: World
) -> None:
    heads = ("物品番号", "種別", "媒体種別", "媒体製造番号")
    first = await preview(web, world, f"{','.join(heads)}\nALW1,ノート,HDD,ALW1\n")
    kept = re.search(r'name="kept" value="([^"]+)"', first.text)
    assert kept
    assert not re.search(r'id="column-zone" name="column-zone" required', first.text)
    chosen = {f"column-{columns.FIELDS[head]}": head for head in heads}
    said = {"kept": kept[1], "mapped": "{}", "all-zone": "lgwan", "all-confidentiality": "2"}
    good = await web.post(f"/inventory/columns?{world.query}", who="clerk", **said, **chosen)
    told = "ネットワークの列がないので、すべての機器を「LGWAN接続系」として読みました。"
    assert told in good.text
    form = {
        name: html.unescape(found[1])
        for name in ("packed", "mapped")
        if (found := re.search(f'name="{name}" value="([^"]*)"', good.text))
    }
    assert (await web.post(f"/inventory?{world.query}", who="clerk", **form)).status_code == 303
    (there,) = await tracking.rows("SELECT data FROM items WHERE data->>'asset_number' = 'ALW1'")
    assert (there.data["zone"], there.data["confidentiality"]) == ("lgwan", "2")
    second = await preview(web, world, f"{','.join(heads)}\nALW2,ノート,HDD,ALW2\n")
    assert told in second.text
    assert '<option value="lgwan" selected>' in second.text, "and it can be answered otherwise"


async def test_a_workbook_is_registered_as_its_csv_is_and_its_export_and_template_are_read_back(
    web: Web, tracking: Service, world: World
) -> None:
    rows = [
        HEAD.split(","),
        ["X1", "ノート", "LGWAN接続系", "3", "HDD", "000XL1"],
        ["X2", "ノート", "LGWAN接続系", "3", "SSD", "=2"],
    ]
    good = await preview_file(web, world, workbook.written(rows))
    packed = re.search(r'name="packed" value="([^"]+)"', good.text)
    assert packed
    assert "000XL1" in good.text
    sent = await web.post(f"/inventory?{world.query}", who="clerk", packed=packed[1])
    assert sent.status_code == 303, sent.text
    same = await preview(web, world, "\n".join(",".join(row) for row in rows))
    assert "もう登録されています（2台）" in same.text
    before = len(await tracking.rows("SELECT item FROM items"))
    out = await web.get(f"/inventory/items.xlsx?{world.query}", who="clerk")
    assert (out.status_code, out.headers["content-type"]) == (200, WORKBOOK)
    assert "filename*=UTF-8''" in out.headers["content-disposition"]
    again = await preview_file(web, world, out.content)
    assert "もう登録されています" in again.text
    assert len(await tracking.rows("SELECT item FROM items")) == before
    assert (await web.get(f"/inventory/items.xlsx?{world.query}", who="worker")).status_code == 403
    template = await web.get("/inventory/template.xlsx", who="clerk")
    assert template.headers["content-type"] == WORKBOOK
    empty = inventory.read(template.content)
    assert (empty.heads, empty.faults, empty.rows) == ([*columns.COLUMNS], [], [])
    page = await web.get(f"/inventory?{world.query}", who="clerk")
    assert all(said in page.text for said in ("/inventory/template.xlsx", "/inventory/items.xlsx?", ".xlsx,.xlsm,.csv"))


async def test_the_preview_says_which_of_several_sheets_it_read(web: Web, world: World) -> None:
    out = io.BytesIO()
    with xlsxwriter.Workbook(out) as book:
        for name, cells in (("台帳", HEAD.split(",")), ("メモ", ["見ない"])):
            book.add_worksheet(name).write_row(0, 0, cells)
    page = await preview_file(web, world, out.getvalue())
    assert "シート「台帳」を読みました。ほかのシート（メモ）は読んでいません。" in page.text


def test_a_packed_file_never_unpacks_to_more_than_a_file_may_have() -> None:
    assert unpack(pack(b"abc")) == b"abc"
    assert len(unpack(pack(bytes(40_000_000)))) == 10 * 1024 * 1024 + 1
    with pytest.raises(Invalid):
        unpack("not base64 of anything")
