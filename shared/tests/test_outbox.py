"""The relay: what is recorded is announced, what is announced was recorded, each entry in its own trace."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import nats
import pytest
from nats.aio.client import Client
from opentelemetry.sdk.trace import TracerProvider

from shared import ledger, outbox, telemetry
from shared.database import Transaction, alone
from shared.entry import Entry
from shared.events.tracking import LotMoved
from shared.ids import uuid7
from shared.ledger import History
from shared.outbox import Parcel, notify, parcel_of, parcel_of_entry, publish, relay_window
from shared.stack.stack import Stack
from shared.testing import NOW, TOWN, Service, recorded, service

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture(scope="module")
async def tracking(servers: Stack) -> AsyncIterator[Service]:
    async with service(servers, "tracking") as made:
        yield made


@pytest.fixture
async def bus(tracking: Service) -> AsyncIterator[Client]:
    client = await tracking.client()
    yield client
    await client.close()


async def append(tx: Transaction, count: int) -> list[Entry[Any]]:
    events = [(History(uuid7()), LotMoved(lot=uuid7(), step="received", count=nth)) for nth in range(count)]
    return await ledger.append_all(tx, events)


async def waiting(tracking: Service, table: str = "outbox") -> int:
    return int((await tracking.rows(f"SELECT count(*) FROM {table}"))[0][0])  # noqa: S608 - two tables of ours


@asynccontextmanager
async def listening(stack: Stack, subject: str) -> AsyncIterator[list[Any]]:
    """Hear what the stream took, from the operator's side, in its order."""
    client = await nats.connect(**stack.nats_options())
    heard: list[Any] = []

    async def keep(message: Any) -> None:
        heard.append(message)

    await client.subscribe(subject, cb=keep)
    await client.flush()
    yield heard
    await client.flush()
    await asyncio.sleep(0.1)
    await client.close()


async def test_an_entry_is_announced_if_and_only_if_it_is_recorded(tracking: Service, bus: Client) -> None:
    async with listening(tracking.stack, "custody.>") as heard:
        async with tracking.acting() as tx:
            entries = await append(tx, 7)
        with pytest.raises(RuntimeError, match="changed its mind"):
            async with tracking.acting() as tx:
                await append(tx, 5)
                raise RuntimeError("changed its mind")
        assert await waiting(tracking) == 7
        async with tracking.consumer.connect() as connection:
            assert await relay_window(connection, bus) == 7
        assert await waiting(tracking) == 0
    assert [message.data for message in heard] == [entry.body for entry in entries]
    assert [bytes.fromhex(message.headers["ce-salt"]) for message in heard] == [entry.salt for entry in entries]


async def test_a_message_is_a_cloudevent_whose_body_is_the_stored_bytes() -> None:
    entry = recorded(LotMoved(lot=uuid7(), step="received", count=1))
    parcel = parcel_of_entry(entry)
    assert parcel.subject == f"custody.{TOWN}.tracking.lot-moved.v1"
    assert parcel.body is entry.body
    assert parcel.headers == {
        "Nats-Msg-Id": str(entry.id),
        "ce-specversion": "1.0",
        "ce-id": str(entry.id),
        "ce-source": "/meguru/tracking",
        "ce-type": "jp.meguru.tracking.lot-moved.v1",
        "ce-subject": str(entry.stream),
        "ce-time": json.loads(entry.body)["occurredAt"],
        "ce-datacontenttype": "application/json",
        "ce-sequence": "1",
        "ce-salt": bytes(16).hex(),
    }
    assert parcel_of(1, entry.body, entry.salt, PARENT).headers["traceparent"] == PARENT


async def test_a_relay_that_died_before_it_forgot_doubles_nothing(tracking: Service, bus: Client) -> None:
    async with tracking.acting() as tx:
        entries = await append(tx, 5)
    async with listening(tracking.stack, "$JS.EVENT.ADVISORY.>"):
        before = await stored(tracking.stack)
        await publish(bus, [parcel_of_entry(entry) for entry in entries])  # and here it died
        async with tracking.consumer.connect() as connection:
            assert await relay_window(connection, bus) == 5
    assert await stored(tracking.stack) == before + 5
    assert await waiting(tracking) == 0


async def stored(stack: Stack) -> int:
    client = await nats.connect(**stack.nats_options())
    answer = await client.request("$JS.API.STREAM.INFO.CUSTODY", b"")
    await client.close()
    return int(json.loads(answer.data)["state"]["messages"])


