"""What the commands of donations share: the town's desk and its lock, a call with its seeds, whose receipt it is."""

from secrets import token_bytes
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.donations import views
from services.donations.domain.call import Call, fold
from services.donations.domain.receipt import SECRET_SIZE
from shared import ledger
from shared.database import Transaction
from shared.entry import Entry, Event
from shared.events.donations import MovedOn, RoundOpened
from shared.ids import derived
from shared.ledger import History
from shared.refused import Unknown


async def lock_desk(tx: Transaction) -> bytes:
    """Lock the town's desk until the commit and return its secret; the first one sets the desk up."""
    statement = (
        "INSERT INTO desks (tenant, secret) VALUES (:tenant, :secret) "
        "ON CONFLICT (tenant) DO UPDATE SET tenant = excluded.tenant RETURNING secret"
    )
    found = await tx.connection.scalar(text(statement), {"tenant": tx.tenant, "secret": token_bytes(SECRET_SIZE)})
    return bytes(found)


async def append(tx: Transaction, history: History, event: Event) -> Entry[Any]:
    """Append one event and write its rows."""
    return (await append_all(tx, [(history, event)]))[0]


async def append_all(tx: Transaction, decided: list[tuple[History, Event]]) -> list[Entry[Any]]:
    """Append several events, all or none, and write their rows."""
    entries = await ledger.append_all(tx, decided)
    await views.apply(tx, entries)
    return entries


async def folded(tx: Transaction, history: History) -> Call:
    """Return a call as its entries and the seeds of its rounds, which stand in streams of their own, lead to it."""
    rounds = 1 + sum(isinstance(event, RoundOpened) for event in history.events)
    streams = [draw_stream(history.stream, number) for number in range(1, rounds + 1)]
    seeds = await ledger.read_all(tx, streams)
    return fold([*history.events, *(event for stream in streams for event in seeds[stream].events)])


async def moved_on(tx: Transaction, opened: Call, call: UUID, receipt: str) -> MovedOn:
    """Return how what a receipt holds goes to those who wait; the desk is locked and the receipt may leave."""
    queue, out = await views.queued(tx.connection, call), await views.gone(tx.connection, call)
    return opened.move_on(receipt, queue, out)


def draw_stream(call: UUID, round_: int) -> UUID:
    """Return the stream of a round's draw: a second notice of the log is a key conflict, not a second seed."""
    return derived(call, f"draw:{round_}")


async def application_of(tx: Transaction, call: UUID, receipt: str) -> UUID:
    """Return the stream of a receipt. Raises Unknown for one that the call does not have."""
    query = (
        "SELECT application FROM applications WHERE call = :call AND receipt = :receipt "
        "UNION SELECT application FROM refusals WHERE call = :call AND receipt = :receipt"
    )
    found: UUID | None = await tx.connection.scalar(text(query), {"call": call, "receipt": receipt})
    if found is None:
        raise Unknown(
            "unknown-receipt",
            "この公募にこの受付番号はありません。番号を確かめてください。",
            "This call has no such receipt. Check the number.",
        )
    return found
