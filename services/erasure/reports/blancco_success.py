"""What must agree before Blancco's "Successful" is believed: its counts, times, sizes, disk, and its own seal.

The word stands in one field, and one changed field makes a failure a success. The fields are those that public
integrations read; one that is not known here may be missing, and must not speak against the success where it stands.

Start, end and elapsed time are given in whole seconds: each is what the other two say, so that one altered digit shows.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.erasure.domain.reason import Reason, because
from services.erasure.reports.blancco_entries import below, name_of, value, values
from services.erasure.reports.markup import Node
from services.erasure.reports.text import MODEL_MAX, WORDS_MAX, visible

SECTOR_SIZES = (512, 4096)  # bytes, where the report does not say
NUMBER_MAX = 20  # digits: 64 bits
WORD_MAX = 60  # characters: what is longer is a seal's own bytes, or prose

_NEEDED_COUNTS = ("failed_sectors", "total_errors")  # one of them
_NUMBERS = (*_NEEDED_COUNTS, "read_errors", "write_errors", "verification_errors")  # no other word is nothing in them
_TROUBLES = ("error", "exception", "failed", "failure", "unreadable", "unerased", "uncleaned", "skipped")
_DONE = ("cleaned_sectors", "erased_sectors")
_ROUNDS = "total_erasure_rounds"
_SECTORS = ("total_sectors", "sectors", "sector_count")
_SECTOR_SIZE = ("sector_size", "logical_sector_size", "block_size")
_BYTES = ("capacity", "size")
_SEALS = ("integrity", "validation", "signature", "tamper", "authentic")
_BROKEN = (
    "invalid", "tamper", "fail", "modif", "corrupt", "mismatch", "broken", "alter", "forge", "error", "not ok",
    "not valid", "not verified", "not intact", "untrusted", "revoked",
)  # fmt: skip
_MARKS = ("simulat", "test_mode", "testmode", "dry_run", "dryrun", "demo_mode")  # in the name of a field
_MARKS_OF_ERASURE = ("test", "is_test", "demo")  # names of its own fields: elsewhere they are tests of the hardware
_MARKED = ("simulat", "dry run", "dry-run", "demonstration", "test mode", "test erasure", "test run")
_NOTHING = ("", "0", "no", "false", "none", "off", "n/a", "no errors", "no exceptions")
_PEOPLES = "user_data"  # what people typed into fields of their own


@dataclass(frozen=True, slots=True)
class Disk:
    """A disk as the hardware part lists it."""

    serial: str
    model: str


def doubts(report: Node) -> tuple[Reason, ...]:
    """Give what speaks against every success of a report: its seal is broken, or it was a simulation."""
    parts = [report, *(one for child in report.children if name_of(child) != _PEOPLES for one in child.walk())]
    return (*_seal(parts), *_marks(parts))


def contradictions(erasure: Node, disks: list[Disk], span: tuple[datetime | None, datetime | None]) -> Iterator[Reason]:
    """Give everything that speaks against the success of one erasure."""
    target = next(iter(below(erasure, "target")), Node(""))
    yield from _said_twice(erasure)
    yield from _identity(target, disks)
    yield from _counts(erasure)
    yield from _sizes(erasure, target)
    yield from _marks_of(erasure)
    yield from _times(value(erasure, "elapsed_time"), *span)


def _said_twice(erasure: Node) -> Iterator[Reason]:
    states = [node.text.strip() for node in erasure.walk() if name_of(node) == "state"]
    targets = below(erasure, "target")
    if len(states) != 1 or len(targets) != 1:
        yield because("said-twice", words=visible(" / ".join(states), WORDS_MAX))
    names = ("start_time", "end_time", *_DONE)
    for holders, name in ((targets, "serial"), (targets, "model"), *(([erasure], name) for name in names)):
        said = sorted({one for node in holders for one in values(node, name)})
        if len(said) > 1:
            yield because("said-twice", words=visible(" / ".join(said), WORDS_MAX))


def _identity(target: Node, disks: list[Disk]) -> Iterator[Reason]:
    """Ask that the target be one of the disks that the hardware part lists, under the same model."""
    serial, model = value(target, "serial"), value(target, "model")
    listed = [disk for disk in disks if disk.serial == serial]
    if not serial or not listed:
        known = visible(", ".join(sorted(disk.serial for disk in disks)) or "-", WORDS_MAX)
        yield because("identity-differs", what="S/N", one=visible(serial or "-", WORDS_MAX), other=known)
    models = {" ".join(disk.model.split()) for disk in listed} - {""}
    if models and model and " ".join(model.split()) not in models:
        one, other = visible(model, MODEL_MAX), visible(min(models), MODEL_MAX)
        yield because("identity-differs", what="Model", one=one, other=other)


def _counts(erasure: Node) -> Iterator[Reason]:
    """Ask that every count of errors, failures or exceptions be nothing; remapped sectors are no failure of the job."""
    if not any(values(erasure, name) for name in _NEEDED_COUNTS):
        yield because("table-damaged", words=", ".join(_NEEDED_COUNTS))
    for node in erasure.walk():
        name, said = name_of(node).lower(), node.text.strip()
        if not any(word in name for word in _TROUBLES):
            continue
        inside = [one for one in node.children if one.children or one.text.strip().lower() not in _NOTHING]
        if inside:
            yield because("errors-and-success", words=visible(f"{name}: {len(inside)}", WORDS_MAX))
        elif said != "0" and (name in _NUMBERS or said.lower() not in _NOTHING):
            yield because("errors-and-success", words=visible(f"{name} = {said or '-'}", WORDS_MAX))


def _sizes(erasure: Node, target: Node) -> Iterator[Reason]:
    """Ask that all of it was cleaned, whichever way the report counts the whole."""
    said = [one for name in _DONE for one in values(erasure, name)]
    done = [_whole(one) for one in said]
    if not done or min(done) <= 0:
        yield because("size-differs", done=visible((said or ["-"])[0] or "-", 20), size="-")
        return
    least = min(done)
    if any(_whole(one) <= 0 for one in values(erasure, _ROUNDS)):
        yield because("passes-differ", wanted="1+", done=visible(value(erasure, _ROUNDS) or "-", 20))
    sectors = [_whole(one) for name in _SECTORS for one in values(target, name)]
    if any(least < total for total in sectors):
        yield because("size-differs", done=least, size=max(sectors))
    capacity = next((_whole(one) for name in _BYTES for one in values(target, name) if _whole(one) > 0), 0)
    if capacity and not sectors and not _covers(least, capacity, _sector_size(target)):
        yield because("size-differs", done=least, size=capacity)


def _covers(sectors: int, capacity: int, size: int) -> bool:
    """Tell whether so many sectors are so many bytes; an unusual sector size that nobody states must fit exactly."""
    if size:
        return sectors * size >= capacity
    usual, *others = SECTOR_SIZES
    return sectors * usual >= capacity or any(0 <= sectors * other - capacity < other for other in others)


def _sector_size(target: Node) -> int:
    return next((_whole(one) for name in _SECTOR_SIZE for one in values(target, name) if _whole(one) > 0), 0)


def _seal(parts: list[Node]) -> Iterator[Reason]:
    """Believe the program where it says that the report's own seal is broken; a whole one proves nothing."""
    seals = [node for node in parts if any(word in name_of(node).lower() for word in _SEALS)]
    for name, said in (field for seal in seals for node in (seal, *seal.children) for field in _fields(node)):
        if len(said) <= WORD_MAX and any(word in said for word in _BROKEN):
            yield because("seal-broken", words=visible(f"{name} = {said}", WORDS_MAX))
            return


