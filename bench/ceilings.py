"""What this machine can do at best, measured in the same run, on the same servers, with the same fsync settings."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from uuid import uuid4

import asyncpg
import nats
from nats.aio.client import Client

from shared.stack.stack import Stack

TABLE = "CREATE TABLE IF NOT EXISTS raw (stream uuid, sequence int, body bytea, PRIMARY KEY (stream, sequence))"
OUTBOX = (
    "CREATE TABLE IF NOT EXISTS raw_outbox "
    "(position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, stream uuid, sequence int)"
)
BODY = b"x" * 520  # bytes of an ordinary entry


async def commits(stack: Stack, connections: int, rows_each: int, seconds: float) -> float:
    """Return rows a second that PostgreSQL commits: a row and its outbox pointer, `rows_each` in a transaction."""
    pool = [await stack.connect("refurb") for _ in range(connections)]
    await pool[0].execute(TABLE)
    await pool[0].execute(OUTBOX)
    done = 0
    until = time.perf_counter() + seconds

    async def write(connection: asyncpg.Connection) -> None:
        nonlocal done
        while time.perf_counter() < until:
            rows = [uuid4() for _ in range(rows_each)]
            async with connection.transaction():
                await connection.execute("INSERT INTO raw SELECT unnest($1::uuid[]), 1, $2", rows, BODY)
                await connection.execute("INSERT INTO raw_outbox (stream, sequence) SELECT unnest($1::uuid[]), 1", rows)
            done += rows_each

    started = time.perf_counter()
    await asyncio.gather(*(write(connection) for connection in pool))
    rate = done / (time.perf_counter() - started)
    await pool[0].execute("DROP TABLE raw, raw_outbox")
    for connection in pool:
        await connection.close()
    return rate


async def publishes(stack: Stack, messages: int, in_flight: int) -> float:
    """Return messages a second that JetStream acknowledges with `sync_interval: always`."""
    client = await nats.connect(**stack.nats_options())
    await _stream(client)
    gate = asyncio.Semaphore(in_flight)

    async def one() -> None:
        async with gate:
            await client.request("bench.raw", BODY, timeout=30)

    started = time.perf_counter()
    await asyncio.gather(*(one() for _ in range(messages)))
    rate = messages / (time.perf_counter() - started)
    await client.close()
    return rate


async def pulls(stack: Stack, messages: int) -> float:
    """Return messages a second that one consumer pulls, 500 at a time, and acknowledges; they are stored already."""
    client = await nats.connect(**stack.nats_options())
    subscription = await client.jetstream().pull_subscribe("bench.raw", durable="bench", stream="BENCH")
    taken = 0
    started = time.perf_counter()
    while taken < messages:
        for message in await subscription.fetch(500, timeout=5):
            await message.ack()
            taken += 1
    await client.flush()
    rate = taken / (time.perf_counter() - started)
    await client.request("$JS.API.STREAM.DELETE.BENCH", b"", timeout=5)
    await client.close()
    return rate


async def latency_ms(call: Callable[[], Awaitable[object]], times: int) -> list[float]:
    """Return how long each of `times` calls took, one after the other."""
    took = []
    for _ in range(times):
        started = time.perf_counter()
        await call()
        took.append((time.perf_counter() - started) * 1000)
    return sorted(took)


def quantile(values: list[float], share: float) -> float:
    """Return the value below which `share` of the sorted values lie."""
    return values[min(len(values) - 1, int(len(values) * share))]


async def _stream(client: Client) -> None:
    asked = {"name": "BENCH", "subjects": ["bench.>"], "storage": "file", "retention": "limits", "num_replicas": 1}
    answer = json.loads(
        (await client.request("$JS.API.STREAM.CREATE.BENCH", json.dumps(asked).encode(), timeout=5)).data
    )
    if "error" in answer:
        raise RuntimeError(answer["error"])
