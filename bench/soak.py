"""`make soak`: the replay again and again while one process dies at seeded moments; no number of it may change.

Each round replays the pilot (small by default, the whole of it with `--full`) in a fresh folder. One process is killed
with SIGKILL three times, each time while a request is in flight. Afterwards the numbers must be what the round's own
inputs say, every accepted write must be in a ledger, nothing may be there twice, and the audit must be clean.
The same seed draws the same processes and moments. Then 3,000 scans at 10/s must each be seen within a second, 100,000
honest entries must be audited without a false alarm, and of 1,000 random tampers each must be found where it was made.
Rounds and time are bounded; the program stops by itself.
"""

import argparse
import asyncio
import json
import random
import secrets
import sys
import tempfile
import time
from collections import Counter
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Self
from uuid import UUID

import nats
from rich.console import Console

from bench.honest import honest, tampers
from bench.world import town
from meguru.audit import audit
from meguru.demo import new_world
from meguru.founding import PREPARE
from meguru.replay.acting import scan
from meguru.replay.actor import Actor
from meguru.replay.pilot import CATEGORY_NAMES, SMALL, WHOLE, Plan
from meguru.replay.story import CHAPTERS, World
from meguru.replay.summary import collect, differences
from shared import jetstream
from shared.settings import SERVICES
from shared.stack.stack import Stack

# Known by what they say, whatever request they come with: a list that was registered, a photo kept under its hash.
BY_CONTENT = ("/api/tracking/inventories", "/api/tracking/cages/photos")
VICTIMS = (*SERVICES, "nats", "postgres", "gateway", "nursery")
STRIKES = 3  # a round
MAY_WAIT = "erasure.report-filed.v1"  # a report that comes before its item is heard of is filed first, bound later
DELAY_MAX_S = 0.03  # from a request's start: most are answered within this
DRAIN_MAX_S = 60.0
SETTLE_S = 20.0  # for a process that was killed by the last request
MINUTES_MAX = 40.0
HONEST, TAMPERS = 100_000, 1000
MESSAGES, EVERY_S, LIMIT_S = 3000, 0.1, 1.0  # "no message waits": from commit to view


@dataclass(slots=True)
class Strike:
    """One kill: the n-th request after a chapter's start, a little later; then what was seen."""

    victim: str
    chapter: str
    nth: int
    delay_s: float
    in_flight: int = 0  # requests at the moment of the kill
    recovery_s: float = 0.0  # until the process was ready again

    def __str__(self) -> str:
        if not self.in_flight:
            return f"{self.victim} in {self.chapter} at request {self.nth}: the story was over before"
        return (
            f"{self.victim} in {self.chapter} at request {self.nth}+{self.delay_s * 1000:.0f} ms "
            f"({self.in_flight} requests in flight), ready again after {self.recovery_s:.2f} s"
        )


@dataclass(slots=True)
class Round:
    """What a round did and what was wrong with it."""

    strikes: list[Strike]
    seconds: float = 0.0
    drain_s: float = 0.0
    kinds: Counter[str] = field(default_factory=Counter)  # entries by kind, over all ledgers
    wrong: list[str] = field(default_factory=list)


def draw(rng: random.Random, victim: str, plan: Plan, strikes: int = STRIKES) -> list[Strike]:
    """Draw a round's kills: different chapters, any request of a chapter."""
    names = [name for name, _ in CHAPTERS]
    chosen = sorted(rng.sample(range(len(names)), strikes))
    pcs = plan.notebooks + plan.desktops
    return [Strike(victim, names[at], rng.randrange(1, pcs), rng.uniform(0, DELAY_MAX_S)) for at in chosen]


def readable(folder: str) -> Path:
    """Let PostgreSQL, which runs as another user when this is root, into a temporary folder."""
    path = Path(folder)
    path.chmod(0o755)
    return path


async def play(plan: Plan, strikes: Sequence[Strike]) -> Round:
    """Replay a plan in a fresh folder while the strikes fall, and examine what is left."""
    done, began = Round(list(strikes)), time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="meguru-soak-") as temporary:
        folder = readable(temporary)
        async with Stack(folder / "stack", prepare=PREPARE, development_login=True) as stack:
            world = new_world(stack, folder, plan)
            falling: list[asyncio.Task[None]] = []
            try:
                for name, chapter in CHAPTERS:
                    falling += [asyncio.create_task(fall(stack, world, one)) for one in strikes if one.chapter == name]
                    await chapter(world)
                await asyncio.wait(falling, timeout=SETTLE_S)  # a moment that the story did not reach never comes
            finally:
                for one in falling:
                    one.cancel()
                fallen = await asyncio.gather(*falling, return_exceptions=True)
            done.wrong += [repr(failure) for failure in fallen if isinstance(failure, Exception)]
            wrong, done.kinds, done.drain_s = await examine(stack, world)
            done.wrong += wrong
    done.seconds = time.perf_counter() - began
    return done


