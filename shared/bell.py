"""The bell: whoever commits rings it, and what waits for new rows in the same process looks at once.

Without it the relay and the loops would have to look fifty times a second to be prompt, in each of five services, with
nothing to do. A worker apart from its API hears no bell: it looks every tenth of a second (`pause_s`).
"""

import asyncio
from contextlib import suppress

HEARD_S = 1.0  # between looks where whoever commits rings: only what another process committed waits for it
UNHEARD_S = 0.1  # between looks of a worker apart from its API

_listening: list[asyncio.Event] = []


def listen() -> asyncio.Event:
    """Return an event that every ring sets; the listener clears it before it looks, so that no ring is missed."""
    event = asyncio.Event()
    _listening.append(event)
    return event


def ring() -> None:
    """Say that something was committed in this process."""
    for event in _listening:
        event.set()


def pause_s(role: str) -> float:
    """Return how long a process of this role may wait between two looks when no bell rings, in s."""
    return HEARD_S if role == "all" else UNHEARD_S


async def wait(event: asyncio.Event, seconds: float) -> None:
    """Return at the next ring, or after `seconds`."""
    heed()
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):  # not wait_for: before Python 3.12 a ring at the same moment eats a cancel
            await event.wait()


async def rest(seconds: float) -> None:
    """Pause between attempts, and end when a cancel was hidden by what came before."""
    heed()
    await asyncio.sleep(seconds)


def heed() -> None:
    """Raise a cancel that others hid: whoever goes on after one keeps the whole process from stopping.

    asyncpg answers a cancel in the middle of a statement with "connection is closed"; nats-py's `request` forgets it
    when the answer comes at the same moment (`asyncio.wait_for` before Python 3.12).
    """
    task = asyncio.current_task()
    if task and task.cancelling():
        raise asyncio.CancelledError
