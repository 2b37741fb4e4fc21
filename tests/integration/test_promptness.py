"""No message waits for a time-out: from the commit of an entry to its row on tracking's timeline, at 10 a second."""

import asyncio

from bench.soak import Watch
from services.tracking.consumers import consumers
from shared import ledger
from shared.events.tracking import LotMoved
from shared.ids import uuid7
from shared.ledger import History
from shared.messaging import GroupCommit, broker
from shared.outbox import relay
from shared.stack.stack import Stack
from shared.testing import service

MESSAGES, EVERY_S = 100, 0.1  # `make soak` does it with 3,000
LIMIT_S = 1.0


async def test_from_commit_to_view_no_message_takes_a_second(servers: Stack) -> None:
    async with service(servers, "tracking") as tracking:
        bus, nats = broker(tracking.settings, GroupCommit(tracking.consumer, consumers)), await tracking.client()
        relaying = asyncio.create_task(relay(tracking.consumer, nats, "tracking"))
        await bus.start()
        try:
            async with Watch.over(servers, "stream") as watch:
                await asyncio.sleep(0.5)  # what other tests left on the stream goes by
                for _ in range(MESSAGES):
                    lot = uuid7()
                    async with tracking.acting() as tx:
                        await ledger.append(tx, History(lot), LotMoved(lot=lot, step="received", count=1))
                    watch.committed(lot)
                    await asyncio.sleep(EVERY_S)
                await watch.until_seen(10)
        finally:
            await bus.stop()
            await nats.close()
            relaying.cancel()
            await asyncio.gather(relaying, return_exceptions=True)
    assert len(watch.waited_s) == MESSAGES
    assert max(watch.waited_s) < LIMIT_S, sorted(watch.waited_s)[-5:]
