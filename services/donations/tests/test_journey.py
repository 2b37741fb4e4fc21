"""A call under each rule, in rounds, with withdrawals: through the commands, to the log that anybody can do again."""

import asyncio
import copy
import hashlib
import json
from base64 import b64encode
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.donations import commands, reading, tables, views
from services.donations.commands import Marked
from services.donations.commands.queue import draw_stream
from services.donations.consumers import consumers
from services.donations.domain.applicant import Applicant
from services.donations.domain.call import fold
from services.donations.domain.record import recompute
from services.donations.tests.conftest import SPEC, a_call, contents, prepare_stock
from services.donations.tests.test_domain_draw import leaves, proof, root
from shared import ledger
from shared.door import Ask, Door
from shared.entry import By
from shared.events.donations import CallClosed, Criterion, RoundOpened
from shared.events.refurb import Ready
from shared.identity import Principal
from shared.ids import uuid7
from shared.messaging import Notice
from shared.refused import Invalid, Refused
from shared.testing import CLERK, NOW, TOWN, Service, recorded

PUBLIC = By(person="public", party=TOWN)
SECOND = By(person="clerk-2", party=TOWN)
CRITERIA = (Criterion(code="need", name="必要性", points_max=5), Criterion(code="use", name="活用", points_max=5))


async def opened(made: Service, **given: Any) -> UUID:
    async with made.acting() as tx:
        return UUID(str((await commands.open_call(tx, a_call(**given))).event.call))


async def applied(made: Service, call: UUID, category: str = "hamlet", units: int = 1, n: int = 0) -> str:
    who = Applicant(f"団体{n}", "見本 太郎", "向町1", f"0233-43-{n:04d}")
    async with made.acting(by=PUBLIC, at=NOW + timedelta(seconds=n), request=uuid7()) as tx:
        return (await commands.apply(tx, call, category, units, who)).event.receipt


async def close(made: Service, call: UUID) -> Any:
    async with made.acting() as tx:
        return await commands.close(tx, call)


async def settle(made: Service, call: UUID) -> Any:
    async with made.acting() as tx:
        return (await commands.settle(tx, call)).event


async def withdrawn(made: Service, call: UUID, receipt: str) -> None:
    async with made.acting(by=PUBLIC, request=uuid7()) as tx:
        await commands.withdraw(tx, call, receipt)


async def log(made: Service, call: UUID) -> Any:
    """Return the published log as a file holds it."""
    async with made.acting(by=PUBLIC) as tx:
        return json.loads(json.dumps(await reading.published(tx, call)))


def a_notice(closing: Any, *, later: int = 3) -> Notice:
    """Return the notice that the closing is the sixth leaf of the log, with `later` leaves after it."""
    digests = [*leaves(5), closing.digest, *leaves(later)]
    body = {
        "checkpoint": f"log.example\n{len(digests)}\n{b64encode(root(digests)).decode()}\n\n— log.example sig\n",
        "leaves": [{"entry": str(closing.id), "index": 5, "path": list(proof(digests, 5))}],
    }
    subject = f"notice.{TOWN}.tracking.logged.v1"
    return Notice(uuid7(), "notice.tracking.logged.v1", TOWN, subject, json.dumps(body).encode())


async def hear(made: Service, *notices: Notice) -> None:
    async with made.consuming() as tx:
        await consumers.handle(tx, notices)


async def test_a_lottery_waits_for_its_seed_and_is_drawn_once_however_the_log_went_on(made: Service) -> None:
    await prepare_stock(made, 4)
    call = await opened(made, rule="lottery")
    for n in range(8):
        await applied(made, call, n=n)
    closing = await close(made, call)
    with pytest.raises(Refused, match="抽選の種を待っています"):
        await settle(made, call)
    first, later = a_notice(closing), a_notice(closing, later=40)
    await hear(made, first, later, first)
    await hear(made, later)
    seeds = await made.rows("SELECT body FROM entries WHERE kind = 'donations.seed-drawn.v1'")
    assert len(seeds) == 1
    result = await settle(made, call)
    assert (len(result.grants), len(result.waiting), result.seed) == (
        4,
        4,
        json.loads(bytes(seeds[0].body))["data"]["seed"],
    )
    document = await log(made, call)
    assert recompute(document).differences == ()
    assert [step["step"] for step in document["steps"]] == ["closed", "drawn", "allocated"]


