import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, ClassVar

import nats
import pytest
from nats.aio.client import Client
from sqlalchemy import exc, text

from services.tracking.consumers import consumers
from shared import ledger, messaging
from shared.database import Transaction
from shared.entry import Entry, Event
from shared.events.tracking import LotMoved
from shared.ids import uuid7
from shared.ledger import History
from shared.messaging import Consumers, GroupCommit, broker, message_of, transient
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


async def test_a_failure_that_passed_is_not_counted_on(tracking: Service) -> None:
    names, broken = Consumers("tracking"), [True]

    @names.on(LotMoved)
    async def on_moved(_tx: Transaction, _entries: Sequence[Entry[LotMoved]]) -> None:
        if broken[0]:
            raise ValueError("a view was missing")

    group, entry = GroupCommit(tracking.consumer, names), recorded(moved())
    for _ in range(messaging.POISON_ATTEMPTS_MAX):
        broken[0] = True
        assert [type(one) for one in await group.commit([entry])] == [ValueError]
        broken[0] = False
        assert await group.commit([entry]) == [None]
    assert not group._failures
    assert not await tracking.rows("SELECT 1 FROM parked WHERE id = :id", id=entry.id)


def test_a_pool_without_a_free_connection_passes(tracking: Service) -> None:
    assert transient(exc.TimeoutError("QueuePool limit"))
    assert not transient(ValueError("poison"))


def test_a_message_without_an_id_has_the_same_one_each_time_it_is_delivered() -> None:
    subject = f"people.{TOWN}.abe"
    once, again, other = (message_of(subject, data, {}) for data in (b"{}", b"{}", b"[]"))
    assert once.id == again.id != other.id


@asynccontextmanager
async def consuming(tracking: Service) -> AsyncIterator[Client]:
    """Run tracking's consumers on the bus; gives the operator's connection, who may publish anything."""
    bus = broker(tracking.settings, GroupCommit(tracking.consumer, consumers))
    operator = await nats.connect(**tracking.stack.nats_options())
    await bus.start()
    try:
        yield operator
    finally:
        await bus.stop()
        await operator.close()


def headers_of(entry: Entry[Any]) -> dict[str, str]:
    known = parcel_of_entry(entry).headers
    return {name: value for name, value in known.items() if name != "Nats-Msg-Id"}


async def waiting(operator: Client) -> int:
    """How many messages the durable has given out and not got back."""
    info = await operator.jetstream().consumer_info("REPLAY", "tracking-replay")
    return int(info.num_ack_pending or 0) + int(info.num_pending or 0)


async def test_what_cannot_be_read_is_parked_and_the_others_go_on(tracking: Service) -> None:
    subject = f"replay.tracking.{TOWN}.{LotMoved.kind}"
    broken = [recorded(moved()) for _ in range(4)]
    bodies = [one.body for one in broken]
    strange = json.loads(bodies[0])
    strange["data"] = {"lot": "no UUID", "step": "sideways"}
    bodies[0] = json.dumps(strange).encode()
    bodies[1] = b"\xff\x00 no JSON"
    unsalted = {name: value for name, value in headers_of(broken[2]).items() if name != "ce-salt"}
    headers = [headers_of(broken[0]), headers_of(broken[1]), unsalted, headers_of(broken[3]) | {"ce-salt": "00"}]
    good = [recorded(moved()) for _ in range(20)]
    operator = await nats.connect(**tracking.stack.nats_options())
    for body, given in zip(bodies, headers, strict=True):
        await operator.jetstream().publish(subject, body, headers=given)
    await operator.jetstream().publish(subject, b"nothing at all")
    for entry in good:
        await operator.jetstream().publish(subject, entry.body, headers=headers_of(entry))
    await operator.close()
    async with consuming(tracking) as operator:
        query = "SELECT count(*) FROM leaves WHERE entry = ANY(:e)"
        assert await until(tracking, query, len(good), e=[entry.id for entry in good]) == len(good)
        assert await until(tracking, "SELECT count(*) FROM parked WHERE kind = :k", 5, k=LotMoved.kind) >= 5
        await asyncio.sleep(0.2)
        assert await waiting(operator) == 0
    parked = {row.id: row for row in await tracking.rows("SELECT * FROM parked WHERE tenant = :t", t=TOWN)}
    for entry, body in zip(broken, bodies, strict=True):
        assert (parked[entry.id].kind, parked[entry.id].body) == (LotMoved.kind, body)
        assert parked[entry.id].reason
    assert parked[broken[0].id].salt == broken[0].salt
    assert parked[broken[0].id].reason.startswith("lot: ")
    assert "sideways" not in parked[broken[0].id].reason
    assert [row.kind for row in parked.values() if row.body == b"nothing at all"] == [LotMoved.kind]
    assert not await tracking.rows("SELECT 1 FROM leaves WHERE entry = ANY(:e)", e=[one.id for one in broken])


async def test_a_kind_that_only_a_newer_version_knows_waits_for_it(
    tracking: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Foreseen(Event):
        """What a later version records."""

        kind: ClassVar[str] = "tracking.foreseen.v1"

    entry = recorded(Foreseen())
    Event.registry.pop(Foreseen.kind)  # not by monkeypatch: it would come back for the tests after this one
    monkeypatch.setattr(messaging, "UNKNOWN_RETRY_S", 0.5)
    async with consuming(tracking) as operator:
        subject = f"replay.tracking.{TOWN}.{Foreseen.kind}"
        await operator.jetstream().publish(subject, entry.body, headers=headers_of(entry))
        await asyncio.sleep(1.5)
        assert await waiting(operator) == 1
        assert not await tracking.rows("SELECT 1 FROM parked WHERE id = :id", id=entry.id)
        monkeypatch.setitem(Event.registry, Foreseen.kind, Foreseen)  # the upgrade
        query = "SELECT count(*) FROM leaves WHERE entry = :e"
        assert await until(tracking, query, 1, e=entry.id) == 1
        await asyncio.sleep(0.2)
        assert await waiting(operator) == 0
