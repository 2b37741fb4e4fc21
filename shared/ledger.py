"""The ledger: append-only entries, one stream a thing. Reading is for everyone; only commands append.

The commit of the transaction that appends is the moment a scan becomes true (ARCHITECTURE, "The journey of one scan").
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from secrets import token_bytes
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import DateTime, Integer, Text, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY, BYTEA

from shared.database import Transaction
from shared.entry import SALT_SIZE, By, Entry, Event, Request
from shared.refused import Invalid, Reused
from shared.telemetry import traceparent


class LostRace(Exception):
    """Another transaction appended to the stream first. The door tries again with the new history."""


@dataclass(frozen=True, slots=True)
class History:
    """All entries about one thing, oldest first."""

    stream: UUID
    entries: tuple[Entry[Event], ...] = ()

    @property
    def events(self) -> tuple[Event, ...]:
        """The events alone, for folding."""
        return tuple(entry.event for entry in self.entries)

    def __bool__(self) -> bool:
        return bool(self.entries)

    def answered(self, request: Request | None) -> Entry[Event] | None:
        """Return the entry that already answered this request, or None.

        Raises Reused when the same request id comes with another body (HTTP 422).
        """
        if request is None:
            return None
        for entry in self.entries:
            if entry.request and entry.request.id == request.id:
                if entry.request.digest != request.digest:
                    raise Reused
                return again(entry)
        return None


def again(entry: Entry[Any]) -> Entry[Any]:
    """Return the entry as an answer to a request that changed nothing, because it had been done before."""
    return replace(entry, replayed=True)


# A NUL as JSON writes it: an odd backslash before it. PostgreSQL can keep it in the bytes, but no view could read it.
_NUL = re.compile(rb"(?<!\\)(?:\\\\)*\\u0000")

_READ = text(
    "SELECT stream, body, salt FROM entries WHERE stream = ANY(:streams) ORDER BY stream, sequence"
).bindparams(bindparam("streams", type_=ARRAY(Uuid)))

# One statement, one round trip: the entries, and a pointer to each in the outbox. A taken key leaves its row out, so
# the transaction is not aborted and the caller learns of the lost race by the count. Entries go in by their key, so
# that two batches over the same streams wait for each other and do not deadlock; the outbox keeps the caller's order.
_APPEND = text(
    "WITH given AS (SELECT * FROM unnest(:streams, :sequences, :ids, :tenants, :kinds, :recorded, :occurred, :bodies, "
    ":salts, :traceparents) WITH ORDINALITY AS g(stream, sequence, id, tenant, kind, recorded_at, occurred_at, body, "
    "salt, traceparent, nth)), "
    "appended AS (INSERT INTO entries (stream, sequence, id, tenant, kind, recorded_at, occurred_at, body, salt) "
    "SELECT stream, sequence, id, tenant, kind, recorded_at, occurred_at, body, salt FROM given "
    "ORDER BY stream, sequence ON CONFLICT DO NOTHING RETURNING stream, sequence) "
    "INSERT INTO outbox (stream, sequence, traceparent) SELECT stream, sequence, traceparent FROM given "
    "JOIN appended USING (stream, sequence) ORDER BY nth"
).bindparams(
    bindparam("streams", type_=ARRAY(Uuid)),
    bindparam("sequences", type_=ARRAY(Integer)),
    bindparam("ids", type_=ARRAY(Uuid)),
    bindparam("tenants", type_=ARRAY(Text)),
    bindparam("kinds", type_=ARRAY(Text)),
    bindparam("recorded", type_=ARRAY(DateTime(timezone=True))),
    bindparam("occurred", type_=ARRAY(DateTime(timezone=True))),
    bindparam("bodies", type_=ARRAY(BYTEA)),
    bindparam("salts", type_=ARRAY(BYTEA)),
    bindparam("traceparents", type_=ARRAY(Text)),
)


class Decision(NamedTuple):
    """An event decided on a history; of a batch of scans each has its own request, time, person and trace."""

    history: History
    event: Event
    request: Request | None = None
    occurred_at: datetime | None = None
    by: By | None = None
    traceparent: str | None = None


async def read(tx: Transaction, stream: UUID) -> History:
    """Return everything about one thing; an unknown stream has an empty history."""
    return (await read_all(tx, [stream]))[stream]


async def read_all(tx: Transaction, streams: Iterable[UUID]) -> dict[UUID, History]:
    """Return the histories of several streams in one query."""
    wanted = list(dict.fromkeys(streams))
    found: defaultdict[UUID, list[Entry[Event]]] = defaultdict(list)
    for stream, body, salt in await tx.connection.execute(_READ, {"streams": wanted}):
        found[stream].append(Entry.read(body, salt))
    return {stream: History(stream, tuple(found[stream])) for stream in wanted}


async def append(tx: Transaction, history: History, event: Event) -> Entry[Any]:
    """Append one event to the stream whose history was read. Raises LostRace when somebody was faster."""
    return (await append_all(tx, [(history, event)]))[0]


async def append_all(tx: Transaction, decided: Sequence[tuple[History, Event] | Decision]) -> list[Entry[Any]]:
    """Append several events, possibly several to one stream, all or none.

    Raises LostRace when any stream grew since its history was read, Invalid for a NUL in any text.
    """
    if not decided:
        return []
    grown: defaultdict[UUID, int] = defaultdict(int)
    trace = traceparent() or (tx.because.traceparent if tx.because else None)
    entries = []
    for one in (Decision(*one) for one in decided):
        grown[one.history.stream] += 1
        entries.append(
            Entry.new(
                one.event,
                stream=one.history.stream,
                sequence=len(one.history.entries) + grown[one.history.stream],
                tenant=tx.tenant,
                recorded_at=tx.at,
                occurred_at=one.occurred_at or tx.occurred_at,
                by=one.by or tx.by,
                salt=token_bytes(SALT_SIZE),
                request=one.request or tx.request,
                because=tx.because.id if tx.because else None,
                traceparent=one.traceparent or trace,
            )
        )
    if any(b"\\u0000" in entry.body and _NUL.search(entry.body) for entry in entries):  # the plain look is cheap
        raise Invalid(
            "control-character",
            "使えない文字（制御文字）が含まれています。取り除いて、もう一度送ってください。",
            "There is a control character in what was sent. Remove it and send again.",
        )
    result = await tx.connection.execute(
        _APPEND,
        {
            "streams": [entry.stream for entry in entries],
            "sequences": [entry.sequence for entry in entries],
            "ids": [entry.id for entry in entries],
            "tenants": [entry.tenant for entry in entries],
            "kinds": [entry.kind for entry in entries],
            "recorded": [entry.recorded_at for entry in entries],
            "occurred": [entry.occurred_at for entry in entries],
            "bodies": [entry.body for entry in entries],
            "salts": [entry.salt for entry in entries],
            "traceparents": [entry.traceparent for entry in entries],
        },
    )
    if result.rowcount != len(entries):
        raise LostRace
    return entries
