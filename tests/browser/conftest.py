from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser

from shared.browser import WHY_SKIPPED, chromium
from tests.browser.pilot import Pilot, browsing


@pytest.fixture(scope="session")
def has_chromium() -> None:
    if chromium() is None:
        pytest.skip(WHY_SKIPPED)


@pytest.fixture(scope="session")
async def chrome(has_chromium: None, pilot: Pilot) -> AsyncIterator[Browser]:
    async with browsing(pilot.stack) as browser:
        yield browser
