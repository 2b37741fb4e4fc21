"""What one may ask of an on-site session, and what is read of it: its room, its racks, how far each is."""

from collections.abc import Callable, Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.erasure import views
from services.erasure.commands.witnesses import known_witness
from services.erasure.domain.session import Session, fold
from shared import ledger
from shared.database import Transaction
from shared.entry import Entry, Event
from shared.events.erasure import SessionOpened
from shared.ids import derived
from shared.refused import Refused, Unknown

SHOWN_MAX = 20


async def open_session(
    tx: Transaction, engagement: UUID, *, room: str, machines: Sequence[str], witness: str | None
) -> Entry[Event]:
    """Open a session. Raises Invalid for a witness who may not be one (see known_witness)."""
    stream = derived(engagement, f"session:{tx.request.id if tx.request else tx.at}")
    history = await ledger.read(tx, stream)
    if done := history.answered(tx.request):
        return done
    if witness:
        await known_witness(tx.connection, witness, tx.by.person, tx.tenant, engagement, of_town=True)
    said = SessionOpened(
        session=stream,
        engagement=engagement,
        room=room,
        machines=tuple(machines),
        operator=tx.by.person,
        witness=witness,
    )
    entry = await ledger.append(tx, history, said)
    await views.apply(tx, [entry])
    return entry


async def step(tx: Transaction, session: UUID, decide: Callable[[Session], Event]) -> Entry[Event]:
    """Record one step of a session's racks. Raises Unknown for no session of this town, Refused as the domain says."""
    history = await ledger.read(tx, session)
    if done := history.answered(tx.request):
        return done
    state = fold(history.events) if history and isinstance(history.entries[0].event, SessionOpened) else None
    if state is None:
        raise Unknown
    entry = await ledger.append(tx, history, decide(state))
    await views.apply(tx, [entry])
    return entry


async def sessions(
    connection: AsyncConnection, *, engagement: UUID | None = None, session: UUID | None = None
) -> list[Session]:
    """Return the sessions of an engagement, or the one asked for, newest first."""
    rows = await connection.execute(
        text(
            "SELECT s.stream, s.kind, s.data FROM session_steps s JOIN (SELECT stream, recorded_at FROM session_steps "
            "WHERE sequence = 1 AND (CAST(:engagement AS text) IS NULL OR data->>'engagement' = :engagement) "
            "AND (CAST(:session AS uuid) IS NULL OR stream = :session) "
            "ORDER BY recorded_at DESC, stream DESC LIMIT :most) f USING (stream) "
            "ORDER BY f.recorded_at DESC, s.stream DESC, s.sequence"
        ),
        {"engagement": str(engagement) if engagement else None, "session": session, "most": SHOWN_MAX},
    )
    told: dict[UUID, list[Event]] = {}
    for row in rows:
        told.setdefault(row.stream, []).append(Event.registry[row.kind].model_validate(row.data))
    return [one for events in told.values() if (one := fold(events))]


async def items_of(connection: AsyncConnection, engagement: UUID, labels: Sequence[str]) -> list[UUID]:
    """Return the items of an engagement by their labels, in that order. Raises Refused with those it does not have."""
    rows = await connection.execute(
        text("SELECT label, item FROM items WHERE engagement = :engagement AND label = ANY(:labels)"),
        {"engagement": engagement, "labels": list(labels)},
    )
    found = {row.label: row.item for row in rows}
    if missing := [label for label in labels if label not in found]:
        named = "、".join(missing[:5])
        raise Refused(
            "not-of-engagement",
            f"この契約に登録のない機器が{len(missing)}台あります（{named}）。ラベルを確かめてください。",
            f"{len(missing)} of these are not registered under this engagement ({', '.join(missing[:5])}). "
            "Check the labels.",
        )
    return [found[label] for label in labels]
