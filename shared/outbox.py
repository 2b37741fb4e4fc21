"""The relay: what is recorded is announced, what is announced was recorded.

One relay a service holds an advisory lock and reads and deletes the outbox on the connection that holds it, so that
there is never a second relay after a dropped connection. It publishes a window as one atomic JetStream batch: the
window shares its fsync and is never torn. A row leaves the outbox only after the acknowledgement; a crash in between
publishes again with the same message id, which JetStream absorbs.
"""

import asyncio
import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import quote
from uuid import UUID, uuid4

from nats.aio.client import Client
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared import bell
from shared.database import Transaction, alone
from shared.entry import Entry
from shared.ids import uuid7
from shared.telemetry import branches, traceparent

log = logging.getLogger(__name__)

WINDOW_ROWS_MAX = 500  # an atomic batch takes 1,000
WINDOW_BYTES_MAX = 4 * 1024 * 1024
ACK_TIMEOUT_S = 5
APART_S = 0.02  # between windows, so that what trickles in shares one; the first does not wait
RETRY_S = 0.5
DUPLICATE = 10201  # JetStream: the batch contains a message id it already has; nothing of the batch was stored


@dataclass(frozen=True, slots=True)
class Parcel:
    """One message to publish."""

    position: int
    table: str
    subject: str
    body: bytes
    headers: dict[str, str]
    about: dict[str, str] = field(default_factory=dict)  # its span's attributes


_ENTRIES = text(
    "SELECT o.position, e.body, e.salt, o.traceparent FROM outbox o JOIN entries e USING (stream, sequence) "
    "ORDER BY o.position LIMIT :rows"
)
_NOTICES = text("SELECT position, id, subject, body, traceparent FROM notices ORDER BY position LIMIT :rows")


async def notify(tx: Transaction, subject: str, body: bytes, *, identifier: UUID | None = None) -> None:
    """Announce something that is not an entry: derivable, deletable, or about nothing recorded: a notice."""
    await tx.connection.execute(
        text("INSERT INTO notices (id, subject, body, traceparent) VALUES (:id, :subject, :body, :trace)"),
        {"id": identifier or uuid7(), "subject": subject, "body": body, "trace": traceparent()},
    )


async def relay(engine: AsyncEngine, nats: Client, service: str, *, pause_s: float = bell.UNHEARD_S) -> None:
    """Publish what waits, for ever. A lost database or bus is waited for; nothing is given up."""
    heard = bell.listen()
    while True:
        try:
            async with alone(engine, f"relay:{service}") as connection:
                while True:
                    heard.clear()
                    if not await relay_window(connection, nats):
                        await bell.wait(heard, pause_s)
                    else:
                        await bell.rest(APART_S)
        except asyncio.CancelledError:
            raise
        except Exception:
            log.exception("the relay of %s lost its database or bus; it goes on in %s s", service, RETRY_S)
            await bell.rest(RETRY_S)


async def relay_window(connection: AsyncConnection, nats: Client) -> int:
    """Publish one window and forget it. Returns how many messages went out."""
    parcels = await _waiting(connection)
    await connection.commit()
    if not parcels:
        return 0
    if not nats.is_connected:
        raise ConnectionError("the bus is down; the outbox keeps what waits")
    await publish(nats, parcels)
    for table in ("outbox", "notices"):
        if positions := [parcel.position for parcel in parcels if parcel.table == table]:
            await connection.execute(text(f"DELETE FROM {table} WHERE position = ANY(:p)"), {"p": positions})  # noqa: S608 - two names of ours
    await connection.commit()
    return len(parcels)


async def publish(nats: Client, parcels: Sequence[Parcel]) -> None:
    """Publish a window as one batch a JetStream stream, each all or nothing.

    A batch with a known message id is refused whole; then its messages go out one after the other, in their order (of
    a directory the last one stays), and the known ones are absorbed. Raises ConnectionError or TimeoutError when the
    bus did not acknowledge: some may be stored; publish the same window again.
    """
    with branches("relay publish", [(parcel.headers.get("traceparent"), parcel.about) for parcel in parcels]) as traces:
        going = [_following(parcel, trace) for parcel, trace in zip(parcels, traces, strict=True)]
        for stream in dict.fromkeys(parcel.subject.split(".", 1)[0] for parcel in going):
            window = [parcel for parcel in going if parcel.subject.split(".", 1)[0] == stream]
            if len(window) == 1 or not await _publish_batch(nats, window):
                for parcel in window:
                    await _publish_one(nats, parcel)


