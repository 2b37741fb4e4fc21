"""What tracking's pages and API ask: counts, places, what waits, and what the public may see. SQL only, no writes.

Row-level security has already chosen the town: no statement here names a tenant except to join it.
"""

from services.tracking.reading.counts import (
    Awaited,
    certificates,
    destinations,
    lot_places,
    places,
    second_life,
    still_open,
    weights,
)
from services.tracking.reading.directory import Person, names_of, parties_engaged, parties_of, people
from services.tracking.reading.journey import Cage, cages, shut_now
from services.tracking.reading.listing import (
    PAGE_SIZE,
    Listed,
    given_at,
    items,
    labels_of,
    last_records,
)
from services.tracking.reading.losses import Lost, losses
from services.tracking.reading.overview import Counted, Overview, lot_of, lots_of, overview
from services.tracking.reading.publication import Public, public
from services.tracking.reading.requirements import AskedOf, requirements
from services.tracking.reading.waiting import (
    Asked,
    Difference,
    Explained,
    InDoubt,
    broken,
    differences,
    exceptions_asked,
    explanations,
    in_doubt,
)

__all__ = [
    "PAGE_SIZE",
    "Asked",
    "AskedOf",
    "Awaited",
    "Cage",
    "Counted",
    "Difference",
    "Explained",
    "InDoubt",
    "Listed",
    "Lost",
    "Overview",
    "Person",
    "Public",
    "broken",
    "cages",
    "certificates",
    "destinations",
    "differences",
    "exceptions_asked",
    "explanations",
    "given_at",
    "in_doubt",
    "items",
    "labels_of",
    "last_records",
    "losses",
    "lot_of",
    "lot_places",
    "lots_of",
    "names_of",
    "overview",
    "parties_engaged",
    "parties_of",
    "people",
    "places",
    "public",
    "requirements",
    "second_life",
    "shut_now",
    "still_open",
    "weights",
]
