"""What the darkroom does to a picture: is it a photo, and the copy without EXIF that pages and certificates show.

Runs in a process of its own (`darkroom.py`); `python -m shared.pictures` is that process.
"""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import pillow_heif
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from shared.annex import Bounds, serve
from shared.darkroom import CPU_MAX_S, DATA_MAX, Developed

# What a decoder holds for each pixel decides how many fit into DATA_MAX; a JPEG is decoded at an eighth of its size.
PIXELS_MAX = {"JPEG": 60_000_000, "PNG": 30_000_000, "WEBP": 16_000_000, "HEIF": 25_000_000}
SIDE_MIN = 64  # pixels; smaller shows nothing of a drive or a seal
MAY_MOVE = ("PNG", "WEBP")
DERIVED_SIDE = 1280  # pixels of the longer side: 480 dots an inch at the largest width on paper, 67 mm
DERIVED_QUALITY = 80

pillow_heif.register_heif_opener()


class NoPhoto(ValueError):
    """What was sent is no photo; the two texts say why, in Japanese and in English."""

    def __init__(self, ja: str, en: str) -> None:
        super().__init__(ja, en)
        self.ja, self.en = ja, en


def develop(content: bytes) -> Developed:
    """Read the picture through and copy it as a JPEG: upright, at most DERIVED_SIDE pixels, without EXIF and place.

    Raises NoPhoto for what is none, too big, moving, or cut short.
    """
    with _judging(), _opened(content) as picture:
        form = str(picture.format)
        taken_at = None if form == "PNG" else _taken_at(picture)  # looking into a PNG would unpack it
        if form == "PNG":
            with _opened(content) as unread:
                unread.verify()  # its checksums: unpacking alone would pass over some of them
        copy = _copy(picture)
    return Developed(form, taken_at, copy)


def _copy(picture: Image.Image) -> bytes:
    picture.draft("RGB", (DERIVED_SIDE, DERIVED_SIDE))  # a JPEG is decoded no larger than is needed
    # made small first: turning a whole picture would hold it twice
    picture.thumbnail((DERIVED_SIDE, DERIVED_SIDE), reducing_gap=None)
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


def _taken_at(picture: Image.Image) -> datetime | None:
    """Return when the camera says it was taken; a time without its zone is left in the original."""
    camera = picture.getexif().get_ifd(ExifTags.IFD.Exif)
    said, zone = (str(camera.get(tag, "")).strip("\0 ") for tag in (_DATE, _ZONE))
    try:
        return datetime.strptime(f"{said} {zone}", "%Y:%m:%d %H:%M:%S %z")
    except ValueError:
        return None


_DATE, _ZONE = ExifTags.Base.DateTimeOriginal, ExifTags.Base.OffsetTimeOriginal


def _answer(content: bytes) -> bytes:
    """Do one job: "+", what was seen and the copy, or "-" and why it is no photo."""
    try:
        taken = develop(content)
    except NoPhoto as wrong:
        return b"-" + json.dumps([wrong.ja, wrong.en]).encode()
    seen = {"format": taken.format, "taken_at": taken.taken_at.isoformat() if taken.taken_at else None}
    return b"+" + json.dumps(seen).encode() + b"\n" + taken.copy


if __name__ == "__main__":
    serve(_answer, Bounds(DATA_MAX, CPU_MAX_S))
