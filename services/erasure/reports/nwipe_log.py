"""The text of an nwipe log taken apart: runs, drives and the three tables, without any judgement."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache

from services.erasure.domain.technique import Hidden
from services.erasure.reports.console import is_noise
from services.erasure.reports.report import Unreadable
from services.erasure.reports.text import ERRORS_MAX, SERIAL_MAX, WORDS_MAX, host_of, visible

DRIVES_MAX = 512  # in one file; a big erasure station has 100 bays
NAME_COLUMNS = (8, 6)  # characters of the device in the tables, since 0.33 and in 0.32
CLOCK_SLACK = timedelta(seconds=1)  # threads write into one log

_LEVELS = ("debug", "info", "notice", "warning", "error", "fatal", "sanity")
_CLOSINGS = (
    "Nwipe successfully completed.",
    "Nwipe was aborted by the user",
    "Nwipe exited with errors, check the log",
)
_PASSES = ("Starting pass ", "Finished pass ", "Verified pass ")
_OWN = ("Found /dev/", "Program options are set", "Invoking method '", "Starting round ", *_PASSES, *_CLOSINGS)
_UNSTAMPED = ("Waiting for wipe thread to cancel for /dev/", "Creating PDF report in ")  # on the terminal, of every run
_TROUBLES = ("Buffer flush failure", "Wrote ", "Skipping verification", "Read ", "[FAILURE] ")


@dataclass(slots=True)
class Drive:
    """What the log said about one drive within one run."""

    name: str  # kernel name without /dev/
    bus: str = ""
    model: str = ""
    stated: str = ""  # its size as people read it, e.g. "500 GB"
    found_serial: str | None = None
    own_serial: str | None = None
    size: int | None = None
    hidden: Hidden = Hidden.UNKNOWN
    method: str | None = None
    invoked: datetime | None = None
    last: datetime | None = None
    backwards: str = ""  # where the lines of its own thread go back in time
    ended: bool = False
    passes: int = 0
    rounds: int = 0
    finished: set[tuple[int, int]] = field(default_factory=set)
    verified: set[tuple[int, int]] = field(default_factory=set)
    written: list[int] = field(default_factory=list)
    blanking: bool = False
    blank_verified: bool = False
    random_end: bool = False
    random_end_verified: bool = False
    errors: list[str] = field(default_factory=list)
    counters: list[tuple[int, int, int]] = field(default_factory=list)
    erased: list[tuple[int, int, str]] = field(default_factory=list)
    rows: list["Row"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Row:
    """One row of the last table: fixed columns written by the tool, then what the device calls itself."""

    flagged: bool
    status: str
    duration: timedelta
    name: str  # model/serial as printed


@dataclass(slots=True)
class Run:
    """One run of the program."""

    version: str = ""
    host_serial: str = ""
    options: dict[str, str] = field(default_factory=dict)
    drives: dict[str, Drive] = field(default_factory=dict)
    ends: dict[str, list[Drive]] = field(default_factory=dict)  # by the last characters of the name, as tables cut it
    wiping: set[str] = field(default_factory=set)
    tables: list[str] = field(default_factory=list)
    damaged: list[str] = field(default_factory=list)
    total: tuple[datetime, str, str, str] | None = None  # when, method, rounds and blank, verification letters
    ended: bool = False  # the stars under the total
    closing: datetime | None = None
    clock: datetime | None = None
    backwards: str = ""
    stray: str = ""  # the first line behind the closing one that is neither noise nor another run's
    undated: bool = False  # lines of a run whose times were taken off stand within it or behind it
    in_options: bool = False
    section: str = ""

    @property
    def program(self) -> str:
        """The version, from the first line or, where that is missing, from the banner among the options."""
        return self.version or visible(self.options.get("banner", "").removeprefix("nwipe "), 40)

    @property
    def begun(self) -> bool:
        """Whether the options were listed: the next "Found" or version line belongs to another run."""
        return bool(self.options)


def runs_of(lines: Iterable[str]) -> list[Run]:
    """Split the lines into runs of the program. Raises Unreadable when there are more drives than any machine has."""
    runs = [Run()]
    drives = 0
    for line in lines:
        stamp, level, message = _stamped(line)
        found = message.startswith("Found /dev/")
        starts = found or (level == "info" and message.startswith("nwipe "))
        if (starts and runs[-1].begun) or (stamp and runs[-1].closing):
            runs.append(Run())
        drives += found
        if drives > DRIVES_MAX:
            raise Unreadable(
                f"ログのドライブ数が上限（{DRIVES_MAX}）を超えています。実行ごとに分けて登録してください。"
            )
        if stamp is None:
            _take_unstamped(runs[-1], line)
        else:
            _take_message(runs[-1], stamp, level, message)
    return runs


def _is_noise(line: str) -> bool:
    return is_noise(line) or line.startswith(_UNSTAMPED)


def _stamped(line: str) -> tuple[datetime | None, str, str]:
    """`[2026/11/24 07:51:02]  notice: text` → time, level, text; dots of the terminal or a mark may stand in front."""
    line = line.lstrip(".\ufeff")
    if line[:1] != "[" or line[20:22] != "] ":
        return None, "", ""
    stamp = _time(line[1:20])
    if stamp is None:
        return None, "", ""
    level, colon, message = line[22:].lstrip().partition(": ")
    return (stamp, level, message) if colon and level in _LEVELS else (stamp, "", line[22:])


@lru_cache(maxsize=256)  # many lines share a second
def _time(text: str) -> datetime | None:
    try:
        time = datetime.fromisoformat(text.replace("/", "-"))
    except ValueError:
        return None
    return None if time.tzinfo else time  # ISO 8601 has other forms of 19 characters


def _take_message(run: Run, stamp: datetime, level: str, message: str) -> None:
    if run.clock and stamp < run.clock and run.clock - stamp > CLOCK_SLACK:
        run.backwards = f"{run.clock} → {stamp}"
    run.clock = stamp
    if message.startswith("Program options are set as follows"):
        run.in_options = True
        if run.begun:  # the first line of another run is gone
            run.damaged.append("Program options")
    elif run.in_options and message.startswith("  "):
        name, _, value = message.partition("=")
        run.options.setdefault(name.strip(), value.strip()[:WORDS_MAX])
    elif message.startswith("Total Throughput "):
        _take_total(run, stamp, message)
    elif level == "info" and message.startswith(_CLOSINGS):
        run.closing = stamp
    elif message.startswith("nwipe "):
        run.version = visible(message.removeprefix("nwipe ").strip(), 40)
    elif message.startswith("system-serial-number = "):
        run.host_serial = host_of(message.partition(" = ")[2])
    else:
        _take_drive(run, stamp, level, message)


def _take_total(run: Run, stamp: datetime, message: str) -> None:
    """`Total Throughput  49 MB/s, Fill With Zeros, 1R+NB+VL`."""
    _, _, rest = message.partition(", ")
    method, _, letters = rest.rpartition(", ")
    rounds, _, verify = letters.strip().rpartition("+")
    if run.total:
        run.damaged.append("Total Throughput")
    run.total = (stamp, method, rounds, verify)


def _take_drive(run: Run, stamp: datetime, level: str, message: str) -> None:
    run.in_options = False
    if message.startswith("Found /dev/"):
        _take_found(run, message)
        return
    troubled = level in ("error", "fatal", "sanity") or message.startswith(_TROUBLES)
    if troubled:
        _take_trouble(run, message)
    for name in _names(message):  # a plain loop: this is where the time of a long log goes
        if name in run.drives:
            break
    else:
        if message.startswith("Invoking method '"):  # of a drive whose line is gone
            run.damaged.append(visible(message, WORDS_MAX))
        return
    drive = run.drives[name]
    if message.startswith("/dev/") and message.startswith(f"/dev/{name} has serial number "):
        drive.own_serial = message.partition(" has serial number ")[2]
        return
    if not troubled:
        _take_step(drive, stamp, message)
    if drive.invoked:
        run.wiping.add(name)
        if level == "notice" and drive.last and stamp < drive.last:
            drive.backwards = f"{drive.last} → {stamp}"
        drive.last = stamp


def _names(message: str) -> list[str]:
    """Kernel names in words like '/dev/sdb'. or /dev/sdb, in the order in which they stand."""
    return [part.partition(" ")[0].rstrip("'.,:")[:64] for part in message.split("/dev/")[1:]]


def _take_found(run: Run, message: str) -> None:
    """`Found /dev/sdb,  ATA, MODEL,  67 MB, S/N=SERIAL`: the model is the device's text and may hold commas."""
    name, _, rest = message.removeprefix("Found /dev/").partition(", ")
    bus, _, rest = rest.partition(", ")
    rest, sign, serial = rest.rpartition(", S/N=")
    model, _, stated = rest.rpartition(", ")
    if not sign or not name or len(name) > SERIAL_MAX:
        run.damaged.append(visible(message, WORDS_MAX))
        return
    if name in run.drives:
        run.damaged.append(visible(name, WORDS_MAX))
        return
    drive = Drive(name=name, bus=bus.strip(), model=model, stated=stated.strip(), found_serial=serial)
    run.drives[name] = drive
    for width in NAME_COLUMNS:
        run.ends.setdefault(name[-width:], []).append(drive)


