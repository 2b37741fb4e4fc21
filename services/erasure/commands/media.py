"""Commands about a medium: destroy, remove, look again."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.erasure import reading, views
from services.erasure.commands.appending import append
from services.erasure.commands.witnesses import known_witness
from services.erasure.domain import medium as media
from services.erasure.domain.medium import UNSTATED, Medium, Registered, Remains, Technique
from shared import ledger
from shared.database import Transaction
from shared.entry import Entry, Event
from shared.events.erasure import (
    ErasureVerified,
    LotReopened,
    LotSettled,
    Photo,
)
from shared.ids import derived
from shared.ledger import History
from shared.refused import Invalid, Refused


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
    return await append(tx, history, state.remove(it))


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
    return await append(tx, history, decide(media.fold(history.entries), it))
