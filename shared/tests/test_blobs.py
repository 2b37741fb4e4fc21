import hashlib
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared import blobs
from shared.blobs import BLOB_SIZE_MAX, Missing
from shared.settings import settings


@pytest.fixture
async def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Path]:
    monkeypatch.setenv("MEGURU_SERVICE", "erasure")
    monkeypatch.setenv("MEGURU_BLOBS", (tmp_path / "blobs").as_uri())
    settings.cache_clear()
    blobs._store.cache_clear()
    yield tmp_path / "blobs"
    settings.cache_clear()
    blobs._store.cache_clear()


async def test_a_blob_is_kept_under_its_hash_and_its_tenant_only(folder: Path) -> None:
    sha256 = await blobs.put("town-a", b"photo")
    assert sha256 == hashlib.sha256(b"photo").hexdigest()
    assert await blobs.put("town-a", b"photo") == sha256
    assert await blobs.get("town-a", sha256) == b"photo"
    with pytest.raises(Missing):
        await blobs.get("town-b", sha256)


async def test_a_blob_that_was_altered_on_disk_is_not_handed_out(folder: Path) -> None:
    sha256 = await blobs.put("town-a", b"photo")
    (folder / "town-a" / sha256[:2] / sha256).write_bytes(b"other")
    with pytest.raises(Missing, match="altered"):
        await blobs.get("town-a", sha256)


@pytest.mark.parametrize("name", ["", "..", "../../etc/passwd", "A" * 64, "0" * 63])
async def test_a_name_that_is_no_hash_reaches_no_file(folder: Path, name: str) -> None:
    with pytest.raises(Missing):
        await blobs.get("town-a", name)


async def test_too_large_a_blob_is_refused(folder: Path) -> None:
    with pytest.raises(ValueError, match="bytes"):
        await blobs.put("town-a", bytes(BLOB_SIZE_MAX + 1))
