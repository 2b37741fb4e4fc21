"""Views dropped and rebuilt come out equal, none of them empty; one entry withheld is seen."""

from collections.abc import AsyncIterator

import pytest

from meguru.rebuild import NotCaughtUp, compare, left_alone, rebuild, views_of
from meguru.tests.world import World, found, worlds
from services.tracking.commands import items, scans
from services.tracking.tests import world as town
from shared.entry import Request
from shared.ids import uuid7
from shared.settings import Service as Name
from shared.stack.stack import Stack
from shared.testing import NOW, WORKER

BOUND = "tracking.label-bound.v1"


@pytest.fixture(scope="module")
async def world(servers: Stack) -> AsyncIterator[World]:
    async with worlds(servers) as made:
        yield made


async def ledgers(world: World) -> dict[Name, int]:
    return {name: (await made.rows("SELECT count(*) FROM entries"))[0][0] for name, made in world.services.items()}


async def test_every_view_comes_out_equal_row_by_row_and_no_ledger_grows(world: World) -> None:
    before = await ledgers(world)
    compared = await compare(world.stack, world.names)
    assert [one for one in compared if not one.is_equal] == []
    assert {(one.service, one.table) for one in compared} == {
        (name, table.name) for name in world.names for table in views_of(name)
    }
    filled = {(one.service, one.table) for one in compared if one.rows}
    assert {"timeline", "leaves", "lots", "parties", "engagements", "items"} <= {
        t for s, t in filled if s == "tracking"
    }
    assert {"media", "deeds", "photos", "witnesses", "places"} <= {t for s, t in filled if s == "erasure"}
    assert {"works", "clearances"} <= {t for s, t in filled if s == "refurb"}
    assert {"calls"} <= {t for s, t in filled if s == "donations"}
    assert await ledgers(world) == before


async def test_dropped_views_are_filled_again(world: World) -> None:
    before = await ledgers(world)
    whole = {name: await dump(world, name) for name in world.names}
    for name in world.names:
        for table in views_of(name):
            await world.execute(name, f"DELETE FROM {table.name}")  # noqa: S608 - a test's own words
    counted = await rebuild(world.stack, world.names)
    assert {name: await dump(world, name) for name in world.names} == whole
    assert counted["tracking"]["timeline"] == len(world.carried)
    assert await ledgers(world) == before
    assert await found(world) == []
    await world.integrate()
    assert await found(world) == []  # no leaf went into the log a second time


async def dump(world: World, name: Name) -> dict[str, set[str]]:
    """Every row of every view, but for what no ledger can say."""
    rows = "SELECT (to_jsonb(t) - 'traceparent')::text FROM"
    return {
        table.name: {row[0] for row in await world.services[name].rows(f"{rows} {table.name} t")}
        for table in views_of(name)
    }


@pytest.mark.parametrize(
    ("owner", "kind", "service", "table"),
    [
        ("tracking", "tracking.item-registered.v1", "erasure", "media"),
        ("tracking", "tracking.lot-registered.v1", "tracking", "lots"),
        ("erasure", "erasure.witness-recorded.v1", "erasure", "witnesses"),
        ("refurb", "refurb.work-started.v1", "tracking", "timeline"),
        ("donations", "donations.call-opened.v1", "donations", "calls"),
    ],
)
async def test_one_entry_withheld_is_seen(world: World, owner: Name, kind: str, service: Name, table: str) -> None:
    entries = await world.entries(owner)
    needed = {entry.stream for entry in entries if entry.kind == BOUND}  # without it, its binding cannot be placed
    entry = next(
        entry
        for entry in entries
        if entry.kind == kind and entry.stream not in needed and "tracking" not in str(entry.because)
    )
    compared = await compare(world.stack, (service,), withheld={entry.id})
    different = {one.table: one for one in compared if not one.is_equal}
    assert different[table].lacking >= 1
    assert different[table].example
    assert all(one.is_equal for one in await compare(world.stack, (service,)))


async def test_an_entry_that_another_one_needs_is_missed_aloud(world: World) -> None:
    entries = await world.entries("tracking")
    (bound,) = {entry.stream for entry in entries if entry.kind == BOUND}
    registered = next(one for one in entries if one.stream == bound and one.kind == "tracking.item-registered.v1")
    with pytest.raises(NotCaughtUp):
        await compare(world.stack, ("erasure",), withheld={registered.id})


async def test_a_changed_row_is_seen(world: World) -> None:
    (row,) = await world.services["tracking"].rows("SELECT lot, count FROM lots")
    await world.execute("tracking", "UPDATE lots SET count = count + 1")
    (different,) = [one for one in await compare(world.stack, ("tracking",)) if not one.is_equal]
    await world.execute("tracking", "UPDATE lots SET count = count - 1")
    assert (different.table, different.lacking, different.excess) == ("lots", 1, 1)
    assert str(row.count + 1) in different.example


async def test_what_no_ledger_holds_is_named_and_left_alone(world: World) -> None:
    assert {"labels", "sessions", "tiles", "checkpoints", "people", "entries", "outbox", "parked"} <= set(
        left_alone("tracking")
    )
    assert {"applicants", "desks"} <= set(left_alone("donations"))
    before = (await world.services["tracking"].rows("SELECT count(*) FROM labels"))[0][0]
    await rebuild(world.stack, ("tracking",))
    assert (await world.services["tracking"].rows("SELECT count(*) FROM labels"))[0][0] == before > 0


async def test_a_service_that_has_not_heard_everything_is_not_rebuilt(world: World) -> None:
    tracking = world.services["tracking"]
    engagement = (await tracking.rows("SELECT engagement FROM engagements"))[0][0]
    (item,) = await town.registered(tracking, engagement, [town.row("LATE")])
    async with tracking.acting(by=WORKER) as tx:
        await scans.scan(tx, [scans.Scanned(item.stream, "received", Request(id=uuid7(), digest="r"), NOW)])
        await items.name_candidate(tx, item.stream)
    before = await dump(world, "refurb")
    with pytest.raises(NotCaughtUp, match="refurb"):
        await rebuild(world.stack, ("refurb",))
    assert await dump(world, "refurb") == before
    await world.carry()
    await rebuild(world.stack, ("refurb",))
