"""What one may ask of erasure: record what reports prove, destroy, remove, re-check, witness."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.erasure import reading, views
from services.erasure.domain import medium as media
from services.erasure.domain.finding import Finding
from services.erasure.domain.grading import TABLE_CURRENT
from services.erasure.domain.medium import UNSTATED, Filing, Medium, Place, Registered, Remains, Technique, judge
from services.erasure.domain.regrading import Unclear, beside, judgements, regrade, same_report
from services.erasure.tables import circumstances
from services.erasure.waiting import Waiting, circumstances_of, unbound
from shared import ledger
from shared.database import Transaction
from shared.entry import Entry, Event
from shared.events.erasure import (
    ErasureFailed,
    ErasureVerified,
    LotReopened,
    LotSettled,
    MediumErased,
    Photo,
    ReportFiled,
    ReportPutAside,
    WitnessRecorded,
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
    histories = await ledger.read_all(tx, [one.medium for one in bound])
    known = {one.medium: one for one in await reading.registered(tx.connection, media=histories)}
    decided: list[tuple[History, Event]] = []
    places: list[Entry[Any] | int] = []  # an entry that was there, or the place of the one to come
    for one in bound:
        if one.medium not in known:
            raise Unknown
        event = judge(known[one.medium], one.finding, one.filing)
        event, before = _beside(histories[one.medium], event)
        if before:
            places.append(ledger.again(before))
            continue
        places.append(len(decided))
        decided.append((histories[one.medium], event))
    entries = await ledger.append_all(tx, decided)
    await views.apply(tx, entries)
    return [entries[place] if isinstance(place, int) else place for place in places]


def _beside(
    history: History, event: MediumErased | ErasureFailed
) -> tuple[MediumErased | ErasureFailed, Entry[Any] | None]:
    """Return the event as it is to be recorded, or the entry that says it already."""
    if before := _said_before(history, event):
        return event, before
    standing = next((one for one in judgements(history.entries) if same_report(one, event)), None)
    if standing is None:
        return event, None
    again = beside(standing, event)
    return (event, standing.last) if again is None else (again, None)


def _said_before(history: History, event: MediumErased | ErasureFailed) -> Entry[Event] | None:
    for entry in history.entries:
        match entry.event:
            case MediumErased() | ErasureFailed() as said if (
                said.evidence.sha256 == event.evidence.sha256
                and said.table_version == event.table_version
                and said.technique == event.technique
                and isinstance(said, type(event))
            ):
                return entry
    return None


@dataclass(frozen=True, slots=True)
class Regraded:
    """What grading media again came to: entries beside the old ones, how many stayed, what nobody can tell any more."""

    entries: list[Entry[Any]]
    unchanged: int
    unclear: list[tuple[UUID, str]]  # the medium, and the SHA-256 of its report


async def grade_again(
    tx: Transaction, media_: Sequence[UUID], kept: Mapping[str, Sequence[Finding]], version: str = TABLE_CURRENT
) -> Regraded:
    """Grade the kept reports of media of this transaction's tenant by another table; `kept` is read of their originals.

    An entry comes only where the level differs, so a second time nothing does.
    """
    histories = await ledger.read_all(tx, media_)
    decided: list[tuple[History, Event]] = []
    unchanged, unclear = 0, []
    for it in await reading.registered(tx.connection, media=media_):
        for standing in judgements(histories[it.medium].entries):
            sha256 = standing.event.evidence.sha256
            if standing.event.table_version == version or sha256 not in kept:
                continue
            try:
                event = regrade(it, standing, kept[sha256], version)
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
    return await _append(tx, history, ReportPutAside(report=report, serial=serial, reason=reason))


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
    tx: Transaction, waiting: Waiting, medium: UUID, findings: Sequence[Finding]
) -> list[Entry[Any]]:
    """Bind a waiting report to the medium that was registered since under exactly its serial. Crosses tenants."""
    history = await ledger.read(tx, waiting.report)
    report: Entry[Any] = history.entries[0]
    (there,) = await reading.registered(tx.connection, media=[medium])
    filing = await _filing(tx, report)
    acting = replace(tx.following(report), tenant=there.tenant, occurred_at=report.occurred_at)
    return await record(acting, [Bound(medium, finding, filing) for finding in findings])


async def _filing(tx: Transaction, report: Entry[ReportFiled]) -> Filing:
    place, witness = await circumstances_of(tx.connection, report.stream)
    where: Place = "centre" if place == "centre" else "on-site"
    return Filing(report.event.evidence, report.by.person, where, witness)


# ── one medium of an item ─────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Which:
    """Which medium of an item is meant, when it has several: by serial as printed, or by place counted from 1."""

    serial: str | None = None
    index: int | None = None


async def destroy(
    tx: Transaction,
    item: UUID,
    which: Which,
    *,
    technique: Technique,
    machine: str,
    photos: tuple[Photo, ...],
    witness: str | None,
    remains: Remains = UNSTATED,
) -> Entry[Any]:
    """Record that a medium was crushed (see `destroy_all`)."""
    (entry,) = await destroy_all(
        tx, [(item, which)], technique=technique, machine=machine, photos=photos, witness=witness, remains=remains
    )
    return entry


async def destroy_all(
    tx: Transaction,
    several: Sequence[tuple[UUID, Which]],
    *,
    technique: Technique,
    machine: str,
    photos: tuple[Photo, ...],
    witness: str | None,
    remains: Remains = UNSTATED,
) -> list[Entry[Any]]:
    """Record that media were crushed together, all of them or none: each its own entry with the same photos.

    Raises Refused when another request said so of one of them before, Invalid for a witness who may not be one: a slip
    of the finger, no fact about the medium.
    """
    them = [await chosen(tx, item, which) for item, which in several]
    them = list({it.medium: it for it in them}.values())
    histories = await ledger.read_all(tx, [it.medium for it in them])
    answered = {it.medium: histories[it.medium].answered(tx.request) for it in them}
    new = [it for it in them if not answered[it.medium]]
    if witness and new:
        engagements = {await reading.engagement_of(tx.connection, it.item) for it in new}
        asked = any(it.asks_witness for it in new)
        for one in engagements:
            await known_witness(tx.connection, witness, tx.by.person, tx.tenant, one, of_town=asked)
    decided: list[tuple[History, Event]] = [
        (
            histories[it.medium],
            media.fold(histories[it.medium].entries).destroy(
                it,
                technique=technique,
                machine=machine,
                photos=photos,
                operator=tx.by.person,
                witness=witness,
                remains=remains,
            ),
        )
        for it in new
    ]
    entries = await ledger.append_all(tx, decided)
    await views.apply(tx, entries)
    for it, entry in zip(new, entries, strict=True):
        await _weigh_lot(tx, it.item, entry)
    recorded = {entry.stream: entry for entry in entries}
    return [answered[it.medium] or recorded[it.medium] for it in them]


async def remove(tx: Transaction, item: UUID, which: Which) -> Entry[Any]:
    """Record that a medium was taken out of its chassis. A second scan answers with the first."""
    it = await chosen(tx, item, which)
    history = await ledger.read(tx, it.medium)
    if done := history.answered(tx.request):
        return done
    state = media.fold(history.entries)
    if state.removed:
        return ledger.again(next(e for e in history.entries if e.kind == "erasure.medium-removed.v1"))
    return await _append(tx, history, state.remove(it))


async def verify(tx: Transaction, item: UUID, which: Which, *, method: str, passed: bool) -> Entry[Any]:
    """Record what a second person found; a failure reopens the lot. Raises Refused for the one who erased it."""
    entry = await _decide(
        tx, item, which, lambda state, it: state.verify(it, verifier=tx.by.person, method=method, passed=passed)
    )
    if not entry.replayed:
        await _weigh_lot(tx, item, entry)
    return entry


async def _weigh_lot(tx: Transaction, item: UUID, because: Entry[Any]) -> None:
    """Say that a failed re-check reopened the engagement's lot, or that what it asked for is done."""
    engagement = await reading.engagement_of(tx.connection, item)
    if engagement is None:
        return
    history = await ledger.read(tx, derived(engagement, "recheck"))
    failed = isinstance(because.event, ErasureVerified) and not because.event.passed
    was_reopened = bool(history) and isinstance(history.entries[-1].event, LotReopened)
    if not failed and not was_reopened:
        return
    await tx.connection.execute(  # the last two looks of a lot, by two people at once: the second sees the first
        text("SELECT pg_advisory_xact_lock(hashtextextended(:lot, 2))"), {"lot": str(engagement)}
    )
    lot = await reading.lot_of(tx.connection, engagement)
    acting = replace(tx, because=because)
    if failed:
        drawn = lot.draw
        said = LotReopened(
            engagement=engagement,
            medium=because.event.medium,
            failed=because.id,
            round=lot.round,
            seed=drawn.seed,
            population=drawn.population,
            drawn=drawn.drawn,
        )
        await ledger.append(acting, history, said)
    elif lot.state == "passed":
        await ledger.append(acting, history, LotSettled(engagement=engagement, round=lot.round))


