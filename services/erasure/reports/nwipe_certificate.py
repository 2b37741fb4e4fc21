"""nwipe's PDF, for one disk or for a whole system (0.36 to 0.42), and its text as `pdftotext -layout` gives it.

It states the same facts as the log in fewer places. "ERASED" is believed only where errors are zero, every round is
completed, every byte is written, duration and times agree to the second (nwipe prints the same two times), and the
serial stands the same in heading and table. What it cannot print (Japanese, long models) it replaces, so a model is
compared by nobody.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from services.erasure.domain.finding import Finding
from services.erasure.domain.likeness import is_one_letter_off
from services.erasure.domain.reason import Reason, because
from services.erasure.domain.technique import Freshness, Hidden, MediumKind, Outcome, Technique, Verification
from services.erasure.reports.certificate_text import lines_of_pdf
from services.erasure.reports.inventory import DRIVES_MAX
from services.erasure.reports.nwipe import METHODS, READ_ONLY, named
from services.erasure.reports.report import Report, Unreadable
from services.erasure.reports.text import (
    PADDING,
    SERIAL_MAX,
    WORDS_MAX,
    host_of,
    lines_of,
    model_of,
    serial_of,
    visible,
)

SOURCE = "nwipe-certificate"

_FOOT = "Disc Erasure by NWIPE version "
_STATUS_OF = "Erasure Status of this disk: S/N "
_STATUSES = {
    "ERASED": Outcome.COMPLETED,
    "FAILED": Outcome.FAILED,
    "ABORTED": Outcome.INCOMPLETE,
    "INSANITY": Outcome.INCOMPLETE,
}
# The first label of a line, and what may stand in its second column.
_LABELS: dict[str, tuple[str, ...]] = {
    "Make/Model:": ("Serial:",),
    "Make:": ("S/N:",),
    "Size(Apparent):": ("Size(Real):", "Bus:"),
    "Size(Real):": (),
    "Start time:": ("End time:",),
    "Duration:": ("Status:", "Errors:"),
    "Method:": ("PRNG algorithm:",),
    "Final Pass(Zeros/Ones/None):": ("Verify:",),
    "Blanking Pass:": ("Verify:",),
    "*Bytes Erased:": ("Rounds:", "Throughput:"),
    "HPA/DCO:": ("HPA/DCO Size:",),
    "Errors:": ("Throughput:",),
    "Rounds:": (),
}
_SHORT = (  # labels that versions and layouts write differently
    ("Errors(pass/sync/verify/retries):", "Errors:"),
    ("Errors(pass/sync/verify):", "Errors:"),
    ("Verify Pass(Last/All/None):", "Verify:"),
    ("Verify(Last/All/None):", "Verify:"),
    ("Rounds(completed/requested):", "Rounds:"),
)
_NEEDED = (
    "Serial:", "Size(Apparent):", "Size(Real):", "Start time:", "End time:", "Duration:", "Method:", "Verify:",
    "*Bytes Erased:", "Rounds:", "Errors:", "HPA/DCO:",
)  # fmt: skip
_VERIFY = {
    "Last": Verification.LAST_PASS,
    "Verify Last": Verification.LAST_PASS,
    "All": Verification.ALL_PASSES,
    "Verify All": Verification.ALL_PASSES,
}
_HIDDEN = {"No hidden sectors": Hidden.NONE, "HIDDEN SECTORS": Hidden.PRESENT, "Hidden sectors": Hidden.PRESENT}
_SIZE = re.compile(r", ?(\d{1,20}) ?(?:bytes|[bB])$")
_ERASED = re.compile(r"(\d{1,20}), \((\d{1,3}\.\d\d)%\)$")
_BUS_KINDS = {"NVME": MediumKind.NVME, "ATA-SSD": MediumKind.SSD, "SCSI-SSD": MediumKind.SSD, "USB-SSD": MediumKind.SSD}


def recognises(text: str) -> bool:
    """Whether the foot of nwipe's pages stands there, as PDF or as text."""
    return _FOOT in text and "Erasure Report" in text


