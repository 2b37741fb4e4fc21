"""Label sheets as a scanner sees them: rasterised at the 150 dpi of an office printer's draft, and read."""

import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise
from pathlib import Path

import pypdfium2
import pypdfium2.raw
import pytest
import zxingcpp
from PIL import Image

from services.tracking.labels import SIZES, Printed, TooSmall, sheet, table
from services.tracking.labels.manifest import Line, Manifest, Shot, manifest
from shared.ids import new_label, new_token, parse_label, qr_url
from shared.pictures import develop
from shared.press import QUIET_MODULES, qr_svg
from shared.stack.stack import FONTS
from shared.testing import photo

ORIGIN = "https://localhost:8443"
DPI = 150
LONG_ORIGIN = "https://meguru.pref.yamagata.lg.jp"
LONG = "R01-0001 ミナト電機 MN-3200-XL とても長い型名の続きがあるデスクトップ型の機器 2台目の予備機 備考"


def drawn(count: int, what: str = "R01-0001 MN-3200") -> list[Printed]:
    return [Printed(new_label(), new_token(), what) for _ in range(count)]


def pages(pdf: bytes) -> list[Image.Image]:
    return [page.render(scale=DPI / 72).to_pil() for page in pypdfium2.PdfDocument(pdf)]


def read(pdf: bytes) -> list[tuple[int, zxingcpp.Barcode]]:
    """Read every QR code; told to look for bars too, the reader finds some among the letters of one sheet in many."""
    wanted = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)
    return [(n, code) for n, page in enumerate(pages(pdf)) for code in zxingcpp.read_barcodes(page, formats=wanted)]


