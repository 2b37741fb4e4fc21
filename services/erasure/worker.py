"""Erasure's assembly: its consumers, the relay and the binding of waiting reports, in one lifespan."""

from services.erasure.consumers import consumers
from services.erasure.loops import bind_arrived
from shared.assembly import apart
from shared.worker import life as living

life = living(consumers, loops=[bind_arrived])
app = apart(life)
