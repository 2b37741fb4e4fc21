"""What is pulled is handled or given back at once, and a late answer holds nothing back.

A late answer to an old request holds nothing back here; in the stock subscriber it holds messages to the time-out.
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
from shared.jetstream import ACK_WAIT_S
from shared.long_pull import DRAIN_S, REST, LongPull
from shared.messaging import Consumers, GroupCommit, broker
from shared.outbox import parcel_of_entry, publish
from shared.stack.stack import Stack
from shared.testing import Service, recorded, service

MESSAGES, EVERY_S = 5, 1.6
TRICKLE, WORK_S = 40, 0.05
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


async def test_what_nobody_took_at_the_stop_goes_to_the_next_at_once(tracking: Service) -> None:
    """Given back, not waited for: JetStream itself would deliver it again only after ACK_WAIT_S."""
    first, busy, may_end = {uuid7() for _ in range(3)}, asyncio.Event(), asyncio.Event()
    taken: list[UUID] = []

    def handling(*, slowly: bool) -> Any:
        names = Consumers("tracking")

        @names.on(LotMoved)
        async def on_moved(_tx: Any, entries: Any) -> None:
            ours = [entry.stream for entry in entries if entry.stream in first | later]
            if ours and slowly:
                busy.set()
                await may_end.wait()
            taken.extend(ours)

        return broker(tracking.settings, GroupCommit(tracking.consumer, names))

    later = {uuid7() for _ in range(5)}
    client = await tracking.client()
    bus, following = handling(slowly=True), handling(slowly=False)
    await bus.start()
    await asyncio.sleep(1)  # what other tests left on the stream goes by
    await publish(client, [parcel_of_entry(moved(stream)) for stream in first])
    await busy.wait()
    await publish(client, [parcel_of_entry(moved(stream)) for stream in later])
    (pulling,) = (one for one in bus.subscribers if one.extra_options["durable"] == "tracking")
    for _ in range(100):
        if len(pulling.arrived) == len(later):
            break
        await asyncio.sleep(0.02)
    assert len(pulling.arrived) == len(later), "pulled, and nobody has taken it"
    stopping = asyncio.create_task(bus.stop())
    await asyncio.sleep(0.1)
    may_end.set()
    await asyncio.wait_for(stopping, DRAIN_S * 3)
    stopped = time.monotonic()
    await following.start()
    try:
        while set(taken) != first | later and time.monotonic() < stopped + ACK_WAIT_S:
            await asyncio.sleep(0.02)
        waited = time.monotonic() - stopped
    finally:
        await following.stop()
        await client.close()
    assert set(taken) == first | later
    assert waited < ACK_WAIT_S / 3
    assert len(taken) == len(first | later), "and nothing twice"


def moved(stream: UUID) -> Any:
    return recorded(LotMoved(lot=stream, step="received", count=1), stream=stream)


async def test_what_trickles_in_while_a_consumer_rests_shares_a_batch(tracking: Service) -> None:
    sent: set[UUID] = set()
    batches: list[set[UUID]] = []
    names = Consumers("tracking")

    @names.on(LotMoved)
    async def on_moved(_tx: Any, entries: Any) -> None:
        batches.append({entry.id for entry in entries} & sent)
        await asyncio.sleep(WORK_S)

    bus = broker(tracking.settings, GroupCommit(tracking.consumer, names))
    client = await tracking.client()
    await bus.start()
    try:
        for _ in range(TRICKLE):
            entry = recorded(LotMoved(lot=uuid7(), step="received", count=1))
            sent.add(entry.id)
            await publish(client, [parcel_of_entry(entry)])
            await asyncio.sleep(WORK_S / 2)
        async with asyncio.timeout(10):
            while set().union(*batches) != sent:
                await asyncio.sleep(0.05)
    finally:
        await bus.stop()
        await client.close()
    assert len(batches) <= 1 + TRICKLE / REST  # working all the time, it would have taken every second one by itself
