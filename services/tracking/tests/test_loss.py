"""What is lost, what is found again, what two cages may not share, and captures that come in any order."""

import asyncio
from datetime import date, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from services.tracking import reading, views
from services.tracking.commands import cages, custody, differences, items, losses, lots, scans
from services.tracking.domain.loss import CLOCKS, due_on
from services.tracking.tests.entries import destroyed, erased, hear, issued
from services.tracking.tests.world import CARRIER, founded, peopled, registered, row
from shared import ledger
from shared.entry import By, Entry, Request
from shared.ids import derived, uuid7
from shared.refused import Refused
from shared.testing import CENTRE, NOW, TOWN, WORKER, Service

SECOND = By(person="second", party=CENTRE)
NUMBERS = count(1)


@pytest.fixture(scope="module")
async def engagement(tracking: Service) -> UUID:
    await peopled(tracking)
    return await founded(tracking)


async def everything(tracking: Service) -> None:
    rows = await tracking.rows("SELECT body, salt FROM entries")
    await hear(tracking, [Entry.read(one.body, one.salt) for one in rows])


async def short_cage(tracking: Service, engagement: UUID) -> tuple[Entry[Any], UUID]:
    """A cage of two that was handed over and came short by one. Return the missing item and the difference."""
    nth = next(NUMBERS)
    here, missing = await registered(tracking, engagement, [row(f"H{nth}"), row(f"L{nth}")])
    await hear(tracking, [erased(here), erased(missing)])
    async with tracking.acting(by=WORKER) as tx:
        cage = (await cages.seal(tx, engagement, f"K{nth}", f"s{nth}", [here.stream, missing.stream])).stream
        await cages.hand_over(tx, cage, vehicle=None)
    async with tracking.acting(by=WORKER) as tx:
        why = differences.Difference("探したがない", "second")
        await cages.open_(tx, cage, seal_seen=f"s{nth}", found=[here.stream], centre=CENTRE, difference=why)
    return missing, derived(cage, "discrepancy")


async def test_a_drive_closed_as_lost_opens_its_case_and_is_not_closed_by_what_turns_up(
    tracking: Service, engagement: UUID
) -> None:
    missing, difference = await short_cage(tracking, engagement)
    async with tracking.acting(by=WORKER) as tx:
        with pytest.raises(Refused, match="別の人が行います"):
            await differences.resolve(tx, difference, "lost", "どこにもない")
    async with tracking.acting(by=SECOND) as tx:
        await differences.resolve(tx, difference, "lost", "どこにもない")
    await everything(tracking)
    loss = losses.loss_of(missing.stream)
    async with tracking.acting() as tx:
        (case,) = await reading.losses(tx.connection, only=loss)
        lacking = await items.missing_before_ship_out(tx, missing.stream)
    said = case.reported
    assert (said.last_party, said.last_kind, said.discrepancy) == (CARRIER, "tracking.shipped-out.v1", difference)
    assert [one.proved for one in said.media] == ["purge"]
    assert "紛失" in lacking[0].ja
    assert case.next_due == (CLOCKS[0], date(2026, 11, 28))
    async with tracking.acting(by=WORKER) as tx:
        with pytest.raises(Refused, match="読み取った記録がありません"):
            await losses.end_loss(tx, loss, "x")

    await hear(tracking, [destroyed(missing), issued(missing)])
    async with tracking.acting() as tx:
        (case,) = await reading.losses(tx.connection, only=loss)
    assert [one.kind for one in case.findings] == ["erasure.medium-destroyed.v1"], "a later record is tied by itself"
    async with tracking.consuming() as tx:
        assert await custody.close(tx.following(missing), missing.stream) is None
    async with tracking.acting(by=WORKER) as tx:
        ended = await losses.end_loss(tx, loss, "粉砕の場で見つかった")
    await hear(tracking, [ended])
    closed = await tracking.rows("SELECT 1 FROM entries WHERE stream = :s", s=derived(missing.stream, "custody"))
    assert len(closed) == 1, "a person confirmed it: now it may close"


