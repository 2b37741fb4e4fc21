"""Cages by their commands: who may leave, who is missing, and whose contract it is."""

from datetime import timedelta
from itertools import permutations
from uuid import UUID

import pytest

from services.tracking import views
from services.tracking.commands import cages, differences, items, scans
from services.tracking.tests.entries import erased, hear
from services.tracking.tests.world import founded, registered, row
from shared.entry import By, Entry
from shared.events.erasure import (
    ErasureVerified,
    LotReopened,
    LotSettled,
)
from shared.ids import derived, uuid7
from shared.levels import Level
from shared.refused import Forbidden, Invalid, Refused
from shared.testing import CENTRE, NOW, OTHER_TOWN, TOWN, WORKER, Service, recorded


async def test_a_cage_leaves_only_when_every_medium_is_proved_or_excepted(tracking: Service, engagement: UUID) -> None:
    good, bad = await registered(tracking, engagement, [row("G1"), row("B1")])
    async with tracking.acting(by=WORKER) as tx:
        cage = (await cages.seal(tx, engagement, "1", "4817", [good.stream, bad.stream])).stream
    await hear(tracking, [erased(good), erased(bad, Level.CLEAR)])
    async with tracking.acting(by=WORKER) as tx:
        with pytest.raises(Refused) as refused:
            await cages.hand_over(tx, cage, vehicle=None)
        assert refused.value.missing == (
            f"{views.grouped(bad.event.label)}　B1：Purge（除去）以上の消去の証跡（いまはClear（消去））",
        )
    medium = bad.event.media[0].id
    async with tracking.acting(by=WORKER) as tx:
        with pytest.raises(Invalid, match="町の名簿にある人"):
            await items.request_exception(tx, bad.stream, medium, reason="媒体が応答しない", witness="x")
        await items.request_exception(tx, bad.stream, medium, reason="媒体が応答しない", witness="witness")
    for party, said in ((CENTRE, "町の職員"), (TOWN, "別の人")):
        async with tracking.acting(by=By(person="witness", party=party)) as tx:
            with pytest.raises(Refused, match=said):
                await items.approve_exception(tx, medium)
    async with tracking.acting(by=By(person="boss", party=TOWN)) as tx:
        await items.approve_exception(tx, medium)
    request = uuid7()
    async with tracking.acting(by=WORKER, request=request) as tx:
        shipped = await cages.hand_over(tx, cage, vehicle="1234")
    async with tracking.acting(by=WORKER, request=request) as tx:
        again = await cages.hand_over(tx, cage, vehicle="1234")
    assert [entry.id for entry in shipped] == [entry.id for entry in again]
    assert all(entry.replayed for entry in again)
    async with tracking.acting(by=WORKER) as tx:
        with pytest.raises(Refused, match="もう出庫"):
            await cages.hand_over(tx, cage, vehicle=None)


async def test_a_cage_of_a_lot_in_doubt_stays_until_the_lot_stands_again_in_any_order(tracking: Service) -> None:
    for nth, order in enumerate(permutations(range(4))):
        contract = await founded(tracking, contract=f"doubt-{nth}")
        good, bad = await registered(tracking, contract, [row(f"DG{nth}"), row(f"DB{nth}")])
        medium, lot = bad.event.media[0].id, derived(contract, "recheck")
        looks = [
            recorded(
                ErasureVerified(medium=medium, item=bad.stream, verifier="second", method="read back", passed=passed),
                stream=medium,
                sequence=sequence,
                at=NOW + timedelta(minutes=sequence),
            )
            for sequence, passed in ((2, False), (4, True))
        ]
        again = recorded(erased(bad).event, stream=medium, sequence=3, at=NOW + timedelta(minutes=3))
        reopened = LotReopened(
            engagement=contract, medium=medium, failed=looks[0].id, round=2, seed="ab" * 32, population=1, drawn=()
        )
        async with tracking.acting(by=WORKER) as tx:
            cage = (await cages.seal(tx, contract, "1", f"D{nth}", [good.stream, bad.stream])).stream
        failing = [erased(good), erased(bad), looks[0], recorded(reopened, stream=lot)]
        for n in (*order, *order):
            await hear(tracking, [failing[n]])
        doubt = f"{views.grouped(good.event.label)}　DG{nth}：この契約の再確認に不合格があり、確かめ直す前です"
        assert [doubt in one for one in await refused_to_leave(tracking, cage)] == [True, False]
        await hear(tracking, [again])
        assert ["確かめ直す前" in one for one in await refused_to_leave(tracking, cage)] == [True, True]
        await hear(tracking, [looks[1]])
        assert [doubt in one for one in await refused_to_leave(tracking, cage)] == [True], "that one passed"
        async with tracking.acting() as tx:
            (lacking,) = await items.missing_before_ship_out(tx, good.stream)
        assert doubt.endswith(lacking.ja.partition("。")[0])
        settled = recorded(LotSettled(engagement=contract, round=2), stream=lot, sequence=2)
        await hear(tracking, [settled, *failing, settled])
        async with tracking.acting(by=WORKER) as tx:
            assert len(await cages.hand_over(tx, cage, vehicle=None)) == 2


