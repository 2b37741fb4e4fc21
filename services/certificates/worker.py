"""Certificates' assembly: its consumers, the relay, the issuer and the deadlines, in one lifespan."""

from services.certificates.consumers import consumers
from services.certificates.loops import issue, note_overdue
from shared.assembly import apart
from shared.worker import life as living

life = living(consumers, loops=[issue, note_overdue])
app = apart(life)
