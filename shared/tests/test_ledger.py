import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shared import ledger
from shared.entry import Entry, Event
from shared.events.tracking import Corrected, EngagementEnded, LotMoved
from shared.ids import uuid7
from shared.ledger import History, LostRace
from shared.refused import Invalid, Reused
from shared.stack.stack import Stack
from shared.testing import CLERK, OTHER_TOWN, TOWN, Service, service

ROUNDS = 5


@pytest.fixture(scope="module")
async def tracking(servers: Stack) -> AsyncIterator[Service]:
    async with service(servers, "tracking") as made:
        yield made


def moved(count: int = 1) -> LotMoved:
    return LotMoved(lot=uuid7(), step="received", count=count)


async def test_an_appended_entry_is_read_back_with_the_same_bytes_and_waits_in_the_outbox(tracking: Service) -> None:
    stream = uuid7()
    async with tracking.acting() as tx:
        entry = await ledger.append(tx, History(stream), moved())
    async with tracking.acting() as tx:
        history = await ledger.read(tx, stream)
    assert [found.body for found in history.entries] == [entry.body]
    assert history.entries[0].event == entry.event
    assert await tracking.rows("SELECT 1 FROM outbox WHERE stream = :s AND sequence = 1", s=stream)


async def test_the_second_of_two_writers_loses_the_race_without_breaking_its_transaction(tracking: Service) -> None:
    stream = uuid7()
    async with tracking.acting() as tx:
        await ledger.append(tx, History(stream), moved())
    async with tracking.acting() as tx:
        with pytest.raises(LostRace):
            await ledger.append(tx, History(stream), moved())
        assert len((await ledger.read(tx, stream)).entries) == 1


async def test_a_request_is_answered_once_and_refused_with_another_body(tracking: Service) -> None:
    stream, request = uuid7(), uuid7()
    async with tracking.acting(request=request, asked="a") as tx:
        entry = await ledger.append(tx, History(stream), moved())
    async with tracking.acting(request=request, asked="a") as tx:
        answered = (await ledger.read(tx, stream)).answered(tx.request)
    assert answered is not None
    assert answered.id == entry.id
    async with tracking.acting(request=request, asked="b") as tx:
        history = await ledger.read(tx, stream)
        with pytest.raises(Reused):
            history.answered(tx.request)


@pytest.mark.parametrize("text_", ["N\0", "a\\\\\0b"])
async def test_a_nul_is_refused_with_a_sentence_before_anything_is_kept(tracking: Service, text_: str) -> None:
    stream = uuid7()
    with pytest.raises(Invalid) as refused:
        async with tracking.acting() as tx:
            await ledger.append(tx, History(stream), Corrected(item=stream, field="maker", now=text_, reason="誤記"))
    assert refused.value.code == "control-character"
    assert not await tracking.rows("SELECT 1 FROM entries WHERE stream = :s", s=stream)


async def test_what_only_looks_like_a_nul_is_kept_as_it_was_typed(tracking: Service) -> None:
    stream, typed = uuid7(), r"\u0000 and \\u0000"
    async with tracking.acting() as tx:
        event = Corrected(item=stream, field="maker", now=typed, reason="誤記")
        await ledger.append(tx, History(stream), event)
    async with tracking.acting() as tx:
        (there,) = (await ledger.read(tx, stream)).entries
    assert there.event == event


async def test_an_entry_is_never_changed_or_deleted_by_anyone(tracking: Service) -> None:
    stream = uuid7()
    async with tracking.acting() as tx:
        await ledger.append(tx, History(stream), moved())
    for engine in (tracking.app, tracking.consumer, tracking.owner):
        for statement in ("UPDATE entries SET kind = 'x'", "DELETE FROM entries"):
            with pytest.raises(DBAPIError):
                async with engine.begin() as connection:
                    await connection.execute(text("SELECT set_config('app.tenant', :t, true)"), {"t": TOWN})
                    await connection.execute(text(statement))


async def test_a_tenant_sees_and_writes_its_own_entries_only(tracking: Service) -> None:
    stream = uuid7()
    async with tracking.acting() as tx:
        await ledger.append(tx, History(stream), moved())
    async with tracking.acting(OTHER_TOWN) as tx:
        assert not await ledger.read(tx, stream)
        hostile = text("SELECT count(*) FROM entries WHERE tenant = :t OR true")
        assert await tx.connection.scalar(hostile, {"t": TOWN}) == 0
    assert (await tracking.rows("SELECT count(*) FROM entries WHERE tenant = :t OR true", t=TOWN))[0][0] > 0
    with pytest.raises(DBAPIError, match="row-level security"):
        async with tracking.acting(OTHER_TOWN) as tx:
            foreign = Entry.new(
                moved(),
                stream=uuid7(),
                sequence=1,
                tenant=TOWN,
                recorded_at=tx.at,
                occurred_at=tx.at,
                by=CLERK,
                salt=bytes(16),
            )
            await tx.connection.execute(
                text("INSERT INTO entries VALUES (:s, 1, :i, :t, 'x', now(), now(), :b, :b)"),
                {"s": foreign.stream, "i": foreign.id, "t": TOWN, "b": foreign.body},
            )


async def test_a_stream_of_any_month_has_a_partition(tracking: Service) -> None:
    async with tracking.acting() as tx:
        strange = History(type(uuid7())(int=1 << 80))
        await ledger.append(tx, strange, moved())
    assert await tracking.rows("SELECT 1 FROM entries_default")
    assert (await tracking.rows("SELECT count(*) FROM pg_inherits WHERE inhparent = 'entries'::regclass"))[0][0] > 12


async def test_many_writers_on_one_stream_leave_no_gap(tracking: Service) -> None:
    stream = uuid7()

    async def write() -> None:
        while True:
            try:
                async with tracking.acting() as tx:
                    await ledger.append(
                        tx, await ledger.read(tx, stream), EngagementEnded(engagement=stream, town="a", centre="b")
                    )
            except LostRace:
                continue
            return

    await asyncio.gather(*(write() for _ in range(12)))
    async with tracking.acting() as tx:
        history = await ledger.read(tx, stream)
    assert [entry.sequence for entry in history.entries] == list(range(1, 13))
    assert all(isinstance(event, Event) for event in history.events)


async def test_two_batches_over_the_same_things_in_opposite_order_wait_and_do_not_deadlock(tracking: Service) -> None:
    lost = 0

    async def write(streams: list[UUID]) -> None:
        nonlocal lost
        try:
            async with tracking.acting() as tx:
                await ledger.append_all(tx, [(History(stream), moved()) for stream in streams])
        except LostRace:
            lost += 1

    for _ in range(ROUNDS):
        streams = [uuid7() for _ in range(300)]
        await asyncio.gather(write(streams), write(streams[::-1]))
        found = await tracking.rows("SELECT stream, sequence FROM entries WHERE stream = ANY(:s)", s=streams)
        assert len(found) == len(streams), "one wrote everything, the other nothing"
    assert lost == ROUNDS


async def test_the_outbox_keeps_the_order_in_which_it_was_decided(tracking: Service) -> None:
    streams = sorted((uuid7() for _ in range(9)), reverse=True)
    async with tracking.acting() as tx:
        await ledger.append_all(tx, [(History(stream), moved()) for stream in streams])
    waiting = await tracking.rows("SELECT stream FROM outbox WHERE stream = ANY(:s) ORDER BY position", s=streams)
    assert [row.stream for row in waiting] == streams
