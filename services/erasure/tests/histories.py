"""Reports that tell of one drive more than once: whole logs joined, each with what is true of the drive in the end.

A passing run and one that did not pass, in both orders, earlier, later, at the same time or without times, with and
without text in between; the latest run is the truth, and where nobody can tell which was the latest nothing passes.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from services.erasure.tests.capture import sample, session
from shared.levels import Level

SLACK = 700  # bytes of the last part that a cut must leave: a file cut at the seam is the first part whole

_OLD, _NEW = "nwipe-0.32-nvme.log", "nwipe-0.42-two-drives.log"
_H, _N = "W7K04182", "S64DNX0R900417"  # the drives that pass in them

# Logs of drives that did not pass: what is put instead of what in a log of one that did.
_ROW = "sda | Erased |   83"
_SPOILED: dict[str, list[tuple[str, str]]] = {
    "aborted": [(_ROW, "sda |UABORTED|   83"), ("[SUCCESS] Verified that /dev/sda is empty.", "Blanking device")],
    "failed": [(_ROW, "sda |-FAILED-|   83"), ("       sda |           0 |", "!      sda |           2 |")],
    "unverified": [("= 1 (last pass)", "= 0 (off)"), ("+VL", "+NV"), ("[SUCCESS] Verified that", "Skipped")],
    "quiet": [(_H, "XXXXXXXXXXXXXXX")],
    "unnamed": [(_H, "(S/N: unknown)")],
    "small": [("500107862016 bytes written", "50010786304 bytes written")],
    "read-only": [("DoD Short", "Verify Zeros (0x00)")],
    "strange": [("DoD Short", "Quick")],
}
_WORSE: dict[str, list[tuple[str, str]]] = {  # the same of the log with one drive
    "aborted": [(" Erased |  501", "UABORTED|  501"), ("successfully completed", "was aborted by the user")],
    "failed": [("  vme0n1 | Erased |", "! vme0n1 |-FAILED-|"), ("  vme0n1 |           0", "! vme0n1 |           3")],
}
_BETWEEN = {
    "": "",
    "blank": "\n\n",
    "prompt": "\nroot@shredos:/# \n",
    "kernel": "\n[ 4711.250000] sd 0:0:0:0: [sda] Synchronizing SCSI cache\n",
    "prose": "\nThe second run of the same drive:\n",
}


@dataclass(frozen=True, slots=True)
class History:
    """One file, which of its drives truly pass in the end, and how many of its bytes a cut must leave."""

    name: str
    content: bytes
    truth: dict[str, Level]
    kept_min: int = 0


def histories() -> Iterator[History]:
    """Give every spoiled log and every joined report."""
    yield from _spoiled()
    yield from _logs()
    yield from _erasures()
    yield from _certificates()
    yield from _sessions()


def _spoiled() -> Iterator[History]:
    log = sample(_NEW)
    for name, changes in _SPOILED.items():
        yield History(f"nwipe-{name}", _changed(log, changes).encode(), {})
    yield History("nwipe-cut", log[: log.index("Drive Status")].encode(), {})


def _changed(text: str, changes: list[tuple[str, str]]) -> str:
    for old, new in changes:
        assert old in text, old
        text = text.replace(old, new)
    return text


def _logs() -> Iterator[History]:
    """Join the one-drive log, of the fourth, with another run of its drive on the days around it."""
    passing = sample(_OLD)
    others = {name: _changed(passing, changes) for name, changes in _WORSE.items()}
    others["killed"] = passing[: passing.index("[2025/11/04 09:18:00]")]
    others["started"] = passing[: passing.index("[2025/11/04 09:12:31]  notice: Starting pass")]
    for name, other in others.items():
        for day in ("03", "04", "05", ""):
            moved = other.replace("2025/11/04", f"2025/11/{day}") if day else _without_times(other)
            truth = {_N: Level.CLEAR} if day == "03" else {}
            for between, text in _BETWEEN.items():
                if text and name != "failed":
                    continue  # what stands between decides the same whichever run it was
                called = f"nwipe-joined-{name}-{day or 'undated'}{'-' if between else ''}{between}"
                yield _joined(f"{called}-before", moved + text, passing, truth)
                if not (between == "prose" and truth):  # behind the run that passed: nobody knows of what it speaks
                    yield _joined(f"{called}-behind", passing + text, moved, truth)
    again = passing.replace("2025/11/04", "2025/11/05")
    for between, text in _BETWEEN.items():
        yield _joined(f"nwipe-joined-twice-{between}", passing + text, again, {_N: Level.CLEAR})
    yield _joined("nwipe-joined-twice-back", again, passing, {_N: Level.CLEAR})
    yield _joined("nwipe-joined-copy", passing, passing, {_N: Level.CLEAR})
    yield _joined("nwipe-joined-strangers", sample(_NEW), passing, {_N: Level.CLEAR, _H: Level.CLEAR})


def _joined(name: str, first: str, second: str, truth: dict[str, Level]) -> History:
    content = (first + second).encode()
    return History(name, content, truth, min(len(content), len(first.encode()) + SLACK))


def _without_times(log: str) -> str:
    return "".join(line[22:] if line.startswith("[20") else line for line in log.splitlines(keepends=True))


def _erasures() -> Iterator[History]:
    """Put a second erasure of the drive into Blancco's report: the first is of the eighth, from 10:00 to 12:10:05."""
    report = sample("blancco-entries.xml")
    start = report.index('    <entries name="erasure">')
    end = report.index("   </entries>\n  </blancco_erasure_report>")
    passing = report[start:end]
    bad = passing.replace(">Successful<", ">Failed<")
    undated = "\n".join(line for line in bad.split("\n") if "_time" not in line)
    for name, other in (("failed", bad), ("undated", undated)):
        for day in ("07", "08", "09") if name == "failed" else ("08",):
            moved = other.replace("2026-04-08", f"2026-04-{day}")
            truth = {_H: Level.CLEAR} if day == "07" else {}
            for order, both in (("before", moved + passing), ("behind", passing + moved)):
                content = report[:start] + both + report[end:]
                yield History(f"blancco-joined-{name}-{day}-{order}", content.encode(), truth)
    both = passing + passing.replace("2026-04-08", "2026-04-09")
    yield History("blancco-joined-twice", (report[:start] + both + report[end:]).encode(), {_H: Level.CLEAR})


def _certificates() -> Iterator[History]:
    """Put the certificate of one disk behind itself, the other one failed."""
    text = sample("nwipe-0.42-system.pdftotext.txt")
    yield _joined("certificate-joined-failed", text, text.replace("ERASED", "FAILED"), {})


_ID, _JOB = ("identify", "nvme-id-ctrl.json"), ("command", "")
_NEVER, _FAILED, _DONE = (f"nvme-sanitize-{state}.json" for state in ("never", "failed", "completed"))


def _sessions() -> Iterator[History]:
    """Put two jobs into one session, and documents where they do not belong."""
    for name, documents in (
        ("twice", [_ID, ("before", _NEVER), _JOB, ("after", _FAILED), _JOB, ("after", _DONE)]),
        ("twice-failed", [_ID, ("before", _NEVER), _JOB, ("after", _DONE), _JOB, ("after", _FAILED)]),
        ("before-behind", [_ID, _JOB, ("after", _DONE), ("before", _NEVER)]),
        ("after-first", [_ID, ("before", _NEVER), ("after", _DONE), _JOB]),
        ("identified-behind", [("before", _NEVER), _JOB, ("after", _DONE), _ID]),
    ):
        yield History(f"session-joined-{name}", session(*documents), {})