async def fall(stack: Stack, world: World, strike: Strike) -> None:
    """Wait for the moment, kill, and wait until the process is ready again."""
    traffic, at = world.traffic, world.traffic.asked + strike.nth
    while traffic.asked < at:
        await asyncio.sleep(0.002)
    await asyncio.sleep(strike.delay_s)
    await stack.settled(strike.victim)  # an earlier strike may have found it just before
    while not traffic.in_flight:
        await asyncio.sleep(0.001)
    stack.kill(strike.victim)
    strike.in_flight, began = traffic.in_flight, time.perf_counter()
    await stack.settled(strike.victim)
    strike.recovery_s = time.perf_counter() - began


async def examine(stack: Stack, world: World) -> tuple[list[str], Counter[str], float]:
    """Return what is wrong in words, the entries by kind, and how long the last messages took to arrive."""
    began = time.perf_counter()
    wrong = await undrained(stack)
    drain_s = time.perf_counter() - began
    wrong += unexpected(world, await collect(world))
    wrong += await undrained(stack)
    kinds, lost = await examine_ledgers(stack, world)
    wrong += lost
    wrong += [str(finding) for finding in await audit(stack)]
    return wrong, kinds, drain_s


def unexpected(world: World, summary: dict[str, Any]) -> list[str]:
    """Compare the numbers with what the inputs say; the whole pilot also with its papers."""
    wrong = [
        f"{name}: counted {summary.get(name)}, the inputs say {wanted}"
        for name, wanted in expected(world).items()
        if summary.get(name) != wanted
    ]
    return wrong + (differences(summary) if world.plan == WHOLE else [])


def expected(world: World) -> dict[str, Any]:
    """Count what the summary must say from the inputs alone."""
    plan, pcs, undelivered = world.plan, len(world.machines), world.undelivered()
    reborn, groups = world.reborn(), plan.groups
    served = Counter(CATEGORY_NAMES[group.category] for group in groups)
    units: Counter[str] = Counter()
    for group in groups:
        units[CATEGORY_NAMES[group.category]] += group.units
    delivered = Counter(machine.kind for machine in reborn if machine is not undelivered)
    return {
        "pcs": pcs,
        "notebooks": len(world.by_kind("notebook")),
        "desktops": len(world.by_kind("desktop")),
        "monitors_held": plan.monitors,
        "destroyed": pcs,
        "certificates": {"destruction": pcs, "tracking": pcs},
        "refurbished_by_centre": len(reborn),
        "taken_over_by_town": delivered.total(),
        "taken_over_by_kind": dict(delivered),
        "difference": {
            "machines": [world.labels[undelivered.asset_number]],
            "asset_numbers": [undelivered.asset_number],
        },
        "recycled": pcs - len(reborn),
        "applications": {
            "groups": len(groups),
            "by_category": dict(served),
            "late": 1,
        },
        "units_given": {"total": units.total(), "by_category": dict(units)},
        "left": delivered.total() - units.total(),
        "unmatched_reports": 1,
    }


async def undrained(stack: Stack) -> list[str]:
    """Wait until every recorded entry is on tracking's timeline and nothing waits: not to be announced, nor heard."""
    until, wrong = time.perf_counter() + DRAIN_MAX_S, ["not looked at"]
    while wrong and time.perf_counter() < until:
        recorded, wrong = 0, []
        for service in SERVICES:
            recorded += await count(stack, service, "entries")
            for table in ("outbox", "notices", "parked"):
                if waiting := await count(stack, service, table):
                    wrong.append(f"{service}: {waiting} left in {table}")
        if (seen := await count(stack, "tracking", "timeline")) != recorded:
            wrong.append(f"tracking: {seen} on the timeline of {recorded} recorded")
        wrong += await unheard(stack)
        await asyncio.sleep(0.1 if wrong else 0)
    return wrong


async def unheard(stack: Stack) -> list[str]:
    """Say which durables have messages that are not acknowledged."""
    client = await nats.connect(**stack.nats_options())
    try:
        infos = [await client.jetstream().consumer_info(one.stream, one.name) for one in jetstream.DURABLES]
    finally:
        await client.close()
    left = {info.name: (info.num_pending or 0) + (info.num_ack_pending or 0) for info in infos}
    return [f"{name}: {waiting} messages not heard" for name, waiting in left.items() if waiting]


