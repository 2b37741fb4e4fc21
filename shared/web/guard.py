"""What every answer carries and what no request may do.

Security headers on all answers, writes only from our own pages, a limit on bodies, no media type nobody reads, and a
connection that outlives a fault of ours.
"""

import logging
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from shared.refused import Forbidden
from shared.web.problems import answer, refuse

log = logging.getLogger(__name__)

BODY_BYTES_MAX = 20 * 1024 * 1024
API = "/api/"
SAFE = frozenset({"GET", "HEAD", "OPTIONS", "TRACE"})
MEDIA_TYPES = ("application/json", "multipart/form-data", "application/x-www-form-urlencoded")

CSP = (
    "default-src 'self'; img-src 'self' blob:; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'none'"
)
CSP_CAMERA = CSP + "; script-src 'self' 'wasm-unsafe-eval'"  # the QR reader is WebAssembly served by ourselves
HEADERS: Mapping[str, str] = {
    "content-security-policy": CSP,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # no-referrer would make browsers send Origin: null with our own forms
    "permissions-policy": "camera=(self), microphone=(), geolocation=(), payment=(), usb=()",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "strict-transport-security": "max-age=31536000",
    "cache-control": "no-store",
}


def seal(headers: MutableHeaders) -> None:
    """Add the security headers; what an answer has set for itself stands."""
    for name, value in HEADERS.items():
        headers.setdefault(name, value)


class Sealed:
    """Every answer leaves with the security headers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on and seal the answer's first message."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return

        async def sealing(message: Message) -> None:
            if message["type"] == "http.response.start":
                seal(MutableHeaders(scope=message))
            await send(message)

        await self.app(scope, receive, sealing)


class SameOrigin:
    """A write from a foreign page is refused (403).

    The gateway turns the session cookie into an Authorization header, so a bearer proves nothing about who sent
    the browser: what counts is what the browser itself says (Sec-Fetch-Site, Origin). API clients send neither.
    """

    def __init__(self, app: ASGIApp, origin: str | None = None) -> None:
        self.app, self.origin = app, origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse or pass on."""
        if scope["type"] == "http" and scope["method"] not in SAFE and self._foreign(Headers(scope=scope)):
            refusal = Forbidden(
                "cross-site",
                "別のサイトから送られた操作です。めぐるの画面を開き直して、そこから操作してください。",
                "This came from another site. Open Meguru again and do it from there.",
            )
            await refuse(Request(scope), refusal)(scope, receive, send)
            return
        await self.app(scope, receive, send)

    def _foreign(self, headers: Headers) -> bool:
        if headers.get("sec-fetch-site") == "cross-site":
            return True
        origin = headers.get("origin")
        if origin is None:
            return False
        if self.origin:
            return origin.rstrip("/") != self.origin.rstrip("/")
        return urlsplit(origin).netloc != headers.get("host")


class Bounded:
    """A body larger than `body_max` bytes is refused (413), announced or counted as it streams.

    An API body of a media type nobody reads is refused (415).
    """

    def __init__(
        self, app: ASGIApp, body_max: int = BODY_BYTES_MAX, media_types: tuple[str, ...] = MEDIA_TYPES
    ) -> None:
        self.app, self.body_max, self.media_types = app, body_max, media_types

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Refuse or pass on with a counting `receive`."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        if status := self._unwanted(scope["method"], scope["path"], Headers(scope=scope)):
            await answer(Request(scope), status)(scope, receive, send)
            return
        taken = 0

        async def counting() -> Message:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self.body_max:
                raise HTTPException(413)
            return message

        await self.app(scope, counting, send)

    def _unwanted(self, method: str, path: str, headers: Headers) -> int | None:
        length = headers.get("content-length", "0")
        if not length.isdecimal():
            return 400
        if int(length) > self.body_max:
            return 413
        has_body = int(length) > 0 or "transfer-encoding" in headers
        if method in SAFE or not has_body or not path.startswith(API):
            return None
        media_type = headers.get("content-type", "").partition(";")[0].strip().lower()
        return None if media_type in self.media_types else 415


class Survived:
    """A fault that was answered ends here, in the log; nothing outside learns of it but by the answer (500).

    Starlette raises it again after the answer, and uvicorn then closes the connection without having said so: the
    gateway sends the next write into a closing connection, may not repeat it, and answers 502 in its place.
    An answer that broke off half-way does go on to uvicorn, for only a closed connection tells that it is no whole.
    """

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on; note a fault whose answer is complete."""
        answered = False

        async def watching(message: Message) -> None:
            nonlocal answered
            await send(message)
            answered = message["type"] == "http.response.body" and not message.get("more_body", False)

        try:
            await self.app(scope, receive, watching)
        except Exception:
            if not answered:
                raise
            log.exception("an unhandled error, answered with 500: %s %s", scope["method"], scope["path"])
