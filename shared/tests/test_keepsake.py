import os
from pathlib import Path

import pytest

from shared import keepsake
from shared.blobs import Away


@pytest.fixture(params=["file", "store"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    return f"{(tmp_path / 'deep' / 'head').as_uri()}" if request.param == "file" else f"memory:///{tmp_path.name}"


async def test_what_was_kept_last_is_read_back_and_nothing_is_none(place: str) -> None:
    assert await keepsake.read(place, "checkpoint") is None
    for content in (b"one", b"", b"another, longer"):
        await keepsake.keep(place, "checkpoint", content)
        assert await keepsake.read(place, "checkpoint") == content


async def test_a_write_that_dies_half_way_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path.as_uri()
    await keepsake.keep(place, "checkpoint", b"whole")

    def no_space(_: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(Away, match="cannot be written"):
        await keepsake.keep(place, "checkpoint", b"half")
    assert await keepsake.read(place, "checkpoint") == b"whole"


async def test_a_place_that_cannot_be_read_is_not_taken_for_empty(tmp_path: Path) -> None:
    (tmp_path / "checkpoint").mkdir()
    with pytest.raises(Away, match="cannot be read"):
        await keepsake.read(tmp_path.as_uri(), "checkpoint")
