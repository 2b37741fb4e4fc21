"""Every digit of every time in a report that passes, changed: the drive passes no more, or nothing rests on that time.

What a report says of *when* is the start and the end of a drive's job. Both stand at least twice (`SAID`), so that one
changed digit of them contradicts the rest. Other times stand once (`UNSAID`, by format, and why): neither start nor end
is taken from them, and a change of them alters nothing that is believed.
"""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from services.erasure.domain.grading import grade
from services.erasure.reports.read import Report, Unreadable, read
from services.erasure.tests.capture import SAMPLES, sample
from services.erasure.tests.mutations import Case, cases
from services.erasure.tests.reports.test_manifest import TOOLS, manifest

# format | words of the lines on which start, end and duration stand; nwipe's end is the last line of a drive
SAID: dict[str, tuple[bytes, ...]] = {
    "nwipe": (b"notice: Invoking method", b"| Erased |"),
    "nwipe-certificate": (b"",),  # every time that it prints is one of the three
    "blancco": (b"start_time", b"end_time", b"elapsed_time"),
    "meguru-session": (b'"started"', b'"finished"', b'"at"'),
}
UNSAID = {
    "nwipe": (
        "lines before a drive's first (what was found, options), between its first and its last (passes, bytes), "
        "behind it (summary, closing line), and those of drives that did not pass: they must be in order, no more"
    ),
    "blancco": "when the report was written down: not when the drive was erased",
}
# A session without `elapsed` has its start and end once: it passes, and says so among its reasons.
SAID_ONCE = "times-said-once"

_TIME = re.compile(rb"\d{4}[-/]\d\d[-/]\d\d[ T]\d\d:\d\d:\d\d(?:[+-]\d\d:?\d\d)?|\b\d\d:\d\d:\d\d\b")
_OTHERS = (  # what is said of a drive that did not pass, and what is no text
    re.compile(rb"<erasure>(?:(?!</erasure>).)*<state>Failed(?:(?!</erasure>).)*</erasure>", re.DOTALL),
    re.compile(rb"\nABORTED\n.*", re.DOTALL),
    re.compile(rb"\xff\xd8\xff.*?\nendstream", re.DOTALL),  # a picture on a page of a PDF
    re.compile(rb"[Ll]ocal [Tt]ime is:[^\n]*"),  # smartctl's, on its second page: of nothing that was erased
)


def is_alone(case: Case) -> bool:
    """Whether it is one report of one run: of joined ones, the earlier are of no weight."""
    return bool(case.truth) and ((SAMPLES / case.name).exists() or case.name.startswith("session"))


CASES = {case.name: case for case in cases() if is_alone(case)}
WITHOUT_ELAPSED = [name for name, case in CASES.items() if "session" in name and b'"elapsed"' not in case.content]
LOGS = [entry["file"] for entry in manifest() if entry["tool"] == "nwipe"]


def times_of(content: bytes) -> Iterator[tuple[int, int, int]]:
    """Give each time of what passed: where its line begins, where it begins itself and where it ends."""
    others = [found.span() for pattern in _OTHERS for found in pattern.finditer(content)]
    for found in _TIME.finditer(content):
        if not any(first < found.start() < last for first, last in others):
            yield content.rfind(b"\n", 0, found.start()) + 1, *found.span()


def said(content: bytes, report: Report) -> set[int]:
    """Give where the lines begin on which start, end and duration of the drives that pass stand."""
    passing = [one for one in report.findings if grade(one).level]
    lines: dict[int, bytes] = {}
    for start, _, end in times_of(content):
        lines[start] = content[start : content.find(b"\n", end) if b"\n" in content[end:] else len(content)]
    found = {start for start, line in lines.items() if any(word in line for word in SAID[report.source])}
    if report.source != "nwipe":
        return found
    mine: set[int] = set()
    for name, serial in ((f"/dev/{one.device}".encode(), f"/{one.serial}".encode()) for one in passing):
        of_it = [start for start, line in lines.items() if line.startswith(b"[") and name in line]
        rows = [start for start, line in lines.items() if b"| Erased |" in line and serial in line]
        mine |= {*(start for start in of_it if start in found), of_it[-1], *(row for row in rows if row not in of_it)}
    return mine


