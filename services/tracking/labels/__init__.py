"""Labels on paper: sheets, single labels, and the table for label software."""

from services.tracking.labels.paper import Printed, TooSmall, sheet
from services.tracking.labels.sizes import OFFSET_MAX, SIZES, Size
from services.tracking.labels.table import table

__all__ = ["OFFSET_MAX", "SIZES", "Printed", "Size", "TooSmall", "sheet", "table"]
