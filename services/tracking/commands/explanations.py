"""The command by which a person explains what a recorded fact breaks."""

from typing import Any
from uuid import UUID

from services.tracking import views
from services.tracking.commands.items import of_the_town
from services.tracking.commands.parties import known_person
from services.tracking.domain import explanation, item
from services.tracking.domain.conformance import Breach
from shared import ledger
from shared.database import Transaction
from shared.entry import Entry
from shared.ids import derived
from shared.refused import Refused


async def explain(tx: Transaction, item_: UUID, breach: Breach, *, reason: str, second: str | None) -> Entry[Any]:
    """Record why a flag that nothing else explains stands, once; the town says it of its own items."""
    of_the_town(tx)
    history = await ledger.read(tx, derived(breach.entry, f"breach:{breach.code}"))
    if done := history.answered(tx.request):
        return done
    if history:
        raise Refused(
            "already-explained",
            "ここは、もう説明されています。機器のページで確かめてください。",
            "This has been explained already. See the page of the device.",
        )
    own = await ledger.read(tx, item_)
    registered = item.fold(own.events).registered
    recorder = next((entry.by.person for entry in own.entries if entry.id == breach.entry), "")
    standing = (await views.broken(tx.connection, [item_], own.entries)).get(item_, [])
    event = explanation.explain(
        item_, breach, standing, reason=reason, by=tx.by.person, recorder=recorder, second=second
    )
    if second:
        await known_person(tx, registered.engagement, second, field="second")
    return await ledger.append(tx, history, event)
