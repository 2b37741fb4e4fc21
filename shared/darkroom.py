"""Where pictures from strangers are opened: a process apart with bounds on memory and time.

Decoders have faults, and a picture may be made to find them. What takes too much, too long, or kills its process was no
photo; the next one has a new process. The services themselves never load a decoder (`pictures.py` is what runs there).
"""

import json
from dataclasses import dataclass
from datetime import datetime

from shared import annex
from shared.annex import Died
from shared.refused import Invalid

DATA_MAX = 300 * 1024 * 1024  # bytes the process may have in use
CPU_MAX_S = 2  # of one picture
WAIT_MAX_S = 20.0  # the same by the clock, on a machine that is busy
IDLE_MAX_S = 2.0  # then its memory is given back


@dataclass(frozen=True, slots=True)
class Developed:
    """A photo that was opened and read to its end, and the copy that pages and certificates show."""

    format: str
    taken_at: datetime | None  # from the camera, when it states its zone
    copy: bytes  # a JPEG, the same bytes every time: upright, small, no EXIF, no place, no thumbnail


async def develop(content: bytes) -> Developed:
    """Read the picture through and copy it. Raises Invalid for what is no photo, too big, moving, or cut short."""
    said, _, copy = (await _ask(content)).partition(b"\n")
    told = json.loads(said)
    return Developed(told["format"], datetime.fromisoformat(told["taken_at"]) if told["taken_at"] else None, copy)


def refused(ja: str, en: str) -> Invalid:
    """Return the refusal of a picture, in words for the one who took it."""
    return Invalid(
        "not-a-photo",
        f"送られた画像は{ja}。もう一度撮影してください。",
        f"What was sent {en}. Take the photo again.",
        field="photos",
    )


async def _ask(content: bytes) -> bytes:
    room = annex.room("shared.pictures", time_max_s=WAIT_MAX_S, idle_max_s=IDLE_MAX_S)
    try:
        answer = await room.do(content)
    except Died as felled:
        raise refused("開くのに時間かメモリがかかりすぎます", "takes too much time or memory to open") from felled
    if answer.startswith(b"+"):
        return answer[1:]
    ja, en = json.loads(answer[1:])
    raise refused(ja, en)