async def test_the_town_s_reports_stop_their_clocks_once(tracking: Service, engagement: UUID) -> None:
    (one,) = await registered(tracking, engagement, [row("REPORT")])
    async with tracking.acting() as tx:
        loss = (await losses.report_loss(tx, one.stream, reason="倉庫にない")).stream
    async with tracking.acting() as tx:
        with pytest.raises(Refused, match="もう記録"):
            await losses.report_loss(tx, one.stream, reason="倉庫にない")
        with pytest.raises(Refused, match="先の日付"):
            await losses.notify_loss(tx, loss, "speedy", date(2027, 1, 1), "x")
        await losses.notify_loss(tx, loss, "speedy", date(2026, 11, 24), "受付1")
    async with tracking.acting() as tx:
        with pytest.raises(Refused, match="もう記録"):
            await losses.notify_loss(tx, loss, "speedy", date(2026, 11, 24), "受付2")
    await everything(tracking)
    async with tracking.acting() as tx:
        (case,) = await reading.losses(tx.connection, only=loss)
    assert case.reported.last_party == TOWN
    assert case.next_due == (CLOCKS[1], due_on(CLOCKS[1], date(2026, 11, 24)))
    assert [(clock.days, due) for clock, due, _ in case.deadlines] == [
        (5, date(2026, 11, 28)),
        (30, date(2026, 12, 23)),
        (60, date(2027, 1, 22)),
    ]


async def test_a_replacement_is_a_machine_somebody_scanned(tracking: Service, engagement: UUID) -> None:
    _missing, difference = await short_cage(tracking, engagement)
    (other,) = await registered(tracking, engagement, [row(f"R{next(NUMBERS)}")])
    async with tracking.acting(by=SECOND) as tx:
        with pytest.raises(Refused, match="同じ数"):
            await differences.resolve(tx, difference, "replaced", "ラベルの貼り違い")
        with pytest.raises(Refused, match="まだ読み取っていない"):
            await differences.resolve(tx, difference, "replaced", "貼り違い", replacements=[other.stream])
    async with tracking.acting(by=WORKER) as tx:
        await losses.sight(tx, other.stream)
    async with tracking.acting(by=SECOND) as tx:
        closed = await differences.resolve(tx, difference, "replaced", "貼り違い", replacements=[other.stream])
    assert closed.event.replacements == (other.stream,)


async def test_a_lot_that_comes_short_stays_open_until_counted_again_or_lost(
    tracking: Service, engagement: UUID
) -> None:
    async with tracking.acting() as tx:
        lot = (await items.register_lot(tx, engagement, "keyboard", 10)).stream
    why = differences.Difference("1台たりない", "second")
    async with tracking.acting(by=WORKER) as tx:
        with pytest.raises(Refused, match="合いません"):
            await lots.move_lot(tx, lot, "received", 9)
    async with tracking.acting(by=WORKER) as tx:
        await lots.move_lot(tx, lot, "received", 9, difference=why)
    difference = derived(lot, "discrepancy:received")
    async with tracking.acting(by=WORKER) as tx:
        with pytest.raises(Refused, match="数え直した記録がありません"):
            await differences.resolve(tx, difference, "found", "あった")
        await lots.close_lot(tx, lot, "recycled", 4, weight_kg=3.5, receipt="M-1")
    await everything(tracking)
    async with tracking.acting() as tx:
        (known,) = await reading.differences(tx.connection, only=difference)
        held = (await reading.overview(tx.connection, engagement)).held
    assert (known.said["expected"], known.said["counted"], known.outcome) == (10, 9, None)
    assert held == {"keyboard": 6}, "an open difference takes nothing away"
    async with tracking.acting(by=SECOND) as tx:
        await differences.resolve(tx, difference, "lost", "見つからない")
        await lots.close_lot(tx, lot, "returned", 5, weight_kg=None, receipt="R-1")
    await everything(tracking)
    async with tracking.acting() as tx:
        assert (await reading.overview(tx.connection, engagement)).held == {}


