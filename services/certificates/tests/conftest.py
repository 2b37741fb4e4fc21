"""Certificates' fixtures: a database, keys and fonts, the issuer's instrument, and the application."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest

from services.certificates import loops
from services.certificates.consumers import consumers
from services.certificates.pressroom import PressRoom
from services.certificates.signing import publish
from services.certificates.tests import sample
from services.certificates.tests.world import Log, card, keep_photos, parties
from shared import blobs
from shared.identity import Principal, issue, make_identity_key
from shared.ids import uuid7
from shared.messaging import Message
from shared.settings import settings
from shared.stack.stack import Stack
from shared.testing import CENTRE, TOWN, Service, service


@dataclass(slots=True)
class House:
    """The service with its log and its instrument."""

    made: Service
    log: Log
    room: PressRoom | None = None
    heard: list[Message] = field(default_factory=list)

    async def hear(self, *messages: Message) -> None:
        """Let the consumers take messages in this order, in one transaction."""
        async with self.made.consuming() as tx:
            await consumers.handle(tx, list(messages))
        self.heard += messages

    async def issue(self) -> int:
        """Let the issuer work until nothing is open."""
        if self.room is None:
            known = self.made.settings
            self.room = PressRoom(sample.FOLDER, known.keys, known.log_origin)
        done = 0
        issuer = loops.Issuer(self.made.consumer, self.room, self.made.settings.origin)
        while found := await issuer.take():
            await issuer.rest()
            done += found
        return done

    async def rows(self, query: str, **values: Any) -> Sequence[Any]:
        """Read as the owner."""
        return await self.made.rows(query, **values)


@pytest.fixture(scope="module")
async def house(servers: Stack) -> AsyncIterator[House]:
    """A database of its own for each module of tests."""
    async with housed(servers) as house:
        await house.hear(*parties(), card(), card("witness", TOWN, "佐藤 恵", "主事"))
        yield house


@asynccontextmanager
async def housed(servers: Stack, *, dump: str = "") -> AsyncIterator[House]:
    """Open the service on a database that is new, or as an older one was dumped."""
    with pytest.MonkeyPatch.context() as patch:
        async with service(servers, "certificates", dump=dump) as made:
            patch.setenv("MEGURU_ROLE", "api")
            patch.setenv("MEGURU_FONTS", str(sample.FOLDER))
            settings.cache_clear()
            blobs._store.cache_clear()
            known = settings()
            log = Log()
            publish(known.keys, known.log_origin, datetime.now(UTC))
            (known.keys / "log.vkey").write_text(f"{log.signer.vkey}\n")
            house = House(made, log)
            await keep_photos()
            yield house
            if house.room:
                await house.room.close()
    settings.cache_clear()
    blobs._store.cache_clear()


@dataclass(slots=True)
class Web:
    """A browser or a device of one person, speaking to the real application."""

    client: httpx.AsyncClient
    tokens: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, *, who: str = "clerk", **headers: str) -> httpx.Response:
        return await self.client.get(path, headers=self._as(who, headers))

    async def page(self, path: str, *, who: str = "clerk") -> httpx.Response:
        return await self.get(path, who=who, accept="text/html")

    async def post(self, path: str, body: dict[str, Any], *, who: str = "manager") -> httpx.Response:
        return await self.client.post(path, json={"request": str(uuid7())} | body, headers=self._as(who, {}))

    async def send(self, path: str, form: dict[str, Any], *, who: str = "manager", **rest: Any) -> httpx.Response:
        headers = self._as(who, {"accept": "text/html"})
        return await self.client.post(path, data=form, headers=headers, **rest)

    def _as(self, who: str, headers: dict[str, str]) -> dict[str, str]:
        self.client.cookies.clear()  # the language of one test is not the next one's
        return headers | ({"authorization": f"Bearer {self.tokens[who]}"} if who else {})


@pytest.fixture(scope="module")
async def web(house: House) -> AsyncIterator[Web]:
    known = settings()
    assert house.made.settings.keys == known.keys
    key = make_identity_key(known.keys)
    people = {
        "clerk": Principal("clerk", TOWN, frozenset({"clerk"}), "town", "最上町"),
        "admin": Principal("admin", TOWN, frozenset({"town-admin"}), "town", "最上町"),
        "manager": Principal("manager", CENTRE, frozenset({"centre-manager"}), "centre", "ITADセンター"),
        "worker": Principal("worker", CENTRE, frozenset({"worker"}), "centre", "ITADセンター"),
        "stranger": Principal("stranger", "centre-other", frozenset({"centre-manager"}), "centre", "ほか"),
    }
    from services.certificates.app import app

    async with app.router.lifespan_context(app):
        transport = httpx.ASGITransport(app)
        async with httpx.AsyncClient(transport=transport, base_url=known.origin) as client:
            yield Web(client, {name: issue(key, who, issuer=known.origin) for name, who in people.items()})
