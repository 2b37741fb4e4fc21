"""A town with many registered items, made through the public doors, for the bench and the tests to work on."""

import asyncio
import csv
import io
from dataclasses import dataclass
from pathlib import Path

import nats

from meguru.replay import inputs, pilot
from meguru.replay.actor import Actor, Unexpected
from meguru.replay.story import World, found
from shared.stack.stack import Stack

EACH = 1000  # rows of one inventory file


@dataclass(frozen=True, slots=True)
class Town:
    """The town and the labels of its items, in order."""

    world: World
    labels: list[str]


async def town(stack: Stack, folder: Path, count: int) -> Town:
    """Found the pilot's town and register `count` plain desktops by one inventory file a thousand."""
    world = World(stack.origin, stack.certificate_authority, inputs.Inputs(folder), pilot.machines(), lambda *_: None)
    await found(world)
    return Town(world, await registered(stack, world, range(count)))


async def registered(stack: Stack, world: World, numbers: range) -> list[str]:
    """Register plain desktops of these numbers with the town, and return their labels when every service knows them."""
    labels: list[str] = []
    async with Actor(stack.origin, stack.certificate_authority, "mogami-clerk") as clerk:
        for first in numbers[::EACH]:
            content = inventory([f"BENCH{nth:06d}" for nth in range(first, min(numbers.stop, first + EACH))])
            file = [("file", ("bench.csv", content, "text/csv"))]
            answer = await clerk.upload("/api/tracking/inventories", {"engagement": world.engagement}, file)
            if answer.status != 201:
                raise Unexpected(f"{answer.status} {answer.body}")
            labels += [one["label"] for one in answer.body["items"]]
    await quiet(stack)
    return labels


def inventory(serials: list[str]) -> bytes:
    """Return the town's list of plain desktops with drives of these serials."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(inputs.HEADS)
    for serial in serials:
        described = [
            "",
            "デスクトップ",
            "ミナト電機",
            "MD-7100",
            f"PC-{serial}",
            "総務課",
            "個人番号利用事務系",
            "3",
            "",
            "",
        ]
        writer.writerow([*described, "HDD", "", "", serial, ""])
    return out.getvalue().encode()


async def quiet(stack: Stack) -> None:
    """Return when no outbox holds anything, and then no durable has anything left to do."""
    client = await nats.connect(**stack.nats_options())
    databases = [await stack.connect(service) for service in stack.services]
    waits = "SELECT EXISTS (SELECT FROM outbox) OR EXISTS (SELECT FROM notices)"
    while True:
        unsent = [await database.fetchval(waits) for database in databases]
        durables = [one for name in ("CUSTODY", "NOTICE") for one in await client.jetstream().consumers_info(name)]
        if not any(unsent) and not any(one.num_pending or one.num_ack_pending for one in durables):
            break
        await asyncio.sleep(0.2)
    for database in databases:
        await database.close()
    await client.close()
