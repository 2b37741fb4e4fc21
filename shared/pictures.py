"""What the darkroom does to a picture: is it a photo, and the copy without EXIF that pages show.

Runs in a process of its own (`darkroom.py`); `python -m shared.pictures` is that process.
"""

import io
import json
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import pillow_heif
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from shared.annex import serve
from shared.darkroom import CPU_MAX_S, DATA_MAX, Checked

# What a decoder holds for each pixel decides how many fit into DATA_MAX; a JPEG is decoded at an eighth of its size.
PIXELS_MAX = {"JPEG": 60_000_000, "PNG": 30_000_000, "WEBP": 16_000_000, "HEIF": 25_000_000}
SIDE_MIN = 64  # pixels; smaller shows nothing of a drive or a seal
MAY_MOVE = ("PNG", "WEBP")
DERIVED_SIDE = 1280  # pixels of the longer side of what pages show
DERIVED_QUALITY = 80

pillow_heif.register_heif_opener()


class NoPhoto(ValueError):
    """What was sent is no photo; the two texts say why, in Japanese and in English."""

    def __init__(self, ja: str, en: str) -> None:
        super().__init__(ja, en)
        self.ja, self.en = ja, en


def check(content: bytes) -> Checked:
    """Read the picture through. Raises NoPhoto for what is none, too big, moving, or cut short."""
    with _judging():
        picture = _opened(content)
        taken_at = None if picture.format == "PNG" else _taken_at(picture)  # looking into a PNG would unpack it
        _read_through(picture)
    return Checked(str(picture.format), taken_at)


def derive(content: bytes) -> bytes:
    """Return a JPEG for pages: upright, at most DERIVED_SIDE pixels, no EXIF, no place, no thumbnail.

    Raises NoPhoto for what `check` would not have let in.
    """
    with _judging(), _opened(content) as picture:
        picture.thumbnail((DERIVED_SIDE, DERIVED_SIDE))  # first: turning a whole picture would hold it twice
        ImageOps.exif_transpose(picture, in_place=True)
        clean = Image.new("RGB", picture.size, "white")
        rgba = picture.convert("RGBA")
        clean.paste(rgba, mask=rgba.getchannel("A"))
    made = io.BytesIO()
    clean.save(made, "JPEG", quality=DERIVED_QUALITY)
    return made.getvalue()


@contextmanager
def _judging() -> Iterator[None]:
    """Say in words what Pillow and its decoders raise for strange bytes."""
    try:
        yield
    except NoPhoto:
        raise
    except (UnidentifiedImageError, Image.DecompressionBombError, Image.DecompressionBombWarning) as wrong:
        raise NoPhoto("写真（JPEG・PNG・WebP・HEIC）として読めません", "is no JPEG, PNG, WebP or HEIC") from wrong
    except MemoryError as wrong:
        raise NoPhoto("開くのにメモリがかかりすぎます", "takes too much memory to open") from wrong
    except (OSError, SyntaxError, ValueError, EOFError) as wrong:
        raise NoPhoto("壊れているか、途中で切れています", "is damaged or cut short") from wrong


def _opened(content: bytes) -> Image.Image:
    """Open a picture, and look at what its header says before a pixel is decoded."""
    picture = Image.open(io.BytesIO(content), formats=tuple(PIXELS_MAX))
    width, height = picture.size
    most = PIXELS_MAX[str(picture.format)]
    if width * height > most:
        raise NoPhoto(
            f"画素が多すぎます（{picture.format}は上限{most // 10_000}万画素。カメラの解像度を下げてください）",
            f"has too many pixels (a {picture.format} may have {most // 1_000_000} million; lower the resolution)",
        )
    if min(width, height) < SIDE_MIN:
        raise NoPhoto("小さすぎます（1辺64画素以上）", "is smaller than 64 pixels a side")
    if picture.format in MAY_MOVE and getattr(picture, "n_frames", 1) != 1:
        raise NoPhoto("動く画像です", "is an animation")
    return picture


def _read_through(picture: Image.Image) -> None:
    """Read every byte: a JPEG at an eighth of its size, a PNG by its checksums alone, without unpacking it."""
    if picture.format == "PNG":
        picture.verify()
        return
    if picture.format == "JPEG":
        picture.draft(None, (picture.width // 8, picture.height // 8))
    picture.load()


def _taken_at(picture: Image.Image) -> datetime | None:
    """Return when the camera says it was taken; a time without its zone is left in the original."""
    camera = picture.getexif().get_ifd(ExifTags.IFD.Exif)
    said, zone = (str(camera.get(tag, "")).strip("\0 ") for tag in (_DATE, _ZONE))
    try:
        return datetime.strptime(f"{said} {zone}", "%Y:%m:%d %H:%M:%S %z")
    except ValueError:
        return None


_DATE, _ZONE = ExifTags.Base.DateTimeOriginal, ExifTags.Base.OffsetTimeOriginal


def _answer(job: bytes) -> bytes:
    """Do one job: "+" and what was asked for, or "-" and why it is no photo."""
    what, _, content = job.partition(b"\n")
    until = int(time.process_time()) + 1 + CPU_MAX_S
    resource.setrlimit(resource.RLIMIT_CPU, (until, resource.getrlimit(resource.RLIMIT_CPU)[1]))
    try:
        if what == b"derive":
            return b"+" + derive(content)
        seen = check(content)
    except NoPhoto as wrong:
        return b"-" + json.dumps([wrong.ja, wrong.en]).encode()
    taken_at = seen.taken_at.isoformat() if seen.taken_at else None
    return b"+" + json.dumps({"format": seen.format, "taken_at": taken_at}).encode()


if __name__ == "__main__":
    resource.setrlimit(resource.RLIMIT_DATA, (DATA_MAX, DATA_MAX))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    serve(_answer)