def spans(content: bytes) -> dict[str, tuple[datetime | None, datetime | None]]:
    """Give start and end of each drive that passes."""
    try:
        report = read(content, "x")
    except Unreadable:
        return {}
    return {one.serial: (one.started, one.finished) for one in report.findings if grade(one).level}


def unnoticed(content: bytes, digits: str = "", *, said_only: bool = False) -> list[str]:
    """Change each digit of each time to each of `digits`, or to its neighbours; give what should not have passed."""
    honest, wrong = spans(content), []
    assert honest
    fixed = said(content, read(content, "x"))
    for line, first, last in times_of(content):
        if said_only and line not in fixed:
            continue
        for at in range(first, last):
            if not content[at : at + 1].isdigit():
                continue
            was = content[at] - 48
            for new in set(digits or f"{(was + 1) % 10}{(was - 1) % 10}") - {str(was)}:
                left = spans(content[:at] + new.encode() + content[at + 1 :])
                otherwise = any(honest.get(serial) != span for serial, span in left.items())
                if otherwise or (line in fixed and len(left) == len(honest)):
                    wrong.append(f"{new} at {at - line} of {content[line : last + 60]!r}")
    return wrong


@pytest.mark.parametrize("name", [name for name in CASES if name not in WITHOUT_ELAPSED])
def test_no_changed_digit_of_a_time_passes_unnoticed(name: str) -> None:
    whole = name.startswith("blancco") or name in ("session-nvme", "nwipe-0.42-system.pdftotext.txt")
    assert unnoticed(CASES[name].content, "0123456789" if whole else "") == []


@pytest.mark.skipif(not LOGS, reason="the folder shared/data is not beside this checkout")
def test_a_second_more_or_less_in_a_real_log_is_found() -> None:
    tried = 0
    for file in LOGS:
        content = (TOOLS / file).read_bytes()
        if spans(content):
            assert unnoticed(content, said_only=True) == [], file
            tried += 1
    assert tried > 15


def test_a_time_that_stands_once_is_of_a_format_that_is_named() -> None:
    once = set()
    for case in CASES.values():
        report = read(case.content, case.name)
        lines = said(case.content, report)
        if any(line not in lines for line, _, _ in times_of(case.content)):
            once.add(report.source)
    assert once == set(UNSAID)


@pytest.mark.parametrize("name", WITHOUT_ELAPSED)
def test_a_session_whose_times_stand_once_says_so(name: str) -> None:
    (finding,) = read(CASES[name].content, name).findings
    assert SAID_ONCE in {reason.code for reason in grade(finding).reasons}


# what is altered of a drive's job, by seconds
@pytest.mark.parametrize("seconds", range(-4, 5))
@pytest.mark.parametrize("what", ["start", "end", "duration"])
def test_a_second_is_as_wrong_as_an_hour(what: str, seconds: int) -> None:
    text = sample("nwipe-0.32-nvme.log")
    old = {"start": "09:12:31", "end": "09:29:30", "duration": "00:16:59"}[what]
    new = (datetime.fromisoformat(f"2026-04-08T{old}") + timedelta(seconds=seconds)).strftime("%H:%M:%S")
    mark = {"start": "notice: Invoking", "end": "notice: Finished final", "duration": "| Erased |"}[what]
    lines = [line.replace(old, new) if mark in line else line for line in text.split("\n")]
    assert bool(spans("\n".join(lines).encode())) is (seconds == 0)


@pytest.mark.parametrize("elapsed", [-1, True, "180", 1.5, 10**9])
def test_elapsed_seconds_are_a_count(elapsed: object) -> None:
    name = next(name for name in CASES if "session" in name and name not in WITHOUT_ELAPSED)
    whole = re.sub(rb'"elapsed": \d+\n}', b'"elapsed": ' + str(elapsed).lower().encode() + b"\n}", CASES[name].content)
    assert whole != CASES[name].content
    if elapsed == "180":
        whole = whole.replace(b'"elapsed": 180\n}', b'"elapsed": "180"\n}')
    with pytest.raises(Unreadable, match="elapsed"):
        read(whole, "x")
