"""The application on a port of its own, and a browser."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser

from services.erasure import api, pages
from services.erasure.worker import life
from shared.assembly import assemble
from shared.browser import WHY_SKIPPED, chromium, launch, serving
from shared.testing import Service

ROUTERS = (api.router, pages.router)


@pytest.fixture(scope="module")
async def chrome() -> AsyncIterator[Browser]:
    if chromium() is None:
        pytest.skip(WHY_SKIPPED)
    async with launch() as browser:
        yield browser


@pytest.fixture(scope="module")
async def address(erasure: Service, monkeypatch_module: pytest.MonkeyPatch) -> AsyncIterator[str]:
    """The application on a loopback port that is its own origin."""
    assert erasure.settings.service == "erasure"
    monkeypatch_module.delenv("MEGURU_ORIGIN", raising=False)
    templates = Path(pages.__file__).parents[1] / "templates"
    app = assemble("erasure", title="erasure", life=life, routers=ROUTERS, templates=templates)
    async with app.router.lifespan_context(app), serving(app) as at:
        yield at
