"""The papers labels are printed on, in mm as their makers state them."""

from collections.abc import Mapping
from dataclasses import dataclass

OFFSET_MAX = 50  # tenths of a mm a printer may be off, either way


@dataclass(frozen=True, slots=True)
class Size:
    """One paper: the page, its grid of labels without gaps, and how a label is filled."""

    page: tuple[float, float]
    margin: tuple[float, float]  # left of the first label, above the first label
    label: tuple[float, float]
    columns: int
    rows: int
    code: float  # side of the QR code, its quiet zone included
    inset: float
    id_pt: float
    text_pt: float
    lines: int  # of what the device is
    asks: bool  # whether there is room for the sentence that says what the code is for

    @property
    def per_page(self) -> int:
        """How many labels one page has."""
        return self.columns * self.rows


SIZES: Mapping[str, Size] = {
    # A4, 24 labels of 70 × 33.9 mm without side margins: 3 × 70 = 210, (297 − 8 × 33.9) / 2 = 12.9
    "24": Size((210, 297), (0, 12.9), (70, 33.9), 3, 8, code=27, inset=2, id_pt=11.5, text_pt=7, lines=3, asks=True),
    # A4, 44 labels of 48.3 × 25.4 mm: (210 − 4 × 48.3) / 2 = 8.4, (297 − 11 × 25.4) / 2 = 8.8
    "44": Size(
        (210, 297), (8.4, 8.8), (48.3, 25.4), 4, 11, code=22.5, inset=1.2, id_pt=7.5, text_pt=6, lines=3, asks=False
    ),
    # one label a page, for printers with a roll
    "50x25": Size((50, 25), (0, 0), (50, 25), 1, 1, code=22.5, inset=1.2, id_pt=7.5, text_pt=6, lines=3, asks=False),
}
