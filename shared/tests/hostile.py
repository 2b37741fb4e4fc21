"""Pictures and archives that somebody might send to do harm, drawn from a seed."""

import io
import random
import struct
import zipfile
import zlib
from collections.abc import Iterator

from PIL import Image

from shared.testing import photo

FORMS = ("JPEG", "PNG", "WEBP", "HEIF")
SCRIPT = b"<script>alert(document.cookie)</script>"
EACH = 30  # of a kind and form


def hostile(seed: int) -> Iterator[tuple[str, bytes]]:
    """Give some 570 of them, each with what it is."""
    dice = random.Random(seed)
    good = {form: photo(form, size=(200, 150), exif=True) for form in FORMS}
    for form, content in good.items():
        yield f"{form} with GPS", content
        for _ in range(EACH):
            yield f"{form} cut short", content[: dice.randrange(1, len(content))]
            yield f"{form} with changed bytes", _changed(content, dice, dice.choice((1, 1, 5, 50)))
            yield f"{form} with a lie in its header", _changed(content[:64], dice, 4) + content[64:]
            yield (
                f"{form} with something behind it",
                content + dice.choice((SCRIPT, archive(dice), b"\0" * 5000, content)),
            )
    for _ in range(EACH):
        yield "an archive", archive(dice)
        yield "a document as JPEG", dice.choice(DOCUMENTS) + dice.randbytes(dice.randrange(300))
        yield "a document behind a JPEG's first bytes", b"\xff\xd8\xff\xe0" + dice.choice(DOCUMENTS)
        yield "a script in a JPEG's comment", good["JPEG"][:2] + segment(0xFE, SCRIPT * 5) + good["JPEG"][2:]
        yield "a vast PNG", png(dice.randrange(1 << 12, 1 << 30), dice.randrange(1 << 12, 1 << 30))
        yield "a vast JPEG", resized(good["JPEG"], dice.randrange(1 << 13, 1 << 16), dice.randrange(1 << 13, 1 << 16))
    for form in ("PNG", "WEBP", "GIF", "TIFF"):
        yield f"a moving {form}", moving(form)


def archive(dice: random.Random) -> bytes:
    """A ZIP with a web page in it, small or blown up a thousand times."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("photo.jpg", SCRIPT + b"\0" * dice.choice((0, 1_000_000)))
    return made.getvalue()


def png(width: int, height: int) -> bytes:
    """A PNG that says it is huge: a decompression bomb without the trouble (W3C PNG §11.2.1)."""

    def chunk(name: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def segment(marker: int, data: bytes) -> bytes:
    """A segment of a JPEG (ITU-T T.81 §B.1.1.4)."""
    return bytes((0xFF, marker)) + struct.pack(">H", len(data) + 2) + data


def resized(jpeg: bytes, width: int, height: int) -> bytes:
    """A JPEG whose frame header says another size (ITU-T T.81 §B.2.2)."""
    at = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:at] + struct.pack(">HH", height, width) + jpeg[at + 4 :]


def moving(form: str) -> bytes:
    """A picture of several frames."""
    made = io.BytesIO()
    frames = [Image.new("RGB", (100, 100), colour) for colour in ("red", "blue")]
    frames[0].save(made, form, save_all=True, append_images=frames[1:])
    return made.getvalue()


def _changed(content: bytes, dice: random.Random, count: int) -> bytes:
    changed = bytearray(content)
    for _ in range(count):
        changed[dice.randrange(len(changed))] = dice.randrange(256)
    return bytes(changed)


DOCUMENTS = (
    b'<svg xmlns="http://www.w3.org/2000/svg" onload="alert(1)"><image href="file:///etc/passwd"/></svg>',
    b"<!doctype html><html><body>" + SCRIPT + b"</body></html>",
    b"%PDF-1.7\n1 0 obj<</OpenAction<</S/JavaScript/JS(app.alert(1))>>>>endobj\n",
    b"GIF89a" + SCRIPT,
    b"MZ" + bytes(200),
    b"#!/bin/sh\nrm -rf /\n",
    b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 100 100\n",
    b"",
)
