import os
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest

from services.tracking.commands.parties import engagement_of
from services.tracking.tests.actors import CARRIER, FIRST, LAST, OTHER_CARRIER, OTHER_CENTRE, WHO, Api
from services.tracking.tests.world import peopled
from shared.identity import issue, make_identity_key
from shared.settings import settings
from shared.stack.stack import Stack
from shared.testing import CENTRE, TOWN, Service, service


@pytest.fixture(scope="module")
async def tracking(servers: Stack) -> AsyncIterator[Service]:
    async with service(servers, "tracking") as made:
        yield made


@pytest.fixture(scope="module")
async def api(tracking: Service) -> AsyncIterator[Api]:
    os.environ |= {"MEGURU_ROLE": "api"}
    settings.cache_clear()
    key = make_identity_key(settings().keys)
    from services.tracking.app import app

    tokens = {name: issue(key, who, issuer=settings().origin) for name, who in WHO.items()}
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url=settings().origin) as client,
    ):
        contracts = [engagement_of(TOWN, centre, f"R8-{centre}") for centre in (CENTRE, OTHER_CENTRE)]
        made = Api(client, tracking, tokens, *contracts)
        await made.do("operator", "/towns", code="063622", contact="情報企画係")
        for centre, carrier in ((CENTRE, CARRIER), (OTHER_CENTRE, OTHER_CARRIER)):
            for party in (centre, carrier):
                await made.do("operator", "/parties", party=party, kind=party.split("-")[0], name=party)
            dates = {"starts_on": str(FIRST), "ends_on": str(LAST)}
            said: dict[str, Any] = {
                "centre": centre,
                "carrier": carrier,
                "title": "試行",
                "contract": f"R8-{centre}",
            } | dates
            await made.do("admin", "/engagements", **said)
        await made.do("admin", "/policies", version="1", on_site="purge")
        await peopled(tracking)
        yield made
