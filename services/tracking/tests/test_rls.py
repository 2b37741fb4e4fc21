"""A hostile query as the app's role sees nothing foreign; the same query as the owner does return foreign rows."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.tracking import sessions
from services.tracking.commands import items, parties
from services.tracking.consumers import consumers
from services.tracking.log.note import NoteSigner
from services.tracking.loops import integrate
from services.tracking.tables import metadata
from services.tracking.tests.world import founded, registered, row
from shared.database import as_party
from shared.entry import By, Entry
from shared.shown import quoted
from shared.testing import CENTRE, OTHER_TOWN, TOWN, WORKER, Service

THEIRS = By(person="theirs", party=OTHER_TOWN)
PUBLIC = {"tiles", "checkpoints", "parties"}  # what anybody may read: the log, and who takes part
BUS = {"outbox", "notices", "parked"}  # the door may announce, and never reads
OWNED = {"people": "party", "engagements": "town"}
TABLES = sorted(set(metadata.tables) - PUBLIC - BUS - {"sessions"})
