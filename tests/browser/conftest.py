from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from shared.browser import WHY_SKIPPED, chromium
from tests.browser.pilot import Pilot, browsing, replayed


@pytest.fixture(scope="session")
async def pilot(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Pilot]:
    """Replay the pilot once for every browser test of this folder."""
    if chromium() is None:
        pytest.skip(WHY_SKIPPED)
    async with replayed(tmp_path_factory.mktemp("pilot")) as made:
        yield made


@pytest.fixture(scope="session")
async def chrome(pilot: Pilot) -> AsyncIterator[Browser]:
    async with browsing(pilot.stack) as browser:
        yield browser