def _take_trouble(run: Run, message: str) -> None:
    """Give an error to the drive it names; where it names none, to the only drive being wiped."""
    named = run.wiping.intersection(_names(message))
    for name in named or (run.wiping if len(run.wiping) == 1 else ()):
        drive = run.drives[name]
        drive.errors = [*drive.errors, visible(message.strip(), WORDS_MAX)][:ERRORS_MAX]


def _take_step(drive: Drive, stamp: datetime, message: str) -> None:
    """One line of the tool about one drive; the shapes are fixed text with numbers."""
    words = message.split(" ") if message.startswith(_PASSES) else ()
    if message.startswith("Invoking method '"):
        if drive.invoked:
            drive.errors.append("method invoked twice")
        drive.method = message.removeprefix("Invoking method '").rpartition("' on ")[0]
        drive.invoked = stamp
    elif message.startswith("Starting pass ") and len(words) > 4:  # noqa: PLR2004 - "Starting pass 1/3, round 1/1, …"
        drive.passes, drive.rounds = _fraction(words[2])[1], _fraction(words[4])[1]
    elif message.startswith("Finished pass ") and len(words) > 4:  # noqa: PLR2004 - as above
        drive.finished.add((_fraction(words[4])[0], _fraction(words[2])[0]))
    elif message.startswith("Verified pass ") and len(words) > 8:  # noqa: PLR2004 - "Verified pass 1 of 1, round 1 of 1"
        drive.verified.add((_whole(words[6]), _whole(words[2])))
    elif message.startswith("Finished final round "):
        drive.ended = True
    elif " bytes written to " in message:
        drive.written.append(_whole(message.partition(" ")[0]))
    elif ", sect/blk/dev " in message:
        drive.size = _whole(message.rpartition("/")[2])
    else:
        _take_end(drive, message)


