"""`python -m bench.issuing`: a school board's terminals, one certificate each: the rate from first to last, and memory.

First ten alone, then the others by trays of fifty; waits for the last certificate. Meanwhile the town's page is asked
for again and again, and once, at a quarter, the zip of all. Ends with 1 when the last tenth comes much slower than the
second or than the ten, when memory grows with the count, when the page stops answering, or when the zip is not whole.
"""

import argparse
import asyncio
import ssl
import tempfile
import time
import zipfile
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import httpx
import psutil
from rich.console import Console

from bench import ceilings
from bench.ceilings import quantile
from bench.device import Device
from bench.world import Town, quiet, town
from meguru.founding import PREPARE
from meguru.replay import inputs, pilot
from meguru.replay.actor import Actor, Unexpected
from shared.stack.ports import LOOPBACK
from shared.stack.stack import Stack

TRAY, FEW = 50, 10
SLOWER_MAX = 1.5  # the last tenth against the second: flat in the number that were issued
GROWTH_MAX = 40  # MB between a tenth and the whole
PAGE_MAX_MS = 500
TOWN_PAGE_MAX_MS = 1500  # it counts the whole batch, on a machine that is busy with it
AFTER = 20  # looks
PACKED_MAX_S = 600.0
LOOK_S = 0.5
_ISSUED = (
    "SELECT extract(epoch FROM issued_at)::float8 AS at FROM certificates "
    "WHERE kind = 'destruction' AND issued_at IS NOT NULL ORDER BY issued_at"
)


async def destroy(stack: Stack, labels: list[str]) -> None:
    """Crush all of them, a tray after the other. Raises Unexpected."""
    photo = inputs.photo(pilot.machines()[0], "after", datetime.now(UTC))
    async with Actor(stack.origin, stack.certificate_authority, "itad-worker") as worker:
        for first in range(0, len(labels), TRAY):
            fields = {"technique": "crush", "machine": "bench", "media": labels[first : first + TRAY]}
            answer = await worker.upload("/api/erasure/trays", fields, [("after", ("a.jpg", photo, "image/jpeg"))])
            if answer.status != 201:
                raise Unexpected(f"{answer.status} {answer.body}")


def memory_mb(stack: Stack) -> float:
    """Return what certificates and its press room hold by themselves, in MB."""
    service = psutil.Process(stack.pids["certificates"])
    return sum(one.memory_full_info().uss for one in (service, *service.children(recursive=True))) / 1024**2


@dataclass(frozen=True, slots=True)
class Seen:
    """What was seen while they were issued: moments in s, memory in MB at each tenth, pages' times in ms, the zip."""

    issued: list[float]
    held: list[float]
    public_ms: list[float]  # anybody's page
    town_ms: list[float]  # the one that counts the batch, through the gateway
    after_ms: list[float]  # the same when all is done
    packed: int


async def watched(stack: Stack, made: Town, folder: Path) -> Seen:
    """Wait for the last, asking for the town's page meanwhile and at a quarter for all that is there."""
    connection = await stack.connect("certificates")
    held: list[float] = []
    public_ms: list[float] = []
    town_ms: list[float] = []
    packing: asyncio.Task[int] | None = None
    async with (
        Actor(stack.origin, stack.certificate_authority, "mogami-clerk") as clerk,
        Device(f"http://{LOOPBACK}:{stack.ports['certificates']}") as public,
    ):
        while True:
            issued = [row["at"] for row in await connection.fetch(_ISSUED)]
            while len(held) < 10 * len(issued) // len(made.labels):
                held.append(await asyncio.to_thread(memory_mb, stack))
            if packing is None and len(issued) >= len(made.labels) // 4:
                packing = asyncio.create_task(packed(stack, clerk.cookie, made.world.engagement, folder / "all.zip"))
            if len(issued) == len(made.labels):
                break
            public_ms += await ceilings.latency_ms(lambda: public.get("/verify"), 1)
            town_ms += await ceilings.latency_ms(lambda: clerk.fetch("/certificates"), 1)
            await asyncio.sleep(LOOK_S)
        whole = await packing if packing else 0
        await quiet(stack)
        after_ms = await ceilings.latency_ms(lambda: clerk.fetch("/certificates"), AFTER)
    await connection.close()
    return Seen(issued, held, public_ms, town_ms, after_ms, whole)


