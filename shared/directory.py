"""The directory every service keeps: parties, people, engagements and the labels of items.

They come as events of tracking (people as cards on a deletable directory); with them each service answers by itself
who may act for whom and whose label this is. Rows are inserted by key, and of an item's labels the newest entry's
stands: repetition and order do not matter.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Table, delete, select, update
from sqlalchemy.dialects.postgresql import insert

from shared.database import Transaction
from shared.entry import Entry
from shared.events.tracking import EngagementEnded, EngagementOpened, ItemRegistered, LabelBound, PartyAdded
from shared.messaging import Consumers, Later, Notice

CARD = ("name", "title", "contact", "roles")


def join(consumers: Consumers, tables: Mapping[str, Table], *, owns_people: bool = False) -> None:
    """Let a service keep the directory; `tables` are its metadata's tables by name.

    `owns_people` is said by the one service that writes the cards: it hears its own come back (see `keep_person`).
    """

    @consumers.on(PartyAdded, EngagementOpened, EngagementEnded, ItemRegistered, LabelBound)
    async def on_joining(tx: Transaction, entries: Sequence[Entry[Any]]) -> None:
        await keep(tx, tables, entries)

    @consumers.on_notice("people")
    async def on_people(tx: Transaction, notices: Sequence[Notice]) -> None:
        for notice in notices:
            await keep_person(tx, tables["people"], notice, owns=owns_people)


async def keep(tx: Transaction, tables: Mapping[str, Table], entries: Sequence[Entry[Any]]) -> None:
    """Keep what the entries say of parties, engagements and items. Raises Later for a label of an unheard item."""
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
    if bound := [entry for entry in entries if isinstance(entry.event, LabelBound)]:
        await _relabel(tx, tables["items"], bound)


async def _relabel(tx: Transaction, items: Table, bound: Sequence[Entry[LabelBound]]) -> None:
    """Let each item be known by the label that its newest entry gave it."""
    wanted = {entry.event.item for entry in bound}
    there = await tx.connection.scalars(select(items.c.item).where(items.c.item.in_(wanted)))
    if unheard := wanted - set(there):
        raise Later(f"a label is bound to {min(unheard)}, which is not registered yet")
    for entry in bound:
        known = entry.event.model_dump(include={"label", "token_sha256"})
        await tx.connection.execute(
            update(items)
            .where(items.c.item == entry.event.item, items.c.label_sequence < entry.sequence)
            .values(**known, data=items.c.data.concat(known), label_sequence=entry.sequence)
        )


async def keep_person(tx: Transaction, people: Table, notice: Notice, *, owns: bool = False) -> None:
    """Keep a card of the directory, or forget the person at a tombstone.

    The row of the service that owns people is the newest card there is: one that comes back overwrites nothing, else a
    role that was just taken away would be there again until the next card. It fills a row that a late tombstone took.
    """
    person = notice.subject.rsplit(".", 1)[-1]
    card = notice.data
    if card is None:
        await tx.connection.execute(delete(people).where(people.c.person == person))
        return
    row = {"person": person, "party": notice.tenant, **{key: card.get(key) for key in CARD}}
    statement = insert(people).values(row)
    if owns:
        statement = statement.on_conflict_do_nothing()
    else:
        statement = statement.on_conflict_do_update(index_elements=["person"], set_=row)
    await tx.connection.execute(statement)
