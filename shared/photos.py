"""Evidence photos: is it a photo, and the copy without EXIF that pages show. The original is never touched."""

import asyncio
import io
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Semaphore

import pillow_heif
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from shared import blobs
from shared.blobs import BLOB_SIZE_MAX
from shared.refused import Invalid

PIXELS_MAX = 60_000_000  # the largest phone cameras give 50 million in ordinary use
WEBP_PIXELS_MAX = 24_000_000  # its decoder holds four copies: 370 MB for so many, as much as a HEIF of 60 million
AT_ONCE_MAX = 2  # pictures that one process has decoded in its memory at a time; more wait
SIDE_MIN = 64  # pixels; smaller shows nothing of a drive or a seal
TAKEN_FROM = datetime(1990, 1, 1, tzinfo=UTC)  # what a clock says beyond these is not believed
TAKEN_UNTIL = datetime(2200, 1, 1, tzinfo=UTC)
FORMATS = ("JPEG", "PNG", "WEBP", "HEIF")
MAY_MOVE = ("PNG", "WEBP")
DERIVED_SIDE = 1280  # pixels of the longer side of what pages show
DERIVED_QUALITY = 80

pillow_heif.register_heif_opener()
_AT_ONCE = Semaphore(AT_ONCE_MAX)


@dataclass(frozen=True, slots=True)
class Checked:
    """A photo that was opened and read to its end."""

    format: str
    taken_at: datetime | None  # from the camera, when it states its zone


@dataclass(frozen=True, slots=True)
class Kept:
    """A photo whose original bytes lie in the store under their hash."""

    sha256: str
    taken_at: datetime | None


async def keep(tenant: str, contents: Sequence[bytes]) -> list[Kept]:
    """Check photos and keep each untouched under its hash; none when one is no photo. Raises Invalid, blobs.Away."""
    checked = await asyncio.gather(*(asyncio.to_thread(check, content) for content in contents))
    hashes = await asyncio.gather(*(blobs.put(tenant, content) for content in contents))
    return [Kept(sha256, seen.taken_at) for sha256, seen in zip(hashes, checked, strict=True)]


async def kept(tenant: str, sha256: str) -> Kept:
    """Return a photo that was kept before an entry names it. Raises Invalid when there is none, or it is no photo."""
    try:
        content = await blobs.get(tenant, sha256)
    except blobs.Missing as absent:
        raise _refused("届いていません", "has not arrived") from absent
    return Kept(sha256, (await asyncio.to_thread(check, content)).taken_at)


def check(content: bytes) -> Checked:
    """Read the picture through. Raises Invalid for what is no photo, too big, moving, or cut short."""
    if len(content) > BLOB_SIZE_MAX:
        raise _refused("大きすぎます（上限15 MB）", "is larger than 15 MB")
    try:
        with _AT_ONCE:
            picture = Image.open(io.BytesIO(content), formats=FORMATS)
            _bound(picture)
            taken_at = None if picture.format == "PNG" else _taken_at(picture)  # looking into a PNG would unpack it
            _read_through(picture)
    except (UnidentifiedImageError, Image.DecompressionBombError, Image.DecompressionBombWarning) as wrong:
        raise _refused("写真（JPEG・PNG・WebP・HEIC）として読めません", "is no JPEG, PNG, WebP or HEIC") from wrong
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError) as wrong:  # Pillow's for damaged files
        raise _refused("壊れているか、途中で切れています", "is damaged or cut short") from wrong
    return Checked(str(picture.format), taken_at)


def _bound(picture: Image.Image) -> None:
    """Look at what the header says before a pixel is decoded."""
    width, height = picture.size
    if picture.format == "WEBP" and width * height > WEBP_PIXELS_MAX:
        raise _refused("画素が多すぎます（WebPは上限2400万画素）", "is a WebP of more than 24 million pixels")
    if width * height > PIXELS_MAX:
        raise _refused("画素が多すぎます（上限6000万画素）", "has more than 60 million pixels")
    if min(width, height) < SIDE_MIN:
        raise _refused("小さすぎます（1辺64画素以上）", "is smaller than 64 pixels a side")
    if picture.format in MAY_MOVE and getattr(picture, "n_frames", 1) != 1:
        raise _refused("動く画像です", "is an animation")


def _read_through(picture: Image.Image) -> None:
    """Read every byte: a JPEG at an eighth of its size, a PNG by its checksums alone, without unpacking it."""
    if picture.format == "PNG":
        picture.verify()
        return
    if picture.format == "JPEG":
        picture.draft(None, (picture.width // 8, picture.height // 8))
    picture.load()


def derive(content: bytes) -> bytes:
    """Return a JPEG for pages: upright, at most DERIVED_SIDE pixels, no EXIF, no place, no thumbnail."""
    with _AT_ONCE, Image.open(io.BytesIO(content), formats=FORMATS) as picture:
        if picture.format == "JPEG":
            picture.draft("RGB", (DERIVED_SIDE, DERIVED_SIDE))
        upright = ImageOps.exif_transpose(picture)
        upright.thumbnail((DERIVED_SIDE, DERIVED_SIDE))
        clean = Image.new("RGB", upright.size, "white")
        rgba = upright.convert("RGBA")
        clean.paste(rgba, mask=rgba.getchannel("A"))
    made = io.BytesIO()
    clean.save(made, "JPEG", quality=DERIVED_QUALITY)
    return made.getvalue()


def _taken_at(picture: Image.Image) -> datetime | None:
    """Return when the camera says it was taken; a time without its zone is left in the original."""
    camera = picture.getexif().get_ifd(ExifTags.IFD.Exif)
    said, zone = (str(camera.get(tag, "")).strip("\0 ") for tag in (_DATE, _ZONE))
    try:
        taken = datetime.strptime(f"{said} {zone}", "%Y:%m:%d %H:%M:%S %z")
    except ValueError:
        return None
    return taken if TAKEN_FROM <= taken <= TAKEN_UNTIL else None


_DATE, _ZONE = ExifTags.Base.DateTimeOriginal, ExifTags.Base.OffsetTimeOriginal


def _refused(ja: str, en: str) -> Invalid:
    return Invalid(
        "not-a-photo",
        f"送られた画像は{ja}。もう一度撮影してください。",
        f"What was sent {en}. Take the photo again.",
        field="photos",
    )
