import os
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

import httpx
import pytest

from services.refurb.consumers import consumers
from services.refurb.tests.samples import parties
from shared.entry import Entry
from shared.identity import Principal, issue, make_identity_key
from shared.ids import uuid7
from shared.settings import settings
from shared.stack.stack import Stack
from shared.testing import CENTRE, TOWN, Service, service


@pytest.fixture(scope="module")
async def refurb(servers: Stack) -> AsyncIterator[Service]:
    async with service(servers, "refurb") as made:
        await hear(made, parties())
        yield made


async def hear(made: Service, entries: list[Entry[Any]]) -> None:
    """Let the consumers take entries in this order, in one transaction."""
    async with made.consuming() as tx:
        await consumers.handle(tx, entries)


@dataclass(slots=True)
class Web:
    """A browser or a device of one person, speaking to the real application."""

    client: httpx.AsyncClient
    tokens: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, *, who: str = "refurbisher", **headers: str) -> httpx.Response:
        return await self.client.get(path, headers=self._as(who, headers))

    async def post(self, path: str, body: dict[str, Any], *, who: str = "refurbisher") -> httpx.Response:
        return await self.client.post(path, json={"request": str(uuid7())} | body, headers=self._as(who, {}))

    async def send(self, path: str, form: dict[str, Any], *, who: str = "refurbisher") -> httpx.Response:
        given = {"request": str(uuid7())} | form
        return await self.client.post(path, data=given, headers=self._as(who, {"accept": "text/html"}))

    async def upload(self, path: str, *, who: str = "refurbisher", **files: bytes) -> httpx.Response:
        sent = {name: (f"{name}.jpg", content, "image/jpeg") for name, content in files.items()}
        return await self.client.post(path, files=sent, headers=self._as(who, {}))

    def _as(self, who: str, headers: dict[str, str]) -> dict[str, str]:
        self.client.cookies.clear()  # the language of one test is not the next one's
        return headers | ({"authorization": f"Bearer {self.tokens[who]}"} if who else {})


@pytest.fixture(scope="module")
async def web(refurb: Service) -> AsyncIterator[Web]:
    os.environ["MEGURU_ROLE"] = "api"
    settings.cache_clear()
    known = settings()
    key = make_identity_key(known.keys)
    people = {
        "refurbisher": Principal("refurbisher", CENTRE, frozenset({"refurbisher"}), "centre", "ITADセンター"),
        "worker": Principal("worker", CENTRE, frozenset({"worker"}), "centre", "ITADセンター"),
        "clerk": Principal("clerk", TOWN, frozenset({"clerk"}), "town", "最上町"),
        "stranger": Principal("stranger", "centre-other", frozenset({"refurbisher"}), "centre", "別のセンター"),
    }
    from services.refurb.app import app

    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=known.origin) as client:
            yield Web(client, {name: issue(key, who, issuer=known.origin) for name, who in people.items()})
