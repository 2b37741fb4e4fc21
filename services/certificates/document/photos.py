"""The derivative of an evidence photo for print: upright, bounded, without metadata, the same bytes every time.

The original stays untouched under its hash, and its hash is what is printed. HEIC is read when the caller has
registered pillow-heif's opener.
"""

from io import BytesIO

from PIL import Image, ImageOps

SIDE_MAX = 1280  # pixels: 480 dots an inch at the largest printed width, 67 mm; up to here nothing is resampled
PIXELS_MAX = 80_000_000  # of an original; a phone's camera has about 50 million
BYTES_MAX = 40 * 1024 * 1024
QUALITY = 82


class BadPhoto(ValueError):
    """Bytes that are no photo, or one too large to open safely."""


def derive(original: bytes) -> bytes:
    """Return a JPEG for print: EXIF's orientation applied, then all metadata gone. Raises BadPhoto."""
    if len(original) > BYTES_MAX:
        raise BadPhoto(f"写真が大きすぎます。{BYTES_MAX // 1024**2} MB までにしてください。")
    try:
        with Image.open(BytesIO(original)) as photo:
            _bound(photo.width * photo.height)
            photo.draft("RGB", (SIDE_MAX, SIDE_MAX))  # JPEG decodes at a smaller size, in a fraction of the time
            ImageOps.exif_transpose(photo, in_place=True)
            upright = photo.convert("RGB")
    except BadPhoto:
        raise
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as wrong:  # what Pillow's decoders raise
        raise BadPhoto("写真として読めません。撮り直すか、元のファイルを確かめてください。") from wrong
    upright.thumbnail((SIDE_MAX, SIDE_MAX), Image.Resampling.BILINEAR)
    upright.info.clear()  # else a colour profile or a comment would be written again
    out = BytesIO()
    upright.save(out, "JPEG", quality=QUALITY)
    return out.getvalue()


def size(photo: bytes) -> tuple[int, int]:
    """Return a derivative's width and height in pixels."""
    with Image.open(BytesIO(photo)) as opened:
        return opened.size


def _bound(pixels: int) -> None:
    if pixels > PIXELS_MAX:
        raise BadPhoto(f"写真の画素が多すぎます。{PIXELS_MAX:,} 画素までにしてください。")
