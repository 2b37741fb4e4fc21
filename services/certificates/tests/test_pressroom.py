import asyncio
import os
import signal
from pathlib import Path

import pytest

from services.certificates import keys, loops, waiting
from services.certificates.order import Order, photos_of
from services.certificates.pressroom import NotReady, PressRoom, Unmakeable
from services.certificates.tests import sample
from services.certificates.tests.conftest import House
from services.certificates.tests.world import Machine
from shared import blobs
from shared.annex import Died
from shared.settings import settings
from shared.testing import NOW, TOWN
from verifier.keys import Keys
from verifier.verification import verify_bytes

pytestmark = sample.needs_fonts


async def job(house: House) -> tuple[Order, bytes, dict[str, bytes]]:
    """A certificate that waits to be made, and what it needs."""
    machine = Machine.new()
    told = machine.destroyed()
    await house.hear(machine.registered, told, house.log.notice(told))
    async with house.made.consumer.connect() as connection:
        orders = await waiting.open_orders(connection)
    ((order, stored),) = await loops.prepare(
        house.made.consumer, [order for order in orders if order.item == machine.item.item], settings().origin, NOW
    )
    return order, stored, sample.copies(*[await blobs.get(TOWN, one.sha256) for one in photos_of(stored)])


async def test_what_comes_back_verifies_and_its_steps_are_told(house: House) -> None:
    room = PressRoom(sample.FOLDER, settings().keys, settings().log_origin)
    await room.prepare()
    files = await room.make(*await job(house))
    assert (await asyncio.to_thread(verify_bytes, "c.pdf", files.pdf, Keys.parse(keys.trusted(settings().keys)))).ok
    assert [step.name for step in files.steps] == ["certificate render", "certificate sign"]
    assert all(step.began_ns < step.ended_ns for step in files.steps)
    await room.close()


async def test_a_killed_press_is_told_and_the_next_certificate_starts_it_again(house: House) -> None:
    room = PressRoom(sample.FOLDER, settings().keys, settings().log_origin)
    asked = await job(house)
    await room.prepare()
    assert room._annex._process
    making = asyncio.create_task(room.make(*asked))
    await asyncio.sleep(0)
    os.kill(room._annex._process.pid, signal.SIGKILL)
    with pytest.raises(Died):
        await making
    assert (await room.make(*asked)).pdf.startswith(b"%PDF")
    await room.close()


async def test_an_abandoned_job_does_not_answer_the_next_one(house: House) -> None:
    room = PressRoom(sample.FOLDER, settings().keys, settings().log_origin)
    first, second = await job(house), await job(house)
    await room.prepare()
    making = asyncio.create_task(room.make(*first))
    await asyncio.sleep(0.005)
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    files = await room.make(*second)
    assert second[0].number in files.json.decode()
    await room.close()


async def test_what_cannot_be_made_is_told_in_words_and_the_press_goes_on(house: House) -> None:
    room = PressRoom(sample.FOLDER, settings().keys, settings().log_origin)
    order, stored, copies = await job(house)
    with pytest.raises(Unmakeable, match="証拠写真"):
        await room.make(order, stored, {})
    assert (await room.make(order, stored, copies)).json
    await room.close()


async def test_without_fonts_it_is_not_ready_and_says_which(tmp_path: Path, house: House) -> None:
    room = PressRoom(tmp_path, settings().keys, settings().log_origin)
    with pytest.raises(NotReady, match="BIZUDPGothic"):
        await room.prepare()
    await room.close()


async def test_it_ends_when_its_parent_lets_go(house: House) -> None:
    room = PressRoom(sample.FOLDER, settings().keys, settings().log_origin)
    await room.prepare()
    process = room._annex._process
    assert process
    assert process.stdin
    process.stdin.close()  # what the kernel does when the parent is killed
    assert await asyncio.wait_for(process.wait(), 5) == 0
