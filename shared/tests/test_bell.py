"""The bell: a ring is not lost, and it never eats a cancel."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import pytest

from shared import bell


async def test_a_ring_before_the_wait_is_heard() -> None:
    heard = bell.listen()
    bell.ring()
    async with asyncio.timeout(1):
        await bell.wait(heard, 60)
    assert heard.is_set()


async def test_without_a_ring_one_looks_again_after_the_pause() -> None:
    async with asyncio.timeout(1):
        await bell.wait(bell.listen(), 0.01)


async def test_a_ring_at_the_moment_of_a_cancel_does_not_eat_it() -> None:
    """A relay that went on after its cancel kept the whole process from stopping."""
    heard = bell.listen()

    async def listening() -> None:
        while True:
            heard.clear()
            await bell.wait(heard, 60)

    task = asyncio.create_task(listening())
    await asyncio.sleep(0.01)
    bell.ring()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(1):
            await task


@pytest.mark.parametrize("pause", [bell.rest, lambda seconds: bell.wait(bell.listen(), seconds)])
async def test_a_cancel_that_others_hid_ends_the_work_at_its_next_pause(pause: Callable[[float], Any]) -> None:
    async def trying() -> None:
        while True:
            with suppress(asyncio.CancelledError):  # as asyncpg and nats-py do with a cancel
                await asyncio.sleep(60)
            await pause(60)

    task = asyncio.create_task(trying())
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        async with asyncio.timeout(1):
            await task
