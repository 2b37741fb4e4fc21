"""What donations hears, twice and shuffled; only what the town took over is stock."""

from random import Random
from typing import Any

import pytest

from services.donations import reading, tables, views
from services.donations.consumers import consumers
from services.donations.tests.conftest import SPEC, a_registration, contents, empty
from shared.events.refurb import DeliveredToTown, Ready
from shared.events.tracking import TakenOver
from shared.ids import uuid7
from shared.testing import OTHER_TOWN, TOWN, Service, recorded

TABLES = (tables.refurbishments, tables.deliveries, tables.takeovers)


def heard() -> list[Any]:
    """Three machines: one taken over, one only delivered, one only ready; and a machine of another town."""
    entries = []
    for nth in range(4):
        item, town = uuid7(), OTHER_TOWN if nth == 3 else TOWN
        label = f"D0000000{nth}"
        ready = Ready(item=item, label=label, item_kind="desktop", grade="A", spec=SPEC)
        entries.append(recorded(ready, tenant=town))
        if nth != 2:
            entries.append(recorded(DeliveredToTown(item=item, label=label, item_kind="desktop"), tenant=town))
        if nth in {0, 3}:
            entries.append(recorded(TakenOver(item=item), tenant=town))
    return entries


@pytest.mark.parametrize("seed", range(3))
async def test_any_order_and_any_repetition_have_the_effect_of_once(made: Service, seed: int) -> None:
    entries = heard()
    async with made.consuming() as tx:
        await consumers.handle(tx, entries)
    once = await contents(made, TABLES)
    assert [len(rows) for rows in once.values()] == [4, 3, 2]
    await empty(made, TABLES)
    twice = entries * 2
    Random(seed).shuffle(twice)
    for entry in twice:
        async with made.consuming() as tx:
            await consumers.handle(tx, [entry])
    assert await contents(made, TABLES) == once


async def test_only_what_the_town_has_taken_over_is_stock(made: Service) -> None:
    async with made.consuming() as tx:
        await consumers.handle(tx, heard())
    async with made.acting() as tx:
        assert [machine.label for machine in await views.stock(tx.connection)] == ["D00000000"]
        counts = await reading.counts(tx.connection)
    assert (counts["ready"], counts["delivered"], counts["taken_over"], counts["left"]) == (3, 2, 1, 1)


async def test_a_machine_that_is_ready_again_counts_once(made: Service) -> None:
    item = uuid7()
    ready = Ready(item=item, label="D00000001", item_kind="desktop", grade="B", spec=SPEC)
    async with made.consuming() as tx:
        await consumers.handle(tx, [recorded(ready), recorded(ready), recorded(TakenOver(item=item))])
    async with made.acting() as tx:
        assert len(await views.stock(tx.connection)) == 1


async def test_the_directory_is_kept(made: Service) -> None:
    registered = a_registration()
    async with made.consuming() as tx:
        await consumers.handle(tx, [recorded(registered), recorded(registered)])
    assert await made.rows("SELECT label, tenant FROM items") == [("7K3D9Q2MX", TOWN)]
    assert await made.rows("SELECT name FROM parties") == [("最上町",)]
