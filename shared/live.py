"""Live pages: who looks at a page hears that something new was recorded; what it is, the page asks for by itself.

PostgreSQL carries the word from the transaction that changed the views to every process that has a page open: NOTIFY
is delivered at the commit, never before it and never for one that was rolled back, and needs no bus. It names a tenant
and nothing else: whoever may not see the tenant's pages learns nothing from it.
"""

import asyncio
import logging
import signal
from collections import defaultdict
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from types import FrameType
from typing import Any

import asyncpg
from sqlalchemy import URL, text

from shared.database import AWAY, Transaction

log = logging.getLogger(__name__)

CHANNEL = "heard"
APART_S = 1.0  # between two words to the same page: a batch of scans is one change to who looks
RETRY_S = 1.0
LIFE_S = 600.0  # of one stream; the browser comes again, and its rights are asked for again
STREAMS_MAX = 2000  # of one process


async def tell(tx: Transaction, tenants: Iterable[str]) -> None:
    """Say, when this transaction commits, that there is something new about these tenants."""
    known = sorted(set(tenants))
    if known:
        await tx.connection.execute(
            text("SELECT pg_notify(:channel, tenant) FROM unnest(CAST(:tenants AS text[])) AS t(tenant)"),
            {"channel": CHANNEL, "tenants": known},
        )


@dataclass(slots=True, eq=False)
class Live:
    """The open pages of one process, and the one connection that listens for them while there are any."""

    url: URL
    _pages: defaultdict[str, set[asyncio.Event]] = field(default_factory=lambda: defaultdict(set))
    _ending: asyncio.Event = field(default_factory=asyncio.Event)
    _listener: "asyncio.Task[None] | None" = None

    @asynccontextmanager
    async def open(self) -> AsyncIterator["Live"]:
        """Serve until the process is told to end: open pages are let go at once, the server would wait for them."""
        with _heeding_the_end(self._ending):
            try:
                yield self
            finally:
                self._ending.set()
                await self._stop_listening()

    @property
    def is_full(self) -> bool:
        """Whether this process has as many open pages as it takes."""
        return sum(map(len, self._pages.values())) >= STREAMS_MAX

    async def changes(self, tenant: str) -> AsyncIterator[None]:
        """Yield when something new was recorded about a tenant, at most once in APART_S, for LIFE_S."""
        heard = asyncio.Event()
        self._pages[tenant].add(heard)
        self._listener = self._listener or asyncio.create_task(self._listen())
        try:
            async with asyncio.timeout(LIFE_S):
                while await self._first(heard):
                    heard.clear()
                    yield
                    await self._first(asyncio.Event(), APART_S)
        except TimeoutError:
            return
        finally:
            self._pages[tenant].discard(heard)
            if not self._pages[tenant]:
                del self._pages[tenant]
            if not self._pages:
                await self._stop_listening()

    async def _first(self, heard: asyncio.Event, seconds: float | None = None) -> bool:
        """Wait for the word, or `seconds`. Returns False when the process ends first."""
        waits = [asyncio.create_task(event.wait()) for event in (heard, self._ending)]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()
        return not self._ending.is_set()

    async def _listen(self) -> None:
        while True:
            try:
                await self._listen_once()
            except AWAY as away:
                log.info("live pages wait for the database: %r", away)
            await asyncio.sleep(RETRY_S)

    async def _listen_once(self) -> None:
        at = self.url
        connection = await asyncpg.connect(
            host=at.host, port=at.port, user=at.username, password=at.password, database=at.database, timeout=10
        )
        lost = asyncio.Event()
        try:
            connection.add_termination_listener(lambda _: lost.set())
            await connection.add_listener(CHANNEL, self._on_word)
            for pages in self._pages.values():  # what came while nobody listened
                for heard in pages:
                    heard.set()
            await lost.wait()
        finally:
            with suppress(*AWAY):
                await connection.close(timeout=1)

    def _on_word(self, _connection: Any, _pid: int, _channel: str, tenant: object) -> None:
        for heard in self._pages.get(str(tenant), ()):
            heard.set()

    async def _stop_listening(self) -> None:
        listener, self._listener = self._listener, None
        if listener:
            listener.cancel()
            with suppress(asyncio.CancelledError):
                await listener


@contextmanager
def _heeding_the_end(ending: asyncio.Event) -> Iterator[None]:
    """Set an event when the process is told to end, before whoever else heeds the signal."""
    loop = asyncio.get_running_loop()
    before: dict[signal.Signals, Any] = {}

    def heed(number: int, frame: FrameType | None) -> None:
        loop.call_soon_threadsafe(ending.set)
        before[signal.Signals(number)](number, frame)

    for number in (signal.SIGTERM, signal.SIGINT):
        if callable(handler := signal.getsignal(number)):  # a server's own; without one nobody waits
            before[number] = handler
            signal.signal(number, heed)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
