"""The labels as a table, for the software that comes with a label printer."""

from collections.abc import Sequence

from services.tracking.labels.paper import Printed
from shared.cells import written
from shared.ids import qr_url

HEADS = ("label", "url", "asset_number", "model")


def table(labels: Sequence[Printed], *, origin: str) -> bytes:
    """Return a CSV with a byte order mark: label, URL of the QR code, asset number and model.

    A cell that a spreadsheet would take for a formula gets an apostrophe in front.
    """
    rows = [(one.label, qr_url(origin, one.label, one.token), one.asset_number, one.model) for one in labels]
    return written([HEADS, *rows])
