"""Where pictures from strangers are opened: a process apart with bounds on memory and time.

Decoders have faults, and a picture may be made to find them. What takes too much, too long, or kills its process was no
photo; the next one has a new process. The services themselves never load a decoder (`pictures.py` is what runs there).
"""

import asyncio
import json
from dataclasses import dataclass
from datetime import datetime
from typing import Literal
from weakref import WeakKeyDictionary

from shared.annex import Annex, Died
from shared.refused import Invalid

DATA_MAX = 300 * 1024 * 1024  # bytes the process may have in use
CPU_MAX_S = 2  # of one picture
WAIT_MAX_S = 20.0  # the same by the clock, on a machine that is busy
IDLE_MAX_S = 2.0  # then its memory is given back

_rooms: WeakKeyDictionary[asyncio.AbstractEventLoop, Annex] = WeakKeyDictionary()


@dataclass(frozen=True, slots=True)
class Checked:
    """A photo that was opened and read to its end."""

    format: str
    taken_at: datetime | None  # from the camera, when it states its zone


async def check(content: bytes) -> Checked:
    """Read the picture through. Raises Invalid for what is no photo, too big, moving, or cut short."""
    said = json.loads(await _ask("check", content))
    return Checked(said["format"], datetime.fromisoformat(said["taken_at"]) if said["taken_at"] else None)


async def derive(content: bytes) -> bytes:
    """Return a JPEG for pages: upright, small, no EXIF, no place, no thumbnail. Raises Invalid."""
    return await _ask("derive", content)


async def close() -> None:
    """Let this loop's process end."""
    if room := _rooms.pop(asyncio.get_running_loop(), None):
        await room.close()


def refused(ja: str, en: str) -> Invalid:
    """Return the refusal of a picture, in words for the one who took it."""
    return Invalid(
        "not-a-photo",
        f"送られた画像は{ja}。もう一度撮影してください。",
        f"What was sent {en}. Take the photo again.",
        field="photos",
    )


async def _ask(what: Literal["check", "derive"], content: bytes) -> bytes:
    loop = asyncio.get_running_loop()
    if (room := _rooms.get(loop)) is None:
        room = _rooms[loop] = Annex(("shared.pictures",), time_max_s=WAIT_MAX_S, idle_max_s=IDLE_MAX_S)
    try:
        answer = await room.do(what.encode() + b"\n" + content)
    except Died as felled:
        raise refused("開くのに時間かメモリがかかりすぎます", "takes too much time or memory to open") from felled
    if answer.startswith(b"+"):
        return answer[1:]
    ja, en = json.loads(answer[1:])
    raise refused(ja, en)