async def test_a_notice_that_was_lost_is_asked_for_and_however_often_the_seed_is_the_same(made: Service) -> None:
    await prepare_stock(made, 2)
    call = await opened(made, rule="lottery")
    for n in range(4):
        await applied(made, call, n=n)

    async def ask() -> Any:
        async with made.acting(request=uuid7()) as tx:
            return await commands.ask_seed(tx, call)

    with pytest.raises(Refused, match="まだ締め切っていません"):
        await ask()
    closing = await close(made, call)
    asked = [await ask(), await ask()]
    assert {entry.event.closing for entry in asked} == {closing.id}
    await hear(made, a_notice(closing, later=9))
    await hear(made, a_notice(closing, later=40))
    (drawn,) = await made.rows("SELECT body FROM entries WHERE kind = 'donations.seed-drawn.v1'")
    result = await settle(made, call)
    assert result.seed == json.loads(bytes(drawn.body))["data"]["seed"]
    assert recompute(await log(made, call)).differences == ()
    with pytest.raises(Refused, match="もう決まっています"):
        await ask()


async def test_nobody_leaves_between_the_seed_and_the_allocation(made: Service) -> None:
    """The lots can be read as soon as the closing is logged: who took somebody out then would choose who wins."""
    await prepare_stock(made, 1)
    call = await opened(made, rule="lottery")
    receipts = [await applied(made, call, n=n) for n in range(3)]
    await hear(made, a_notice(await close(made, call)))
    async with made.acting(request=uuid7()) as tx:
        with pytest.raises(Refused, match="抽選の結果が出るまで、応募の取り消し"):
            await commands.refuse(tx, call, receipts[0])
    with pytest.raises(Refused, match="抽選の結果が出るまで、応募の取り消し"):
        await withdrawn(made, call, receipts[0])
    await settle(made, call)
    await withdrawn(made, call, receipts[0])


async def test_a_lottery_draws_for_what_was_in_stock_at_its_closing_and_nobody_else_gets_that(
    made: Service,
) -> None:
    """Once the lots can be read, the hour of the allocation, another call or a new machine changes nothing."""
    items = await prepare_stock(made, 4)
    call = await opened(made, rule="lottery", units=3)
    other = await opened(made, number="063622-2026-2", units=9)
    for n in range(4):
        await applied(made, call, n=n)
        await applied(made, other, "hamlet", 1, 10 + n)
    closing = await close(made, call)
    assert [machine.item for machine in closing.event.stock] == items[:3]
    assert (await close(made, other)).event.stock is None
    await hear(made, a_notice(closing))
    await prepare_stock(made, 1, "notebook")
    first = Ready(item=items[0], label="Z00000001", item_kind="notebook", grade="A", spec=SPEC)
    async with made.consuming() as tx:
        await consumers.handle(tx, [recorded(first)])
    taken = await settle(made, other)
    assert items[3] in taken.stock
    assert not set(items[:3]) & set(taken.stock)
    result = await settle(made, call)
    assert list(result.stock) == items[:3]
    document = await log(made, call)
    assert recompute(document).differences == ()
    less, foreign, renamed = (copy.deepcopy(document) for _ in range(3))
    less["steps"][2]["stock"].pop()
    foreign["steps"][2]["stock"][0]["item"] = str(items[3])
    renamed["steps"][2]["stock"][0]["label"] = "Z00000001"
    for touched in (less, foreign, renamed):
        assert recompute(touched).differences == ("step 3: the stock is not what the closing named",)
    less["steps"][0]["stock"].pop()
    assert "grants" in recompute(less).differences[0]


async def test_what_a_lottery_leaves_is_stock_again_and_a_closing_of_an_earlier_release_takes_what_is_there(
    made: Service,
) -> None:
    await prepare_stock(made, 3)
    call = await opened(made, rule="lottery", units=3)
    await applied(made, call)
    await hear(made, a_notice(await close(made, call)))
    async with made.acting() as tx:
        assert await views.stock(tx.connection) == []
    await settle(made, call)
    async with made.acting() as tx:
        assert len(await views.stock(tx.connection)) == 2
        entries = (await ledger.read(tx, call)).entries
        seeds = (await ledger.read(tx, draw_stream(call, 1))).entries
        queue = await views.queued(tx.connection, call)
        machines = await views.machines(tx.connection, entries[-1].event.stock)  # type: ignore[attr-defined]  # Allocated
    old = [entries[0].event, CallClosed(call=call, number="063622-2026-1"), seeds[0].event]
    stock = [machines[0], *machines[2:]]
    assert set(fold(old).settle(queue, stock).stock) == {machine.item for machine in stock}


