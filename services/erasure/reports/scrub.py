"""scrub: patterns over a device or a file. A bar of stars is no result; what it verified it does not say: a claim."""

from services.erasure.domain.finding import Finding
from services.erasure.domain.technique import Outcome, Technique
from services.erasure.reports.report import Report
from services.erasure.reports.text import ERRORS_MAX, SERIAL_MAX, WORDS_MAX, lines_of, visible

SOURCE = "scrub"

_LINE = "scrub: "
_USING = "scrub: using "
_BAR_END = "|"
_FAILURES = ("error", "failed", "incorrect", "cannot", "denied", "No such", "busy", "Input/output", "mismatch")


def recognises(text: str) -> bool:
    """Whether the first line is scrub's."""
    return text[:256].lstrip().startswith(_LINE)


def read(text: str) -> Report:
    """Read it; a bar without its end is an interrupted pass."""
    lines = [line.strip() for line in lines_of(text) if line.strip()]
    wrong = [line for line in lines if any(word in line for word in _FAILURES)]
    bars = [line for line in lines if line.startswith(_LINE) and "|" in line]
    outcome, words = Outcome.CLAIMED, lines[-1]
    if wrong:
        outcome, words = Outcome.FAILED, wrong[0]
    elif not bars or not all(_is_full(bar) for bar in bars):
        outcome, words = Outcome.INCOMPLETE, lines[-1]
    finding = Finding(
        technique=Technique.OVERWRITE,
        outcome=outcome,
        words=visible(words, WORDS_MAX),
        device=next((_device(line) for line in lines if line.startswith("scrub: scrubbing /dev/")), ""),
        errors=tuple(visible(line, WORDS_MAX) for line in wrong[:ERRORS_MAX]),
    )
    return Report(tool="scrub", tool_version="", source=SOURCE, findings=(finding,))


def _is_full(bar: str) -> bool:
    """Tell whether a bar has both its ends; a terminal shows it growing."""
    return bar.endswith(_BAR_END) and bar.count(_BAR_END) > 1


def _device(line: str) -> str:
    return visible(line.removeprefix("scrub: scrubbing /dev/").partition(" ")[0], SERIAL_MAX)
