"""Rolls with a real database: drawn once, bound by two scans, taken back, raced for, and never two machines' label."""

import asyncio
import hashlib
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from services.tracking.commands import cages, items, rolls, scans
from services.tracking.consumers import consumers
from services.tracking.reading.rolls import left_to_bind, printed_roll
from services.tracking.reading.rolls import rolls as rolls_of
from services.tracking.tests.entries import erased, hear
from services.tracking.tests.world import founded, registered, row
from shared.entry import Entry, Request
from shared.ids import Label, new_label, uuid7
from shared.refused import Forbidden, Invalid, Refused, Unknown
from shared.testing import NOW, OTHER_TOWN, TOWN, WORKER, Service


@pytest.fixture(scope="module")
async def engagement(tracking: Service) -> UUID:
    return await founded(tracking)


async def drawn(tracking: Service, engagement: UUID, count: int) -> list[Label]:
    async with tracking.acting(request=uuid7()) as tx:
        entry = await rolls.draw_roll(tx, engagement, count)
        return [Label(one.label) for one in await printed_roll(tx.connection, engagement, entry.stream)]


async def bound(tracking: Service, label: Label, said: str, engagement: UUID, **how: Any) -> Entry[Any]:
    async with tracking.acting(TOWN, WORKER, **how) as tx:
        return await rolls.bind_serial(tx, label, engagement, said)


async def refused(tracking: Service, label: Label, said: str, engagement: UUID) -> Refused:
    with pytest.raises(Refused) as told:
        await bound(tracking, label, said, engagement)
    return told.value


async def known(tracking: Service, label: Label) -> dict[str, list[UUID]]:
    """Whose label it is: to the town, and to the public."""
    queries = {
        "resolved": "SELECT item FROM resolve(ARRAY[CAST(:label AS text)], :town)",
        "public": "SELECT item FROM public_item(:label)",
    }
    async with tracking.app.connect() as connection:
        return {
            who: list(await connection.scalars(text(query), {"label": label.id, "town": TOWN}))
            for who, query in queries.items()
        }


async def test_a_roll_is_drawn_once_a_request_and_prints_the_same(tracking: Service, engagement: UUID) -> None:
    request, first = uuid7(), []
    for nth in range(2):
        async with tracking.acting(request=request, asked="5") as tx:
            entry = await rolls.draw_roll(tx, engagement, 5)
            assert entry.replayed == bool(nth)
            first.append(await printed_roll(tx.connection, engagement, entry.stream))
            (listed,) = [one for one in await rolls_of(tx.connection, engagement) if one.roll == entry.stream]
            assert (listed.count, listed.used) == (5, 0)
    assert first[0] == first[1]
    assert len({one.label for one in first[0]}) == 5
    for one in first[0]:
        assert await known(tracking, Label(one.label)) == {"resolved": [], "public": []}, "answers like an unknown one"
    for wrong in (0, 1001):
        with pytest.raises(Invalid):
            await drawn(tracking, engagement, wrong)
    async with tracking.acting(TOWN, WORKER, request=uuid7()) as tx:
        with pytest.raises(Forbidden):
            await rolls.draw_roll(tx, engagement, 1)


