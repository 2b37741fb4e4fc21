"""What people at the doors do again and again: scan, and ask again until the bus has brought what is needed."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, TypeVar

from meguru.replay.actor import Actor, Answer, Unexpected

T = TypeVar("T")


def recorded(answer: Answer) -> bool:
    """Tell whether a write was recorded."""
    return answer.status in (200, 201)


async def scan(actor: Actor, work: str, labels: Iterable[str]) -> list[dict[str, Any]]:
    """Send scans as the capture module does."""
    stamp = actor.stamp()
    scans = [
        {"requestId": actor.stamp()["request"], "work": work, "label": label, "capturedAt": stamp["captured_at"]}
        for label in labels
    ]
    answer = await actor.send("/api/tracking/scans", {"sentAt": stamp["sent_at"], "scans": scans})
    return list(answer["results"])


async def until_heard(ask: Callable[[], Awaitable[T]], heard: Callable[[T], bool], seconds: float = 30) -> T:
    """Ask again until what is needed has come over the bus: a late view refuses with the reason."""
    deadline = asyncio.get_running_loop().time() + seconds
    while True:
        answer = await ask()
        if heard(answer):
            return answer
        if asyncio.get_running_loop().time() > deadline:
            raise Unexpected(f"nothing came: {answer}")
        await asyncio.sleep(0.1)
