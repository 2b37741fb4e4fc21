"""Somebody who acts through the public HTTP doors, as a person's browser or device would.

A device makes its own request id and sends again, with the same id, when it is unsure. That is all the fault handling
the replay has, and all it needs: nothing acknowledged is lost and nothing happens twice.
"""

import asyncio
import ssl
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

import httpx

from shared.ids import uuid7

SEND_AGAIN_S = 0.3
GIVE_UP_S = 60.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back."""

    status: int
    body: Any

    @property
    def refused(self) -> str:
        """The sentence of a refusal, empty when there is none."""
        return str(self.body.get("detail", "")) if self.status >= 400 and isinstance(self.body, dict) else ""  # noqa: PLR2004 - HTTP: 4xx and 5xx


@dataclass(slots=True)
class Traffic:
    """What is on its way to the doors and what they accepted, for whoever watches; the fault runs do."""

    asked: int = 0
    in_flight: int = 0
    accepted: dict[str, str] = field(default_factory=dict)  # request id → path, of every write answered 201


class Unexpected(RuntimeError):
    """A door answered what the story did not expect."""


class Actor:
    """One signed-in person, or the public."""

    def __init__(
        self, origin: str, authority: Path, person: str | None = None, *, traffic: Traffic | None = None
    ) -> None:
        context = ssl.create_default_context(cafile=str(authority))
        self.person = person
        self.traffic = traffic or Traffic()
        self._client = httpx.AsyncClient(
            base_url=origin,
            verify=context,
            timeout=30,
            limits=httpx.Limits(max_connections=32),
            headers={"accept-language": "ja"},
        )

    async def __aenter__(self) -> Self:
        if self.person:
            answer = await self._send("POST", "/session", data={"person": self.person})
            if answer.status_code != httpx.codes.SEE_OTHER:
                raise Unexpected(f"{self.person} could not sign in: {answer.status_code} {answer.text[:200]}")
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.aclose()

    @property
    def cookie(self) -> str:
        """The session as a browser sends it, for a device that this person is signed in on."""
        return "; ".join(f"{name}={value}" for name, value in self._client.cookies.items())

    async def get(self, path: str, **params: Any) -> Any:
        """Read JSON. Raises Unexpected for anything but 200."""
        answer = await self._send("GET", path, params=params)
        if answer.status_code != httpx.codes.OK:
            raise Unexpected(f"GET {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json()

    async def fetch(self, path: str, **params: Any) -> bytes:
        """Read a file. Raises Unexpected for anything but 200."""
        answer = await self._send("GET", path, params=params)
        if answer.status_code != httpx.codes.OK:
            raise Unexpected(f"GET {path}: {answer.status_code} {answer.text[:500]}")
        return answer.content

    async def ask(
        self,
        path: str,
        body: Mapping[str, Any] | None = None,
        *,
        params: Mapping[str, Any] | None = None,
        method: str = "POST",
    ) -> Answer:
        """Write, with a request id made here. A refusal is an answer."""
        asked = self.stamp() | dict(body or {})
        return self._answer(await self._send(method, path, json=asked, params=params or {}))

    async def do(
        self, path: str, body: Mapping[str, Any] | None = None, *, params: Mapping[str, Any] | None = None
    ) -> Any:
        """Write and expect that it is recorded. Raises Unexpected otherwise."""
        answer = await self.ask(path, body, params=params)
        if answer.status not in (200, 201):
            raise Unexpected(f"POST {path}: {answer.status} {answer.body}")
        return answer.body

    async def send(self, path: str, body: Mapping[str, Any]) -> Any:
        """Send a body as it is, and read the JSON that comes back. Raises Unexpected for an error."""
        answer = await self._send("POST", path, json=dict(body))
        if answer.is_error:
            raise Unexpected(f"POST {path}: {answer.status_code} {answer.text[:500]}")
        return answer.json()

    async def put(self, path: str, body: Mapping[str, Any]) -> None:
        """Put a card. Raises Unexpected when it is not taken."""
        answer = await self._send("PUT", path, json=dict(body))
        if answer.is_error:
            raise Unexpected(f"PUT {path}: {answer.status_code} {answer.text[:500]}")

    async def upload(
        self,
        path: str,
        fields: Mapping[str, str | Sequence[str]],
        files: list[tuple[str, tuple[str, bytes, str]]],
        *,
        params: Mapping[str, Any] | None = None,
    ) -> Answer:
        """Send files with form fields and a request id made here."""
        asked = {"request": str(uuid7())} | dict(fields)
        return self._answer(await self._send("POST", path, data=asked, files=files, params=params or {}))

    def stamp(self) -> dict[str, str]:
        """Make a request id and say when it was captured and sent."""
        now = datetime.now(UTC).isoformat()
        return {"request": str(uuid7()), "captured_at": now, "sent_at": now}

    async def _send(self, method: str, path: str, **given: Any) -> httpx.Response:
        deadline = asyncio.get_running_loop().time() + GIVE_UP_S
        while True:
            self.traffic.asked += 1
            self.traffic.in_flight += 1
            try:
                answer = await self._client.request(method, path, **given)
                self._note(path, given.get("json") or given.get("data") or {}, answer)
                if not answer.is_server_error or asyncio.get_running_loop().time() > deadline:
                    return answer
            except httpx.TransportError:
                if asyncio.get_running_loop().time() > deadline:
                    raise
            finally:
                self.traffic.in_flight -= 1
            await asyncio.sleep(SEND_AGAIN_S)

    def _note(self, path: str, asked: Mapping[str, Any], answer: httpx.Response) -> None:
        """Remember what was accepted: a single write, or each scan of a batch."""
        if answer.status_code == httpx.codes.CREATED and "request" in asked:
            self.traffic.accepted[str(asked["request"])] = path
        if "scans" in asked and answer.status_code == httpx.codes.OK:
            recorded = [one for one in answer.json()["results"] if one["status"] == httpx.codes.CREATED]
            self.traffic.accepted |= {str(one["requestId"]): path for one in recorded}

    @staticmethod
    def _answer(answer: httpx.Response) -> Answer:
        kind = answer.headers.get("content-type", "")
        return Answer(answer.status_code, answer.json() if "json" in kind else answer.text)
