"""Commands about reports: record what they prove, file and bind what waits, put aside, grade again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert

from services.erasure import reading, views
from services.erasure.commands.appending import append
from services.erasure.domain.finding import Finding
from services.erasure.domain.grading import TABLE_CURRENT
from services.erasure.domain.medium import Filing, Place, Registered, judge
from services.erasure.domain.regrading import (
    Judged,
    Unclear,
    beside,
    filed_at,
    judgements,
    of_kind,
    regrade,
    same_report,
)
from services.erasure.tables import circumstances
from services.erasure.waiting import Waiting, circumstances_of, unbound
from shared import ledger
from shared.database import Transaction
from shared.entry import Entry, Event
from shared.events.erasure import (
    ErasureFailed,
    MediumErased,
    ReportFiled,
    ReportPutAside,
    ReportPutBack,
)
from shared.ids import FOUNDATION, derived
from shared.ledger import History
from shared.refused import Invalid, Refused, Unknown
from shared.serial import is_near


@dataclass(frozen=True, slots=True)
class Bound:
    """One finding of a kept report that belongs to a medium."""

    medium: UUID
    finding: Finding
    filing: Filing


async def record(tx: Transaction, bound: Sequence[Bound]) -> list[Entry[Any]]:
    """Record what findings prove for their media; one entry a finding, in their order.

    The same report for the same medium, graded by the same table, is answered with what it said the first time; graded
    by a newer table it is a judgement beside the first (see `grade_again`).
    """
    media_ = list(dict.fromkeys(one.medium for one in bound))
    known = {one.medium: one for one in await reading.registered(tx.connection, media=media_, held=True)}
    histories = await ledger.read_all(tx, media_)
    decided: list[tuple[History, Event]] = []
    places: list[Entry[Any] | int] = []  # an entry that was there, or the place of the one to come
    for one in bound:
        if one.medium not in known:
            raise Unknown
        event = judge(known[one.medium], one.finding, filed_at(one.filing, histories[one.medium].entries, tx.at))
        event, before = _beside(histories[one.medium], event)
        if before:
            places.append(ledger.again(before))
            continue
        places.append(len(decided))
        decided.append((histories[one.medium], event))
    entries = await ledger.append_all(tx, decided)
    await views.apply(tx, entries)
    return [entries[place] if isinstance(place, int) else place for place in places]


def _beside(history: History, event: Judged) -> tuple[Judged, Entry[Any] | None]:
    """Return the event as it is to be recorded, or the entry that says it already."""
    if before := _said_before(history, event):
        return event, before
    standing = next((one for one in judgements(history.entries) if same_report(one, event)), None)
    if standing is None:
        return event, None
    again = beside(standing, event)
    return (event, standing.last) if again is None else (again, None)


def _said_before(history: History, event: Judged) -> Entry[Any] | None:
    """Return what stands for a report that says this already, also where a corrected kind has it judged anew."""
    for entry in history.entries:
        match entry.event:
            case MediumErased() | ErasureFailed() as said if (
                said.evidence.sha256 == event.evidence.sha256
                and said.table_version == event.table_version
                and said.technique == event.technique
                and isinstance(said, type(event))
            ):
                first = said.regrades or entry.id
                return next(one.last for one in judgements(history.entries) if one.first == first)
    return None


@dataclass(frozen=True, slots=True)
class Regraded:
    """What grading media again came to: entries beside the old ones, how many stayed, what nobody can tell any more."""

    entries: list[Entry[Any]]
    unchanged: int
    unclear: list[tuple[UUID, str]]  # the medium, and the SHA-256 of its report


async def grade_again(
    tx: Transaction,
    media_: Sequence[UUID],
    kept: Mapping[str, Sequence[Finding]],
    version: str = TABLE_CURRENT,
    *,
    kind_corrected: bool = False,
) -> Regraded:
    """Grade the kept reports of media of this transaction's tenant by another table; `kept` is read of their originals.

    With `kind_corrected` also what this very table graded: it was asked of another kind of medium then. An entry comes
    only where the level differs, so a second time nothing does.
    """
    histories = await ledger.read_all(tx, media_)
    decided: list[tuple[History, Event]] = []
    unchanged, unclear = 0, []
    for it in await reading.registered(tx.connection, media=media_):
        for standing in judgements(histories[it.medium].entries):
            sha256 = standing.event.evidence.sha256
            if sha256 not in kept or (standing.event.table_version == version and not kind_corrected):
                continue
            try:
                event = regrade(it, standing, kept[sha256], version)
                event = of_kind(it, event) if kind_corrected else event
            except Unclear:
                unclear.append((it.medium, sha256))
                continue
            if event is None:
                unchanged += 1
            else:
                decided.append((histories[it.medium], event))
    entries = await ledger.append_all(tx, decided)
    await views.apply(tx, entries)
    return Regraded(entries, unchanged, unclear)


@dataclass(frozen=True, slots=True)
class Stray:
    """A kept report with the serials in it that mean no medium yet."""

    filing: Filing
    serials: tuple[str, ...]
    engagement: UUID | None
    host_serials: tuple[str, ...] = ()  # one a serial


def report_stream(party: str, sha256: str, engagement: UUID | None) -> UUID:
    """Return the stream of a filed report: the same bytes for the same engagement are the same report."""
    return derived(engagement or FOUNDATION, f"report:{party}:{sha256}")


async def file(tx: Transaction, strays: Sequence[Stray]) -> list[Entry[Any]]:
    """File reports that wait for their media, under the one who filed them. A second time changes nothing."""
    streams = [report_stream(tx.tenant, stray.filing.evidence.sha256, stray.engagement) for stray in strays]
    histories = await ledger.read_all(tx, streams)
    decided: dict[UUID, tuple[History, Event]] = {}
    for stream, stray in zip(streams, strays, strict=True):
        if not histories[stream]:
            said = ReportFiled(
                report=stream,
                evidence=stray.filing.evidence,
                serials=stray.serials,
                engagement=stray.engagement,
                host_serials=stray.host_serials if any(stray.host_serials) else (),
            )
            decided[stream] = (histories[stream], said)
            await tx.connection.execute(
                insert(circumstances).on_conflict_do_nothing(),
                {
                    "report": stream,
                    "tenant": tx.tenant,
                    "place": stray.filing.place,
                    "witness": stray.filing.witness,
                },
            )
    entries = await ledger.append_all(tx, list(decided.values()))
    await views.apply(tx, entries)
    new = {entry.stream: entry for entry in entries}
    return [new.get(stream) or ledger.again(histories[stream].entries[0]) for stream in streams]


async def filed(tx: Transaction, report: UUID) -> Entry[ReportFiled]:
    """Return the entry of a filed report. Raises Unknown when this party filed none under that id."""
    history = await ledger.read(tx, report)
    if not history or not isinstance(history.entries[0].event, ReportFiled):
        raise Unknown
    return history.entries[0]  # type: ignore[return-value]  # just looked at


async def bind(
    tx: Transaction, report: Entry[ReportFiled], item: UUID, serial: str, findings: Sequence[Finding]
) -> list[Entry[Any]]:
    """Bind a waiting report's serial to a medium of the item whose label a person scanned.

    The serial may be empty or near (O/0, I/1, leading zeros, case). Raises Refused for another drive's serial and for
    what was bound before, Invalid when it could be several media of the item.
    """
    there = await reading.registered(tx.connection, items=[item])
    chosen = _meant(there, serial)
    waiting = await unbound(tx.connection, report=report.stream)
    if not any(one.serial == serial for one in waiting):
        history = await ledger.read(tx, chosen.medium)
        if done := [ledger.again(entry) for entry in history.entries if entry.because == report.id]:
            return done
        raise Refused(
            "already-bound",
            "この報告は、すでに別の媒体に結び付けられています。一覧を読み直してください。",
            "This report has been bound to another medium already. Reload the list.",
        )
    await _take(tx, report.stream, serial)
    filing = await _filing(tx, report)
    because = replace(tx, because=report)
    return await record(because, [Bound(chosen.medium, finding, filing) for finding in findings])


async def _take(tx: Transaction, report: UUID, serial: str) -> None:
    """Let nobody else decide on a waiting serial: of two people the second waits, and then finds it decided."""
    await tx.connection.execute(
        text("SELECT 1 FROM unmatched WHERE report = :report AND serial = :serial FOR UPDATE"),
        {"report": report, "serial": serial},
    )
    if not any(one.serial == serial for one in await unbound(tx.connection, report=report)):
        raise ledger.LostRace


async def put_aside(tx: Transaction, report: UUID, serial: str, *, reason: str) -> Entry[Any]:
    """Say that a waiting report's serial is not ours. Raises Unknown for none of this party, Refused when decided."""
    history = await ledger.read(tx, report)
    if done := history.answered(tx.request):
        return done
    if not history:
        raise Unknown
    if not any(one.serial == serial for one in await unbound(tx.connection, report=report)):
        raise Refused(
            "not-waiting",
            "この報告は、もう待っていません。ほかの人が結び付けたか、対象外にしました。一覧を読み直してください。",
            "This report waits no more: somebody has bound it or put it aside. Reload the list.",
        )
    await _take(tx, report, serial)
    return await append(tx, history, ReportPutAside(report=report, serial=serial, reason=reason))


