"""Refurb's views: work orders as rows, what is known of the original media, and the board read from them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import Table, text, tuple_
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from services.refurb.domain import plan
from services.refurb.domain.plan import Plan
from services.refurb.domain.work_order import Stage, WorkOrder, fold
from services.refurb.tables import clearances, consignments, hand_overs, metadata, plans, works
from shared.database import Transaction, add
from shared.entry import Entry, Event
from shared.events.donations import HandedOver, Returned
from shared.events.refurb import (
    CandidateAccepted,
    CandidateRejected,
    Consigned,
    DeliveredToTown,
    MaterialReported,
    Picture,
    PlanSet,
    PlanStep,
    Ready,
    Recycled,
    Weight,
    WorkStarted,
)
from shared.events.tracking import Medium, MediumCleared, MediumReopened
from shared.support import Term, term
from shared.web.wareki import tokyo_day

REBUILT: tuple[Table, ...] = (
    works,
    consignments,
    plans,
    clearances,
    hand_overs,
    *(metadata.tables[name] for name in ("parties", "engagements", "ended_engagements", "items")),
)
OWN = "refurb."
OF_CONSIGNMENTS = {Consigned.kind, MaterialReported.kind}
MOVES = {  # the events that move an order to another column of the board
    event.kind for event in (WorkStarted, CandidateAccepted, CandidateRejected, Ready, DeliveredToTown, Recycled)
}


async def apply(tx: Transaction, entries: Sequence[Entry[Any]]) -> None:
    """Put refurb's own entries on the view; repetition and order do not matter."""
    own = [entry for entry in entries if entry.kind.startswith(OWN)]
    of_orders = [entry for entry in own if entry.kind not in OF_CONSIGNMENTS | {PlanSet.kind}]
    await add(tx.connection, works, [_row(entry) | {"item": entry.event.item} for entry in of_orders])
    await add(tx.connection, consignments, [_row(entry) for entry in own if entry.kind in OF_CONSIGNMENTS])
    await add(tx.connection, plans, [_row(entry) for entry in own if entry.kind == PlanSet.kind])


def _row(entry: Entry[Any]) -> dict[str, Any]:
    return {
        "stream": entry.stream,
        "sequence": entry.sequence,
        "tenant": entry.tenant,
        "kind": entry.kind,
        "occurred_at": entry.occurred_at,
        "person": entry.by.person,
        "data": entry.event.model_dump(mode="json", exclude_none=True),
    }


async def keep_clearances(tx: Transaction, entries: Sequence[Entry[MediumCleared | MediumReopened]]) -> None:
    """Keep the latest word on each medium.

    Its clearance is one stream at tracking, so the sequence says what is later, whatever the clocks said.
    """
    rows = [
        {
            "medium": entry.event.medium,
            "tenant": entry.tenant,
            "item": entry.event.item,
            "cleared": isinstance(entry.event, MediumCleared),
            "reason": entry.event.reason if isinstance(entry.event, MediumReopened) else None,
            "sequence": entry.sequence,
            "occurred_at": entry.occurred_at,
        }
        for entry in entries
    ]
    statement = insert(clearances)
    given = statement.excluded
    said = {name: given[name] for name in ("cleared", "reason", "sequence", "occurred_at")}
    later = tuple_(given.sequence, given.occurred_at) > tuple_(clearances.c.sequence, clearances.c.occurred_at)
    if rows:
        await tx.connection.execute(
            statement.on_conflict_do_update(index_elements=["medium"], set_=said, where=later), rows
        )


async def keep_hand_overs(tx: Transaction, entries: Sequence[Entry[HandedOver | Returned]]) -> None:
    """Keep who got what when; repetition and order do not matter."""
    rows = [
        {
            "item": item,
            "entry": entry.id,
            "tenant": entry.tenant,
            "handed": isinstance(entry.event, HandedOver),
            "occurred_at": entry.occurred_at,
        }
        for entry in entries
        for item in entry.event.items
    ]
    await add(tx.connection, hand_overs, rows)


async def handed_over(connection: AsyncConnection, item: UUID) -> datetime | None:
    """Return since when somebody has the machine; None while nobody has, or since it came back."""
    row = (
        await connection.execute(
            text(
                "SELECT handed, occurred_at FROM hand_overs WHERE item = :item ORDER BY occurred_at DESC, entry DESC "
                "LIMIT 1"
            ),
            {"item": item},
        )
    ).one_or_none()
    return row.occurred_at if row is not None and row.handed else None


async def media(connection: AsyncConnection, item: UUID) -> tuple[Medium, ...] | None:
    """Return the original media of an item as registered; None while its registration has not come."""
    found = await connection.scalar(text("SELECT data->'media' FROM items WHERE item = :item"), {"item": item})
    return None if found is None else tuple(Medium.model_validate(one) for one in found)


