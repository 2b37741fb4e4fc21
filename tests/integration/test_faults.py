"""The whole stack while processes die and the bus is away; the long run of the same is `make soak`."""

import asyncio
import random
from collections.abc import Sequence
from pathlib import Path

import pytest

from bench.soak import Strike, count, draw, examine, play, undrained
from meguru.demo import new_world
from meguru.founding import PREPARE
from meguru.replay.pilot import SMALL
from meguru.replay.story import CHAPTERS, World
from shared.settings import SERVICES
from shared.stack.stack import Stack

BEFORE, WITHOUT_BUS = ("町・センター・契約・基準表", "登録", "データ消去", "出庫"), ("入庫", "行き先")


@pytest.mark.parametrize(("victim", "seed"), [("nats", 4), ("postgres", 12), ("nursery", 21)])
async def test_a_killed_process_changes_no_number(victim: str, seed: int) -> None:
    strikes = draw(random.Random(seed), victim, SMALL, strikes=2)
    done = await play(SMALL, strikes)
    assert all(_fell(strike) for strike in strikes)
    assert done.wrong == []


def _fell(strike: Strike) -> bool:
    return strike.in_flight > 0 and strike.recovery_s > 0


async def test_scans_are_accepted_without_the_bus_and_everything_drains_after(tmp_path: Path) -> None:
    async with Stack(tmp_path / "stack", prepare=PREPARE, development_login=True) as stack:
        world = new_world(stack, tmp_path, SMALL)
        await act(world, BEFORE)
        assert await undrained(stack) == []
        await stack.stop_nats()
        await asyncio.gather(*(stack.restart(service) for service in SERVICES))
        accepted = len(world.traffic.accepted)
        await act(world, WITHOUT_BUS)
        scans = [path for path in list(world.traffic.accepted.values())[accepted:] if path == "/api/tracking/scans"]
        assert len(scans) == 1  # the machine that was found later; everything else of the chapters was accepted too
        assert len(world.traffic.accepted) - accepted >= len(world.machines)
        assert (await waiting(stack))["tracking"] >= 2 * len(world.machines)
        await stack.start_nats()
        assert await undrained(stack) == []
        await act(world, [name for name, _ in CHAPTERS if name not in (*BEFORE, *WITHOUT_BUS)])
        wrong, _, _ = await examine(stack, world)
        assert wrong == []


async def act(world: World, names: Sequence[str]) -> None:
    for name, chapter in CHAPTERS:
        if name in names:
            await chapter(world)


async def waiting(stack: Stack) -> dict[str, int]:
    """Return what each outbox holds."""
    return {service: await count(stack, service, "outbox") for service in SERVICES}
