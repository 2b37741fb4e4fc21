"""What small towns really have: dd, shred, blkdiscard. No serial, no proof: a claim or a failure.

They are read so that a person sees what they are worth, not to grade them up: none states completion in a form that
could be checked, and `blkdiscard` reports success with all data intact.
"""

from services.erasure.domain.finding import Finding
from services.erasure.domain.technique import Outcome, Technique
from services.erasure.reports.report import Report
from services.erasure.reports.text import ERRORS_MAX, WORDS_MAX, lines_of, visible

SOURCE = "home-made"

_BEGINNINGS = {
    "dd: ": ("dd", Technique.OVERWRITE),
    "shred: /dev/": ("shred", Technique.OVERWRITE),
    "blkdiscard: ": ("blkdiscard", Technique.DISCARD),
}
_ENDINGS = {": Zero-filled ": ("blkdiscard", Technique.OVERWRITE), ": Discarded ": ("blkdiscard", Technique.DISCARD)}
_FULL = ("No space left on device", "デバイスに空き領域がありません")  # how dd ends when it has written all of it
_FAILURES = ("error", "failed", "cannot", "not supported", "denied", "エラー", "失敗", "できません", "ありません")
_RECORDS = (" records out", " レコード出力")


def recognises(text: str) -> bool:
    """Whether the first line begins like one of these tools, or any line is dd's count of records."""
    return _tool(text) is not None


def read(text: str) -> Report:
    """Read it as a claim; an error line makes it a failure."""
    tool, technique = _tool(text) or ("", Technique.UNKNOWN)
    lines = [visible(line.strip(), WORDS_MAX) for line in lines_of(text) if line.strip()]
    wrong = [line for line in lines if any(word in line.lower() for word in _FAILURES)]
    wrong = [line for line in wrong if not any(full in line for full in _FULL)]
    outcome = Outcome.FAILED if wrong else Outcome.CLAIMED
    finding = Finding(
        technique=technique,
        outcome=outcome,
        words=(wrong or lines[-1:])[0],
        device=_device(lines),
        errors=tuple(wrong[:ERRORS_MAX]),
    )
    return Report(tool=tool, tool_version="", source=SOURCE, findings=(finding,))


def _device(lines: list[str]) -> str:
    """Give the kernel name that the first line with one has, without the tool's quotes and colon."""
    named = next((line for line in lines[:4] if "/dev/" in line), "")
    return named.partition("/dev/")[2].partition(" ")[0].rstrip(":'’")[:64] if named else ""


def _tool(text: str) -> tuple[str, Technique] | None:
    head = [line for line in text[:4096].split("\n") if line.strip()][:4]
    if not head:
        return None
    for beginning, tool in _BEGINNINGS.items():
        if head[0].startswith(beginning):
            return tool
    for ending, tool in _ENDINGS.items():
        if head[0].startswith("/dev/") and ending in head[0]:
            return tool
    if any(line.rstrip().endswith(_RECORDS) for line in head):
        return "dd", Technique.OVERWRITE
    return None
