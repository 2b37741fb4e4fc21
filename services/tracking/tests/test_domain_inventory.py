import csv
import io
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.tracking.domain import columns, custody, inventory, item, workbook
from services.tracking.domain.columns import MEDIA_MAX
from services.tracking.domain.custody import RECEIVED, Seen
from services.tracking.domain.policy import guideline_rows, required
from services.tracking.domain.row import Row
from shared.cells import escaped, unescaped, written
from shared.events.tracking import CustodyClosed, ItemRegistered, Medium, PolicySet
from shared.ids import new_label, uuid7

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


@pytest.mark.parametrize("above", [[["令和8年度 廃棄予定の機器"]], [["物品台帳", "", ""], [""], ["作成", "総務課"]]])
def test_a_title_above_the_table_is_passed_over_and_lines_are_still_the_file_s(above: list[list[str]]) -> None:
    read = inventory.read(file(*above[1:], HEADS, GOOD, [*GOOD[:1], "タブレット", *GOOD[2:]], heads=above[0]))
    assert [row.line for row in read.rows] == [len(above) + 2]
    assert [fault.line for fault in read.faults] == [len(above) + 3]


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


# ── files that are no list ───────────────────────────────────────────────────────────────────────────────────────────

NO_LISTS = {
    "a workbook": (b"PK\x03\x04" + bytes(50), 0, "CSV UTF-8"),
    "an old or a locked workbook": (bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), 0, "パスワードを外し"),
    "a PDF": (b"%PDF-1.7\n", 0, "PDF"),
    "two encodings": (file(GOOD, encoding="utf-8") + file(GOOD), 3, "混ざっています"),
    "a million columns": (b"," * 1_000_000, 1, "見出しではありません"),
    "a head without end": (b"x" * 100_000 + b",y\n", 1, "見出しではありません"),
    "nothing": (b"", 1, "列がありません"),
    "more than a file may have": (bytes(10 * 1024 * 1024 + 1), 0, "大きすぎます"),
}


@pytest.mark.parametrize("what", NO_LISTS)
def test_a_file_that_is_no_list_gets_a_sentence(what: str) -> None:
    content, line, said = NO_LISTS[what]
    read = inventory.read(content)
    assert (len(read.faults), read.faults[0].line, read.rows) == (1, line, [])
    assert said in read.faults[0].ja


@pytest.mark.parametrize(
    ("rows", "most", "said"),
    [(b"x\n" * 5_000_000, inventory.FAULTS_MAX + 1, "止めました"), (b"\n" * 10_000_000, 1, "超えています")],
)
def test_a_file_of_nothing_but_problems_stops_being_read(rows: bytes, most: int, said: str) -> None:
    read = inventory.read(",".join(HEADS).encode() + b"\n" + rows)
    assert len(read.faults) == most
    assert said in read.faults[-1].ja


# ── several media, and none ──────────────────────────────────────────────────────────────────────────────────────────

MORE = [*HEADS, "媒体種別2", "媒体製造番号2", "媒体容量GB２", f"媒体製造番号{MEDIA_MAX}"]


def test_a_device_has_as_many_media_as_its_line_tells() -> None:
    read = inventory.read(
        file([*GOOD, "SSD", "S2", "240", "S8"], ["R2", *GOOD[1:5], "S9", "", "", "", "", ""], heads=MORE)
    )
    assert read.faults == []
    media = [(one["kind"], one["serial"], one["capacity_gb"]) for one in read.rows[0].media]
    assert media == [("hdd", "000E12", 500), ("ssd", "S2", 240), ("unknown", "S8", None)]
    assert [len(row.media) for row in read.rows] == [3, 1]


def nobody(kind: str = "デスクトップ", word: str = "なし", serial: str = "") -> list[str]:
    return ["R9", kind, "個人番号利用事務系", "3", word, serial, ""]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ([*GOOD, "SSD", "", "", ""], "媒体製造番号2がありません"),
        ([*GOOD, "HDD", "００0E12", "", ""], "この行に2つ"),
        ([*GOOD, "なし", "S2", "", ""], "媒体種別2は「なし」"),
        ([*nobody(serial="S1"), "", "", "", ""], "媒体種別は「なし」"),
        ([*nobody(), "HDD", "S2", "", ""], "媒体種別は「なし」"),
        ([*nobody(kind="記憶媒体"), "", "", "", ""], "種別が記憶媒体"),
        ([*GOOD, "HDD", "S\n2", "", ""], "媒体製造番号2の途中に改行"),
    ],
)
def test_what_a_line_says_of_its_media_must_agree(row: list[str], said: str) -> None:
    read = inventory.read(file(row, heads=MORE))
    assert said in read.faults[0].ja
    assert read.rows == []


def registered(row: Row) -> ItemRegistered:
    policy = PolicySet(town="t", version="1", source="MIC R2.12", rows=guideline_rows("MIC R2.12"))
    media = tuple(Medium(id=uuid7(), **one) for one in row.media)
    asked = item.required_of(media, required(policy, row.zone, row.confidentiality))
    described = row.described | {"item": uuid7(), "label": new_label(), "engagement": UUID(int=1)}
    return ItemRegistered(**described, media=media, required=asked)


