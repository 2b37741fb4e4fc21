"""The pilot, replayed once behind the gateway, and what a browser needs to know to walk through it."""

import base64
import hashlib
import json
import re
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from playwright.async_api import Browser, BrowserContext

from meguru.demo import new_world
from meguru.founding import PREPARE
from meguru.replay import inputs, pilot
from meguru.replay.actor import Actor
from meguru.replay.story import CHAPTERS, SPEC, World, now
from meguru.replay.summary import collect
from services.donations.domain.portal import COLUMNS
from services.tracking.municipalities import municipalities
from shared.browser import DESK, launch
from shared.settings import SERVICES
from shared.stack.stack import Stack

JAPANESE = "[\u3041-\u309f\u30a1-\u30ff\u3400-\u9fff\uf900-\ufaff々〆\U00020000-\U0003ffff]+"
UNKNOWN = "7K3D9Q2MX"
OPEN_CALL = f"{pilot.TOWN_CODE}-R8-3"


@dataclass(frozen=True, slots=True)
class Pilot:
    """The running stack with the pilot's data in it."""

    stack: Stack
    world: World
    known: dict[str, str]  # what stands in the addresses of pages
    summary: dict[str, Any]  # as counted right after the replay
    data: str  # every Japanese text that people and files brought in: it stays Japanese on an English page

    @property
    def origin(self) -> str:
        return self.stack.origin

    def foreign(self, texts: list[str]) -> list[str]:
        """Return the Japanese words among `texts` that nobody brought in: words of ours that lack their English."""
        words = {word for text in texts for word in re.findall(JAPANESE, text)}
        return sorted(word for word in words if word not in self.data)


@asynccontextmanager
async def replayed(folder: Path) -> AsyncIterator[Pilot]:
    """Start the stack, replay the pilot, open one more call, and stop everything at the end."""
    async with Stack(folder / "stack", prepare=PREPARE, development_login=True) as stack:
        world = new_world(stack, folder)
        for _name, chapter in CHAPTERS:
            await chapter(world)
        summary = await collect(world)
        await open_call(world)
        await open_session(world)
        yield await look_around(stack, world, summary)


async def open_call(world: World) -> None:
    """Open a call that stays open."""
    async with Actor(world.origin, world.authority, "mogami-clerk") as clerk:
        opens = now().replace(microsecond=0)
        call = {
            "number": OPEN_CALL,
            "title": "再生パソコンを無償でお譲りします（第3回）",
            "rule": "first-come",
            "item_kinds": ["desktop"],
            "units": 5,
            "opens_at": opens.isoformat(),
            "closes_at": (opens + timedelta(days=25)).isoformat(),
            "spec": SPEC,
            "categories": [{"code": code, "name": name, "cap": cap} for code, name, cap in pilot.CATEGORIES],
            "consent": "活用状況の町の広報紙などへの掲載にご協力ください。",
            "consent_version": "1",
            "contact": "最上町役場 情報企画係 0233-43-2261",
        }
        await clerk.do("/api/donations/calls", call)


async def open_session(world: World) -> None:
    """Open an on-site session that stays open."""
    async with Actor(world.origin, world.authority, "itad-worker") as worker:
        await worker.upload("/erasure/sessions", {"engagement": world.engagement, "room": "第2会議室"}, [])


