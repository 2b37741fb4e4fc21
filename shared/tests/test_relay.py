"""The relay through an outage of the bus, with its database alive."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from shared import ledger
from shared.events.tracking import LotMoved
from shared.ids import uuid7
from shared.ledger import History
from shared.outbox import relay
from shared.stack.stack import Stack
from shared.testing import Service, service


@pytest.fixture
async def tracking(servers: Stack) -> AsyncIterator[Service]:
    async with service(servers, "tracking") as made:
        yield made


async def record(tracking: Service) -> None:
    lot = uuid7()
    async with tracking.acting() as tx:
        await ledger.append(tx, History(lot), LotMoved(lot=lot, step="received", count=1))


async def gone(tracking: Service, seconds: float) -> bool:
    """Tell whether the outbox empties in time."""
    for _ in range(int(seconds / 0.05)):
        if not (await tracking.rows("SELECT count(*) FROM outbox"))[0][0]:
            return True
        await asyncio.sleep(0.05)
    return False


async def test_the_relay_goes_on_after_the_bus_was_away(tracking: Service, servers: Stack) -> None:
    """Its lock may not stay behind on a pooled connection: the next attempt gets another one."""
    async with tracking.consumer.connect(), tracking.consumer.connect():
        pass  # two connections wait in the pool, as in a service at work
    nats = await tracking.client()
    relaying = asyncio.create_task(relay(tracking.consumer, nats, "tracking"))
    try:
        await record(tracking)
        assert await gone(tracking, 10)
        await servers.stop_nats()
        await record(tracking)
        assert not await gone(tracking, 1)
        await servers.start_nats()
        assert await gone(tracking, 15)
    finally:
        relaying.cancel()
        await asyncio.gather(relaying, return_exceptions=True)
        await nats.close()