def test_a_device_without_a_medium_is_not_stuck_its_custody_ends_at_its_receipt() -> None:
    (row,) = inventory.read(file(nobody())).rows
    known = registered(row)
    assert (known.media, known.required.on_site, known.required.at_centre) == ((), None, None)
    assert known.required.media_class == 1, "the row of the policy stays on record"
    assert item.fold([known]).missing_before_ship_out({}, set(), doubted=set()) == ()
    now = datetime(2026, 11, 24, tzinfo=UTC)
    here = Seen("tracking.item-registered.v1", now, uuid7())
    assert custody.closing(known, [here], {}, now) is None
    closed = custody.closing(known, [here, Seen(RECEIVED, now + timedelta(days=1), uuid7())], {}, now)
    assert isinstance(closed, CustodyClosed)
    assert [step.step for step in closed.steps] == ["registered", "received", "closed"]


# ── the export ───────────────────────────────────────────────────────────────────────────────────────────────────────


def exported(*rows: Row) -> tuple[bytes, dict[str, Row]]:
    """Return the export of the rows once registered, and what is registered under which label."""
    there = [inventory.row_of(registered(row)) for row in rows]
    return written(inventory.export(there)), {row.label: row for row in there}


MARKS = "'=+-@＝－\",; 　0A株￥~①髙"
HOSTILE = st.text(st.sampled_from(MARKS) | st.characters(exclude_categories=["Cs", "Cc"]), max_size=12)


@given(st.lists(HOSTILE, min_size=15, max_size=15), st.lists(HOSTILE, max_size=MEDIA_MAX - 1), st.booleans())
def test_an_export_says_of_every_cell_what_was_registered_and_registers_nothing(
    cells: list[str], serials: list[str], leased: bool
) -> None:
    said = dict(zip(columns.COLUMNS, cells, strict=True))
    said |= {
        "種別": "ノート",
        "ネットワーク": "LGWAN接続系",
        "機密性": "機密性３",
        "媒体種別": "NVMe",
        "媒体容量GB": "7",
    }
    said |= {f"媒体製造番号{nth}": f"{serial}#{nth}" for nth, serial in enumerate(serials, 2)}
    said["媒体製造番号"] += "#1"
    said |= {} if leased else {"リース会社": ""}
    read = inventory.read(file(list(said.values()), heads=list(said), encoding="utf-8"))
    assert (len(read.rows), read.faults) == (1, [])
    content, there = exported(*read.rows)
    again = inventory.read(content)
    assert again.faults == []
    assert [(row.described, row.media) for row in again.rows] == [(row.described, row.media) for row in read.rows]
    inventory.settle(again, there)
    assert (again.rows, again.again, again.faults) == ([], len(read.rows), [])


@pytest.mark.parametrize("said", ["2月31日", "令和99年", "令和8年13月40日", "平成元年2月29日", "明治", "0000-00-00"])
@pytest.mark.parametrize("form", ["csv", "workbook"])
def test_a_day_that_never_was_is_text_like_any_other(form: str, said: str) -> None:
    cells = dict(zip([*HEADS, "型名", "廃棄予定日"], [*GOOD, f"型 {said}", said], strict=True))
    lines = [[*cells], [*cells.values()]]
    content = file(lines[1], heads=lines[0]) if form == "csv" else workbook.written(lines, choices={})
    read = inventory.read(content)
    assert (len(read.rows), read.faults) == (1, [])
    assert read.ignored == ["廃棄予定日"], "nobody reads it, so nobody judges it"
    assert read.rows[0].described["model"] == f"型 {said}"
    content, there = exported(*read.rows)
    again = inventory.read(content)
    assert [(row.described, row.media) for row in again.rows] == [(row.described, row.media) for row in read.rows]
    inventory.settle(again, there)
    assert (again.rows, again.again, again.faults) == ([], 1, [])


@given(HOSTILE | st.text("'=\t\r\n@x"))
def test_no_cell_of_an_export_is_a_formula_and_each_comes_back(cell: str) -> None:
    assert unescaped(escaped(cell)) == cell
    assert escaped(cell)[:1] not in {*"=+-@\t\r\n＝＋－＠"}


def test_an_export_opens_in_a_japanese_spreadsheet_and_is_compared_by_its_tracking_ids() -> None:
    read = inventory.read(file([*GOOD, "SSD", "=S2", "", ""], [*nobody(), "", "", "", ""], heads=MORE))
    content, there = exported(*read.rows)
    assert content.startswith(b"\xef\xbb\xbf")
    assert content.count(b"\r\n") == content.count(b"\n") == 3
    text = content.decode("utf-8-sig")
    assert ",'=S2" in text
    assert ",なし," in text
    other = text.replace("R02-0031", "R02-9999").replace("R9,", "R9,", 1)
    read = inventory.read(other.encode())
    inventory.settle(read, there)
    assert (read.again, [fault.line for fault in read.faults]) == (1, [2])
    assert "別の内容" in read.faults[0].ja
    foreign = inventory.read(content)
    inventory.settle(foreign, {})
    assert (foreign.rows, foreign.again, len(foreign.faults)) == ([], 0, 2)
    assert "この契約にありません" in foreign.faults[0].ja
    mistyped = inventory.read(file([*GOOD, "X"], heads=[*HEADS, "追跡ID"]))
    assert "追跡IDではありません" in mistyped.faults[0].ja
