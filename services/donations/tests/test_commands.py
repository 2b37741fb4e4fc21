"""The commands against a real database: replays, the desk's lock, personal data, the ledger without names."""

import asyncio
import re
from datetime import timedelta
from typing import Any

import pytest

from services.donations import commands, reading, views
from services.donations.commands import Taken
from services.donations.domain.applicant import Applicant, Attested
from services.donations.domain.record import recompute
from services.donations.tests.conftest import a_call, contents, empty, prepare_stock, prepare_town
from shared import ledger
from shared.entry import By
from shared.ids import uuid7
from shared.refused import Invalid, Refused, Reused, Unknown
from shared.testing import CLERK, NOW, OTHER_TOWN, TOWN, Service

PUBLIC = By(person="public", party=TOWN)
WHO = Applicant("向町一区", "見本 太郎", "大字向町644", "0233-43-2261", "a@example.jp", ("circulars",), "回覧")


async def opened(made: Service, **given: Any) -> Any:
    async with made.acting() as tx:
        return (await commands.open_call(tx, a_call(**given))).event.call


async def applied(made: Service, call: Any, who: Applicant = WHO, *, units: int = 1, **acting: Any) -> Taken:
    async with made.acting(by=PUBLIC, **{"request": uuid7()} | acting) as tx:
        return await commands.apply(tx, call, "hamlet", units, who)


def attested(minutes: int = 5, **given: Any) -> Attested:
    facts: dict[str, Any] = {
        "key": str(uuid7()),
        "channel": "paper",
        "category": "hamlet",
        "units": 1,
        "applicant": WHO,
    }
    return Attested(**facts | {"arrived_at": NOW - timedelta(minutes=minutes)} | given)


async def settled(made: Service, call: Any) -> Any:
    async with made.acting() as tx:
        await commands.close(tx, call)
    async with made.acting() as tx:
        return (await commands.settle(tx, call)).event


async def test_a_request_that_comes_again_gets_the_first_answer(made: Service) -> None:
    call, request = await opened(made), uuid7()
    first = await applied(made, call, request=request, asked="a")
    again = await applied(made, call, request=request, asked="a")
    assert (again.entry.id, again.passphrase) == (first.entry.id, first.passphrase)
    assert (first.entry.replayed, again.entry.replayed) == (False, True)
    with pytest.raises(Reused):
        await applied(made, call, request=request, asked="b")
    with pytest.raises(Reused):
        await applied(made, call, Applicant("別の区", "a", "b", "0233-43-0000"), request=request, asked="a")
    assert await made.rows("SELECT count(*) FROM entries WHERE kind LIKE '%application%'") == [(1,)]


async def test_a_call_is_opened_once_and_only_under_the_towns_own_code(made: Service) -> None:
    request = uuid7()
    for _ in range(2):
        async with made.acting(request=request) as tx:
            await commands.open_call(tx, a_call())
    with pytest.raises(Refused, match="もう始まっています"):
        await opened(made)
    with pytest.raises(Invalid, match="団体コード 063622"):
        await opened(made, number="011002-2026-1")
    async with made.acting(OTHER_TOWN, By(person="c", party=OTHER_TOWN)) as tx:
        with pytest.raises(Refused, match="まだ届いていません"):
            await commands.open_call(tx, a_call(number="011002-2026-1"))


async def test_paper_stands_where_it_arrived_and_says_who_keyed_it(made: Service) -> None:
    call = await opened(made)
    web = await applied(made, call)
    async with made.acting() as tx:
        paper = await commands.record(tx, call, attested(minutes=30))
    assert (web.event.receipt, paper.event.receipt) == ("063622-0001", "063622-0002")
    async with made.acting() as tx:
        assert [each.receipt for each in await views.queued(tx.connection, call)] == ["063622-0002", "063622-0001"]
    assert await made.rows("SELECT keyed_by FROM applications ORDER BY nth") == [(None,), (CLERK.person,)]
    assert paper.entry.recorded_at == NOW


async def test_what_is_late_is_recorded_and_stands_outside_the_queue(made: Service) -> None:
    call = await opened(made)
    async with made.acting() as tx:
        await commands.close(tx, call)
    async with made.acting() as tx:
        late = await commands.record(tx, call, attested())
    assert late.entry.kind == "donations.application-refused.v1"
    assert await made.rows("SELECT receipt, reason FROM refusals") == [("063622-0001", "late")]
    async with made.acting() as tx:
        assert await views.queued(tx.connection, call) == []
    with pytest.raises(Refused, match="応募の受付は終わりました"):
        await applied(made, call)


