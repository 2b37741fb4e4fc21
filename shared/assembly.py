"""How a service's application is put together; each `services/<name>/app.py` and `worker.py` is a few lines on this."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from typing import Any

from fastapi import APIRouter, FastAPI
from sqlalchemy import text
from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route

from shared.settings import Service
from shared.web.recipe import create_app

Life = Callable[[Any], AbstractAsyncContextManager[None]]


def assemble(service: Service, *, title: str, life: Life, routers: tuple[APIRouter, ...], templates: Path) -> FastAPI:
    """Return the service's FastAPI application with its routers, ready checks and traces."""

    async def ready() -> bool:
        async with app.state.door.engine.connect() as connection:
            return bool(await connection.scalar(text("SELECT to_regclass('entries') IS NOT NULL")))

    app = create_app(service, lifespan=life, title=title, templates=templates, ready=ready)
    for router in routers:
        app.include_router(router)
    return app


def apart(life: Life) -> Starlette:
    """Return the worker as a process of its own: its lifespan, and whether it lives."""

    async def alive(_request: Any) -> JSONResponse:
        return JSONResponse({"status": "live"})

    return Starlette(routes=[Route("/healthz", alive), Route("/readyz", alive)], lifespan=life)
