"""What reading costs: a tool's file parsed and graded, beside the least that anybody must do with its bytes.

Rates are for each second of one core's own time, so that a busy machine tells the same.
"""

import json
import tempfile
import time
from collections.abc import Callable
from datetime import datetime
from pathlib import Path

from meguru.simulator import nwipe
from meguru.simulator.fleet import Fault, fleet
from services.erasure.domain.grading import grade
from services.erasure.domain.technique import MediumKind
from services.erasure.reports.read import read
from services.erasure.tests.capture import SAMPLES
from shared.levels import Level

FOR_S = 2.0  # of each figure
FLEET = 200  # drives to choose a run's from
STARTED = datetime(2026, 4, 8, 10)  # noqa: DTZ001 - nwipe writes no zone
SANITIZED = SAMPLES / "nvme-sanitize-completed.json"


def sanitize_logs() -> tuple[float, float]:
    """Return NVMe sanitize logs read and graded a second and core, and plain `json.loads` of the same bytes."""
    content = SANITIZED.read_bytes()
    return rate(lambda: graded(content, SANITIZED.name, MediumKind.NVME)), rate(lambda: json.loads(content))


def nwipe_logs() -> tuple[float, float]:
    """Return logs, each of a run with eight drives, read and graded a second and core, and reading the file's bytes.

    Raises ValueError when a drive of it is not proved: then something else was measured.
    """
    content = run_of_eight()
    if graded(content, "nwipe.log", MediumKind.HDD) != [Level.CLEAR] * nwipe.RUN_MAX:
        raise ValueError("the log proves not what it should")
    with tempfile.TemporaryDirectory(prefix="meguru-bench-") as folder:
        path = Path(folder) / "nwipe.log"
        path.write_bytes(content)
        return rate(lambda: graded(content, path.name, MediumKind.HDD)), rate(path.read_bytes)


def run_of_eight() -> bytes:
    """Return the log of a run in which eight drives were wiped and none failed."""
    drives = [one for one in fleet(FLEET, seed=1) if one.tool == "nwipe" and one.fault is Fault.NONE]
    return nwipe.log(drives[: nwipe.RUN_MAX], STARTED)


def graded(content: bytes, filename: str, kind: MediumKind) -> list[Level | None]:
    """Read a file and judge each drive in it."""
    return [grade(one, kind).level for one in read(content, filename).findings]


def rate(work: Callable[[], object], for_s: float = FOR_S) -> float:
    """Return how often work is done a second of this thread's own time."""
    work()
    times, started = 0, time.thread_time()
    while (took := time.thread_time() - started) < for_s:
        work()
        times += 1
    return times / took
