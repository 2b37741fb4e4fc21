"""The post of donations, as its worker runs it."""

import asyncio
from datetime import timedelta

import pytest
from nats.aio.client import Client

from services.donations import commands, loops
from services.donations.tests.conftest import prepare_stock
from services.donations.tests.test_correspondence import applied, to
from services.donations.tests.test_journey import close, opened
from shared import post
from shared.events.donations import RoundOpened
from shared.testing import NOW, Service
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
