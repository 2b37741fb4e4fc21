"""The press: one typst compiler that writes PDFs of documents that are given their data."""

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import groupby
from pathlib import Path
from threading import Lock
from typing import Any

import qrcode
import typst
from qrcode.constants import ERROR_CORRECT_Q

from shared import glyphs

QUIET_MODULES = 4  # of white round a code (ISO/IEC 18004 §9.1)
_ONE_CALLER = Lock()  # the compiler refuses a second one ("Already borrowed")


def press(template: str, data: Mapping[str, Any], fonts: Path, *, standards: Sequence[Any] = ()) -> bytes:
    """Return the PDF of a template, which reads `data` as `sys.inputs.data`; `standards` as typst names them.

    A standard forbids a sign that no font draws: such a sign is then printed by its number.
    """
    if standards:
        data = _drawable(data, _covered(fonts))
    with _ONE_CALLER:
        pdf = _compiler(fonts).compile(
            template.encode(),
            sys_inputs={"data": json.dumps(data, ensure_ascii=False)},
            format="pdf",
            pdf_standards=list(standards),
        )
    if not isinstance(pdf, bytes):
        raise TypeError("typst makes one PDF of one document")
    return pdf


def _drawable(value: Any, covered: frozenset[int]) -> Any:
    if isinstance(value, str):
        return "\n".join(glyphs.drawable(line, covered) for line in value.splitlines())
    if isinstance(value, Mapping):
        return {key: _drawable(inner, covered) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_drawable(inner, covered) for inner in value]
    return value


@lru_cache(maxsize=1)
def _covered(fonts: Path) -> frozenset[int]:
    return frozenset[int]().union(*(glyphs.coverage(file.read_bytes()) for file in sorted(fonts.rglob("*.ttf"))))


def qr_svg(text: str) -> str:
    """Return a QR code as SVG: level Q, quiet zone of four modules, one rectangle a run of dark modules."""
    rows = _matrix(text)
    path = "".join(
        f"M{start} {y}h{length}v1h-{length}z" for y, row in enumerate(rows) for start, length in _dark_runs(row)
    )
    size = len(rows)
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {size} {size}"><path d="{path}"/></svg>'


@lru_cache(maxsize=64)
def qr_modules(text: str) -> int:
    """Return how many modules wide the code of a text is, its quiet zone included."""
    return len(_matrix(text))


def _matrix(text: str) -> Sequence[Sequence[bool | None]]:
    code = qrcode.QRCode(error_correction=ERROR_CORRECT_Q, border=QUIET_MODULES)
    code.add_data(text, optimize=0)
    code.make(fit=True)
    return code.get_matrix()


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
