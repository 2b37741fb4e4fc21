"""The files that the tools would have left of a fleet: sessions one by one, nwipe's logs for several drives a run."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime

from meguru.replay import tool_reports
from meguru.simulator import nwipe
from meguru.simulator.fleet import Drive, Fault


def reports(drives: Iterable[Drive], started: datetime) -> Iterator[tuple[str, bytes]]:
    """Yield file names and contents. A cut log is of one drive alone: what it shared its run with was not lost."""
    wiped: list[Drive] = []
    for drive in drives:
        if drive.fault is Fault.NO_REPORT:
            continue
        if drive.tool == "session":
            yield f"{drive.machine.drive_serial}.json", _session(drive, started)
        elif drive.fault is Fault.CUT:
            yield f"nwipe_{drive.machine.drive_serial}.log", nwipe.log([drive], started)
        else:
            wiped.append(drive)
            if len(wiped) == nwipe.RUN_MAX:
                yield f"nwipe_{wiped[0].machine.drive_serial}.log", nwipe.log(wiped, started)
                wiped = []
    if wiped:
        yield f"nwipe_{wiped[0].machine.drive_serial}.log", nwipe.log(wiped, started)


def proved(drives: Iterable[Drive]) -> dict[str, str | None]:
    """Return what the reports prove, by the serial that the drive says: the truth to hold a run against."""
    return {drive.machine.drive_serial: drive.proved for drive in drives}


def _session(drive: Drive, started: datetime) -> bytes:
    content = tool_reports.session(drive.machine, started, fails=drive.fault is Fault.FAILED)
    if drive.fault is Fault.CUT:
        return content[: len(content) * 2 // 3]
    if drive.fault is not Fault.STALE:
        return content
    frame = json.loads(content)
    after = next(one for one in frame["documents"] if one["role"] == "after")
    for one in frame["documents"]:
        if one["role"] == "before":
            one["content"] = after["content"]
    return json.dumps(frame, ensure_ascii=False, indent=1).encode()