async def cleared(connection: AsyncConnection, item: UUID) -> set[UUID]:
    """Return the media of an item that are accounted for, as far as this view has heard."""
    rows = await connection.execute(
        text("SELECT medium FROM clearances WHERE item = :item AND cleared"), {"item": item}
    )
    return {row.medium for row in rows}


async def names_of_people(connection: AsyncConnection) -> dict[str, str]:
    """Return the names, by person, that this transaction may see."""
    return {row.person: row.name for row in await connection.execute(text("SELECT person, name FROM people"))}


@dataclass(frozen=True, slots=True)
class Card:
    """One chassis on the board."""

    label: str
    item_kind: str
    stage: Stage
    since: datetime  # when it came into this column
    age_days: int
    name: str = ""  # maker and model
    grade: str | None = None
    done: tuple[str, ...] = ()
    next_step: PlanStep | None = None
    open_media: tuple[str, ...] = ()  # serials of original media not accounted for
    on_hold: bool = False  # a medium was reopened after READY


@dataclass(frozen=True, slots=True)
class Board:
    """Everything of a town that is or was in the workshop, oldest first in each column."""

    candidate: list[Card]
    working: list[Card]
    ready: list[Card]
    delivered: list[Card]
    to_recycle: list[Card]
    recycled: list[Card]
    plan: tuple[PlanStep, ...]  # every step that a chassis here goes through, delivery the last
    steps: dict[str, int]  # how many chassis have each step done


@dataclass(frozen=True, slots=True)
class Count:
    """A number with the items behind it, so that a difference can be named."""

    count: int
    by_kind: dict[str, int]
    labels: list[str]


@dataclass(frozen=True, slots=True)
class Overview:
    """The centre's count of a town's chassis, counted from items."""

    refurbished: Count
    delivered: Count
    recycled: Count
    waiting: Count  # neither delivered nor recycled
    not_delivered: list[str]  # labels refurbished and not delivered
    weights_kg: dict[str, float]  # by material


@dataclass(frozen=True, slots=True)
class Moment:
    """One event of an order, for its timeline."""

    kind: str
    occurred_at: datetime
    person: str
    data: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Order:
    """One work order with what is known around it."""

    order: WorkOrder
    name: str
    serial: str | None
    media: tuple[Medium, ...]
    open_media: tuple[Medium, ...]
    reopened: tuple[str, ...]  # serials whose clearance was taken back
    moments: tuple[Moment, ...] = field(default=())
    handed_over: datetime | None = None  # since when a recipient has it

    @property
    def pictures(self) -> list[Picture]:
        """Every photo that its entries name."""
        return [Picture.model_validate(one) for moment in self.moments for one in moment.data.get("photos", ())]

    @property
    def support(self) -> Term | None:
        """The term of the support that came with it; None before the hand-over, or where none was promised."""
        if self.order.ready is None:
            return None
        since = self.handed_over and tokyo_day(self.handed_over)
        return term(since, self.order.ready.spec.support_months)

    @property
    def on_hold(self) -> bool:
        """Ready, and a medium was reopened since."""
        return bool(self.order.ready and not self.order.delivered and self.open_media)


async def board(connection: AsyncConnection, tenant: str, now: datetime) -> Board:
    """Return the board of one town."""
    orders = await _orders(connection, tenant)
    names, open_media = await _items(connection, tenant, [order.item for order, _ in orders])
    columns: defaultdict[Stage, list[Card]] = defaultdict(list)
    steps: Counter[str] = Counter()
    used: dict[str, PlanStep] = {}
    for order, since in orders:
        steps.update(order.done)
        used |= {one.code: one for one in (order.steps if order.accepted else ())}
        serials = open_media.get(order.item, ())
        card = Card(
            label=order.label,
            item_kind=order.item_kind,
            stage=order.stage,
            since=since,
            age_days=max((now - since).days, 0),
            name=names.get(order.item, ""),
            grade=order.accepted.grade if order.accepted else None,
            done=order.done,
            next_step=order.next_step if order.stage in ("working", "ready") else None,
            open_media=serials,
            on_hold=order.stage == "ready" and bool(serials),
        )
        columns[order.stage].append(card)
    for cards in columns.values():
        cards.sort(key=lambda card: (card.since, card.label))
    return Board(
        candidate=columns["candidate"],
        working=columns["working"],
        ready=columns["ready"],
        delivered=columns["delivered"],
        to_recycle=columns["to-recycle"],
        recycled=columns["recycled"],
        plan=(*(used.values() or plan.STANDARD), plan.DELIVERY),
        steps=dict(steps),
    )


async def plans_of(connection: AsyncConnection, tenant: str) -> list[tuple[UUID, str, Plan]]:
    """Return the engagements of a town with their title and the plan that stands for each."""
    rows = await connection.execute(
        text(
            "SELECT e.engagement, e.title, (SELECT p.data FROM plans p WHERE p.data->>'engagement' = "
            "e.engagement::text ORDER BY p.sequence DESC LIMIT 1) AS said FROM engagements e "
            "WHERE e.town = :tenant ORDER BY e.starts_on DESC, e.engagement"
        ),
        {"tenant": tenant},
    )
    return [
        (row.engagement, row.title, Plan(row.engagement, PlanSet.model_validate(row.said).steps))
        if row.said
        else (row.engagement, row.title, Plan(row.engagement))
        for row in rows
    ]