def _take_end(drive: Drive, message: str) -> None:
    if message.startswith("Blanking device "):
        drive.blanking = True
    elif message.startswith("[SUCCESS] Verified that ") and message.endswith(" is empty."):
        drive.blank_verified = True
    elif message.startswith("Writing final random pattern "):
        drive.random_end = True
    elif message.startswith("[SUCCESS] Verified FRP on "):
        drive.random_end_verified = True
    elif message.startswith("No hidden sectors on ") and drive.hidden is Hidden.UNKNOWN:
        drive.hidden = Hidden.NONE
    elif "HIDDEN SECTORS DETECTED" in message:
        drive.hidden = Hidden.PRESENT


@lru_cache(maxsize=256)  # a run says "1/3," for each of its drives
def _fraction(word: str) -> tuple[int, int]:
    first, _, second = word.rstrip(",").partition("/")
    return _whole(first), _whole(second)


def _whole(word: str) -> int:
    """Read a decimal number; -1 for anything else, which equals no count."""
    word = word.strip(" ,'.")
    return int(word) if word.isascii() and word.isdigit() and len(word) <= 20 else -1  # noqa: PLR2004 - 64 bits


def _take_unstamped(run: Run, line: str) -> None:
    """Lines without a time: the three tables, each once a run. The program's own words have a time."""
    if run.closing and not run.stray and not _is_noise(line):
        run.stray = visible(line.strip(), WORDS_MAX) or "-"
    head, bracket, rest = line.partition("] ")
    if bracket and head[:2].strip("[").isdigit() and rest.lstrip().partition(": ")[0] in _LEVELS:
        run.damaged.append(visible(line, WORDS_MAX))  # its time cannot be read
    level, _, message = line.lstrip().partition(": ")
    if (message if level in _LEVELS else line.lstrip()).startswith(_OWN):
        run.undated = True
    if line.startswith("****") and line.endswith("****"):
        title = line.strip("* ")
        if title in ("Error Summary", "Erasure Summary", "Drive Status"):
            run.tables.append(title)
            run.undated = run.undated or run.closing is not None
        elif run.section == "Drive Status" and run.total:
            run.ended = True
        run.section = title
    elif run.section and "|" in line and not line.startswith("!   Device |") and not line.startswith("! Device |"):
        _take_row(run, line)


def _take_row(run: Run, line: str) -> None:
    columns = line.split("|", 4)
    drive = _drive_of(run, columns[0][1:].strip())
    taken = False
    if drive and run.section == "Error Summary" and len(columns) == 4:  # noqa: PLR2004 - columns of the table
        drive.counters.append((_whole(columns[1]), _whole(columns[2]), _whole(columns[3])))
        taken = True
    elif drive and run.section == "Erasure Summary" and len(columns) == 4:  # noqa: PLR2004 - columns of the table
        drive.erased.append((_whole(columns[1]), _whole(columns[2]), columns[3].strip()))
        taken = True
    elif drive and run.section == "Drive Status" and len(columns) == 5:  # noqa: PLR2004 - columns of the table
        duration = _duration(columns[3].strip())
        if duration is not None:
            drive.rows.append(Row(line[:1] == "!", columns[1], duration, columns[4].removeprefix(" ")))
            taken = True
    if not taken:
        run.damaged.append(visible(line.strip(), WORDS_MAX))


def _drive_of(run: Run, column: str) -> Drive | None:
    """Find the drive: the table cuts names from the left, to 8 characters (6 in 0.32)."""
    if exact := run.drives.get(column):
        return exact
    ends = run.ends.get(column, ()) if len(column) in NAME_COLUMNS else ()
    return ends[0] if len(ends) == 1 else None


def _duration(text: str) -> timedelta | None:
    hours, _, rest = text.partition(":")
    minutes, _, seconds = rest.partition(":")
    numbers = [_whole(part) for part in (hours, minutes, seconds)]
    if min(numbers) < 0 or numbers[0] > 100_000:  # noqa: PLR2004 - eleven years
        return None
    return timedelta(hours=numbers[0], minutes=numbers[1], seconds=numbers[2])
