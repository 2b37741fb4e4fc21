"""What `nvme sanitize`, `nvme format` and refused commands print: one line, no serial, no completion.

A sanitize that is accepted prints nothing at all; "Success formatting" names neither drive nor mode, the warning before
it a kernel name at most. The status code is NVM Express Base Specification 2.0, figure 94-97 (low 11 bits: type, code).
"""

from services.erasure.domain.finding import Finding
from services.erasure.domain.technique import MediumKind, Outcome, Technique
from services.erasure.reports.report import Report, Unreadable
from services.erasure.reports.text import WORDS_MAX, json_of, lines_of, visible

SOURCE = "nvme-reply"

_PREFIXES = ("Success formatting namespace:", "NVMe status:")
_ABOUT = "You are about to format "
_WARNING = (  # before a format without --force (2.x, 3.x); either stream may come first
    _ABOUT,
    "Namespace ",
    "WARNING: Format may irrevocably delete",
    "You have 10 seconds to press Ctrl-C",
    "Use the force [--force",
    "Sending format operation",
)
_CODE_MASK = 0x7FF
# Only codes that a command which acts can give; a refused log or inventory command says nothing about an erasure.
_FAILURES = {
    0x001: Outcome.FAILED,  # invalid opcode: Get Log Page and Identify are mandatory, so this was an optional command
    0x01C: Outcome.FAILED,  # sanitize failed
    0x01D: Outcome.IN_PROGRESS,  # sanitize in progress
    0x10A: Outcome.FAILED,  # invalid format
}


def recognises(text: str) -> bool:
    """Whether the text begins with one of the replies, as text or as the error object of 2.11 and later."""
    start = text.lstrip()
    if start.startswith("{"):
        return '"error"' in start[:1024] and '"type"' in start[:4096]
    return start.startswith((*_PREFIXES, _ABOUT))


def read(text: str) -> Report:
    """Read the reply. Raises Unreadable when another kind of line stands beside it: it would be another command's."""
    start = text.lstrip()
    outcome, technique, words = _error_object(start) if start.startswith("{") else _line(text)
    finding = Finding(
        technique=technique,
        outcome=outcome,
        words=visible(words, WORDS_MAX),
        device=_device(text),
        kind=MediumKind.NVME,
    )
    return Report(tool="nvme-cli", tool_version="", source=SOURCE, findings=(finding,))


def _error_object(text: str) -> tuple[Outcome, Technique, str]:
    document = json_of(text)
    words = document.get("error")
    if set(document) != {"error", "type"} or not isinstance(words, str):
        raise _unreadable()
    return Outcome.NONE, Technique.NONE, words


def _line(text: str) -> tuple[Outcome, Technique, str]:
    lines = [line.strip() for line in lines_of(text) if line.strip()]
    if not all(line.startswith((*_PREFIXES, *_WARNING)) for line in lines):
        raise _unreadable()
    lines = [line for line in lines if line.startswith(_PREFIXES)]
    if not lines:
        return Outcome.INCOMPLETE, Technique.NVME_FORMAT, "asked to format, and no answer of the drive"
    refused = [line for line in lines if line.startswith("NVMe status:")]
    if not refused:
        return Outcome.CLAIMED, Technique.NVME_FORMAT, lines[0]
    outcome = _FAILURES.get(_code(refused[0]), Outcome.NONE)
    return outcome, Technique.NONE if outcome is Outcome.NONE else Technique.UNKNOWN, refused[0]


def _device(text: str) -> str:
    """Give the device that the warning names: `You are about to format nvme0n1, namespace 0x1.`."""
    named = next((line for line in text.split("\n")[:20] if line.startswith(_ABOUT)), "")
    return visible(named.removeprefix(_ABOUT).partition(",")[0].strip(), 64)


def _code(line: str) -> int:
    """Find the number in the last brackets: `…(0x4001)`."""
    _, _, tail = line.rpartition("(0x")
    try:
        return int(tail.rstrip(")")[:4], 16) & _CODE_MASK
    except ValueError:
        return 0


def _unreadable() -> Unreadable:
    return Unreadable(
        "nvme の応答に別の行が混じっています。命令ごとに出力を分けて保存し、作業記録（session）として登録してください。"
    )