async def overview(connection: AsyncConnection, tenant: str) -> Overview:
    """Count a town's chassis by where they are; nobody types a total."""
    orders = [order for order, _ in await _orders(connection, tenant)]
    weights: defaultdict[str, float] = defaultdict(float)
    alone = [weight for order in orders if order.recycled for weight in order.recycled.weights]
    for weight in (*alone, *await _reported(connection, tenant)):
        weights[weight.material] += weight.kg
    return Overview(
        refurbished=_count(order for order in orders if order.ready),
        delivered=_count(order for order in orders if order.delivered),
        recycled=_count(order for order in orders if order.recycled),
        waiting=_count(order for order in orders if not order.delivered and not order.recycled),
        not_delivered=sorted(order.label for order in orders if order.ready and not order.delivered),
        weights_kg={material: round(kg, 3) for material, kg in sorted(weights.items())},
    )


async def _reported(connection: AsyncConnection, tenant: str) -> list[Weight]:
    """Return what the last report of each consignment says came out."""
    rows = await connection.execute(
        text(
            "SELECT DISTINCT ON (stream) data->'weights' AS weights FROM consignments "
            "WHERE tenant = :tenant AND kind = :kind ORDER BY stream, sequence DESC"
        ),
        {"tenant": tenant, "kind": MaterialReported.kind},
    )
    return [Weight.model_validate(weight) for row in rows for weight in row.weights]


async def one(connection: AsyncConnection, item: UUID) -> Order:
    """Return one work order with its media and its timeline. Raises Unknown when there is none."""
    rows = await connection.execute(
        text("SELECT kind, occurred_at, person, data FROM works WHERE item = :item ORDER BY sequence"), {"item": item}
    )
    moments = tuple(Moment(row.kind, row.occurred_at, row.person, row.data) for row in rows)
    order = fold(_event(moment.kind, moment.data) for moment in moments)
    known = await connection.scalar(text("SELECT data FROM items WHERE item = :item"), {"item": item}) or {}
    originals = await media(connection, item) or ()
    done = await cleared(connection, item)
    back = await connection.execute(
        text("SELECT medium FROM clearances WHERE item = :item AND NOT cleared"), {"item": item}
    )
    reopened = {row.medium for row in back}
    return Order(
        order=order,
        name=_name(known.get("maker"), known.get("model")),
        serial=known.get("serial"),
        media=originals,
        open_media=tuple(medium for medium in originals if medium.id not in done),
        reopened=tuple(medium.serial for medium in originals if medium.id in reopened),
        moments=moments,
        handed_over=await handed_over(connection, item),
    )


async def _orders(connection: AsyncConnection, tenant: str) -> list[tuple[WorkOrder, datetime]]:
    rows = await connection.execute(
        text("SELECT item, kind, occurred_at, data FROM works WHERE tenant = :tenant ORDER BY item, sequence"),
        {"tenant": tenant},
    )
    found = []
    for _item, group in groupby(rows, key=lambda row: row.item):
        history = list(group)
        since = max(row.occurred_at for row in history if row.kind in MOVES)
        found.append((fold(_event(row.kind, row.data) for row in history), since))
    return found


async def _items(
    connection: AsyncConnection, tenant: str, items: Sequence[UUID]
) -> tuple[dict[UUID, str], dict[UUID, tuple[str, ...]]]:
    """Return names, and the serials of original media not accounted for; joined here, so that no plan can go wrong."""
    rows = await connection.execute(text("SELECT medium FROM clearances WHERE tenant = :t AND cleared"), {"t": tenant})
    done = {str(row.medium) for row in rows}
    names, open_media = {}, {}
    for row in await connection.execute(
        text(
            "SELECT item, data->>'maker' AS maker, data->>'model' AS model, data->'media' AS media FROM items "
            "WHERE item = ANY(:items)"
        ),
        {"items": list(items)},
    ):
        names[row.item] = _name(row.maker, row.model)
        open_media[row.item] = tuple(sorted(medium["serial"] for medium in row.media if medium["id"] not in done))
    return names, open_media


def _event(kind: str, data: dict[str, Any]) -> Event:
    return Event.registry[kind].model_validate(data)


def _name(maker: str | None, model: str | None) -> str:
    return " ".join(part for part in (maker, model) if part)


def _count(orders: Iterable[WorkOrder]) -> Count:
    counted = list(orders)
    kinds = Counter(order.item_kind for order in counted)
    return Count(len(counted), dict(sorted(kinds.items())), sorted(order.label for order in counted))
