"""The protocol between two databases, played over seeded schedules with a crash possible at every step.

What is simulated is the world: two databases that commit or forget, a bus that loses acknowledgements, delivers twice
and stores what it seemed to refuse. What runs in it is ours: `relay_window`, `publish`, the handler and `GroupCommit`.
The planted designs are the mistakes one makes; that each is found shows that the simulation would find ours.
"""

import asyncio
import itertools
import json
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import pytest

from shared import outbox
from shared.entry import Entry, Event
from shared.events.tracking import LotMoved
from shared.ids import uuid7
from shared.messaging import Consumers, GroupCommit, handler
from shared.outbox import parcel_of, relay_window
from shared.testing import recorded

SCHEDULES = 200
PLANTED_SCHEDULES_MAX = 250
FAULTY_STEPS = 160  # then the weather is calm, and everything must arrive
STEPS_MAX = 6000
CRASH, LOSS, TWICE, AWAY = 0.03, 0.15, 0.15, 0.05  # chances a step, an answer, a delivery, a transaction
ENTRIES = 6


class Crash(BaseException):
    """SIGKILL: nothing of the process runs after it, no `finally` writes anything."""


@dataclass(slots=True)
class World:
    """One schedule: what survives a crash, and the dice."""

    rng: random.Random
    steps: int = 0
    positions: "itertools.count[int]" = field(default_factory=itertools.count)
    recorded: list[UUID] = field(default_factory=list)  # committed in the producer's ledger
    waiting: dict[int, Entry[Event]] = field(default_factory=dict)  # its outbox
    effects: Counter[UUID] = field(default_factory=Counter)  # rows of the consumer's view
    stored: list[tuple[str, bytes, dict[str, str]]] = field(default_factory=list)  # the JetStream stream
    known: set[str] = field(default_factory=set)  # its message ids
    acknowledged: set[int] = field(default_factory=set)
    out: set[int] = field(default_factory=set)  # delivered, not yet acknowledged

    def happens(self, chance: float) -> bool:
        return self.steps < FAULTY_STEPS and self.rng.random() < chance

    @property
    def quiet(self) -> bool:
        calm = self.steps > FAULTY_STEPS and len(self.recorded) >= ENTRIES
        return calm and not self.waiting and len(self.acknowledged) == len(self.stored)

    def wrong(self) -> str:
        if not self.quiet:
            return "restless"
        for entry in self.recorded:
            if self.effects[entry] != 1:
                return "doubled" if self.effects[entry] else "lost"
        if set(self.effects) - set(self.recorded):
            return "never recorded"
        return ""


@dataclass(slots=True)
class Process:
    """One life of a process; its memory dies with it."""

    world: World
    alive: bool = True
    died: asyncio.Event = field(default_factory=asyncio.Event)
    tasks: list["asyncio.Task[Any]"] = field(default_factory=list)
    memory: dict[str, Any] = field(default_factory=dict)

    async def step(self) -> None:
        """Let others go first, or die."""
        self.world.steps += 1
        if self.alive and self.world.happens(CRASH):
            self.alive = False
            self.died.set()
        for _ in range(self.world.rng.randrange(3)):
            if self.alive:
                await asyncio.sleep(0)
        if not self.alive:
            raise Crash

    def spawn(self, work: Any) -> None:
        self.tasks.append(asyncio.create_task(work))


@dataclass(slots=True)
class Bus:
    """JetStream as measured: atomic batches, message ids remembered, answers lost before or after it stored."""

    process: Process
    is_connected: bool = True
    batches: dict[str, list[tuple[str, bytes, dict[str, str]]]] = field(default_factory=dict)

    async def publish(self, subject: str, body: bytes, *, headers: dict[str, str]) -> None:
        await self.process.step()
        self.batches.setdefault(headers["Nats-Batch-Id"], []).append((subject, body, headers))

    async def request(self, subject: str, body: bytes, *, timeout: float, headers: dict[str, str]) -> Any:  # noqa: ASYNC109, ARG002 - nats-py's signature
        await self.process.step()
        messages = [*self.batches.pop(headers.get("Nats-Batch-Id", ""), []), (subject, body, headers)]
        world = self.process.world
        if world.happens(LOSS):
            if world.rng.random() < 0.5:  # the answer is lost, or the message comes late
                asyncio.get_running_loop().call_soon(self._store, messages)
            raise TimeoutError
        answer = self._store(messages)
        await self.process.step()
        if world.happens(LOSS):
            raise TimeoutError
        return SimpleNamespace(data=json.dumps(answer).encode())

    def _store(self, messages: Sequence[tuple[str, bytes, dict[str, str]]]) -> dict[str, Any]:
        world, batch = self.process.world, "Nats-Batch-Id" in messages[-1][2]
        new = [message for message in messages if message[2]["Nats-Msg-Id"] not in world.known]
        if batch and len(new) < len(messages):
            return {"error": {"err_code": outbox.DUPLICATE}}
        world.known |= {headers["Nats-Msg-Id"] for _, _, headers in new}
        world.stored += new
        return {"stream": "CUSTODY", "seq": len(world.stored)}


