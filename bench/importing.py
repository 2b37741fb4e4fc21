"""`python -m bench.importing`: report files of the tools, dropped in, end to end, as many media grow.

Sends them as the import page does: a hundred a request, two requests at a time, each file a drive's whole session. Ends
with 1 when the whole took longer than it may, or a file was not graded for its medium.
"""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from bench.world import Town, town
from meguru.founding import PREPARE
from meguru.replay import pilot
from meguru.replay.actor import Actor, Unexpected
from meguru.replay.tool_reports import session
from shared.stack.stack import Stack

FILES_MAX_S = 60.0  # of 10,000 files
EACH = 100  # files of a request
AT_ONCE = 2
STARTED = datetime(2026, 4, 8, 1, 0, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import took."""

    files: int
    seconds: float
    first_s: float  # of the first tenth, and of the last: whether it is flat in the number of media
    last_s: float


def reports(count: int) -> list[bytes]:
    """Return the sessions of the bench's drives, each proving Purge."""
    machine = next(one for one in pilot.machines() if one.drive == "hdd")
    template = session(machine, STARTED).decode()
    return [template.replace(machine.drive_serial, f"BENCH{nth:06d}").encode() for nth in range(count)]


async def imported(made: Town, stack: Stack, files: Sequence[bytes]) -> Imported:
    """Drop the files in. Raises Unexpected for a file that was not graded for its medium."""
    batches = [range(first, min(len(files), first + EACH)) for first in range(0, len(files), EACH)]
    took: dict[int, float] = {}
    pending = iter(batches)

    async def send(worker: Actor) -> None:
        for batch in pending:
            started = time.perf_counter()
            parts = [("files", (f"{nth}.json", files[nth], "application/json")) for nth in batch]
            said = {"engagement": made.world.engagement, "place": "on-site"}
            answer = await worker.upload("/api/erasure/reports/batch", said, parts)
            states = [one["state"] for one in answer.body["results"]] if answer.status == 200 else []
            if states != ["recorded"] * len(batch):
                odd = [one for one in answer.body["results"] if one["state"] != "recorded"] if states else answer.body
                raise Unexpected(f"{answer.status} {json.dumps(odd, ensure_ascii=False)[:500]}")
            took[batch.start] = time.perf_counter() - started

    started = time.perf_counter()
    async with Actor(stack.origin, stack.certificate_authority, "itad-worker") as worker:
        await asyncio.gather(*(send(worker) for _ in range(AT_ONCE)))
    seconds = time.perf_counter() - started
    each = [took[batch.start] for batch in batches]
    tenth = max(1, len(each) // 10)
    return Imported(len(files), seconds, sum(each[:tenth]) / tenth, sum(each[-tenth:]) / tenth)


async def main(count: int) -> int:
    """Import `count` files among as many media and say what it took."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="meguru-bench-") as folder:
        Path(folder).chmod(0o755)
        async with Stack(Path(folder), prepare=PREPARE, development_login=True) as stack:
            made = await town(stack, Path(folder), count)
            took = await imported(made, stack, reports(count))
    allowed = FILES_MAX_S * count / 10_000
    console.print(
        f"{took.files} files in {took.seconds:.1f} s of {allowed:.0f}: {took.files / took.seconds:.0f} files/s; "
        f"a request of {EACH} took {took.first_s:.2f} s at first, {took.last_s:.2f} s at last"
    )
    return int(took.seconds > allowed)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=10_000)
    raise SystemExit(asyncio.run(main(parser.parse_args().count)))
