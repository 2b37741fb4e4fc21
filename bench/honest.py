"""The long look at the audit: no false alarm over many honest entries, and many random tampers each found."""

import asyncio
import os
import sys
import tempfile
import time
from pathlib import Path

import psutil

from bench.world import quiet, town
from meguru.founding import PREPARE
from meguru.replay.acting import scan
from meguru.replay.actor import Actor
from shared.settings import SERVICES
from shared.stack.stack import Stack

ROOT = Path(__file__).parents[1]
BATCH, CLIENTS = 100, 8
AUDIT_MAX_S = 900.0
START_MAX_S, TAMPER_MAX_S = 180.0, 5.0  # the latter each; a run that takes longer is stopped and is wrong
SETTLE_MAX_S = 120.0


async def honest(entries: int) -> tuple[str, list[str]]:
    """Record so many entries through the doors of a whole stack, then audit it while it runs: no finding is right.

    Returns what it took in words, and what is wrong.
    """
    with tempfile.TemporaryDirectory(prefix="meguru-honest-") as temporary:
        folder = Path(temporary)
        folder.chmod(0o755)  # PostgreSQL runs as another user when this is root
        async with Stack(folder / "stack", prepare=PREPARE, development_login=True) as stack:
            began = time.perf_counter()
            made = await town(stack, folder, entries // 2)  # an item is one entry, its arrival another
            groups = [made.labels[at : at + BATCH] for at in range(0, len(made.labels), BATCH)]
            async with Actor(stack.origin, stack.certificate_authority, "itad-worker") as worker:

                async def client(share: list[list[str]]) -> None:
                    for group in share:
                        await scan(worker, "received", group)

                await asyncio.gather(*(client(groups[nth::CLIENTS]) for nth in range(CLIENTS)))
            await quiet(stack)
            recorded = await logged(stack)
            recorded_s = time.perf_counter() - began
            began = time.perf_counter()
            code, said, memory = await watched([sys.executable, "-m", "meguru", "audit", "--folder", str(stack.folder)])
            audit_s = time.perf_counter() - began
    wrong = [] if code == 0 else [f"the audit of honest entries ended with {code}: {said[-2000:]}"]
    wrong += [] if recorded >= entries else [f"{recorded} entries were recorded, {entries} wanted"]
    return (
        f"{recorded} honest entries recorded in {recorded_s:.0f} s, audited in {audit_s:.1f} s with at most "
        f"{memory:.0f} MB: {said.strip()}"
    ), wrong


async def logged(stack: Stack) -> int:
    """Wait until the log has every entry of every ledger; return how many."""
    until, size = time.perf_counter() + SETTLE_MAX_S, -1
    recorded = sum([await number(stack, service, "SELECT count(*) FROM entries") for service in SERVICES])
    while size < recorded and time.perf_counter() < until:
        size = await number(stack, "tracking", "SELECT coalesce(max(size), 0) FROM checkpoints")
        await asyncio.sleep(0.1)
    return size


async def number(stack: Stack, service: str, query: str) -> int:
    """Ask one service's database for a number."""
    connection = await stack.connect(service)
    try:
        return int(await connection.fetchval(query))
    finally:
        await connection.close()


async def watched(command: list[str]) -> tuple[int, str, float]:
    """Run a command in a process of its own; return its exit code, what it said, and its most memory in MB."""
    process = await asyncio.create_subprocess_exec(
        *command, cwd=ROOT, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    peak, speaking = 0.0, asyncio.create_task(process.communicate())
    until = time.perf_counter() + AUDIT_MAX_S
    while not speaking.done() and time.perf_counter() < until:
        try:
            peak = max(peak, psutil.Process(process.pid).memory_info().rss / 1024**2)
        except psutil.NoSuchProcess:
            break
        await asyncio.wait([speaking], timeout=0.1)
    if not speaking.done() and process.returncode is None and time.perf_counter() >= until:
        process.kill()
    said, _ = await speaking
    return process.returncode or 0, said.decode(), peak


async def tampers(count: int, seed: int) -> list[str]:
    """Plant so many random changes as superuser, one after the other; return what was not found, in words."""
    environment = {**os.environ, "MEGURU_TAMPERS": str(count), "MEGURU_TAMPERS_SEED": str(seed)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "pytest", "-q", "meguru/tests/test_tampers.py"),
        cwd=ROOT,
        env=environment,
        stdout=asyncio.subprocess.PIPE,
    )
    most_s = START_MAX_S + count * TAMPER_MAX_S
    try:
        async with asyncio.timeout(most_s):
            said, _ = await process.communicate()
    except TimeoutError:
        process.terminate()
        await process.wait()
        return [f"{count} tampers (seed {seed}) were not done after {most_s:.0f} s"]
    return [] if process.returncode == 0 else [f"tampers, seed {seed}: {said.decode()[-4000:]}"]
