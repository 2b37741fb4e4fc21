"""The zip that lies nowhere whole, read by others' programs and in any parts."""

import asyncio
import io
import shutil
import subprocess
import zipfile
import zlib
from datetime import UTC, datetime
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.certificates.archive import Archive, Member

AT = datetime(2026, 11, 30, 1, 2, 4, tzinfo=UTC)
Files = dict[str, bytes]


def members(files: Files) -> list[Member]:
    return [
        Member(path, sha256(content).hexdigest(), len(content), zlib.crc32(content), AT)
        for path, content in files.items()
    ]


async def read(files: Files, first: int = 0, end: int | None = None) -> bytes:
    archive = Archive(members(files))
    blobs = {sha256(content).hexdigest(): content for content in files.values()}

    async def fetch(digest: str) -> bytes:
        return blobs[digest]

    return b"".join([part async for part in archive.read(first, archive.size if end is None else end, fetch)])


FILES = {"manifest.json": b"{}", "certificates/D-1.pdf": b"%PDF" * 1000, "写真/後.jpg": bytes(range(256)), "leer": b""}


async def test_others_programs_read_it(tmp_path: Path) -> None:
    whole = await read(FILES)
    with zipfile.ZipFile(io.BytesIO(whole)) as archive:
        assert archive.testzip() is None
        assert {name: archive.read(name) for name in archive.namelist()} == FILES
        assert archive.getinfo("manifest.json").date_time == (2026, 11, 30, 10, 2, 4)
    if unzip := shutil.which("unzip"):
        (tmp_path / "b.zip").write_bytes(whole)
        command = [unzip, "-t", str(tmp_path / "b.zip")]
        told = await asyncio.to_thread(subprocess.run, command, capture_output=True, check=False)
        assert told.returncode == 0, told.stdout


@given(
    contents=st.lists(st.binary(max_size=40), max_size=6),
    cuts=st.lists(st.integers(min_value=0, max_value=1200), max_size=4),
)
async def test_any_parts_together_are_the_whole(contents: list[bytes], cuts: list[int]) -> None:
    files = {f"{nth}.bin": content for nth, content in enumerate(contents)}
    whole = await read(files)
    assert len(whole) == Archive(members(files)).size
    places = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    parts = [await read(files, first, end) for first, end in pairwise(places)]
    assert b"".join(parts) == whole


class Sparse(io.RawIOBase):
    """A zip of gigabytes as `zipfile` reads it, range by range; what lies in its large files is not asked for."""

    def __init__(self, archive: Archive) -> None:
        self.archive, self.place = archive, 0

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = 0) -> int:
        self.place = offset + (0, self.place, self.archive.size)[whence]
        return self.place

    def tell(self) -> int:
        return self.place

    def read(self, size: int = -1) -> bytes:
        first, self.place = self.place, self.archive.size if size < 0 else min(self.place + size, self.archive.size)
        return asyncio.run(self._read(first, self.place))

    async def _read(self, first: int, end: int) -> bytes:
        return b"".join([part async for part in self.archive.read(first, end, self._fetch)])

    async def _fetch(self, digest: str) -> bytes:
        assert digest == sha256(b"x").hexdigest()
        return b"x"


def test_beyond_four_gigabytes_and_sixty_five_thousand_files_its_places_are_still_right() -> None:
    large = [Member(f"{nth}.bin", "a" * 64, 3 * 1024**3, 0, AT) for nth in range(3)]
    small = [Member(f"{nth}.txt", sha256(b"x").hexdigest(), 1, zlib.crc32(b"x"), AT) for nth in range(70_000)]
    with zipfile.ZipFile(Sparse(Archive([*large, *small]))) as archive:
        assert len(archive.namelist()) == 70_003
        assert archive.read("69999.txt") == b"x"
        assert archive.getinfo("0.txt").header_offset > 9 * 1024**3


@pytest.mark.parametrize("year", [1970, 1980, 2107])
async def test_a_moment_that_a_zip_cannot_say_harms_nothing(year: int) -> None:
    one = Member("a", sha256(b"a").hexdigest(), 1, zlib.crc32(b"a"), AT.replace(year=year))

    async def fetch(_digest: str) -> bytes:
        return b"a"

    archive = Archive([one])
    whole = b"".join([part async for part in archive.read(0, archive.size, fetch)])
    assert zipfile.ZipFile(io.BytesIO(whole)).read("a") == b"a"
