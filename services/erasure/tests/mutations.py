"""Reports with a known truth, damaged and changed by a seed: for a short property test and for a soak of a million.

Damage is what befalls a file: bytes flipped, lost or added, digits changed, lines doubled, swapped, lost or cut off,
pieces of another report mixed in; some of the reports are whole logs of one drive joined (`histories.py`). Whatever it
does, no drive may pass that did not, nor pass higher than it did. A harmless change is what honest tools and people do
to a report; what passed must still pass. A forger who rewrites all places of a log consistently makes another report,
which no reader can tell: that is not tried here. Nor is a session with another computer's inventory: its drive was
truly erased, and a lost byte may take away the computer's name.
"""

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from services.erasure.domain.grading import grade
from services.erasure.reports.read import Unreadable, read
from services.erasure.tests.capture import HDD, SAMPLES, SSD, frame
from services.erasure.tests.histories import histories
from shared.levels import Level

HANG_S = 5.0  # of one report; the slowest honest one takes some milliseconds
DAMAGES_MAX = 3  # of one report
BYTES_MAX = 16  # lost or added at one place
PIECE_MAX = 200  # bytes of another report
HARMLESS_SHARE = 4  # one in so many is a harmless change
KEPT_MAX = 20  # failures kept for the one who looks

Proved = dict[str, Level]  # level by serial, of drives that pass


@dataclass(frozen=True, slots=True)
class Case:
    """A report and which of its drives truly pass."""

    name: str
    content: bytes
    truth: Proved
    kept_min: int = 0  # bytes: where less is left, what speaks against the drive is cut off without a trace


@dataclass(slots=True)
class Tally:
    """What became of a run; a failure is named by its number, so that it can be made again with the same seed."""

    reports: int = 0
    false_passes: list[str] = field(default_factory=list)
    crashes: list[str] = field(default_factory=list)
    hangs: list[str] = field(default_factory=list)
    harmless: int = 0  # drives that pass in reports which were changed harmlessly
    kept: int = 0  # of these, still passing
    lost: list[str] = field(default_factory=list)
    still_passing: int = 0  # drives that pass, truly, in spite of damage
    slowest_s: float = 0.0

    @property
    def is_clean(self) -> bool:
        """Whether nothing passed falsely, crashed or hung, and 99 in 100 true passes were kept."""
        return not (self.false_passes or self.crashes or self.hangs) and self.kept * 100 >= self.harmless * 99


def passes(content: bytes) -> Proved:
    """Return level by serial of what passes; a refusal passes nobody, and of one serial twice the higher counts."""
    try:
        report = read(content, "x")
    except Unreadable:
        return {}
    found: Proved = {}
    for finding in report.findings:
        level = grade(finding).level
        if level and (finding.serial not in found or found[finding.serial] < level):
            found[finding.serial] = level
    return found


def soak(count: int, seed: int, *, start: int = 0, more: Iterable[Case] = ()) -> Tally:
    """Try `count` changed reports; each depends on the seed and its number only."""
    tally = Tally()
    known = (*cases(), *more)
    for number in range(start, start + count):
        attempt(Random(f"{seed}:{number}"), known, tally, f"{seed}:{number}")
    return tally


def attempt(rng: Random, known: tuple[Case, ...], tally: Tally, name: str) -> None:
    """Change one report, read it and judge the reader by what was true before."""
    good = [case for case in known if case.truth]  # one in four; half of the reports are to be of these
    case = renamed(rng.choice(good if good and rng.randrange(2) else known), rng)
    is_harmless = bool(case.truth) and rng.randrange(HARMLESS_SHARE) == 0
    content, truth, how = harmless(case, rng) if is_harmless else damaged(case, rng, known)
    name = f"{name} {case.name} {how}"
    began = time.perf_counter()
    try:
        found = passes(content)
    except Exception as wrong:  # noqa: BLE001 - any exception but a refusal is what is looked for
        tally.crashes = [*tally.crashes, f"{name}: {wrong!r}"][:KEPT_MAX]
        found = {}
    took = time.perf_counter() - began
    tally.slowest_s = max(tally.slowest_s, took)
    if took > HANG_S:
        tally.hangs.append(f"{name}: {took:.1f} s")
    tally.reports += 1
    wrong_passes = [one for one, level in found.items() if one not in truth or truth[one] < level]
    if wrong_passes:
        tally.false_passes = [*tally.false_passes, f"{name}: {wrong_passes}"][:KEPT_MAX]
    if is_harmless:
        kept = sum(serial in found for serial in truth)
        tally.harmless, tally.kept = tally.harmless + len(truth), tally.kept + kept
        if kept < len(truth):
            tally.lost = [*tally.lost, name][:KEPT_MAX]
    else:
        tally.still_passing += len(found)


