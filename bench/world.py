"""A town with many registered items, made through the public doors, for the bench and the fault runs to work on."""

import csv
import io
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from meguru.replay import inputs, pilot
from meguru.replay.actor import Actor, Unexpected
from meguru.replay.pilot import CENTRE, TOWN
from meguru.replay.story import TOKYO, World, found
from shared.stack import Stack


@dataclass(frozen=True, slots=True)
class Town:
    """The town and the labels of its items, in order."""

    world: World
    labels: list[str]


async def town(stack: Stack, folder: Path, count: int) -> Town:
    """Found the pilot's town and register `count` plain desktops by one inventory file a thousand."""
    world = World(stack.origin, stack.certificate_authority, inputs.Inputs(folder), pilot.machines(), lambda *_: None)
    await found(world)
    labels: list[str] = []
    async with Actor(stack.origin, stack.certificate_authority, "mogami-clerk") as clerk:
        for first in range(0, count, 1000):
            content = _inventory(first, min(count, first + 1000))
            file = [("file", ("bench.csv", content, "text/csv"))]
            answer = await clerk.upload("/api/tracking/inventories", {"engagement": world.engagement}, file)
            if answer.status != 201:
                raise Unexpected(f"{answer.status} {answer.body}")
            labels += [one["label"] for one in answer.body["items"]]
    return Town(world, labels)


def _inventory(first: int, last: int) -> bytes:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(inputs.HEADS)
    for nth in range(first, last):
        writer.writerow(
            [
                "",
                "デスクトップ",
                "ミナト電機",
                "MD-7100",
                f"B{nth:06d}",
                "総務課",
                "個人番号利用事務系",
                "3",
                "",
                "",
                "HDD",
                "",
                "",
                f"BENCH{nth:06d}",
                "",
            ]
        )
    return out.getvalue().encode()


def in_days(days: int) -> str:
    """Return a date from today."""
    return (datetime.now(TOKYO).date() + timedelta(days=days)).isoformat()


__all__ = ["CENTRE", "TOWN", "Town", "in_days", "town"]