async def packed(stack: Stack, cookie: str, engagement: str, into: Path) -> int:
    """Stream the zip of all to disk while more are issued. Returns how many are in it, 0 if it is not whole."""
    context = ssl.create_default_context(cafile=str(stack.certificate_authority))
    async with httpx.AsyncClient(verify=context, timeout=PACKED_MAX_S, headers={"cookie": cookie}) as client:
        url = f"{stack.origin}/certificates/all.zip"
        async with client.stream("GET", url, params={"engagement": engagement}) as answer:
            with into.open("wb") as file:
                async for part in answer.aiter_bytes():
                    file.write(part)

    def whole() -> int:
        try:
            with zipfile.ZipFile(into) as archive:
                names = archive.namelist()
                return 0 if archive.testzip() else sum(name.endswith(".pdf") for name in names)
        except zipfile.BadZipFile:
            return 0

    return await asyncio.to_thread(whole)


async def ten(stack: Stack, labels: list[str]) -> float:
    """Have ten issued alone; return their rate, as those of a tenth are counted: from one to the last of ten."""
    await destroy(stack, labels)
    connection = await stack.connect("certificates")
    while len(issued := [row["at"] for row in await connection.fetch(_ISSUED)]) < len(labels):
        await asyncio.sleep(LOOK_S)
    await connection.close()
    await quiet(stack)
    return float((len(issued) - 1) / (issued[-1] - issued[0]))


async def main(count: int) -> int:
    """Issue so many and say how it went."""
    console = Console(highlight=False, soft_wrap=True)
    with tempfile.TemporaryDirectory(prefix="meguru-bench-") as folder:
        Path(folder).chmod(0o755)
        async with Stack(Path(folder), prepare=PREPARE, development_login=True) as stack:
            made = await town(stack, Path(folder), count)
            await quiet(stack)
            few = await ten(stack, made.labels[:FEW])
            started = time.time()
            destroying = asyncio.create_task(destroy(stack, made.labels[FEW:]))
            seen = await watched(stack, made, Path(folder))
            await destroying
    tenth, issued = count // 10, seen.issued
    second, last = (tenth / (issued[end - 1] - issued[end - 1 - tenth]) for end in (2 * tenth, count))
    growth = seen.held[-1] - seen.held[0]
    public_ms, town_ms = (quantile(sorted(times), 0.99) for times in (seen.public_ms, seen.town_ms))
    half = quantile(sorted(seen.after_ms), 0.5)
    console.print(f"{count} certificates in {issued[-1] - started:.0f} s")
    verdicts = [
        (second / last, SLOWER_MAX, f"last tenth {last:.1f}/s, second tenth {second:.1f}/s: slower by"),
        (few / last, SLOWER_MAX, f"last tenth {last:.1f}/s, ten alone {few:.1f}/s: slower by"),
        (
            growth,
            GROWTH_MAX,
            f"memory {seen.held[0]:.0f} → {seen.held[-1]:.0f} MB, ×{seen.held[-1] / seen.held[0]:.2f}: MB more",
        ),
        (public_ms, PAGE_MAX_MS, "anybody's page meanwhile: p99 in ms"),
        (
            town_ms,
            TOWN_PAGE_MAX_MS,
            f"the town's page meanwhile, {len(seen.town_ms)} times ({half:.0f} ms after): p99 in ms",
        ),
        (float(not seen.packed), 0.0, f"the zip of all at a quarter holds {seen.packed}: not whole"),
    ]
    for found, most, said in verdicts:
        console.print(f"{'○' if found <= most else '×'} {said} {found:.2f}, at most {most:g}")
    return int(any(found > most for found, most, _ in verdicts))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    raise SystemExit(asyncio.run(main(parser.parse_args().count)))
