"""How an entry is recorded here: appended, and at once on the view that decisions read."""

from typing import Any

from services.erasure import views
from shared import ledger
from shared.database import Transaction
from shared.entry import Entry, Event
from shared.ledger import History


async def append(tx: Transaction, history: History, event: Event) -> Entry[Any]:
    """Append one event to the stream whose history was read, and show it."""
    entry = await ledger.append(tx, history, event)
    await views.apply(tx, [entry])
    return entry
