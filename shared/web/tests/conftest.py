from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any

import httpx
import pytest

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