async def test_of_two_cages_sealed_at_once_with_one_seal_only_one_is(tracking: Service, engagement: UUID) -> None:
    one, two = await registered(tracking, engagement, [row("W1"), row("W2")])

    async def seal(number: str, item: UUID, seal_number: str = "９９") -> UUID:
        async with tracking.acting(by=WORKER) as tx:
            return (await cages.seal(tx, engagement, number, seal_number, [item])).stream

    done = await asyncio.gather(seal("W1", one.stream), seal("W2", two.stream), return_exceptions=True)
    (refused,) = [answer for answer in done if isinstance(answer, Refused)]
    assert refused.code == "seal-in-use"
    (cage,) = [answer for answer in done if isinstance(answer, UUID)]
    item, other = (one, two) if cage == cages.cage_of(engagement, "W1") else (two, one)
    with pytest.raises(Refused, match="別のカゴ車"):
        await seal("W3", item.stream, "98")
    async with tracking.acting(by=WORKER) as tx:
        with pytest.raises(Refused, match="封印の番号が"):
            await cages.open_(tx, cage, seal_seen="97", found=[item.stream], centre=CENTRE, difference=None)
    async with tracking.acting(by=WORKER) as tx:
        why = differences.Difference("運送中に付け替えた", "second")
        await cages.open_(tx, cage, seal_seen="97", found=[item.stream], centre=CENTRE, difference=why)
        found = (await ledger.read(tx, derived(cage, "discrepancy"))).events[0]
    assert (found.items, found.seal, found.seal_seen) == ((), "99", "97")  # type: ignore[attr-defined]  # a difference
    await seal("W4", other.stream)  # the seal is free again
    before = await tracking.rows("SELECT cage, thing, number, opened FROM caged ORDER BY 1, 2")
    own = [Entry.read(r.body, r.salt) for r in await tracking.rows("SELECT body, salt FROM entries ORDER BY id")]
    async with tracking.consuming() as tx:
        await tx.connection.exec_driver_sql("DELETE FROM caged")
        for entry in reversed(own):
            await views.apply(tx, [entry])
    assert await tracking.rows("SELECT cage, thing, number, opened FROM caged ORDER BY 1, 2") == before


# ── any order ────────────────────────────────────────────────────────────────────────────────────────────────────────

FACTS = ("a-early", "a-late", "a-late-again", "b", "taken", "open", "destroyed")


async def lived(tracking: Service, engagement: UUID, order: list[str]) -> list[list[tuple[str, datetime]]]:
    """Let one cage's life happen in an order of arrival; return what the two items' timelines say."""
    nth = next(NUMBERS)
    pair = await registered(tracking, engagement, [row(f"P{nth}"), row(f"Q{nth}")])
    one, two = pair
    await hear(tracking, [erased(one), erased(two)])
    async with tracking.acting(by=WORKER) as tx:
        cage = (await cages.seal(tx, engagement, f"P{nth}", f"p{nth}", [one.stream, two.stream])).stream
        await cages.hand_over(tx, cage, vehicle=None)
    late = uuid7()
    captures: dict[str, tuple[UUID, scans.Step, UUID, int, By]] = {
        "a-early": (one.stream, "received", uuid7(), 1, WORKER),
        "a-late": (one.stream, "received", late, 5, SECOND),
        "a-late-again": (one.stream, "received", late, 5, SECOND),
        "b": (two.stream, "received", uuid7(), 7, WORKER),
        "taken": (one.stream, "taken-over", uuid7(), 60, By(person="clerk", party=TOWN)),
    }
    for word in order:
        if word == "open":
            at = NOW + timedelta(minutes=30)
            async with tracking.acting(by=WORKER, at=at) as tx:
                both = [one.stream, two.stream]
                await cages.open_(tx, cage, seal_seen=f"p{nth}", found=both, centre=CENTRE, difference=None)
        elif word == "destroyed":
            await hear(tracking, [destroyed(one)])
        else:
            item, step, request, minutes, by = captures[word]
            async with tracking.acting(by=by) as tx:
                asked = Request(id=request, digest="x")
                answer = await scans.scan(tx, [scans.Scanned(item, step, asked, NOW + timedelta(minutes=minutes))])
            assert not isinstance(answer[0].said, Refused)
    own = await tracking.rows(
        "SELECT kind, body, salt FROM entries WHERE stream = ANY(:s) ORDER BY id DESC", s=[one.stream, two.stream, cage]
    )
    await hear(tracking, [Entry.read(entry.body, entry.salt) for entry in own])
    async with tracking.acting() as tx:
        stories = [await views.story(tx.connection, each.stream) for each in pair]
    assert {entry.kind for entry in own} >= {"tracking.received.v1", "tracking.cage-opened.v1"}
    return [[(line.kind, line.occurred_at) for line in story] for story in stories]


async def test_captures_come_out_the_same_in_any_order(tracking: Service, engagement: UUID) -> None:
    wanted = await lived(tracking, engagement, list(FACTS))
    assert ("tracking.received.v1", NOW + timedelta(minutes=1)) in wanted[0]
    orders: list[list[str]] = []

    @settings(max_examples=20, suppress_health_check=list(HealthCheck))
    @given(st.permutations(FACTS))
    def drawn(order: list[str]) -> None:
        orders.append(list(order))

    drawn()
    for order in orders:
        assert await lived(tracking, engagement, order) == wanted, order
