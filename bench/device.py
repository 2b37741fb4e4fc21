"""A device that sends scans or looks something up: one kept connection, and as little work as possible of its own.

A general HTTP client costs 2 ms of a core for each request, half of what is measured; load tools are thin for this
reason. It speaks just the HTTP/1.1 that our answers need (RFC 9112).
"""

import asyncio
import json
import ssl
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self
from urllib.parse import urlsplit

from shared.ids import uuid7


class Device:
    """One connection to an origin; with a certificate authority it is TLS, and `cookie` is a person's session."""

    def __init__(self, origin: str, authority: Path | None = None, cookie: str = "") -> None:
        self._host = urlsplit(origin)
        self._context = ssl.create_default_context(cafile=str(authority)) if authority else None
        self._cookie = f"Cookie: {cookie}\r\n" if cookie else ""

    async def __aenter__(self) -> Self:
        self._reader, self._writer = await asyncio.open_connection(
            self._host.hostname, self._host.port, ssl=self._context
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        self._writer.close()

    async def scan(self, work: str, labels: Sequence[str]) -> None:
        """Send labels as one batch; each must be recorded. Raises RuntimeError otherwise."""
        now = datetime.now(UTC).isoformat()
        scans = [{"requestId": str(uuid7()), "work": work, "label": label, "capturedAt": now} for label in labels]
        answer = json.loads(await self.ask("POST", "/api/tracking/scans", {"sentAt": now, "scans": scans}))
        if any(one["status"] != 201 for one in answer["results"]):
            raise RuntimeError(str(answer)[:500])

    async def get(self, path: str) -> bytes:
        """Return what lies at a path. Raises RuntimeError when it is not answered by 200."""
        return await self.ask("GET", path, None)

    async def ask(self, method: str, path: str, body: Mapping[str, Any] | None, status: str = "200") -> bytes:
        """Send a request and return the body of its answer. Raises RuntimeError when its status is another."""
        content = json.dumps(body).encode() if body else b""
        said = f"Content-Type: application/json\r\nContent-Length: {len(content)}\r\n" if body else ""
        head = f"{method} {path} HTTP/1.1\r\nHost: {self._host.netloc}\r\n{self._cookie}{said}\r\n"
        self._writer.write(head.encode() + content)
        *lines, _, _ = (await self._reader.readuntil(b"\r\n\r\n")).decode("latin-1").split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in lines[1:])
        answer = await self._reader.readexactly(int(headers["content-length"]))
        if lines[0].split()[1] != status:
            raise RuntimeError(f"{lines[0]} {answer[:500]!r}")
        return answer
