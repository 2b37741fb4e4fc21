"""Row-level security, in every table: a hostile query of the application finds nothing foreign, the owner's does."""

from datetime import timedelta

import pytest
from sqlalchemy import delete, func, or_, select, text, true, update
from sqlalchemy.exc import DBAPIError

from services.donations import commands, correspondence
from services.donations.consumers import consumers
from services.donations.domain.applicant import Applicant, Attested
from services.donations.domain.wording import Words
from services.donations.tables import metadata
from services.donations.tests.conftest import a_call, a_registration, prepare_stock, prepare_town
from shared.entry import By
from shared.events.donations import Criterion, RoundOpened
from shared.events.refurb import DeliveredToTown
from shared.events.tracking import EngagementEnded
from shared.ids import uuid7
from shared.tables import GROUND
from shared.testing import CENTRE, NOW, OTHER_TOWN, TOWN, WORKER, Service, recorded

OWN = [table for table in metadata.sorted_tables if table.name not in GROUND]
TABLES = [*OWN, *(metadata.tables[name] for name in ("entries", "items", "ended_engagements"))]


async def prepare_foreign_rows(made: Service) -> None:
    """Let the other town have at least one row in every table."""
    await prepare_town(made, OTHER_TOWN, "011002")
    await prepare_stock(made, 2, town=OTHER_TOWN)
    clerk = By(person="c", party=OTHER_TOWN)
    who = Applicant("北の区", "見本 次郎", "北1", "011-211-2111")
    async with made.acting(OTHER_TOWN, clerk) as tx:
        call = (await commands.open_call(tx, a_call(number="011002-2026-1"))).event.call
    for late in (False, True):
        async with made.acting(OTHER_TOWN, clerk) as tx:
            if late:
                await commands.close(tx, call)
            await commands.record(
                tx, call, Attested(str(uuid7()), "paper", "hamlet", 1, NOW - timedelta(minutes=1), who)
            )
    async with made.acting(OTHER_TOWN, clerk) as tx:
        await commands.settle(tx, call)
    async with made.acting(OTHER_TOWN, clerk) as tx:
        await commands.hand_over(tx, call, "011002-0001", commands.Shown(photo=b"jpeg"))
    async with made.acting(OTHER_TOWN, clerk) as tx:
        told = commands.Told(note="北の言葉", photo=b"jpeg", consent=True)
        await commands.report_usage(tx, call, "011002-0001", ["x"], told=told)
    async with made.acting(OTHER_TOWN, clerk) as tx:
        await commands.take_back(tx, call, "011002-0001", "unused")
    await prepare_review(made, clerk)
    async with made.acting(OTHER_TOWN, clerk) as tx:
        await commands.keep_for(tx, 12)
    async with made.acting(OTHER_TOWN, clerk) as tx:
        await commands.forget(tx, call, "011002-0002")
    machine = DeliveredToTown(item=uuid7(), label="D00000001", item_kind="desktop")
    for event in (machine, a_registration(), EngagementEnded(engagement=uuid7(), town=OTHER_TOWN, centre=CENTRE)):
        async with made.consuming() as tx:
            await consumers.handle(tx, [recorded(event, tenant=OTHER_TOWN)])


async def prepare_review(made: Service, clerk: By) -> None:
    """Let a call by review of the other town be corrected, marked, withdrawn from and opened again."""
    who, criteria = (
        Applicant("北の区", "見本 次郎", "北1", "011-211-2111", "n@example.jp"),
        (Criterion(code="n", name="要", points_max=5),),
    )
    async with made.acting(OTHER_TOWN, clerk) as tx:
        asked = a_call(number="011002-2026-2", rule="review", criteria=criteria, item_kinds=("notebook",))
        call = (await commands.open_call(tx, asked)).event.call
    await prepare_stock(made, 1, "notebook", town=OTHER_TOWN)
    async with made.acting(OTHER_TOWN, clerk, request=uuid7()) as tx:
        receipt = (await commands.apply(tx, call, "hamlet", 1, who)).event.receipt
    async with made.acting(OTHER_TOWN, clerk) as tx:
        await commands.correct(tx, call, receipt, category="business", units=1, who=who)
    async with made.acting(OTHER_TOWN, clerk) as tx:
        await commands.close(tx, call)
    async with made.acting(OTHER_TOWN, clerk) as tx:
        review = await commands.review(tx, call, [commands.Marked(receipt, {"n": 1}, "北の理由")])
    async with made.acting(OTHER_TOWN, By(person="d", party=OTHER_TOWN)) as tx:
        await commands.confirm_review(tx, call, review.id)
    async with made.acting(OTHER_TOWN, clerk) as tx:
        await commands.settle(tx, call)
    async with made.acting(OTHER_TOWN, clerk) as tx:
        await commands.withdraw(tx, call, receipt)
    async with made.acting(OTHER_TOWN, clerk) as tx:
        await correspondence.keep_words(tx, "granted", Words("北の町より", "北"))
    window = {"opens_at": NOW, "closes_at": NOW + timedelta(days=1)}
    async with made.acting(OTHER_TOWN, clerk) as tx:
        further = RoundOpened(call=call, number="-", round=2, item_kinds=("notebook",), units=1, **window)
        await commands.open_round(tx, further)


async def test_no_query_of_the_application_finds_anothers_rows_and_the_owner_finds_them(made: Service) -> None:
    await prepare_foreign_rows(made)
    for table in TABLES:
        hostile = select(func.count()).select_from(table).where(or_(table.c.tenant == OTHER_TOWN, true()))
        async with made.acting() as tx:
            assert await tx.connection.scalar(hostile) == 0, table.name
        async with made.owner.connect() as connection:
            assert await connection.scalar(hostile), table.name


async def test_nobody_writes_into_another_town(made: Service) -> None:
    await prepare_foreign_rows(made)
    for table in OWN:
        async with made.acting() as tx:
            assert (await tx.connection.execute(update(table).values(tenant=TOWN))).rowcount == 0, table.name
            assert (await tx.connection.execute(delete(table))).rowcount == 0, table.name
    async with made.acting() as tx:
        with pytest.raises(DBAPIError, match="row-level security"):
            await tx.connection.execute(
                text("INSERT INTO desks (tenant, secret) VALUES (:town, '')"), {"town": OTHER_TOWN}
            )


async def test_a_centre_that_acts_for_a_town_sees_its_calls_and_no_applicant(made: Service) -> None:
    await prepare_foreign_rows(made)
    async with made.acting(OTHER_TOWN, WORKER) as tx:
        assert tx.by.party == CENTRE
        assert await tx.connection.scalar(text("SELECT count(*) FROM applications")) == 2
        assert await tx.connection.scalar(text("SELECT count(*) FROM review_reasons")) == 0
        assert await tx.connection.scalar(text("SELECT count(*) FROM applicants")) == 0
        assert await tx.connection.scalar(text("SELECT count(*) FROM desks")) == 0


async def test_the_public_look_ups_hold_no_personal_data(made: Service) -> None:
    await prepare_foreign_rows(made)
    async with made.app.connect() as connection:
        for query in (
            "SELECT * FROM public_calls()",
            "SELECT * FROM public_call('011002-2026-1')",
            "SELECT * FROM public_receipt('011002-0001')",
        ):
            rows = (await connection.execute(text(query))).all()
            assert len(rows) >= 1
            assert "北" not in str(rows)
