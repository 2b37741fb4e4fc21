import io
import struct
import zlib
from datetime import datetime

import pytest
from PIL import Image

from shared import pictures
from shared.pictures import NoPhoto
from shared.testing import photo


def header_only_png(width: int, height: int) -> bytes:
    """A PNG that says it is huge: a decompression bomb without the trouble."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def moving(form: str) -> bytes:
    made = io.BytesIO()
    frames = [Image.new("RGB", (100, 100), colour) for colour in ("red", "blue")]
    frames[0].save(made, form, save_all=True, append_images=frames[1:])
    return made.getvalue()


def vast_webp(side: int) -> bytes:
    """A lossless WebP that says it has so many pixels a side (RFC 9649 §3.1: 14 bits each, less one)."""
    made = io.BytesIO()
    Image.new("RGB", (100, 100)).save(made, "WEBP", lossless=True)
    return made.getvalue()[:21] + ((side - 1) | (side - 1) << 14).to_bytes(4, "little") + made.getvalue()[25:]


def gif() -> bytes:
    made = io.BytesIO()
    Image.new("RGB", (100, 100)).save(made, "GIF")
    return made.getvalue()


@pytest.mark.parametrize("form", ["JPEG", "PNG", "WEBP", "HEIF"])
def test_a_photo_is_taken(form: str) -> None:
    assert pictures.develop(photo(form)).format == form


NOT_PHOTOS = {
    "nothing": b"",
    "text": b"a photo, honestly",
    "svg": b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>',
    "html as jpeg": b"<html><body>photo.jpg</body></html>",
    "only a jpeg's beginning": b"\xff\xd8\xff\xe0" + b"\0" * 400,
    "gif": gif(),
    "cut jpeg": photo()[:2000],
    "cut png": photo("PNG")[:-40],
    "cut heic": photo("HEIF")[:1500],
    "one byte of a png changed": photo("PNG")[:3000] + b"\x01" + photo("PNG")[3001:],
    "bomb": header_only_png(60_000, 60_000),
    "just too many pixels": header_only_png(8_000, 7_501),
    "moving": moving("PNG"),
    "moving webp": moving("WEBP"),
    "cut webp": photo("WEBP")[:2000],
    "webp bomb": vast_webp(16_383),
    "webp of just too many pixels": vast_webp(4_900),
    "an icon": photo(size=(32, 32)),
}


@pytest.mark.parametrize("what", NOT_PHOTOS)
def test_what_is_not_a_photo_is_refused_with_a_sentence(what: str) -> None:
    with pytest.raises(NoPhoto) as refused:
        pictures.develop(NOT_PHOTOS[what])
    assert refused.value.ja
    assert refused.value.en.isascii()


def test_the_camera_says_when_if_it_states_its_zone() -> None:
    assert pictures.develop(photo(exif=True)).taken_at == datetime.fromisoformat("2026-11-24T11:22:41+09:00")
    assert pictures.develop(photo()).taken_at is None


def test_what_pages_show_is_upright_small_and_carries_no_place() -> None:
    source = Image.effect_noise((2000, 1000), 60).convert("RGB")
    data = Image.Exif()
    data[0x0112] = 6  # turned
    data.get_ifd(0x8825).update({1: "N", 2: (38.0, 45.0, 30.0)})
    made = io.BytesIO()
    source.save(made, "JPEG", exif=data)
    assert b"Exif" in made.getvalue()
    shown = pictures.develop(made.getvalue()).copy
    with Image.open(io.BytesIO(shown)) as picture:
        assert picture.size == (640, 1280)
        assert dict(picture.getexif()) == {}
    assert b"Exif" not in shown


@pytest.mark.parametrize("form", ["PNG", "WEBP", "HEIF"])
def test_every_kind_of_photo_becomes_a_jpeg_for_pages(form: str) -> None:
    with Image.open(io.BytesIO(pictures.develop(photo(form)).copy)) as picture:
        assert picture.format == "JPEG"