# ── reports with a known truth ────────────────────────────────────────────────────────────────────────────────────────

_S, _H, _N = "00012E34", "W7K04182", "S64DNX0R900417"
_PURGE, _CLEAR = Level.PURGE, Level.CLEAR
_ID, _HID, _SID = "nvme-id-ctrl.json", "hdparm-identify-hdd.txt", "hdparm-identify-ssd.txt"
_NEVER, _RUNS, _DONE, _FAILED = (f"nvme-sanitize-{s}.json" for s in ("never", "running", "completed", "failed"))
_TEXT = "nvme-sanitize-completed.txt"
_IDLE, _BUSY, _OK, _BAD = (f"hdparm-sanitize-{s}.txt" for s in ("idle", "running", "completed", "failed"))
_OVER, _BLOCK, _CRYPTO = (f"hdparm-command-{s}.txt" for s in ("overwrite", "block-erase", "crypto-scramble"))
_ERASE, _REJECTED = "hdparm-command-security-erase.txt", "hdparm-command-security-erase-rejected.txt"
_LOCKED, _HPA, _NO_HPA = "hdparm-identify-ssd-locked.txt", "hdparm-hidden-area.txt", "hdparm-no-hidden-area.txt"

# name, drive, identify, before, command, after, level
_SESSIONS: list[tuple[str, dict[str, str], list[str], list[str], list[str], list[str], Level | None]] = [
    ("nvme", {}, [_ID], [_NEVER], [""], [_DONE], _PURGE),
    ("nvme-watched", {}, [_ID], [_NEVER], [""], [_RUNS, _DONE], _PURGE),
    ("nvme-again", {}, [_ID], [_FAILED], [""], [_DONE], _PURGE),
    ("nvme-text", {}, [_ID], [_NEVER], [""], [_TEXT], _PURGE),
    ("hdd", HDD, [_HID, _NO_HPA], [_IDLE], [_OVER], [_BUSY, _OK], _PURGE),
    ("hdd-hidden", HDD, [_HID, _HPA], [_IDLE], [_OVER], [_OK], _CLEAR),
    ("ssd", SSD, [_SID], [_IDLE], [_BLOCK], [_OK], _PURGE),
    ("ssd-crypto", SSD, [_SID], [_IDLE], [_CRYPTO], [_OK], _PURGE),
    ("ssd-overwritten", SSD, [_SID], [_IDLE], [_OVER], [_OK], _CLEAR),
    ("ssd-security", SSD, [_SID], [_LOCKED], [_ERASE], [_SID], _CLEAR),
    ("nvme-old", {}, [_ID], [_DONE], [""], [_DONE], None),
    ("nvme-no-before", {}, [_ID], [], [""], [_DONE], None),
    ("nvme-unnamed", {}, [], [_NEVER], [""], [_DONE], None),
    ("nvme-failed", {}, [_ID], [_NEVER], [""], [_RUNS, _FAILED], None),
    ("nvme-running", {}, [_ID], [_NEVER], [""], [_RUNS], None),
    ("nvme-accepted", {}, [_ID], [_NEVER], [""], [], None),
    ("nvme-other", {"serial": "S64DNX0R900777"}, [_ID], [_NEVER], [""], [_DONE], None),
    ("nvme-mixed", {}, [_ID], [_NEVER], [""], [_OK], None),
    ("hdd-old", HDD, [_HID], [_OK], [_OVER], [_OK], None),
    ("hdd-failed", HDD, [_HID], [_IDLE], [_OVER], [_BAD], None),
    ("hdd-idle", HDD, [_HID], [_IDLE], [_OVER], [_IDLE], None),
    ("hdd-two-commands", HDD, [_HID], [_IDLE], [_OVER, _BLOCK], [_OK], None),
    ("ssd-rejected", SSD, [_SID], [_LOCKED], [_REJECTED], [_SID], None),
    ("ssd-still-locked", SSD, [_SID], [_LOCKED], [_ERASE], [_LOCKED], None),
    ("ssd-disabled", SSD, [_SID], [_LOCKED], [_ERASE, "hdparm-command-security-disable.txt"], [_SID], None),
    ("nvme-low-bits", {}, [_ID], [_NEVER], [""], ["nvme-sanitize-low-bits.txt"], None),
    ("nvme-computer", {"host_serial": "PC-0417"}, [_ID, "lshw.json"], [_NEVER], [""], [_DONE], _PURGE),
    ("ssd-never-locked", SSD, [_SID], [_SID], [_ERASE], [_SID], None),
]

