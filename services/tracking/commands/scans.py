"""Commands of the scanner: what a device read is recorded as a fact, and answered with what it breaks."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple
from uuid import UUID

from services.tracking import views
from services.tracking.commands.items import of_the_town
from services.tracking.domain import item
from services.tracking.domain.conformance import Code
from shared import ledger
from shared.database import Transaction
from shared.entry import By, Entry, Event, Request
from shared.ledger import History
from shared.refused import Refused

Step = Literal["received", "taken-over"]

_KINDS: Mapping[Step, str] = {"received": "tracking.received.v1", "taken-over": "tracking.taken-over.v1"}


class Scanned(NamedTuple):
    """One scan among several: its own request, time, person and trace; the latter two the transaction's if not said."""

    item: UUID
    step: Step
    request: Request
    occurred_at: datetime
    by: By | None = None
    traceparent: str | None = None


class Answer(NamedTuple):
    """What became of a scan, and what the recorded fact breaks as far as is known now."""

    said: Entry[Any] | Refused
    breaks: tuple[Code, ...] = ()


async def scan(tx: Transaction, scans: Sequence[Scanned]) -> list[Answer]:
    """Take in several scans in one transaction; each is answered by itself. A second scan answers with the first.

    A fact is never refused, but its answer says what does not fit; what is heard later may take it back, or add. The
    item's own entries come from the ledger, the bus down or not; all else is as old as the timeline.
    """
    histories = await ledger.read_all(tx, [one.item for one in scans])
    decided: dict[tuple[UUID, Step], ledger.Decision] = {}
    answers: dict[int, Entry[Any] | Refused | tuple[UUID, Step]] = {}
    for nth, one in sorted(enumerate(scans), key=lambda pair: pair[1].occurred_at):  # the earliest is the one recorded
        history = histories[one.item]
        try:
            answer = history.answered(one.request) or _first(history, _KINDS[one.step], one.occurred_at)
            if answer is None and (one.item, one.step) not in decided:
                event = _fact(tx, history, one.step)
                decided[one.item, one.step] = ledger.Decision(
                    history, event, one.request, one.occurred_at, one.by, one.traceparent
                )
        except Refused as refusal:
            answers[nth] = refusal
        else:
            answers[nth] = answer or (one.item, one.step)
    appended = dict(zip(decided, await ledger.append_all(tx, list(decided.values())), strict=True))
    told = [answers[nth] for nth in range(len(scans))]
    said = [appended[answer] if isinstance(answer, tuple) else answer for answer in told]
    known = [entry for history in histories.values() for entry in history.entries]
    codes = await _broken(tx, said, [*known, *appended.values()])
    return [Answer(one, codes.get(one.id, ()) if isinstance(one, Entry) else ()) for one in said]


def _fact(tx: Transaction, history: History, step: Step) -> Event:
    state = item.fold(history.events)
    if step == "received":
        return state.receive(cage=None, centre=tx.by.party)
    of_the_town(tx)
    return state.take_over()


def _first(history: History, kind: str, at: datetime) -> Entry[Any] | None:
    """Return the record that answers a scan of that moment; None when the scan is earlier than all that is recorded.

    A late capture of an earlier moment is a fact of its own: whatever arrives first, the earliest stands in the end.
    """
    known = [entry for entry in history.entries if entry.kind == kind]
    earliest = min(known, key=lambda entry: entry.occurred_at, default=None)
    return ledger.again(earliest) if earliest and earliest.occurred_at <= at else None


async def _broken(
    tx: Transaction, said: Sequence[Entry[Any] | Refused], known: Sequence[Entry[Any]]
) -> dict[UUID, tuple[Code, ...]]:
    """Return what each entry breaks, from the items' own entries and the timeline."""
    items = {one.event.item for one in said if isinstance(one, Entry)}
    codes: dict[UUID, tuple[Code, ...]] = {}
    if items:
        own = [entry for entry in known if entry.event.item in items]
        for found in (await views.broken(tx.connection, items, own)).values():
            for breach in found:
                codes[breach.entry] = (*codes.get(breach.entry, ()), breach.code)
    return codes
