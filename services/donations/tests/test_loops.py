"""The post of donations, as its worker runs it."""

import asyncio
from datetime import timedelta

import pytest
from nats.aio.client import Client

from services.donations import commands, loops, reading
from services.donations.tests.conftest import prepare_stock
from services.donations.tests.test_correspondence import applied, to
from services.donations.tests.test_journey import close, opened
from shared import post
from shared.entry import By
from shared.events.donations import Criterion, RoundOpened
from shared.refused import Refused
from shared.testing import NOW, TOWN, Service
from shared.tests.post import HOST, office
from shared.worker import Work


async def test_a_letter_goes_to_the_mail_server_that_is_named(made: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(post, "POST_PAUSE_S", 0.05)
    await applied(made, await opened(made), 1, mail="a@example.jp")
    with office() as there:
        given = {"smtp_host": HOST, "smtp_port": there.port, "smtp_tls": "none", "mail_from": "noreply@example.jp"}
        work = Work(made.settings.model_copy(update=given), made.consumer, Client())
        running = asyncio.create_task(loops.send_letters(work))
        while not await made.rows("SELECT 1 FROM letters WHERE state = 'sent'"):
            await asyncio.sleep(0.05)
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        assert [to(mail) for mail in there.mails] == ["a@example.jp"]


async def test_what_a_town_keeps_no_longer_is_deleted_by_itself_and_of_another_call_it_stays(made: Service) -> None:
    one, two = await opened(made), await opened(made, number="063622-2026-2")
    for call in (one, two):
        await applied(made, call, 1)
    await close(made, one)
    async with made.acting() as tx:
        await commands.keep_for(tx, 12)
    assert await loops.erasing_round(made.consumer, NOW + timedelta(days=360)) == 0
    assert await loops.erasing_round(made.consumer, NOW + timedelta(days=370)) == 1
    assert await loops.erasing_round(made.consumer, NOW + timedelta(days=3700)) == 0, "the other is still open"
    assert await made.rows("SELECT call FROM applicants") == [(two,)]
    gone = await made.rows("SELECT receipt, reason, erased_by FROM erasures")
    assert gone == [("063622-0001", "retention", "service:donations")]


async def test_what_came_after_its_person_was_deleted_is_seen_and_deleted_with_the_rest(made: Service) -> None:
    await prepare_stock(made, 1)
    criteria = (Criterion(code="need", name="必要性", points_max=5),)
    call = await opened(made, rule="review", criteria=criteria)
    receipt = await applied(made, call, 1)
    await close(made, call)
    async with made.acting() as tx:
        await commands.keep_for(tx, 12)
        await commands.forget(tx, call, receipt)
    async with made.acting() as tx:  # of a call that is decided late the town still says why
        review = await commands.review(tx, call, [commands.Marked(receipt, {"need": 1}, "理由")])
    async with made.acting(by=By(person="clerk-2", party=TOWN)) as tx:
        await commands.confirm_review(tx, call, review.id)
        await commands.settle(tx, call)
    async with made.acting() as tx:
        kept = await reading.kept_of(tx.connection, call, receipt)
        assert kept
        assert (kept["group_name"], kept["review_reasons"]) == (None, ["理由"])
        assert (await reading.keeping(tx.connection, TOWN))[2] == 1
    assert await loops.erasing_round(made.consumer, NOW + timedelta(days=370)) == 1
    assert await loops.erasing_round(made.consumer, NOW + timedelta(days=370)) == 0
    assert await made.rows("SELECT count(*) FROM review_reasons") == [(0,)]
    gone = await made.rows("SELECT reason FROM erasures ORDER BY erased_at")
    assert [row.reason for row in gone] == ["request", "retention"]
    async with made.acting() as tx:
        assert await reading.kept_of(tx.connection, call, receipt) is None


async def test_after_the_persons_deletion_nothing_personal_is_taken_in_and_the_rest_goes_on(made: Service) -> None:
    await prepare_stock(made, 1)
    call = await opened(made)
    receipt = await applied(made, call, 1)
    await close(made, call)
    async with made.acting() as tx:
        await commands.settle(tx, call)
        await commands.forget(tx, call, receipt)
    async with made.acting() as tx:
        with pytest.raises(Refused, match="個人情報は消してあります"):
            await commands.hand_over(tx, call, receipt, commands.Shown(photo=b"jpeg"))
    async with made.acting() as tx:
        await commands.hand_over(tx, call, receipt, commands.Shown(agreed="1"))
    for told in (commands.Told(note="言葉"), commands.Told(photo=b"jpeg"), commands.Told(interview=True)):
        async with made.acting() as tx:
            with pytest.raises(Refused, match="言葉や写真を付けずに"):
                await commands.report_usage(tx, call, receipt, ["meetings"], told=told)
    async with made.acting() as tx:
        await commands.report_usage(tx, call, receipt, ["meetings"])
        assert await reading.kept_of(tx.connection, call, receipt) is None


async def test_a_picture_that_races_with_its_persons_deletion_is_deleted_with_it_or_refused(made: Service) -> None:
    await prepare_stock(made, 4)
    call = await opened(made, units=4)
    receipts = [await applied(made, call, n) for n in range(4)]
    await close(made, call)
    async with made.acting() as tx:
        await commands.settle(tx, call)

    async def hand_over(receipt: str) -> None:
        async with made.acting() as tx:
            await commands.hand_over(tx, call, receipt, commands.Shown(photo=b"jpeg"))

    async def forget(receipt: str) -> None:
        async with made.acting() as tx:
            await commands.forget(tx, call, receipt)

    racing = [act(receipt) for receipt in receipts for act in (hand_over, forget)]
    outcomes = await asyncio.gather(*racing, return_exceptions=True)
    assert {each.code for each in outcomes if isinstance(each, Refused)} <= {"person-erased"}
    assert all(each is None or isinstance(each, Refused) for each in outcomes), outcomes
    assert await made.rows("SELECT count(*) FROM hand_over_photos") == [(0,)]


async def test_while_a_further_round_runs_nothing_of_its_call_is_deleted(made: Service) -> None:
    await prepare_stock(made, 1)
    call = await opened(made)
    await applied(made, call, 1)
    await close(made, call)
    async with made.acting() as tx:
        await commands.keep_for(tx, 12)
        await commands.settle(tx, call)
    further = RoundOpened(
        call=call,
        number="-",
        round=2,
        item_kinds=("desktop",),
        units=1,
        opens_at=NOW + timedelta(days=369),
        closes_at=NOW + timedelta(days=380),
    )
    later = NOW + timedelta(days=370)
    async with made.acting(at=later) as tx:
        await commands.open_round(tx, further)
    assert await loops.erasing_round(made.consumer, later) == 0
    async with made.acting(at=later) as tx:
        await commands.close(tx, call)
    assert await loops.erasing_round(made.consumer, later + timedelta(days=360)) == 0
    assert await loops.erasing_round(made.consumer, later + timedelta(days=370)) == 1
