"""sg_sanitize and sg_format of sg3_utils: the drive's identity, then what was asked and how the drive answered.

sg_sanitize ends without a word when the drive stops reporting progress, so its end shows no completion; "FORMAT UNIT
Complete" is the tool's word, and a format need not write every sector (SBC-4 §5.3).
"""

from services.erasure.domain.finding import Finding
from services.erasure.domain.technique import Outcome, Technique
from services.erasure.reports.report import Report
from services.erasure.reports.text import (
    ERRORS_MAX,
    PADDING,
    WORDS_MAX,
    lines_of,
    model_of,
    serial_of,
    visible,
)

SOURCE = "sg3-utils"

_INQUIRY = "   peripheral_type: "
_SERIAL = "      Unit serial number: "
_FAILURES = (
    "Sanitize failed",
    "sg_sanitize failed",
    "Sanitize, ",
    "Format unit command: ",
    "Format failed",
    "sg_format failed",
    "FORMAT UNIT failed",
    "FORMAT failed",
    "Request Sense",
    "Some error occurred",
    "close error",
)
_BEGINNINGS = ("A SANITIZE will commence", "A FORMAT UNIT", "Format unit has started", "Format unit in progress")
_PROGRESS = ("Progress indication", "Format unit in progress", "Format in progress")
_COMPLETE = ("FORMAT UNIT Complete", "FORMAT MEDIUM Complete")


def recognises(text: str) -> bool:
    """Whether an early line is one of the two programs' own."""
    lines = text[:4096].split("\n")
    return any(line.startswith((*_FAILURES[:2], *_FAILURES[3:8], *_BEGINNINGS)) for line in lines) or (
        any(line.startswith(_SERIAL) for line in lines) and any(_INQUIRY in line for line in lines)
    )


def read(text: str) -> Report:
    """Read one drive. A failure anywhere is a failure; nothing here is more than a claim."""
    lines = lines_of(text)
    serial, model = _identity(lines)
    outcome, words = _outcome(lines)
    finding = Finding(
        technique=Technique.NONE if outcome is Outcome.NONE else Technique.UNKNOWN,
        outcome=outcome,
        words=visible(words, WORDS_MAX),
        serial=serial,
        model=model,
        errors=tuple(visible(line.strip(), WORDS_MAX) for line in lines if line.startswith(_FAILURES))[:ERRORS_MAX],
    )
    return Report(tool="sg3_utils", tool_version="", source=SOURCE, findings=(finding,))


def _identity(lines: list[str]) -> tuple[str, str]:
    """INQUIRY's fixed columns: vendor of 8, product of 16, each padded (SPC-5 §6.7.2); the first of each counts."""
    serial = next((line.removeprefix(_SERIAL) for line in lines if line.startswith(_SERIAL)), "")
    inquiry = next((line for line in lines if line.startswith("    ") and _INQUIRY in line), "")
    return serial_of(serial), model_of(f"{inquiry[4:12].strip(PADDING)} {inquiry[14:30].strip(PADDING)}")


def _outcome(lines: list[str]) -> tuple[Outcome, str]:
    failures = [line for line in lines if line.startswith(_FAILURES)]
    progress = [line for line in lines if line.startswith(_PROGRESS)]
    complete = [line for line in lines if line.startswith(_COMPLETE)]
    begun = [line for line in lines if line.startswith(_BEGINNINGS)]
    if failures:
        return Outcome.FAILED, failures[0].strip()
    if complete:
        return Outcome.CLAIMED, complete[-1].strip()
    if progress:
        return Outcome.INCOMPLETE, progress[-1].strip()
    return (Outcome.CLAIMED, begun[-1].strip()) if begun else (Outcome.NONE, "sg3_utils")
