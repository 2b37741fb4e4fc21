import pytest

from services.refurb import commands
from services.refurb.tests.conftest import hear
from services.refurb.tests.samples import REFURBISHER, cleared, named, registered
from shared import ledger
from shared.events.refurb import DeliveredToTown, PartReplaced, Spec, StepDone
from shared.ids import uuid7
from shared.refused import Refused, Reused, Unknown
from shared.testing import OTHER_TOWN, Service

SPEC = Spec(os="Windows 11 Home", ssd_gb=240, memory_gb=8, office="LibreOffice", support_months=3)


async def test_a_work_order_is_opened_once(refurb: Service) -> None:
    item = uuid7()
    for opened in (True, False):
        async with refurb.acting() as tx:
            entry = await commands.start(tx, item, label="7K3D9Q2MX", item_kind="notebook", route="reuse")
            assert (entry is not None) is opened


async def test_without_the_registration_nothing_that_needs_the_media_is_decided(refurb: Service) -> None:
    known = registered()
    await hear(refurb, [named(known)])
    item = known.event.item
    async with refurb.acting(by=REFURBISHER) as tx:
        await commands.accept(tx, item, "A", ["良好"])
        for ask in (
            commands.finish(tx, item, SPEC),
            commands.deliver(tx, item),
            commands.recycle(tx, item, weights=[], manifest="M-1", operator="x"),
            commands.replace_part(tx, item, maker=None, model="SX", serial="NEW-1", capacity_gb=240),
        ):
            with pytest.raises(Refused) as no:
                await ask
            assert no.value.code == "registration-late"


async def test_a_swap_and_a_delivery_are_two_entries_of_one_request_and_a_replay_answers_the_first(
    refurb: Service,
) -> None:
    known = registered()
    await hear(refurb, [known, named(known), cleared(known)])
    item = known.event.item
    part, sent = uuid7(), uuid7()
    async with refurb.acting(by=REFURBISHER) as tx:
        await commands.accept(tx, item, "A", ["良好"])
    for replayed in (False, True):
        async with refurb.acting(by=REFURBISHER, request=part, asked="part") as tx:
            entry = await commands.replace_part(tx, item, maker=None, model="SX", serial="NEW-1", capacity_gb=240)
            assert (entry.replayed, type(entry.event)) == (replayed, PartReplaced)
    async with refurb.acting(by=REFURBISHER) as tx:
        for step in ("os", "cleaning", "support"):
            await commands.do_step(tx, item, step)
        await commands.finish(tx, item, SPEC)
    for replayed in (False, True):
        async with refurb.acting(by=REFURBISHER, request=sent, asked="sent") as tx:
            entry = await commands.do_step(tx, item, "delivery", "3号車")
            assert (entry.replayed, type(entry.event)) == (replayed, StepDone)
    async with refurb.acting(by=REFURBISHER, request=sent, asked="other") as tx:
        with pytest.raises(Reused):
            await commands.deliver(tx, item)
    async with refurb.acting() as tx:
        history = await ledger.read(tx, commands.stream_of(item))
    assert [entry.sequence for entry in history.entries] == list(range(1, 11))
    assert isinstance(history.events[-1], DeliveredToTown)
    waiting = await refurb.rows("SELECT 1 FROM outbox WHERE stream = :s", s=history.stream)
    assert len(waiting) == len(history.entries)


async def test_another_town_does_not_know_the_order(refurb: Service) -> None:
    known = registered()
    await hear(refurb, [known, named(known)])
    async with refurb.acting(OTHER_TOWN) as tx:
        with pytest.raises(Unknown):
            await commands.accept(tx, known.event.item, "A", ["良好"])
