"""A call that opens: applications of the web form come fifty a second, each waiting for its receipt."""

import asyncio
import time
from collections.abc import Mapping
from contextlib import AsyncExitStack
from datetime import UTC, datetime, timedelta
from typing import Any

from bench.ceilings import quantile
from bench.device import Device
from meguru.replay import pilot
from meguru.replay.actor import Actor
from shared.ids import uuid7
from shared.stack.stack import Stack

CLIENTS = 16
NUMBER = f"{pilot.TOWN_CODE}-BENCH-1"


async def applied(stack: Stack, count: int, every_s: float) -> float:
    """Return the p99 in ms from an application to its receipt; one comes `every_s`, whatever became of those before."""
    async with Actor(stack.origin, stack.certificate_authority, "mogami-clerk") as clerk:
        await clerk.do("/api/donations/calls", _call())
    free: asyncio.Queue[Device] = asyncio.Queue()
    took: list[float] = []

    async def one(nth: int) -> None:
        started = time.perf_counter()  # waiting for a free connection counts
        device = await free.get()
        await device.ask("POST", f"/api/donations/calls/{NUMBER}/applications", _application(nth), status="201")
        free.put_nowait(device)
        took.append((time.perf_counter() - started) * 1000)

    async with AsyncExitStack() as open_:
        for _ in range(CLIENTS):
            free.put_nowait(await open_.enter_async_context(Device(stack.origin, stack.certificate_authority)))
        async with asyncio.TaskGroup() as sending:
            for nth in range(count):
                sending.create_task(one(nth))
                await asyncio.sleep(every_s)
    return quantile(sorted(took), 0.99)


def _call() -> Mapping[str, Any]:
    now = datetime.now(UTC)
    return {
        "number": NUMBER,
        "title": "bench",
        "rule": "first-come",
        "item_kinds": ["desktop"],
        "units": 15,
        "categories": [{"code": "hamlet", "name": "集落", "cap": 2}],
        "opens_at": (now - timedelta(minutes=1)).isoformat(),
        "closes_at": (now + timedelta(days=1)).isoformat(),
        "spec": {"os": "Linux", "ssd_gb": 240, "memory_gb": 8, "office": "LibreOffice", "support_months": 3},
        "consent": "bench",
        "consent_version": "1",
        "contact": "bench",
    }


def _application(nth: int) -> Mapping[str, Any]:
    return {
        "request": str(uuid7()),
        "category": "hamlet",
        "units": 2,
        "group": f"集落{nth}",
        "representative": "見本 太郎",
        "address": f"大字向町{nth}",
        "phone": f"0233-43-{nth:04d}",
        "uses": ["circulars"],
        "network": False,
        "consent": True,
        "consent_version": "1",
    }
