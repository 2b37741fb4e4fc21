"""`nvme sanitize-log` (nvme-cli 1.x, 2.x) and `nvme log sanitize` (3.x): JSON and console text.

The log is NVMe's Sanitize Status page (NVM Express Base Specification 2.0, 5.16.1.25). It carries no serial number and
survives from earlier jobs: alone it shows a state, never a job. JSON and `-H` say the state twice, as number and as
words, and the erased bit says it again: where all of that is missing (nvme-cli 2.3's console), one altered digit makes
a failure a success, so such a text never shows by itself that a job was done now.
"""

from typing import Any

from services.erasure.domain.finding import Finding
from services.erasure.domain.reason import Reason, because
from services.erasure.domain.technique import MediumKind, Outcome, Technique, Verification
from services.erasure.reports.report import Report, Unreadable
from services.erasure.reports.text import WORDS_MAX, json_of, lines_of, visible

SOURCE = "nvme-sanitize-log"

PROGRESS_DONE = 0xFFFF  # SPROG when nothing is running
DWORD_MAX = 0xFFFFFFFF
STATUS_BITS = 0b111  # SSTAT bits 2:0
ERASED_BIT = 0x100  # SSTAT bit 8: global data erased

_OUTCOMES = {
    0: Outcome.NEVER,
    1: Outcome.COMPLETED,
    2: Outcome.IN_PROGRESS,
    3: Outcome.FAILED,
    4: Outcome.COMPLETED,  # without deallocation afterwards
}
_TEXTS = {
    0: "NVM Subsystem has never been sanitized.",
    1: "Most Recent Sanitize Command Completed Successfully.",
    2: "Sanitize in Progress.",
    3: "Most Recent Sanitize Command Failed.",
    4: "Most Recent Sanitize Command (No-Deallocate After Sanitize) Completed Successfully.",
}
_ACTIONS = {
    2: Technique.NVME_SANITIZE_BLOCK,
    3: Technique.NVME_SANITIZE_OVERWRITE,
    4: Technique.NVME_SANITIZE_CRYPTO,
}
_LABELS = {
    "Sanitize Progress (SPROG)": "progress",
    "Sanitize Status (SSTAT)": "status",
    "Sanitize Command Dword 10 Information (SCDW10)": "action",
    "Sanitize State Information (SSI)": "state",
}
_EXPLAINED = "[2:0]"  # `-H`: the words of the state


def recognises(text: str) -> bool:
    """Whether the text looks like this source: its own key names, in either form."""
    head = text[:4096]
    return ('"sprog"' in head and '"sstat"' in head) or "(SSTAT)" in head


def read(text: str) -> Report:
    """Read one sanitize log. Raises Unreadable when a field that decides is missing or of another type."""
    finding = _from_json(json_of(text)) if text.lstrip().startswith("{") else _from_console(text)
    return Report(tool="nvme-cli", tool_version="", source=SOURCE, findings=(finding,))


def _from_json(document: dict[str, Any]) -> Finding:
    logs = {name: value for name, value in document.items() if isinstance(value, dict) and "sstat" in value}
    if len(logs) != 1:
        raise _unreadable("ドライブがちょうど一台であること")
    ((device, log),) = logs.items()
    status = log["sstat"]
    if not isinstance(status, dict):
        raise _unreadable("sstat がオブジェクトであること")
    words = status.get("status")
    if not isinstance(words, str):
        raise _unreadable("sstat.status が文字列であること")
    number, contradictions = _status(words)
    erased, passes = _whole(status, "global_erased"), _whole(status, "no_cmplted_passes")
    if erased is None and _OUTCOMES[number] is Outcome.COMPLETED:
        contradictions = (*contradictions, because("table-damaged", words="global_erased"))
    state = log.get("sanitize_state_information", {})
    state = state.get("sanitize_state", "") if isinstance(state, dict) else ""
    if state and not str(state).startswith("(0)"):
        contradictions = (*contradictions, because("state-not-idle", words=visible(str(state), WORDS_MAX)))
    return _finding(
        device=device,
        words=words,
        number=number,
        progress=_required(log, "sprog"),
        action=_required(log, "cdw10_info"),
        erased=None if erased is None else bool(erased),
        passes=passes,
        contradictions=contradictions,
    )


def _status(words: str) -> tuple[int, tuple[Reason, ...]]:
    """Give the number in front, and whether the text behind it is the one that belongs to it."""
    number = next((n for n in _TEXTS if words.startswith(f"({n}) ")), None)
    if number is None:
        raise _unreadable("sstat.status が (0) から (4) の番号で始まること")
    if words.strip() != f"({number}) {_TEXTS[number]}":
        return number, (because("status-differs", words=visible(words, WORDS_MAX)),)
    return number, ()


