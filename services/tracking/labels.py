"""Label sheets: A4 with 24 labels of 70 × 33.9 mm, each with a QR code of level Q and the ID in groups (STANDARDS §3)."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import qrcode
import qrcode.image.svg
import typst
from qrcode.constants import ERROR_CORRECT_Q

from shared.ids import qr_url

PER_SHEET = 24
QUIET_MODULES = 4

_TEMPLATE = """
#let data = json(bytes(sys.inputs.data))
#set document(title: data.title, date: none)
#set page(paper: "a4", margin: (x: 0mm, y: 12.9mm))
#set text(font: "BIZ UDPGothic", size: 7.5pt, lang: "ja", fill: black)
#let label(one) = if one == none { box(width: 70mm, height: 33.9mm) } else {
  box(width: 70mm, height: 33.9mm, inset: 3mm, grid(columns: (27mm, 1fr), gutter: 2mm, align: horizon,
    image(bytes(one.qr), format: "svg", width: 27mm, alt: one.id),
    [#text(size: 8.5pt, weight: "bold", data.town) \\ #text(size: 13pt, weight: "bold", one.id) \\ #one.what \\ #data.ask]))
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
        "ask": "読み取ると、この機器の追跡が見られます",
        "labels": printed,
    }
    pdf = _compiler(fonts).compile(sys_inputs={"data": json.dumps(data, ensure_ascii=False)}, format="pdf")
    if not isinstance(pdf, bytes):
        raise TypeError("typst makes one PDF of one document")
    return pdf


def qr_svg(text: str) -> str:
    """Return a QR code as SVG: level Q, quiet zone of four modules."""
    code = qrcode.QRCode(
        error_correction=ERROR_CORRECT_Q, border=QUIET_MODULES, image_factory=qrcode.image.svg.SvgPathImage
    )
    code.add_data(text, optimize=0)
    code.make(fit=True)
    return code.make_image().to_string(encoding="unicode")


@lru_cache(maxsize=1)
def _compiler(fonts: Path) -> typst.Compiler:
    source: bytes | str = _TEMPLATE.encode()
    return typst.Compiler(source, font_paths=[str(fonts)], ignore_system_fonts=True)
