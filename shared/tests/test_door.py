"""The door: no answer before the commit, a lost race tried again, a replay answered, a strange clock bounded."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine
from starlette.responses import Response

from services.tracking.commands import parties
from shared import ledger
from shared.database import Transaction, engine, url
from shared.door import ATTEMPTS_MAX, Ask, Door, TheDoor, receipt
from shared.entry import Entry
from shared.events.tracking import LotMoved
from shared.identity import Principal
from shared.ids import Label, uuid7
from shared.ledger import LostRace
from shared.refused import Forbidden, Refused
from shared.stack.ports import free_port
from shared.stack.stack import Stack
from shared.testing import CENTRE, NOW, OTHER_TOWN, TOWN, Service, service
from shared.web.recipe import create_app

TOKYO = ZoneInfo("Asia/Tokyo")
CLERK = Principal("clerk", TOWN, frozenset({"clerk"}))
WORKER = Principal("worker", CENTRE, frozenset({"worker"}), "centre")


@pytest.fixture(scope="module")
async def tracking(servers: Stack) -> AsyncIterator[Service]:
    async with service(servers, "tracking") as made:
        yield made


@pytest.fixture
def door(tracking: Service) -> Door:
    return Door(tracking.app, "tracking", lambda: NOW)


class Counted(Ask):
    """What the tests' own route takes."""

    lot: UUID
    count: int = 1


async def count(tx: Transaction, lot: UUID, counted: int) -> Entry[Any]:
    history = await ledger.read(tx, lot)
    if done := history.answered(tx.request):
        return done
    return await ledger.append(tx, history, LotMoved(lot=lot, step="received", count=counted))


@asynccontextmanager
async def standing(_app: Any) -> AsyncIterator[None]:
    """Stand for a service's life: the test opened the door itself."""
    yield


def application(door: Door) -> FastAPI:
    app = create_app("tracking", title="tests", lifespan=standing)
    app.state.door = door

    @app.post("/api/lots", status_code=201)
    async def take(body: Counted, the_door: TheDoor) -> Response:
        entry = await the_door.act(TOWN, CLERK, lambda tx: count(tx, body.lot, body.count), ask=body)
        return receipt(entry)

    return app


