"""The limiter: a share a minute for each address, forgotten afterwards, and no thread for it."""

import threading
import time

import pytest
from limits import RateLimitItemPerMinute

from shared.limiter import SWEEP_S, limiter

SHARE = RateLimitItemPerMinute(5)


def test_an_address_has_its_share_and_another_its_own() -> None:
    some = limiter()
    assert [some.hit(SHARE, "a") for _ in range(6)] == [True] * 5 + [False]
    assert some.hit(SHARE, "b", cost=5)
    assert not some.hit(SHARE, "b")


def test_a_hit_starts_no_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    some = limiter()
    time.sleep(0.05)  # the library's own first sweep
    started: list[object] = []
    monkeypatch.setattr(threading.Thread, "start", started.append)
    for _ in range(100):
        some.hit(SHARE, "a")
    assert started == []


def test_what_is_older_than_its_window_is_forgotten(monkeypatch: pytest.MonkeyPatch) -> None:
    some = limiter()
    for nth in range(50):
        some.hit(SHARE, f"address {nth}")
    later = time.time() + 2 * SWEEP_S
    monkeypatch.setattr(time, "time", lambda: later)
    monkeypatch.setattr(time, "monotonic", lambda: later)
    some.hit(SHARE, "another")
    assert len(some.storage.events) == 1  # type: ignore[attr-defined]  # what the storage in memory holds