async def test_nothing_is_taken_back_between_the_seed_and_the_allocation(made: Service) -> None:
    """Who gave machines back waits no longer: recorded now, it would let somebody else win."""
    await prepare_stock(made, 1)
    call = await opened(made, rule="lottery", units=1)
    receipts = [await applied(made, call, "youth", 2, n) for n in range(3)]
    await hear(made, a_notice(await close(made, call)))
    first = (await settle(made, call)).grants[0].receipt
    async with made.acting() as tx:
        await commands.hand_over(tx, call, first)
    further = RoundOpened(
        call=call,
        number="-",
        round=2,
        item_kinds=("desktop",),
        units=1,
        opens_at=NOW + timedelta(days=8),
        closes_at=NOW + timedelta(days=9),
    )
    async with made.acting() as tx:
        await commands.open_round(tx, further)
    await prepare_stock(made, 1, "notebook")
    await hear(made, a_notice(await close(made, call)))
    async with made.acting(request=uuid7()) as tx:
        with pytest.raises(Refused, match="抽選の結果が出るまで、応募の取り消し"):
            await commands.take_back(tx, call, first, "unused")
    await settle(made, call)
    async with made.acting(request=uuid7()) as tx:
        await commands.take_back(tx, call, first, "unused")
    assert first in receipts
    assert recompute(await log(made, call)).differences == ()


async def test_whoever_touches_a_log_is_found_out(made: Service) -> None:
    await prepare_stock(made, 3)
    call = await opened(made, rule="lottery")
    for n in range(6):
        await applied(made, call, n=n)
    await hear(made, a_notice(await close(made, call)))
    await settle(made, call)
    document = await log(made, call)

    def found(change: Any) -> tuple[str, ...]:
        touched = copy.deepcopy(document)
        change(touched["steps"])
        return recompute(touched).differences

    assert found(list) == ()
    assert "the seed is not" in found(lambda steps: steps[1].update(seed="00" * 32))[0]
    assert "does not hold" in found(lambda steps: steps[0].update(digest="11" * 32))[0]
    assert "does not hold" in found(lambda steps: steps[1].update(index=4))[0]
    assert found(lambda steps: steps[2]["queue"].pop())
    assert found(lambda steps: steps[2]["stock"].pop())
    assert found(lambda steps: steps[2]["waiting"].reverse()) == ("step 3: the waiting list differs",)
    assert found(lambda steps: steps[2]["left"].append(str(uuid7()))) == ("step 3: what is left differs",)
    assert "refuse this step" in found(lambda steps: steps.pop(1))[0]
    others = [str(UUID(int=n)) for n in range(16)]  # one of them alone may draw the same place by chance
    assert any(found(lambda steps, to=to: steps[2]["queue"][0].update(application=to)) for to in others)


async def test_another_services_entry_or_another_rule_draws_nothing(made: Service) -> None:
    call = await opened(made)
    closing = await close(made, call)
    await hear(made, a_notice(closing))
    assert await made.rows("SELECT count(*) FROM entries WHERE kind = 'donations.seed-drawn.v1'") == [(0,)]


def marks(receipts: list[str], **points: int) -> list[Marked]:
    return [Marked(r, {"need": n % 6, "use": 3} | points, f"理由{n}") for n, r in enumerate(receipts)]