def read(text: str) -> Report:
    """Read all disks. Raises Unreadable where no disk stands, as in a PDF that another program wrote again."""
    page = _Pages()
    is_pdf = text.lstrip().startswith("%PDF-")
    for line in ("  ".join(strings) for strings in lines_of_pdf(text)) if is_pdf else lines_of(text):
        page.take(line.replace("\f", " ").strip(PADDING))
    if not 0 < len(page.disks) <= DRIVES_MAX:
        raise Unreadable(
            "nwipe の PDF にドライブが見つかりません。nwipe が作った PDF をそのまま（印刷し直したり結合したりせずに）"
            "登録するか、同じ実行のログ（--logfile=）を登録してください。"
        )
    strange = page.strange()
    found = tuple(disk.finding(page, strange) for disk in page.disks)
    return Report(tool="nwipe", tool_version=visible(page.version, 40), source=SOURCE, findings=found)


@dataclass(slots=True)
class _Pages:
    """What the pages have said so far."""

    version: str = ""
    host: str = ""
    disks: list["_Disk"] = field(default_factory=list)
    headings: set[str] = field(default_factory=set)  # serials in headings
    statuses: dict[str, set[str]] = field(default_factory=dict)  # by serial, in headings
    smart: set[str] = field(default_factory=set)  # serials as smartctl gives them; of a drive behind USB it is another

    def strange(self) -> str:
        """Give a serial of a heading without table, of a table without heading, or an altered one, or nothing."""
        tables = {disk.fields.get("Serial:", "") for disk in self.disks}
        altered = {one for one in self.smart - tables if any(is_one_letter_off(one, known) for known in tables)}
        return min(((self.headings ^ tables) | altered) - {""}, default="")

    def take(self, line: str) -> None:
        """Sort one line by its first label."""
        for long, short in _SHORT:
            line = line.replace(long, short)
        if line.startswith(_FOOT):
            self.version = line.removeprefix(_FOOT)
        elif line.startswith("System S/N:"):
            self.host = self.host or host_of(line.partition(":")[2])
        elif line.startswith(("Disk S/N:", "S/N:")):
            self.headings.add(line.partition(":")[2].strip(PADDING))
        elif line.lower().startswith("serial number:"):
            self.smart.add(line.partition(":")[2].strip(PADDING))
        elif _STATUS_OF in line:  # a word that is no status of nwipe's is another one than the table's
            status, _, serial = line.partition(_STATUS_OF)
            self.headings.add(serial.strip(PADDING))
            self.statuses.setdefault(serial.strip(PADDING), set()).add(status.strip())
        elif line in _STATUSES:
            if self.disks:
                self.disks[-1].say("Status:", line)
        else:
            self._take_fields(line)

    def _take_fields(self, line: str) -> None:
        first = next((label for label in _LABELS if line.startswith(label)), None)
        if first is None:
            return
        rest, second, value = line.removeprefix(first), "", ""
        for label in _LABELS[first]:
            before, found, after = rest.rpartition(label)
            if found:
                rest, second, value = before, label, after
                break
        if first in ("Make/Model:", "Make:"):
            self.disks.append(_Disk(model_of(rest)))
            second = "Serial:"
        if self.disks:
            if first not in ("Make/Model:", "Make:"):
                self.disks[-1].say(first, rest.strip(PADDING))
            if second:
                self.disks[-1].say(second, value.strip(PADDING))


