"""Donations' assembly: its consumers, the relay, the post and the eraser, in one lifespan."""

from services.donations.consumers import consumers
from services.donations.loops import erase, send_letters
from shared.assembly import apart
from shared.worker import life as living

life = living(consumers, loops=[send_letters, erase])
app = apart(life)
