from collections.abc import AsyncIterator

import pytest

from shared.stack.stack import Stack
from shared.testing import Service, service


@pytest.fixture(scope="module")
async def tracking(servers: Stack) -> AsyncIterator[Service]:
    async with service(servers, "tracking") as made:
        yield made