async def put_back(tx: Transaction, report: UUID, serial: str) -> Entry[Any]:
    """Let a serial that was put aside wait again. Raises Unknown for none of this party, Refused when it waits."""
    history = await ledger.read(tx, report)
    if done := history.answered(tx.request):
        return done
    if not history:
        raise Unknown
    said = [e for e in history.events if isinstance(e, ReportPutAside | ReportPutBack) and e.serial == serial]
    if not said or isinstance(said[-1], ReportPutBack):
        raise Refused(
            "not-aside",
            "この報告は、対象外になっていません。ほかの人が戻したかもしれません。一覧を読み直してください。",
            "This report is not put aside. Somebody may have put it back already. Reload the list.",
        )
    return await append(tx, history, ReportPutBack(report=report, serial=serial))


def _meant(there: Sequence[Registered], serial: str) -> Registered:
    """Choose the medium of an item that a report's serial may mean."""
    near = [one for one in there if one.serial == serial] or [one for one in there if is_near(one.serial, serial)]
    candidates = near if serial else list(there)
    if len(candidates) == 1:
        return candidates[0]
    if candidates:
        raise Invalid(
            "which-medium",
            "この機器には媒体が複数あり、報告がどれのものか決められません。製造番号の出る報告を取り直してください。",
            "The device has several media and the report does not say which. Take a report that names the serial.",
            field="serial",
        )
    raise Refused(
        "another-drive",
        "報告の製造番号は、この機器に登録された媒体のものではありません。ラベルを確かめてください。"
        "登録のない媒体なら、記憶媒体として登録するよう、町の担当に頼んでください。",
        "The report's serial is not that of a medium registered for this device. Check the label; if the medium is not "
        "registered at all, ask the town's desk to register it as a storage medium of its own.",
    )


async def bind_arrived(
    tx: Transaction, waiting: Waiting, medium: UUID, findings: Sequence[Finding], *, by_host: bool = False
) -> list[Entry[Any]]:
    """Bind a waiting report to the medium that was registered since under exactly its serial. Crosses tenants."""
    history = await ledger.read(tx, waiting.report)
    report: Entry[Any] = history.entries[0]
    (there,) = await reading.registered(tx.connection, media=[medium])
    filing = replace(await _filing(tx, report), by_host=by_host)
    acting = replace(tx.following(report), tenant=there.tenant, occurred_at=report.occurred_at)
    return await record(acting, [Bound(medium, finding, filing) for finding in findings])


async def _filing(tx: Transaction, report: Entry[ReportFiled]) -> Filing:
    place, witness = await circumstances_of(tx.connection, report.stream)
    where: Place = "centre" if place == "centre" else "on-site"
    return Filing(report.event.evidence, report.by.person, where, witness, received=report.recorded_at)


# ── one medium of an item ─────────────────────────────────────────────────────────────────────────────────────────────