@dataclass(slots=True)
class Outbox:
    """The relay's connection: it sees what is committed, and deletes when it commits."""

    process: Process
    deleted: list[int] = field(default_factory=list)

    async def execute(self, statement: Any, parameters: dict[str, Any]) -> list[Any]:
        await self.process.step()
        waiting = self.process.world.waiting
        if statement is outbox._ENTRIES:
            rows = sorted(waiting.items())[: parameters["rows"]]
            return [SimpleNamespace(position=at, body=e.body, salt=e.salt, traceparent=None) for at, e in rows]
        if statement is not outbox._NOTICES:
            assert str(statement).startswith("DELETE FROM outbox")
            self.deleted += parameters["p"]
        return []

    async def commit(self) -> None:
        await self.process.step()
        for position in self.deleted:
            self.process.world.waiting.pop(position, None)
        self.deleted = []


@dataclass(slots=True)
class View:
    """The consumer's database: a transaction is all or nothing, and sometimes the database is away."""

    process: Process

    @asynccontextmanager
    async def begin(self) -> AsyncIterator[Any]:
        if self.process.world.happens(AWAY):
            raise ConnectionError
        written: list[UUID] = []
        yield SimpleNamespace(written=written, effects=self.process.world.effects, step=self.process.step)
        await self.process.step()
        if self.process.world.happens(AWAY):
            raise ConnectionError
        self.process.world.effects.update(written)
        if self.process.world.happens(AWAY):  # committed, and nobody was told
            raise ConnectionError


Relay = Callable[[Process], Awaitable[None]]
Insert = Callable[[Process, Any, UUID], None]


async def our_relay(process: Process) -> None:
    await relay_window(Outbox(process), Bus(process))  # type: ignore[arg-type]  # the simulated database and bus


async def our_produce(process: Process, entry: Entry[Any]) -> None:
    """Ledger and outbox in one transaction; its place in the outbox is drawn before it commits."""
    position = next(process.world.positions)
    for _ in range(process.world.rng.randrange(4)):
        await process.step()
    process.world.recorded.append(entry.id)
    process.world.waiting[position] = entry


def our_insert(_process: Process, connection: Any, entry: UUID) -> None:
    """INSERT … ON CONFLICT DO NOTHING."""
    if entry not in connection.effects and entry not in connection.written:
        connection.written.append(entry)


@dataclass(frozen=True, slots=True)
class Design:
    """Who does what; the defaults are ours."""

    relay: Relay = our_relay
    produce: Callable[[Process, Entry[Any]], Awaitable[None]] = our_produce
    insert: Insert = our_insert
    ack_first: bool = False


async def relaying(process: Process, design: Design) -> None:
    while True:
        with suppress(TimeoutError):  # as `outbox.relay` does: go on with what the database says
            await design.relay(process)
        await process.step()


async def producing(process: Process, design: Design) -> None:
    """Two requests at a time; a device that got no answer sends another one."""

    async def request() -> None:
        while len(process.world.recorded) < ENTRIES:
            entry = recorded(LotMoved(lot=uuid7(), step="received", count=1))
            with suppress(TimeoutError):
                await design.produce(process, entry)

    process.spawn(request())
    process.spawn(request())
    await asyncio.Event().wait()


async def consuming(process: Process, design: Design) -> None:
    world, names = process.world, Consumers("tracking")

    @names.on_everything
    async def view(tx: Any, entries: Sequence[Entry[Event]]) -> None:
        for entry in entries:
            await process.step()
            design.insert(process, tx.connection, entry.id)

    handle = handler(GroupCommit(View(process), names))  # type: ignore[arg-type]  # the simulated database
    world.out.clear()  # whatever the last life had in hand is delivered again
    while True:
        await process.step()
        pulled = [
            Delivery(nth, *stored)
            for nth, stored in enumerate(world.stored)
            if nth not in world.acknowledged and (nth not in world.out or world.happens(TWICE))
        ]
        if pulled:
            world.out |= {message.nth for message in pulled}
            process.spawn(take(process, pulled, handle, ack_first=design.ack_first))


@dataclass(slots=True)
class Delivery:
    """A message of a pull."""

    nth: int
    subject: str
    data: bytes
    headers: dict[str, str]
    asked_again: bool = False

    async def nak(self, delay: float) -> None:  # noqa: ARG002 - nats-py's signature
        self.asked_again = True


async def take(
    process: Process, pulled: Sequence[Delivery], handle: Callable[[Any], Awaitable[None]], *, ack_first: bool
) -> None:
    """Handle one pull as FastStream does: acknowledge after the handler what it did not ask for again."""
    world = process.world
    if ack_first:
        world.acknowledged |= {message.nth for message in pulled}
    await handle(pulled)
    for message in pulled:
        if not message.asked_again:
            await process.step()
            if not world.happens(LOSS):  # an acknowledgement may be lost
                world.acknowledged.add(message.nth)
        world.out.discard(message.nth)


async def end(process: Process) -> None:
    process.alive = False
    for task in process.tasks:
        task.cancel()
    await asyncio.gather(*process.tasks, return_exceptions=True)