@pytest.mark.parametrize("origin", [ORIGIN, LONG_ORIGIN])
@pytest.mark.parametrize("size", SIZES)
def test_every_one_of_160_labels_is_read(size: str, origin: str) -> None:
    labels = drawn(160)
    pdf = sheet(labels, origin=origin, town="最上町", fonts=FONTS, size=size)
    seen = [code.text for _, code in read(pdf)]
    assert sorted(seen) == sorted(qr_url(origin, one.label, one.token) for one in labels)
    known = {one.label: one.token for one in labels}
    for text in seen:
        label = parse_label(text)
        assert known.pop(label.id) == label.token
    assert len(pages(pdf)) == -(-160 // SIZES[size].per_page)


@pytest.mark.skipif(not shutil.which("zbarimg"), reason="zbarimg is not installed: apt-get install zbar-tools")
@pytest.mark.parametrize("size", SIZES)
def test_a_second_reader_reads_every_label_alone(size: str, tmp_path: Path) -> None:
    """ZBar is given one label at a time, as a scanner is: on a whole sheet of 44 it loses its way among the corners."""
    labels, paper, dot = drawn(160), SIZES[size], DPI / 25.4  # dots a mm
    places: list[Path] = []
    for number, page in enumerate(pages(sheet(labels, origin=LONG_ORIGIN, town="最上町", fonts=FONTS, size=size))):
        for nth in range(min(paper.per_page, len(labels) - number * paper.per_page)):
            row, column = divmod(nth, paper.columns)
            left, top = paper.margin[0] + column * paper.label[0], paper.margin[1] + row * paper.label[1]
            box = [round(side * dot) for side in (left, top, left + paper.label[0], top + paper.label[1])]
            places.append(tmp_path / f"{len(places):03}.png")
            page.crop((box[0], box[1], box[2], box[3])).save(places[-1])
    command = ["zbarimg", "--quiet", "--raw", "--nodbus", "-Sdisable", "-Sqrcode.enable", *map(str, places)]
    seen = subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()  # noqa: S603 - our own files
    assert seen == [qr_url(LONG_ORIGIN, one.label, one.token) for one in labels]


@pytest.mark.parametrize("size", SIZES)
def test_no_code_is_finer_than_half_a_millimetre(size: str) -> None:
    fine = "https://" + "x" * 180 + ".lg.jp"
    with pytest.raises(TooSmall):
        sheet(drawn(1), origin=fine, town="最上町", fonts=FONTS, size=size)


@pytest.mark.parametrize("size", ["24", "44"])
@pytest.mark.parametrize("offset", [(0, 0), (20, -15), (-20, 30)])
def test_every_label_stands_where_its_paper_has_it_moved_by_the_printers_offset(
    size: str, offset: tuple[int, int]
) -> None:
    paper, labels = SIZES[size], drawn(SIZES[size].per_page)
    codes = read(sheet(labels, origin=ORIGIN, town="最上町", fonts=FONTS, size=size, offset=offset))
    found = {parse_label(code.text).id: code.position for _, code in codes}
    quiet = paper.code * QUIET_MODULES / (29 + 2 * QUIET_MODULES)
    for nth, one in enumerate(labels):
        row, column = divmod(nth, paper.columns)
        left = paper.margin[0] + column * paper.label[0] + paper.inset + quiet + offset[0] / 10
        middle = paper.margin[1] + (row + 0.5) * paper.label[1] + offset[1] / 10
        place = found[one.label]
        assert place.top_left.x * 25.4 / DPI == pytest.approx(left, abs=0.4)
        assert (place.top_left.y + place.bottom_left.y) / 2 * 25.4 / DPI == pytest.approx(middle, abs=0.4)


def test_the_table_for_label_software_holds_no_formula() -> None:
    (one,) = drawn(1, "=1+1")
    row = table([one], origin=ORIGIN).decode("utf-8-sig").splitlines()[1]
    assert row == f"{one.label},{qr_url(ORIGIN, one.label, one.token)},'=1+1,"


@pytest.mark.parametrize("start", [0, 5, 23])
def test_a_started_sheet_goes_on_where_it_was_left(start: int) -> None:
    labels = drawn(3)
    found = read(sheet(labels, origin=ORIGIN, town="最上町", fonts=FONTS, start=start))
    place = {parse_label(code.text).id: (number, code.position) for number, code in found}
    width, height = pages(sheet(labels, origin=ORIGIN, town="最上町", fonts=FONTS))[0].size
    for nth, one in enumerate(labels, start):
        number, corners = place[one.label]
        column = corners.top_left.x * 3 // width
        row = int((corners.top_left.y / height * 297 - 12.9) // 33.9)
        assert (number, row * 3 + column) == divmod(nth, SIZES["24"].per_page), one.label


def test_a_long_name_stays_inside_its_label() -> None:
    """Between two labels above one another the paper is white: nothing runs into the neighbour."""
    page = pages(sheet(drawn(24, LONG), origin=ORIGIN, town="南会津郡檜枝岐村役場総務課情報係分室", fonts=FONTS))[
        0
    ].convert("L")
    edges = [round((12.9 + 33.9 * nth) / 25.4 * DPI) for nth in range(9)]
    for edge in edges:
        assert min(page.crop((0, edge - 4, page.width, edge + 4)).tobytes()) == 255
    for above, below in pairwise(edges):
        assert min(page.crop((0, above, page.width, below)).tobytes()) == 0


def test_a_text_of_the_document_is_the_id_in_groups() -> None:
    (one,) = labels = drawn(1)
    text = (
        pypdfium2.PdfDocument(sheet(labels, origin=ORIGIN, town="最上町", fonts=FONTS))[0]
        .get_textpage()
        .get_text_range()
    )
    assert f"{one.label[:4]}-{one.label[4:8]}-{one.label[8:]}" in text
    assert "最上町" in text
    assert one.token not in text, "the token is in the code alone"


def test_a_code_is_small_and_has_its_quiet_zone() -> None:
    svg = qr_svg(qr_url(ORIGIN, new_label(), new_token()))
    size = int(svg.split('viewBox="0 0 ')[1].split()[0])
    assert size == 29 + 2 * QUIET_MODULES, "version 3: upper case keeps it small"
    assert "M0 " not in svg


def test_two_desks_may_print_at_once() -> None:
    with ThreadPoolExecutor(4) as desks:
        printed = [desks.submit(sheet, drawn(24), origin=ORIGIN, town="最上町", fonts=FONTS) for _ in range(8)]
    assert all(one.result().startswith(b"%PDF") for one in printed)


def test_a_manifest_lists_every_device_with_count_seal_signatures_and_a_code() -> None:
    lines = [Line(f"AAAA-{nth:04}-X", f"R01-{nth:04}", "MN-3200") for nth in range(100)]
    url = f"{ORIGIN}/receiving?cage=019"
    said = Manifest("カゴ1", "4817", "2026年11月24日 10:00", "最上町", "ITADセンター", "山彦運送", url, lines)
    pdf = manifest(said, FONTS)
    text = "".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(pdf))
    for word in (
        "カゴ車積載明細書",
        "4817",
        "100台",
        "最上町",
        "ITADセンター",
        "山彦運送",
        "署名",
        "R01-0000",
        "R01-0099",
    ):
        assert word in text
    assert [code.text for _, code in read(pdf)] == [url]
    assert "なし" in text, "that nobody took a photo of the seal is said"


def test_a_full_cage_is_signed_on_the_sheet_that_lists_it() -> None:
    lines = [Line(f"AAAA-{nth:04}-X", f"R01-{nth:04}", "MN-3200") for nth in range(20)]
    shots = [Shot("seal", "a" * 64), Shot("lock", "b" * 64)]
    said = Manifest("1", "4817", "", "最上町", "ITADセンター", "山彦運送", ORIGIN, lines, shots)
    first = pypdfium2.PdfDocument(manifest(said.showing({"a" * 64: develop(photo()).copy}), FONTS))[0]
    text = first.get_textpage().get_text_range()
    assert "R01-0019" in text
    assert "受け取った人（センター）" in text


def test_a_manifest_shows_the_seal_and_says_when_its_photo_is_gone() -> None:
    shots = [Shot("seal", "a" * 64), Shot("lock", "b" * 64)]
    said = Manifest("1", "4817", "", "最上町", "ITADセンター", "山彦運送", ORIGIN, [], shots)
    page = pypdfium2.PdfDocument(manifest(said.showing({"a" * 64: develop(photo()).copy}), FONTS))[0]
    text = page.get_textpage().get_text_range()
    for word in ("封印の写真", "錠の写真", "2枚", "a" * 64, "b" * 64):
        assert word in text
    assert text.count("写真が保管場所で見つかりません。") == 1
    assert len(list(page.get_objects(filter=[pypdfium2.raw.FPDF_PAGEOBJ_IMAGE]))) == 1
