"""QR codes as SVG paths, made on the server, so that pages and sheets need neither script nor picture."""

from functools import lru_cache

from qrcode.constants import ERROR_CORRECT_M
from qrcode.main import QRCode

QUIET = 4  # modules of white round the code (ISO/IEC 18004 §9.1)
TEXT_MAX = 300


@lru_cache(maxsize=512)
def qr_path(text: str) -> tuple[int, str]:
    """Return the side in modules, quiet zone included, and the path of the dark modules.

    Raises ValueError when `text` has more than 300 characters: it would not scan from a label.
    """
    if len(text) > TEXT_MAX:
        raise ValueError(f"a QR code on a label carries at most {TEXT_MAX} characters, not {len(text)}")
    code = QRCode(error_correction=ERROR_CORRECT_M, border=QUIET)
    code.add_data(text)
    rows = code.get_matrix()
    return len(rows), "".join(_runs(row, y) for y, row in enumerate(rows))


def _runs(row: list[bool], y: int) -> str:
    path, x = [], 0
    while x < len(row):
        start = x
        while x < len(row) and row[x]:
            x += 1
        if x > start:
            path.append(f"M{start} {y}h{x - start}v1h-{x - start}z")
        x += 1
    return "".join(path)