async def play(design: Design, seed: int) -> str:
    """Play one schedule. Returns what is wrong: lost, doubled, never recorded, restless; empty when nothing is."""
    world = World(random.Random(seed))
    works = (producing, relaying, consuming)
    lives = [asyncio.create_task(live(world, work, design)) for work in works]
    while not world.quiet and world.steps < STEPS_MAX:
        await asyncio.sleep(0)
    for life in lives:
        life.cancel()
    await asyncio.gather(*lives, return_exceptions=True)
    return world.wrong()


async def live(world: World, work: Callable[[Process, Design], Awaitable[None]], design: Design) -> None:
    """Start a process again whenever it dies."""
    while True:
        process = Process(world)
        process.spawn(work(process, design))
        try:
            await process.died.wait()
        finally:
            await end(process)


async def test_our_protocol_holds_on_every_schedule() -> None:
    wrong = {seed: found for seed in range(SCHEDULES) if (found := await play(Design(), seed))}
    assert not wrong


# ── planted mistakes ──────────────────────────────────────────────────────────────────────────────────────────────────


async def cursor_relay(process: Process) -> None:
    """Publish what is beyond the last position; a slow transaction with a lower one is never seen."""
    world, last = process.world, process.memory.get("cursor", -1)
    for position, entry in sorted(world.waiting.items()):
        if position > last:
            await outbox.publish(Bus(process), [parcel_of(position, entry.body, entry.salt, None)])  # type: ignore[arg-type]  # a bus in memory
            process.memory["cursor"] = position
            world.waiting.pop(position)
    for position in [at for at in world.waiting if at <= process.memory.get("cursor", -1)]:
        world.waiting.pop(position)  # "published already", says the cursor


async def forgetting_relay(process: Process) -> None:
    """Delete from the outbox, then publish."""
    for position, entry in sorted(process.world.waiting.items()):
        process.world.waiting.pop(position)
        await process.step()
        await outbox.publish(Bus(process), [parcel_of(position, entry.body, entry.salt, None)])  # type: ignore[arg-type]  # a bus in memory


async def announcing_first(process: Process, entry: Entry[Any]) -> None:
    """Publish inside the transaction, before it commits."""
    await Bus(process).request(
        "custody.x.y", entry.body, timeout=1, headers=parcel_of(0, entry.body, entry.salt, None).headers
    )
    await process.step()
    process.world.recorded.append(entry.id)


async def recording_then_announcing(process: Process, entry: Entry[Any]) -> None:
    """Commit, then publish without an outbox."""
    process.world.recorded.append(entry.id)
    await process.step()
    with_id = parcel_of(0, entry.body, entry.salt, None).headers
    await Bus(process).request("custody.x.y", entry.body, timeout=1, headers=with_id)


def insert_by_memory(process: Process, connection: Any, entry: UUID) -> None:
    """Remember in the process what has been handled."""
    seen = process.memory.setdefault("seen", set())
    if entry not in seen:
        seen.add(entry)
        connection.written.append(entry)


def insert_blindly(_process: Process, connection: Any, entry: UUID) -> None:
    """Trust the bus to deliver once."""
    connection.written.append(entry)


PLANTED = {
    "a relay by cursor": (Design(relay=cursor_relay), "lost"),
    "the outbox forgotten before the acknowledgement": (Design(relay=forgetting_relay), "lost"),
    "announced before it is recorded": (Design(produce=announcing_first), "never recorded"),
    "recorded and announced without an outbox": (Design(produce=recording_then_announcing), "lost"),
    "acknowledged before the commit": (Design(ack_first=True), "lost"),
    "duplicates known by memory": (Design(insert=insert_by_memory), "lost"),
    "duplicates known by memory, twice": (Design(insert=insert_by_memory), "doubled"),
    "duplicates not known at all": (Design(insert=insert_blindly), "doubled"),
}


@pytest.mark.parametrize("name", PLANTED)
async def test_a_planted_mistake_is_found_for_what_it_does(name: str) -> None:
    design, harm = PLANTED[name]
    found: Counter[str] = Counter()
    for seed in range(PLANTED_SCHEDULES_MAX):
        found[await play(design, seed)] += 1
        if harm in found:
            return
    raise AssertionError(f"{name}: {found}")


async def test_without_faults_a_mistake_may_hide(monkeypatch: pytest.MonkeyPatch) -> None:
    """The faults are what finds them: with none, acknowledging early looks as good as acknowledging late."""
    for chance in ("CRASH", "LOSS", "TWICE", "AWAY"):
        monkeypatch.setattr(f"{__name__}.{chance}", 0.0)
    design, _ = PLANTED["acknowledged before the commit"]
    assert not any([await play(design, seed) for seed in range(30)])


async def test_the_same_seed_plays_the_same_schedule() -> None:
    design, _ = PLANTED["acknowledged before the commit"]
    first = [await play(design, seed) for seed in range(12)]
    assert first == [await play(design, seed) for seed in range(12)]
    assert any(first)
    assert not all(first)
