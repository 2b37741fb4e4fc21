"""How a service is put together: ready only with its tables, alive whatever the database does."""

import asyncio
from pathlib import Path

import httpx
from fastapi import APIRouter
from starlette.applications import Starlette

from shared.assembly import apart, assemble
from shared.messaging import Consumers
from shared.migration import migrate
from shared.stack.stack import Stack
from shared.testing import service
from shared.worker import life

router = APIRouter()


@router.get("/api/hello")
async def hello() -> dict[str, str]:
    return {"said": "hello"}


async def statuses(app: Starlette, *paths: str) -> list[int]:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost") as client:
        return [(await client.get(path)).status_code for path in paths]


async def test_it_is_ready_when_its_tables_are_there(servers: Stack) -> None:
    async with service(servers, "donations") as made:
        await servers.renew_database("donations")
        living = life(Consumers("donations"))
        app = assemble("donations", title="t", life=living, routers=(router,), templates=Path(__file__).parent)
        async with app.router.lifespan_context(app):
            assert await statuses(app, "/healthz", "/readyz", "/api/hello") == [200, 503, 200]
            await asyncio.to_thread(migrate, made.settings)
            assert await statuses(app, "/healthz", "/readyz") == [200, 200]


async def test_a_worker_apart_says_that_it_lives(servers: Stack) -> None:
    async with service(servers, "donations"):
        app = apart(life(Consumers("donations")))
        async with app.router.lifespan_context(app):
            assert await statuses(app, "/healthz", "/readyz", "/api/hello") == [200, 200, 404]
