"""The whole way over a real bus: named at tracking, opened here, told to everybody."""

import asyncio
import json
from typing import Any

import nats

from services.refurb.tests.samples import cleared, named, parties, registered, to_material
from services.refurb.worker import app, life
from shared.ids import derived
from shared.outbox import parcel_of_entry, publish
from shared.testing import TOWN, Service

PATIENCE_S = 15


async def test_a_candidate_named_on_the_bus_becomes_a_work_order_and_its_start_goes_out(refurb: Service) -> None:
    reborn, waste = registered(), registered()
    told = [*parties(), reborn, waste, named(reborn), to_material(waste), cleared(reborn)]
    tracking = await nats.connect(**refurb.stack.nats_options("tracking"))
    operator = await nats.connect(**refurb.stack.nats_options())
    heard = await operator.subscribe(f"custody.{TOWN}.refurb.work-started.v1")
    ours = [str(derived(one.event.item, "work")) for one in (reborn, waste)]
    started: dict[str, Any] = {}
    async with life(app):
        await publish(tracking, [parcel_of_entry(entry) for entry in told])
        while len(started) < len(ours):  # the bus of a test run carries other tests' entries too
            said = json.loads((await heard.next_msg(timeout=PATIENCE_S)).data)
            if said["stream"] in ours:
                started[said["stream"]] = (said["data"]["route"], said["because"])
        for _ in range(PATIENCE_S * 10):
            if clear := await refurb.rows("SELECT cleared FROM clearances WHERE item = :i", i=reborn.event.item):
                break
            await asyncio.sleep(0.1)
    await operator.close()
    await tracking.close()
    assert [started[stream] for stream in ours] == [("reuse", str(told[-3].id)), ("recycle", str(told[-2].id))]
    assert [row.cleared for row in clear] == [True]
    assert not await refurb.rows("SELECT 1 FROM parked WHERE id = ANY(:told)", told=[entry.id for entry in told])
