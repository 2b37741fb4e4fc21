"""How a tool's report comes in: read, matched and kept outside any transaction, then recorded in one for each party.

The original bytes are kept before the entry that names them; a process that dies in between leaves an orphan blob,
and the same file sent again does what is still missing.
"""

import asyncio
import hashlib
import logging
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Any
from uuid import UUID

from pydantic import Field

from services.erasure import reading
from services.erasure.commands import reports, witnesses
from services.erasure.commands.reports import Bound, Stray
from services.erasure.domain.finding import Finding
from services.erasure.domain.likeness import the_one
from services.erasure.domain.medium import Filing, Place, speaks_of_erasure
from services.erasure.domain.placeholder import named, without_placeholders
from services.erasure.reading import Candidate
from services.erasure.readingroom import read_apart
from services.erasure.reports.read import Report, Unreadable
from services.erasure.reports.text import SERIAL_MAX, visible
from services.erasure.waiting import arrived
from shared import blobs
from shared.database import Transaction
from shared.door import Ask, Door, Found
from shared.entry import Entry
from shared.events.erasure import ErasureFailed, Evidence, MediumErased
from shared.identity import Principal
from shared.ids import LABEL_INPUT_MAX
from shared.refused import Unknown
from shared.serial import loose

log = logging.getLogger(__name__)

FILES_MAX = 100  # of one request
FILENAME_MAX = 200  # characters


PRINTABLE = r"^[^\x00-\x1f\x7f]*$"  # PostgreSQL holds no NUL, and a page no control characters
TEXT_MAX = 200  # characters of a machine's name, a place, a method, a reference to a person
Words = Annotated[str, Field(min_length=1, max_length=TEXT_MAX, pattern=PRINTABLE)]


class Dropped(Ask):
    """What was said besides the files."""

    engagement: UUID | None = None
    place: Place = "on-site"
    witness: Words | None = None


@dataclass(frozen=True, slots=True)
class File:
    """One file as it came."""

    filename: str
    content: bytes


@dataclass(slots=True)
class Said:
    """What became of one drive in one file."""

    serial: str
    state: str  # bound, waiting, not-evidence
    entry: Entry[Any] | None = None
    proposed: tuple[Candidate, ...] = ()


@dataclass(slots=True)
class Result:
    """What became of one file; `wrong` is the sentence of a file that could not be read."""

    filename: str
    sha256: str
    tool: str = ""
    wrong: str = ""
    drives: list[Said] = field(default_factory=list)

    @property
    def is_new(self) -> bool:
        """Whether anything was recorded that had not been before."""
        return any(drive.entry and not drive.entry.replayed for drive in self.drives)

    @property
    def waits(self) -> bool:
        """Whether a drive of it waits for a medium."""
        return any(drive.state == "waiting" for drive in self.drives)


async def take_in(door: Door, who: Principal, files: Sequence[File], ask: Dropped) -> list[Result]:
    """Read, match, keep and record files. One result a file, in their order; one file's fault stops no other.

    Raises Invalid for a witness who is nobody, the one who files, or not of the town where its staff must stand by.
    """
    opened = [await _open(file) for file in files]
    serials = [finding.serial for _, report in opened if report for finding in report.findings]
    async with door.look(who.party, who) as connection:
        candidates = await reading.media_by_serial(connection, serials, who.party)
    by_fold: defaultdict[str, list[Candidate]] = defaultdict(list)
    for candidate in candidates:
        by_fold[candidate.loose].append(candidate)
    work = _Work(who.party, ask)
    for file, (result, report) in zip(files, opened, strict=True):
        for finding in report.findings if report else ():
            result.drives.append(work.sort(finding, by_fold, _filing(who, result, report, ask)))
        work.keep(file, result)
    if ask.witness:
        await work.check_witness(door, who, ask.witness)
    await asyncio.gather(*(blobs.put(party, content) for party, content in work.kept.values()))
    await work.record(door, who)
    return [result for result, _ in opened]


