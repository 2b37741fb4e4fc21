"""Drawings: where each square, ribbon and bar stands. Pure numbers; `components.html` turns them into SVG."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from typing import NamedTuple
from unicodedata import east_asian_width


class Square(NamedTuple):
    """One machine of `mg-units`."""

    x: int
    y: int
    odd: bool


class Units(NamedTuple):
    """The squares of `mg-units` and the size of their drawing."""

    width: int
    height: int
    squares: list[Square]


def units(count: int, odd: int = 0, across: int = 12) -> Units:
    """Return one square a machine, `across` in a row; the last `odd` of them are the difference."""
    rows = max(1, ceil(count / across))
    squares = [Square(n % across * 20, n // across * 20, n >= count - odd) for n in range(count)]
    return Units(across * 20 - 1, rows * 20 - 1, squares)


@dataclass(frozen=True, slots=True)
class Node:
    """A station of the Sankey drawing. `kind`: data, life, gray or warn.

    `to` names the next stations and how many go there.
    """

    key: str
    label: str
    value: int
    column: int = 0
    kind: str = "data"
    to: dict[str, int] = field(default_factory=dict)


class Bar(NamedTuple):
    """A placed station: its rectangle, kind and text."""

    x: float
    y: float
    height: float
    kind: str
    value: int
    label: str


class Ribbon(NamedTuple):
    """A placed flow."""

    path: str
    kind: str


class Sankey(NamedTuple):
    """A placed Sankey drawing."""

    width: int
    height: int
    bars: list[Bar]
    ribbons: list[Ribbon]


_BAR, _STEP, _TALL, _GAP, _THIN = 10, 156, 192.0, 30.0, 5.5
_LAST, _TEXT, _DIGIT, _WIDE, _NARROW = 148, 34, 15, 18, 11  # px: the last column at least; as meguru.css sets its words


def sankey(nodes: Sequence[Node]) -> Sankey:
    """Place stations in their columns, heights in proportion to the numbers, and the flows between them."""
    scale = _TALL / max(1, max((node.value for node in nodes if node.column == 0), default=1))
    tops: dict[str, float] = {}
    bottoms: dict[int, float] = {}
    for node in nodes:
        tops[node.key] = bottoms.get(node.column, 10.0 if node.column else 0.0)
        bottoms[node.column] = tops[node.key] + max(_THIN, node.value * scale) + _GAP
    height = max([*bottoms.values(), _TALL + _GAP]) - _GAP + 14
    for node in nodes:
        if node.column == 0:
            tops[node.key] += (height - (bottoms[0] - _GAP)) / 2
    kinds = {node.key: (node.kind, node.column) for node in nodes}
    ribbons, entered = [], dict(tops)
    for node in nodes:
        left = tops[node.key]
        for key, value in node.to.items():
            kind, column = kinds[key]
            wide = value * scale
            ribbons.append(Ribbon(_ribbon(node.column, left, column, entered[key], wide), kind))
            left, entered[key] = left + wide, entered[key] + wide
    bars = [
        Bar(node.column * _STEP, tops[node.key], max(_THIN, node.value * scale), node.kind, node.value, node.label)
        for node in nodes
    ]
    columns = max((node.column for node in nodes), default=0)
    last = max([_LAST, *(_said(node) for node in nodes if node.column == columns)])
    return Sankey(columns * _STEP + last, round(height), bars, ribbons)


def _said(node: Node) -> int:
    """Return how wide a station's number and word may be: nothing is cut off at the drawing's edge."""
    word = sum(_WIDE if east_asian_width(letter) in "WF" else _NARROW for letter in node.label)
    return _TEXT + _DIGIT * len(f"{node.value:,}") + word


def _ribbon(column1: int, y1: float, column2: int, y2: float, wide: float) -> str:
    x1, x2 = column1 * _STEP + _BAR, column2 * _STEP
    middle = (x1 + x2) / 2
    return (
        f"M{x1} {y1:.1f}C{middle} {y1:.1f} {middle} {y2:.1f} {x2} {y2:.1f}V{y2 + wide:.1f}"
        f"C{middle} {y2 + wide:.1f} {middle} {y1 + wide:.1f} {x1} {y1 + wide:.1f}Z"
    )


@dataclass(frozen=True, slots=True)
class Span:
    """One span of a trace, in milliseconds from the first. `kind`: sync, async, db, life or slow."""

    service: str
    name: str
    start_ms: float
    length_ms: float
    kind: str = "async"
    note: str = ""


class Row(NamedTuple):
    """A line of the trace drawing: a service's heading (`bar_x` is None) or a span."""

    y: int
    text: str
    bar_x: float | None
    bar_width: float
    kind: str
    said: str


class Trace(NamedTuple):
    """A placed trace."""

    height: int
    rows: list[Row]
    ticks: list[tuple[float, int]]
    commit_x: float | None


_TRACE_LEFT, _TRACE_WIDE, _TRACE_LINE, _TICKS_MAX = 300.0, 680.0, 26, 8


def trace(spans: Sequence[Span], commit_ms: float | None = None) -> Trace:
    """Place spans under their services in the order given; `commit_ms` is the moment the answer became true."""
    end = max((span.start_ms + span.length_ms for span in spans), default=1.0)
    step = next(
        (step for step in (5, 10, 20, 50, 100, 200, 500, 1000) if end / step <= _TICKS_MAX), ceil(end / _TICKS_MAX)
    )
    scale = _TRACE_WIDE / (ceil(end / step) * step)
    rows: list[Row] = []
    service = None
    for span in spans:
        if span.service != service:
            service = span.service
            rows.append(Row(len(rows) * _TRACE_LINE + 52, service, None, 0, "", ""))
        said = f"{span.length_ms:,.0f} ms" + (f"　{span.note}" if span.note else "")
        x, wide = _TRACE_LEFT + span.start_ms * scale, max(3.0, span.length_ms * scale)
        rows.append(Row(len(rows) * _TRACE_LINE + 52, span.name, x, wide, span.kind, said))
    ticks = [(_TRACE_LEFT + n * step * scale, n * step) for n in range(ceil(end / step) + 1)]
    commit_x = None if commit_ms is None else _TRACE_LEFT + commit_ms * scale
    return Trace(len(rows) * _TRACE_LINE + 44, rows, ticks, commit_x)
