import shutil
import subprocess
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pikepdf
import pypdfium2
import pytest
import zxingcpp
from hypothesis import given, settings
from hypothesis import strategies as st

from services.certificates.document.inputs import Replaced
from services.certificates.document.render import MissingPhoto, Press
from services.certificates.tests import sample
from shared import pictures

pytestmark = sample.needs_fonts

CREDENTIAL = '{"say":"証明"}'.encode()


def destruction(**changes: Any) -> bytes:
    return sample.press().render(sample.destruction(**changes), sample.COPIES, CREDENTIAL)


def erasure(**changes: Any) -> bytes:
    return sample.press().render(sample.erasure(**changes), {}, CREDENTIAL)


def tracking(**changes: Any) -> bytes:
    return sample.press().render(sample.tracking(**changes), {}, CREDENTIAL)


def lot(*, serial: str = "", **changes: Any) -> bytes:
    titled: dict[str, Any] = {"title": serial} if serial else {}
    return sample.press().render(sample.lot(**titled, **changes), {}, CREDENTIAL)


def text(pdf: bytes) -> str:
    document = pypdfium2.PdfDocument(pdf)
    return "\n".join(page.get_textpage().get_text_range() for page in document).replace("\u200b", "")


BOTH = pytest.mark.parametrize("render", [destruction, erasure, tracking, lot])


@BOTH
def test_the_same_input_gives_the_same_bytes(render: Callable[..., bytes]) -> None:
    assert render() == render()
    assert render(serial="OTHER") != render()


@BOTH
def test_it_is_one_page_of_a4_that_says_what_it_is(render: Callable[..., bytes]) -> None:
    with pikepdf.open(BytesIO(render())) as pdf:
        assert len(pdf.pages) == 1
        assert [round(float(side)) for side in pdf.pages[0].mediabox] == [0, 0, 595, 842]
        meta = pdf.open_metadata()
        assert (meta["pdfaid:part"], meta["pdfaid:conformance"], meta["pdfuaid:part"]) == ("3", "A", "1")
        assert "証明書" in meta["dc:title"]
        assert str(pdf.Root.Lang) == "ja-JP"
        assert bool(pdf.Root.MarkInfo.Marked)
        assert bool(pdf.Root.ViewerPreferences.DisplayDocTitle)


@BOTH
def test_the_credential_is_attached_unchanged(render: Callable[..., bytes]) -> None:
    with pikepdf.open(BytesIO(render())) as pdf:
        attached = pdf.attachments["certificate.json"]
        assert attached.get_file().read_bytes() == CREDENTIAL
        assert str(attached.obj.AFRelationship) == "/Data"
        assert attached.obj.objgen in [one.objgen for one in pdf.Root.AF]


@BOTH
def test_only_the_two_families_are_embedded_and_every_font_is(render: Callable[..., bytes]) -> None:
    with pikepdf.open(BytesIO(render(serial="𠮷"))) as pdf:
        descriptors = [one for one in pdf.objects if isinstance(one, pikepdf.Dictionary) and one.get("/FontName")]
        names = {str(one.FontName).split("+")[-1] for one in descriptors}
        assert names <= {"BIZUDPGothic-Regular", "BIZUDPGothic-Bold", "NotoSansJP-Regular", "NotoSansJP-Bold"}
        assert "NotoSansJP-Regular" in names
        assert all(one.get("/FontFile2") or one.get("/FontFile3") for one in descriptors)


@BOTH
def test_the_code_on_the_paper_opens_the_page_of_the_certificate(render: Callable[..., bytes]) -> None:
    page = pypdfium2.PdfDocument(render())[0].render(scale=150 / 72).to_pil()
    wanted = zxingcpp.BarcodeFormats(zxingcpp.BarcodeFormat.QRCode)  # bars are found among letters, now and then
    assert [code.text for code in zxingcpp.read_barcodes(page, formats=wanted)] == [sample.VERIFY]


def test_every_field_is_printed() -> None:
    given = sample.destruction()
    seen = text(destruction())
    for said in [
        given.number, given.addressee, given.issuer, "NA74-QKCH-Q", given.manufacturer, given.model, given.serial,
        given.property_number, given.media_type, "ミナト電機 MD-7100",
        given.confidentiality_before, given.confidentiality_after, "Destroy（破壊）", "粉砕",
        given.tool, given.tool_version,
        given.verification_method, given.destination, given.contract, given.assurance, "令和3年9月28日（火）", "11:24",
        "令和3年10月29日（金）", "総務省ガイドライン R2.12", "分類(1)", "写真と時刻があります",
        "髙﨑 亮", "𠮷田 由美", "佐藤 恵",
        "作業主任", "q@example.jp", given.photos[0].sha256[:8], given.photos[1].sha256[-8:], "作業端末 3号",
    ]:  # fmt: skip
        assert said, "the sample has every field"
        assert said in seen


def test_an_erasure_certificate_names_its_report_and_its_level() -> None:
    seen = text(erasure())
    assert "消去証明書" in seen.replace(" ", "")
    for said in ["Purge（除去）", "ATA SANITIZE OVERWRITE EXT", "nwipe_2021-09-14.log", "ab" * 32, "0.37"]:
        assert said in seen