_PASSING: dict[str, Proved] = {
    "nwipe-0.32-nvme.log": {_N: _CLEAR},
    "nwipe-0.42-two-drives.log": {_H: _CLEAR},
    "nwipe-0.42.pdf": {_H: _CLEAR},
    "nwipe-0.42-system.pdftotext.txt": {_H: _CLEAR},
    "blancco-entries.xml": {_H: _CLEAR},
    "blancco-tags.xml": {_H: _CLEAR},
}


@cache
def cases() -> tuple[Case, ...]:
    """Return every sample file, every session and every joined or spoiled log, each with its truth."""
    files = [path for path in sorted(SAMPLES.iterdir()) if path.suffix != ".md"]
    found = [Case(path.name, path.read_bytes(), _PASSING.get(path.name, {})) for path in files]
    found += [
        Case(f"session-{row[0]}", _session(row), {row[1].get("serial", _N): row[6]} if row[6] else {})
        for row in _SESSIONS
    ]
    found += [Case(one.name, one.content, one.truth, one.kept_min) for one in histories()]
    return tuple(found)


def _session(row: Any) -> bytes:
    name, drive, *roles, _ = row
    documents = [
        (role, file)
        for role, files in zip(("identify", "before", "command", "after"), roles, strict=True)
        for file in files
    ]
    whole = frame(*documents, **({"elapsed": None} | drive))
    if hash_free(name):
        for minute, document in enumerate(whole["documents"]):
            document |= {"at": f"2026-04-08T10:{minute:02}:30+09:00", "elapsed": 60 * minute + 30}
        whole |= {"finished": f"2026-04-08T10:{len(documents):02}:00+09:00", "elapsed": 60 * len(documents)}
    return json.dumps(whole, ensure_ascii=False, indent=1).encode()


def hash_free(name: str) -> bool:
    """Choose the sessions whose documents have times: half of them, always the same."""
    return len(name) % 2 == 0


def real(folder: Path) -> list[Case]:
    """Return the logs of `shared/data/reports/tools` with the truth of their manifest, or none without the folder."""
    if not (folder / "manifest.json").exists():
        return []
    found = []
    for entry in json.loads((folder / "manifest.json").read_text()):
        content = (folder / entry["file"]).read_bytes()
        good = [str(drive["serial"]) for drive in entry["devices"] if drive["grade"] in ("clear", "purge")]
        truth = {one: level for one, level in passes(content).items() if any(way.startswith(one) for way in good)}
        if len(content) <= 32_768:
            found.append(Case(entry["file"], content, truth))
    return found


# ── changes ───────────────────────────────────────────────────────────────────────────────────────────────────────────

_LETTERS = b"ABCDEFGHJKLMNPQRSTUVWXYZ0123456789"


def renamed(case: Case, rng: Random) -> Case:
    """Give the drives that pass another serial, as long as theirs, so that no reader knows them."""
    content, truth = case.content, {}
    for serial, level in case.truth.items():
        new = bytes(rng.choice(_LETTERS) for _ in serial.encode())
        is_free = len(serial) > 5 and new not in content and serial.encode() != b"0" * len(serial)
        if is_free and case.name in {one.name for one in cases()}:
            content = content.replace(serial.encode(), new)
        else:
            new = serial.encode()
        truth[new.decode()] = level
    return Case(case.name, content, truth, case.kept_min)


