"""Label sheets: A4 with 24 labels of 70 × 33.9 mm, each with a QR code of level Q and the grouped ID."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from threading import Lock

import qrcode
import typst
from qrcode.constants import ERROR_CORRECT_Q

from shared.ids import qr_url

PER_SHEET = 24
_ONE_CALLER = Lock()  # the compiler refuses a second one ("Already borrowed")
QUIET_MODULES = 4

_TEMPLATE = """
#let data = json(bytes(sys.inputs.data))
#set document(title: data.title, date: none)
#set page(paper: "a4", margin: (x: 0mm, y: 12.9mm))
#set text(font: "BIZ UDPGothic", size: 7pt, lang: "ja", fill: black, top-edge: "ascender", bottom-edge: "descender")
#set par(leading: 0.15em, spacing: 0.7mm)
#let lines(count, body) = block(width: 100%, height: count * 2.9mm, clip: true, body)
#let label(one) = if one == none { box(width: 70mm, height: 33.9mm) } else {
  box(width: 70mm, height: 33.9mm, inset: 2mm, grid(columns: (27mm, 1fr), align: horizon,
    image(bytes(one.qr), format: "svg", width: 27mm, alt: one.id),
    {
      lines(1, text(size: 8pt, weight: "bold", data.town))
      block(text(size: 11.5pt, weight: "bold", box(one.id)))
      lines(3, one.what)
      block(data.ask)
    }))
}
#grid(columns: (70mm, 70mm, 70mm), ..data.labels.map(label))
"""


@dataclass(frozen=True, slots=True)
class Printed:
    """What one label says."""

    label: str
    token: str
    what: str


def sheet(labels: Sequence[Printed], *, origin: str, town: str, fonts: Path, start: int = 0) -> bytes:
    """Return a PDF of sheets of 24; `start` leaves out the labels already used on the first sheet."""
    printed: list[dict[str, str] | None] = [None] * start
    for one in labels:
        grouped = f"{one.label[:4]}-{one.label[4:8]}-{one.label[8:]}"
        printed.append({"id": grouped, "what": one.what, "qr": qr_svg(qr_url(origin, one.label, one.token))})
    data = {
        "title": f"{town} ラベル {len(labels)}枚",
        "town": town,
        "ask": "読み取ると、追跡が見られます",
        "labels": printed,
    }
    with _ONE_CALLER:
        pdf = _compiler(fonts).compile(
            _TEMPLATE.encode(), sys_inputs={"data": json.dumps(data, ensure_ascii=False)}, format="pdf"
        )
    if not isinstance(pdf, bytes):
        raise TypeError("typst makes one PDF of one document")
    return pdf


def qr_svg(text: str) -> str:
    """Return a QR code as SVG: level Q, quiet zone of four modules, one rectangle a run of dark modules."""
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_Q, border=QUIET_MODULES)
    code.add_data(text, optimize=0)
    code.make(fit=True)
    rows = code.get_matrix()
    path = "".join(
        f"M{start} {y}h{length}v1h-{length}z" for y, row in enumerate(rows) for start, length in _dark_runs(row)
    )
    size = len(rows)
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}"><path d="{path}"/></svg>'


def _dark_runs(row: Sequence[bool | None]) -> Iterator[tuple[int, int]]:
    start = 0
    for dark, run in groupby(row):
        length = len(list(run))
        if dark:
            yield start, length
        start += length


@lru_cache(maxsize=1)
def _compiler(fonts: Path) -> typst.Compiler:
    return typst.Compiler(font_paths=[str(fonts)], ignore_system_fonts=True)
