"""Tracking's assembly: its consumers, the relay and the sequencer of the log, in one lifespan."""

from services.tracking.consumers import consumers
from services.tracking.loops import sequence
from shared.assembly import apart
from shared.worker import life as living

life = living(consumers, loops=[sequence])
app = apart(life)
