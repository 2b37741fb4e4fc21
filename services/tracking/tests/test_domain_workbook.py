import io
import struct
import zipfile
from collections.abc import Callable, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.tracking.domain import archive, inventory, table, workbook
from services.tracking.domain.table import Unclear, Unreadable
from shared.cells import unescaped, written

HEADS = ["物品番号", "種別", "ネットワーク", "機密性", "媒体種別", "媒体製造番号", "媒体容量GB"]
GOOD = ["R02-0031", "デスクトップ", "個人番号利用事務系", "機密性3", "HDD", "000E12", "500"]

RELATIONS = "http://schemas.openxmlformats.org/package/2006/relationships"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"


def lines(content: bytes) -> list[tuple[int, list[str]]]:
    return [*workbook.opened(content).lines]


def text(cell: str) -> str:
    said = cell.replace("&", "&amp;").replace("<", "&lt;")
    return f'<c t="inlineStr"><is><t xml:space="preserve">{said}</t></is></c>'


def sheet(*rows: str) -> str:
    """Write a sheet as others than Excel do: text inline, no place told."""
    return f'<worksheet xmlns="{MAIN}"><sheetData>{"".join(rows)}</sheetData></worksheet>'


def row(*cells: str) -> str:
    return f"<row>{''.join(cells)}</row>"