def _marks(parts: list[Node]) -> Iterator[Reason]:
    """Find the mark of a job that was simulated or only tried out: it erased nothing."""
    for name, said in (field for node in parts for field in _fields(node)):
        if said not in _NOTHING and any(mark in name for mark in _MARKS):
            yield because("only-simulated", words=visible(f"{name} = {said}", WORDS_MAX))
            return


def _marks_of(erasure: Node) -> Iterator[Reason]:
    """Find it among an erasure's own fields, where a shorter name or the words of a field say it."""
    for name, said in (field for child in erasure.children for field in _fields(child)):
        if (name in _MARKS_OF_ERASURE and said not in _NOTHING) or any(mark in said for mark in _MARKED):
            yield because("only-simulated", words=visible(f"{name} = {said}", WORDS_MAX))
            return


def _fields(node: Node) -> Iterator[tuple[str, str]]:
    """Give what a node and its attributes say, in small letters."""
    yield name_of(node).lower(), node.text.strip().lower()
    for name, said in node.attributes.items():
        if name not in ("name", "type", "id"):
            yield name.lower(), said.strip().lower()


def _times(elapsed: str, started: datetime | None, finished: datetime | None) -> Iterator[Reason]:
    if not started or not finished:
        return  # then it is not fresh
    words = f"{started.isoformat()} → {finished.isoformat()}, {visible(elapsed or '-', 40)}"
    if (
        (started.tzinfo is None) is not (finished.tzinfo is None)
        or finished <= started
        or finished - started != _duration(elapsed)
    ):
        yield because("times-out-of-order", words=words)


def _whole(text: str) -> int:
    """Read a count; -1 for anything else."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= NUMBER_MAX else -1


def _duration(text: str) -> timedelta | None:
    """`01:02:03`, hours of any length up to four digits."""
    parts = text.split(":")
    if len(parts) != len("hms") or not all(part.isascii() and part.isdigit() and len(part) < 5 for part in parts):  # noqa: PLR2004 - 9999 hours
        return None
    hours, minutes, seconds = (int(part) for part in parts)
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)
