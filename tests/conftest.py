"""The pilot, replayed once a run behind the gateway, for every test that looks at the whole."""

from collections.abc import AsyncIterator

import pytest

from tests.browser.pilot import Pilot, replayed


@pytest.fixture(scope="session")
async def pilot(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pilot]:
    """Start the stack and replay the whole pilot."""
    async with replayed(tmp_path_factory.mktemp("pilot")) as made:
        yield made