async def test_a_review_takes_the_points_of_one_and_the_eyes_of_another(made: Service) -> None:
    await prepare_stock(made, 2)
    call = await opened(made, rule="review", criteria=CRITERIA)
    receipts = [await applied(made, call, n=n) for n in range(3)]
    async with made.acting() as tx:
        with pytest.raises(Refused, match="締め切る前"):
            await commands.review(tx, call, marks(receipts))
    await close(made, call)
    with pytest.raises(Refused, match="もう1人の職員"):
        await settle(made, call)
    for given, says in ((marks(receipts, need=6), "範囲を超え"), (marks(receipts[:2]), "点がありません")):
        async with made.acting() as tx:
            with pytest.raises(Invalid, match=says):
                await commands.review(tx, call, given)
    async with made.acting() as tx:
        old = await commands.review(tx, call, marks(receipts[::-1]))
    async with made.acting() as tx:
        review = await commands.review(tx, call, marks(receipts))
    for who, seen, says in ((CLERK, review, "点を付けた人"), (SECOND, old, "書き直されました")):
        async with made.acting(by=who) as tx:
            with pytest.raises(Refused, match=says):
                await commands.confirm_review(tx, call, seen.id)
    async with made.acting(by=SECOND) as tx:
        await commands.confirm_review(tx, call, review.id)
    result = await settle(made, call)
    assert [grant.receipt for grant in result.grants] == [receipts[2], receipts[1]]
    assert recompute(await log(made, call)).differences == ()
    bodies = b"".join(row.body for row in await made.rows("SELECT body FROM entries")).decode()
    assert "理由" not in bodies
    assert "理由" not in json.dumps(await log(made, call), ensure_ascii=False)
    kept = await made.rows("SELECT reason FROM review_reasons WHERE review = :review ORDER BY reason", review=review.id)
    assert [row.reason for row in kept] == ["理由0", "理由1", "理由2"]


async def test_a_review_says_its_criteria_and_no_other_rule_has_any(made: Service) -> None:
    for given in ({"rule": "review"}, {"criteria": CRITERIA}, {"rule": "review", "criteria": CRITERIA[:1] * 2}):
        with pytest.raises(Invalid, match="観点"):
            await opened(made, **given)


async def test_what_a_withdrawn_group_held_goes_to_who_waits_and_nothing_else_moves(made: Service) -> None:
    await prepare_stock(made, 3)
    call = await opened(made, units=3)
    receipts = [await applied(made, call, "hamlet", 2, n) for n in range(4)]
    await close(made, call)
    await settle(made, call)
    await withdrawn(made, call, receipts[3])  # from the waiting list
    await withdrawn(made, call, receipts[0])
    async with made.acting() as tx:
        rows = {row.receipt: (row.granted, row.reason) for row in await reading.record(tx.connection, call)}
        assert await views.stock(tx.connection) == []
    assert rows == {
        receipts[0]: (0, "withdrawn"),
        receipts[1]: (2, None),
        receipts[2]: (1, None),
        receipts[3]: (0, "withdrawn"),
    }
    document = await log(made, call)
    done = recompute(document)
    assert done.differences == ()
    assert {receipt: len(items) for receipt, items in done.held.items()} == {receipts[1]: 2, receipts[2]: 1}
    assert done.waiting == (receipts[2],)
    moved = copy.deepcopy(document)
    moved["steps"][-1]["grants"][0]["receipt"] = receipts[2]
    assert recompute(moved).differences
    async with made.acting(by=PUBLIC, request=uuid7()) as tx:
        with pytest.raises(Refused, match="受付の列にありません"):
            await commands.withdraw(tx, call, receipts[0])
    async with made.acting() as tx:
        await commands.hand_over(tx, call, receipts[1])
    with pytest.raises(Refused, match="お渡しした応募は取り下げられません"):
        await withdrawn(made, call, receipts[1])


async def test_what_is_asked_can_be_corrected_while_the_round_is_open_and_keeps_its_place(made: Service) -> None:
    await prepare_stock(made, 3)
    call = await opened(made)
    receipts = [await applied(made, call, "hamlet", 1, n) for n in range(2)]
    who = Applicant("なおした区", "見本 花子", "向町2", "0233-43-7777")

    async def correct(**given: Any) -> None:
        facts: dict[str, Any] = {"category": "business", "units": 2} | given
        async with made.acting(by=PUBLIC, request=uuid7()) as tx:
            await commands.correct(tx, call, receipts[0], who=who, **facts)

    async with made.acting(by=PUBLIC, at=NOW + timedelta(days=7, seconds=1), request=uuid7()) as tx:
        with pytest.raises(Refused, match="締め切った後は"):  # the clerk has not closed it yet; the clock has
            await commands.correct(tx, call, receipts[0], category="business", units=2, who=who)
    await correct()
    for given, says in (({"units": 3}, "2台まで"), ({"category": "school"}, "対象ではありません")):
        with pytest.raises(Refused, match=says):
            await correct(**given)
    async with made.acting() as tx:
        queue = [(each.receipt, each.category, each.units) for each in await views.queued(tx.connection, call)]
        names = [row.group_name for row in await reading.desk(tx.connection, call)]
    assert queue == [(receipts[0], "business", 2), (receipts[1], "hamlet", 1)]
    assert names == ["なおした区", "団体1"]
    await close(made, call)
    with pytest.raises(Refused, match="締め切った後は直せません"):
        await correct()
    result = await settle(made, call)
    assert [(grant.category, grant.asked) for grant in result.grants] == [("business", 2), ("hamlet", 1)]
    assert recompute(await log(made, call)).differences == ()