async def test_the_portals_file_twice_changes_nothing_and_a_changed_row_is_refused(made: Service) -> None:
    call = await opened(made)
    rows = [attested(n, key=f"portal:E-{n}", channel="portal") for n in range(1, 4)]
    for expected in ([False] * 3, [True] * 3):
        async with made.acting(request=uuid7()) as tx:
            taken = await commands.record_all(tx, call, rows)
        assert [each.entry.replayed for each in taken] == expected
    changed = attested(1, key="portal:E-1", channel="portal", units=2)
    async with made.acting() as tx:
        assert await commands.compare(tx, call, [changed, rows[1], attested()]) == ["changed", "same", "new"]
        with pytest.raises(Refused, match="別の内容"):
            await commands.record_all(tx, call, [changed])
    assert await made.rows("SELECT count(*) FROM applications") == [(3,)]


async def test_the_same_applicant_twice_is_seen_by_name_or_phone_and_not_dropped(made: Service) -> None:
    call = await opened(made)
    await applied(made, call)
    await applied(made, call, Applicant("別の名前", "別人", "向町1", "０２３３ー４３ー２２６１"))
    await applied(made, call, Applicant("向町 一区", "別人", "向町1", "0233-43-9999"))
    await applied(made, call, Applicant("上町", "別人", "向町1", "0233-43-8888"))
    async with made.acting() as tx:
        rows = await reading.desk(tx.connection, call)
    assert [list(row.same) for row in rows] == [
        ["063622-0002", "063622-0003"],
        ["063622-0001"],
        ["063622-0001"],
        [],
    ]
    assert len(rows) == 4


async def test_an_application_that_is_not_eligible_leaves_the_queue_before_the_allocation(made: Service) -> None:
    await prepare_stock(made, 1)
    call = await opened(made)
    for _ in range(2):
        await applied(made, call)
    async with made.acting() as tx:
        await commands.refuse(tx, call, "063622-0001")
    result = await settled(made, call)
    assert [grant.receipt for grant in result.grants] == ["063622-0002"]
    async with made.acting() as tx:
        with pytest.raises(Refused, match="割り当てた後"):
            await commands.refuse(tx, call, "063622-0002")
    async with made.acting() as tx:
        document = await reading.published(tx, call)
    assert recompute(document).differences == ()
    assert [each["reason"] for each in document["refused"]] == ["not-eligible"]


async def test_a_machine_is_given_once_over_two_rounds_and_receipts_count_on(made: Service) -> None:
    await prepare_stock(made, 3)
    await prepare_stock(made, 1, "notebook")
    one = await opened(made, item_kinds=("desktop",), units=2)
    for _ in range(2):
        await applied(made, one, units=2)
    first = await settled(made, one)
    assert (len(first.grants[0].items), first.waiting) == (2, ("063622-0002",))
    two = await opened(made, number="063622-2026-2", units=15)
    assert (await applied(made, two, units=2)).event.receipt == "063622-0003"
    second = await settled(made, two)
    assert set(second.stock) == {*first.left, *second.left, *second.grants[0].items}
    assert set(second.grants[0].items).isdisjoint(first.grants[0].items)
    async with made.acting() as tx:
        assert await views.stock(tx.connection) == []


async def test_two_calls_settled_at_once_never_give_the_same_machine(made: Service) -> None:
    await prepare_stock(made, 2)
    calls = [await opened(made, number=f"063622-2026-{n}") for n in (1, 2)]
    for call in calls:
        await applied(made, call, units=2)
        async with made.acting() as tx:
            await commands.close(tx, call)

    async def settle(call: Any) -> Any:
        async with made.acting() as tx:
            return (await commands.settle(tx, call)).event

    results = await asyncio.gather(*map(settle, calls))
    granted = [item for result in results for grant in result.grants for item in grant.items]
    assert len(granted) == len(set(granted)) == 2


async def test_an_application_racing_with_the_closing_is_in_the_queue_or_refused(made: Service) -> None:
    call = await opened(made)

    async def close() -> None:
        async with made.acting() as tx:
            await commands.close(tx, call)

    outcomes = await asyncio.gather(
        *(applied(made, call) for _ in range(6)),
        close(),
        *(applied(made, call) for _ in range(6)),
        return_exceptions=True,
    )
    taken = [each for each in outcomes if isinstance(each, Taken)]
    refused = [each for each in outcomes if isinstance(each, Refused)]
    assert len(taken) + len(refused) == 12
    [[closed]] = await made.rows("SELECT min(id::text) FROM entries WHERE kind = 'donations.call-closed.v1'")
    late = "SELECT count(*) FROM entries WHERE kind = 'donations.application-received.v1' AND id::text > :closed"
    assert await made.rows(late, closed=closed) == [(0,)]
    assert await made.rows("SELECT count(*) FROM applications") == [(len(taken),)]


