"""The whole service as it runs: what comes over the bus ends as an issued certificate, announced over the bus."""

import asyncio
import json
from dataclasses import replace
from typing import Any

import nats
import pytest

from services.certificates.tests import sample
from services.certificates.tests.conftest import House
from services.certificates.tests.world import Machine, parties
from shared.entry import Entry
from shared.outbox import Parcel, parcel_of_entry, publish
from shared.settings import settings
from shared.testing import TOWN

pytestmark = sample.needs_fonts

TRACE = "0123456789abcdef0123456789abcdef"


async def test_a_destruction_on_the_bus_ends_as_an_issued_certificate_on_the_bus_in_one_trace(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    from services.certificates.worker import app

    monkeypatch.setenv("MEGURU_ROLE", "all")
    settings.cache_clear()
    machine = Machine.new()
    destroyed: Entry[Any] = replace(machine.destroyed(), traceparent=f"00-{TRACE}-0123456789abcdef-01")
    notice = house.log.notice(destroyed)
    logged = Parcel(0, "notices", notice.subject, notice.body, {"Nats-Msg-Id": str(notice.id)})
    told = [*parties(), machine.registered, machine.received(), destroyed]
    client = await nats.connect(**house.made.stack.nats_options())
    heard: asyncio.Queue[Any] = asyncio.Queue()  # other tests share this bus: only our certificate counts
    await client.subscribe(f"custody.{TOWN}.certificates.issued.v1", cb=heard.put)
    try:
        async with app.router.lifespan_context(app):
            await publish(client, [logged])  # the proof before the event
            await publish(client, [parcel_of_entry(entry) for entry in told])
            async with asyncio.timeout(40):
                while json.loads((announced := await heard.get()).data)["data"]["number"] != machine.number():
                    pass
        assert (announced.headers or {})["traceparent"].split("-")[1] == TRACE
    finally:
        await client.close()
        settings.cache_clear()