async def count(stack: Stack, service: str, table: str) -> int:
    """Count a table's rows."""
    connection = await stack.connect(service)
    try:
        return int(await connection.fetchval(f"SELECT count(*) FROM {table}"))  # noqa: S608 - names of ours
    finally:
        await connection.close()


async def examine_ledgers(stack: Stack, world: World) -> tuple[Counter[str], list[str]]:
    """Look into every ledger for what was accepted and is not there, for gaps, and for what is there twice."""
    kinds: Counter[str] = Counter()
    requests: set[str] = set()
    issued: list[str] = []
    wrong: list[str] = []
    for service in SERVICES:
        connection = await stack.connect(service)
        rows = await connection.fetch("SELECT stream, sequence, id, kind, body FROM entries ORDER BY stream, sequence")
        await connection.close()
        streams: Counter[str] = Counter()
        for row in rows:
            streams[str(row["stream"])] += 1
            if row["sequence"] != streams[str(row["stream"])]:
                wrong.append(f"{service}: a gap in {row['stream']} before {row['sequence']}")
            kinds[row["kind"]] += 1
            envelope = json.loads(row["body"])
            requests.add(str(envelope.get("request", {}).get("id")))
            if row["kind"] == "certificates.issued.v1":
                issued.append(str(row["stream"]))
    accepted = {request: path for request, path in world.traffic.accepted.items() if path not in BY_CONTENT}
    lost = {request: path for request, path in accepted.items() if request not in requests}
    wrong += [f"accepted and in no ledger: {path} {request}" for request, path in lost.items()]
    wanted = 2 * len(world.machines)
    if not len(issued) == len(set(issued)) == wanted:
        wrong.append(f"certificates issued {len(issued)}, of them distinct {len(set(issued))}, wanted {wanted}")
    return kinds, wrong


@dataclass(slots=True)
class Watch:
    """Sees when what was committed appears on tracking's timeline; looks every few milliseconds."""

    connection: Any
    column: str  # of the timeline: stream or item
    kind: str | None = None
    waiting: dict[UUID, float] = field(default_factory=dict)
    waited_s: list[float] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def over(
        cls, stack: Stack, column: Literal["stream", "item"], kind: str | None = None
    ) -> AsyncIterator[Self]:
        """Watch as long as the block lasts."""
        made = cls(await stack.connect("tracking"), column, kind)
        looking = asyncio.create_task(made._look())
        try:
            yield made
        finally:
            looking.cancel()
            await asyncio.gather(looking, return_exceptions=True)
            await made.connection.close()

    def committed(self, thing: UUID) -> None:
        """Say that something about this thing has just been committed."""
        self.waiting[thing] = time.perf_counter()

    async def until_seen(self, seconds: float) -> None:
        """Wait until everything has appeared, or the time is up."""
        until = time.perf_counter() + seconds
        while self.waiting and time.perf_counter() < until:
            await asyncio.sleep(0.01)

    async def _look(self) -> None:
        query = f"SELECT {self.column} FROM timeline WHERE {self.column} = ANY($1) AND ($2::text IS NULL OR kind = $2)"  # noqa: S608 - two names of ours
        while True:
            if self.waiting:
                rows = await self.connection.fetch(query, list(self.waiting), self.kind)
                now = time.perf_counter()
                self.waited_s += [now - self.waiting.pop(row[0]) for row in rows if row[0] in self.waiting]
            await asyncio.sleep(0.005)


async def promptness(messages: int) -> tuple[float, list[str]]:
    """Scan at 10/s in a whole stack. Returns the longest time from the answer to the timeline, and what is wrong."""
    with tempfile.TemporaryDirectory(prefix="meguru-soak-") as temporary:
        folder = readable(temporary)
        async with Stack(folder / "stack", prepare=PREPARE, development_login=True) as stack:
            made = await town(stack, folder, messages)
            await undrained(stack)
            async with (
                Actor(stack.origin, stack.certificate_authority, "itad-worker") as worker,
                Watch.over(stack, "item", "tracking.received.v1") as watch,
            ):
                items = {row["label"]: row["item"] for row in await _labels(stack)}
                began = time.perf_counter()
                for nth, label in enumerate(made.labels):
                    await asyncio.sleep(began + nth * EVERY_S - time.perf_counter())
                    await scan(worker, "received", [label])
                    watch.committed(items[label])
                await watch.until_seen(DRAIN_MAX_S)
    late = sum(waited > LIMIT_S for waited in watch.waited_s)
    wrong = [f"{late} of {messages} took longer than {LIMIT_S} s"] if late else []
    wrong += [f"{len(watch.waiting)} never came"] if watch.waiting else []
    return max(watch.waited_s), wrong


