"""A cage's manifest: what was sealed into it, for the carrier and for the one who opens it."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from services.tracking.labels.press import press, qr_svg

_TEMPLATE = """
#let data = json(bytes(sys.inputs.data))
#set document(title: data.title, date: none)
#set page(paper: "a4", margin: (x: 18mm, y: 16mm),
  footer: context [#set text(size: 8pt); #data.title #h(1fr) #counter(page).display("1 / 1", both: true)])
#set text(font: "BIZ UDPGothic", size: 10pt, lang: "ja", cjk-latin-spacing: none)
#grid(columns: (1fr, 34mm), align: (left + top, right + top),
  {
    text(size: 17pt, weight: "bold", "カゴ車積載明細書")
    v(3mm)
    table(columns: (26mm, 1fr), stroke: 0.4pt, inset: 2mm, ..data.facts.flatten())
  },
  { image(bytes(data.qr), format: "svg", width: 32mm, alt: "入庫の照合"); text(size: 7pt, "入庫のときに読み取る") })
#v(4mm)
#table(columns: (10mm, 34mm, 1fr, 1fr), stroke: 0.4pt, inset: 1.6mm, align: (right, left, left, left),
  table.header(..("", "ラベル", "物品番号", "型名").map(it => text(weight: "bold", it))),
  ..data.rows.enumerate(start: 1).map(((nth, row)) => (str(nth), ..row)).flatten())
#v(4mm)
#block(breakable: false, table(columns: (50mm, 1fr, 40mm), stroke: 0.4pt, inset: 3.4mm,
  table.header("", "署名", "日時"),
  ..("渡した人（役場）", "受け取った人（運送）", "受け取った人（センター）").map(it => (it, "", "")).flatten()))
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One device on a manifest."""

    label: str  # grouped, as printed
    asset_number: str
    model: str


@dataclass(frozen=True, slots=True)
class Manifest:
    """What stands on the paper; names as the directory has them."""

    number: str
    seal: str
    sealed_at: str
    sender: str
    receiver: str
    carrier: str
    url: str  # opens the comparison of this cage at the centre
    lines: Sequence[Line]


def manifest(cage: Manifest, fonts: Path) -> bytes:
    """Return the manifest as a PDF."""
    data = {
        "title": f"カゴ車 {cage.number}　封印 {cage.seal}",
        "facts": [
            ("カゴ車", cage.number),
            ("封印番号", cage.seal),
            ("封印した日時", cage.sealed_at),
            ("出す所", cage.sender),
            ("受け取る所", cage.receiver),
            ("運送", cage.carrier),
            ("台数", f"{len(cage.lines)}台"),
        ],
        "rows": [list(asdict(line).values()) for line in cage.lines],
        "qr": qr_svg(cage.url),
    }
    return press(_TEMPLATE, data, fonts)
