import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from services.refurb.commands import consignments, orders, plans
from services.refurb.domain import work_order
from services.refurb.domain.plan import STANDARD
from services.refurb.tests.conftest import hear
from services.refurb.tests.samples import ENGAGEMENT, REFURBISHER, cleared, named, registered, to_material
from shared import ledger
from shared.database import Transaction
from shared.entry import Entry
from shared.events.refurb import DeliveredToTown, PartReplaced, PlanStep, Recycled, Spec, StepDone
from shared.ids import uuid7
from shared.refused import Refused, Reused, Unknown
from shared.testing import OTHER_TOWN, Service

SPEC = Spec(os="Windows 11 Home", ssd_gb=240, memory_gb=8, office="LibreOffice", support_months=3)


async def test_a_work_order_is_opened_once(refurb: Service) -> None:
    item = uuid7()
    for opened in (True, False):
        async with refurb.acting() as tx:
            entry = await orders.start(tx, item, label="7K3D9Q2MX", item_kind="notebook", route="reuse")
            assert (entry is not None) is opened


async def test_without_the_registration_nothing_that_needs_the_media_is_decided(refurb: Service) -> None:
    known = registered()
    await hear(refurb, [named(known)])
    item = known.event.item
    async with refurb.acting(by=REFURBISHER) as tx:
        await orders.accept(tx, item, "A", ["良好"], engagement=ENGAGEMENT)
        for ask in (
            orders.finish(tx, item, SPEC),
            orders.deliver(tx, item),
            orders.recycle(tx, item, weights=[], manifest="M-1", operator="x"),
            orders.replace_part(tx, item, maker=None, model="SX", serial="NEW-1", capacity_gb=240),
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
        await orders.accept(tx, item, "A", ["良好"], engagement=ENGAGEMENT)
    for replayed in (False, True):
        async with refurb.acting(by=REFURBISHER, request=part, asked="part") as tx:
            entry = await orders.replace_part(tx, item, maker=None, model="SX", serial="NEW-1", capacity_gb=240)
            assert (entry.replayed, type(entry.event)) == (replayed, PartReplaced)
    async with refurb.acting(by=REFURBISHER) as tx:
        for step in ("os", "cleaning", "support"):
            await orders.do_step(tx, item, step)
        await orders.finish(tx, item, SPEC)
    for replayed in (False, True):
        async with refurb.acting(by=REFURBISHER, request=sent, asked="sent") as tx:
            entry = await orders.do_step(tx, item, "delivery", "3号車")
            assert (entry.replayed, type(entry.event)) == (replayed, StepDone)
    async with refurb.acting(by=REFURBISHER, request=sent, asked="other") as tx:
        with pytest.raises(Reused):
            await orders.deliver(tx, item)
    async with refurb.acting() as tx:
        history = await ledger.read(tx, orders.stream_of(item))
    assert [entry.sequence for entry in history.entries] == list(range(1, 11))
    assert isinstance(history.events[-1], DeliveredToTown)
    waiting = await refurb.rows("SELECT 1 FROM outbox WHERE stream = :s", s=history.stream)
    assert len(waiting) == len(history.entries)


async def test_another_town_does_not_know_the_order(refurb: Service) -> None:
    known = registered()
    await hear(refurb, [known, named(known)])
    async with refurb.acting(OTHER_TOWN) as tx:
        with pytest.raises(Unknown):
            await orders.accept(tx, known.event.item, "A", ["良好"], engagement=ENGAGEMENT)


async def leaving(refurb: Service, count: int, *, proved: int) -> list[tuple[UUID, str]]:
    """Return chassis on their way to material; of the last ones the media are still open."""
    known = [registered() for _ in range(count)]
    await hear(refurb, [entry for one in known for entry in (one, to_material(one))])
    await hear(refurb, [cleared(one) for one in known[:proved]])
    return [(one.event.item, one.event.label) for one in known]


async def consign(tx: Transaction, items: Sequence[tuple[UUID, str]], manifest: str) -> Entry[Any]:
    return await consignments.consign(
        tx, ENGAGEMENT, items, manifest=manifest, operator="再生金属", kg=20, tolerance=0.02
    )


async def test_chassis_leave_together_or_none_of_them_and_each_that_stays_has_its_sentence(refurb: Service) -> None:
    items = await leaving(refurb, 3, proved=2)
    async with refurb.acting(by=REFURBISHER) as tx:
        with pytest.raises(Refused) as no:
            await consign(tx, items, "M-ALL")
    assert (no.value.code, no.value.detail["field"]) == ("may-not-leave", "labels")
    for said in (no.value.ja, no.value.en):
        assert items[2][1] in said
        assert items[0][1] not in said
    request = uuid7()
    for replayed in (False, True):
        async with refurb.acting(by=REFURBISHER, request=request, asked="hand over") as tx:
            entry = await consign(tx, items[:2], "M-ALL")
            assert (entry.replayed, entry.event.labels) == (replayed, tuple(label for _, label in items[:2]))
    async with refurb.acting(by=REFURBISHER) as tx:
        for item, _ in items[:2]:
            left = (await ledger.read(tx, orders.stream_of(item))).events[-1]
            assert isinstance(left, Recycled)
            assert (left.consignment, left.manifest, left.weights) == (entry.stream, "M-ALL", ())
        for manifest, some, code in (("ｍ-all", items[:1], "manifest-used"), ("M-2", items[:1], "may-not-leave")):
            with pytest.raises(Refused) as no:
                await consign(tx, some, manifest)
            assert no.value.code == code


async def test_two_hand_overs_of_one_chassis_at_once_leave_one_of_them_standing(refurb: Service) -> None:
    items = await leaving(refurb, 4, proved=4)
    async with refurb.acting(by=REFURBISHER) as one:
        await consign(one, items[:3], "M-ONE")
        async with asyncio.timeout(10):

            async def other() -> None:
                async with refurb.acting(by=REFURBISHER) as tx:
                    await consign(tx, items[2:], "M-TWO")

            racing = asyncio.create_task(other())
            await asyncio.sleep(0.3)  # it waits for the chassis that both take
            await one.connection.commit()
            with pytest.raises(ledger.LostRace):
                await racing


async def test_an_order_keeps_the_plan_of_the_day_it_was_accepted_on(refurb: Service) -> None:
    job, known = uuid7(), [registered(), registered()]
    memory = PlanStep(code="memory", ja="メモリ増設", en="Memory added")
    await hear(refurb, [entry for one in known for entry in (one, named(one), cleared(one))])
    asked = uuid7()
    for steps in ((memory,), (memory, STANDARD[2])):
        async with refurb.acting(by=REFURBISHER) as tx:
            await plans.set_plan(tx, job, steps)
            item = known.pop().event.item
            await orders.accept(tx, item, "A", ["良好"], engagement=job)
            order = work_order.fold((await ledger.read(tx, orders.stream_of(item))).events)
            assert order.steps == steps
    for replayed in (False, True):
        async with refurb.acting(by=REFURBISHER, request=asked, asked="plan") as tx:
            assert (await plans.set_plan(tx, job, [STANDARD[2]])).replayed is replayed
    async with refurb.acting(by=REFURBISHER) as tx:
        kept = work_order.fold((await ledger.read(tx, orders.stream_of(item))).events)
        assert kept.steps == (memory, STANDARD[2])
        done = (await orders.do_step(tx, item, "memory", "8 GB")).event
        assert (done.step, done.name) == ("memory", memory)
