"""Commands about consignments: chassis leave together, and the recycler reports what became of them."""

import unicodedata
from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services.refurb import views
from services.refurb.commands.media import still_open
from services.refurb.commands.orders import stream_of
from services.refurb.domain import consignment, work_order
from shared import ledger
from shared.database import Transaction
from shared.entry import Entry, Event
from shared.events.refurb import Consigned, Document, Weight
from shared.ids import derived
from shared.ledger import History
from shared.refused import Refused


def consignment_of(engagement: UUID, manifest: str) -> UUID:
    """Return the stream of what left under a manifest: one number is one consignment of an engagement."""
    return derived(engagement, f"manifest:{unicodedata.normalize('NFKC', manifest).strip().upper()}")


async def consign(
    tx: Transaction,
    engagement: UUID,
    items: Sequence[tuple[UUID, str]],
    *,
    manifest: str,
    operator: str,
    kg: float,
    tolerance: float,
) -> Entry[Any]:
    """Let chassis (item and label) leave together: all of them or none. Answers the consignment's entry.

    Raises Refused with the sentence of every chassis that may not leave, and for a manifest that was used before.
    """
    stream = consignment_of(engagement, manifest)
    history = await ledger.read(tx, stream)
    if done := history.answered(tx.request):
        return done
    if history:
        raise Refused(
            "manifest-used",
            f"管理票 {manifest} の引き渡しはもう記録しています。番号を確かめてください。",
            f"A hand-over under manifest {manifest} is recorded already. Check the number.",
            field="manifest",
        )
    labels = [label for _, label in items]
    sent = consignment.consign(
        stream, engagement, manifest=manifest, operator=operator, labels=labels, kg=kg, tolerance=tolerance
    )
    decided: list[tuple[History, Event]] = [(history, sent), *await _leave(tx, items, sent)]
    entries = await ledger.append_all(tx, decided)
    await views.apply(tx, entries)
    return entries[0]


async def report(
    tx: Transaction,
    stream: UUID,
    weights: Sequence[Weight],
    *,
    loss_kg: float,
    certificate: Document | None = None,
    reason: str | None = None,
) -> Entry[Any]:
    """Record what the recycler made of a consignment."""
    history = await ledger.read(tx, stream)
    if done := history.answered(tx.request):
        return done
    told = consignment.fold(history.events).tell(weights, loss_kg, certificate, reason)
    entry = await ledger.append(tx, history, told)
    await views.apply(tx, [entry])
    return entry


async def _leave(tx: Transaction, items: Sequence[tuple[UUID, str]], sent: Consigned) -> list[tuple[History, Event]]:
    histories = await ledger.read_all(tx, [stream_of(item) for item, _ in items])
    leaving: list[tuple[History, Event]] = []
    stays: list[tuple[str, Refused]] = []
    for item, label in sorted(items):  # two consignments take the same chassis in one order: no deadlock
        history = histories[stream_of(item)]
        try:
            order = work_order.fold(history.events)
            leaving.append((history, order.leave_with(sent, await still_open(tx, item))))
        except Refused as no:
            stays.append((label, no))
    if stays:
        raise Refused(
            "may-not-leave",
            f"{len(stays)}台は再資源化に出せません。何も記録していません。"
            + "".join(f"{label}：{no.ja}" for label, no in stays),
            f"{len(stays)} devices may not leave, and nothing is recorded. "
            + " ".join(f"{label}: {no.en}" for label, no in stays),
            field="labels",
        )
    return leaving