def _from_console(text: str) -> Finding:
    fields: dict[str, int] = {}
    explained = ""
    for line in lines_of(text):
        if line.lstrip().startswith(_EXPLAINED):
            explained = explained or line.partition(_EXPLAINED)[2].strip()
        label, _, value = line.partition(":")
        if (name := _LABELS.get(" ".join(label.split()))) is None:
            continue
        if name in fields:
            raise _unreadable(f"{name} が一度だけ現れること")
        fields[name] = _number(value)
    for name in ("progress", "status", "action"):
        if name not in fields:
            raise _unreadable(f"{name} の行があること")
    number = fields["status"] & STATUS_BITS
    if number not in _OUTCOMES:
        raise _unreadable("SSTAT の状態が 0 から 4 であること")
    # nvme-cli 2.3 prints the low three bits only, so that a missing erased flag means nothing there
    whole = fields["status"] > STATUS_BITS
    contradictions = () if not fields.get("state") else (because("state-not-idle", words=hex(fields["state"])),)
    if explained and explained.rstrip(".") != _TEXTS[number].rstrip("."):
        contradictions = (*contradictions, because("status-differs", words=visible(explained, WORDS_MAX)))
    return _finding(
        device="",
        words=f"SSTAT {fields['status']:#x}: {_TEXTS[number]}",
        number=number,
        progress=fields["progress"],
        action=fields["action"],
        erased=bool(fields["status"] & ERASED_BIT) if whole else None,
        passes=(fields["status"] >> 3) & 0x1F if whole else None,
        contradictions=contradictions,
        notes=() if explained or fields["status"] & ERASED_BIT else (because("said-once"),),
    )


def _finding(
    *,
    device: str,
    words: str,
    number: int,
    progress: int,
    action: int,
    erased: bool | None,
    passes: int | None,
    contradictions: tuple[Reason, ...],
    notes: tuple[Reason, ...] = (),
) -> Finding:
    """Both forms end here. The low three bits of the command dword are the action, bits 7:4 the passes (0 means 16)."""
    outcome = _OUTCOMES[number]
    technique = _ACTIONS.get(action & 0b111, Technique.UNKNOWN)
    wanted = ((action >> 4) & 0xF or 16) if technique is Technique.NVME_SANITIZE_OVERWRITE else None
    if outcome is Outcome.COMPLETED:
        if progress != PROGRESS_DONE:
            contradictions = (*contradictions, because("progress-differs", words=progress))
        if erased is False:
            contradictions = (*contradictions, because("written-since"))
        if wanted is not None and passes is not None and passes < wanted:
            contradictions = (*contradictions, because("passes-differ", wanted=wanted, done=passes))
    if outcome is Outcome.NEVER and action:
        contradictions = (*contradictions, because("status-differs", words=f"SCDW10 {action:#x}"))
    completed = outcome is Outcome.COMPLETED
    return Finding(
        technique=Technique.NONE if outcome is Outcome.NEVER else technique,
        outcome=outcome,
        words=visible(words, WORDS_MAX),
        device=visible(device.removeprefix("/dev/"), 64),
        kind=MediumKind.NVME,
        passes=wanted,
        verification=Verification.DEVICE_STATUS if completed else Verification.NONE,
        contradictions=tuple(one for one in contradictions if completed or one.code == "status-differs"),
        notes=notes,
    )


def _whole(holder: dict[str, Any], name: str) -> int | None:
    """Take a number that may be missing in older versions, but must be a number when it is there."""
    value = holder.get(name)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= DWORD_MAX:
        raise _unreadable(f"{name} が整数であること")
    return value


def _required(holder: dict[str, Any], name: str) -> int:
    value = _whole(holder, name)
    if value is None:
        raise _unreadable(f"{name} があること")
    return value


def _number(text: str) -> int:
    """Take the first word after the colon, decimal or hexadecimal; `-H` writes an explanation behind it."""
    word = (text.split() or [""])[0].removesuffix("%")
    try:
        value = int(word[:12], 16 if word.startswith("0x") else 10)
    except ValueError:
        raise _unreadable("コロンの後が数であること") from None
    if not 0 <= value <= DWORD_MAX:
        raise _unreadable("数が 32 ビットに収まること")
    return value


def _unreadable(expected: str) -> Unreadable:
    return Unreadable(
        f"nvme sanitize-log として読めません（必要な条件: {expected}）。"
        "`nvme sanitize-log -o json /dev/nvmeX` の出力をそのまま保存して登録し直してください。"
    )
