import asyncio
from typing import Any

import pytest

from services.certificates.tests import sample
from services.certificates.tests.conftest import House
from services.certificates.tests.world import Machine
from services.certificates import keys
from shared import blobs
from shared.settings import settings
from shared.testing import TOWN
from verifier import verify_bytes

pytestmark = sample.needs_fonts


async def certificate(house: House, number: str) -> Any:
    (row,) = await house.rows("SELECT * FROM certificates WHERE number = :n", n=number)
    return row


async def test_a_destruction_and_its_proof_become_a_certificate_that_a_stranger_verifies(house: House) -> None:
    machine = Machine.new()
    destroyed = machine.destroyed()
    await house.hear(machine.registered, machine.erased(), machine.received(), destroyed)
    assert await house.issue() == 0  # no proof yet
    await house.hear(house.log.notice(machine.erased(), destroyed))
    assert await house.issue() == 1
    row = await certificate(house, machine.number())
    trusted = keys.trusted(settings().keys)
    for sha256, name in ((row.pdf_sha256, "c.pdf"), (row.json_sha256, "c.json")):
        content = await blobs.get(TOWN, sha256)
        verdict = await asyncio.to_thread(verify_bytes, name, content, trusted, {"a.jpg": sample.PHOTOS[0]})
        assert verdict.ok, verdict
        assert {check.status for check in verdict.checks} == {"ok"}
        assert verdict.number == machine.number()
    stored = (await blobs.get(TOWN, row.input_sha256)).decode()
    for said in ("髙﨑 亮", "作業主任", "佐藤 恵", "最上町長", "総務省ガイドライン R2.12", "Purge（除去）　nwipe 0.37"):
        assert said in stored
