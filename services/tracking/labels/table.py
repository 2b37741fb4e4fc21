"""The labels as a table, for the software that comes with a label printer."""

import csv
import io
from collections.abc import Sequence

from services.tracking.labels.paper import Printed
from shared.ids import qr_url

HEADS = ("label", "url", "asset_number", "model")
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def table(labels: Sequence[Printed], *, origin: str) -> bytes:
    """Return a CSV with a byte order mark: label, URL of the QR code, asset number and model.

    A cell that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    written = io.StringIO()
    rows = csv.writer(written)
    rows.writerow(HEADS)
    for one in labels:
        cells = (one.label, qr_url(origin, one.label, one.token), one.asset_number, one.model)
        rows.writerow([f"'{cell}" if cell.startswith(_FORMULA) else cell for cell in cells])
    return written.getvalue().encode("utf-8-sig")
