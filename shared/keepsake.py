"""One small file kept apart from the database: what was said last, for the day the database says something else.

A folder on one machine, an object store in production, by URL as for blobs. `keep` writes the whole file or none of it,
and what it wrote outlives a power cut once it returns.
"""

import asyncio
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import obstore
from obstore.exceptions import BaseError
from obstore.store import from_url

from shared.blobs import Away

FILE = "file://"


async def read(place: str, name: str) -> bytes | None:
    """Return what was kept last under this name, or None when nothing was. Raises Away."""
    try:
        if place.startswith(FILE):
            return await asyncio.to_thread((_folder(place) / name).read_bytes)
        return bytes(await (await obstore.get_async(_store(place), name)).bytes_async())
    except FileNotFoundError:
        return None
    except (BaseError, OSError) as failure:
        raise Away(f"{place} cannot be read: {failure}") from failure


async def keep(place: str, name: str, content: bytes) -> None:
    """Replace what is kept under this name. Raises Away, and what was there before still is."""
    try:
        if place.startswith(FILE):
            await asyncio.to_thread(_write, _folder(place), name, content)
        else:
            await obstore.put_async(_store(place), name, content)
    except (BaseError, OSError) as failure:
        raise Away(f"{place} cannot be written: {failure}") from failure


def _write(folder: Path, name: str, content: bytes) -> None:
    """Write beside, sync, rename, sync the folder: obstore's own rename is not synced, a power cut could empty it."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    draft = folder / f".{name}"
    with draft.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(folder / name)
    opened = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _folder(place: str) -> Path:
    return Path(place.removeprefix(FILE))


@lru_cache(maxsize=4)
def _store(place: str) -> Any:  # obstore's stores share no public base class
    return from_url(place)
