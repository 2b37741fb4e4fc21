"""`python -m bench.reports`: damaged and harmlessly changed reports by the million: none may pass falsely.

The changes and the truths are those of `services/erasure/tests/mutations.py`. A number in the output names one report:
the same seed makes it again. Ends with 1 when a report passed falsely, crashed or hung, or a true pass was lost more
often than once in a hundred.
"""

import argparse
import os
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from rich.console import Console
from rich.progress import Progress

from services.erasure.tests.mutations import Tally, cases, real, soak

CHUNK = 2_000  # reports of one task
REAL = Path(__file__).parents[2] / "shared" / "data" / "reports" / "tools"


def run(count: int, seed: int, processes: int, folder: Path = REAL) -> Tally:
    """Try `count` reports in several processes and add up what they found."""
    total = Tally()
    with ProcessPoolExecutor(processes) as pool, Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task("reports", total=count)
        for tally in pool.map(
            _part, [(start, min(CHUNK, count - start), seed, folder) for start in range(0, count, CHUNK)]
        ):
            _add(total, tally)
            progress.advance(task, tally.reports)
    return total


def _part(part: tuple[int, int, int, Path]) -> Tally:
    start, count, seed, folder = part
    return soak(count, seed, start=start, more=real(folder))


def _add(total: Tally, tally: Tally) -> None:
    total.reports += tally.reports
    total.harmless += tally.harmless
    total.kept += tally.kept
    total.still_passing += tally.still_passing
    total.slowest_s = max(total.slowest_s, tally.slowest_s)
    for name in ("false_passes", "crashes", "hangs", "lost"):
        getattr(total, name).extend(getattr(tally, name))


def main() -> int:
    """Run, and say what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--processes", type=int, default=os.cpu_count() or 1)
    asked = parser.parse_args()
    began = time.perf_counter()
    tally = run(asked.count, asked.seed, asked.processes)
    took = time.perf_counter() - began
    console = Console(highlight=False, soft_wrap=True)
    share = tally.kept / tally.harmless if tally.harmless else 1.0
    console.print(
        f"{tally.reports} reports of {len(cases()) + len(real(REAL))} kinds, seed {asked.seed}, in {took:.1f} s "
        f"({tally.reports / took:.0f}/s in {asked.processes} processes), slowest {tally.slowest_s * 1000:.0f} ms\n"
        f"false passes {len(tally.false_passes)}, crashes {len(tally.crashes)}, hangs {len(tally.hangs)}\n"
        f"true passes kept under harmless changes {tally.kept} of {tally.harmless} ({share:.2%}), "
        f"under damage {tally.still_passing}",
        markup=False,
    )
    for line in (*tally.false_passes, *tally.crashes, *tally.hangs, *tally.lost):
        console.print(f"  {line}", markup=False)
    return 0 if tally.is_clean else 1


if __name__ == "__main__":
    sys.exit(main())
