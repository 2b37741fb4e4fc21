"""The web recipe: every service's FastAPI application is made here, so that all five answer alike."""

import asyncio
import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.telemetry import TelemetryConfig
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp

from shared.database import AWAY
from shared.refused import Refused
from shared.web import problems, static_files
from shared.web.guard import BODY_BYTES_MAX, MEDIA_TYPES, Bounded, SameOrigin, Sealed, Survived
from shared.web.pages import Pages

# What would drown the journeys: probes, files, the gateway's questions, the reading of journeys, and open pages.
UNTRACED = ("/healthz", "/readyz", "/static/", "/session/token", "/traces", "/live/")
TELEMETRY: TelemetryConfig = {
    "operation_spans": False,  # one span a request; the transaction below it has its own
    "metrics": False,
    "logs": False,
    "exclude": lambda scope: str(scope.get("path", "")).startswith(UNTRACED),
}

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[Any]]
Ready = Callable[[], Awaitable[bool]]

_PROBLEM = {"$ref": "#/components/schemas/Problem"}
_ANSWERS: dict[int | str, dict[str, Any]] = {
    "4XX": {"description": "RFC 9457", "content": {problems.MEDIA_TYPE: {"schema": _PROBLEM}}},
    "5XX": {"description": "RFC 9457", "content": {problems.MEDIA_TYPE: {"schema": _PROBLEM}}},
}


class _Application(FastAPI):
    def build_middleware_stack(self) -> ASGIApp:
        """Stand outside the framework's own outermost, which raises a fault again after its answer."""
        return Survived(super().build_middleware_stack())


def create_app(
    service: str,
    *,
    lifespan: Lifespan | None,
    title: str,
    ready: Ready | None = None,
    templates: Path | None = None,
    origin: str | None = None,
    body_max: int = BODY_BYTES_MAX,
    media_types: tuple[str, ...] = MEDIA_TYPES,
) -> FastAPI:
    """Return the application of `service`: `/healthz`, `/readyz`, `/static/`, errors, guards and pages in place.

    `ready` answers /readyz (False or an exception: 503). `templates` is the service's own folder, looked into before
    the shared one. `origin` is the one origin browsers use (default: MEGURU_ORIGIN; unset: the Host header).
    `body_max` is in bytes; `media_types` are what API bodies may be.
    """
    app = _Application(
        title=title,
        lifespan=_with_pages(lifespan),
        docs_url=None,  # both pages fetch their scripts from outside
        redoc_url=None,
        openapi_url=f"/api/{service}/openapi.json",
        responses=_ANSWERS,
        telemetry=TELEMETRY,
    )
    app.state.pages = Pages(templates)
    app.add_middleware(Bounded, body_max=body_max, media_types=media_types)
    app.add_middleware(SameOrigin, origin=origin or os.environ.get("MEGURU_ORIGIN"))
    app.add_middleware(Sealed)
    app.add_exception_handler(Refused, problems.on_refused)
    app.add_exception_handler(HTTPException, problems.on_http)
    app.add_exception_handler(RequestValidationError, problems.on_validation)
    for away in AWAY:
        app.add_exception_handler(away, problems.on_database)
    app.add_exception_handler(Exception, problems.on_crash)
    app.add_route("/healthz", _live, include_in_schema=False)
    app.add_route("/readyz", _readiness(ready), include_in_schema=False)
    app.add_route(static_files.URL + "{name:path}", static_files.serve, include_in_schema=False)
    _describe_problems(app)
    return app


def _with_pages(lifespan: Lifespan | None) -> Lifespan:
    """Compile the templates beside the start: whoever comes first does not wait for it, and neither does the start."""

    @asynccontextmanager
    async def living(app: FastAPI) -> AsyncIterator[Any]:
        async with AsyncExitStack() as stack:
            state = await stack.enter_async_context(lifespan(app)) if lifespan else None
            compiling = asyncio.create_task(asyncio.to_thread(app.state.pages.compile))
            yield state
            await compiling

    return living


async def _live(_request: Request) -> Response:
    """Say that the process answers; touches nothing, so that a broken database never restarts a healthy process."""
    return JSONResponse({"status": "live"})


def _readiness(ready: Ready | None) -> Callable[[Request], Awaitable[Response]]:
    async def readiness(_request: Request) -> Response:
        try:
            well = ready is None or await ready()
        except Exception:  # noqa: BLE001 - whatever it is, the answer is "not ready"
            well = False
        return JSONResponse({"status": "ready" if well else "not ready"}, 200 if well else 503)

    return readiness


def _describe_problems(app: FastAPI) -> None:
    """Put the Problem schema into the OpenAPI document that every operation refers to."""
    described = app.openapi

    def openapi() -> dict[str, Any]:
        document = described()
        schema = problems.Problem.model_json_schema(ref_template="#/components/schemas/{model}")
        schemas = document.setdefault("components", {}).setdefault("schemas", {})
        schemas.update(schema.pop("$defs", {}))
        schemas["Problem"] = schema
        return document

    app.openapi = openapi  # type: ignore[method-assign]  # FastAPI documents replacing it as the way to extend
