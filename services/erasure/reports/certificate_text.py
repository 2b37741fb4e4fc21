"""Text out of nwipe's PDF as its library (PDFGen) writes it: one uncompressed text object for each string.

Only that form is read: a PDF that went through another program has other objects, and what it says is not nwipe's word.
The strings of a page are joined to lines by their places, as `pdftotext -layout` does.
"""

import re
from collections.abc import Iterator
from itertools import groupby

from services.erasure.reports.report import Unreadable

STRINGS_MAX = 50_000  # of one file; a report of one drive has 200
_TEXT = re.compile(
    r"BT /GS0 gs (\d{1,5}\.\d{6}) (\d{1,5}\.\d{6}) TD /F\d{1,3} \d{1,3}\.\d{6} Tf "
    r"\d\.\d{6} \d\.\d{6} \d\.\d{6} rg \d\.\d{6} Tc \(((?:[^()\\\r\n]|\\[^\r\n]){0,500})\) Tj ET"
)
_PAGE = re.compile(r"/Type /Page\r?\n")
_ESCAPE = re.compile(r"\\(.)")

Line = list[str]  # its strings, from left to right


def lines_of_pdf(text: str) -> Iterator[Line]:
    """Give the lines of all pages from top to bottom. Raises Unreadable for too many strings."""
    count = 0
    for page in _PAGE.split(text)[1:]:
        placed = [(-float(y), float(x), _ESCAPE.sub(r"\1", said)) for x, y, said in _TEXT.findall(page)]
        count += len(placed)
        if count > STRINGS_MAX:
            raise Unreadable("PDF の文字列が多すぎます。nwipe が作った報告をドライブごとに分けて登録してください。")
        for _, row in groupby(sorted(placed), key=lambda string: string[0]):
            yield [said for _, _, said in row]
