"""A fleet of drives that never were, with what befell each: the same for the same seed, at any size. Pure."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Literal

from meguru.replay.pilot import Machine
from shared.simulated import SERIAL_MARK

MODELS = {"nvme": "MGRSIM NVMe 256GB", "ssd": "MGRSIM SATA 240GB", "hdd": "MGRSIM DISK 500GB"}
FAULT_SHARE = 10  # one drive in so many has a fault


class Fault(StrEnum):
    """What went wrong with a drive or its report."""

    NONE = "none"
    FAILED = "failed"  # the tool says so
    STALE = "stale"  # "completed" already before the job: proves nothing of today
    CUT = "cut"  # the end of the report is lost
    MISTYPED = "mistyped"  # the town's list has a letter O where the drive has a zero: a person must look
    NO_REPORT = "no-report"


FAULTS = tuple(fault for fault in Fault if fault is not Fault.NONE)
Proof = Literal["clear", "purge"]


@dataclass(frozen=True, slots=True)
class Drive:
    """One drive in its computer, as the drive says; which tool treated it, and its fault."""

    machine: Machine
    tool: Literal["session", "nwipe"]
    fault: Fault

    @property
    def listed(self) -> Machine:
        """The machine as the town's list has it."""
        if self.fault is not Fault.MISTYPED:
            return self.machine
        return replace(self.machine, drive_serial=self.machine.drive_serial[:-1] + "O")

    @property
    def proved(self) -> Proof | None:
        """What its report proves of the drive it names; None for nothing."""
        if self.fault not in (Fault.NONE, Fault.MISTYPED):
            return None
        return "clear" if self.tool == "nwipe" else "purge"


def fleet(count: int, seed: int) -> Iterator[Drive]:
    """Yield drives. Each depends on the seed and its number alone, so a larger fleet begins like a smaller one."""
    for nth in range(count):
        draw = random.Random(f"{seed}:{nth}")  # noqa: S311 - a made-up world, not a secret
        kind: Literal["hdd", "ssd", "nvme"] = draw.choice(("hdd", "ssd", "nvme"))
        tool: Literal["session", "nwipe"] = draw.choice(("session", "nwipe")) if kind == "hdd" else "session"
        fault = draw.choice(FAULTS) if draw.randrange(FAULT_SHARE) == 0 else Fault.NONE
        if fault is Fault.STALE and tool == "nwipe":
            fault = Fault.FAILED  # a log tells of one run: only a drive's own state survives from an earlier job
        tail = "0" if fault is Fault.MISTYPED else draw.choice("23456789ABCDEF")
        form: Literal["notebook", "desktop"] = draw.choice(("notebook", "desktop"))
        yield Drive(
            Machine(
                asset_number=f"模擬-{nth + 1:06d}",
                kind=form,
                maker="模擬電機",
                model="SIM-N" if form == "notebook" else "SIM-D",
                serial=f"{SERIAL_MARK}-PC-{seed:x}-{nth:x}".upper(),
                department="模擬課",
                drive=kind,
                drive_maker="模擬",
                drive_model=MODELS[kind],
                drive_serial=f"{SERIAL_MARK}{seed % 16**4:04X}{nth:06X}{tail}",
                capacity_gb={"hdd": 500, "ssd": 240, "nvme": 256}[kind],
            ),
            tool,
            fault,
        )
