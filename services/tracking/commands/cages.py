"""Commands about cages: seal, hand to the carrier, open, and the difference that has names."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal
from uuid import UUID

from sqlalchemy import text

from services.tracking import views
from services.tracking.commands.items import excepted
from services.tracking.commands.parties import known_person
from services.tracking.domain import cage, item
from shared import ledger
from shared.database import Transaction
from shared.entry import Entry, Event
from shared.events.tracking import DiscrepancyFound, DiscrepancyResolved
from shared.ids import derived
from shared.ledger import History
from shared.refused import Forbidden, Refused


def cage_of(engagement: UUID, number: str) -> UUID:
    """Return the stream of a cage on an engagement's journey: one, however its number is written."""
    return derived(engagement, f"cage:{cage.plain(number)}")


async def seal(tx: Transaction, engagement: UUID, number: str, seal_number: str, items: Sequence[UUID]) -> Entry[Any]:
    """Lock and seal a cage with its content."""
    history = await ledger.read(tx, cage_of(engagement, number))
    if done := history.answered(tx.request):
        return done
    if history:
        raise Refused(
            "already-sealed",
            f"カゴ車 {number} はもう封印されています。番号を確かめてください。",
            f"Cage {number} is already sealed. Check its number.",
        )
    await _engaged(tx, engagement)
    await _still_here(tx, engagement, items)
    event = cage.seal(cage=history.stream, number=number, engagement=engagement, seal_number=seal_number, items=items)
    return await ledger.append(tx, history, event)


async def _still_here(tx: Transaction, engagement: UUID, items: Sequence[UUID]) -> None:
    """Raise Refused for what left already, or stands in another cage that nobody has opened: one thing, one place.

    The other cages are read from the view, which may lag behind by a moment; handing over then refuses the second.
    """
    states = {one: item.fold(history.events) for one, history in (await ledger.read_all(tx, items)).items()}
    rows = await tx.connection.execute(
        text(
            "SELECT s.data->>'number' AS number, x.item::uuid AS item "
            "FROM timeline s, jsonb_array_elements_text(s.data->'items') AS x(item) "
            "WHERE s.kind = 'tracking.cage-sealed.v1' AND s.data->>'engagement' = :engagement "
            "AND x.item = ANY(:items) AND NOT EXISTS "
            "(SELECT FROM timeline o WHERE o.stream = s.stream AND o.kind = 'tracking.cage-opened.v1')"
        ),
        {"engagement": str(engagement), "items": [str(one) for one in states]},
    )
    caged = {row.item: row.number for row in rows}
    named = {one: views.grouped(state.registered.label) for one, state in states.items()}
    elsewhere = [f"{named[one]}　{caged[one]}" for one in states if one in caged]
    if elsewhere:
        raise Refused(
            "in-another-cage",
            "別のカゴ車に封印されている機器があります。ラベルとカゴ車の番号を確かめて、その機器を外してください。",
            "Some items are sealed into another cage. Check the labels and the cages, and take those items out.",
            missing=tuple(elsewhere),
        )
    if gone := [named[one] for one, state in states.items() if state.shipped or state.received]:
        raise Refused(
            "already-gone",
            "もう出庫か入庫をした機器があります。ラベルを確かめて、その機器を外してください。",
            "Some items were shipped out or received already. Check the labels and take those items out.",
            missing=tuple(gone),
        )


async def hand_over(tx: Transaction, cage_: UUID, *, vehicle: str | None) -> list[Entry[Any]]:
    """Ship a sealed cage: every item in it leaves, or the list of what is missing is the answer (出庫).

    The carrier is the one of the cage's own engagement; without one, who hands it over drives it.
    """
    sealed = _sealed(await ledger.read(tx, cage_))
    carrier = await _engaged(tx, sealed.sealed.engagement) or tx.by.party
    histories = await ledger.read_all(tx, sealed.sealed.items)
    states = {stream: item.fold(history.events) for stream, history in histories.items()}
    done = [history.answered(tx.request) for history in histories.values()]
    if all(done):
        return [entry for entry in done if entry]
    levels = await views.levels(tx.connection, list(histories))
    allowed = await excepted(tx, [medium for state in states.values() for medium in state.media])
    decided: list[tuple[History, Event]] = []
    lacking: list[item.Lack] = []
    for stream, state in states.items():
        try:
            event = state.ship_out(
                cage=cage_, seal=sealed.sealed.seal, carrier=carrier, vehicle=vehicle, reached=levels, excepted=allowed
            )
        except item.EvidenceMissing as refusal:
            lacking += [one.of(views.grouped(state.registered.label)) for one in refusal.lacking]
        else:
            decided.append((histories[stream], event))
    if lacking:
        raise item.EvidenceMissing(lacking)
    return await ledger.append_all(tx, decided)


@dataclass(frozen=True, slots=True)
class Difference:
    """Why a count does not close, and the other person who looked."""

    reason: str
    second: str


