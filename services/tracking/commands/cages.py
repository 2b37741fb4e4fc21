"""Commands about cages: seal, hand to the carrier, open; what does not come out is a difference that has names."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.tracking import views
from services.tracking.commands.differences import Difference, seen_by_two
from services.tracking.commands.items import excepted
from services.tracking.commands.losses import open_losses
from services.tracking.domain import cage, item
from services.tracking.domain.discrepancy import another_person
from services.tracking.domain.width import plain
from shared import ledger
from shared.database import Transaction
from shared.entry import Entry, Event
from shared.events.tracking import CageSealed, DiscrepancyFound, SealPhoto
from shared.ids import derived
from shared.ledger import History
from shared.refused import Forbidden, Refused


def cage_of(engagement: UUID, number: str) -> UUID:
    """Return the stream of a cage on an engagement's journey: one, however its number is written."""
    return derived(engagement, f"cage:{plain(number)}")


async def seal(
    tx: Transaction,
    engagement: UUID,
    number: str,
    seal_number: str,
    items: Sequence[UUID],
    *,
    photos: Sequence[SealPhoto] = (),
) -> Entry[Any]:
    """Lock and seal a cage with its content; `photos` of seal and lock are kept already."""
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
    event = cage.seal(
        cage=history.stream, number=number, engagement=engagement, seal_number=seal_number, items=items, photos=photos
    )
    await _still_here(tx, event)
    return await ledger.append(tx, history, event)


async def _still_here(tx: Transaction, sealed: CageSealed) -> None:
    """Raise Refused for what left already, or is shut in another cage, as its seal may be: one thing, one place."""
    states = {one: item.fold(history.events) for one, history in (await ledger.read_all(tx, sealed.items)).items()}
    named = {one: views.grouped(state.registered.label) for one, state in states.items()}
    claimed = await views.shut(tx, tx.tenant, sealed)
    elsewhere = [f"{named[one]}　{claimed[f'item:{one}']}" for one in states if f"item:{one}" in claimed]
    if elsewhere:
        raise Refused(
            "in-another-cage",
            "別のカゴ車に封印されている機器があります。ラベルとカゴ車の番号を確かめて、その機器を外してください。",
            "Some items are sealed into another cage. Check the labels and the cages, and take those items out.",
            missing=tuple(elsewhere),
        )
    if other := claimed.get(f"seal:{sealed.seal}"):
        raise Refused(
            "seal-in-use",
            f"封印 {sealed.seal} は、まだ開けていないカゴ車 {other} に付いています。封印の番号を見直してください。",
            f"Seal {sealed.seal} is on cage {other}, which has not been opened. Look at the seal's number again.",
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
    sealed.hand_over(gone=all(state.shipped and state.shipped.cage == cage_ for state in states.values()))
    levels = await views.levels(tx.connection, list(histories))
    allowed = await excepted(tx, [medium for state in states.values() for medium in state.media])
    doubted = await views.in_doubt(tx.connection, [state.registered for state in states.values()])
    decided: list[tuple[History, Event]] = []
    lacking: list[item.Lack] = [
        item.LOST.of(views.grouped(one.label)) for one in (await open_losses(tx, states)).values()
    ]
    for stream, state in states.items():
        try:
            event = state.ship_out(
                cage=cage_,
                seal=sealed.sealed.seal,
                carrier=carrier,
                vehicle=vehicle,
                reached=levels,
                excepted=allowed,
                doubted=doubted,
            )
        except item.EvidenceMissing as refusal:
            lacking += [one.of(views.grouped(state.registered.label)) for one in refusal.lacking]
        else:
            decided.append((histories[stream], event))
    if lacking:
        raise item.EvidenceMissing(lacking)
    return await ledger.append_all(tx, decided)


async def open_(
    tx: Transaction, cage_: UUID, *, seal_seen: str, found: Sequence[UUID], centre: str, difference: Difference | None
) -> list[Entry[Any]]:
    """Confirm a receipt (入庫): what was scanned is received, what is missing becomes a discrepancy with names."""
    history = await ledger.read(tx, cage_)
    if done := history.answered(tx.request):
        return [done]
    if difference:
        another_person(tx.by.person, difference.second)
    sealed = _sealed(history)
    await _engaged(tx, sealed.sealed.engagement)
    if difference:
        await seen_by_two(tx, sealed.sealed.engagement, difference)
    opened = sealed.open(seal_seen=seal_seen, found=found, confirmed=difference is not None)
    histories = await ledger.read_all(tx, list(dict.fromkeys(found)))
    decided: list[tuple[History, Event]] = [(history, opened)]
    for one in histories.values():
        state = item.fold(one.events)
        if not state.received:
            decided.append((one, state.receive(cage=cage_, centre=centre)))
    await views.unshut(tx, cage_)
    if difference and (opened.missing or opened.surplus or not opened.seal_matches):
        stream = derived(cage_, "discrepancy")
        event = DiscrepancyFound(
            discrepancy=stream,
            about="receipt",
            cage=cage_,
            items=(*opened.missing, *opened.surplus),
            reason=difference.reason,
            second=difference.second,
            seal=None if opened.seal_matches else sealed.sealed.seal,
            seal_seen=None if opened.seal_matches else opened.seal_seen,
        )
        decided.append((History(stream), event))
    return await ledger.append_all(tx, decided)


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
