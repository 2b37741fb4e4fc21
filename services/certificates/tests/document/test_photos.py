from io import BytesIO

import pytest
from PIL import Image

from services.certificates.document import photos
from services.certificates.document.photos import BadPhoto
from services.certificates.tests import sample


def test_a_derivative_is_upright_bare_and_always_the_same() -> None:
    original = sample.photo(40)
    derivative = photos.derive(original)
    assert derivative == photos.derive(original)
    assert photos.size(original) == (320, 240)
    assert photos.size(derivative) == (240, 320)
    with Image.open(BytesIO(derivative)) as opened:
        assert not opened.getexif()
        assert opened.info.keys() <= {"jfif", "jfif_version", "jfif_unit", "jfif_density"}


def test_a_large_photo_is_made_small_enough_for_paper() -> None:
    out = BytesIO()
    Image.new("RGB", (4000, 3000), "navy").save(out, "PNG")
    assert photos.size(photos.derive(out.getvalue())) == (1280, 960)


def test_transparency_and_palettes_become_plain_colour() -> None:
    for mode in ["RGBA", "P", "L", "1", "CMYK"]:
        out = BytesIO()
        Image.new(mode, (10, 10)).save(out, "TIFF" if mode == "CMYK" else "PNG")
        assert photos.size(photos.derive(out.getvalue())) == (10, 10)


def test_bytes_that_are_no_photo_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for wrong in [b"", b"no photo", sample.photo(40)[:200]]:
        with pytest.raises(BadPhoto, match="写真"):
            photos.derive(wrong)
    monkeypatch.setattr(photos, "PIXELS_MAX", 1000)
    with pytest.raises(BadPhoto, match="画素"):
        photos.derive(sample.photo(40))
    monkeypatch.setattr(photos, "BYTES_MAX", 10)
    with pytest.raises(BadPhoto, match="大きすぎ"):
        photos.derive(sample.photo(40))
