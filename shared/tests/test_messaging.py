import asyncio
from collections.abc import AsyncIterator, Sequence

import pytest
from sqlalchemy import text

from services.tracking.consumers import consumers
from shared import ledger
from shared.database import Transaction
from shared.entry import Entry
from shared.events.tracking import LotMoved
from shared.ids import uuid7
from shared.ledger import History
from shared.messaging import Consumers, GroupCommit, broker
from shared.outbox import parcel_of_entry, publish, relay_window
from shared.stack.stack import Stack
from shared.testing import TOWN, Service, recorded, service


@pytest.fixture(scope="module")
async def tracking(servers: Stack) -> AsyncIterator[Service]:
    async with service(servers, "tracking") as made:
        yield made


def moved(count: int = 1) -> LotMoved:
    return LotMoved(lot=uuid7(), step="received", count=count)


async def until(tracking: Service, query: str, wanted: int, seconds: float = 10, **values: object) -> int:
    found = -1
    for _ in range(int(seconds / 0.02)):
        found = int((await tracking.rows(query, **values))[0][0])
        if found >= wanted:
            return found
        await asyncio.sleep(0.02)
    return found


async def test_what_is_recorded_is_announced_once_and_handled_once(tracking: Service) -> None:
    bus = broker(tracking.settings, GroupCommit(tracking.consumer, consumers))
    nats = await tracking.client()
    await bus.start()
    try:
        streams = [uuid7() for _ in range(25)]
        async with tracking.acting() as tx:
            entries = await ledger.append_all(tx, [(History(stream), moved()) for stream in streams])
        async with tracking.consumer.connect() as connection:
            assert await relay_window(connection, nats) == 25
            assert await relay_window(connection, nats) == 0
        query = "SELECT count(*) FROM timeline WHERE stream = ANY(:s)"
        assert await until(tracking, query, 25, s=streams) == 25
        await publish(nats, [parcel_of_entry(entry) for entry in entries])  # a relay that died before it forgot
        await asyncio.sleep(0.3)
        assert (await tracking.rows(query, s=streams))[0][0] == 25
        assert (await tracking.rows("SELECT count(*) FROM leaves WHERE stream = ANY(:s)", s=streams))[0][0] == 25
    finally:
        await bus.stop()
        await nats.close()


async def test_a_window_with_a_known_message_goes_out_all_the_same(tracking: Service) -> None:
    nats = await tracking.client()
    async with tracking.acting() as tx:
        entries = await ledger.append_all(tx, [(History(uuid7()), moved()) for _ in range(3)])
    await publish(nats, [parcel_of_entry(entries[1])])
    await publish(nats, [parcel_of_entry(entry) for entry in entries])
    info = await nats.jetstream().stream_info("CUSTODY", subjects_filter=f"custody.{TOWN}.tracking.lot-moved.v1")
    assert info.state.subjects is not None
    async with tracking.consumer.connect() as connection:
        await relay_window(connection, nats)
    again = await nats.jetstream().stream_info("CUSTODY", subjects_filter=f"custody.{TOWN}.tracking.lot-moved.v1")
    assert again.state.subjects == info.state.subjects
    await nats.close()


async def test_poison_is_parked_and_what_shared_its_transaction_is_not_harmed(tracking: Service) -> None:
    names = Consumers("tracking")
    taken: list[int] = []

    @names.on(LotMoved)
    async def on_moved(tx: Transaction, entries: Sequence[Entry[LotMoved]]) -> None:
        for entry in entries:
            if entry.event.count == 13:
                raise ValueError("poison")
            await tx.connection.execute(text("SELECT 1"))
            taken.append(entry.event.count)

    group = GroupCommit(tracking.consumer, names)
    poison = recorded(moved(13))
    outcomes = await group.commit([*(recorded(moved(count)) for count in (1, 2)), poison])
    assert [type(outcome).__name__ for outcome in outcomes] == ["NoneType", "NoneType", "ValueError"]
    assert [type(*await group.commit([poison])).__name__ for _ in range(2)] == ["ValueError", "NoneType"]
    parked = await tracking.rows("SELECT kind, reason FROM parked WHERE id = :id", id=poison.id)
    assert [(row.kind, row.reason) for row in parked] == [("tracking.lot-moved.v1", "ValueError('poison')")]
    assert sorted(set(taken)) == [1, 2]