def zipped(parts: Mapping[str, str | bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for path, said in parts.items():
            made.writestr(path, said)
    return out.getvalue()


def related(*targets: tuple[str, str]) -> str:
    listed = [f'<Relationship Id="r{n}" Type="{OFFICE}/{kind}" Target="{at}"/>' for n, (kind, at) in enumerate(targets)]
    return f'<Relationships xmlns="{RELATIONS}">{"".join(listed)}</Relationships>'


def book(*sheets: str | bytes, states: str = "", more: Mapping[str, str | bytes] | None = None) -> bytes:
    """Write a workbook by hand; a letter of `states` is v (visible) or h (hidden)."""
    shown = ["hidden" if state == "h" else "visible" for state in states.ljust(len(sheets), "v")]
    names = "".join(
        f'<sheet name="表{n}" sheetId="{n + 1}" r:id="r{n}" state="{state}"/>' for n, state in enumerate(shown)
    )
    targets = [("worksheet", f"worksheets/a{n}.xml") for n in range(len(sheets))]
    shared = [(kind, f"/xl/{kind}.xml") for kind in ("styles", "sharedStrings") if f"xl/{kind}.xml" in (more or {})]
    return zipped(
        {
            "_rels/.rels": related(("officeDocument", "xl/workbook.xml")),
            "xl/workbook.xml": f'<workbook xmlns="{MAIN}" xmlns:r="{OFFICE}"><sheets>{names}</sheets></workbook>',
            "xl/_rels/workbook.xml.rels": related(*targets, *shared),
            **{f"xl/worksheets/a{n}.xml": said for n, said in enumerate(sheets)},
            **(more or {}),
        }
    )


def by_hand(*rows: list[str]) -> bytes:
    return book(sheet(*(row(*map(text, cells)) for cells in rows)))


def by_xlsxwriter(*rows: list[str]) -> bytes:
    return workbook.written(rows)


def as_csv(*rows: list[str]) -> bytes:
    return written(rows)


# ── the same table ───────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_same_list_as_csv_and_as_workbooks_is_the_same_inventory() -> None:
    second = ["R02-0032", "ノートPC", "ＬＧＷＡＮ接続系", "2", "SSD", "0007\u3000髙", ""]
    read = [inventory.read(write(HEADS, GOOD, second)) for write in (as_csv, by_xlsxwriter, by_hand)]
    assert [one.faults for one in read] == [[], [], []]
    assert [[row.line for row in one.rows] for one in read] == [[2, 3]] * 3
    assert len({inventory.digest(one.rows) for one in read}) == 1
    assert read[0].rows[0].media[0]["serial"] == "000E12"
    assert [one.sheet for one in read] == ["", workbook.SHEET, "表0"]


# U+FFFE and U+FFFF are no characters of XML.
CELLS = st.text(
    st.sampled_from("'=+-@＝－\",; \n\t_x000D_0123髙𠮷葛󠄀")
    | st.characters(exclude_categories=["Cs"], exclude_characters="\x00\ufffe\uffff"),
    max_size=20,
)
ROWS = st.lists(st.lists(CELLS, min_size=3, max_size=3), min_size=1, max_size=6)


@given(ROWS)
def test_whatever_text_is_written_comes_back_from_a_workbook_as_from_a_csv(rows: list[list[str]]) -> None:
    rows = [["頭", "部", "x"], *rows, ["尾", "部", "x"]]
    content = workbook.written(rows)
    read = lines(content)
    assert [number for number, _ in read] == [*range(1, len(rows) + 1)]
    assert [[unescaped(cell) for cell in cells] for _, cells in read] == rows
    assert not any(isinstance(cell, Unclear) for _, cells in read for cell in cells)
    from_csv = [cells for _, cells in table.lines(written(rows))]
    assert from_csv == [cells for _, cells in read]


@given(st.lists(CELLS.filter(lambda cell: "\r" not in cell and cell.isprintable()), min_size=1, max_size=5))
def test_text_that_others_wrote_inline_is_read_as_it_is(cells: list[str]) -> None:
    cells = ["頭", *cells, "尾"]
    assert lines(book(sheet(row(*map(text, cells))))) == [(1, [cell.replace("_x000D_", "\r") for cell in cells])]


def test_lines_and_columns_are_counted_as_the_spreadsheet_does() -> None:
    cells = "".join(
        f'<c r="{letter}7" t="str"><v>{said}</v></c>' for letter, said in zip("CDEFGHI", HEADS, strict=True)
    )
    wrong = "".join(f'<c r="{letter}9" t="str"><v>x</v></c>' for letter in "CDEFGHI")
    read = inventory.read(book(sheet(f'<row r="7">{cells}</row><row r="9">{wrong}</row>')))
    assert {fault.line for fault in read.faults} == {9}
    lacking = inventory.read(book(sheet(f'<row r="7">{cells}</row>'.replace("媒体種別", "別"))))
    assert (lacking.faults[0].line, "7行目" in lacking.faults[0].ja) == (7, True)


# ── cells that are no text ───────────────────────────────────────────────────────────────────────────────────────────

STYLES = (
    f'<styleSheet xmlns="{MAIN}"><numFmts><numFmt numFmtId="200" formatCode="00000"/>'
    '<numFmt numFmtId="201" formatCode="[Red]#,##0_ ;\\-#,##0\\ "/><numFmt numFmtId="202" formatCode="0_ "/>'
    '<numFmt numFmtId="203" formatCode="&quot;PC-&quot;0"/></numFmts><cellStyleXfs><xf numFmtId="200"/></cellStyleXfs>'
    "<cellXfs>"
    + "".join(f'<xf numFmtId="{number}"/>' for number in (0, 1, 11, 14, 49, 200, 201, 202, 203))
    + "</cellXfs></styleSheet>"
)
GENERAL, WHOLE, SCIENTIFIC, DATE, TEXT, PADDED, GROUPED, SPACED, NAMED = range(9)


@pytest.mark.parametrize(
    ("value", "style", "said"),
    [
        ("123", GENERAL, "123"),
        ("123.0", GENERAL, "123"),
        ("12345678901", GENERAL, "12345678901"),
        ("123456789012", WHOLE, "123456789012"),
        ("999999999999999", SPACED, "999999999999999"),
        ("1234567", GROUPED, "1234567"),
        ("7", TEXT, "7"),
    ],
)
def test_a_number_is_the_text_that_the_clerk_sees(value: str, style: int, said: str) -> None:
    cell = f'<c s="{style}"><v>{value}</v></c>'
    ((_, cells),) = lines(book(sheet(row(cell)), more={"xl/styles.xml": STYLES}))
    assert (cells, isinstance(cells[0], Unclear)) == ([said], False)


UNCLEAR = {
    "more digits than are shown": ('<c s="0"><v>123456789012</v></c>', "「123456789012」は数"),
    "more digits than are kept": ('<c s="1"><v>1234567890123456</v></c>', "は数"),
    "typed as 12E10": ('<c s="2"><v>120000000000</v></c>', "「120000000000」は数"),
    "a fraction": ('<c s="1"><v>0.5</v></c>', "「0.5」は数"),
    "leading zeros by format": ('<c s="5"><v>123</v></c>', "「123」は数"),
    "letters by format": ('<c s="8"><v>31</v></c>', "「31」は数"),
    "no number at all": ("<c><v>NaN</v></c>", "「nan」は数"),
    "without end": ("<c><v>1e999</v></c>", "「inf」は数"),
    "a date": ('<c s="3"><v>43831</v></c>', "「2020-01-01"),
    "a truth": ('<c t="b"><v>1</v></c>', "「TRUE」は真偽の値"),
    "an error": ('<c t="e"><v>#N/A</v></c>', "エラー（#N/Aなど）"),
    "a formula without a result": ("<c><f>A1</f><v/></c>", "計算されていない式"),
}


@pytest.mark.parametrize("what", UNCLEAR)
def test_a_cell_whose_text_nobody_knows_is_named_and_never_guessed(what: str) -> None:
    cell, said = UNCLEAR[what]
    cells = [*map(text, GOOD[:5]), cell, text("500")]
    content = book(sheet(row(*map(text, HEADS)), row(*cells)), more={"xl/styles.xml": STYLES})
    read = inventory.read(content)
    assert ([fault.line for fault in read.faults], read.rows) == ([2], [])
    assert said in read.faults[0].ja
    assert "打ち直してください" in read.faults[0].ja
    assert "media" not in read.faults[0].en
    heads = [*HEADS[:5], "備考", "媒体容量GB", "媒体製造番号"]
    unread = inventory.read(
        book(sheet(row(*map(text, heads)), row(*cells, text("S1"))), more={"xl/styles.xml": STYLES})
    )
    assert (unread.faults, len(unread.rows)) == ([], 1), "in a column that is not read it is nobody's concern"


def test_a_formula_says_what_was_saved_with_it_and_an_empty_text_is_empty() -> None:
    cells = '<c t="str"><f>"000"&amp;"E12"</f><v>000E12</v></c><c><f>1+1</f><v>2</v></c><c t="str"><f>""</f><v/></c>'
    ((_, read),) = lines(book(sheet(row(cells))))
    assert (read, [isinstance(cell, Unclear) for cell in read]) == (["000E12", "2", ""], [False] * 3)


def test_furigana_is_no_part_of_a_text() -> None:
    shared = (
        f'<sst xmlns="{MAIN}"><si><r><t>最上</t></r><r><t>町</t></r><rPh sb="0" eb="2"><t>モガミ</t></rPh></si></sst>'
    )
    content = book(sheet(row('<c t="s"><v>0</v></c>')), more={"xl/sharedStrings.xml": shared})
    assert lines(content) == [(1, ["最上町"])]


# ── sheets ───────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_first_visible_sheet_with_a_cell_is_read_and_the_others_are_named() -> None:
    one, other, empty = sheet(row(text("一"))), sheet(row(text("二"))), sheet(row('<c s="1"/>'))
    opened = workbook.opened(book(one, empty, other, one, one, states="hvvhv"))
    assert (opened.sheet, opened.beside, [*opened.lines]) == ("表2", ("表4",), [(1, ["二"])])
    read = inventory.read(book(other, one))
    assert (read.sheet, read.beside) == ("表0", ("表1",))
    with pytest.raises(Unreadable, match="見えるシートがありません"):
        workbook.opened(book(one, empty, states="hv"))


def test_a_workbook_of_excel_with_macros_is_read_for_its_values_alone() -> None:
    more = {"xl/vbaProject.bin": b"\xd0\xcf\x11\xe0", "xl/media/photo.png": bytes(1000)}
    content = book(sheet(row(text("値"))), more=more)
    assert lines(content) == [(1, ["値"])]
    assert set(zipfile.ZipFile(io.BytesIO(archive.first(content)[1])).namelist()).isdisjoint(more)


# ── hostile files ────────────────────────────────────────────────────────────────────────────────────────────────────


def lying(content: bytes, size: int) -> bytes:
    """Let the archive's directory tell another size of its last part."""
    at = content.rindex(b"PK\x01\x02")
    return content[: at + 24] + struct.pack("<I", size) + content[at + 28 :]


def locked() -> bytes:
    """Let the archive's directory say that its last part has a password."""
    content = by_hand(HEADS)
    at = content.rindex(b"PK\x01\x02")
    return content[: at + 8] + b"\x01\x00" + content[at + 10 :]


CORNERS = sheet('<row r="1"><c r="A1"><v>1</v></c></row><row r="1048576"><c r="XFD1048576"><v>1</v></c></row>')
MANY = "<c><v>1</v></c>"


def number(n: int) -> str:
    return f"<c><v>{n * 7919}</v></c>"  # no two alike, else it is a bomb by its ratio


HOSTILE: dict[str, tuple[Callable[[], bytes], str]] = {
    "an archive of something else": (lambda: zipped({"a.txt": "x"}), "読めません"),
    "a torn workbook": (lambda: by_hand(HEADS, GOOD)[:-30], "読めません"),
    "a head of an archive": (lambda: b"PK\x03\x04" + bytes(50), "CSV UTF-8"),
    "a part with a password": (locked, "読めません"),
    "a workbook with a password": (lambda: bytes.fromhex("d0cf11e0a1b11ae1") + bytes(600), "パスワードを外し"),
    "a part that is not there": (
        lambda: by_hand(HEADS).replace(b"xl/worksheets/a0", b"xl/worksheets/b0"),
        "読めません",
    ),
    "two cells in opposite corners": (lambda: book(CORNERS), "1,048,576行、16,384列"),
    "one cell in the last row": (
        lambda: book(sheet('<row r="1048576"><c r="A1048576"><v>1</v></c></row>')),
        "広すぎます",
    ),
    "columns without end": (lambda: book(sheet(row(*map(number, range(300_000))))), "300,000列"),
    "rows without end": (lambda: book(sheet(*(row(number(n)) for n in range(300_000)))), "300,000行"),
    "a row beyond the last": (lambda: book(sheet('<row r="1"><c r="A99999999999"><v>1</v></c></row>')), "読めません"),
    "a row that is no number": (lambda: book(sheet(f'<row r="x">{MANY}</row>')), "読めません"),
    "a bomb": (lambda: book(sheet(row(text("0" * 80_000_000)))), "大きすぎます"),
    "a bomb in another part": (
        lambda: book(sheet(row(MANY)), more={"xl/sharedStrings.xml": " " * 10_000_000}),
        "大きすぎます",
    ),
    "a bomb that tells another size": (lambda: lying(book(sheet(row(text("0" * 80_000_000)))), 1_000), "読めません"),
    "more elements than a list has": (lambda: book(sheet(row("<c/><d/>" * 4_000_000))), "大きすぎます"),
    "a document type": (
        lambda: book(f'<!DOCTYPE x [<!ENTITY a "{"x" * 1000}">]>' + sheet(row("<c><v>&a;</v></c>"))),
        "読めません",
    ),
    "NULs": (lambda: book(sheet(row(text("a\x00b")))), "読めません"),
    "another encoding": (lambda: book(sheet(row(text("表"))).encode("utf-16")), "読めません"),
    "more parts than a workbook has": (lambda: zipped({f"{n}": "" for n in range(2_001)}), "大きすぎます"),
    "more than a file may have": (lambda: b"PK\x03\x04" + bytes(10 * 1024 * 1024), "10 MB"),
    "nothing in it": (lambda: book(sheet()), "見えるシートがありません"),
}


@pytest.mark.parametrize("what", HOSTILE)
def test_a_hostile_workbook_gets_one_sentence_and_nothing_is_read(what: str) -> None:
    make, said = HOSTILE[what]
    read = inventory.read(make())
    assert (len(read.faults), read.faults[0].line, read.rows) == (1, 0, [])
    assert said in read.faults[0].ja
    assert read.faults[0].ja.endswith("ください。")


WHOLE_ONES = [by_hand(HEADS, GOOD), by_xlsxwriter(HEADS, GOOD)]


@given(st.data())
def test_whatever_is_broken_in_a_workbook_nothing_is_raised(data: st.DataObject) -> None:
    good = bytearray(data.draw(st.sampled_from(WHOLE_ONES)))
    for _ in range(data.draw(st.integers(1, 4))):
        good[data.draw(st.integers(4, len(good) - 1))] = data.draw(st.integers(0, 255))
    read = inventory.read(bytes(good))
    assert all(fault.ja for fault in read.faults)


PLACES = st.sampled_from(['<c r="B3">', '<c r="C2" t="s">', '<c s="9" t="e">', '<c t="b"/>', "<c>", "</c>", "<row>"])
VALUES = st.sampled_from(["<v>1</v>", "<v/>", "<f>A1</f>", "<is><t>x</t></is>", "<v>-1e308</v>", "<x:c><v>0</v></x:c>"])


@given(st.lists(PLACES | VALUES, max_size=12))
def test_whatever_a_sheet_holds_nothing_is_raised(pieces: list[str]) -> None:
    read = inventory.read(book(sheet(row(*map(text, HEADS)), *pieces)))
    assert all(fault.ja for fault in read.faults)


# ── what is written ──────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_written_workbook_holds_text_alone_and_what_is_typed_into_it_stays_text() -> None:
    content = workbook.written([HEADS, ["=1+1", "http://x.example", "007", "1E5"]], inventory.choices())
    with zipfile.ZipFile(io.BytesIO(content)) as made:
        written, styles = (made.read(f"xl/{part}.xml").decode() for part in ("worksheets/sheet1", "styles"))
    assert "<f>" not in written
    assert "hyperlink" not in written
    assert written.count('t="inlineStr"') == len(HEADS) + 4
    assert '"ノート,デスクトップ,記憶媒体"' in written.replace("&quot;", '"')
    assert 'state="frozen"' in written
    assert [said.count(' numFmtId="49"') for said in styles.split("<cellXfs")] == [0, 2]
    assert styles.count("游ゴシック") == styles.count("<font>") == 2
    assert "scheme" not in styles, "the theme's font would win over the one that is named"
    assert lines(content)[1][1] == ["'=1+1", "http://x.example", "007", "1E5", "", "", ""]
