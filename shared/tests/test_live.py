"""Open pages hear of what was committed, of nothing else, and hold nobody up."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from shared import live
from shared.database import service_transaction, url
from shared.live import Live, tell
from shared.stack.stack import Stack
from shared.testing import OTHER_TOWN, TOWN, Service, service

SOON_S = 5.0
QUIET_S = 0.6


@pytest.fixture(scope="module")
async def erasure(servers: Stack) -> AsyncIterator[Service]:
    async with service(servers, "erasure") as made:
        yield made


@pytest.fixture
async def pages(erasure: Service, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Live]:
    monkeypatch.setattr(live, "APART_S", 0.05)
    async with Live(url(erasure.settings, "app")).open() as opened:
        yield opened


async def said(erasure: Service, *tenants: str) -> None:
    async with service_transaction(erasure.consumer, "erasure") as tx:
        await tell(tx, tenants)


async def following(pages: Live, tenant: str) -> tuple[AsyncIterator[None], "asyncio.Task[None]"]:
    """Open a page; its first word is that somebody listens now."""
    changes = pages.changes(tenant)
    async with asyncio.timeout(SOON_S):
        await anext(changes)
    return changes, asyncio.ensure_future(_next(changes))


async def _next(changes: AsyncIterator[None]) -> None:
    await anext(changes)


async def test_a_page_hears_of_its_town_when_it_is_committed(pages: Live, erasure: Service) -> None:
    _, word = await following(pages, TOWN)
    async with service_transaction(erasure.consumer, "erasure") as tx:
        await tell(tx, [TOWN, TOWN])
        await asyncio.sleep(QUIET_S)
        assert not word.done()  # not before the commit
    async with asyncio.timeout(SOON_S):
        await word


async def test_it_hears_nothing_of_another_town_nor_of_what_was_rolled_back(pages: Live, erasure: Service) -> None:
    _, word = await following(pages, TOWN)
    await said(erasure, OTHER_TOWN)
    with pytest.raises(RuntimeError, match="not committed"):
        async with service_transaction(erasure.consumer, "erasure") as tx:
            await tell(tx, [TOWN])
            raise RuntimeError("not committed")
    await asyncio.sleep(QUIET_S)
    assert not word.done()
    word.cancel()


async def test_many_words_in_a_moment_are_one(pages: Live, erasure: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "APART_S", 1.0)
    changes, word = await following(pages, TOWN)
    for _ in range(10):
        await said(erasure, TOWN)
    async with asyncio.timeout(SOON_S):
        await word
    late = asyncio.ensure_future(_next(changes))
    await asyncio.sleep(2.0)
    assert not late.done()
    late.cancel()


async def test_a_lost_connection_is_opened_again_and_what_was_missed_is_asked_for(
    pages: Live, erasure: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "RETRY_S", 0.05)
    _, word = await following(pages, TOWN)
    superuser = await erasure.stack.connect("erasure")
    ended = await superuser.fetch(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query ILIKE 'listen%' AND pid <> pg_backend_pid()"
    )
    await superuser.close()
    assert len(ended) == 1
    async with asyncio.timeout(SOON_S):
        await word


async def test_the_last_page_takes_the_connection_with_it(pages: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "STREAMS_MAX", 1)
    changes, word = await following(pages, TOWN)
    assert is_full(pages)
    word.cancel()
    await asyncio.gather(word, return_exceptions=True)
    await changes.aclose()  # type: ignore[attr-defined]  # an async generator
    assert not is_full(pages)
    assert pages._listener is None


def is_full(pages: Live) -> bool:
    return pages.is_full


async def test_a_stream_ends_by_itself_after_its_time(pages: Live, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LIFE_S", 0.3)
    async with asyncio.timeout(SOON_S):
        assert len([None async for _ in pages.changes(TOWN)]) <= 1


async def test_a_process_that_is_told_to_end_lets_its_pages_go_first(erasure: Service) -> None:
    with heeding() as ended:
        async with Live(url(erasure.settings, "app")).open() as pages:
            changes, word = await following(pages, TOWN)
            os.kill(os.getpid(), signal.SIGTERM)
            async with asyncio.timeout(SOON_S):
                with pytest.raises(StopAsyncIteration):
                    await word
            assert ended == [signal.SIGTERM]  # the server's own handler was called as well
            await changes.aclose()  # type: ignore[attr-defined]  # an async generator


@contextmanager
def heeding() -> Iterator[list[int]]:
    """Stand for a server that heeds SIGTERM."""
    ended: list[int] = []

    def heed(number: int, _frame: Any) -> None:
        ended.append(number)

    before = signal.signal(signal.SIGTERM, heed)
    try:
        yield ended
    finally:
        signal.signal(signal.SIGTERM, before)
