"""Static files: read once, served with a hash in the query and cached for a year; one concatenated style sheet."""

import hashlib
import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from mimetypes import guess_type
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

FOLDER = Path(__file__).parent / "static"
URL = "/static/"
SHEET = "meguru.css"
WORKER = "service-worker.js"
FILE_BYTES_MAX = 8 * 1024 * 1024
_IMPORT = '@import "./vendor/tokens.css";'
_FOREVER = "public, max-age=31536000, immutable"
_TYPES = {".js": "text/javascript", ".css": "text/css", ".svg": "image/svg+xml", ".wasm": "application/wasm"}


@dataclass(frozen=True, slots=True)
class File:
    """A static file as served: its bytes, type and the short hash that names this version."""

    body: bytes
    media_type: str
    version: str


@lru_cache(maxsize=1)
def files() -> Mapping[str, File]:
    """Return every static file by its path under the folder."""
    found = sorted(path for path in FOLDER.rglob("*") if path.is_file() and path.stat().st_size <= FILE_BYTES_MAX)
    return {path.relative_to(FOLDER).as_posix(): _file(path) for path in found}


def static_url(name: str) -> str:
    """Return the address of a static file with its hash. A name that is not there is a mistake in the template."""
    return f"{URL}{name}?v={files()[name].version}"


def _file(path: Path) -> File:
    body = _sheet() if path == FOLDER / SHEET else path.read_bytes()
    media_type = _TYPES.get(path.suffix) or guess_type(path.name)[0] or "application/octet-stream"
    return File(body, media_type, hashlib.sha256(body).hexdigest()[:12])


def _sheet() -> bytes:
    """Return tokens and style sheet as one file, so that a page waits for one sheet and not for two in a row."""
    own, tokens = (FOLDER / SHEET).read_text("utf-8"), FOLDER / "vendor" / "tokens.css"
    if not tokens.exists():
        logging.getLogger(__name__).warning("design tokens are missing: pages have no colours; run `make setup`")
        return own.encode()
    return own.replace(_IMPORT, tokens.read_text("utf-8"), 1).encode()


async def serve(request: Request) -> Response:
    """Serve one static file. With the right hash it may be kept for a year, else the browser asks again each time."""
    name = request.path_params["name"]
    file = files().get(name)
    if file is None:
        raise HTTPException(404)
    etag = f'"{file.version}"'
    fresh = request.query_params.get("v") == file.version and name != WORKER
    headers = {"cache-control": _FOREVER if fresh else "no-cache", "etag": etag}
    if name == WORKER:
        headers["service-worker-allowed"] = "/"
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(file.body, media_type=file.media_type, headers=headers)
