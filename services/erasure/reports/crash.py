"""What is left when the tool itself died: the C library's or the shell's last words. Its work did not end."""

from services.erasure.domain.finding import Finding
from services.erasure.domain.technique import Outcome, Technique
from services.erasure.reports.report import Report
from services.erasure.reports.text import WORDS_MAX, visible

SOURCE = "crash"

LINES_MAX = 3
_WORDS = (
    "*** buffer overflow detected ***",
    "*** stack smashing detected ***",
    "Segmentation fault",
    "Killed",
    "Aborted",
    "Bus error",
    "Illegal instruction",
    "double free or corruption",
    "free(): invalid",
    "malloc(): ",
)


def recognises(text: str) -> bool:
    """Whether nothing but such words stands there."""
    lines = [line for line in text[:1024].split("\n") if line.strip()]
    return 0 < len(lines) <= LINES_MAX and len(text) <= 1024 and all(line.startswith(_WORDS) for line in lines)  # noqa: PLR2004 - read above


def read(text: str) -> Report:
    """Give the words: begun, never ended, and no drive named."""
    words = visible(text.strip().partition("\n")[0].strip(), WORDS_MAX)
    finding = Finding(technique=Technique.UNKNOWN, outcome=Outcome.INCOMPLETE, words=words)
    return Report(tool="unknown", tool_version="", source=SOURCE, findings=(finding,))
