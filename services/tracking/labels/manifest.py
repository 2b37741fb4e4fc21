"""A cage's manifest: what was sealed into it, for the carrier and for the one who opens it."""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from io import BytesIO
from pathlib import Path
from typing import Literal

from PIL import Image

from shared.press import press, qr_svg

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
#if data.shots.len() > 0 {
  v(4mm)
  grid(columns: (1fr, 1fr), column-gutter: 6mm, ..data.shots.map(((word, sha256, picture)) => block(breakable: false, {
    text(size: 9pt, weight: "bold", word)
    linebreak()
    if picture == "" { text(size: 9pt, "写真が保管場所で見つかりません。") } else {
      image(bytes(picture), format: "svg", height: 34mm, alt: word)
    }
    linebreak()
    text(size: 6pt, "SHA-256 " + sha256)
  })))
}
"""


@dataclass(frozen=True, slots=True)
class Line:
    """One device on a manifest."""

    label: str  # grouped, as printed
    asset_number: str
    model: str


@dataclass(frozen=True, slots=True)
class Shot:
    """A photo of the seal or the lock; `picture` is the JPEG that is shown, nothing where the original is gone."""

    role: Literal["seal", "lock"]
    sha256: str  # of the original
    picture: bytes = b""


WORDS: Mapping[str, str] = {"seal": "封印", "lock": "錠"}


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
    shots: Sequence[Shot] = ()

    def showing(self, pictures: Mapping[str, bytes]) -> "Manifest":
        """Return it with the pictures by the hashes of their originals."""
        return replace(self, shots=[replace(one, picture=pictures.get(one.sha256, b"")) for one in self.shots])


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
            ("封印の写真", f"{len(cage.shots)}枚" if cage.shots else "なし"),
        ],
        "shots": [(f"{WORDS[one.role]}の写真", one.sha256, _svg(one.picture)) for one in cage.shots],
        "rows": [list(asdict(line).values()) for line in cage.lines],
        "qr": qr_svg(cage.url),
    }
    return press(_TEMPLATE, data, fonts)


def _svg(jpeg: bytes) -> str:
    """Wrap a JPEG in an SVG: the press is given text only, and passes the picture through unchanged."""
    if not jpeg:
        return ""
    with Image.open(BytesIO(jpeg)) as opened:
        width, height = opened.size
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}">'
        f'<image width="{width}" height="{height}" href="data:image/jpeg;base64,{b64encode(jpeg).decode()}"/></svg>'
    )
