"""What one may ask of an on-site session, and what is read of it: its room, its racks, how far each is."""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal, NamedTuple
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.erasure import reading, views
from services.erasure.commands.witnesses import known_witness
from services.erasure.domain.remark import Remark
from services.erasure.domain.session import Session, Surroundings, Told, fold
from shared import ledger
from shared.database import Transaction
from shared.entry import Entry, Event, Request
from shared.events.erasure import (
    ItemPlaced,
    ItemTakenOut,
    RackBegan,
    RackEnded,
    RackLoaded,
    SessionClosed,
    SessionOpened,
)
from shared.ids import derived
from shared.ledger import History
from shared.levels import Level, at_least
from shared.refused import Invalid, Refused, Reused, Unknown

SHOWN_MAX = 20

Work = Literal["place", "take-out", "begin", "end", "close"]


class Said(NamedTuple):
    """One thing that a device saw happen in a session: its own request, and when by our clock."""

    work: Work
    label: str  # of a machine; none where it is about a rack or the session
    rack: str
    request: Request
    occurred_at: datetime


class Answer(NamedTuple):
    """What became of it, and what the recorded fact does not fit as far as is known now."""

    said: Entry[Event] | Refused
    remarks: tuple[Remark, ...] = ()
    late: bool = False  # the session had been closed when it came in


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


async def step(tx: Transaction, engagement: UUID, session: UUID, decide: Callable[[Session], Event]) -> Entry[Event]:
    """Record one step that a form asks for. Raises Unknown for no session of it, Refused as the domain says."""
    history = await _history(tx, engagement, session)
    if done := history.answered(tx.request):
        return done
    state = fold(map(_told, history.entries), await _around(tx.connection, [one.event for one in history.entries]))
    if state is None:
        raise Unknown
    entry = await ledger.append(tx, history, decide(state))
    await views.apply(tx, [entry])
    return entry


async def load(tx: Transaction, engagement: UUID, session: UUID, rack: str, labels: Sequence[str]) -> Entry[Event]:
    """Say before it is begun what stands in a rack, whoever asks: a form or another system.

    Raises Invalid for no rack, Refused for a machine that is not of the engagement, and as the domain says.
    """
    if not rack:
        raise no_rack()
    items = await items_of(tx.connection, engagement, list(dict.fromkeys(labels)))
    return await step(tx, engagement, session, lambda state: state.load(rack, items))


def no_rack() -> Invalid:
    """Say that a rack has to be named."""
    return Invalid(
        "no-rack",
        "どのラックのことか分かりません。ラックのラベルを読み取ってから、もう一度記録してください。",
        "This names no rack. Scan the rack's label, then record it again.",
        field="rack",
    )


async def tell(tx: Transaction, engagement: UUID, session: UUID, told: Sequence[Said]) -> list[Answer]:
    """Record what devices saw happen, each answered by itself and none refused for what it does not fit.

    Raises Unknown for no session of this engagement. A request id that comes again with another body is answered so.
    """
    history = await _history(tx, engagement, session)
    items = await _items(tx.connection, {one.label for one in told if one.label})
    answers: dict[int, Entry[Event] | Refused] = {}
    new: dict[UUID, ledger.Decision] = {}  # by request, so that one that comes twice in a batch is one
    for nth, one in enumerate(told):
        try:
            done = history.answered(one.request)
        except Refused as refusal:
            answers[nth] = refusal
            continue
        same = new.get(one.request.id)
        if done:
            answers[nth] = done
        elif same and same.request != one.request:
            answers[nth] = Reused()
        else:
            found = items.get(one.label)
            event = _fact(session, one, found.item if found else None)
            new[one.request.id] = ledger.Decision(history, event, one.request, one.occurred_at)
    appended = dict(zip(new, await ledger.append_all(tx, list(new.values())), strict=True))
    await views.apply(tx, list(appended.values()))
    entries = [*history.entries, *appended.values()]
    around = await _around(tx.connection, [one.event for one in entries], session)
    state = fold(map(_told, entries), around)
    remarks = {one.sequence: said for one, said in state.remarks} if state else {}
    was_closed = any(isinstance(one.event, SessionClosed) for one in history.entries)
    said = [answers.get(nth) or appended[one.request.id] for nth, one in enumerate(told)]
    return [
        Answer(one, remarks.get(one.sequence, ()), was_closed and not one.replayed)
        if isinstance(one, Entry)
        else Answer(one)
        for one in said
    ]


def _fact(session: UUID, said: Said, item: UUID | None) -> Event:
    match said.work:
        case "place":
            return ItemPlaced(session=session, label=said.label, item=item, rack=said.rack)
        case "take-out":
            return ItemTakenOut(session=session, label=said.label, item=item, rack=said.rack)
        case "begin":
            return RackBegan(session=session, rack=said.rack)
        case "end":
            return RackEnded(session=session, rack=said.rack)
        case "close":
            return SessionClosed(session=session)


