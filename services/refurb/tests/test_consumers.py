import random
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from services.refurb import views
from services.refurb.consumers import consumers
from services.refurb.tables import clearances
from services.refurb.tests.conftest import hear
from services.refurb.tests.samples import cleared, given_back, handed_over, named, registered, reopened, to_material
from shared.entry import Entry
from shared.events.tracking import Corrected, MediumCorrected
from shared.ids import derived
from shared.testing import NOW, TOWN, Service, recorded

COLUMNS = {
    "works": "sequence, tenant, item, kind, data",
    "clearances": "medium, tenant, item, cleared, reason, sequence, occurred_at",
    "items": "item, label, tenant, kind, data",
    "hand_overs": "item, entry, tenant, handed, occurred_at",
}


async def rows(made: Service, items: list[Any]) -> dict[str, list[Any]]:
    found = {}
    for table, columns in COLUMNS.items():
        query = f"SELECT {columns} FROM {table} WHERE item = ANY(:items) ORDER BY 1, 2, 3"  # noqa: S608 - constants
        found[table] = [tuple(row) for row in await made.rows(query, items=items)]
    return found


async def test_every_consumer_twice_and_shuffled_leaves_the_same_rows(refurb: Service) -> None:
    dice = random.Random(3)
    reborn, waste = registered(media=2), registered()
    items = [one.event.item for one in (reborn, waste)]
    entries = [
        reborn,
        waste,
        named(reborn),
        to_material(waste),
        cleared(reborn, 0, sequence=1),
        reopened(reborn, 0, sequence=2),
        cleared(reborn, 0, sequence=3),
        cleared(reborn, 1, sequence=1),
        reopened(reborn, 1, sequence=2),
        cleared(waste),
        handed_over(reborn),
        given_back(reborn, at=NOW + timedelta(days=9)),
    ]
    await hear(refurb, entries)
    first = await rows(refurb, items)
    assert [len(first[table]) for table in COLUMNS] == [2, 3, 2, 2]
    for _ in range(4):
        shuffled = entries * 2
        dice.shuffle(shuffled)
        await hear(refurb, shuffled)
        assert await rows(refurb, items) == first
    appended = await refurb.rows(
        "SELECT stream, sequence FROM entries WHERE stream = ANY(:s)", s=[derived(item, "work") for item in items]
    )
    assert sorted(map(tuple, appended)) == sorted([(derived(items[0], "work"), 1), (derived(items[1], "work"), 1)])


async def test_the_view_comes_out_equal_from_any_order_on_an_empty_table(refurb: Service) -> None:
    known = registered(media=1)
    words = [cleared(known, sequence=1), reopened(known, sequence=2), cleared(known, sequence=3)]
    seen = set()
    for order in permutations(words):
        async with refurb.consuming() as tx:
            await tx.connection.execute(clearances.delete().where(clearances.c.item == known.event.item))
            await consumers.handle(tx, list(order))
        seen.add(str(await rows(refurb, [known.event.item])))
    assert len(seen) == 1


async def test_the_later_sequence_of_a_medium_wins_even_when_a_clock_went_back(refurb: Service) -> None:
    known = registered()
    before = NOW.replace(hour=0)
    await hear(refurb, [known, reopened(known, sequence=2, at=before), cleared(known, sequence=1, at=NOW)])
    async with refurb.consuming() as tx:
        assert await views.cleared(tx.connection, known.event.item) == set()


@pytest.mark.parametrize("make", [named, to_material])
async def test_a_work_order_acts_for_the_town_and_names_its_cause(refurb: Service, make: Any) -> None:
    known = registered()
    cause: Entry[Any] = make(known)
    await hear(refurb, [cause])
    body = (
        await refurb.rows("SELECT tenant, body FROM entries WHERE stream = :s", s=derived(known.event.item, "work"))
    )[0]
    assert body.tenant == TOWN
    read = Entry.read(body.body, b"")
    assert read.because == cause.id
    assert read.event.route == ("reuse" if make is named else "recycle")  # type: ignore[attr-defined]  # a WorkStarted, by its stream


async def test_the_board_and_the_order_say_what_was_corrected(refurb: Service) -> None:
    known = registered(media=2)
    item, medium = known.event.item, known.event.media[1].id
    said = (
        Corrected(item=item, field="model", now="MN-9", reason="x"),
        MediumCorrected(item=item, medium=medium, field="serial", now="RIGHT", reason="x"),
    )
    told = [known, named(known)] + [recorded(event, stream=item, sequence=nth) for nth, event in enumerate(said, 2)]
    await hear(refurb, [*told, *told])
    async with refurb.acting() as tx:
        order = await views.one(tx.connection, item)
        board = await views.board(tx.connection, TOWN, NOW)
    assert (order.name, order.media[1].serial) == ("Fuji MN-9", "RIGHT")
    (card,) = [card for card in board.candidate if card.label == known.event.label]
    assert (card.name, "RIGHT" in card.open_media) == ("Fuji MN-9", True)


async def test_the_views_are_rebuilt_from_the_entries_and_come_out_equal(refurb: Service) -> None:
    known = registered()
    foreign = [known, named(known), cleared(known)]
    await hear(refurb, foreign)
    items = [known.event.item]
    before = await rows(refurb, items)
    own = [
        Entry.read(row.body, row.salt)
        for row in await refurb.rows("SELECT body, salt FROM entries WHERE stream = :s", s=derived(items[0], "work"))
    ]
    async with refurb.consuming() as tx:
        for table in views.REBUILT:
            if "item" in table.c:
                await tx.connection.execute(table.delete().where(table.c.item == items[0]))
    assert not any((await rows(refurb, items)).values())
    async with refurb.consuming() as tx:
        await views.apply(tx, own)
        await consumers.handle(tx, foreign)
    assert await rows(refurb, items) == before
