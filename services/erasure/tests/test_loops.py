import asyncio
from contextlib import suppress
from typing import Any

import pytest
from nats.aio.client import Client

from services.erasure import loops, views
from services.erasure.tests.conftest import item
from services.erasure.tests.test_api import drop, proof
from shared.events.tracking import ItemRegistered
from shared.testing import Service, recorded
from shared.worker import Work


async def test_a_report_filed_in_the_moment_its_item_was_registered_is_bound_later(
    erasure: Service, client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert (await drop(client, proof("LOOP1"))).status_code == 202
    it = item("LOOP1")
    async with erasure.consuming() as tx:  # the item is known, and the consumer saw no report
        await views.apply(tx, [recorded(it, stream=it.item)])
    monkeypatch.setattr(loops, "PAUSE_S", 0.01)
    running = asyncio.create_task(loops.bind_arrived(Work(erasure.settings, erasure.consumer, Client())))
    try:
        async with asyncio.timeout(10):
            while not await deeds(erasure, it):
                await asyncio.sleep(0.02)
        await asyncio.sleep(0.1)
        assert len(await deeds(erasure, it)) == 1
        assert not running.done()
    finally:
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running


async def deeds(made: Service, it: ItemRegistered) -> list[Any]:
    return await made.rows("SELECT 1 FROM deeds WHERE medium = :m", m=it.media[0].id)
