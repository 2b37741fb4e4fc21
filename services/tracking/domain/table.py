"""A table as somebody's file holds it: numbered lines of cells. Pure.

Decode BOM → UTF-8 → CP932 and nothing else: detectors guess wrong.
"""

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

FILE_SIZE_MAX = 10 * 1024 * 1024  # bytes

_OLE = bytes.fromhex("d0cf11e0a1b11ae1")  # the container of .xls and of every workbook with a password
_STRANGE: tuple[tuple[bytes, str, str], ...] = (
    (
        _OLE,
        "古い.xlsか、パスワード付きのExcelのファイルです。パスワードを外し、.xlsxかCSV UTF-8で保存し直してください。",
        "This is an old .xls file or a workbook with a password. Remove it and save the file as .xlsx or CSV UTF-8.",
    ),
    (
        b"%PDF",
        "これはPDFです。元の表を「CSV UTF-8」として保存し、それを選んでください。",
        "This is a PDF. Save the original table as CSV UTF-8 and choose that.",
    ),
)


class Unreadable(Exception):
    """A file, or the rest of it, that is no table: the line (0: the file), and what to do in both languages."""

    def __init__(self, line: int, ja: str, en: str) -> None:
        super().__init__(ja)
        self.line, self.ja, self.en = line, ja, en


class Unclear(str):
    """A cell whose text nobody knows for sure: what it seems to be, and as what it is stored, in both languages.

    An empty one is an error or a formula without a result.
    """

    __slots__ = ("en", "ja")
    en: str
    ja: str

    def __new__(cls, seems: str, ja: str = "", en: str = "") -> Self:
        """Return the cell as text."""
        cell = super().__new__(cls, seems)
        cell.ja, cell.en = ja, en
        return cell


@dataclass(frozen=True, slots=True)
class Table:
    """The lines of a file, each with its number as a spreadsheet counts it; of a workbook also which sheet it is."""

    lines: Iterator[tuple[int, list[str]]]
    sheet: str = ""
    beside: tuple[str, ...] = ()  # sheets that are not read


def too_large() -> Unreadable:
    """Return the answer to a file above the bound."""
    return Unreadable(
        0, "ファイルが大きすぎます。10 MB までに分けてください。", "The file is larger than 10 MB. Split it."
    )


def lines(content: bytes) -> Iterator[tuple[int, list[str]]]:
    """Yield each line of a CSV with its number as a spreadsheet counts it; a cell of two lines is one row.

    Raises Unreadable where the file stops to be a table.
    """
    if len(content) > FILE_SIZE_MAX:
        raise too_large()
    reader = csv.reader(io.StringIO(_decode(content), newline=""), strict=True)
    try:
        yield from enumerate(reader, 1)
    except csv.Error as broken:
        raise Unreadable(
            reader.line_num,
            '引用符が閉じていません。この行の「"」を確かめてください。',
            "A quotation mark is not closed on this line.",
        ) from broken


def _decode(content: bytes) -> str:
    for magic, ja, en in _STRANGE:
        if content.startswith(magic):
            raise Unreadable(0, ja, en)
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as broken:
        if _is_utf8(content.split(b"\n", 1)[0]):  # heads in CP932 are never valid UTF-8
            raise Unreadable(
                content.count(b"\n", 0, broken.start) + 1,
                "この行から文字コードが違います（UTF-8 と シフトJIS が混ざっています）。"
                "Excelで「CSV UTF-8」として保存し直してください。",
                "The text encoding changes on this line. Save the whole file as CSV UTF-8.",
            ) from broken
    try:
        return content.decode("cp932")
    except UnicodeDecodeError as broken:
        raise Unreadable(
            0,
            "文字コードが読めません。Excelで「CSV UTF-8」として保存し直してください。",
            "The text encoding cannot be read. Save it as CSV UTF-8.",
        ) from broken


def _is_utf8(head: bytes) -> bool:
    try:
        return not head.decode("utf-8-sig").isascii()
    except UnicodeDecodeError:
        return False