async def _history(tx: Transaction, engagement: UUID, session: UUID) -> History:
    history = await ledger.read(tx, session)
    opened = history.entries[0].event if history else None
    if not isinstance(opened, SessionOpened) or opened.engagement != engagement:
        raise Unknown
    return history


def _told(entry: Entry[Event]) -> Told:
    return Told(entry.event, entry.sequence, entry.occurred_at, entry.recorded_at)


# ── what is read ──────────────────────────────────────────────────────────────────────────────────────────────────────

_STEPS = text(
    "SELECT s.stream, s.sequence, s.kind, s.data, s.recorded_at, coalesce(s.occurred_at, s.recorded_at) AS occurred_at "
    "FROM session_steps s JOIN (SELECT stream, recorded_at FROM session_steps "
    "WHERE sequence = 1 AND (CAST(:engagement AS text) IS NULL OR data->>'engagement' = :engagement) "
    "AND (CAST(:sessions AS uuid[]) IS NULL OR stream = ANY(:sessions)) "
    "ORDER BY recorded_at DESC, stream DESC LIMIT :most) f USING (stream) "
    "ORDER BY f.recorded_at DESC, s.stream DESC, s.sequence"
)
_ALSO = text(
    "SELECT DISTINCT stream FROM session_steps WHERE stream <> :session "
    "AND (data->>'label' = ANY(:labels) OR data->'items' ?| CAST(:items AS text[]))"
)


async def sessions(
    connection: AsyncConnection, *, engagement: UUID | None = None, session: UUID | None = None
) -> list[Session]:
    """Return the sessions of an engagement, or the one asked for with all that it does not fit, newest first."""
    told = await _read(connection, engagement, [session] if session else None)
    events = [one.event for steps in told.values() for one in steps]
    around = await _around(connection, events, session)
    return [one for steps in told.values() if (one := fold(steps, around))]


async def _read(
    connection: AsyncConnection, engagement: UUID | None, streams: Sequence[UUID] | None
) -> dict[UUID, list[Told]]:
    asked = {"engagement": str(engagement) if engagement else None, "sessions": streams, "most": SHOWN_MAX}
    told: dict[UUID, list[Told]] = {}
    for row in await connection.execute(_STEPS, asked):
        event = Event.registry[row.kind].model_validate(row.data)
        told.setdefault(row.stream, []).append(Told(event, row.sequence, row.occurred_at, row.recorded_at))
    return told


async def _around(connection: AsyncConnection, events: Sequence[Event], session: UUID | None = None) -> Surroundings:
    """Return what is known beside a session: its machines by label, and which of them other sessions have too."""
    engagements = {one.engagement for one in events if isinstance(one, SessionOpened)}
    scans = [one for one in events if isinstance(one, ItemPlaced | ItemTakenOut)]
    ids = {one.item for one in scans if one.item}
    ids |= {item for one in events if isinstance(one, RackLoaded) for item in one.items}
    labels = {one.label for one in scans}
    found = await _items(connection, labels, ids)
    engaged = frozenset(one.item for one in found.values() if one.engagement in engagements)
    known = Surroundings({label: one.item for label, one in found.items()}, engaged)
    if session is None or not found:
        return known
    here = {"session": session, "labels": [*labels, *found], "items": [str(one.item) for one in found.values()]}
    also = await connection.scalars(_ALSO, here)
    others = await _read(connection, None, list(also))
    claimed = [one.claimed for steps in others.values() if (one := fold(steps, known))]
    return replace(known, elsewhere=frozenset[UUID]().union(*claimed))


class _Item(NamedTuple):
    item: UUID
    engagement: UUID


async def _items(connection: AsyncConnection, labels: Iterable[str], items: Iterable[UUID] = ()) -> dict[str, _Item]:
    """Return the items of the town with these labels or ids, by the label that each has now."""
    rows = await connection.execute(
        text("SELECT label, item, engagement FROM items WHERE label = ANY(:labels) OR item = ANY(:items)"),
        {"labels": list(labels), "items": list(items)},
    )
    return {row.label: _Item(row.item, row.engagement) for row in rows}


@dataclass(frozen=True, slots=True)
class Proofs:
    """What machines are called, and which of them the tools' reports prove."""

    labels: Mapping[UUID, str]
    proved: frozenset[UUID]


async def proofs(connection: AsyncConnection, items: Collection[UUID]) -> Proofs:
    """Return what is known of machines: proved is one whose media all reached what is required on site."""
    media = await reading.registered(connection, items=items)
    deeds = await reading.deeds_of(connection, *items)
    short: set[UUID] = set()
    for one in media:
        level = reading.highest(deeds, one.medium)
        if not at_least(Level(level) if level else None, one.required.on_site):
            short.add(one.item)
    named = await _items(connection, (), items)
    labels = {one.item: label for label, one in named.items()}
    return Proofs(labels, frozenset(one.item for one in media) - short)


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
