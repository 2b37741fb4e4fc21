"""What the project promises to do on two cores, and whether a run of the bench held it.

A promise is a figure of ours or, where the machine must not matter, a ratio to what the machine itself can do. On
another machine `make bench` fails for what it misses there and says so; what that means is for people to judge.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Goal:
    """A bound for one row of the results."""

    bound: float
    of: Literal["ours", "ratio"] = "ours"
    at_most: bool = False

    def is_missed(self, row: Mapping[str, Any]) -> bool:
        """Tell whether a row of the results is on the wrong side."""
        found: float = row[self.of]
        return found > self.bound if self.at_most else found < self.bound

    def __str__(self) -> str:
        return f"{'ratio ' if self.of == 'ratio' else ''}{'≤' if self.at_most else '≥'} {self.bound:g}"


def _least(bound: float) -> Goal:
    return Goal(bound)


def _most(bound: float) -> Goal:
    return Goal(bound, at_most=True)


def _share(bound: float) -> Goal:
    return Goal(bound, "ratio")


KEPT = _share(1 / 1.3)  # of the speed beside 10,000 entries
GOALS: Mapping[str, Goal] = {
    "scan_single": _least(400),
    "scan_p99_at_100": _most(50),
    "scan_batch": _least(5_000),
    "application_p99_at_50": _most(100),
    "end_to_end": _share(0.4),
    "destruction_answered_p50": _most(50),
    "destroy_to_certificate_p50": _most(0.5),
    "destroy_to_certificate_p99": _most(1.5),
    "certificates": _least(25),
    "lot_100": _most(1),
    "lot_1000": _most(5),
    "labels_160": _most(3),
    "allocation_10000": _most(1),
    "lookup_p50": _most(5),
    **{
        f"{name}_beside_{entries}": KEPT
        for name in ("lookup", "overview", "items", "timeline")
        for entries in (1_000_000, 10_000_000)
    },
    "memory_stack": _most(900),
    "sequencer": _least(1_500),
    "register_10000": _most(20),
    "read_nvme_sanitize": _least(2_000),
    "read_nwipe_8_drives": _least(500),
    "import_1000": _least(10_000 / 60),
}


def missed(results: Mapping[str, Mapping[str, Any]]) -> list[str]:
    """Name the rows that miss their goal."""
    return [name for name, row in results.items() if name in GOALS and GOALS[name].is_missed(row)]
