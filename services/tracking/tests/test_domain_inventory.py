import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.tracking.domain import inventory

HEADS = ["物品番号", "種別", "ネットワーク", "機密性", "媒体種別", "媒体製造番号", "媒体容量GB"]
GOOD = ["R02-0031", "デスクトップ", "個人番号利用事務系", "機密性3", "HDD", "000E12", "500"]


def file(*rows: list[str], heads: list[str] = HEADS, encoding: str = "cp932") -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows([heads, *rows])
    return out.getvalue().encode(encoding)


@pytest.mark.parametrize("encoding", ["cp932", "utf-8", "utf-8-sig"])
def test_a_list_is_read_in_the_encodings_towns_use_and_serials_stay_text(encoding: str) -> None:
    read = inventory.read(file(GOOD, encoding=encoding))
    assert read.faults == []
    assert read.rows[0].media[0]["serial"] == "000E12"
    assert read.rows[0].described["item_kind"] == "desktop"
    assert read.rows[0].confidentiality == "3"


FAULTS = [
    (1, "タブレット", "種別「タブレット」"),
    (2, "庁内のどこか", "ネットワーク「庁内のどこか」"),
    (3, "9", "機密性「9」"),
    (4, "フロッピー", "媒体種別「フロッピー」"),
    (5, "", "媒体製造番号がありません"),
    (6, "五百", "数ではありません"),
    (6, "9999999999999999999", "大きすぎます"),
    (6, "1000001", "大きすぎます"),
    (5, "0\x0001", "見えない文字"),
    (5, "00\n01", "媒体製造番号の途中に改行があります"),
    (0, "R02\r\n0031", "物品番号の途中に改行があります"),
    (0, GOOD[0], "物品番号 R02-0031 は2行目と同じ"),
    (0, "Ｒ０２-0031", "物品番号 Ｒ０２-0031 は2行目と同じ"),
    (0, "R02\x1f0031", "見えない文字"),
    (0, "x" * 201, "200文字を超える"),
]


@pytest.mark.parametrize(("column", "cell", "said"), FAULTS)
def test_a_problem_row_is_named_with_its_line_and_what_to_do(column: int, cell: str, said: str) -> None:
    bad = [*GOOD]
    bad[0] = "R02-0032"
    bad[column] = cell
    bad[5] = bad[5] if column == 5 else "OTHER"
    read = inventory.read(file(GOOD, bad))
    assert [fault.line for fault in read.faults] == [3]
    assert said in read.faults[0].ja
    assert read.faults[0].ja.endswith("。")
    assert read.faults[0].en.endswith(".")
    assert len(read.rows) == 1


def test_the_same_serial_twice_names_both_lines() -> None:
    read = inventory.read(file(GOOD, GOOD))
    assert "2行目と同じ" in read.faults[0].ja
    assert read.faults[0].line == 3


@pytest.mark.parametrize("nothing", ["", "-", "－", "不明", "なし", "n/a"])
def test_two_devices_without_a_number_are_two(nothing: str) -> None:
    read = inventory.read(file([nothing, *GOOD[1:]], [nothing, *GOOD[1:5], "OTHER", "500"]))
    assert (len(read.rows), read.faults) == (2, [])


def test_a_line_break_within_a_description_is_a_space_and_lines_are_counted_as_a_spreadsheet_does() -> None:
    heads = [*HEADS, "メーカー", "使用課"]
    good = [*GOOD, "ミナト\n電機", "総務課 \r\n\r\n 情報係\n"]
    read = inventory.read(file(good, ["R02-0032", "電話", *good[2:5], "OTHER", *good[6:]], heads=heads))
    assert (read.rows[0].described["maker"], read.rows[0].described["department"]) == ("ミナト 電機", "総務課 情報係")
    assert [fault.line for fault in read.faults] == [3], "the rows above hold line breaks, and are one row each"


SAVED = {
    "as UTF-8": file(GOOD, encoding="utf-8"),
    "with a byte order mark": file(GOOD, encoding="utf-8-sig"),
    "with other line ends": file(GOOD).replace(b"\r\n", b"\n"),
    "with one more line": file(GOOD) + b"\r\n",
    "with its columns in another order": file(GOOD[::-1], heads=HEADS[::-1]),
    "with a column that we do not read": file([*GOOD, "x"], heads=[*HEADS, "備考"]),
    "with every cell in quotes": "\n".join(",".join(f'"{cell}"' for cell in row) for row in (HEADS, GOOD)).encode(),
}


@pytest.mark.parametrize("how", SAVED)
def test_a_table_saved_again_is_the_same_table(how: str) -> None:
    digest = inventory.digest(inventory.read(file(GOOD)).rows)
    assert inventory.digest(inventory.read(SAVED[how]).rows) == digest
    assert inventory.digest(inventory.read(file([*GOOD[:6], "501"])).rows) != digest


def test_missing_columns_short_rows_and_open_quotes_are_named() -> None:
    assert "媒体製造番号" in inventory.read(file(GOOD[:5], heads=HEADS[:5])).faults[0].ja
    assert "列の数" in inventory.read(file(GOOD[:6])).faults[0].ja
    assert "引用符" in inventory.read(file() + b'"open').faults[0].ja
    assert "文字コード" in inventory.read(b"\xff\xfe\x81").faults[0].ja


def test_full_width_words_are_folded_and_full_width_serials_are_not() -> None:
    wide = ["R", "デスクトップＰＣ", "ＬＧＷＡＮ接続系", "２", "ＨＤＤ", "ＡＢＣ１２", ""]
    read = inventory.read(file(wide))
    assert read.faults == []
    assert read.rows[0].media[0]["serial"] == "ＡＢＣ１２"
    assert read.rows[0].zone == "lgwan"


@given(st.binary(max_size=2000))
def test_whatever_bytes_come_nothing_is_raised(content: bytes) -> None:
    read = inventory.read(content)
    assert all(fault.ja for fault in read.faults)


@given(st.text(max_size=500))
def test_whatever_text_comes_every_row_is_taken_or_named(text: str) -> None:
    read = inventory.read(",".join(HEADS).encode() + b"\n" + text.encode("utf-8", "surrogatepass"))
    assert all(row.media[0]["serial"] for row in read.rows)
