"""The directory every service keeps: parties, people, engagements and the labels of items.

They come as events of tracking (people as cards on a deletable directory); with them each service answers by itself
who may act for whom and whose label this is. Rows are inserted by key: repetition and order do not matter.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Table, delete
from sqlalchemy.dialects.postgresql import insert

from shared.database import Transaction
from shared.entry import Entry
from shared.events.tracking import EngagementEnded, EngagementOpened, ItemRegistered, PartyAdded
from shared.messaging import Consumers, Notice


def join(consumers: Consumers, tables: dict[str, Table] | Any) -> None:
    """Let a service keep the directory; `tables` are its metadata's tables by name."""

    @consumers.on(PartyAdded)
    async def on_party_added(tx: Transaction, entries: Sequence[Entry[PartyAdded]]) -> None:
        await _insert(
            tx,
            tables["parties"],
            [
                {
                    "party": e.event.party,
                    "kind": e.event.party_kind,
                    "name": e.event.name,
                    "code": e.event.code,
                    "address": e.event.address,
                    "contact": e.event.contact,
                }
                for e in entries
            ],
        )

    @consumers.on(EngagementOpened)
    async def on_engagement_opened(tx: Transaction, entries: Sequence[Entry[EngagementOpened]]) -> None:
        await _insert(tx, tables["engagements"], [e.event.model_dump() for e in entries])

    @consumers.on(EngagementEnded)
    async def on_engagement_ended(tx: Transaction, entries: Sequence[Entry[EngagementEnded]]) -> None:
        await _insert(
            tx,
            tables["ended_engagements"],
            [{"engagement": e.event.engagement, "tenant": e.tenant, "ended_at": e.recorded_at} for e in entries],
        )

    @consumers.on(ItemRegistered)
    async def on_item_registered(tx: Transaction, entries: Sequence[Entry[ItemRegistered]]) -> None:
        await _insert(
            tx,
            tables["items"],
            [
                {
                    "item": e.event.item,
                    "label": e.event.label,
                    "token_sha256": e.event.token_sha256,
                    "tenant": e.tenant,
                    "engagement": e.event.engagement,
                    "kind": e.event.item_kind,
                    "data": e.event.model_dump(mode="json"),
                    "registered_at": e.occurred_at,
                }
                for e in entries
            ],
        )

    @consumers.on_notice("people")
    async def on_people(tx: Transaction, notices: Sequence[Notice]) -> None:
        for notice in notices:
            await keep_person(tx, tables["people"], notice)


async def keep_person(tx: Transaction, people: Table, notice: Notice) -> None:
    """Keep a card of the directory, or forget the person at a tombstone."""
    person = notice.subject.rsplit(".", 1)[-1]
    card = notice.data
    if card is None:
        await tx.connection.execute(delete(people).where(people.c.person == person))
        return
    row = {"person": person, "party": notice.tenant} | {
        key: card.get(key) for key in ("name", "title", "contact", "roles")
    }
    statement = insert(people).values(row)
    await tx.connection.execute(statement.on_conflict_do_update(index_elements=["person"], set_=row))


async def _insert(tx: Transaction, table: Table, rows: list[dict[str, Any]]) -> None:
    if rows:
        await tx.connection.execute(insert(table).on_conflict_do_nothing(), rows)
