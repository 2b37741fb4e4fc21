"""A service's life: it starts and stops with the bus down, waits for JetStream, and ends when a loop dies."""

import asyncio
import json
import logging
import os
import signal
import sys
import sysconfig
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import nats
import pytest
from fastapi import FastAPI
from nats.aio.client import Client

from shared import jetstream, ledger
from shared.entry import Entry
from shared.events.tracking import LotMoved
from shared.ids import uuid7
from shared.jetstream import Drift, refuse_drift
from shared.ledger import History
from shared.messaging import Consumers
from shared.settings import settings
from shared.stack.ports import free_port
from shared.stack.stack import Stack
from shared.testing import Service, project, service
from shared.worker import Work, life

WAIT_S = 15


@pytest.fixture
async def tracking(servers: Stack) -> AsyncIterator[Service]:
    async with service(servers, "tracking") as made:
        yield made


class Heard:
    """What a service's consumers were handed."""

    def __init__(self) -> None:
        self.streams: set[Any] = set()
        self.consumers = Consumers("tracking")
        self.consumers.on(LotMoved)(self._take)

    async def _take(self, _tx: Any, entries: Sequence[Entry[Any]]) -> None:
        self.streams |= {entry.stream for entry in entries}

    async def has(self, stream: Any) -> bool:
        for _ in range(WAIT_S * 20):
            if stream in self.streams:
                return True
            await asyncio.sleep(0.05)
        return False


async def record(tracking: Service) -> Any:
    stream = uuid7()
    async with tracking.acting() as tx:
        await ledger.append(tx, History(stream), LotMoved(lot=stream, step="received", count=1))
    return stream


async def test_it_starts_and_stops_with_the_bus_down_and_catches_up_when_it_comes(
    tracking: Service, servers: Stack
) -> None:
    heard = Heard()
    await servers.stop_nats()
    try:
        async with asyncio.timeout(WAIT_S), life(heard.consumers)(FastAPI()):
            await asyncio.sleep(0.7)
    finally:
        await servers.start_nats()
    await servers.stop_nats()
    app = FastAPI()
    async with life(heard.consumers)(app):
        assert app.state.door.service == "tracking"
        stream = await record(tracking)
        await servers.start_nats()
        assert await heard.has(stream)
        assert not await tracking.rows("SELECT 1 FROM outbox")


async def test_the_api_alone_runs_no_loops_and_knows_no_bus(tracking: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    began: list[str] = []

    async def loop(work: Work) -> None:
        began.append(work.settings.service)
        await asyncio.Event().wait()

    for role, wanted in (("api", []), ("worker", ["tracking"])):
        monkeypatch.setenv("MEGURU_ROLE", role)
        settings.cache_clear()
        before = asyncio.all_tasks()
        async with life(Heard().consumers, loops=[loop])(FastAPI()):
            assert (asyncio.all_tasks() == before) is (role == "api")
            for _ in range(100):
                if began == wanted:
                    break
                await asyncio.sleep(0.05)
            assert began == wanted
    settings.cache_clear()


async def test_a_cancel_that_the_client_of_the_bus_forgets_still_ends_the_service(
    tracking: Service,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asking = asyncio.Event()

    async def forgets(*_: object) -> None:  # as nats-py's request does when its answer comes at the same moment
        asking.set()
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()

    monkeypatch.setattr(jetstream, "refuse_drift", forgets)
    async with asyncio.timeout(WAIT_S), life(Heard().consumers)(FastAPI()):
        await asking.wait()


@asynccontextmanager
async def without_jetstream(servers: Stack, port: int, folder: Path) -> AsyncIterator[None]:
    """Run a NATS server with the stack's users that serves no JetStream, as one that is still recovering."""
    known = json.loads((servers.nats.folder / "nats.conf").read_text())
    known = {key: value for key, value in known.items() if key not in ("jetstream", "http")} | {"port": port}
    file = folder / "bare.conf"
    file.write_text(json.dumps(known))
    server = Path(sysconfig.get_path("scripts")) / "nats-server"
    process = await asyncio.create_subprocess_exec(
        str(server), "--config", str(file), stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL
    )
    try:
        yield
    finally:
        process.terminate()
        await process.wait()


async def test_a_jetstream_that_still_recovers_is_waited_for_and_said_once(
    tracking: Service, servers: Stack, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    heard = Heard()
    await servers.stop_nats()
    with caplog.at_level(logging.WARNING, "shared.worker"):
        async with without_jetstream(servers, servers.nats.port, tmp_path):
            living = life(heard.consumers)(FastAPI())
            await living.__aenter__()
            await asyncio.sleep(5)  # twice as long as the questions of one attempt
        await servers.start_nats()
        try:
            assert await heard.has(await record(tracking))
        finally:
            await living.__aexit__(None, None, None)
    assert sum("JetStream is not ready" in one.message for one in caplog.records) == 1
    assert not [one for one in caplog.records if one.levelno >= logging.CRITICAL]


async def test_a_jetstream_that_cannot_tell_is_no_drift(servers: Stack, tmp_path: Path) -> None:
    """A cluster without a leader answers 503, and knows its durables again a moment later."""
    port = free_port()
    answers = {"code": 503}

    async def answer(message: Any) -> None:
        await message.respond(json.dumps({"error": {**answers, "description": "temporarily unavailable"}}).encode())

    async with without_jetstream(servers, port, tmp_path):
        client = await _connected(servers, port)
        await client.subscribe("$JS.API.CONSUMER.INFO.>", cb=answer)
        with pytest.raises(ConnectionError, match="not ready"):
            await refuse_drift(client, "tracking")
        answers["code"] = 404
        with pytest.raises(Drift, match="missing"):
            await refuse_drift(client, "tracking")
        await client.close()


async def _connected(servers: Stack, port: int) -> Client:
    options = servers.nats_options() | {"servers": f"nats://127.0.0.1:{port}"}
    for _ in range(100):
        try:
            return await nats.connect(**options, allow_reconnect=False)
        except (OSError, nats.errors.Error):
            await asyncio.sleep(0.05)
    raise AssertionError("the bare server did not start")


DYING = """
import asyncio
from fastapi import FastAPI
from shared.messaging import Consumers
from shared.worker import life

async def dies(work):
    raise RuntimeError("a loop of the test died")

async def main():
    async with life(Consumers("tracking"), loops=[dies])(FastAPI()):
        await asyncio.sleep(60)

asyncio.run(main())
"""


async def test_a_loop_that_dies_ends_the_process(tracking: Service) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-c",
        DYING,
        cwd=project(),
        env={**os.environ, **tracking.stack.environment("tracking")},
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await asyncio.wait_for(process.communicate(), 30)
    assert process.returncode == -signal.SIGTERM
    assert b"a loop of the test died" in said