def test_a_lot_goes_over_pages_that_repeat_the_head_and_count_themselves() -> None:
    given = sample.lot(100)
    document = pypdfium2.PdfDocument(sample.press().render(given, {}, CREDENTIAL))
    pages = [page.get_textpage().get_text_range() for page in document]
    assert len(pages) >= 2
    for n, seen in enumerate(pages[:-1], 1):
        assert "PDFとJSONの指紋" in seen
        assert f"{n} / {len(pages)}" in seen
    whole = "".join(pages)
    for line in given.lines:
        assert line.number in whole
        assert line.pdf_sha256 in whole
        assert line.json_sha256 in whole


def test_a_replacement_names_what_it_replaces_and_a_corrected_serial_stands_beside_the_recorded_one() -> None:
    replaced = Replaced(number="D-NA74-QKCH-Q", ja="機器や記憶媒体の記載の誤り：読み違い", en="Described wrongly")
    seen = text(destruction(number="D-NA74-QKCH-Q-R2", replaces=replaced, serial_corrected="RIGHT-1"))
    for said in ("D-NA74-QKCH-Q-R2", "差し替え", "読み違い", "RIGHT-1", "TS9K0A114C71"):
        assert said in seen


def test_what_nobody_recorded_is_said_and_not_made_up() -> None:
    bare = {"people": (), "tool": None, "tool_version": None, "serial": None, "manufacturer": None, "model": None}
    more = {"policy": None, "contract": None, "assurance": None, "place": None, "destination": None, "reasons": ()}
    seen = text(destruction(**bare, **more, achieved=None))
    assert seen.count("不明／記録なし") >= 20
    assert "None" not in seen
    assert "不明／記録なし" in text(tracking(serial=None, media=(), requirements=(), people=()))


HOSTILE = [
    '#panic("x") *b* _i_ $x$ `c` <tag> @ref [a] {b} \\ // = - +',
    '"]; #read("/etc/passwd")',
    "&lt;script&gt;<script>alert(1)</script>",
    "葛\U000e0100城 𠮷野家 髙島屋 﨑",
]


@pytest.mark.parametrize("hostile", HOSTILE)
def test_hostile_text_is_printed_as_it_is(hostile: str) -> None:
    seen = text(destruction(serial=hostile)).replace("\r\n", "").replace(" ", "")
    plain = hostile.replace("\U000e0100", "").replace(" ", "")
    assert plain in seen.replace("\U000e0100", "")


def test_signs_that_cannot_be_drawn_or_reorder_a_line_are_printed_by_number() -> None:
    seen = text(destruction(serial="A😀B\u202eC\x07D\ue000"))
    for number in ["U+1F600", "U+202E", "U+0007", "U+E000"]:
        assert f"〈{number}〉" in seen


@pytest.mark.parametrize("long", ["#" * 500, "𠮷" * 500, "W" * 500, "長い名前の" * 100])
def test_long_text_stays_on_the_paper(long: str) -> None:
    pdf = pypdfium2.PdfDocument(destruction(serial=long, manufacturer=long, issuer=long))
    for page in pdf:
        textpage = page.get_textpage()
        boxes = [textpage.get_charbox(n) for n in range(textpage.count_chars())]
        assert all(left >= 0 and right <= 596 for left, _, right, _ in boxes)


@settings(max_examples=15)
@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=40))
def test_any_text_can_be_printed(anything: str) -> None:
    assert destruction(serial=anything, place=anything).startswith(b"%PDF-1.7")


def test_up_to_four_photos_stand_whole_on_the_paper() -> None:
    one, two = sample.destruction().photos
    for chosen in [(one,), (one, two), (one, two, one), (one, two, one, two)]:
        with pikepdf.open(BytesIO(destruction(photos=chosen))) as pdf:
            images = [
                found
                for found in pdf.objects
                if isinstance(found, pikepdf.Stream) and found.get("/Subtype") == "/Image"
            ]
            assert {(int(found.Width), int(found.Height)) for found in images} == {(240, 320)}  # upright, uncropped
            assert len(pdf.pages) == 1


def test_a_photo_that_is_not_handed_over_is_named() -> None:
    with pytest.raises(MissingPhoto, match=sample.destruction().photos[0].sha256):
        sample.press().render(sample.destruction(), {}, CREDENTIAL)


def test_no_metadata_of_a_photo_reaches_the_paper() -> None:
    assert b"SECRET CAMERA" in sample.PHOTOS[0]
    assert b"SECRET CAMERA" not in pictures.develop(sample.PHOTOS[0]).copy
    assert b"SECRET CAMERA" not in destruction()


def test_a_folder_without_the_fonts_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="BIZUDPGothic"):
        Press(tmp_path)


@BOTH
@pytest.mark.skipif(not shutil.which("qpdf"), reason="qpdf is not installed: apt-get install qpdf")
def test_qpdf_finds_nothing_to_complain_about(render: Callable[..., bytes], tmp_path: Path) -> None:
    (tmp_path / "c.pdf").write_bytes(render())
    subprocess.run(["qpdf", "--check", str(tmp_path / "c.pdf")], check=True, capture_output=True)  # noqa: S603, S607  # our own file
