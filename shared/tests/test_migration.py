"""Partitions are made ahead at every migration; a month that DEFAULT already has rows of stops nothing."""

import asyncio
import logging
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

import pytest

from shared import ledger
from shared.events.tracking import LotMoved
from shared.ledger import History
from shared.migration import PARTITIONS_AHEAD, PARTITIONS_FIRST, migrate
from shared.stack.stack import Stack
from shared.testing import Service, service

LATER = datetime(2030, 5, 17, tzinfo=UTC)


@pytest.fixture
async def refurb(servers: Stack) -> AsyncIterator[Service]:
    async with service(servers, "refurb") as made:
        yield made


async def months(made: Service) -> list[str]:
    query = "SELECT relname FROM pg_inherits JOIN pg_class ON oid = inhrelid WHERE inhparent = 'entries'::regclass"
    return sorted(row.relname for row in await made.rows(query) if row.relname != "entries_default")


async def append_in(made: Service, moment: datetime) -> UUID:
    stream = UUID(int=int(moment.timestamp() * 1000) << 80 | 0x7 << 76 | 0b10 << 62)
    async with made.acting() as tx:
        await ledger.append(tx, History(stream), LotMoved(lot=stream, step="received", count=1))
    return stream


async def held_by(made: Service, stream: UUID) -> str:
    return str((await made.rows("SELECT tableoid::regclass::text FROM entries WHERE stream = :s", s=stream))[0][0])


async def test_a_later_migration_makes_the_months_ahead_and_a_second_none(refurb: Service) -> None:
    before = await months(refurb)
    assert len(before) >= PARTITIONS_FIRST
    await asyncio.to_thread(migrate, refurb.settings, now=LATER)
    after = await months(refurb)
    assert after[: len(before)] == before
    assert len(after) == (LATER.year - 2026) * 12 + LATER.month + PARTITIONS_AHEAD
    assert after[-1] == "entries_2032_05"
    await asyncio.to_thread(migrate, refurb.settings, now=LATER)
    assert await months(refurb) == after
    assert await held_by(refurb, await append_in(refurb, LATER)) == "entries_2030_05"


async def test_a_month_that_default_already_holds_is_skipped_and_said(
    refurb: Service, caplog: pytest.LogCaptureFixture
) -> None:
    stream = await append_in(refurb, LATER)
    assert await held_by(refurb, stream) == "entries_default"
    with caplog.at_level(logging.WARNING, "shared.migration"):
        await asyncio.to_thread(migrate, refurb.settings, now=LATER)
    there = await months(refurb)
    assert "entries_2030_05" not in there
    assert {"entries_2030_04", "entries_2030_06"} <= set(there)
    assert "no partition for 2030-05" in caplog.text
    assert await held_by(refurb, stream) == "entries_default", "what is recorded stays"