async def witness(
    tx: Transaction, engagement: UUID, *, witness: str, place: str, began_at: datetime, ended_at: datetime | None
) -> Entry[Any]:
    """Record that the town's staff stood by; one of the town may say so of themselves.

    Raises Invalid for a witness who is not of the town or did the work themselves, and for times that do not follow.
    """
    history = await ledger.read(tx, derived(engagement, f"witness:{tx.request.id if tx.request else began_at}"))
    if done := history.answered(tx.request):
        return done
    if ended_at and ended_at < began_at:
        raise Invalid(
            "times",
            "立会いの終わりが始まりより前です。時刻を直してください。",
            "The witnessing ends before it begins. Correct the times.",
            field="ended_at",
        )
    if (witness, tx.tenant) != (tx.by.person, tx.by.party):  # who of the town asks is known by the sign-in
        await known_witness(tx.connection, witness, tx.by.person, tx.tenant, engagement, of_town=True)
    if await reading.worked(tx.connection, witness, engagement, began_at, ended_at):
        raise _same_person()
    event = WitnessRecorded(engagement=engagement, witness=witness, place=place, began_at=began_at, ended_at=ended_at)
    return await _append(tx, history, event)


async def known_witness(
    connection: AsyncConnection, witness: str, operator: str, party: str, engagement: UUID | None, *, of_town: bool
) -> None:
    """Raise Invalid unless the witness is another person, known to the town or the centre of the engagement.

    With `of_town`, because a policy asks for a witness or may ask for one, only the town's own people will do.
    """
    if witness == operator:
        raise _same_person()
    where = await reading.directories(connection, witness, party, engagement)
    if where and of_town and "town" not in where:
        raise Invalid(
            "not-of-town",
            "この立会いは、町の職員でなければなりません。町の名簿にある人を選んでください。",
            "This witness has to be one of the town's staff. Choose a person on the town's directory.",
            field="witness",
        )
    if not where:
        raise Invalid(
            "nobody",
            "立会いの人は、町にもセンターにも名簿がありません。名簿にある人を選んでください。",
            "The witness is on neither the town's nor the centre's directory. Choose a person who is.",
            field="witness",
        )