async def findings(content: bytes, filename: str, serial: str) -> list[Finding]:
    """Read kept bytes again and return what they say of one serial."""
    meant = named(serial)
    told = [without_placeholders(one) for one in (await read_apart(content, filename)).findings]
    return [one for one in told if one.serial == meant and speaks_of_erasure(one)]


async def _open(file: File) -> tuple[Result, Report | None]:
    result = Result(visible(file.filename, FILENAME_MAX), hashlib.sha256(file.content).hexdigest())
    try:
        report = await read_apart(file.content, file.filename)
    except Unreadable as wrong:
        result.wrong = str(wrong)
        return result, None
    result.tool = report.tool
    return result, replace(report, findings=tuple(without_placeholders(one) for one in report.findings))


def _filing(who: Principal, result: Result, report: Report | None, ask: Dropped) -> Filing:
    version = report.tool_version if report else ""
    kept = Evidence(sha256=result.sha256, filename=result.filename, tool=result.tool, tool_version=version or None)
    return Filing(kept, who.person, ask.place, ask.witness)


@dataclass(slots=True)
class _Work:
    """What is to be kept and recorded, sorted by the party whose entry it becomes."""

    party: str
    ask: Dropped
    bound: defaultdict[str, list[tuple[Said, Bound]]] = field(default_factory=lambda: defaultdict(list))
    strays: dict[str, tuple[Filing, list[Said]]] = field(default_factory=dict)
    hosts: dict[tuple[str, str], str] = field(default_factory=dict)  # by file and serial: the computer it was in
    kept: dict[tuple[str, str], tuple[str, bytes]] = field(default_factory=dict)

    def sort(self, finding: Finding, by_fold: dict[str, list[Candidate]], filing: Filing) -> Said:
        """Bind a finding to the one medium of exactly its serial; let it wait when there is none, or several."""
        if not speaks_of_erasure(finding):
            return Said(finding.serial, "not-evidence")
        near = by_fold.get(loose(finding.serial), [])
        exact = [one for one in near if one.serial == finding.serial]
        meant, by_host = the_one(exact, self.ask.engagement, finding.host_serial)
        if meant:
            said = Said(finding.serial, "bound")
            self.bound[meant.tenant].append((said, Bound(meant.medium, finding, replace(filing, by_host=by_host))))
            return said
        said = Said(finding.serial, "waiting", proposed=tuple(near))
        self.strays.setdefault(filing.evidence.sha256, (filing, []))[1].append(said)
        self.hosts.setdefault((filing.evidence.sha256, finding.serial), finding.host_serial)
        return said

    def keep(self, file: File, result: Result) -> None:
        """Keep the bytes under every party whose entry will name them."""
        for tenant, several in self.bound.items():
            if any(bound.filing.evidence.sha256 == result.sha256 for _, bound in several):
                self.kept[tenant, result.sha256] = (tenant, file.content)
        if result.sha256 in self.strays:
            self.kept[self.party, result.sha256] = (self.party, file.content)

    async def check_witness(self, door: Door, who: Principal, witness: str) -> None:
        """Raise Invalid for a witness who may not be one (see commands.known_witness).

        What is asked of a medium that is not registered yet nobody knows: there only the town's staff may stand by.
        """
        async with door.look(self.party, who) as connection:
            await witnesses.known_witness(
                connection, witness, who.person, self.party, self.ask.engagement, of_town=bool(self.strays)
            )
        for tenant, judged in self.bound.items():
            async with door.look(tenant, who) as connection:
                there = await reading.registered(connection, media=[bound.medium for _, bound in judged])
                asked = any(one.asks_witness for one in there)
                await witnesses.known_witness(connection, witness, who.person, tenant, None, of_town=asked)

    async def record(self, door: Door, who: Principal) -> None:
        """Record for each town what its media's reports prove, and file what waits."""
        for tenant, judged in self.bound.items():
            self._say([said for said, _ in judged], await self._record(door, who, tenant, [one for _, one in judged]))
        if self.strays:
            filed = await door.act(self.party, who, lambda tx: reports.file(tx, self._strays()), ask=self.ask)
            for (_, waiting), entry in zip(self.strays.values(), filed, strict=True):
                self._say(waiting, [entry] * len(waiting))

    async def _record(self, door: Door, who: Principal, tenant: str, bound: list[Bound]) -> list[Entry[Any]]:
        return await door.act(tenant, who, lambda tx: reports.record(tx, bound), ask=self.ask)

    def _strays(self) -> list[Stray]:
        strays = []
        for filing, waiting in self.strays.values():
            serials = tuple(dict.fromkeys(said.serial for said in waiting))
            hosts = tuple(self.hosts[filing.evidence.sha256, serial] for serial in serials)
            strays.append(Stray(filing, serials, self.ask.engagement, hosts))
        return strays

    @staticmethod
    def _say(drives: Sequence[Said], entries: Sequence[Entry[Any]]) -> None:
        for said, entry in zip(drives, entries, strict=True):
            said.entry = entry


