"""How often one address may ask: a moving window in the memory of this process."""

import time

from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

SWEEP_S = 60.0  # what is older than its window is forgotten this often


class SweptStorage(MemoryStorage):
    """The library's storage, swept once a minute by whoever asks; for one event loop.

    By itself it starts a thread for that at nearly every hit, and waits until the thread runs: a sixth of the time of
    a look-up. And it never forgets an address, so that a public door would fill the memory. Written for limits 5.8,
    which is pinned; `test_limiter` shows both.
    """

    def __init__(self) -> None:
        self._swept = time.monotonic()
        super().__init__()

    def _MemoryStorage__schedule_expiry(self) -> None:  # noqa: N802 - the library's own private name
        now = time.monotonic()
        if now - self._swept > SWEEP_S:
            self._swept = now
            self._MemoryStorage__expire_events()  # type: ignore[attr-defined]  # the library's own private name
            self.events = {key: hits for key, hits in self.events.items() if hits}


def limiter() -> MovingWindowRateLimiter:
    """Return a limiter with nothing in it."""
    return MovingWindowRateLimiter(SweptStorage())
