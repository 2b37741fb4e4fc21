"""Erasure's views: written from entries, by commands, consumers and rebuild alike (`reading.py` reads them)."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Table, text
from sqlalchemy.dialects.postgresql import insert

from services.erasure.tables import (
    bindings,
    deeds,
    exceptions,
    media,
    photos,
    places,
    put_aside,
    reports,
    requirements,
    session_steps,
    unmatched,
    witnesses,
)
from shared.database import Transaction
from shared.entry import Entry
from shared.events.erasure import (
    ErasureFailed,
    ErasureVerified,
    Evidence,
    ItemPlaced,
    ItemTakenOut,
    MediumDestroyed,
    MediumErased,
    MediumRemoved,
    RackBegan,
    RackEnded,
    RackLoaded,
    ReportFiled,
    ReportPutAside,
    ReportPutBack,
    SessionClosed,
    SessionOpened,
    WitnessRecorded,
)
from shared.events.tracking import ExceptionApproved, ItemRegistered, Medium, Received, RequirementChanged, ShippedOut
from shared.serial import loose

REBUILT: tuple[Table, ...] = (
    media,
    requirements,
    places,
    exceptions,
    deeds,
    reports,
    photos,
    unmatched,
    put_aside,
    bindings,
    session_steps,
    witnesses,
)

Rows = defaultdict[Table, list[dict[str, Any]]]


async def apply(tx: Transaction, entries: Sequence[Entry[Any]]) -> None:
    """Write what the entries say. Every row has a key made of its entry, so repetition and order do not matter."""
    rows: Rows = defaultdict(list)
    for entry in entries:
        _rows_of(entry, rows)
    for table, given in rows.items():
        if not given:
            continue  # a device without media
        await tx.connection.execute(insert(table).on_conflict_do_nothing(), given)


async def relabel(tx: Transaction, items: Sequence[UUID]) -> None:
    """Write the media of items under the label that the directory knows each by."""
    await tx.connection.execute(
        text("UPDATE media m SET label = i.label FROM items i WHERE i.item = m.item AND m.item = ANY(:items)"),
        {"items": list(items)},
    )


async def describe(tx: Transaction, items: Sequence[UUID]) -> None:
    """Write the media of items as the directory knows each; `reading.registered` holds them in the same order."""
    await tx.connection.execute(
        text("SELECT 1 FROM media WHERE item = ANY(:items) ORDER BY item, nth FOR UPDATE"), {"items": list(items)}
    )
    there = await tx.connection.execute(text("SELECT data FROM items WHERE item = ANY(:items)"), {"items": list(items)})
    for (data,) in there:
        for medium in ItemRegistered.model_validate(data).media:
            now = media.update().where(media.c.medium == medium.id).values(_described(medium))
            await tx.connection.execute(now)


def _rows_of(entry: Entry[Any], rows: Rows) -> None:
    key = {"stream": entry.stream, "sequence": entry.sequence, "tenant": entry.tenant}
    match entry.event:
        case ItemRegistered() | RequirementChanged() | ShippedOut() | Received() | ExceptionApproved():
            _heard(key, entry, rows)
        case ReportFiled() as e:
            rows[reports].append(_report(key, entry, e.evidence, None))
            hosts = dict(zip(e.serials, e.host_serials, strict=False))  # none in what was filed before they were kept
            rows[unmatched] += [_waiting(entry, e, serial, hosts.get(serial)) for serial in dict.fromkeys(e.serials)]
        case ReportPutAside() | ReportPutBack() as e:
            said = {"person": entry.by.person, "recorded_at": entry.recorded_at}
            said |= {"report": e.report, "serial": e.serial, "reason": getattr(e, "reason", "")}
            rows[put_aside].append(key | said | {"back": isinstance(e, ReportPutBack)})
        case (
            SessionOpened() | RackLoaded() | RackBegan() | RackEnded() | ItemPlaced() | ItemTakenOut() | SessionClosed()
        ):
            moments = {"occurred_at": entry.occurred_at, "recorded_at": entry.recorded_at}
            said = {"kind": entry.kind, "data": entry.event.model_dump(mode="json")}
            rows[session_steps].append(key | moments | said)
        case WitnessRecorded() as e:
            rows[witnesses].append(key | e.model_dump())
        case MediumErased() | ErasureFailed() | MediumDestroyed() | MediumRemoved() | ErasureVerified():
            rows[deeds].append(_deed(key, entry))
            _named(key, entry, rows)
        case _:
            return  # the directory's: parties and engagements are kept by shared.directory


def _heard(key: dict[str, Any], entry: Entry[Any], rows: Rows) -> None:
    """Take in what tracking says."""
    match entry.event:
        case ItemRegistered() as e:
            rows[media] += _media(entry.tenant, e)
            rows[requirements].append(_requirement(key, entry))
        case RequirementChanged():
            rows[requirements].append(_requirement(key, entry))
        case ShippedOut() | Received() as e:
            place = "centre" if isinstance(e, Received) else "on-the-way"
            rows[places].append(key | {"item": e.item, "place": place, "occurred_at": entry.occurred_at})
        case ExceptionApproved() as e:
            rows[exceptions].append(key | e.model_dump(include={"item", "medium", "reason", "witness", "approver"}))


def _named(key: dict[str, Any], entry: Entry[Any], rows: Rows) -> None:
    """Note which bytes an entry names, and which waiting report it came out of."""
    match entry.event:
        case MediumErased() | ErasureFailed() as e:
            rows[reports].append(_report(key, entry, e.evidence, e.medium))
            if entry.because:
                rows[bindings].append(key | {"filed": entry.because, "loose": loose(e.serial), "label": e.label})
        case MediumDestroyed() as e:
            rows[photos] += [
                key | {"nth": nth, "medium": e.medium} | photo.model_dump() for nth, photo in enumerate(e.photos)
            ]


def _media(tenant: str, e: ItemRegistered) -> list[dict[str, Any]]:
    return [
        {
            "medium": medium.id,
            "item": e.item,
            "tenant": tenant,
            "engagement": e.engagement,
            "label": e.label,
            "nth": nth,
            "item_kind": e.item_kind,
        }
        | _described(medium)
        for nth, medium in enumerate(e.media, 1)
    ]


def _described(medium: Medium) -> dict[str, Any]:
    return {
        "serial": medium.serial.strip(),
        "loose": loose(medium.serial),
        "kind": medium.kind,
        "maker": medium.maker,
        "model": medium.model,
        "capacity_gb": medium.capacity_gb,
    }


def _requirement(key: dict[str, Any], entry: Entry[ItemRegistered | RequirementChanged]) -> dict[str, Any]:
    required = entry.event.required.model_dump(mode="json")
    return key | {"item": entry.event.item, "recorded_at": entry.recorded_at, "required": required}


def _deed(key: dict[str, Any], entry: Entry[Any]) -> dict[str, Any]:
    return key | {
        "entry": entry.id,
        "medium": entry.event.medium,
        "item": entry.event.item,
        "kind": entry.kind,
        "occurred_at": entry.occurred_at,
        "recorded_at": entry.recorded_at,
        "person": entry.by.person,
        "party": entry.by.party,
        "achieved": getattr(entry.event, "achieved", None),
        "sufficient": getattr(entry.event, "sufficient", None),
        "conformant": getattr(entry.event, "conformant", None),
        "regrades": getattr(entry.event, "regrades", None),
        "data": entry.event.model_dump(mode="json", exclude_none=True),
    }


def _report(key: dict[str, Any], entry: Entry[Any], evidence: Evidence, medium: UUID | None) -> dict[str, Any]:
    return key | evidence.model_dump() | {"medium": medium, "recorded_at": entry.recorded_at}


def _waiting(entry: Entry[ReportFiled], e: ReportFiled, serial: str, host: str | None) -> dict[str, Any]:
    return {
        "report": e.report,
        "serial": serial,
        "loose": loose(serial),
        "tenant": entry.tenant,
        "entry": entry.id,
        "sha256": e.evidence.sha256,
        "filename": e.evidence.filename,
        "tool": e.evidence.tool,
        "engagement": e.engagement,
        "operator": entry.by.person,
        "filed_at": entry.recorded_at,
        "host_serial": host or None,
    }