class Binding(Ask):
    """Which item a waiting report belongs to: its label as scanned, and the serial in the report that is meant."""

    label: str = Field(max_length=LABEL_INPUT_MAX)
    serial: str = Field(max_length=SERIAL_MAX, pattern=PRINTABLE)


async def bind(door: Door, who: Principal, report: UUID, found: Found, ask: Binding) -> list[Entry[Any]]:
    """Bind one serial of a waiting report to the item whose label a person scanned (see commands.bind)."""
    serial = ask.serial
    filed = await door.act(who.party, who, lambda tx: reports.filed(tx, report))
    named = filed.event.evidence
    content = await blobs.get(who.party, named.sha256)
    said = await findings(content, named.filename, serial)
    if not said:
        raise Unknown
    await blobs.put(found.tenant, content)
    return await door.act(found.tenant, who, lambda tx: reports.bind(tx, filed, found.item, serial, said), ask=ask)


class Aside(Ask):
    """Why a waiting serial is not ours."""

    serial: str = Field(max_length=SERIAL_MAX, pattern=PRINTABLE)
    reason: Words


async def put_aside(door: Door, who: Principal, report: UUID, ask: Aside) -> Entry[Any]:
    """Put one serial of a waiting report aside (see commands.put_aside)."""
    return await door.act(
        who.party, who, lambda tx: reports.put_aside(tx, report, ask.serial, reason=ask.reason), ask=ask
    )


class Back(Ask):
    """Which serial that was put aside is to wait again."""

    serial: str = Field(max_length=SERIAL_MAX, pattern=PRINTABLE)


async def put_back(door: Door, who: Principal, report: UUID, ask: Back) -> Entry[Any]:
    """Let one serial of a report that was put aside wait again (see commands.put_back)."""
    return await door.act(who.party, who, lambda tx: reports.put_back(tx, report, ask.serial), ask=ask)


async def bind_arrived(tx: Transaction) -> list[Entry[Any]]:
    """Bind every waiting report whose medium has been registered since. Crosses tenants; nothing to do is usual.

    Of several media of one serial the computer decides that the report names, if one of them sits in it.

    The bytes are read inside the transaction: they are local, write-once and few, and the entry must not stand
    without them.
    """
    entries = []
    for waiting, medium, by_host in await arrived(tx.connection):
        try:
            content = await blobs.get(waiting.tenant, waiting.sha256)
            said = await findings(content, waiting.filename, waiting.serial)
        except (blobs.Missing, Unreadable):
            log.exception("the waiting report %s cannot be read again", waiting.report)
            continue
        (there,) = await reading.registered(tx.connection, media=[medium])
        await blobs.put(there.tenant, content)
        entries += await reports.bind_arrived(tx, waiting, medium, said, by_host=by_host)
    return entries


def achieved(entry: Entry[Any]) -> tuple[str, bool]:
    """Return the level an entry proves ("" for none) and whether it is enough on site."""
    match entry.event:
        case MediumErased() as e:
            return e.achieved, e.sufficient
        case ErasureFailed():
            return "", False
        case other:
            raise ValueError(f"{other.kind} proves no level")
