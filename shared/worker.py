"""What a service does by itself: the bus, the consumers, the relay and its loops, in the background of one lifespan.

The bus is connected in a background task and never awaited by the lifespan: a scan is accepted while the bus is down,
a restart with the bus down included. A loop retries what is transient; one that dies ends the process, and the
supervisor starts it again.
"""

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any

from nats.aio.client import Client
from sqlalchemy.ext.asyncio import AsyncEngine

from shared import annex, bell, jetstream
from shared.database import engine, refuse_superuser
from shared.door import Door
from shared.live import Live
from shared.messaging import Consumers, GroupCommit, broker
from shared.outbox import relay
from shared.settings import Settings, settings
from shared.telemetry import start as start_telemetry

log = logging.getLogger(__name__)

BUS_RETRY_S = 0.5


@dataclass(frozen=True, slots=True)
class Work:
    """What a loop may use."""

    settings: Settings
    consumer: AsyncEngine
    nats: Client


Loop = Callable[[Work], Awaitable[None]]


def life(consumers: Consumers, *, loops: Sequence[Loop] = ()) -> Callable[[Any], AbstractAsyncContextManager[None]]:
    """Return the lifespan of a service's process: `FastAPI(lifespan=life)` or, apart, a worker's Starlette."""

    @asynccontextmanager
    async def living(app: Any) -> AsyncIterator[None]:
        known = settings()
        start_telemetry(known)
        door_engine = engine(known, "app")
        async with door_engine.connect() as connection:
            await refuse_superuser(connection)
        app.state.door = Door(door_engine, known.service)
        app.state.live = Live(door_engine.url)
        tasks = [] if known.role == "api" else [asyncio.create_task(_work(known, consumers, loops))]
        for task in tasks:
            task.add_done_callback(_end_process)
        try:
            async with app.state.live.open():
                yield
        finally:
            for task in tasks:
                task.remove_done_callback(_end_process)
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await door_engine.dispose()
            await annex.close()

    return living


async def _work(known: Settings, consumers: Consumers, loops: Sequence[Loop]) -> None:
    consumer_engine = engine(known, "consumer")
    bus = broker(known, GroupCommit(consumer_engine, consumers))
    try:
        async with asyncio.TaskGroup() as group:
            nats = await _connect(known)
            group.create_task(_consume(bus, nats, known))
            group.create_task(relay(consumer_engine, nats, known.service, pause_s=bell.pause_s(known.role)))
            for loop in loops:
                group.create_task(loop(Work(known, consumer_engine, nats)))  # type: ignore[arg-type]  # a coroutine
    finally:
        with suppress(Exception):  # stopping with the bus down raises
            await bus.stop()
        await consumer_engine.dispose()


async def _connect(known: Settings) -> Client:
    """Connect the relay's own raw connection; publishing through FastStream costs three times as much."""
    while True:
        nats = Client()
        try:
            await nats.connect(
                known.nats_url,
                user=known.nats_user or None,
                password=known.nats_password.get_secret_value() or None,
                inbox_prefix=f"_INBOX_{known.service}".encode(),
                name=f"{known.service}-relay",
                max_reconnect_attempts=-1,
                reconnect_time_wait=1,
                allow_reconnect=True,
                pending_size=64 * 1024 * 1024,
                error_cb=_bus_error,
                connect_timeout=2,
            )
        except Exception as down:  # noqa: BLE001 - whatever it is, the bus is not there yet
            log.info("the bus is not there yet: %r", down)
            with suppress(Exception):
                await nats.close()
            await bell.rest(BUS_RETRY_S)
        else:
            bell.heed()
            return nats


async def _consume(bus: Any, nats: Client, known: Settings) -> None:
    """Consume for ever. A durable that differs ends the process; a JetStream that does not answer yet is waited for."""
    started = told = False
    while not started:
        try:
            await jetstream.refuse_drift(nats, known.service)
            await bus.start()
            started = True
        except jetstream.Drift:
            raise
        except Exception as unready:  # noqa: BLE001 - whatever it is, JetStream is not there yet
            if not told:
                log.warning("JetStream is not ready; %s asks until it is: %r", known.service, unready)
            told = True
            await bell.rest(BUS_RETRY_S)
    bell.heed()
    await asyncio.Event().wait()


async def _bus_error(failure: Exception) -> None:
    log.warning("bus: %r", failure)


def _end_process(task: "asyncio.Task[None]") -> None:
    if not task.cancelled() and (failure := task.exception()):
        log.critical("a background task died; the process ends and is started again", exc_info=failure)
        os.kill(os.getpid(), signal.SIGTERM)
