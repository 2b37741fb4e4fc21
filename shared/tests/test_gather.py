"""What is asked at the same moment is done together."""

import asyncio
from collections.abc import Sequence

import pytest

from shared.gather import GROUP_MAX, Gather


class Work:
    """Doubles numbers, a group at a time, when it is let; a 13 fails the group it is in."""

    def __init__(self) -> None:
        self.groups: list[list[int]] = []
        self.let = asyncio.Event()

    async def double(self, numbers: Sequence[int]) -> list[int]:
        self.groups.append(list(numbers))
        await self.let.wait()
        if 13 in numbers:
            raise ValueError("13")
        return [2 * number for number in numbers]


async def begun(work: Work, groups: int) -> None:
    while len(work.groups) < groups:
        await asyncio.sleep(0)


async def test_who_comes_alone_waits_for_nobody_and_what_comes_meanwhile_goes_together() -> None:
    gather, work = Gather(), Work()
    first = asyncio.create_task(gather.ask("a", [1], work.double))
    await begun(work, 1)
    later = [asyncio.create_task(gather.ask("a", [n, 10 * n], work.double)) for n in (2, 3)]
    other = asyncio.create_task(gather.ask("b", [4], work.double))  # of another key: not held up
    await begun(work, 2)
    assert work.groups == [[1], [4]]
    work.let.set()
    assert [await one for one in (first, *later, other)] == [[2], [4, 40], [6, 60], [8]]
    assert work.groups == [[1], [4], [2, 20, 3, 30]]


async def test_nobody_fails_for_another() -> None:
    gather, work = Gather(), Work()
    tasks = [asyncio.create_task(gather.ask("a", [1], work.double))]
    await begun(work, 1)
    tasks += [asyncio.create_task(gather.ask("a", [n], work.double)) for n in (2, 13, 3)]
    await asyncio.sleep(0)
    work.let.set()
    told = await asyncio.gather(*tasks, return_exceptions=True)
    assert told[:2] + told[3:] == [[2], [4], [6]]
    with pytest.raises(ValueError, match="13"):
        raise told[2]  # type: ignore[misc]  # the one that failed
    assert await gather.ask("a", [5], work.double) == [10]


async def test_an_asker_that_leaves_takes_nothing_along() -> None:
    gather, work = Gather(), Work()
    first = asyncio.create_task(gather.ask("a", [1], work.double))
    await begun(work, 1)
    second = asyncio.create_task(gather.ask("a", [2], work.double))
    await asyncio.sleep(0)
    first.cancel()
    work.let.set()
    assert await second == [4]
    assert work.groups == [[1], [2]]


async def test_a_group_has_an_end_but_nobody_is_parted() -> None:
    gather, work = Gather(), Work()
    first = asyncio.create_task(gather.ask("a", [0], work.double))
    await begun(work, 1)
    sizes = (GROUP_MAX + 1, GROUP_MAX - 1, 1, 1)
    rest = [asyncio.create_task(gather.ask("a", [7] * size, work.double)) for size in sizes]
    await asyncio.sleep(0)
    work.let.set()
    assert [len(await one) for one in (first, *rest)] == [1, *sizes]
    assert [len(group) for group in work.groups] == [1, GROUP_MAX + 1, GROUP_MAX, 1]
