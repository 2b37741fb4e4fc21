"""Evidence photos: taken in when they are photos, kept untouched under their hash, shown as a copy without EXIF.

Pictures come from strangers. They are decoded in a process apart (`darkroom.py`), never in a service's own.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from shared import blobs, darkroom
from shared.blobs import BLOB_SIZE_MAX

TAKEN_FROM = datetime(1990, 1, 1, tzinfo=UTC)  # what a clock says beyond these is not believed
TAKEN_UNTIL = datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Kept:
    """A photo whose original bytes lie in the store under their hash."""

    sha256: str
    taken_at: datetime | None


async def keep(tenant: str, contents: Sequence[bytes]) -> list[Kept]:
    """Check photos and keep each untouched under its hash; none when one is no photo. Raises Invalid, blobs.Away."""
    taken = [await _taken_at(content) for content in contents]
    hashes = await asyncio.gather(*(blobs.put(tenant, content) for content in contents))
    return [Kept(sha256, at) for sha256, at in zip(hashes, taken, strict=True)]


async def kept(tenant: str, sha256: str) -> Kept:
    """Return a photo that was kept before an entry names it. Raises Invalid when there is none, or it is no photo."""
    try:
        content = await blobs.get(tenant, sha256)
    except blobs.Missing as absent:
        raise darkroom.refused("届いていません", "has not arrived") from absent
    return Kept(sha256, await _taken_at(content))


async def shown(content: bytes) -> bytes:
    """Return a kept photo as pages show it: a small upright JPEG without EXIF. Raises Invalid."""
    return await darkroom.derive(content)


async def _taken_at(content: bytes) -> datetime | None:
    if len(content) > BLOB_SIZE_MAX:
        raise darkroom.refused("大きすぎます（上限15 MB）", "is larger than 15 MB")
    at = (await darkroom.check(content)).taken_at
    return at if at and TAKEN_FROM <= at <= TAKEN_UNTIL else None
