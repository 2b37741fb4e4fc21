"""Messages that come one by one are handled at once; the stock subscriber, in the same place, holds them back."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from uuid import UUID

import pytest
from faststream.nats.subscriber.usecases.stream_pull_subscriber import PullStreamSubscriber

from shared.database import Transaction
from shared.entry import Entry
from shared.events.tracking import LotMoved
from shared.ids import uuid7
from shared.long_pull import LongPull
from shared.messaging import Batch, Consumers, broker
from shared.outbox import parcel_of_entry, publish
from shared.stack import Stack
from shared.testing import Service, recorded, service

MESSAGES, EVERY_S = 40, 0.1
LIMIT_S = 1.0  # no message waits longer in normal running


@pytest.fixture(scope="module")
async def tracking(servers: Stack) -> AsyncIterator[Service]:
    async with service(servers, "tracking") as made:
        yield made


async def slowest(tracking: Service, subscriber: type[PullStreamSubscriber], timeout_s: float = 5.0) -> float:
    """Publish a message every 100 ms and return the longest time from its acknowledgement to its handler."""
    sent: dict[UUID, float] = {}
    waited: dict[UUID, float] = {}
    names = Consumers("tracking")

    @names.on(LotMoved)
    async def on_moved(_tx: Transaction, entries: Sequence[Entry[LotMoved]]) -> None:
        for entry in entries:
            if entry.id in sent:
                waited.setdefault(entry.id, time.monotonic() - sent[entry.id])

    batch = Batch(tracking.consumer, names)
    running = asyncio.create_task(batch.run())
    bus = broker(tracking.settings, names, batch)
    for one in bus.subscribers:
        assert type(one) is LongPull
        one.__class__ = subscriber
        one.pull_sub.timeout = timeout_s
        one.extra_options["inbox_prefix"] = b"_INBOX_tracking."  # the stock one adds no dot, and may not listen
    nats = await tracking.client()
    await bus.start()
    try:
        await asyncio.sleep(0.5)  # what other tests left on the stream goes by
        for _ in range(MESSAGES):
            entry = recorded(LotMoved(lot=uuid7(), step="received", count=1))
            sent[entry.id] = time.monotonic()
            await publish(nats, [parcel_of_entry(entry)])
            await asyncio.sleep(EVERY_S)
        until = time.monotonic() + 10
        while len(waited) < len(sent) and time.monotonic() < until:
            await asyncio.sleep(0.02)
    finally:
        await bus.stop()
        await nats.close()
        running.cancel()
    assert len(waited) == len(sent)
    return max(waited.values())


async def test_no_message_is_held_back(tracking: Service) -> None:
    assert await slowest(tracking, LongPull) < LIMIT_S


async def test_the_stock_subscriber_holds_messages_back(tracking: Service) -> None:
    """Why LongPull is there; when this fails, a new FastStream may do without it."""
    assert await slowest(tracking, PullStreamSubscriber) > LIMIT_S
