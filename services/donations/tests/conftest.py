"""A migrated database of donations, its application, and a pilot's town in it."""

from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest
from sqlalchemy import Table, delete, select

from services.donations.consumers import consumers
from shared.events.donations import CallOpened, Category
from shared.events.refurb import Ready, Spec
from shared.events.tracking import EngagementOpened, ItemRegistered, PartyAdded, Required, TakenOver
from shared.identity import Principal, issue, make_identity_key
from shared.ids import uuid7
from shared.settings import settings
from shared.stack.stack import Stack
from shared.testing import CENTRE, NOW, TOWN, Service, recorded, service

SPEC = Spec(os="Windows 10 Home", ssd_gb=240, memory_gb=8, office="WPS Office 2", support_months=3)
CATEGORIES = (
    Category(code="hamlet", name="集落", cap=2),
    Category(code="youth", name="商工会青年部", cap=5),
    Category(code="business", name="事業者・農業者", cap=2),
)


def a_call(**given: Any) -> CallOpened:
    """Return a call that is open around NOW."""
    facts: dict[str, Any] = {
        "call": uuid7(),
        "number": "063622-2026-1",
        "title": "再生パソコンを無償でお譲りします",
        "rule": "first-come",
        "item_kinds": ("desktop", "notebook"),
        "units": 15,
        "categories": CATEGORIES,
        "opens_at": NOW - timedelta(hours=1),
        "closes_at": NOW + timedelta(days=7),
        "spec": SPEC,
        "consent": "活用状況の広報取材や、取り組み事例の紹介に対応します",
        "consent_version": "1",
        "contact": "最上町役場 情報企画係",
    }
    return CallOpened(**facts | given)


def person(**given: Any) -> dict[str, Any]:
    """Return who applies, as JSON gives it."""
    return {
        "group": "向町一区",
        "representative": "見本 太郎",
        "address": "大字向町644",
        "phone": "0233-43-2261",
        "purpose": "回覧文書",
    } | given


async def prepare_town(made: Service, town: str = TOWN, code: str = "063622") -> None:
    """Let the town and its centre's engagement be known, as tracking announces them."""
    added = PartyAdded(party=town, party_kind="town", name="最上町", code=code)
    engaged = EngagementOpened(
        engagement=uuid7(),
        town=town,
        centre=CENTRE,
        title="リユース事業",
        contract="R3-12",
        starts_on=NOW.date() - timedelta(days=365),
        ends_on=datetime.now().astimezone().date() + timedelta(days=365),
        certificate_days=43,
    )
    async with made.consuming() as tx:
        await consumers.handle(tx, [recorded(added, tenant=town), recorded(engaged, tenant=town)])


async def prepare_stock(made: Service, count: int, kind: str = "desktop", *, town: str = TOWN) -> list[UUID]:
    """Let machines be ready and taken over; labels are A00000001 and on, by kind."""
    entries, items = [], []
    for n in range(1, count + 1):
        item = uuid7()
        label = f"{kind[0].upper()}{n:08d}"
        ready = Ready(item=item, label=label, item_kind=kind, grade="A", spec=SPEC)
        entries += [recorded(ready, tenant=town), recorded(TakenOver(item=item), tenant=town)]
        items.append(item)
    async with made.consuming() as tx:
        await consumers.handle(tx, entries)
    return items


def a_registration() -> ItemRegistered:
    """Return an item as tracking registers it."""
    return ItemRegistered(
        item=uuid7(),
        label="7K3D9Q2MX",
        engagement=uuid7(),
        item_kind="desktop",
        zone="mynumber",
        confidentiality="3",
        media=(),
        required=Required(media_class=1, assurance="both", policy_version="1"),
    )


async def contents(made: Service, tables: Iterable[Table]) -> dict[str, list[str]]:
    """Return the rows of tables as the owner sees them, sorted."""
    async with made.owner.connect() as connection:
        return {table.name: sorted(map(str, await connection.execute(select(table)))) for table in tables}


async def empty(made: Service, tables: Iterable[Table]) -> None:
    """Delete every row of tables."""
    async with made.owner.begin() as connection:
        for table in tables:
            await connection.execute(delete(table))


@pytest.fixture
async def made(servers: Stack, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Service]:
    """The service's database, with the town known."""
    async with service(servers, "donations") as made:
        monkeypatch.setenv("MEGURU_ROLE", "api")
        settings.cache_clear()
        await prepare_town(made)
        yield made


@dataclass(slots=True)
class Web:
    """The application as clients of several kinds."""

    public: httpx.AsyncClient
    as_: Callable[..., httpx.AsyncClient]

    @property
    def clerk(self) -> httpx.AsyncClient:
        """The town's clerk."""
        return self.as_("clerk", TOWN, "clerk")


@pytest.fixture
async def web(made: Service) -> AsyncIterator[Web]:
    """Clients of the ASGI application, its lifespan running."""
    from services.donations import intake
    from services.donations.app import app

    assert made.settings.service == "donations"
    intake._guesses.storage.reset()
    key = make_identity_key(settings().keys)
    transport = httpx.ASGITransport(app=app)
    clients: dict[tuple[str, ...], httpx.AsyncClient] = {}

    def client(*headers: tuple[str, str]) -> httpx.AsyncClient:
        return httpx.AsyncClient(transport=transport, base_url="https://localhost", headers=list(headers))

    def as_(person: str, party: str, *roles: str) -> httpx.AsyncClient:
        kind = party.split("-", 1)[0]
        who = Principal(person, party, frozenset(roles), kind)
        token = issue(key, who, issuer=settings().origin)
        return clients.setdefault((person, party, *roles), client(("authorization", f"Bearer {token}")))

    async with app.router.lifespan_context(app):
        yield Web(client(), as_)
        for each in clients.values():
            await each.aclose()