async def test_with_the_bus_down_everything_waits_and_then_goes_out(tracking: Service, bus: Client) -> None:
    async with tracking.acting() as tx:
        await append(tx, 3)
    closed = await tracking.client()
    await closed.close()
    async with tracking.consumer.connect() as connection:
        with pytest.raises(ConnectionError):
            await relay_window(connection, closed)
        assert await waiting(tracking) == 3
        assert await relay_window(connection, bus) == 3


async def test_a_window_is_bounded_by_rows_and_bytes(
    tracking: Service, bus: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with tracking.acting() as tx:
        await append(tx, 7)
    monkeypatch.setattr(outbox, "WINDOW_ROWS_MAX", 3)
    async with tracking.consumer.connect() as connection:
        sizes = [await relay_window(connection, bus)]
        monkeypatch.setattr(outbox, "WINDOW_BYTES_MAX", 1)
        sizes += [await relay_window(connection, bus) for _ in range(5)]
    assert sizes == [3, 1, 1, 1, 1, 0]


async def test_a_notice_goes_out_with_its_own_id(tracking: Service, bus: Client) -> None:
    identifier = uuid7()
    async with listening(tracking.stack, f"people.{TOWN}.*") as heard:
        async with tracking.acting() as tx:
            await notify(tx, f"people.{TOWN}.abe", b"{}", identifier=identifier)
        async with tracking.consumer.connect() as connection:
            assert await relay_window(connection, bus) == 1
    assert [(one.subject, one.headers["Nats-Msg-Id"]) for one in heard] == [(f"people.{TOWN}.abe", str(identifier))]
    assert await waiting(tracking, "notices") == 0


async def test_of_a_directory_no_newer_card_overtakes_one_that_was_not_taken(tracking: Service, bus: Client) -> None:
    subject = f"people.{TOWN}.{uuid7()}"
    known, refused, newer = (
        Parcel(nth, "notices", subject, body, {"Nats-Msg-Id": str(uuid7())})
        for nth, body in enumerate((b"known", b"refused", b"newer"))
    )
    once = replace(refused, headers=refused.headers | {"Nats-Expected-Last-Msg-Id": "another"})
    operator = await nats.connect(**tracking.stack.nats_options())

    async def last() -> bytes | None:
        return (await operator.jetstream().get_last_msg("PEOPLE", subject)).data

    await publish(bus, [known])  # and its acknowledgement was lost: the window goes out one by one
    with pytest.raises(ConnectionError, match="refused a message"):
        await publish(bus, [known, once, newer])
    await bus.flush()
    assert await last() == b"known"
    await publish(bus, [known, refused, newer])
    assert await last() == b"newer"
    await operator.close()


async def test_a_second_relay_of_a_service_waits_until_the_first_is_gone(tracking: Service) -> None:
    taken = asyncio.Event()

    async def second() -> None:
        async with alone(tracking.consumer, "relay:tracking"):
            taken.set()

    with pytest.raises(RuntimeError, match="lost its bus"):
        async with alone(tracking.consumer, "relay:tracking"):
            waiting_one = asyncio.create_task(second())
            await asyncio.sleep(0.7)
            assert not taken.is_set()
            raise RuntimeError("lost its bus")
    await asyncio.wait_for(waiting_one, 5)
    assert taken.is_set(), "a connection that failed keeps no lock in the pool"


async def test_in_a_shared_window_each_entry_goes_on_in_its_own_trace(
    tracking: Service, bus: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    provider = TracerProvider()
    monkeypatch.setattr(telemetry, "_tracer", provider.get_tracer("test"))
    traces = [f"00-{nth:032x}-{nth:016x}-01" for nth in (1, 2, 3)]
    parcels = [
        parcel_of(nth, entry.body, entry.salt, trace)
        for nth, trace in enumerate(traces)
        for entry in [recorded(LotMoved(lot=uuid7(), step="received", count=1), at=NOW)]
    ]
    parcels.append(Parcel(9, "outbox", parcels[0].subject, b"{}", {"Nats-Msg-Id": str(uuid7())}))
    async with listening(tracking.stack, "custody.>") as heard:
        await publish(bus, parcels)
    sent = [(message.headers or {}).get("traceparent") for message in heard]
    assert [one and one.split("-")[1] for one in sent] == [*(trace.split("-")[1] for trace in traces), None]
    assert [one for one in sent if one in traces] == [], "the relay's own span is the consumers' parent"
    assert len({(message.headers or {}).get("Nats-Batch-Id") for message in heard}) == 1
    provider.shutdown()
