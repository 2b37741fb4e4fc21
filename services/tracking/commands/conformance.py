"""What a scan breaks, for the one who scanned: a fact is never refused, but its answer says what does not fit."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services.tracking import views
from services.tracking.domain.conformance import Code
from shared import ledger
from shared.database import Transaction
from shared.entry import Entry
from shared.refused import Refused


async def broken_by(tx: Transaction, answers: Sequence[Entry[Any] | Refused]) -> list[tuple[Code, ...]]:
    """Return what each recorded scan breaks, as far as is known now: what is heard later may take it back, or add.

    The item's own entries are read from the ledger, the bus down or not; all else is as old as the timeline.
    """
    items = {one.event.item for one in answers if isinstance(one, Entry)}
    known = [entry for history in (await ledger.read_all(tx, list(items))).values() for entry in history.entries]
    codes: dict[UUID, tuple[Code, ...]] = {}
    for found in (await views.broken(tx.connection, items, known)).values() if items else ():
        for breach in found:
            codes[breach.entry] = (*codes.get(breach.entry, ()), breach.code)
    return [codes.get(one.id, ()) if isinstance(one, Entry) else () for one in answers]
