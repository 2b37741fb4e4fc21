"""The on-site capture: one plain JSON document that joins identity, state before, command and state after of one drive.

A sanitize log names no drive and survives from earlier jobs; a command's reply names neither mode nor result. Together,
with times, they are evidence. The inner documents are the tools' own output, read by the same strict readers:

    {"meguru-session": 1, "serial": "…", "model": "…", "host_serial": "…",
     "started": "2026-11-24T09:00:00+09:00", "finished": "2026-11-24T09:03:00+09:00",
     "documents": [{"role": "identify", "at": "…", "filename": "…", "content": "…"}, …]}

Roles are identify, before, command and after. An inventory of the computer (nvme list, lsblk, lshw, dmidecode) may be
an identify document too: it binds the drive to the computer, and "host_serial" must be that computer's.

The capture writes the documents in the order in which they were made: identify and before, command, after; several
"after" documents are a poll, a second job is a second session. "at" may be missing; where it stands, it must lie in
order between started and finished.

Beside "finished", and beside each "at", the capture writes "elapsed": whole seconds since "started" by a clock that
nobody sets. So every time stands twice and an altered digit shows. A session without says so among its reasons.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from types import ModuleType
from typing import Any

from services.erasure.domain.finding import Finding
from services.erasure.domain.likeness import is_one_letter_off
from services.erasure.domain.reason import Reason, because
from services.erasure.domain.technique import (
    Encryption,
    Freshness,
    Hidden,
    MediumKind,
    Outcome,
    Technique,
    Verification,
)
from services.erasure.reports import (
    dmidecode,
    hdparm,
    lsblk,
    lshw,
    nvme_identify,
    nvme_list,
    nvme_reply,
    nvme_sanitize,
    smartctl,
)
from services.erasure.reports.before import GENERIC, STATES, begun_since, controller
from services.erasure.reports.report import Report, Unreadable
from services.erasure.reports.text import host_of, json_of, model_of, serial_of, visible

SOURCE = "meguru-session"
VERSION = 1
DOCUMENTS_MAX = 64
CAPTURE_SLACK = timedelta(hours=1)  # from the start to the first document, from the last document to the end

ELAPSED_MAX = 100 * 24 * 3600  # seconds

ROLES = ("identify", "before", "command", "after")
_PLACES = {"identify": 0, "before": 0, "command": 1, "after": 2}
_READERS: tuple[ModuleType, ...] = (nvme_sanitize, nvme_identify, smartctl, hdparm, nvme_reply)
_INVENTORIES: tuple[ModuleType, ...] = (nvme_list, lsblk, lshw, dmidecode)


def recognises(text: str) -> bool:
    """Whether the object carries our own mark near its beginning or end (key order is not ours to demand)."""
    return text.lstrip().startswith("{") and ('"meguru-session"' in text[:4096] or '"meguru-session"' in text[-4096:])


def read(text: str) -> Report:
    """Read a session. Raises Unreadable when the frame is broken or an inner document is of no known source."""
    frame = json_of(text)
    if frame.get("meguru-session") != VERSION or isinstance(frame.get("meguru-session"), bool):
        raise _unreadable(f"版 {VERSION} であること")
    documents = _documents(frame.get("documents"))
    session = _Session(
        serial=serial_of(_text(frame, "serial")),
        model=model_of(_text(frame, "model")),
        started=_time(frame, "started"),
        finished=_time(frame, "finished"),
        host_serial=host_of(_text(frame, "host_serial")),
        documents=tuple(_document(document, serial_of(_text(frame, "serial"))) for document in documents),
        times=tuple(_time(document, "at") for document in documents if "at" in document),
        elapsed=(_elapsed(frame), *(_elapsed(document) for document in documents if "at" in document)),
    )
    finding = session.finding()
    tool = "nvme-cli" if finding.kind is MediumKind.NVME else "hdparm"
    return Report(tool=tool, tool_version="", source=SOURCE, findings=(finding,))


@dataclass(frozen=True, slots=True)
class _Session:
    """The frame and what its documents say, by role and in order."""

    serial: str
    model: str
    host_serial: str
    started: datetime
    finished: datetime
    documents: tuple[tuple[str, Finding], ...]
    times: tuple[datetime, ...]  # of the documents that state one, in order
    elapsed: tuple[int | None, ...]  # seconds from the start to the end, and to each of these times, by another clock

    def of(self, role: str) -> tuple[Finding, ...]:
        """Give the findings of one role, in the order of capture."""
        return tuple(finding for its, finding in self.documents if its == role)

    def finding(self) -> Finding:
        """Join the documents; what is missing lowers freshness, what disagrees contradicts."""
        identify, before, commands, after = (self.of(role) for role in ROLES)
        technique, outcome, words = _result(before, commands, after)
        fresh, notes = _fresh(before, commands, after, outcome)
        everything = [finding for _, finding in self.documents]
        named = any(finding.serial for finding in identify)
        return Finding(
            technique=technique,
            outcome=outcome,
            words=words,
            serial=self.serial if named else "",  # a number without a drive that says it is only typed
            model=self.model,
            host_serial=self.host_serial or next((f.host_serial for f in everything if f.host_serial), ""),
            device=next((f.device for f in everything if f.device), ""),
            kind=next((f.kind for f in everything if f.kind is not MediumKind.UNKNOWN), MediumKind.UNKNOWN),
            started=self.started,
            finished=self.finished,
            passes=next((f.passes for f in reversed(after) if f.passes), None),
            verification=Verification.DEVICE_STATUS if outcome is Outcome.COMPLETED else Verification.NONE,
            freshness=Freshness.SESSION if fresh else Freshness.STATE_ONLY,
            hidden=_hidden(everything),
            encryption=_encryption(everything),
            errors=tuple(error for finding in everything for error in finding.errors)[:20],
            contradictions=(
                *self._identity(everything),
                *_consistency(commands, after, everything),
                *self._order(),
                *self._times(),
            ),
            notes=notes if None not in self.elapsed else (*notes, because("times-said-once")),
        )

    def _identity(self, everything: Sequence[Finding]) -> list[Reason]:
        """Every document that names a drive must name this one."""
        reasons = []
        for finding in everything:
            if finding.serial and finding.serial != self.serial:
                reasons.append(because("identity-differs", what="S/N", one=self.serial, other=finding.serial))
            hosts = (self.host_serial, finding.host_serial)
            if all(hosts) and len(set(hosts)) > 1:
                reasons.append(because("identity-differs", what="PC S/N", one=hosts[0], other=hosts[1]))
            if finding.model and self.model and finding.model != self.model:
                reasons.append(because("identity-differs", what="Model", one=self.model, other=finding.model))
        return reasons

    def _order(self) -> Iterator[Reason]:
        """Ask that what was known before stands before the command, and what came of it behind."""
        for (one, _), (other, _) in pairwise(self.documents):
            if _PLACES[one] > _PLACES[other]:
                yield because("documents-out-of-order", words=f"{one} → {other}")

    def _times(self) -> tuple[Reason, ...]:
        if self.times and max(self.times[0] - self.started, self.finished - self.times[-1]) > CAPTURE_SLACK:
            words = f"{self.started.isoformat()} → {self.times[0].isoformat()}, {self.times[-1].isoformat()} → "
            return (because("times-out-of-order", words=words + self.finished.isoformat()),)
        times = (self.started, *self.times, self.finished)
        for one, other in pairwise(times):
            if other < one or self.started == self.finished:
                return (because("times-out-of-order", words=f"{one.isoformat()} → {other.isoformat()}"),)
        for moment, elapsed in zip((self.finished, *self.times), self.elapsed, strict=True):
            if elapsed is not None and (moment - self.started) // timedelta(seconds=1) != elapsed:
                words = f"{self.started.isoformat()} + {elapsed} s ≠ {moment.isoformat()}"
                return (because("times-out-of-order", words=words),)
        return ()


def _result(
    before: Sequence[Finding], commands: Sequence[Finding], after: Sequence[Finding]
) -> tuple[Technique, Outcome, str]:
    """Let the last state decide; a refused command has failed whatever it says; without a state after it is a claim."""
    for command in commands:
        if command.outcome is Outcome.FAILED:
            return _technique(commands, after), Outcome.FAILED, command.words
    if _unlocked_by_erase(before, commands, after):
        return Technique.ATA_SECURITY_ERASE, Outcome.COMPLETED, "security: enabled → not enabled"
    technique = _technique(commands, after)
    states = [finding for finding in after if finding.outcome in STATES]
    if states:
        return technique, states[-1].outcome, states[-1].words
    if commands:
        return technique, Outcome.CLAIMED, commands[-1].words
    return technique, Outcome.NONE, "no command and no state after"


def _technique(commands: Sequence[Finding], after: Sequence[Finding]) -> Technique:
    """Choose the most telling name: NVMe's log states the action, hdparm's command states it, its status does not."""
    names = [finding.technique for finding in (*reversed(after), *reversed(commands))]
    telling = [name for name in names if name not in GENERIC]
    return telling[0] if telling else next((name for name in names if name is not Technique.NONE), Technique.NONE)


def _unlocked_by_erase(before: Sequence[Finding], commands: Sequence[Finding], after: Sequence[Finding]) -> bool:
    """Tell whether SECURITY ERASE UNIT switched security off: it does so when it completes (ACS-4 §7.42)."""
    was = [f.security_enabled for f in before if f.security_enabled is not None]
    now = [f.security_enabled for f in after if f.security_enabled is not None]
    asked = [f.technique for f in commands if f.technique is not Technique.NONE]
    # the password switches it off too, under whatever role that transcript was filed
    asked += [f.technique for f in (*before, *after) if f.technique is Technique.UNKNOWN]
    return bool(asked) and set(asked) == {Technique.ATA_SECURITY_ERASE} and was[-1:] == [True] and now[-1:] == [False]


def _fresh(
    before: Sequence[Finding], commands: Sequence[Finding], after: Sequence[Finding], outcome: Outcome
) -> tuple[bool, tuple[Reason, ...]]:
    """Ask for the state before, the job and the state after; a state that was "completed" already hides the job."""
    if _unlocked_by_erase(before, commands, after):
        return True, ()
    old, states = [f for f in before if f.outcome in STATES], [f for f in after if f.outcome in STATES]
    if outcome is not Outcome.COMPLETED or not (old and commands and states):
        return False, ()  # an inventory is no state
    return begun_since(old[-1], states)


def _consistency(commands: Sequence[Finding], after: Sequence[Finding], everything: Sequence[Finding]) -> list[Reason]:
    """One device, one technique, and nothing that contradicts inside a document which decides."""
    reasons = [reason for finding in (*commands, *after) for reason in finding.contradictions]
    reasons += [r for f in everything for r in f.contradictions if r.code == "said-twice" and r not in reasons]
    devices = list(dict.fromkeys(controller(f.device) for f in everything if f.device))
    if len(devices) > 1:
        reasons.append(because("device-differs", one=devices[0], other=devices[1]))
    names = list(dict.fromkeys(f.technique for f in (*commands, *after) if f.technique not in GENERIC))
    if len(names) > 1:
        reasons.append(because("technique-differs", one=names[0], other=names[1]))
    kinds = list(dict.fromkeys(f.kind for f in everything if f.kind is not MediumKind.UNKNOWN))
    if len(kinds) > 1:
        reasons.append(because("kind-differs", registered=kinds[0], reported=kinds[1]))
    return reasons


def _hidden(everything: Sequence[Finding]) -> Hidden:
    """Let the last statement count, so that hidden areas which were removed are not held against the drive."""
    stated = [finding.hidden for finding in everything if finding.hidden is not Hidden.UNKNOWN]
    return stated[-1] if stated else Hidden.UNKNOWN


def _encryption(everything: Sequence[Finding]) -> Encryption:
    """Let a drive that says once that it has no cryptographic erase not be believed when it says otherwise."""
    stated = {finding.encryption for finding in everything}
    return next((one for one in (Encryption.ABSENT, Encryption.ALWAYS) if one in stated), Encryption.UNKNOWN)


def _documents(value: Any) -> list[dict[str, Any]]:
    if not isinstance(value, list) or not 1 <= len(value) <= DOCUMENTS_MAX:
        raise _unreadable(f"documents が 1 から {DOCUMENTS_MAX} 件の配列であること")
    if not all(isinstance(document, dict) for document in value):
        raise _unreadable("documents の各要素がオブジェクトであること")
    return value


def _document(value: dict[str, Any], serial: str) -> tuple[str, Finding]:
    role, filename, content = (_text(value, name) for name in ("role", "filename", "content"))
    if role not in ROLES:
        raise _unreadable("role が identify・before・command・after のどれかであること")
    if role == "command" and not content.strip():
        # nvme-cli prints nothing when a sanitize is accepted
        return role, Finding(technique=Technique.UNKNOWN, outcome=Outcome.CLAIMED, words="accepted without a word")
    for reader in _READERS:
        if reader.recognises(content):
            report: Report = reader.read(content)
            return role, report.findings[0]
    for reader in _INVENTORIES if role == "identify" else ():
        if reader.recognises(content):
            return role, _of_drive(reader.read(content), serial)
    raise _unreadable(f"「{visible(filename, 80)}」が nvme・hdparm・smartctl の出力であること")


def _of_drive(report: Report, serial: str) -> Finding:
    """Take this drive out of an inventory, or only the computer where it is not in it (tools spell serials apart).

    A drive whose serial is one letter off, where this one is not in it, is this one altered: it contradicts.

    An inventory shortens models, and its words about the drive's kind are guesses: neither is held against the session.
    """
    drives = [one for one in report.findings if one.serial == serial]
    found = (
        drives[0] if len(drives) == 1 else Finding(technique=Technique.NONE, outcome=Outcome.NONE, words="inventory")
    )
    if not drives:
        found = next((one for one in report.findings if is_one_letter_off(one.serial, serial)), found)
    host = next((one.host_serial for one in report.findings if one.host_serial), "")
    return replace(found, model="", device="", kind=MediumKind.UNKNOWN, host_serial=host)


def _text(holder: dict[str, Any], name: str) -> str:
    value = holder.get(name)
    if not isinstance(value, str):
        raise _unreadable(f"{name} が文字列であること")
    return value


def _time(holder: dict[str, Any], name: str) -> datetime:
    text = _text(holder, name)[:40]
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise _unreadable(f"{name} が ISO 8601 の時刻であること") from None
    if time.tzinfo is None:
        raise _unreadable(f"{name} に時差（+09:00 など）があること")
    return time


def _elapsed(holder: dict[str, Any]) -> int | None:
    """Take the seconds since the start where they stand."""
    value = holder.get("elapsed")
    if value is not None and (isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= ELAPSED_MAX):
        raise _unreadable(f"elapsed が 0 から {ELAPSED_MAX} の整数（秒）であること")
    return value


def _unreadable(expected: str) -> Unreadable:
    return Unreadable(
        f"作業記録（meguru-session）として読めません（必要な条件: {expected}）。"
        "記録した端末で保存し直すか、道具の出力を個別に登録してください。"
    )
