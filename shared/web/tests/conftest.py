from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest
from playwright.async_api import Browser

from shared.browser import WHY_SKIPPED, chromium, launch

Opening = Callable[[Any], AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture
def opened() -> Opening:
    """Give a client that speaks to an application in this process; crashes become answers, as in production."""

    @asynccontextmanager
    async def client(app: Any) -> AsyncIterator[httpx.AsyncClient]:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="https://meguru.test") as speaking:
            yield speaking

    return client


@pytest.fixture(scope="session")
async def chrome() -> AsyncIterator[Browser]:
    """Start Chromium once for all browser tests; they skip where there is none."""
    if chromium() is None:
        pytest.skip(WHY_SKIPPED)
    async with launch() as browser:
        yield browser
