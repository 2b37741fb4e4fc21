"""What is read of erasure's views, by commands, the API and the pages. SQL and rows, no writes.

Row-level security has already chosen the town: no statement here names a tenant except to join it.
"""

from services.erasure.reading.counts import Overview, Stuck, overview, stuck
from services.erasure.reading.deeds import (
    Deed,
    deeds_of,
    highest,
    is_unconfirmed,
    last_destroyed,
    of_tray,
    standing,
    worked,
)
from services.erasure.reading.media import Candidate, engagement_of, media_by_serial, place_of, registered
from services.erasure.reading.originals import graded_otherwise, photo_named, report_named, reports_of
from services.erasure.reading.parties import Engagement, directories, engagements, names, witnesses_of
from services.erasure.reading.recheck import doubting, first_erasures, lot_of

__all__ = [
    "Candidate",
    "Deed",
    "Engagement",
    "Overview",
    "Stuck",
    "deeds_of",
    "directories",
    "doubting",
    "engagement_of",
    "engagements",
    "first_erasures",
    "graded_otherwise",
    "highest",
    "is_unconfirmed",
    "last_destroyed",
    "lot_of",
    "media_by_serial",
    "names",
    "of_tray",
    "overview",
    "photo_named",
    "place_of",
    "registered",
    "report_named",
    "reports_of",
    "standing",
    "stuck",
    "witnesses_of",
    "worked",
]