def _same_person() -> Invalid:
    return Invalid(
        "same-person",
        "立会いは、作業した人とは別の人が必要です。別の人を選んでください。",
        "The witness must be somebody else than the one who did the work. Choose another person.",
        field="witness",
    )


async def chosen(tx: Transaction, item: UUID, which: Which) -> Registered:
    """Return the medium of an item that is meant. Raises Refused when it has none, Invalid when it is not clear."""
    there = await reading.registered(tx.connection, items=[item])
    if not there:
        raise Refused(
            "no-media",
            "この機器には記憶媒体が登録されていません。登録を確かめてください。",
            "No storage medium is registered for this device. Check the registration.",
        )
    meant = there
    if which.serial:
        meant = [one for one in there if one.serial == which.serial.strip()]
    elif which.index is not None:
        meant = there[which.index - 1 : which.index] if which.index > 0 else []
    if len(meant) == 1:
        return meant[0]
    raise Invalid(
        "which-medium",
        f"この機器には媒体が{len(there)}つあります。製造番号か、何番目かを示してください。",
        f"This device has {len(there)} media. Say which by serial or by number.",
        field="serial",
    )


async def _decide(
    tx: Transaction, item: UUID, which: Which, decide: Callable[[Medium, Registered], Event]
) -> Entry[Any]:
    it = await chosen(tx, item, which)
    history = await ledger.read(tx, it.medium)
    if done := history.answered(tx.request):
        return done
    return await _append(tx, history, decide(media.fold(history.entries), it))


async def _append(tx: Transaction, history: History, event: Event) -> Entry[Any]:
    entry = await ledger.append(tx, history, event)
    await views.apply(tx, [entry])
    return entry
