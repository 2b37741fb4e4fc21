import os
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.tracking.commands import cages, items, parties, scans
from services.tracking.commands.parties import engagement_of
from services.tracking.tests.actors import CARRIER, FIRST, LAST, OTHER_CARRIER, OTHER_CENTRE, WHO, Api
from services.tracking.tests.readers import NAMES, Web, World, afterwards, erased, heard
from services.tracking.tests.world import founded, peopled, registered, row
from shared.events.donations import HandedOver
from shared.events.refurb import DeliveredToTown
from shared.identity import Principal, issue, make_identity_key
from shared.ids import uuid7
from shared.settings import settings
from shared.stack.stack import Stack
from shared.testing import CENTRE, NOW, TOWN, WORKER, Service, recorded, service


@pytest.fixture(scope="module")
async def tracking(servers: Stack) -> AsyncIterator[Service]:
    async with service(servers, "tracking") as made:
        yield made


@pytest.fixture(scope="module")
async def engagement(tracking: Service) -> UUID:
    await peopled(tracking)
    return await founded(tracking)


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


@pytest.fixture(scope="module")
async def world(tracking: Service) -> World:
    engagement = await founded(tracking)
    roles = {"clerk": "clerk", "witness": "witness", "approver": "approver"}
    async with tracking.acting() as tx:
        for person, role in roles.items():
            await parties.enrol(tx, person, name=NAMES[person], title="情報係", contact=None, roles=[role])
        await items.register_lot(tx, engagement, "monitor", 59)
    async with tracking.acting(CENTRE, WORKER) as tx:
        for person in ("worker", "worker2"):
            await parties.enrol(tx, person, name=NAMES[person], title=None, contact=None, roles=["worker"])
    rich, waiting, bare, scrap, held = await registered(
        tracking,
        engagement,
        [row("RICH", kind="desktop"), row("WAITING"), row("BARE"), row("SCRAP"), row("HELD")],
    )
    travelled = (rich, waiting, scrap)
    await heard(tracking, *(erased(one) for one in travelled))
    async with tracking.acting(TOWN, WORKER) as tx:
        sealed = await cages.seal(tx, engagement, "1", "4817", [one.stream for one in travelled])
        await cages.hand_over(tx, sealed.stream, vehicle="庄内 1")
    async with tracking.acting(TOWN, WORKER, at=NOW + timedelta(hours=20)) as tx:
        await cages.open_(
            tx, sealed.stream, seal_seen="4817", found=[one.stream for one in travelled], centre=CENTRE, difference=None
        )
        await items.name_candidate(tx, rich.stream)
        await items.name_candidate(tx, waiting.stream)
        await items.choose_recycling(tx, scrap.stream, None)
    told = [event for one in travelled for event in afterwards(one, ready=one is not scrap)]
    delivered = DeliveredToTown(item=rich.stream, label=rich.event.label, item_kind="desktop")
    call = uuid7()
    given = HandedOver(call=call, application=uuid7(), receipt="1", category="hamlet", items=(rich.stream,))
    await heard(tracking, *told, recorded(delivered, stream=uuid7(), by=WORKER))
    async with tracking.acting() as tx:
        await scans.scan(tx, [scans.Scanned(rich.stream, "taken-over", _request(), NOW + timedelta(days=1))])
    await heard(tracking, recorded(given, stream=uuid7(), at=NOW + timedelta(days=2)))
    return World(engagement, rich, waiting, bare, scrap, held)


def _request() -> Any:
    from shared.entry import Request

    return Request(id=uuid7(), digest="x")


@pytest.fixture(scope="module")
async def web(tracking: Service, world: World) -> AsyncIterator[Web]:
    os.environ |= {"MEGURU_ROLE": "api", "MEGURU_DEVELOPMENT_LOGIN": "true"}
    settings.cache_clear()
    known = settings()
    key = make_identity_key(known.keys)
    people = {
        "clerk": Principal("clerk", TOWN, frozenset({"clerk"}), "town", "最上町"),
        "admin": Principal("admin", TOWN, frozenset({"town-admin", "clerk"}), "town", "最上町"),
        "approver": Principal("approver", TOWN, frozenset({"approver"}), "town", "最上町"),
        "worker": Principal("worker", CENTRE, frozenset({"worker"}), "centre", "ITADセンター"),
        "manager": Principal("manager", CENTRE, frozenset({"centre-manager"}), "centre", "ITADセンター"),
        "usurper": Principal("worker2", CENTRE, frozenset({"worker", "clerk", "approver"}), "centre", "ITADセンター"),
        "stranger": Principal("stranger", "centre-other", frozenset({"worker"}), "centre", "別のセンター"),
        "operator": Principal("operator", "platform", frozenset({"platform-operator"}), "platform", "運用"),
    }
    from services.tracking.app import app

    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=known.origin) as client:
            tokens = {name: issue(key, who, issuer=known.origin) for name, who in people.items()}
            yield Web(client, tracking, tokens)
