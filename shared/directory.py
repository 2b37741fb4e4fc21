"""The directory every service keeps: parties, people, engagements and the labels of items.

They come as events of tracking (people as cards on a deletable directory); with them each service answers by itself
who may act for whom and whose label this is. Rows are inserted by key: repetition and order do not matter.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Table, delete
from sqlalchemy.dialects.postgresql import insert

from shared.database import Transaction
from shared.entry import Entry
from shared.events.tracking import EngagementEnded, EngagementOpened, ItemRegistered, PartyAdded
from shared.messaging import Consumers, Notice

CARD = ("name", "title", "contact", "roles")


def join(consumers: Consumers, tables: Mapping[str, Table]) -> None:
    """Let a service keep the directory; `tables` are its metadata's tables by name."""

    @consumers.on(PartyAdded, EngagementOpened, EngagementEnded, ItemRegistered)
    async def on_joining(tx: Transaction, entries: Sequence[Entry[Any]]) -> None:
        await keep(tx, tables, entries)

    @consumers.on_notice("people")
    async def on_people(tx: Transaction, notices: Sequence[Notice]) -> None:
        for notice in notices:
            await keep_person(tx, tables["people"], notice)


async def keep(tx: Transaction, tables: Mapping[str, Table], entries: Sequence[Entry[Any]]) -> None:
    """Keep what the entries say of parties, engagements and items."""
    rows: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for entry in entries:
        match entry.event:
            case PartyAdded() as e:
                described = e.model_dump(include={"party", "name", "code", "address", "contact"})
                rows["parties"].append(described | {"kind": e.party_kind})
            case EngagementOpened() as e:
                rows["engagements"].append(e.model_dump())
            case EngagementEnded() as e:
                ended = {"engagement": e.engagement, "tenant": entry.tenant, "ended_at": entry.recorded_at}
                rows["ended_engagements"].append(ended)
            case ItemRegistered() as e:
                rows["items"].append(
                    {
                        "item": e.item,
                        "label": e.label,
                        "token_sha256": e.token_sha256,
                        "tenant": entry.tenant,
                        "engagement": e.engagement,
                        "kind": e.item_kind,
                        "data": e.model_dump(mode="json"),
                        "registered_at": entry.occurred_at,
                    }
                )
    for table, given in rows.items():
        await tx.connection.execute(insert(tables[table]).on_conflict_do_nothing(), given)


async def keep_person(tx: Transaction, people: Table, notice: Notice) -> None:
    """Keep a card of the directory, or forget the person at a tombstone."""
    person = notice.subject.rsplit(".", 1)[-1]
    card = notice.data
    if card is None:
        await tx.connection.execute(delete(people).where(people.c.person == person))
        return
    row = {"person": person, "party": notice.tenant, **{key: card.get(key) for key in CARD}}
    statement = insert(people).values(row)
    await tx.connection.execute(statement.on_conflict_do_update(index_elements=["person"], set_=row))
