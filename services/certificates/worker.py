"""Certificates' assembly: its consumers, the relay, the press, the deadlines and the post, in one lifespan."""

from services.certificates.consumers import consumers
from services.certificates.loops import note_overdue, press, remind, send_letters
from services.certificates.revocations import publish_revocations
from shared.assembly import apart
from shared.worker import life as living

life = living(consumers, loops=[press, note_overdue, remind, send_letters, publish_revocations])
app = apart(life)