def parcel_of(position: int, entry_body: bytes, salt: bytes, trace: str | None) -> Parcel:
    """Address an entry: subject `custody.<tenant>.<kind>` and headers of CloudEvents 1.0 in binary mode (§3.1)."""
    envelope = json.loads(entry_body)
    kind: str = envelope["kind"]
    headers = {
        "Nats-Msg-Id": envelope["id"],
        "ce-specversion": "1.0",
        "ce-id": envelope["id"],
        "ce-source": quote(f"/meguru/{kind.split('.', 1)[0]}"),
        "ce-type": f"jp.meguru.{kind}",
        "ce-subject": envelope["stream"],
        "ce-time": envelope["occurredAt"],
        "ce-datacontenttype": "application/json",
        "ce-sequence": str(envelope["sequence"]),
        "ce-salt": salt.hex(),
    }
    if trace:
        headers["traceparent"] = trace
    about = {"tenant.code": envelope["tenant"]}
    if device := envelope["data"].get("item"):
        about["device.id"] = device
    return Parcel(position, "outbox", f"custody.{envelope['tenant']}.{kind}", entry_body, headers, about)


def parcel_of_entry(entry: Entry) -> Parcel:  # type: ignore[type-arg]  # any event
    """Address an entry that was read from a ledger."""
    return parcel_of(0, entry.body, entry.salt, entry.traceparent)


async def _waiting(connection: AsyncConnection) -> list[Parcel]:
    parcels = [
        parcel_of(row.position, row.body, row.salt, row.traceparent)
        for row in await connection.execute(_ENTRIES, {"rows": WINDOW_ROWS_MAX})
    ]
    for row in await connection.execute(_NOTICES, {"rows": WINDOW_ROWS_MAX}):
        headers = {"Nats-Msg-Id": str(row.id)} | ({"traceparent": row.traceparent} if row.traceparent else {})
        parcels.append(Parcel(row.position, "notices", row.subject, row.body, headers))
    size, taken = 0, 0
    for parcel in parcels:
        size += len(parcel.body)
        if taken and size > WINDOW_BYTES_MAX:
            break
        taken += 1
    return parcels[:taken]


async def _publish_batch(nats: Client, window: Sequence[Parcel]) -> bool:
    batch = uuid4().hex
    for nth, parcel in enumerate(window[:-1], 1):
        headers = {**parcel.headers, "Nats-Batch-Id": batch, "Nats-Batch-Sequence": str(nth)}
        await nats.publish(parcel.subject, parcel.body, headers=headers)
    last = window[-1]
    headers = {
        **last.headers,
        "Nats-Batch-Id": batch,
        "Nats-Batch-Sequence": str(len(window)),
        "Nats-Batch-Commit": "1",
    }
    answer = json.loads((await nats.request(last.subject, last.body, timeout=ACK_TIMEOUT_S, headers=headers)).data)
    if "error" not in answer:
        return True
    if answer["error"].get("err_code") == DUPLICATE:
        return False
    raise ConnectionError(f"JetStream refused a window: {answer['error'].get('description')}")


async def _publish_one(nats: Client, parcel: Parcel) -> None:
    answer = await nats.request(parcel.subject, parcel.body, timeout=ACK_TIMEOUT_S, headers=parcel.headers)
    acknowledged = json.loads(answer.data)
    if "error" in acknowledged:
        raise ConnectionError(f"JetStream refused a message: {acknowledged['error'].get('description')}")


def _following(parcel: Parcel, trace: str | None) -> Parcel:
    """Name the relay's span as the parent of whoever consumes this."""
    return replace(parcel, headers={**parcel.headers, "traceparent": trace}) if trace else parcel


__all__ = ["Parcel", "notify", "parcel_of", "parcel_of_entry", "publish", "relay", "relay_window"]
