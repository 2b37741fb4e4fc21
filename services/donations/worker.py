"""Donations' assembly: its consumers and the relay, in one lifespan."""

from services.donations.consumers import consumers
from shared.assembly import apart
from shared.worker import life as living

life = living(consumers)
app = apart(life)
