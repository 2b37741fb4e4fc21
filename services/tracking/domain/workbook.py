"""A workbook (.xlsx, .xlsm) as a table: numbered lines of text, and a workbook that keeps text as text. Pure.

Only values are read: macros are left behind, formulas give the value that was saved with them. What a number was typed
as is told by its cell's format; where the digits are not what the clerk sees (00123, 1.2E+11) the cell is `Unclear`.
"""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, datetime, time, timedelta
from typing import Any

import python_calamine
import xlsxwriter

from services.tracking.domain import archive, table
from services.tracking.domain.archive import Sheet
from services.tracking.domain.table import Table, Unclear, Unreadable
from shared.cells import escaped

SHEET = "物品台帳"
TEXT = 49  # the format "@", built in (ISO/IEC 29500-1, 18.8.30)
FONT = "游ゴシック"  # what a Japanese spreadsheet begins with
CHOICE_ROWS_MAX = 20_000  # rows below the head in which a word can be chosen
DIGITS_MAX = 15  # of a number, what a spreadsheet keeps (IEEE 754)
GENERAL_DIGITS_MAX = 11  # more are shown as 1.2E+11 where a cell has no format of its own

_NUMBER = "数", "a number"
_MOMENT = "日付か時刻", "a date or time"
_TRUTH = "真偽の値", "true or false"


def opened(content: bytes) -> Table:
    """Return the first visible sheet that holds anything. Raises Unreadable for what is no workbook."""
    if len(content) > table.FILE_SIZE_MAX:
        raise table.too_large()
    sheet, alone = archive.first(content)
    try:
        read = python_calamine.load_workbook(io.BytesIO(alone)).get_sheet_by_index(0)
    except python_calamine.CalamineError as broken:
        raise archive.broken() from broken
    return Table(_lines(sheet, read), sheet.name, sheet.beside)


def written(rows: Iterable[Sequence[str]], choices: Mapping[str, Iterable[str]] | None = None) -> bytes:
    """Write a workbook of text alone, in which what is typed stays text too: no formula, no number, no link.

    The first row is the head; `choices` says which words a column offers (ISO/IEC 29500-1, 18.3.1.33). Cells are
    escaped as in a CSV, because a spreadsheet makes one of the other.
    """
    out = io.BytesIO()
    font = {"font_name": FONT, "font_size": 11, "font_scheme": ""}
    safe = dict.fromkeys(("strings_to_formulas", "strings_to_urls", "strings_to_numbers"), False)
    heads: Sequence[str] = ()
    with xlsxwriter.Workbook(out, {"constant_memory": True, "default_format_properties": font, **safe}) as book:
        text, bold = (
            book.add_format({**font, "num_format": TEXT, **more}) for more in ({}, {"bold": True, "bottom": 1})
        )
        sheet = book.add_worksheet(SHEET)
        sheet.freeze_panes(1, 0)
        for line, row in enumerate(rows):
            heads = heads or row
            for column, cell in enumerate(row):
                sheet.write_string(line, column, escaped(cell), text if line else bold)
        for column, head in enumerate(heads):
            sheet.set_column(column, column, max(10, 2 * len(head) + 2), text)
            if words := [*(choices or {}).get(head, ())]:
                sheet.data_validation(1, column, CHOICE_ROWS_MAX, column, {"validate": "list", "source": words})
        sheet.ignore_errors({"number_stored_as_text": "A1:XFD1048576"})  # meant so: no green corners
    return out.getvalue()


def _lines(sheet: Sheet, read: Any) -> Iterator[tuple[int, list[str]]]:
    """Yield each line from the first that holds anything, with its number as the spreadsheet counts it."""
    top, left = read.start or (0, 0)
    for line, row in enumerate(
        read.iter_rows(), 1
    ):  # it begins with the sheet's first row and the range's first column
        if line > top:
            yield line, [_text(sheet, line, column, cell) for column, cell in enumerate(row, left + 1)]


def _text(sheet: Sheet, line: int, column: int, cell: object) -> str:
    match cell:
        case "":
            return Unclear("") if sheet.marks("empty", line, column) else ""
        case str():
            return cell
        case bool():
            return Unclear(str(cell).upper(), *_TRUTH)
        case int() | float():
            shaped, general = (sheet.marks(mark, line, column) for mark in ("shaped", "general"))
            digits = GENERAL_DIGITS_MAX if general else DIGITS_MAX
            is_plain = not shaped and abs(cell) < 10**digits and cell == int(cell)
            return str(int(cell)) if is_plain else Unclear(f"{cell:.15g}", *_NUMBER)
        case datetime() | date() | time():
            return Unclear(cell.isoformat(), *_MOMENT)
        case timedelta():
            return Unclear(str(cell), *_MOMENT)
    raise Unreadable(
        line,
        "読めない欄があります。「CSV UTF-8」で保存し直してください。",
        "A cell cannot be read. Save it as CSV UTF-8.",
    )
