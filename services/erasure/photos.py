"""Evidence photos: is it a photo, and the copy without EXIF that pages show. The original is never touched."""

import io
from dataclasses import dataclass
from datetime import UTC, datetime

import pillow_heif
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from shared.blobs import BLOB_SIZE_MAX
from shared.refused import Invalid

PHOTOS_MAX = 4  # of one destruction
PIXELS_MAX = 60_000_000  # the largest phone cameras give 50 million in ordinary use
SIDE_MIN = 64  # pixels; smaller shows nothing of a drive
TAKEN_FROM = datetime(1990, 1, 1, tzinfo=UTC)  # what a clock says beyond these is not believed
TAKEN_UNTIL = datetime(2200, 1, 1, tzinfo=UTC)
FORMATS = ("JPEG", "PNG", "HEIF")
DERIVED_SIDE = 1280  # pixels of the longer side of what pages show
DERIVED_QUALITY = 80

pillow_heif.register_heif_opener()


@dataclass(frozen=True, slots=True)
class Checked:
    """A photo that was opened and read to its end."""

    format: str
    taken_at: datetime | None  # from the camera, when it states its zone


def check(content: bytes) -> Checked:
    """Read the picture through. Raises Invalid for what is no photo, too big, moving, or cut short."""
    if len(content) > BLOB_SIZE_MAX:
        raise _refused("大きすぎます（上限15 MB）", "is larger than 15 MB")
    try:
        picture = Image.open(io.BytesIO(content), formats=FORMATS)
        _bound(picture)
        taken_at = None if picture.format == "PNG" else _taken_at(picture)  # looking into a PNG would unpack it
        _read_through(picture)
    except (UnidentifiedImageError, Image.DecompressionBombError, Image.DecompressionBombWarning) as wrong:
        raise _refused("写真（JPEG・PNG・HEIC）として読めません", "is no JPEG, PNG or HEIC") from wrong
    except (OSError, SyntaxError, ValueError, EOFError, MemoryError) as wrong:  # Pillow's for damaged files
        raise _refused("壊れているか、途中で切れています", "is damaged or cut short") from wrong
    return Checked(str(picture.format), taken_at)


def _bound(picture: Image.Image) -> None:
    """Look at what the header says before a pixel is decoded."""
    width, height = picture.size
    if width * height > PIXELS_MAX:
        raise _refused("画素が多すぎます（上限6000万画素）", "has more than 60 million pixels")
    if min(width, height) < SIDE_MIN:
        raise _refused("小さすぎます（1辺64画素以上）", "is smaller than 64 pixels a side")
    if picture.format == "PNG" and getattr(picture, "n_frames", 1) != 1:
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
    with Image.open(io.BytesIO(content), formats=FORMATS) as picture:
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
