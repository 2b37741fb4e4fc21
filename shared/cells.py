"""Cells that no spreadsheet takes for formulas, and a table of them as a file. Pure."""

import csv
import io
import re
from collections.abc import Iterable, Sequence

# What begins a formula where a cell is opened (OWASP, CSV injection), in both widths, as Japanese
# spreadsheets do. The apostrophes before it are counted with it, so that a text that begins with one comes back.
_FORMULA = re.compile(r"'*[=+\-@\t\r\n＝＋－＠]")
_ESCAPED = re.compile(r"'+[=+\-@\t\r\n＝＋－＠]")


def written(rows: Iterable[Sequence[str]]) -> bytes:
    """Write a table that a Japanese spreadsheet opens rightly: UTF-8 with a byte order mark, CRLF, no formula."""
    out = io.StringIO(newline="")
    csv.writer(out, lineterminator="\r\n").writerows([[escaped(cell) for cell in row] for row in rows])
    return out.getvalue().encode("utf-8-sig")


def escaped(cell: str) -> str:
    """Put an apostrophe before what a spreadsheet would take for a formula."""
    return f"'{cell}" if _FORMULA.match(cell) else cell


def unescaped(cell: str) -> str:
    """Take off exactly the apostrophe that `escaped` puts there."""
    return cell[1:] if _ESCAPED.match(cell) else cell