async def test_a_further_round_offers_other_kinds_to_who_waits_and_to_newcomers(made: Service) -> None:
    """As the pilot did: first desktops, in the end both kinds."""
    await prepare_stock(made, 2)
    call = await opened(made, item_kinds=("desktop",), units=2)
    early = [await applied(made, call, "youth", 2, 1), await applied(made, call, "hamlet", 2, 2)]
    further = RoundOpened(
        call=call,
        number="-",
        round=2,
        item_kinds=("notebook", "desktop"),
        units=3,
        opens_at=NOW - timedelta(hours=1),
        closes_at=NOW + timedelta(days=1),
    )
    async with made.acting() as tx:
        with pytest.raises(Refused, match="割り当てが済んでいません"):
            await commands.open_round(tx, further)
    await close(made, call)
    first = await settle(made, call)
    assert (len(first.grants), first.waiting) == (1, (early[1],))
    await prepare_stock(made, 3, "notebook")
    request = uuid7()
    for replayed in (False, True):
        async with made.acting(request=request) as tx:
            entry = await commands.open_round(tx, further)
        assert (entry.event.round, entry.event.number, entry.replayed) == (2, "063622-2026-1", replayed)
    with pytest.raises(Refused, match="締め切る前"):
        await settle(made, call)
    for receipt in early:  # who holds or waits since the first round is not taken out as not eligible
        async with made.acting() as tx:
            with pytest.raises(Refused, match="割り当てた後は"):
                await commands.refuse(tx, call, receipt)
    late = await applied(made, call, "business", 2, 3)
    await close(made, call)
    second = await settle(made, call)
    assert [(grant.receipt, len(grant.items)) for grant in second.grants] == [(early[1], 2), (late, 1)]
    assert (second.round, second.waiting) == (2, (late,))
    await withdrawn(made, call, early[0])
    done = recompute(await log(made, call))
    assert done.differences == ()
    assert {receipt: len(items) for receipt, items in done.held.items()} == {early[1]: 2, late: 2}
    async with made.acting() as tx:
        counted = await reading.by_category(tx.connection, call)
        row = next(row for row in await reading.opened(tx.connection) if row.call == call)
    assert sum(int(row.granted) for row in counted) == 4
    assert (row.further["round"], len(row.stock), row.allocated_at is not None) == (2, 5, True)


async def test_the_rows_of_rounds_and_withdrawals_are_rebuilt_from_the_ledger_in_any_order(made: Service) -> None:
    await prepare_stock(made, 2)
    call = await opened(made, units=2)
    receipts = [await applied(made, call, "hamlet", 2, n) for n in range(2)]
    who = Applicant("区", "見本", "向町2", "0233-43-7777")
    async with made.acting(by=PUBLIC, request=uuid7()) as tx:
        await commands.correct(tx, call, receipts[1], category="business", units=1, who=who)
    await close(made, call)
    await settle(made, call)
    await withdrawn(made, call, receipts[0])
    async with made.acting() as tx:
        await commands.hand_over(tx, call, receipts[1])
    async with made.acting() as tx:
        await commands.take_back(tx, call, receipts[1], "broken")
    further = {"item_kinds": ("desktop",), "units": 1, "opens_at": NOW, "closes_at": NOW + timedelta(days=1)}
    async with made.acting() as tx:
        await commands.open_round(tx, RoundOpened(call=call, number="-", round=2, **further))
    own = [tables.rounds, tables.closings, tables.allocations, tables.grants, tables.releases, tables.corrections]
    own += [tables.withdrawals, tables.applications, tables.hand_overs, tables.returns]
    before = await contents(made, own)
    assert all(before.values())
    streams = [row.stream for row in await made.rows("SELECT DISTINCT stream FROM entries")]
    async with made.consuming() as tx:
        histories = await ledger.read_all(tx, streams)
    entries = [entry for history in histories.values() for entry in history.entries]
    async with made.owner.begin() as connection:
        for table in own:
            await connection.execute(table.delete())
    async with made.consuming() as tx:
        await views.apply(tx, entries[::-1])
        await views.apply(tx, entries)
    assert await contents(made, own) == before


