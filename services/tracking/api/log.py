"""The log for everybody: its head, its key, its tiles."""

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi import Path as InPath
from sqlalchemy import text
from starlette.exceptions import HTTPException
from starlette.responses import PlainTextResponse, Response

from services.tracking import witnesses
from services.tracking.keys import PUBLIC
from services.tracking.log.note import NOTE_SIZE_MAX
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


@router.get("/witnessed")
async def witnessed(door: TheDoor) -> Response:
    """Serve the newest head that independent witnesses cosigned (C2SP tlog-cosignature)."""
    async with door.engine.connect() as connection:
        note = await witnesses.witnessed(connection, witnesses.known(settings().keys))
    if note is None:
        raise Unknown("unwitnessed", "まだ立会者の連署がありません。", "No witness has cosigned a head yet.")
    return PlainTextResponse(note, headers={"cache-control": "no-store"})


@router.post("/cosignatures")
async def cosigned(request: Request, door: TheDoor) -> Response:
    """Keep what a witness cosigned: the head with its line, as plain text. It proves itself; nobody has to sign in."""
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > NOTE_SIZE_MAX:
            raise HTTPException(413)
    keys = witnesses.known(settings().keys)
    async with door.engine.begin() as connection:
        await witnesses.keep(connection, body.decode("utf-8", "replace"), keys, door.now())
    return PlainTextResponse("", 204)


@router.get("/key")
async def log_key() -> Response:
    """Serve every public key the log ever had as lines of a key file: a C2SP vkey, its end behind it."""
    return PlainTextResponse((settings().keys / PUBLIC).read_text("utf-8"))


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