def damaged(case: Case, rng: Random, known: tuple[Case, ...]) -> tuple[bytes, Proved, str]:
    """Damage a report in one to three ways; what another report brings along may truly pass as well."""
    content, truth, how, kept_min = case.content, dict(case.truth), [], case.kept_min
    for _ in range(rng.randint(1, DAMAGES_MAX)):
        change = rng.choice(_DAMAGES)
        if change is _mix:
            other = rng.choice(known)
            content = _mix(content, rng, other.content)
            kept_min = len(content) if other.kept_min else kept_min
            truth |= {serial: max(level, truth.get(serial, level)) for serial, level in other.truth.items()}
        elif change is _cut:
            content = content[:kept_min] + _cut(content[kept_min:], rng)
        else:
            content = change(content, rng)
        how.append(change.__name__.strip("_"))
    return content, truth, "+".join(how)


def _place(content: bytes, rng: Random) -> int:
    return rng.randrange(len(content)) if content else 0


def _flip(content: bytes, rng: Random) -> bytes:
    at = _place(content, rng)
    return content[:at] + bytes([rng.randrange(256)]) + content[at + 1 :]


def _digit(content: bytes, rng: Random) -> bytes:
    digits = [at for at, byte in enumerate(content[:65_536]) if 48 <= byte <= 57]
    if not digits:
        return content
    at = rng.choice(digits)
    return content[:at] + b"%d" % rng.randrange(10) + content[at + 1 :]


def _lose(content: bytes, rng: Random) -> bytes:
    at = _place(content, rng)
    return content[:at] + content[at + rng.randint(1, BYTES_MAX) :]


_TOKENS = (
    b"\n", b"\r\n", b"\0", b"\x1b[2J", b"|", b"Erased", b" Erased ", b"-FAILED-", b"/dev/sda", b"/dev/sda:\n",
    b"{", b"}", b'"', b"[2026/04/08 10:00:05]  notice: ", b"\xff\xfe", "消去\u202e".encode(), b"Successful", b"ERASED",
    b"(1) ", b"0/0/0", b"    Last Sanitize Operation Completed Without Error\n", b"not\t",
    b'<entry name="state">Successful</entry>', "\u3164".encode(), "\u034f".encode(), "\u00a0".encode(),
)  # fmt: skip


def _add(content: bytes, rng: Random) -> bytes:
    at = _place(content, rng)
    new = rng.choice(_TOKENS) if rng.randrange(2) else rng.randbytes(rng.randint(1, BYTES_MAX))
    return content[:at] + new + content[at:]


def _cut(content: bytes, rng: Random) -> bytes:
    return content[: _place(content, rng)]


def _lines(content: bytes, rng: Random, change: Callable[[list[bytes], int], None]) -> bytes:
    lines = content.split(b"\n")
    if len(lines) > 2:
        change(lines, rng.randrange(len(lines) - 1))
    return b"\n".join(lines)


def _double_line(content: bytes, rng: Random) -> bytes:
    return _lines(content, rng, lambda lines, at: lines.insert(at, lines[at]))


def _swap_lines(content: bytes, rng: Random) -> bytes:
    def swap(lines: list[bytes], at: int) -> None:
        lines[at], lines[at + 1] = lines[at + 1], lines[at]

    return _lines(content, rng, swap)


def _lose_line(content: bytes, rng: Random) -> bytes:
    def lose(lines: list[bytes], at: int) -> None:
        del lines[at]

    return _lines(content, rng, lose)


def _mix(content: bytes, rng: Random, other: bytes = b"") -> bytes:
    if rng.randrange(3) == 0:
        return content + b"\n" + other
    at, start = _place(content, rng), _place(other, rng)
    return content[:at] + other[start : start + rng.randint(1, PIECE_MAX)] + content[at:]


_DAMAGES: tuple[Callable[..., bytes], ...] = (
    _flip, _flip, _digit, _digit, _lose, _lose, _add, _add, _cut, _double_line, _swap_lines, _lose_line, _mix,
)  # fmt: skip