@dataclass(slots=True)
class _Disk:
    """One disk's table."""

    model: str
    fields: dict[str, str] = field(default_factory=dict)
    doubled: list[str] = field(default_factory=list)

    def say(self, name: str, value: str) -> None:
        """Keep the first; what is said twice is remembered as such."""
        if name in self.fields:
            self.doubled.append(name)
        self.fields.setdefault(name, value)

    def finding(self, pages: _Pages, strange: str) -> Finding:
        """Weigh the table; what does not agree contradicts an erasure that is said to be complete."""
        status, serial = self.fields.get("Status:", ""), self.fields.get("Serial:", "")
        outcome, method = _STATUSES.get(status, Outcome.INCOMPLETE), self.fields.get("Method:", "")
        if outcome is Outcome.COMPLETED and self._errors():
            outcome = Outcome.FAILED
        completed = outcome is Outcome.COMPLETED
        started, finished = _time(self.fields.get("Start time:", "")), _time(self.fields.get("End time:", ""))
        verification = _VERIFY.get(self.fields.get("Verify:", ""), Verification.NONE)
        return Finding(
            technique=Technique.READ_ONLY if method in READ_ONLY else Technique.OVERWRITE,
            outcome=outcome,
            words=visible(f"{status or '-'}, errors {self.fields.get('Errors:', '-')}", WORDS_MAX),
            serial=serial_of(named(serial)),
            model=self.model,
            host_serial=pages.host,
            kind=_BUS_KINDS.get(self.fields.get("Bus:", "").strip(), MediumKind.UNKNOWN),
            started=started,
            finished=finished,
            verification=verification if completed else Verification.NONE,
            freshness=Freshness.LOGGED if started and finished else Freshness.STATE_ONLY,
            hidden=_HIDDEN.get(self.fields.get("HPA/DCO:", ""), Hidden.UNKNOWN),
            contradictions=tuple(self._contradictions(pages, strange, started, finished)) if completed else (),
        )

    def _errors(self) -> bool:
        counts = self.fields.get("Errors:", "").split("/")
        return any(count.strip("0") for count in counts)

    def _contradictions(
        self, pages: _Pages, strange: str, started: datetime | None, finished: datetime | None
    ) -> Iterator[Reason]:
        doubled = [name for disk in pages.disks for name in disk.doubled]  # of a table whose heading is gone, too
        for name in doubled[:3]:
            yield because("said-twice", words=name)
        for name in _NEEDED:
            if not self.fields.get(name):
                yield because("table-damaged", words=name)
        yield from self._identity(pages, strange)
        yield from self._sizes()
        duration = _duration(self.fields.get("Duration:", ""))
        if not started or not finished or finished - started != duration:
            yield because("times-out-of-order", words=visible(f"{started} → {finished}", WORDS_MAX))
        method = self.fields.get("Method:", "")
        if method not in (*METHODS, *READ_ONLY):
            yield because("technique-differs", one=visible(method or "-", 80), other="nwipe")
        done, _, wanted = self.fields.get("Rounds:", "").partition("/")
        if not (done == wanted and done.isascii() and done.isdigit() and done.strip("0")):
            yield because("passes-differ", wanted=visible(wanted or "-", 20), done=visible(done or "-", 20))

    def _identity(self, pages: _Pages, strange: str) -> Iterator[Reason]:
        """Every heading must name a disk of the table, and this disk must stand in one."""
        serial, status = self.fields.get("Serial:", ""), self.fields.get("Status:", "")
        if strange or serial not in pages.headings:
            one, other = visible(serial or "-", SERIAL_MAX), visible(strange or "-", SERIAL_MAX)
            yield because("identity-differs", what="S/N", one=one, other=other)
        if others := pages.statuses.get(serial, {status}) - {status}:
            yield because("status-differs", words=visible(f"{min(others)} / {status}", WORDS_MAX))

    def _sizes(self) -> Iterator[Reason]:
        sizes = [_SIZE.search(self.fields.get(name, "")) for name in ("Size(Real):", "Size(Apparent):")]
        erased = _ERASED.match(self.fields.get("*Bytes Erased:", ""))
        amounts = {int(match[1]) for match in (*sizes, erased) if match}
        if not erased or not all(sizes) or len(amounts) != 1 or 0 in amounts or erased[2] != "100.00":
            yield because("size-differs", done=erased[1] if erased else "-", size=sizes[0][1] if sizes[0] else "-")


def _time(text: str) -> datetime | None:
    try:
        time = datetime.strptime(text, "%Y/%m/%d %H:%M:%S")  # noqa: DTZ007 - the tool writes no zone
    except ValueError:
        return None
    return time if len(text) == 19 else None  # noqa: PLR2004 - strptime also takes single digits


def _duration(text: str) -> timedelta | None:
    parts = text.split(":")
    if len(parts) != 3 or not all(part.isascii() and part.isdigit() and len(part) <= 5 for part in parts):  # noqa: PLR2004 - hours, minutes, seconds
        return None
    hours, minutes, seconds = (int(part) for part in parts)
    return timedelta(hours=hours, minutes=minutes, seconds=seconds)
