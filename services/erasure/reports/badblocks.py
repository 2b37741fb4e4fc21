"""badblocks: a surface test. In write mode it overwrites and reads back, but names no drive and no whole size: a claim.

Without -w it only reads, and its "non-destructive read-write mode" puts the old data back: neither is an erasure.
"""

from services.erasure.domain.finding import Finding
from services.erasure.domain.technique import Outcome, Technique
from services.erasure.reports.inventory import identity, inventory
from services.erasure.reports.report import Report
from services.erasure.reports.text import WORDS_MAX, lines_of, visible

SOURCE = "badblocks"

_WRITING = "Checking for bad blocks in read-write mode"
_KEEPING = (
    "Checking for bad blocks in non-destructive read-write mode",
    "Checking blocks ",
    "Checking for bad blocks (",
)
_DONE = "Pass completed, "
_CLEAN = "Pass completed, 0 bad blocks found. (0/0/0 errors)"
_ERRORS = ("badblocks: ", "Weird value")


def recognises(text: str) -> bool:
    """Whether an early line says which check this is."""
    lines = text[:4096].split("\n")[:4]
    return any(line.startswith((_WRITING, *_KEEPING)) for line in lines)


def read(text: str) -> Report:
    """Read the last word of the test."""
    lines = [line.strip() for line in lines_of(text) if line.strip()]
    if not any(line.startswith(_WRITING) for line in lines):
        return inventory("badblocks", SOURCE, [identity("badblocks without -w: nothing was erased")])
    outcome, words = _outcome(lines)
    finding = Finding(technique=Technique.OVERWRITE, outcome=outcome, words=visible(words, WORDS_MAX))
    return Report(tool="badblocks", tool_version="", source=SOURCE, findings=(finding,))


def _outcome(lines: list[str]) -> tuple[Outcome, str]:
    errors = [line for line in lines if line.startswith(_ERRORS)]
    ends = [line for line in lines if line.startswith(_DONE)]
    if errors:
        return Outcome.FAILED, errors[0]
    if not ends or any(line.startswith("Interrupted") for line in lines):
        return Outcome.INCOMPLETE, ends[-1] if ends else "no pass completed"
    wrong = [line for line in ends if line != _CLEAN]
    return (Outcome.FAILED, wrong[0]) if wrong else (Outcome.CLAIMED, ends[-1])