async def refused_to_leave(tracking: Service, cage: UUID) -> tuple[str, ...]:
    """What keeps a cage in the town hall."""
    async with tracking.acting(by=WORKER) as tx:
        with pytest.raises(Refused) as refused:
            await cages.hand_over(tx, cage, vehicle=None)
    assert refused.value.code == "evidence-missing"
    return refused.value.missing


async def test_a_short_cage_needs_a_reason_and_a_second_person_and_closes_when_found(
    tracking: Service, engagement: UUID
) -> None:
    three = await registered(tracking, engagement, [row("C1"), row("C2"), row("C3")])
    streams = [entry.stream for entry in three]
    async with tracking.acting(by=WORKER) as tx:
        cage = (await cages.seal(tx, engagement, "7", "1", streams)).stream
    difference = differences.Difference("探したがない", "second")
    async with tracking.acting(by=WORKER) as tx:
        with pytest.raises(Refused, match="合いません"):
            await cages.open_(tx, cage, seal_seen="1", found=streams[:2], centre=CENTRE, difference=None)
        with pytest.raises(Refused, match="別の人"):
            alone = differences.Difference("x", WORKER.person)
            await cages.open_(tx, cage, seal_seen="1", found=streams[:2], centre=CENTRE, difference=alone)
        with pytest.raises(Invalid, match="名簿にある別の人"):
            nobody = differences.Difference("x", "x")
            await cages.open_(tx, cage, seal_seen="1", found=streams[:2], centre=CENTRE, difference=nobody)
        await cages.open_(tx, cage, seal_seen="1", found=streams[:2], centre=CENTRE, difference=difference)
    discrepancy = derived(cage, "discrepancy")
    async with tracking.acting(by=WORKER) as tx:
        with pytest.raises(Refused, match="まだ読み取って"):
            await differences.resolve(tx, discrepancy, "found", "x")
    async with tracking.acting(by=WORKER, request=uuid7()) as tx:
        assert tx.request
        twice = [scans.Scanned(streams[2], "received", tx.request, NOW)] * 2
        answers = await scans.scan(tx, twice)
    assert len({one.said.id for one in answers if isinstance(one.said, Entry)}) == 1
    async with tracking.acting(by=WORKER) as tx:
        await differences.resolve(tx, discrepancy, "found", "底にあった")
    async with tracking.acting(by=WORKER) as tx:
        with pytest.raises(Refused, match="もう閉じて"):
            await differences.resolve(tx, discrepancy, "found", "x")


async def test_a_cage_is_sealed_under_an_engagement_of_its_own_town(tracking: Service, engagement: UUID) -> None:
    theirs = await founded(tracking, town=OTHER_TOWN, contract="R8-other")
    (foreign,) = await registered(tracking, theirs, [row("O1")], town=OTHER_TOWN)
    async with tracking.acting(by=WORKER) as tx:
        with pytest.raises(Forbidden, match="別の契約"):
            await cages.seal(tx, theirs, "9", "1", [foreign.stream])
