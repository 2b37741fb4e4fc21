"""Erasure's fixtures: its database, its application in this process, and the things tests tell it about."""

from collections.abc import AsyncIterator
from datetime import date
from typing import Any
from uuid import UUID

import httpx
import pytest

from services.erasure.consumers import consumers
from shared.entry import Entry, Event
from shared.events.tracking import EngagementOpened, ItemRegistered, Medium, PartyAdded, Required
from shared.identity import Principal, Role, issue, make_identity_key
from shared.ids import new_label, uuid7
from shared.levels import Level
from shared.settings import settings
from shared.stack.stack import Stack
from shared.testing import CENTRE, OTHER_TOWN, TOWN, Service, recorded, service

ENGAGEMENT, OTHER_ENGAGEMENT = uuid7(), uuid7()
OTHER_CENTRE = "centre-elsewhere"


@pytest.fixture(scope="module")
async def erasure(servers: Stack, monkeypatch_module: pytest.MonkeyPatch) -> AsyncIterator[Service]:
    """A database of its own for each module of tests, with two towns under two centres."""
    async with service(servers, "erasure") as made:
        monkeypatch_module.setenv("MEGURU_ROLE", "api")
        settings.cache_clear()
        await hear(made, *parties())
        yield made


@pytest.fixture(scope="module")
def monkeypatch_module() -> Any:
    with pytest.MonkeyPatch.context() as patch:
        yield patch


def parties() -> list[Entry[Any]]:
    told: list[Event] = [
        PartyAdded(party=TOWN, party_kind="town", name="最上町"),
        PartyAdded(party=CENTRE, party_kind="centre", name="ソフマップ ITADセンター"),
        opened(ENGAGEMENT, TOWN, CENTRE),
        opened(OTHER_ENGAGEMENT, OTHER_TOWN, OTHER_CENTRE),
    ]
    tenants = (TOWN, CENTRE, TOWN, OTHER_TOWN)
    return [recorded(event, tenant=tenant) for event, tenant in zip(told, tenants, strict=True)]


def opened(engagement: UUID, town: str, centre: str) -> EngagementOpened:
    return EngagementOpened(
        engagement=engagement,
        town=town,
        centre=centre,
        title="リユース事業",
        contract="R8-17",
        starts_on=date(2020, 1, 1),
        ends_on=date(2099, 12, 31),
        certificate_days=45,
    )


def required(on_site: Level | None = Level.PURGE, assurance: str = "onsite_erase_plus_certificate") -> Required:
    return Required.model_validate(
        {
            "media_class": 1,
            "on_site": on_site,
            "at_centre": Level.DESTROY,
            "assurance": assurance,
            "policy_version": "1",
        }
    )


def item(*serials: str, kind: str = "nvme", engagement: UUID = ENGAGEMENT, **changed: Any) -> ItemRegistered:
    """An item as tracking registers it, with a medium for each serial."""
    return ItemRegistered.model_validate(
        {
            "item": uuid7(),
            "label": new_label(),
            "engagement": engagement,
            "item_kind": "notebook",
            "zone": "mynumber",
            "confidentiality": "3",
            "media": [Medium(id=uuid7(), kind=kind, serial=serial, model="PM9 256GB") for serial in serials],
            "required": required(),
        }
        | changed
    )


async def hear(made: Service, *entries: Entry[Any]) -> None:
    """Let the consumers take entries, as the bus would bring them."""
    async with made.consuming() as tx:
        await consumers.handle(tx, list(entries))


async def register(made: Service, event: ItemRegistered, tenant: str = TOWN) -> ItemRegistered:
    await hear(made, recorded(event, stream=event.item, tenant=tenant))
    return event


def principal(*roles: Role, person: str = "takasaki", party: str = CENTRE) -> Principal:
    return Principal(person, party, frozenset(roles or ("worker",)), "centre" if party == CENTRE else "town", "係")


def bearer(who: Principal) -> dict[str, str]:
    known = settings()
    return {"Authorization": f"Bearer {issue(make_identity_key(known.keys), who, issuer=known.origin)}"}


@pytest.fixture(scope="module")
async def client(erasure: Service) -> AsyncIterator[httpx.AsyncClient]:
    """A centre's worker, speaking to the application in this process."""
    from services.erasure.app import app

    make_identity_key(erasure.settings.keys)
    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(
            transport=transport, base_url=settings().origin, headers=bearer(principal())
        ) as speaking:
            yield speaking


def rows_of(rows: list[Any]) -> list[tuple[Any, ...]]:
    return [tuple(row) for row in rows]
