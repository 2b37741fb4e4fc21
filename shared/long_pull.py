"""A FastStream pull subscriber with one long request at a time, a reply subject of its own for each.

nats-py's `fetch` puts all requests on one inbox and races a timer of its own against the server's: the late 408 of an
old request is then taken for the answer of the next, and messages are held until the time-out (nats.py #933, #934,
#986). Here the server alone times a request out, an answer is told by its subject which request it belongs to, and a
stop drains what is in hand. What came while the handler worked is its next batch: the busier, the larger. Written
for FastStream 0.7.8, which is pinned; `test_long_pull` shows the hold.
"""

import asyncio
import json
import time
from contextlib import suppress

from faststream.nats.subscriber.usecases.stream_pull_subscriber import BatchPullStreamSubscriber
from nats.aio.msg import Msg

EXPIRES_S = 30
HEARTBEAT_S = 5
SILENCE_MAX_S = 2.5 * HEARTBEAT_S  # no heartbeat for this long: the request is lost, ask again
WAKE_S = 0.5
DRAIN_S = 5
# What trickles in shares a batch; the first does not wait. Batches begin at least APART_S apart, and after each comes a
# rest of REST times as long as it took, at most REST_MAX_S: while others hurry, a consumer has a quarter of a core at
# most (ADR 0024).
APART_S, REST, REST_MAX_S = 0.05, 3, 0.25
NANO = 10**9


class LongPull(BatchPullStreamSubscriber):
    """Asks for as many messages as there is room, and again as soon as those have come."""

    async def _create_subscription(self) -> None:
        if self.subscription:
            return
        self.inbox = self.connection.new_inbox()
        self.asked = 0
        self.left = 0
        self.seen = self.rest = 0.0
        self.wake = asyncio.Event()
        self.here = asyncio.Event()
        self.arrived: list[Msg] = []
        self.in_hand = 0
        self.subscription = await self.connection.subscribe(  # type: ignore[assignment]  # a plain subscription serves
            f"{self.inbox}.*", cb=self._arrived, pending_msgs_limit=0, pending_bytes_limit=0
        )
        self.add_task(self._ask)
        self.add_task(self._take)

    async def _arrived(self, message: Msg) -> None:
        self.seen = time.monotonic()
        if message.reply.startswith("$JS.ACK"):
            self.left -= 1
            self.arrived.append(message)
            self.here.set()
        elif (
            message.subject == f"{self.inbox}.{self.asked}"
            and (status := (message.headers or {}).get("Status")) != "100"
        ):
            self.left = 0
            if status != "408":  # 404, 409: the consumer is missing or the server is going; do not spin
                self.rest = WAKE_S
        if self.left <= 0:
            self.wake.set()

    async def _take(self) -> None:
        while True:
            await self.here.wait()
            self.here.clear()
            if not self.running:
                return  # `stop` gives back what arrived
            batch, self.arrived = self.arrived, []
            self.in_hand = len(batch)
            began = time.monotonic()
            await self.consume(batch)
            self.in_hand = 0
            self.wake.set()
            if len(self.arrived) < self.pull_sub.batch_size:
                took = time.monotonic() - began
                await asyncio.sleep(max(APART_S - took, min(REST * took, REST_MAX_S)))

    async def _ask(self) -> None:
        connection, epoch = self.connection, -1
        to = f"$JS.API.CONSUMER.MSG.NEXT.{self.stream.name}.{self.extra_options['durable']}"
        while self.running:
            self.wake.clear()
            room = self.pull_sub.batch_size - len(self.arrived) - self.in_hand
            lost = connection.stats["reconnects"] != epoch or time.monotonic() - self.seen > SILENCE_MAX_S
            if connection.is_connected and room > 0 and (lost or self.left <= 0):
                if self.rest:
                    await asyncio.sleep(self.rest)
                    self.rest = 0.0
                epoch = connection.stats["reconnects"]
                self.asked += 1
                self.left = room
                self.seen = time.monotonic()
                ask = {"batch": room, "expires": EXPIRES_S * NANO, "idle_heartbeat": HEARTBEAT_S * NANO}
                await connection.publish(to, json.dumps(ask).encode(), f"{self.inbox}.{self.asked}")
            with suppress(TimeoutError):
                async with asyncio.timeout(WAKE_S):
                    await self.wake.wait()

    async def stop(self) -> None:
        """Stop asking, finish what is in hand, give back what nobody took, then let go."""
        subscription, self.subscription = self.subscription, None
        if subscription and self.connection.is_connected:
            with suppress(TimeoutError):
                async with asyncio.timeout(DRAIN_S):
                    await subscription.drain()  # type: ignore[attr-defined]  # a plain subscription
        await super().stop()
        if subscription and self.connection.is_connected:
            for message in self.arrived:
                await message.nak()