async def _labels(stack: Stack) -> list[Any]:
    connection = await stack.connect("tracking")
    try:
        return list(await connection.fetch("SELECT label, item FROM items"))
    finally:
        await connection.close()


async def soak(rounds: int, seed: int, plan: Plan, minutes: float) -> int:
    """Run rounds until they are done or the time is up. Returns how many were wrong."""
    console = Console(highlight=False, soft_wrap=True)
    console.print(f"seed {seed}, {rounds} rounds, at most {minutes:.0f} minutes")
    rng, began, bad = random.Random(seed), time.monotonic(), 0  # noqa: S311 - a drawing that can be repeated
    victims: list[str] = []
    kinds: Counter[str] = Counter()
    recoveries: list[float] = []
    for nth in range(1, rounds + 1):
        if time.monotonic() - began > minutes * 60:
            console.print(f"the time is up after {nth - 1} rounds")
            break
        victims = victims or rng.sample(VICTIMS, len(VICTIMS))
        strikes = draw(rng, victims.pop(), plan)
        try:
            done = await play(plan, strikes)
        except Exception as failure:  # noqa: BLE001 - a story that cannot go on is a finding, and the next round runs
            done = Round(strikes, wrong=[repr(failure)[:500]])
        kinds = kinds or done.kinds
        for counted in (kinds, done.kinds):
            counted.pop(MAY_WAIT, None)
        if done.kinds and done.kinds != kinds:
            done.wrong.append(
                f"entries by kind differ from the first round's: {kinds - done.kinds} {done.kinds - kinds}"
            )
        recoveries += [strike.recovery_s for strike in done.strikes if strike.in_flight]
        console.print(f"round {nth}: {'WRONG' if done.wrong else 'right'} in {done.seconds:.1f} s")
        for line in (*done.strikes, *done.wrong):
            console.print(f"   {line}")
        bad += bool(done.wrong)
    if recoveries:
        console.print(
            f"{len(recoveries)} kills, recovery median {sorted(recoveries)[len(recoveries) // 2]:.2f} s, "
            f"longest {max(recoveries):.2f} s; wrong rounds: {bad}; seed {seed}"
        )
    return bad


async def run(asked: argparse.Namespace, seed: int) -> int:
    """Run the fault rounds, then the long looks at promptness and at the audit. Returns the exit code."""
    rounds, messages = asked.rounds, asked.messages
    bad = await soak(rounds, seed, WHOLE if asked.full else SMALL, asked.minutes) if rounds else 0
    if asked.honest:
        said, wrong = await honest(asked.honest)
        Console(highlight=False, soft_wrap=True).print(said, *wrong, markup=False)
        bad += bool(wrong)
    if asked.tampers:
        began = time.monotonic()
        wrong = await tampers(asked.tampers, seed)
        Console(highlight=False, soft_wrap=True).print(
            f"{asked.tampers} tampers, seed {seed}, in {time.monotonic() - began:.0f} s:",
            *(wrong or ["each found where it was made"]),
            markup=False,
        )
        bad += bool(wrong)
    if messages:
        longest, wrong = await promptness(messages)
        Console(highlight=False).print(
            f"{messages} messages at {1 / EVERY_S:.0f}/s: longest {longest:.3f} s from commit to view", *wrong
        )
        bad += bool(wrong)
    return min(bad, 1)


def main() -> None:
    """Read the command line and run."""
    parser = argparse.ArgumentParser(description="Replay the pilot while processes are killed.")
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--seed", type=int, default=None, help="repeats a run; drawn and printed when not given")
    parser.add_argument("--full", action="store_true", help="the whole pilot in every round")
    parser.add_argument("--messages", type=int, default=MESSAGES, help="of the look at promptness; 0 leaves it out")
    parser.add_argument("--honest", type=int, default=HONEST, help="entries that are audited; 0 leaves it out")
    parser.add_argument("--tampers", type=int, default=TAMPERS, help="random changes to find; 0 leaves it out")
    parser.add_argument("--minutes", type=float, default=MINUTES_MAX, help="no round starts after this")
    asked = parser.parse_args()
    seed = secrets.randbelow(2**32) if asked.seed is None else asked.seed
    sys.exit(asyncio.run(run(asked, seed)))


if __name__ == "__main__":
    main()