async def test_two_scans_bind_and_the_old_label_names_nothing_more(tracking: Service, engagement: UUID) -> None:
    (one,) = await registered(tracking, engagement, [row("TWO-1")])
    await hear(tracking, [one])
    old, (label, *_) = Label(one.event.label), await drawn(tracking, engagement, 3)
    async with tracking.acting() as tx:
        left = await left_to_bind(tx.connection, engagement)
    request = uuid7()
    entry = await bound(tracking, label, "ｐｃ-two-1 ", engagement, request=request)  # in another width and case
    assert (entry.event.before, entry.event.label, entry.sequence) == (old.id, label.id, 2)
    await hear(tracking, [entry])
    async with tracking.acting() as tx:
        assert await left_to_bind(tx.connection, engagement) == left - 1
    assert await known(tracking, label) == {"resolved": [one.stream], "public": [one.stream]}
    assert await known(tracking, old) == {"resolved": [], "public": []}
    (held,) = await tracking.rows("SELECT * FROM items WHERE item = :i", i=one.stream)
    (token,) = await tracking.rows("SELECT token FROM labels WHERE label = :l", l=label.id)
    assert held.token_sha256 == held.data["token_sha256"] == hashlib.sha256(token.token.encode()).hexdigest()
    assert held.data["label"] == label.id
    for again in (request, uuid7()):
        answer = await bound(tracking, label, "A-TWO-1", engagement, request=again)
        assert (answer.replayed, answer.id) == (True, entry.id)
    async with tracking.acting() as tx:
        (exported,) = [r for r in await items.registered_rows(tx.connection, engagement) if "TWO-1" in str(r.media)]
    assert exported.label == label.id


async def test_each_wrong_pair_is_answered_by_what_to_do(tracking: Service, engagement: UUID) -> None:
    told = await registered(tracking, engagement, [row("W-1"), row("W-2"), row("W-3"), row("W-4")])
    await hear(tracking, told)
    first, second, third, *_ = await drawn(tracking, engagement, 4)
    await bound(tracking, first, "PC-W-1", engagement)
    taken = await refused(tracking, first, "PC-W-2", engagement)
    assert taken.code == "label-taken"
    assert "A-W-1" in taken.ja
    assert (await refused(tracking, Label(told[2].event.label), "PC-W-2", engagement)).code == "label-taken"
    assert (await refused(tracking, second, "PC-NOBODY", engagement)).code == "unknown-serial"
    assert isinstance(await refused(tracking, Label(new_label()), "PC-W-2", engagement), Unknown)
    await hear(tracking, [erased(told[2])])
    assert (await refused(tracking, second, "PC-W-3", engagement)).code == "label-in-use"
    async with tracking.acting(TOWN, WORKER) as tx:
        await cages.seal(tx, engagement, "W", "W-SEAL", [told[3].stream])
    assert (await refused(tracking, second, "PC-W-4", engagement)).code == "in-a-cage"
    async with tracking.acting(TOWN, WORKER) as tx:
        scan = scans.Scanned(told[1].stream, "received", Request(id=uuid7(), digest="w"), NOW)
        await scans.scan(tx, [scan])
    assert (await refused(tracking, third, "PC-W-2", engagement)).code == "label-in-use", "before the bus has told"
    used = await tracking.rows(
        "SELECT label FROM labels WHERE label IN (:a, :b) AND item IS NOT NULL", a=second.id, b=third.id
    )
    assert used == [], "what was refused took no label"


async def test_several_with_one_number_are_listed_and_a_property_number_chooses(
    tracking: Service, engagement: UUID
) -> None:
    pair = [row("TWIN-A"), row("TWIN-B")]
    for one in pair:
        one.described["serial"] = "TO BE FILLED BY O.E.M."
    told = await registered(tracking, engagement, [pair[0]])
    async with tracking.acting() as tx:  # as two files with the maker's dummy number may leave it
        there = await items.registered_before(tx.connection, engagement, [pair[1]])
    assert there, "the register itself refuses a number twice; a medium's serial may still be a machine's"
    other = row("TO BE FILLED BY O.E.M.")
    told += await registered(tracking, engagement, [other])
    label, *_ = await drawn(tracking, engagement, 1)
    several = await refused(tracking, label, "to be filled by o.e.m.", engagement)
    assert several.code == "several-machines"
    assert [one.split("　")[0] for one in several.missing] == ["A-TO BE FILLED BY O.E.M.", "A-TWIN-A"]
    assert (await bound(tracking, label, "A-TWIN-A", engagement)).stream == told[0].stream


