"""A late answer to an old request holds nothing back here; in the stock subscriber it holds messages to the time-out.

nats-py puts every request of a fetch on one inbox. When its timer beats the server's, the 408 of the old request comes
while the next one waits, and is taken for its answer. Here the 408 is sent by hand, so that it is late every time.
"""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from typing import Any
from uuid import UUID

import nats
import pytest
from faststream.nats.subscriber.usecases.stream_pull_subscriber import BatchPullStreamSubscriber

from shared.events.tracking import LotMoved
from shared.ids import uuid7
from shared.long_pull import LongPull
from shared.messaging import Consumers, GroupCommit, broker
from shared.outbox import parcel_of_entry, publish
from shared.stack.stack import Stack
from shared.testing import Service, recorded, service

MESSAGES, EVERY_S = 5, 1.6
LIMIT_S = 1.0  # no message waits longer in normal running
LATE = b"NATS/1.0 408 Request Timeout\r\n\r\n"


@pytest.fixture(scope="module")
async def tracking(servers: Stack) -> AsyncIterator[Service]:
    async with service(servers, "tracking") as made:
        yield made


async def slowest(tracking: Service, subscriber: type[Any], inbox: Callable[[Any], str]) -> float:
    """Send a late 408 and then a message, a few times; return the longest time until a message was handled."""
    sent: dict[UUID, float] = {}
    waited: dict[UUID, float] = {}
    names = Consumers("tracking")

    @names.on(LotMoved)
    async def on_moved(_tx: Any, entries: Any) -> None:
        for entry in entries:
            if entry.id in sent:
                waited.setdefault(entry.id, time.monotonic() - sent[entry.id])

    bus = broker(tracking.settings, GroupCommit(tracking.consumer, names))
    subscribers: list[Any] = list(bus.subscribers)
    for one in subscribers:
        one.__class__ = subscriber
        one.extra_options["inbox_prefix"] = b"_INBOX_tracking."  # the stock one adds no dot, and may not listen
    client, server = await tracking.client(), await nats.connect(**tracking.stack.nats_options())
    await bus.start()
    try:
        await asyncio.sleep(1)  # what other tests left on the stream goes by
        for _ in range(MESSAGES):
            for one in subscribers:
                await server._send_command(f"HPUB {inbox(one)} {len(LATE)} {len(LATE)}\r\n".encode() + LATE + b"\r\n")
            await server.flush()
            entry = recorded(LotMoved(lot=uuid7(), step="received", count=1))
            sent[entry.id] = time.monotonic()
            await publish(client, [parcel_of_entry(entry)])
            await asyncio.sleep(EVERY_S)
    finally:
        await bus.stop()
        await client.close()
        await server.close()
    return max(waited.get(one, EVERY_S) for one in sent)


async def test_a_late_answer_holds_no_message_back(tracking: Service) -> None:
    assert await slowest(tracking, LongPull, lambda one: f"{one.inbox}.{one.asked - 1}") < LIMIT_S


async def test_the_stock_subscriber_holds_messages_back(tracking: Service) -> None:
    """Why LongPull is there; when this fails, a new FastStream may do without it."""
    assert await slowest(tracking, BatchPullStreamSubscriber, lambda one: str(one.subscription._deliver)) > LIMIT_S
