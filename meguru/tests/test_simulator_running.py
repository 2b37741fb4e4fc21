"""A simulated fleet on a whole stack: what it came to, and that every page and paper of it says what it is."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from meguru.founding import PREPARE
from meguru.replay.acting import until_heard
from meguru.replay.actor import Actor
from meguru.replay.inputs import photo
from meguru.simulator.fleet import Fault, fleet
from meguru.simulator.running import CENTRE, CLERK, TOWN, WORKER, simulate
from services.certificates.document.inputs import DestructionInput
from services.tracking.commands.parties import engagement_of
from shared.simulated import MARK
from shared.stack.stack import Stack

COUNT, SEED = 60, 4


@pytest.fixture(scope="module")
async def stack(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Stack]:
    async with Stack(tmp_path_factory.mktemp("simulated"), prepare=PREPARE, development_login=True) as running:
        yield running


async def test_a_simulated_fleet_is_filed_as_it_was_meant_and_marked_wherever_it_shows(stack: Stack) -> None:
    states = await simulate(stack.origin, stack.certificate_authority, COUNT, SEED)
    drives = list(fleet(COUNT, SEED))
    for level in ("clear", "purge"):
        assert states[level] == sum(one.proved == level and one.fault is Fault.NONE for one in drives)
    assert states["waiting"] == sum(one.fault is Fault.MISTYPED for one in drives)
    assert await simulate(stack.origin, stack.certificate_authority, COUNT, SEED) == states, "twice changes nothing"

    engagement = str(engagement_of(TOWN, CENTRE, f"模擬-{SEED}-{COUNT}"))
    async with Actor(stack.origin, stack.certificate_authority, CLERK) as clerk:
        found = (await clerk.get("/api/tracking/items", town=TOWN, engagement=engagement))["items"]
        label = found[0]["label"]
        pages = ["/dashboard", "/items", "/labels", f"/items/{label}", f"/erasure/media/{label}", "/certificates"]
        for path in pages:
            assert MARK in (await clerk.fetch(path)).decode(), path
    async with Actor(stack.origin, stack.certificate_authority) as anybody:
        assert MARK in (await anybody.fetch(f"/T/{label}")).decode()
        assert MARK in (await anybody.fetch("/lookup", id=f"{label} {found[1]['label']}")).decode()
    async with Actor(stack.origin, stack.certificate_authority, WORKER) as worker:
        assert MARK in (await worker.fetch("/erasure/destroy")).decode()
        shots = [("after", ("after.jpg", photo(drives[0].machine, "after", datetime.now(UTC)), "image/jpeg"))]
        answer = await worker.upload(f"/api/erasure/media/{label}/destructions", {"machine": "模擬"}, shots)
        assert answer.status == 201, answer.body
        seen = await until_heard(
            lambda: worker.get("/api/certificates", town=TOWN),
            lambda said: any(one["state"] == "issued" for one in said["certificates"]),
        )
        number = next(one["number"] for one in seen["certificates"] if one["state"] == "issued")
        credential = await worker.get(f"/certificates/{number}.json")
    subject: dict[str, Any] = credential["credentialSubject"]
    assert subject["sample"] is True
    assert "sample" in DestructionInput.model_fields, "prints 見本 across the head"
    assert all(MARK in subject[name] for name in ("addressee", "issuer"))
