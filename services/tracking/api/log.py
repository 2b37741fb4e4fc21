"""The log for everybody: its head, its key, its tiles."""

from typing import Annotated

from fastapi import APIRouter
from fastapi import Path as InPath
from sqlalchemy import text
from starlette.responses import PlainTextResponse, Response

from shared.door import TheDoor
from shared.refused import Unknown
from shared.settings import settings

router = APIRouter(prefix="/log", include_in_schema=False)


@router.get("/checkpoint")
async def checkpoint(door: TheDoor) -> Response:
    """Serve the newest signed head of the log (C2SP tlog-checkpoint)."""
    async with door.engine.connect() as connection:
        note = await connection.scalar(text("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1"))
    if note is None:
        raise Unknown("empty-log", "台帳にはまだ何もありません。", "The log is still empty.")
    return PlainTextResponse(note, headers={"cache-control": "no-store"})


@router.get("/key")
async def log_key() -> Response:
    """Serve the log's public key as a C2SP vkey."""
    return PlainTextResponse((settings().keys / "log.vkey").read_text())


@router.get("/{path:path}")
async def tile(path: Annotated[str, InPath(max_length=80, pattern=r"^tile/")], door: TheDoor) -> Response:
    """Serve a tile or an entry bundle (C2SP tlog-tiles): immutable, to be cached for ever."""
    async with door.engine.connect() as connection:
        content = await connection.scalar(text("SELECT content FROM tiles WHERE path = :path"), {"path": path})
    if content is None:
        raise Unknown
    return Response(
        bytes(content),
        media_type="application/octet-stream",
        headers={"cache-control": "public, max-age=31536000, immutable"},
    )
