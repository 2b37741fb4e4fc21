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
    (0, "R02\x1f0031", "見えない文字"),
    (0, "x" * 201, "200文字を超える"),
]


@pytest.mark.parametrize(("column", "cell", "said"), FAULTS)
def test_a_problem_row_is_named_with_its_line_and_what_to_do(column: int, cell: str, said: str) -> None:
    bad = [*GOOD]
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