async def test_what_comes_back_goes_to_nobody_before_its_data_is_gone_and_then_to_who_waits(made: Service) -> None:
    await prepare_stock(made, 2)
    call = await opened(made, units=2)
    receipts = [await applied(made, call, "hamlet", 2, n) for n in range(2)]
    await close(made, call)
    await settle(made, call)
    async with made.acting() as tx:
        with pytest.raises(Refused, match="お渡しした機器がない"):
            await commands.take_back(tx, call, receipts[0], "unused")
    async with made.acting() as tx:
        await commands.record_basis(tx, call, "総務第123号", "最上町財産の交換、譲与等に関する条例")
    async with made.acting() as tx:
        shown = commands.Shown(["D00000001", "D00000002"], "1", b"jpeg")
        over = (await commands.hand_over(tx, call, receipts[0], shown)).event
    assert (over.scanned, over.agreed, over.approval) == (True, "1", "総務第123号")
    assert over.photo_sha256 == hashlib.sha256(b"jpeg").hexdigest()
    async with made.acting() as tx:
        with pytest.raises(Refused, match="返却された機器がない"):
            await commands.reoffer(tx, call, receipts[0], "erased")
    for replayed in (False, True):
        async with made.acting(request=UUID(int=7)) as tx:
            entry = await commands.take_back(tx, call, receipts[0], "unused")
        assert entry.replayed is replayed
    async with made.acting() as tx:
        assert await views.stock(tx.connection) == [], "it holds the recipient's data"
    async with made.acting() as tx:
        await commands.reoffer(tx, call, receipts[0], "erased")
    async with made.acting() as tx:
        with pytest.raises(Refused, match="もう再募集"):
            await commands.reoffer(tx, call, receipts[0], "erased")
        rows = {row.receipt: (row.granted, row.reason) for row in await reading.record(tx.connection, call)}
        register = [(row.label, row.approval, bool(row.returned_at)) for row in await reading.register(tx.connection)]
    assert rows == {receipts[0]: (0, "returned"), receipts[1]: (2, None)}
    assert register == [("D00000001", "総務第123号", True), ("D00000002", "総務第123号", True)]
    done = recompute(await log(made, call))
    assert done.differences == ()
    assert {receipt: len(items) for receipt, items in done.held.items()} == {receipts[1]: 2}
    async with made.acting() as tx:
        await commands.hand_over(tx, call, receipts[1], commands.Shown(["D00000001", "D00000002"]))
    assert b"jpeg" not in b"".join(row.body for row in await made.rows("SELECT body FROM entries"))
    async with made.acting() as tx:
        await commands.forget(tx, call, receipts[0])
    assert await made.rows("SELECT count(*) FROM hand_over_photos") == [(0,)]


async def test_of_two_clerks_who_hand_over_the_same_machines_at_once_one_gets_a_sentence(made: Service) -> None:
    await prepare_stock(made, 2)
    call = await opened(made)
    receipt = await applied(made, call, "hamlet", 2)
    await close(made, call)
    await settle(made, call)
    door = Door(made.app, "donations")

    async def hand_over(person: str) -> Any:
        clerk = Principal(person, TOWN, frozenset({"clerk"}), "town")
        ask = Ask(request=uuid7())
        return await door.act(TOWN, clerk, lambda tx: commands.hand_over(tx, call, receipt), ask=ask)

    outcomes = await asyncio.gather(*(hand_over(f"clerk-{n}") for n in range(4)), return_exceptions=True)
    refused = [each for each in outcomes if isinstance(each, Refused)]
    assert (len(outcomes) - len(refused), {each.code for each in refused}) == (1, {"handed-over"})
    assert "もうお渡し済みです" in refused[0].ja
    assert await made.rows("SELECT count(*) FROM hand_overs") == [(1,)]


async def given_in_part(made: Service) -> tuple[UUID, list[str]]:
    """Let four machines go to three groups: the second gets two of the three it asked for, the third waits."""
    await prepare_stock(made, 4)
    call = await opened(made, units=4)
    receipts = [await applied(made, call, *asked, n) for n, asked in enumerate([("hamlet", 2), ("youth", 3)])]
    receipts.append(await applied(made, call, "hamlet", 1, 2))
    await close(made, call)
    await settle(made, call)
    async with made.acting() as tx:
        await commands.hand_over(tx, call, receipts[1], commands.Shown(photo=b"first"))
    return call, receipts