async def test_hand_over_compares_what_was_scanned_and_happens_once(made: Service) -> None:
    await prepare_stock(made, 3)
    call = await opened(made, units=2)
    await applied(made, call, units=2)
    await settled(made, call)
    for labels, says in (
        (["D00000001", "D00000003"], "割り当てと違います"),
        (["D00000009"], "再生した機器の記録にありません"),
    ):
        async with made.acting() as tx:
            with pytest.raises(Refused, match=says):
                await commands.hand_over(tx, call, "063622-0001", commands.Shown(labels))
    request = uuid7()
    for replayed in (False, True):
        async with made.acting(request=request) as tx:
            entry = await commands.hand_over(tx, call, "063622-0001", commands.Shown(["D00000002", "D00000001"]))
        assert entry.replayed is replayed
    async with made.acting() as tx:
        with pytest.raises(Refused, match="お渡し済み"):
            await commands.hand_over(tx, call, "063622-0001")
        with pytest.raises(Unknown):
            await commands.hand_over(tx, call, "063622-0009")


async def test_no_entry_holds_anything_personal_and_the_ledger_is_whole_without_the_applicants(made: Service) -> None:
    await prepare_stock(made, 2)
    call = await opened(made)
    await applied(made, call)
    async with made.acting() as tx:
        await commands.record(tx, call, attested(applicant=Applicant("沢原", "山田 花子", "向町9", "0233-43-7777")))
    await settled(made, call)
    before = [(row.body, row.salt) for row in await made.rows("SELECT body, salt FROM entries ORDER BY id")]
    text = b"".join(body for body, _ in before).decode()
    assert not re.search("向町|見本|太郎|山田|沢原|0233-43-2261|0233-43-7777|example|回覧", text)
    async with made.acting() as tx:
        document = await reading.published(tx, call)
    for receipt in ("063622-0001", "063622-0002"):
        async with made.acting() as tx:
            await commands.forget(tx, call, receipt)
    assert await made.rows("SELECT count(*) FROM applicants") == [(0,)]
    async with made.acting() as tx:
        assert await reading.published(tx, call) == document
        assert [row.group_name for row in await reading.desk(tx.connection, call)] == [None, None]
        assert len((await ledger.read(tx, call)).entries) == 3
    assert recompute(document).differences == ()
    assert before == [(row.body, row.salt) for row in await made.rows("SELECT body, salt FROM entries ORDER BY id")]


async def test_views_dropped_and_rebuilt_from_the_ledger_in_any_order_come_out_equal(made: Service) -> None:
    await prepare_stock(made, 2)
    call = await opened(made)
    await applied(made, call, units=2)
    for _ in range(2):
        async with made.acting() as tx:
            await commands.record(tx, call, attested())
    async with made.acting() as tx:
        await commands.refuse(tx, call, "063622-0003")
    await settled(made, call)
    async with made.acting() as tx:
        await commands.hand_over(tx, call, "063622-0001")
    async with made.acting() as tx:
        await commands.report_usage(tx, call, "063622-0001", ["circulars"])
    own = views.REBUILT[:13]
    before = await contents(made, own)
    assert all(
        rows
        for name, rows in before.items()
        if name not in ("rounds", "releases", "corrections", "withdrawals", "returns")
    )
    streams = [row.stream for row in await made.rows("SELECT DISTINCT stream FROM entries")]
    async with made.consuming() as tx:
        histories = await ledger.read_all(tx, streams)
        entries = [entry for history in histories.values() for entry in history.entries]
    await empty(made, own)
    async with made.consuming() as tx:
        await views.apply(tx, entries[::-1])
        await views.apply(tx, entries)
    assert await contents(made, own) == before
    await empty(made, own)
    async with made.consuming() as tx:
        await views.apply(tx, entries[1:])
    assert await contents(made, own) != before


async def test_another_towns_call_is_not_there(made: Service) -> None:
    call = await opened(made)
    await prepare_town(made, OTHER_TOWN, "011002")
    async with made.acting(OTHER_TOWN, By(person="c", party=OTHER_TOWN)) as tx:
        with pytest.raises(Refused, match="まだ始まっていません"):
            await commands.close(tx, call)
