"""A zip that lies nowhere whole: every byte's place follows from the list of its files (PKWARE APPNOTE 6.3.10).

Files are stored unpacked, so any range of the zip is a few headers and parts of a few blobs. A download that broke off
goes on where it was, from another process too, and a bundle of many gigabytes takes no disk and no memory.
"""

import struct
from bisect import bisect_right
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from itertools import accumulate

JST = timezone(timedelta(hours=9), "JST")  # a zip's times carry no zone; its readers are in Japan
UTF8 = 0x0800  # general purpose bit 11
MADE_BY, NEEDED = 3 << 8 | 45, 45  # Unix; 4.5 knows ZIP64
READABLE = 0o100644 << 16
FULL_32, FULL_16 = 0xFFFFFFFF, 0xFFFF  # from here on a field's value stands in its ZIP64 twin
FIRST_YEAR = 1980

Fetch = Callable[[str], Awaitable[bytes]]


@dataclass(frozen=True, slots=True)
class Member:
    """A file of the zip: where it stands in it, and which blob it is."""

    path: str
    sha256: str
    size: int  # bytes
    crc: int
    at: datetime


@dataclass(frozen=True, slots=True)
class _Piece:
    size: int
    content: bytes = b""
    sha256: str = ""


class Archive:
    """The zip of these members, in their order."""

    def __init__(self, members: Sequence[Member]) -> None:
        self._pieces: list[_Piece] = []
        central, place = [], 0
        for member in members:
            head = _local(member)
            central.append(_central(member, place))
            self._pieces += [_Piece(len(head), head), _Piece(member.size, sha256=member.sha256)]
            place += len(head) + member.size
        directory = b"".join(central)
        tail = directory + _end(len(members), len(directory), place)
        self._pieces.append(_Piece(len(tail), tail))
        self._ends = list(accumulate(piece.size for piece in self._pieces))

    @property
    def size(self) -> int:
        """Bytes of the whole zip."""
        return self._ends[-1]

    async def read(self, first: int, end: int, fetch: Fetch) -> AsyncIterator[bytes]:
        """Give the bytes from `first` up to but without `end`; `fetch` returns a blob. Raises what it raises."""
        nth = bisect_right(self._ends, first)
        place = self._ends[nth - 1] if nth else 0
        while place < end:
            piece = self._pieces[nth]
            content = await fetch(piece.sha256) if piece.sha256 else piece.content
            yield content[max(0, first - place) : end - place]
            place, nth = place + piece.size, nth + 1


def _local(member: Member) -> bytes:
    name = member.path.encode()
    time, date = _moment(member.at)
    return (
        struct.pack(
            "<4sHHHHHIIIHH",
            b"PK\3\4", NEEDED, UTF8, 0, time, date, member.crc, member.size, member.size, len(name), 0,
        )
        + name
    )  # fmt: skip


def _central(member: Member, place: int) -> bytes:
    name = member.path.encode()
    time, date = _moment(member.at)
    extra = struct.pack("<HHQ", 1, 8, place) if place >= FULL_32 else b""
    return (
        struct.pack(
            "<4sHHHHHHIIIHHHHHII",
            b"PK\1\2", MADE_BY, NEEDED, UTF8, 0, time, date, member.crc, member.size, member.size,
            len(name), len(extra), 0, 0, 0, READABLE, min(place, FULL_32),
        )
        + name
        + extra
    )  # fmt: skip


def _end(count: int, size: int, place: int) -> bytes:
    """Return the end of the central directory, with its ZIP64 twin before it where a number does not fit."""
    twin = b""
    if count >= FULL_16 or size >= FULL_32 or place >= FULL_32:
        twin = struct.pack("<4sQHHIIQQQQ", b"PK\6\6", 44, MADE_BY, NEEDED, 0, 0, count, count, size, place)
        twin += struct.pack("<4sIQI", b"PK\6\7", 0, place + size, 1)
    few = min(count, FULL_16)
    return twin + struct.pack("<4sHHHHIIH", b"PK\5\6", 0, 0, few, few, min(size, FULL_32), min(place, FULL_32), 0)


def _moment(at: datetime) -> tuple[int, int]:
    """Spell a moment as MS-DOS does: to two seconds, from 1980 on."""
    local = at.astimezone(JST)
    time = local.hour << 11 | local.minute << 5 | local.second // 2
    return time, max(local.year - FIRST_YEAR, 0) << 9 | local.month << 5 | local.day