async def test_who_was_handed_a_part_is_handed_the_rest_and_each_is_an_entry_of_its_own(made: Service) -> None:
    call, receipts = await given_in_part(made)
    async with made.acting() as tx:
        with pytest.raises(Refused, match="もうお渡し済み"):
            await commands.hand_over(tx, call, receipts[1])
    await withdrawn(made, call, receipts[0])
    async with made.acting() as tx:
        row = {row.receipt: row for row in await reading.desk(tx.connection, call)}[receipts[1]]
        labels = {one.item: one.label for one in await views.machines(tx.connection, list(row.items))}
    [rest] = [labels[item] for item in row.items if item not in row.handed]
    stale = commands.Shown(looked_at=sorted(labels[item] for item in row.handed))
    for shown, says in ((stale, "見ている間に"), (commands.Shown(sorted(labels.values())), "割り当てと違います")):
        async with made.acting() as tx:
            with pytest.raises(Refused, match=says):
                await commands.hand_over(tx, call, receipts[1], shown)
    async with made.acting() as tx:
        shown = commands.Shown([rest], photo=b"second", looked_at=[rest])
        assert len((await commands.hand_over(tx, call, receipts[1], shown)).event.items) == 1
    assert [len(one.items) for one in await made.rows("SELECT items FROM hand_overs ORDER BY sequence")] == [2, 1]
    photos = await made.rows("SELECT content FROM hand_over_photos ORDER BY sequence")
    assert [bytes(row.content) for row in photos] == [b"first", b"second"]
    async with made.acting() as tx:
        seen = await reading.record(tx.connection, call)
        assert [(row.receipt, row.handed_over) for row in seen] == [*zip(receipts, (0, 3, 0), strict=True)]
        assert sum(int(row.handed_over) for row in await reading.by_category(tx.connection, call)) == 3
        assert len(await reading.register(tx.connection)) == 3
    async with made.acting() as tx:
        assert len((await commands.take_back(tx, call, receipts[1], "unused")).event.items) == 3
    async with made.acting() as tx:
        await commands.forget(tx, call, receipts[1])
    assert await made.rows("SELECT count(*) FROM hand_over_photos") == [(0,)]


async def test_who_gave_machines_back_waits_no_longer_and_gets_nothing_more(made: Service) -> None:
    call, receipts = await given_in_part(made)
    async with made.acting() as tx:
        await commands.take_back(tx, call, receipts[1], "unused")
    await withdrawn(made, call, receipts[0])
    async with made.acting() as tx:
        with pytest.raises(Refused, match="受付の列にありません"):
            await commands.hand_over(tx, call, receipts[1])
    document = await log(made, call)
    done = recompute(document)
    assert done.differences == ()
    assert {receipt: len(items) for receipt, items in done.held.items()} == {receipts[1]: 2, receipts[2]: 1}
    assert done.waiting == ()
    async with made.acting() as tx:
        await commands.reoffer(tx, call, receipts[1], "erased")
    assert recompute(await log(made, call)).differences == ()
    del document["steps"][-1]["out"]
    assert recompute(document).differences, "without it the rest would have gone to who gave machines back"


async def test_of_two_clerks_who_hand_over_the_same_rest_at_once_one_gets_a_sentence(made: Service) -> None:
    call, receipts = await given_in_part(made)
    await withdrawn(made, call, receipts[0])
    door = Door(made.app, "donations")

    async def hand_over(person: str) -> Any:
        clerk = Principal(person, TOWN, frozenset({"clerk"}), "town")
        ask = Ask(request=uuid7())
        return await door.act(TOWN, clerk, lambda tx: commands.hand_over(tx, call, receipts[1]), ask=ask)

    outcomes = await asyncio.gather(*(hand_over(f"clerk-{n}") for n in range(4)), return_exceptions=True)
    refused = [each for each in outcomes if isinstance(each, Refused)]
    assert (len(outcomes) - len(refused), {each.code for each in refused}) == (1, {"handed-over"})
    given = [item for row in await made.rows("SELECT items FROM hand_overs") for item in row.items]
    assert len(given) == len(set(given)) == 3
