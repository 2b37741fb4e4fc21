"""A log as nwipe 0.42 writes it of several drives in one run, for drives that never were."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from meguru.simulator.fleet import Drive, Fault

RUN_MAX = 8  # drives of one run
_SIZE = 500107862016  # bytes of a disk of 500 GB
_PASSES = 3  # DoD Short
_EACH = timedelta(minutes=100)  # of one pass
_ENDED = "Nwipe successfully completed. See summary table for details."
_ENDED_BADLY = "Nwipe exited with errors, check the log & summary table for individual drive status."
_STARS = "*" * 80
_LINE = "-" * 80


def log(drives: Sequence[Drive], started: datetime) -> bytes:
    """Return the log of a run. A cut one loses everything from the middle of its last table.

    `started` is the computer's own clock: nwipe writes no zone.
    """
    names = [f"sd{chr(ord('a') + nth)}" for nth in range(len(drives))]
    run = list(zip(names, drives, strict=True))
    end = started + _EACH * (_PASSES + 2)
    lines = [_at(started, "info", "nwipe 0.42")]
    for name, drive in run:
        m = drive.machine
        lines += [
            _at(started, "notice", f"Found /dev/{name},  ATA    , {m.drive_model}, 500 GB, S/N={m.drive_serial}"),
            _at(started, "info", f"/dev/{name}, sector(logical)/block(physical) sizes 512/4096"),
            _at(started, "info", f"No hidden sectors on /dev/{name}"),
        ]
    lines += [
        _at(started, "info", "system-manufacturer = MGRSIM"),
        _at(started, "info", f"system-serial-number = {drives[0].machine.serial}"),
        _at(started, "notice", "Program options are set as follows..."),
        _at(started, "notice", "  method       = DoD Short"),
        _at(started, "notice", "  rounds       = 1"),
        _at(started, "notice", "  verify       = 1 (last pass)"),
    ]
    jobs = [line for name, drive in run for line in _job(name, drive, started)]
    lines += sorted(jobs, key=lambda line: line.partition("]")[0])  # they run side by side
    lines += ["", "", *_tables(run), f"[{_moment(end)}] Total Throughput   83 MB/s, DoD Short, 1R+B+VL", _STARS, ""]
    failed = any(drive.fault is Fault.FAILED for drive in drives)
    lines.append(_at(end, "info", _ENDED_BADLY if failed else _ENDED))
    if any(drive.fault is Fault.CUT for drive in drives):
        lines = lines[: next(n for n, line in enumerate(lines) if " Drive Status " in line) + 1]
    return ("\n".join(lines) + "\n").encode()


def _job(name: str, drive: Drive, started: datetime) -> list[str]:
    lines = [
        _at(started, "notice", f"/dev/{name} has serial number {drive.machine.drive_serial}"),
        _at(started, "notice", f"Invoking method 'DoD Short' on /dev/{name}"),
        _at(started, "notice", f"Starting round 1 of 1 on /dev/{name}"),
    ]
    if drive.fault is Fault.FAILED:
        broke = started + timedelta(minutes=20)
        return [
            *lines,
            _at(started, "notice", f"Starting pass 1/{_PASSES}, round 1/1, on /dev/{name}"),
            _at(broke, "error", f"write: Input/output error on '/dev/{name}'."),
            _at(broke, "error", f"1 wipe errors on '/dev/{name}'."),
            _at(broke, "fatal", f"Nwipe exited with errors on device = /dev/{name}, see log for specific error"),
        ]
    for nth in range(1, _PASSES + 1):
        done = started + _EACH * nth
        lines += [
            _at(done - _EACH, "notice", f"Starting pass {nth}/{_PASSES}, round 1/1, on /dev/{name}"),
            _at(done, "notice", f"{_SIZE} bytes written to /dev/{name}"),
            _at(done, "notice", f"Finished pass {nth}/{_PASSES}, round 1/1, on /dev/{name}"),
        ]
    blanked, checked = started + _EACH * (_PASSES + 1), started + _EACH * (_PASSES + 2)
    return [
        *lines,
        _at(blanked - _EACH, "notice", f"Finished final round 1 of 1 on /dev/{name}"),
        _at(blanked - _EACH, "notice", f"Blanking device /dev/{name}"),
        _at(blanked, "notice", f"{_SIZE} bytes written to /dev/{name}"),
        _at(blanked, "notice", f"Verifying that /dev/{name} is empty."),
        _at(checked, "notice", f"{_SIZE} bytes read from /dev/{name}"),
        _at(checked, "notice", f"[SUCCESS] Verified that /dev/{name} is empty."),
        _at(checked, "notice", f"[SUCCESS] Blanked device /dev/{name}"),
    ]


def _tables(run: Sequence[tuple[str, Drive]]) -> list[str]:
    errors, erased, status = [], [], []
    for name, drive in run:
        failed = drive.fault is Fault.FAILED
        mark = "!" if failed else " "
        named = f"{drive.machine.drive_model[:17]}/{drive.machine.drive_serial}"
        errors.append(f"{mark} {name:>8} | {int(failed):>11} | {0:>20} | {0:>20}")
        done, percent = (4096, "0.00%") if failed else (_SIZE, "100.00%")
        erased.append(f"{mark} {name:>8} | {done:>17} | {_SIZE:>16} | {percent:>17}")
        said, speed, took = ("-FAILED-", "0 B", "00:20:00") if failed else (" Erased ", "83 MB", "08:20:00")
        status.append(f"{mark} {name:>8} |{said}| {speed:>6}/s | {took} | {named}")
    return [
        " Error Summary ".center(80, "*"),
        "!   Device | Pass Errors | Verifications Errors | Fdatasync I\\O Errors",
        _LINE,
        *errors,
        _STARS,
        "",
        " Erasure Summary ".center(80, "*"),
        "!   Device |      Bytes Erased |      Bytes Total | Percentage Erased",
        _LINE,
        *erased,
        _STARS,
        "",
        " Drive Status ".center(80, "*"),
        "!   Device | Status | Thru-put | HH:MM:SS | Model/Serial Number",
        _LINE,
        *status,
        _LINE,
    ]


def _at(moment: datetime, level: str, words: str) -> str:
    return f"[{_moment(moment)}] {level:>7}: {words}"


def _moment(moment: datetime) -> str:
    return f"{moment:%Y/%m/%d %H:%M:%S}"
