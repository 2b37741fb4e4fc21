"""The command by which a town asks more of one job than its policy does."""

from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.tracking import views
from services.tracking.commands.items import one_at_a_time
from services.tracking.commands.parties import requirement_stream
from services.tracking.domain import item, requirement
from services.tracking.domain.requirement import Raised
from shared import ledger
from shared.database import Transaction
from shared.entry import Entry, Event
from shared.events.tracking import EngagementEnded, EngagementOpened
from shared.ids import derived
from shared.ledger import History
from shared.refused import Refused, Unknown

# Custody that has ended asks for nothing more; a certificate that stands says what was asked, and stays true.
_SETTLED = text(
    "SELECT item FROM items i WHERE item = ANY(:items) AND EXISTS (SELECT FROM timeline t WHERE t.item = i.item "
    "AND t.kind IN ('tracking.custody-closed.v1', 'certificates.issued.v1') AND NOT EXISTS (SELECT FROM timeline v "
    "WHERE v.stream = t.stream AND v.kind = 'certificates.revoked.v1'))"
)


async def raise_requirement(tx: Transaction, engagement: UUID, asked: Raised) -> Entry[Any]:
    """Ask more of an engagement's items, of those that are registered and of those that will be; return the rule.

    What has left the town hall is asked nothing more there; what is certified or ended stays as it is. Raises Unknown
    for another town's engagement, Refused for an ended one, Invalid for a rule that asks nothing new or less.
    """
    await _one_that_is_open(tx, engagement)
    history = await ledger.read(tx, requirement_stream(engagement))
    if done := history.answered(tx.request):
        return done
    before = requirement.fold(history.events)
    event = requirement.raise_(engagement, before, asked)
    await one_at_a_time(tx, engagement)
    await views.take_turns(tx.connection, [tx.tenant])  # evidence is heard before this, or after it
    items = await views.items_of(tx.connection, engagement)
    settled = set(await tx.connection.scalars(_SETTLED, {"items": items}))
    decided: list[tuple[History, Event]] = [(history, event)]
    ended = await ledger.read_all(tx, [derived(one, "custody") for one in items])
    for own in (await ledger.read_all(tx, items)).values():
        known = item.fold(own.events)
        closed = own.stream in settled or bool(ended[derived(own.stream, "custody")])
        if change := asked.change(known, closed=closed):
            decided.append((own, change))
    return (await ledger.append_all(tx, decided))[0]  # lists say it once it is heard; a device's page reads the ledger


async def _one_that_is_open(tx: Transaction, engagement: UUID) -> None:
    events = (await ledger.read(tx, engagement)).events
    if not events or not isinstance(events[0], EngagementOpened) or events[0].town != tx.tenant:
        raise Unknown("no-engagement", "この契約は登録されていません。", "There is no such engagement.")
    if isinstance(events[-1], EngagementEnded):
        raise Refused("engagement-ended", "この契約はもう終わっています。", "This engagement has already ended.")
