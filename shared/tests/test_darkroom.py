"""The process in which pictures are opened: bounded, replaceable, and nothing harmful leaves it."""

import asyncio
import io
import os
import signal
from collections import Counter
from pathlib import Path

import psutil
import pytest
from PIL import Image

from shared import annex, darkroom, photos, pictures
from shared.annex import Annex
from shared.blobs import BLOB_SIZE_MAX
from shared.refused import Invalid
from shared.testing import TOWN, photo
from shared.tests import hostile

SEED = 1741
MEMORY_MAX = 300 * 1024 * 1024


def running() -> psutil.Process:
    room = annex.room("shared.pictures", time_max_s=0, idle_max_s=0)
    assert room._process
    return psutil.Process(room._process.pid)


async def test_of_hostile_pictures_nothing_unclean_is_shown_and_none_takes_much() -> None:
    told = Counter[str]()
    pids = set()
    for what, content in hostile.hostile(SEED):
        try:
            seen = await darkroom.develop(content)
        except Invalid as refused:
            assert refused.ja.endswith("。"), what
            assert "JPEG" not in what or "GPS" not in what
            told["refused"] += 1
        else:
            clean(seen.copy, what)
            told[seen.format] += 1
        pids.add(running().pid)
    status = await asyncio.to_thread(Path(f"/proc/{running().pid}/status").read_text)
    (peak,) = [int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM:")]
    assert sum(told.values()) > 500
    assert told["refused"] > 300
    assert min(told["JPEG"], told["PNG"], told["WEBP"]) > 10, "what is only odd is still a photo"
    assert peak < MEMORY_MAX
    assert len(pids) == 1, "none of them felled its process"


def clean(shown: bytes, what: str) -> None:
    """What pages show is a JPEG of pixels only."""
    with Image.open(io.BytesIO(shown)) as picture:
        assert (picture.format, max(picture.size) <= pictures.DERIVED_SIDE) == ("JPEG", True), what
        assert not picture.getexif(), what
        assert set(picture.info) <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}, what
    for trace in (b"Exif", b"GPS", b"script", b"PK\x03\x04", b"%PDF"):
        assert trace not in shown, what
    assert shown.endswith(b"\xff\xd9"), what


async def test_a_killed_process_is_one_refusal_and_the_next_photo_has_a_new_one() -> None:
    await darkroom.develop(photo())
    asked = asyncio.create_task(darkroom.develop(photo("PNG", size=(3000, 2000))))
    await asyncio.sleep(0)
    os.kill(running().pid, signal.SIGKILL)
    with pytest.raises(Invalid, match="時間かメモリ"):
        await asked
    assert (await darkroom.develop(photo())).format == "JPEG"


async def test_what_takes_too_long_is_ended() -> None:
    slow = Annex(("asyncio",), time_max_s=0.3)  # an interpreter that waits for input it understands
    with pytest.raises(OSError, match="longer than"):
        await slow.do(b"")
    assert slow._process is None
    await slow.close()


async def test_the_process_has_bounds_of_its_own() -> None:
    await darkroom.develop(photo())
    process = running()
    assert process.rlimit(psutil.RLIMIT_DATA) == (MEMORY_MAX, MEMORY_MAX)
    seconds, _ = process.rlimit(psutil.RLIMIT_CPU)
    assert seconds <= sum(process.cpu_times()[:2]) + darkroom.CPU_MAX_S + 2


async def test_an_idle_process_goes_and_comes_back(monkeypatch: pytest.MonkeyPatch) -> None:
    await annex.close()
    monkeypatch.setattr(darkroom, "IDLE_MAX_S", 0.05)
    await darkroom.develop(photo())
    process = running()
    gone, _ = await asyncio.to_thread(psutil.wait_procs, [process], 10)
    assert gone == [process]
    assert (await darkroom.develop(photo())).format == "JPEG"
    await annex.close()


async def test_more_bytes_than_may_be_kept_are_refused_unread() -> None:
    with pytest.raises(Invalid, match="15 MB"):
        await photos.keep(TOWN, [photo() + bytes(BLOB_SIZE_MAX)])


@pytest.mark.parametrize("form", pictures.PIXELS_MAX)
async def test_the_largest_that_may_come_can_be_opened(form: str) -> None:
    side = int(pictures.PIXELS_MAX[form] ** 0.5)
    made = io.BytesIO()
    told = {"quality": 10, "enc_params": {"preset": "ultrafast"}} if form == "HEIF" else {}
    Image.new("RGB" if form in ("JPEG", "HEIF") else "RGBA", (side, side), "teal").save(made, form, **told)
    seen = await darkroom.develop(made.getvalue())
    assert seen.format == form
    clean(seen.copy, form)