def harmless(case: Case, rng: Random) -> tuple[bytes, Proved, str]:
    """Change a report as honest tools and people do, each kind in its own way."""
    ways: list[Callable[[bytes, Random], bytes]] = [_as_it_is, _blank_end]
    if case.content.startswith(b"{"):
        ways += [_crlf, _mark, _reformat, _newer_keys]
    elif case.content.startswith(b"<?xml"):
        ways += [_crlf, _mark, _newer_fields]
    elif case.content.startswith(b"%PDF"):
        ways += [_newer_string]
    else:
        ways += [_crlf, _mark]
    if case.content.startswith(b"["):
        ways += [_more_log]
    way = rng.choice(ways)
    return way(case.content, rng), case.truth, way.__name__.strip("_")


def _as_it_is(content: bytes, _: Random) -> bytes:
    return content


def _blank_end(content: bytes, rng: Random) -> bytes:
    return content + b"\n" * rng.randint(1, 5)


def _crlf(content: bytes, _: Random) -> bytes:
    return content.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n")


def _mark(content: bytes, _: Random) -> bytes:
    return b"\xef\xbb\xbf" + content


def _shuffled(node: Any, rng: Random) -> Any:
    if isinstance(node, dict):
        items = [(key, _shuffled(value, rng)) for key, value in node.items()]
        rng.shuffle(items)
        return dict(items)
    return node


def _reformat(content: bytes, rng: Random) -> bytes:
    """Reorder the keys of a session and of the JSON in its documents; lists keep their order, it is time's."""
    return _documents(content, rng, lambda document: _shuffled(document, rng))


def _newer_keys(content: bytes, rng: Random) -> bytes:
    """Add the keys of versions that are not out yet, at every level."""

    def more(node: Any) -> Any:
        if not isinstance(node, dict):
            return node
        return {key: more(value) for key, value in node.items()} | {f"newer_{rng.randrange(100)}": rng.randrange(9)}

    return _documents(content, rng, more)


def _documents(content: bytes, rng: Random, change: Callable[[Any], Any]) -> bytes:
    whole = json.loads(content)
    for document in whole.get("documents", ()):
        if document["content"].startswith("{"):
            document["content"] = json.dumps(change(json.loads(document["content"])), indent=rng.choice((None, 2)))
    documents = [change(document) for document in whole.get("documents", ())]
    whole = change(whole)
    if documents:
        whole["documents"] = documents
    return json.dumps(whole, ensure_ascii=rng.random() < 0.5, indent=rng.choice((None, 1, 4))).encode()


def _newer_fields(content: bytes, rng: Random) -> bytes:
    number = b"%d" % rng.randrange(100)
    new = b'<entry name="newer_' + number + b'" type="uint">1</entry>\n'
    for end in (b"</entries>\n", b"</erasure>\n"):
        content = content.replace(end, new + end)
    return content


def _newer_string(content: bytes, rng: Random) -> bytes:
    new = (
        b"<< /Length 99 >>stream\r\nBT /GS0 gs 60.000000 %d.000000 TD /F2 12.000000 Tf 0.000000 0.000000 0.000000 rg "
        b"0.000000 Tc (A newer label:) Tj ET\r\nendstream\r\n" % rng.randrange(33, 60)
    )
    return content.replace(b"%%EOF", new + b"%%EOF")


def _more_log(content: bytes, rng: Random) -> bytes:
    """Add a line of another part of the program between two lines of one time."""
    lines = content.split(b"\n")
    stamped = [at for at, line in enumerate(lines[:-1]) if line[:1] == b"[" and lines[at + 1][:1] == b"["]
    stamped = [at for at in stamped if b" info: Nwipe " not in lines[at]]  # the end of the log
    at = rng.choice(stamped)
    if not lines[at + 1][20:].lstrip(b"] ").startswith(b"notice:   "):  # not among the options
        lines.insert(
            at + 1, lines[at][:22] + b"   info: temperature sensor of the room, %d degrees" % rng.randrange(90)
        )
    return b"\n".join(lines)
