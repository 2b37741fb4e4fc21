"""The directory every service keeps: parties, people, engagements and the labels of items.

They come as events of tracking (people as cards on a deletable directory); with them each service answers by itself
who may act for whom and whose label this is. Rows are inserted by key, and of an item's labels and of each corrected
value the newest entry's stands: repetition and order do not matter.
"""

import json
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Table, delete, select, text, update
from sqlalchemy.dialects.postgresql import insert

from shared.database import Transaction
from shared.entry import Entry
from shared.events.tracking import (
    Corrected,
    EngagementEnded,
    EngagementOpened,
    ItemRegistered,
    LabelBound,
    MediumCorrected,
    PartyAdded,
    RequirementChanged,
)
from shared.messaging import Consumers, Later, Notice

Correction = Corrected | MediumCorrected | RequirementChanged
CORRECTIONS = (Corrected, MediumCorrected, RequirementChanged)
CARD = ("name", "title", "contact", "email", "roles")


def join(consumers: Consumers, tables: Mapping[str, Table], *, owns_people: bool = False) -> None:
    """Let a service keep the directory; `tables` are its metadata's tables by name.

    `owns_people` is said by the one service that writes the cards: it hears its own come back (see `keep_person`).
    """

    @consumers.on(PartyAdded, EngagementOpened, EngagementEnded, ItemRegistered, LabelBound, *CORRECTIONS)
    async def on_joining(tx: Transaction, entries: Sequence[Entry[Any]]) -> None:
        await keep(tx, tables, entries)

    @consumers.on_notice("people")
    async def on_people(tx: Transaction, notices: Sequence[Notice]) -> None:
        for notice in notices:
            await keep_person(tx, tables["people"], notice, owns=owns_people)


async def keep(tx: Transaction, tables: Mapping[str, Table], entries: Sequence[Entry[Any]]) -> None:
    """Keep what the entries say of parties, engagements and items. Raises Later for what follows an unheard item."""
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
    if said := [entry for entry in entries if isinstance(entry.event, Correction)]:
        await _correct(tx, tables["items"], said)


async def _relabel(tx: Transaction, items: Table, bound: Sequence[Entry[LabelBound]]) -> None:
    """Let each item be known by the label that its newest entry gave it."""
    await _registered(tx, items, {entry.event.item for entry in bound})
    for entry in bound:
        known = entry.event.model_dump(include={"label", "token_sha256"})
        await tx.connection.execute(
            update(items)
            .where(items.c.item == entry.event.item, items.c.label_sequence < entry.sequence)
            .values(**known, data=items.c.data.concat(known), label_sequence=entry.sequence)
        )


_MEDIA = (
    "jsonb_set(data, '{media}', (SELECT jsonb_agg(CASE WHEN m->>'id' = :medium THEN m || CAST(:now AS jsonb) "
    "ELSE m END ORDER BY nth) FROM jsonb_array_elements(data->'media') WITH ORDINALITY AS x(m, nth)))"
)
_NEWER = (
    "corrected = corrected || jsonb_build_object(CAST(:name AS text), CAST(:sequence AS integer)) "
    "WHERE item = :item AND coalesce(CAST(corrected->>CAST(:name AS text) AS integer), 0) < :sequence"
)
_CORRECT_ITEM = text(f"UPDATE items SET data = data || CAST(:now AS jsonb), {_NEWER}")  # noqa: S608 - our own words
_CORRECT_MEDIUM = text(f"UPDATE items SET data = {_MEDIA}, {_NEWER}")  # noqa: S608 - our own words


async def _correct(tx: Transaction, items: Table, said: Sequence[Entry[Correction]]) -> None:
    """Let each item and medium say, value by value, what the newest entry about that value says."""
    await _registered(tx, items, {entry.event.item for entry in said})
    of_items, of_media = [], []
    for entry in said:
        event, given = entry.event, {"item": entry.event.item, "sequence": entry.sequence}
        match event:
            case MediumCorrected():
                named = {"name": f"{event.medium}.{event.field}", "medium": str(event.medium)}
                of_media.append(given | named | {"now": json.dumps({event.field: event.now})})
            case Corrected():
                of_items.append(given | {"name": event.field, "now": json.dumps({event.field: event.now})})
            case RequirementChanged():
                required = event.required.model_dump(mode="json")
                of_items.append(given | {"name": "required", "now": json.dumps({"required": required})})
    for statement, rows in ((_CORRECT_ITEM, of_items), (_CORRECT_MEDIUM, of_media)):
        if rows:
            await tx.connection.execute(statement, rows)


async def _registered(tx: Transaction, items: Table, wanted: set[UUID]) -> None:
    """Raise Later for an item whose registration has not come."""
    there = await tx.connection.scalars(select(items.c.item).where(items.c.item.in_(wanted)))
    if unheard := wanted - set(there):
        raise Later(f"{min(unheard)} is not registered here yet")


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