async def test_a_binding_is_taken_back_and_its_label_never_names_another(tracking: Service, engagement: UUID) -> None:
    one, two = await registered(tracking, engagement, [row("BACK-1"), row("BACK-2")])
    await hear(tracking, [one, two])
    label, next_, *_ = await drawn(tracking, engagement, 2)
    await bound(tracking, label, "PC-BACK-1", engagement)
    request = uuid7()
    for nth in range(2):
        async with tracking.acting(TOWN, WORKER, request=request) as tx:
            back = await rolls.take_back(tx, label)
        assert (back.event.label, back.event.before, back.replayed) == (one.event.label, label.id, bool(nth))
    assert (await known(tracking, Label(one.event.label)))["resolved"] == [one.stream]
    assert (await known(tracking, label)) == {"resolved": [], "public": []}
    for nobody in (label, next_, Label(two.event.label)):
        async with tracking.acting(TOWN, WORKER, request=uuid7()) as tx:
            with pytest.raises(Refused):
                await rolls.take_back(tx, nobody)
    assert (await refused(tracking, label, "PC-BACK-2", engagement)).code == "label-spent"
    assert (await bound(tracking, label, "PC-BACK-1", engagement)).sequence == 4, "its own machine may have it again"
    replaced = await bound(tracking, next_, "PC-BACK-1", engagement)
    assert replaced.event.before == label.id, "another label takes its place"


async def test_of_two_who_take_one_label_one_is_told(tracking: Service, engagement: UUID) -> None:
    await registered(tracking, engagement, [row("RACE-1"), row("RACE-2")])
    label, *_ = await drawn(tracking, engagement, 1)
    answers = await asyncio.gather(
        *(bound(tracking, label, f"PC-RACE-{n}", engagement) for n in (1, 2)), return_exceptions=True
    )
    (lost,) = [one for one in answers if isinstance(one, BaseException)]
    assert isinstance(lost, Refused)
    assert lost.code == "label-taken"


async def test_another_town_s_label_is_unknown_here(tracking: Service, engagement: UUID) -> None:
    theirs = await founded(tracking, town=OTHER_TOWN, contract="R8-9")
    async with tracking.acting(OTHER_TOWN, WORKER.model_copy(update={"party": OTHER_TOWN}), request=uuid7()) as tx:
        roll = await rolls.draw_roll(tx, theirs, 1)
        (foreign,) = await printed_roll(tx.connection, theirs, roll.stream)
    await registered(tracking, engagement, [row("FOREIGN")])
    assert isinstance(await refused(tracking, Label(foreign.label), "PC-FOREIGN", engagement), Unknown)


async def test_registering_the_same_list_again_after_a_binding_changes_nothing(
    tracking: Service, engagement: UUID
) -> None:
    rows = [row("SAME-1"), row("SAME-2")]
    batch = items.table_batch(engagement, rows)
    async with tracking.acting() as tx:
        first = await items.register(tx, engagement, batch, rows)
    label, *_ = await drawn(tracking, engagement, 1)
    await bound(tracking, label, "PC-SAME-1", engagement)
    async with tracking.acting() as tx:
        again = await items.register(tx, engagement, batch, rows)
        order = [one.described["asset_number"] for one in await items.registered_rows(tx.connection, engagement)]
    assert [one.id for one in again] == [one.id for one in first]
    assert all(one.replayed for one in again)
    assert order.index("A-SAME-1") + 1 == order.index("A-SAME-2"), "an export keeps the order of the list"


async def test_tracking_hears_its_own_bindings_twice_and_shuffled(tracking: Service, engagement: UUID) -> None:
    async def state() -> list[tuple[Any, ...]]:
        return [tuple(one) for one in await tracking.rows("SELECT * FROM items ORDER BY item")]

    own = [
        Entry.read(entry.body, entry.salt)
        for entry in await tracking.rows("SELECT body, salt FROM entries WHERE kind LIKE 'tracking.label-bound%'")
    ]
    before = await state()
    for entry in [*own, *reversed(own)]:
        async with tracking.consuming() as tx:
            await consumers.handle(tx, [entry])
    assert own
    assert await state() == before
