"""`python -m bench.importing`: report files of the tools, dropped in, end to end, as many media grow.

Sends them as the import page does: a hundred a request, two requests at a time, each file a drive's whole session. Ends
with 1 when the whole took longer than it may, or a file was not graded for its medium.

With `--flat` it asks what an import costs among many media: the same number of files is dropped in twice, the second
time with MORE times as many media registered, and a request in the middle may then take FLAT_MAX times as long.
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
from statistics import median

from rich.console import Console

from bench.world import Town, quiet, registered, town
from meguru.founding import PREPARE
from meguru.replay import pilot
from meguru.replay.actor import Actor, Unexpected
from meguru.replay.tool_reports import LASTS, session
from shared.stack.stack import Stack

FILES_MAX_S = 60.0  # of 10,000 files
EACH = 100  # files of a request
AT_ONCE = 2
FEWEST = 3  # requests that a tenth has at least
MORE = 10  # times as many media
FLAT_MAX = 1.5  # times as long; the noise of a shared machine is a third
WARM = 2 * EACH  # files before the first figure, so that it is not that of a cold start


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import took."""

    files: int
    seconds: float
    first_s: float  # a request of the first tenth, and of the last: whether it is flat in the number of media
    last_s: float
    middle_s: float  # the median of all requests: what others do on the machine moves it least


def reports(count: int, first: int = 0) -> list[bytes]:
    """Return the sessions of the bench's drives from `first` on, each proving Purge."""
    machine = next(one for one in pilot.machines() if one.drive == "hdd")
    template = session(machine, datetime.now(UTC) - LASTS).decode()
    return [template.replace(machine.drive_serial, f"BENCH{nth:06d}").encode() for nth in range(first, first + count)]


async def flat(stack: Stack, folder: Path, count: int) -> tuple[Imported, Imported]:
    """Import `count` files among as many media, and `count` others among MORE times as many."""
    made = await town(stack, folder, WARM + count)
    await imported(made, stack, reports(WARM))
    await quiet(stack)
    few = await imported(made, stack, reports(count, WARM))
    await quiet(stack)
    there = WARM + count
    await registered(stack, made.world, range(there, MORE * there))
    many = await imported(made, stack, reports(count, there))
    return few, many


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
    some = max(min(FEWEST, len(each)), len(each) // 10)
    return Imported(len(files), seconds, sum(each[:some]) / some, sum(each[-some:]) / some, median(each))


async def compare(count: int) -> int:
    """Say what the same import takes among few media and among many."""
    with tempfile.TemporaryDirectory(prefix="meguru-bench-") as folder:
        Path(folder).chmod(0o755)
        async with Stack(Path(folder), prepare=PREPARE, development_login=True) as stack:
            few, many = await flat(stack, Path(folder), count)
    ratio = many.middle_s / few.middle_s
    there = WARM + count
    Console().print(
        f"{count} files in {few.seconds:.1f} s among {there} media, in {many.seconds:.1f} s among {MORE * there}; "
        f"a request of {EACH} took {few.middle_s:.2f} s and {many.middle_s:.2f} s: {ratio:.2f} times, "
        f"{FLAT_MAX} allowed",
        soft_wrap=True,
    )
    return int(ratio > FLAT_MAX)


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
    parser.add_argument("--flat", action="store_true", help="the same import among ten times as many media")
    given = parser.parse_args()
    raise SystemExit(asyncio.run((compare if given.flat else main)(given.count)))