async def look_around(stack: Stack, world: World, summary: dict[str, Any]) -> Pilot:
    """Read what addresses are made of, and which texts are data, from the ledgers."""
    entries = [row["body"] for name in SERVICES for row in await _rows(stack, name, "SELECT body FROM entries")]
    events = [json.loads(bytes(body))["data"] for body in entries]
    cards = [tuple(row.values()) for service, table in _CARDS for row in await _rows(stack, service, table)]
    reborn = next(machine for machine in world.reborn() if machine != world.undelivered())
    gone = next(machine for machine in world.machines if machine not in world.reborn())
    closed = world.labels[reborn.asset_number]
    token = await _rows(stack, "tracking", "SELECT token FROM labels WHERE label = $1", closed)
    certificates = await _rows(stack, "certificates", "SELECT number FROM certificates ORDER BY kind, number")
    sealed = next(event for event in events if "seal" in event and event.get("photos"))
    known = {
        "closed": closed,
        "token": token[0]["token"],
        "undelivered": world.labels[world.undelivered().asset_number],
        "recycled": world.labels[gone.asset_number],
        "difference": next(event["discrepancy"] for event in events if "items" in event and "discrepancy" in event),
        "certificate": certificates[0]["number"],
        "report": next(event["evidence"]["sha256"] for event in events if "achieved" in event),
        "consignment": next(event["consignment"] for event in events if "loss_kg" in event),
        "paper": next(event["certificate"]["sha256"] for event in events if "loss_kg" in event),
        "photo": next(event["photos"][0]["sha256"] for event in events if event.get("photos") and "machine" in event),
        "lid": next(event["photos"][0]["copy_sha256"] for event in events if event.get("photos") and "grade" in event),
        "cage": sealed["cage"],
        "session": str((await _rows(stack, "erasure", "SELECT stream FROM session_steps"))[0]["stream"]),
        "seal_photo": sealed["photos"][0]["sha256"],
        "excepted": world.labels[min(world.failing)],
        "unknown": UNKNOWN,
        "town": pilot.TOWN,
        "engagement": world.engagement,
        "trace": await _one_trace(world),
        "settled": world.calls[0],
        "open": OPEN_CALL,
    }
    heads = [*inputs.HEADS, *(head for heads in COLUMNS.values() for head in heads)]
    heads += [town.prefecture + town.name for town in municipalities().values()]
    return Pilot(stack, world, known, summary, "\n".join(sorted({*_texts(events), *_texts(cards), *heads})))


# What people told about themselves is kept outside the ledgers, so that it can be forgotten.
_CARDS = (
    ("tracking", "SELECT p.name, p.title, q.name, q.address, q.contact FROM people p JOIN parties q USING (party)"),
    ("donations", "SELECT * FROM applicants"),
)


async def _one_trace(world: World) -> str:
    """Return the longest trace that is still kept, of a destruction if there is one."""
    async with Actor(world.origin, world.authority, "operator") as operator:
        traces = (await operator.get("/traces/api/traces"))["traces"]
    return str(max(traces, key=lambda one: one["count"])["trace"])


async def _rows(stack: Stack, service: str, sql: str, *values: Any) -> list[Any]:
    connection = await stack.connect(service)
    try:
        return list(await connection.fetch(sql, *values))
    finally:
        await connection.close()


def _texts(value: Any) -> list[str]:
    """Return the texts people wrote; where an entry says a thing in both languages, the Japanese is ours."""
    if isinstance(value, dict):
        return [text for key, one in value.items() if key != "ja" for text in _texts(one)]
    if isinstance(value, list | tuple):
        return [text for one in value for text in _texts(one)]
    return [value] if isinstance(value, str) else []


@asynccontextmanager
async def browsing(stack: Stack, *flags: str) -> AsyncIterator[Browser]:
    """Start Chromium, which trusts this stack's own certificate and no other wrong one; with more flags than usual."""
    origin = x509.load_pem_x509_certificate((stack.folder / "gateway" / "origin.pem").read_bytes())
    spki = origin.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    trusted = base64.b64encode(hashlib.sha256(spki).digest()).decode()
    async with launch(f"--ignore-certificate-errors-spki-list={trusted}", *flags) as browser:
        yield browser


@asynccontextmanager
async def fetching(pilot: Pilot, person: str) -> AsyncIterator[httpx.AsyncClient]:
    """Speak with the gateway without a browser, as somebody or as the public: for what is fetched and not looked at."""
    trusted = ssl.create_default_context(cafile=str(pilot.stack.certificate_authority))
    async with httpx.AsyncClient(base_url=pilot.origin, verify=trusted) as client:
        if person:
            answer = await client.post("/session", data={"person": person})
            assert answer.status_code == httpx.codes.SEE_OTHER, answer.text
        yield client


async def entered(browser: Browser, origin: str, person: str | None, **more: Any) -> BrowserContext:
    """Return a browser of its own for somebody, signed in through the page; the public does not sign in."""
    context = await browser.new_context(**{"viewport": DESK, "locale": "ja-JP", "base_url": origin, **more})
    context.set_default_timeout(15_000)
    if person:
        page = await context.new_page()
        await page.goto("/signin")
        await page.locator(f'button[name="person"][value="{person}"]').click()
        await page.wait_for_load_state()
        await page.close()
    return context
