"""Labels on the papers of `sizes`: a QR code of level Q, the grouped ID, and what the device is."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from services.tracking.labels.sizes import SIZES
from shared.ids import LABEL_LENGTH, TOKEN_LENGTH, qr_url
from shared.press import press, qr_modules, qr_svg
from shared.refused import Refused

MODULE_MIN = 0.5  # mm, so that an office scanner reads it from a worn label

_TEMPLATE = """
#let data = json(bytes(sys.inputs.data))
#let size = data.size
#let (width, height) = size.label.map(it => it * 1mm)
#set document(title: data.title, date: none)
#set page(width: size.page.at(0) * 1mm, height: size.page.at(1) * 1mm, margin: 0mm)
#set text(font: "BIZ UDPGothic", size: size.text_pt * 1pt, lang: "ja", fill: black,
  top-edge: "ascender", bottom-edge: "descender")
#set par(leading: 0.15em, spacing: 0.7mm)
#let lines(count, body) = block(width: 100%, height: count * size.text_pt * 0.415mm, clip: true, body)
#let label(one) = box(width: width, height: height, inset: size.inset * 1mm,
  grid(columns: (size.code * 1mm, 1fr), rows: (1fr,), align: horizon,
    image(bytes(one.qr), format: "svg", width: size.code * 1mm, alt: one.id),
    {
      lines(1, text(size: (size.text_pt + 1) * 1pt, weight: "bold", data.town))
      block(text(size: size.id_pt * 1pt, weight: "bold", box(one.id)))
      lines(size.lines, one.what)
      if size.asks { block(data.ask) }
    }))
#for (nth, one) in data.labels.enumerate(start: data.start) {
  let place-on-page = calc.rem(nth, size.columns * size.rows)
  if place-on-page == 0 and nth > data.start { pagebreak() }
  place(top + left,
    dx: (size.margin.at(0) + data.offset.at(0) / 10) * 1mm + calc.rem(place-on-page, size.columns) * width,
    dy: (size.margin.at(1) + data.offset.at(1) / 10) * 1mm + calc.quo(place-on-page, size.columns) * height,
    label(one))
}
"""


@dataclass(frozen=True, slots=True)
class Printed:
    """What one label says."""

    label: str
    token: str
    asset_number: str = ""
    model: str = ""

    @property
    def what(self) -> str:
        """What the device is, in one line."""
        return " ".join(part for part in (self.asset_number, self.model) if part)


class TooSmall(Refused):
    """The address of this house makes a code too fine for this paper."""

    def __init__(self) -> None:
        super().__init__(
            "label-too-small",
            "このサイトのアドレスは長く、この大きさのラベルではQRコードが細かくなりすぎます。大きいラベルを選んでください。",
            "This site's address is long and its QR code would be too fine on labels of this size. Choose larger ones.",
        )


def sheet(
    labels: Sequence[Printed],
    *,
    origin: str,
    town: str,
    fonts: Path,
    size: str = "24",
    start: int = 0,
    offset: tuple[int, int] = (0, 0),
) -> bytes:
    """Return a PDF of labels on a paper of `SIZES`.

    `start` leaves out the labels already used on the first page; `offset` moves everything right and down, in tenths
    of a mm, for a printer that does not hit its paper. Raises TooSmall when a module of a code would be under 0.5 mm.
    """
    paper = SIZES[size]
    any_code = qr_url(origin, "0" * LABEL_LENGTH, "0" * TOKEN_LENGTH)  # every code of this house is as wide
    if paper.code / qr_modules(any_code) < MODULE_MIN:
        raise TooSmall
    printed = []
    for one in labels:
        url = qr_url(origin, one.label, one.token)
        grouped = f"{one.label[:4]}-{one.label[4:8]}-{one.label[8:]}"
        printed.append({"id": grouped, "what": one.what, "qr": qr_svg(url)})
    data = {
        "title": f"{town} ラベル {len(labels)}枚",
        "town": town,
        "ask": "読み取ると、追跡が見られます",
        "labels": printed,
        "size": asdict(paper),
        "start": start,
        "offset": offset,
    }
    return press(_TEMPLATE, data, fonts)
