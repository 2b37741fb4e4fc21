"""Evidence photos: taken in when they are photos, kept untouched under their hash beside a copy without EXIF.

Pictures come from strangers. They are decoded in a process apart (`darkroom.py`), never in a service's own.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from shared import blobs, darkroom
from shared.blobs import BLOB_SIZE_MAX
from shared.darkroom import Developed

TAKEN_FROM = datetime(1990, 1, 1, tzinfo=UTC)  # what a clock says beyond these is not believed
TAKEN_UNTIL = datetime(2200, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Kept:
    """A photo whose original bytes lie in the store under their hash."""

    sha256: str
    copy_sha256: str  # of what pages and certificates show
    taken_at: datetime | None


async def keep(tenant: str, contents: Sequence[bytes]) -> list[Kept]:
    """Keep photos untouched under their hashes, and copies; none when one is no photo. Raises Invalid, blobs.Away."""
    developed = [await _develop(content) for content in contents]
    return [await _keep(tenant, content, one) for content, one in zip(contents, developed, strict=True)]


async def kept(tenant: str, sha256: str) -> Kept:
    """Return a photo that was kept before an entry names it. Raises Invalid when there is none, or it is no photo."""
    try:
        content = await blobs.get(tenant, sha256)
    except blobs.Missing as absent:
        raise darkroom.refused("届いていません", "has not arrived") from absent
    return await _keep(tenant, content, await _develop(content))


async def shown(content: bytes) -> bytes:
    """Return a kept photo as pages show it: a small upright JPEG without EXIF. Raises Invalid."""
    return (await darkroom.develop(content)).copy


async def for_print(tenant: str, sha256: str, copy_sha256: str | None) -> bytes:
    """Return the copy of a photo that an entry names; of an older entry, which names no copy, it is made now.

    The original must be there: what is printed vouches for it. Raises blobs.Missing, Invalid, blobs.Away.
    """
    if copy_sha256 is None:
        return await shown(await blobs.get(tenant, sha256))
    if not await blobs.holds(tenant, sha256):
        raise blobs.Missing(sha256)
    return await blobs.get(tenant, copy_sha256)


async def _develop(content: bytes) -> Developed:
    if len(content) > BLOB_SIZE_MAX:
        raise darkroom.refused("大きすぎます（上限15 MB）", "is larger than 15 MB")
    return await darkroom.develop(content)


async def _keep(tenant: str, content: bytes, developed: Developed) -> Kept:
    sha256, copy_sha256 = await asyncio.gather(blobs.put(tenant, content), blobs.put(tenant, developed.copy))
    at = developed.taken_at
    return Kept(sha256, copy_sha256, at if at and TAKEN_FROM <= at <= TAKEN_UNTIL else None)