async def open_(
    tx: Transaction, cage_: UUID, *, seal_seen: str, found: Sequence[UUID], centre: str, difference: Difference | None
) -> list[Entry[Any]]:
    """Confirm a receipt (入庫): what was scanned is received, what is missing becomes a discrepancy with names."""
    history = await ledger.read(tx, cage_)
    if done := history.answered(tx.request):
        return [done]
    if difference and difference.second == tx.by.person:
        raise Refused(
            "two-persons", "差を確かめるもう一人は、別の人が必要です。", "The second person must be somebody else."
        )
    sealed = _sealed(history)
    await _engaged(tx, sealed.sealed.engagement)
    if difference:
        await known_person(tx, sealed.sealed.engagement, difference.second, field="second")
    opened = sealed.open(seal_seen=seal_seen, found=found, confirmed=difference is not None)
    histories = await ledger.read_all(tx, list(dict.fromkeys(found)))
    decided: list[tuple[History, Event]] = [(history, opened)]
    for one in histories.values():
        state = item.fold(one.events)
        if not state.received:
            decided.append((one, state.receive(cage=cage_, centre=centre)))
    if difference and (opened.missing or opened.surplus):
        stream = derived(cage_, "discrepancy")
        event = DiscrepancyFound(
            discrepancy=stream,
            about="receipt",
            cage=cage_,
            items=(*opened.missing, *opened.surplus),
            reason=difference.reason,
            second=difference.second,
        )
        decided.append((History(stream), event))
    return await ledger.append_all(tx, decided)


async def resolve(
    tx: Transaction, discrepancy: UUID, outcome: Literal["found", "replaced", "lost"], explanation: str
) -> Entry[Any]:
    """Close a discrepancy by what resolved it; found means that every item of it has been scanned in."""
    history = await ledger.read(tx, discrepancy)
    if done := history.answered(tx.request):
        return done
    if not history:
        raise Refused("no-discrepancy", "この差は登録されていません。", "There is no such discrepancy.")
    if len(history.entries) > 1:
        raise Refused("already-resolved", "この差はもう閉じています。", "This discrepancy is already closed.")
    found = history.events[0]
    if outcome == "found" and isinstance(found, DiscrepancyFound) and found.about == "receipt":
        histories = await ledger.read_all(tx, found.items)
        absent = [
            state.registered.label for state in (item.fold(h.events) for h in histories.values()) if not state.received
        ]
        if absent:
            raise Refused(
                "still-missing",
                "まだ入庫を読み取っていない機器があります。先に読み取ってください。",
                "Some items have not been scanned in yet. Scan them first.",
                missing=tuple(views.grouped(label) for label in absent),
            )
    return await ledger.append(
        tx, history, DiscrepancyResolved(discrepancy=discrepancy, outcome=outcome, explanation=explanation)
    )


async def find_difference(tx: Transaction, item_: UUID, *, reason: str, second: str) -> Entry[Any]:
    """Name a machine that one party counted as delivered and the other did not."""
    stream = derived(item_, "discrepancy:delivery")
    history = await ledger.read(tx, stream)
    if done := history.answered(tx.request):
        return done
    if history:
        raise Refused("already-found", "この差はもう記録されています。", "This discrepancy is already recorded.")
    if second == tx.by.person:
        raise Refused(
            "two-persons", "差を確かめるもう一人は、別の人が必要です。", "The second person must be somebody else."
        )
    registered = item.fold((await ledger.read(tx, item_)).events).registered
    await known_person(tx, registered.engagement, second, field="second")
    event = DiscrepancyFound(discrepancy=stream, about="delivery", items=(item_,), reason=reason, second=second)
    return await ledger.append(tx, history, event)


async def _engaged(tx: Transaction, engagement: UUID) -> str | None:
    """Return the carrier of an engagement. Raises Forbidden for a party that does not act under this very one."""
    found = await tx.connection.execute(
        text(
            "SELECT e.carrier FROM engagements e JOIN acts_for(:town, :party) AS a(engagement) USING (engagement) "
            "WHERE e.engagement = :engagement"
        ),
        {"town": tx.tenant, "party": tx.by.party, "engagement": engagement},
    )
    if (row := found.one_or_none()) is None:
        raise Forbidden(
            "no-engagement",
            "このカゴ車は、別の契約のものか、契約の期間外です。カゴ車の番号と契約を確かめてください。",
            "This cage belongs to another engagement, or the engagement is not open. Check the cage and the contract.",
        )
    carrier: str | None = row.carrier
    return carrier


def _sealed(history: History) -> cage.Cage:
    state = cage.fold(history.events)
    if state is None:
        raise Refused(
            "not-sealed",
            "このカゴ車はまだ封印されていません。積み込みと封印から始めてください。",
            "This cage has not been sealed yet. Load and seal it first.",
        )
    return state