async def post(door: Door, body: dict[str, Any]) -> httpx.Response:
    transport = httpx.ASGITransport(application(door), raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        return await client.post("/api/lots", json=body)


async def recorded_of(tracking: Service, lot: UUID) -> int:
    return int((await tracking.rows("SELECT count(*) FROM entries WHERE stream = :lot", lot=lot))[0][0])


async def test_no_answer_leaves_before_the_commit(tracking: Service, door: Door) -> None:
    """A constraint that PostgreSQL checks at COMMIT fails there: the client is told no 201 and nothing is recorded."""
    async with tracking.owner.begin() as connection:
        await connection.execute(
            text(
                "CREATE FUNCTION fail_at_commit() RETURNS trigger LANGUAGE plpgsql AS "
                "$$ BEGIN RAISE EXCEPTION 'the disk is full' USING ERRCODE = '53100'; END $$"
            )
        )
        await connection.execute(
            text(
                "CREATE CONSTRAINT TRIGGER fails AFTER INSERT ON outbox DEFERRABLE INITIALLY DEFERRED "
                "FOR EACH ROW EXECUTE FUNCTION fail_at_commit()"
            )
        )
    lot = uuid7()
    body = {"request": str(uuid7()), "lot": str(lot)}
    try:
        answer = await post(door, body)
        assert answer.status_code == 500
        assert answer.headers["content-type"] == "application/problem+json"
        assert "disk" not in answer.text
        assert await recorded_of(tracking, lot) == 0
    finally:
        async with tracking.owner.begin() as connection:
            await connection.execute(text("DROP TRIGGER fails ON outbox"))
    assert (await post(door, body)).status_code == 201, "the device sends again, and now it is recorded"
    assert await recorded_of(tracking, lot) == 1


async def test_the_answer_waits_for_the_commit(tracking: Service, door: Door) -> None:
    """While the transaction is held open nobody else sees the entry, and no answer has left."""
    lot, may_commit, inside = uuid7(), asyncio.Event(), asyncio.Event()

    async def slowly(tx: Transaction) -> Entry[Any]:
        entry = await count(tx, lot, 1)
        inside.set()
        await may_commit.wait()
        return entry

    asked = asyncio.create_task(door.act(TOWN, CLERK, slowly))
    await inside.wait()
    assert await recorded_of(tracking, lot) == 0
    assert not asked.done()
    may_commit.set()
    await asked
    assert await recorded_of(tracking, lot) == 1


async def test_a_replay_gets_the_same_body_and_another_body_is_refused(tracking: Service, door: Door) -> None:
    lot = uuid7()
    body = {"request": str(uuid7()), "lot": str(lot), "captured_at": NOW.isoformat(), "sent_at": NOW.isoformat()}
    first = await post(door, body)
    again = await post(door, body | {"sent_at": (NOW + timedelta(minutes=3)).isoformat()})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    other = await post(door, body | {"count": 2})
    assert (other.status_code, other.json()["code"]) == (422, "request-id-reused")
    assert other.json()["detail"].endswith("。")
    assert await recorded_of(tracking, lot) == 1


async def test_a_lost_race_is_tried_again_with_the_new_history(tracking: Service, door: Door) -> None:
    lot, read = uuid7(), asyncio.Barrier(2)
    seen: list[int] = []

    async def racing(tx: Transaction) -> Entry[Any]:
        history = await ledger.read(tx, lot)
        seen.append(len(history.entries))
        if len(seen) <= 2:
            await read.wait()  # both have read the same history
        return await ledger.append(tx, history, LotMoved(lot=lot, step="received", count=len(seen)))

    both = await asyncio.gather(door.act(TOWN, CLERK, racing), door.act(TOWN, CLERK, racing))
    assert sorted(entry.sequence for entry in both) == [1, 2]
    assert seen[:2] == [0, 0]
    assert seen[2:] == [1], "one of them came again, and read what the other had appended"


async def test_a_deadlock_is_a_lost_race(door: Door) -> None:
    """PostgreSQL breaks it by failing one of the two (40P01): that one comes again."""
    met, tries = asyncio.Barrier(2), 0

    async def locking(tx: Transaction, *names: int) -> int:
        nonlocal tries
        tries += 1
        for nth, name in enumerate(names):
            await tx.connection.execute(text("SELECT pg_advisory_xact_lock(:name)"), {"name": name})
            if not nth and tries <= 2:
                await met.wait()
        return names[0]

    both = await asyncio.gather(
        door.act(TOWN, CLERK, lambda tx: locking(tx, 1, 2)), door.act(TOWN, CLERK, lambda tx: locking(tx, 2, 1))
    )
    assert list(both) == [1, 2]
    assert tries == 3


async def test_a_race_that_is_always_lost_is_refused_with_a_sentence(door: Door) -> None:
    tries = 0

    async def losing(_tx: Transaction) -> None:
        nonlocal tries
        tries += 1
        raise LostRace

    with pytest.raises(Refused) as refused:
        await door.act(TOWN, CLERK, losing)
    assert refused.value.code == "busy"
    assert tries == ATTEMPTS_MAX


async def test_a_refusal_leaves_nothing_behind(tracking: Service, door: Door) -> None:
    lot = uuid7()

    async def refuse(tx: Transaction) -> None:
        await count(tx, lot, 1)
        raise Refused("no", "いけません。", "No.")

    with pytest.raises(Refused, match="いけません"):
        await door.act(TOWN, CLERK, refuse)
    assert await recorded_of(tracking, lot) == 0


async def test_a_stranger_may_neither_act_nor_look(door: Door) -> None:
    with pytest.raises(Forbidden):
        await door.act(TOWN, WORKER, lambda tx: count(tx, uuid7(), 1))
    with pytest.raises(Forbidden):
        async with door.look(TOWN, Principal("x", OTHER_TOWN, frozenset())) as connection:
            await connection.execute(text("SELECT 1"))


async def test_an_engagement_opens_on_its_first_day_and_ends_with_its_last(tracking: Service, door: Door) -> None:
    today = datetime.now(UTC).astimezone(TOKYO).date()
    async with tracking.acting(CENTRE) as tx:
        await parties.add_party(tx, CENTRE, "centre", "ITADセンター")
    for number, (first, last, open_) in enumerate([(-9, -1, False), (1, 9, False), (0, 0, True)]):
        async with tracking.acting() as tx:
            entry = await parties.open_engagement(
                tx,
                centre=CENTRE,
                carrier=None,
                title="試行",
                contract=f"day-{number}",
                starts_on=today + timedelta(days=first),
                ends_on=today + timedelta(days=last),
                certificate_days=43,
            )
        if open_:
            await door.act(TOWN, WORKER, lambda tx: count(tx, uuid7(), 1))
            await door.act(TOWN, CLERK, lambda tx, of=entry.stream: parties.end_engagement(tx, of))  # type: ignore[misc]  # bound at once
        with pytest.raises(Forbidden) as refused:
            await door.act(TOWN, WORKER, lambda tx: count(tx, uuid7(), 1))
        assert refused.value.code == "no-engagement"


@pytest.mark.parametrize(
    ("captured", "sent", "happened"),
    [
        (None, None, NOW),  # a form: now
        (-60, None, NOW - timedelta(seconds=60)),  # a device that does not say when it sent
        (-60, 0, NOW - timedelta(seconds=60)),
        (3540, 3600, NOW - timedelta(seconds=60)),  # its clock is an hour ahead: what counts is the distance
        (-86_460, -86_400, NOW - timedelta(seconds=60)),  # a day behind
        (60, 0, NOW),  # captured after it was sent: never later than it was received
    ],
)
def test_when_it_happened_is_said_by_our_clock(captured: int | None, sent: int | None, happened: datetime) -> None:
    def at(seconds: int | None) -> datetime | None:
        return None if seconds is None else NOW + timedelta(seconds=seconds)

    ask = Ask(request=uuid7(), captured_at=at(captured), sent_at=at(sent))
    assert ask.occurred_at(NOW) == happened


def test_a_clock_at_the_end_of_time_says_nothing() -> None:
    beginning, end = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    ask = Ask(request=uuid7(), captured_at=beginning, sent_at=end)
    assert ask.occurred_at(NOW) == NOW
    assert ask.as_received(NOW).clock_off_s


def test_a_request_is_the_same_whenever_it_is_sent() -> None:
    request, lot = uuid7(), uuid7()
    first = Counted(request=request, lot=lot, captured_at=NOW, sent_at=NOW)
    again = Counted(request=request, lot=lot, captured_at=NOW, sent_at=NOW + timedelta(days=1))
    other = Counted(request=request, lot=lot, captured_at=NOW, sent_at=NOW, count=2)
    assert first.identity.digest == again.identity.digest
    assert first.identity.digest != other.identity.digest


def test_a_version_that_knows_one_more_field_gives_the_same_digest_to_what_an_older_page_had_queued() -> None:
    class Newer(Counted):
        weight_g: int | None = None

    queued = {"request": uuid7(), "lot": uuid7(), "captured_at": NOW}
    assert Newer(**queued).identity == Counted(**queued).identity
    assert Newer(**queued, weight_g=1300).identity.digest != Newer(**queued).identity.digest


@asynccontextmanager
async def refused(_tracking: Service) -> AsyncIterator[AsyncEngine]:
    """A server that is not there."""
    made = create_async_engine(f"postgresql+asyncpg://nobody:none@127.0.0.1:{free_port()}/none")
    yield made
    await made.dispose()


@asynccontextmanager
async def restarted(tracking: Service) -> AsyncIterator[AsyncEngine]:
    """A server that came back: what the pool holds is dead."""
    made = engine(tracking.settings, "app", pool_size=1)
    async with made.connect() as connection:
        pid = await connection.scalar(text("SELECT pg_backend_pid()"))
    admin = await tracking.stack.connect("tracking")
    await admin.execute("SELECT pg_terminate_backend($1)", pid)
    await admin.close()
    yield made
    await made.dispose()


@asynccontextmanager
async def full(tracking: Service) -> AsyncIterator[AsyncEngine]:
    """A server that takes no more connections."""
    made = engine(tracking.settings, "app", pool_size=1)
    admin = await tracking.stack.connect("tracking")
    await admin.execute("ALTER ROLE tracking_app CONNECTION LIMIT 0")
    try:
        yield made
    finally:
        await admin.execute("ALTER ROLE tracking_app CONNECTION LIMIT -1")
        await admin.close()
        await made.dispose()


@asynccontextmanager
async def exhausted(tracking: Service) -> AsyncIterator[AsyncEngine]:
    """A pool whose connections are all in use."""
    made = create_async_engine(url(tracking.settings, "app"), pool_size=1, max_overflow=0, pool_timeout=0.1)
    async with made.connect():
        yield made
    await made.dispose()


@pytest.mark.parametrize("away", [refused, restarted, full, exhausted])
@pytest.mark.parametrize("way", ["act", "look", "resolve", "asking"])
async def test_a_database_that_is_away_is_answered_503_whichever_way_it_was_asked(
    tracking: Service, away: Any, way: str
) -> None:
    async with away(tracking) as lost:
        door = Door(lost, "tracking", lambda: NOW)
        app = application(door)

        @app.get("/api/{asked}")
        async def ask(asked: str, the_door: TheDoor) -> None:
            if asked == "act":
                await the_door.act(TOWN, CLERK, lambda tx: count(tx, uuid7(), 1))
            elif asked == "resolve":
                await the_door.resolve_all([Label("AAAA0000A")], CLERK)
            elif asked == "look":
                async with the_door.look(TOWN, CLERK) as connection:
                    await connection.execute(text("SELECT 1"))
            else:
                async with the_door.asking() as connection:
                    await connection.execute(text("SELECT 1"))

        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
            answer = await client.get(f"/api/{way}")
    assert (answer.status_code, answer.json()["code"]) == (503, "unready")
    assert answer.headers["retry-after"] == "5"


@pytest.mark.parametrize(("cast", "value"), [("text", "a\0b"), ("int", str(10**19))])
async def test_a_value_that_the_database_cannot_hold_is_a_sentence(door: Door, cast: str, value: str) -> None:
    app = application(door)

    @app.get("/api/strange")
    async def strange(the_door: TheDoor) -> None:
        async with the_door.asking() as connection:
            await connection.execute(text(f"SELECT CAST(CAST(:value AS text) AS {cast})"), {"value": value})

    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.get("/api/strange")
    assert (answer.status_code, answer.json()["code"]) == (422, "unstorable")


async def test_a_wrong_question_to_the_database_stays_a_fault_of_ours(door: Door) -> None:
    app = application(door)

    @app.get("/api/wrong")
    async def wrong(the_door: TheDoor) -> None:
        async with the_door.asking() as connection:
            await connection.execute(text("SELECT nothing"))

    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answer = await client.get("/api/wrong")
    assert answer.status_code == 500


@pytest.mark.parametrize(("off", "flag"), [(0, None), (299, None), (-299, None), (3600, 3600), (-86_400, -86_400)])
async def test_a_clock_that_is_far_off_is_flagged_in_the_entry_and_nothing_is_refused(
    tracking: Service, door: Door, off: int, flag: int | None
) -> None:
    lot, sent = uuid7(), NOW + timedelta(seconds=off)
    body = {"request": str(uuid7()), "lot": str(lot), "captured_at": sent.isoformat(), "sent_at": sent.isoformat()}
    assert (await post(door, body)).status_code == 201
    (row,) = await tracking.rows("SELECT body, salt FROM entries WHERE stream = :lot", lot=lot)
    entry = Entry.read(row.body, row.salt)
    assert entry.request
    assert entry.request.clock_off_s == flag
    assert entry.occurred_at == NOW
    assert (b"clock_off_s" in row.body) == (flag is not None)
