import json
from datetime import UTC, datetime
from io import BytesIO
from typing import Any

import pikepdf
import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from verifier.keys import Keys
from verifier.tests import sample
from verifier.tests.stamps import stamped
from verifier.verdict import Check, Unreadable, Verdict
from verifier.verification import verify_bytes

ALL = pytest.mark.parametrize(
    "genuine",
    [sample.PDF, sample.ERASURE_PDF, sample.TRACKING_PDF, sample.LOT_PDF],
    ids=["destruction", "erasure", "tracking", "lot"],
)


def check(pdf: bytes, trusted: Keys = sample.KEYS) -> Verdict:
    return verify_bytes("c.pdf", pdf, trusted)


def signature(verdict: Verdict) -> Check:
    return verdict.checks[0]


def flipped(pdf: bytes, at: int, bit: int = 1) -> bytes:
    return pdf[:at] + bytes([pdf[at] ^ bit]) + pdf[at + 1 :]


def place(pdf: bytes, kind: str) -> int:
    """Where in the file a page's content, a picture, the attachment or the metadata begins."""
    wanted: Any = {
        "page": lambda one: one.get("/Type") is None and b" Tf" in one.read_bytes(),
        "picture": lambda one: one.get("/Subtype") == "/Image",
        "attachment": lambda one: one.get("/Type") == "/EmbeddedFile",
        "metadata": lambda one: one.get("/Type") == "/Metadata",
        "font": lambda one: one.get("/Type") is None and one.read_bytes()[:4] == b"\x00\x01\x00\x00",
    }[kind]
    with pikepdf.open(BytesIO(pdf)) as opened:
        for found in opened.objects:
            if isinstance(found, pikepdf.Stream) and found.get("/Subtype") != "/Form" and wanted(found):
                return pdf.index(found.read_raw_bytes()) + 20
    raise AssertionError(kind)


@ALL
def test_a_frozen_certificate_still_verifies(genuine: bytes) -> None:
    verdict = check(genuine)
    assert verdict.ok, verdict.checks
    assert verdict.kind == "pdf"
    assert "署名 2021-09-30 07:05:00Z" in verdict.checks[1].ja


@pytest.mark.parametrize("kind", ["page", "picture", "metadata", "font"])
def test_a_flipped_bit_of_what_one_sees_is_found_and_what_stays_true_is_said(kind: str) -> None:
    verdict = check(flipped(sample.PDF, place(sample.PDF, kind)))
    assert not verdict.ok
    assert "署名の後にPDFの中身が変わっています" in signature(verdict).ja
    assert "添付の certificate.json の内容は正しい" in signature(verdict).ja
    assert [one.status for one in verdict.checks] == ["failed", "not-applicable", "ok", "ok", "ok"]
    assert ("粉砕した日時", "time of destruction", "2021-09-28T02:24:00.000000Z") in verdict.proved


def test_a_flipped_bit_of_the_attachment_is_found() -> None:
    verdict = check(flipped(sample.PDF, place(sample.PDF, "attachment")))
    assert not verdict.ok
    assert "変わっています" in signature(verdict).ja
    assert verdict.checks[-1].status == "failed"


@ALL
def test_a_flipped_bit_anywhere_is_found(genuine: bytes) -> None:
    for at in range(5, len(genuine), len(genuine) // 60):
        assert not untouched(flipped(genuine, at)), at


def untouched(pdf: bytes) -> bool:
    try:
        return signature(check(pdf)).status == "ok"
    except Unreadable:
        return False


def test_a_changed_digit_anywhere_in_the_signature_is_found() -> None:
    start = sample.PDF.index(b"/Contents <") + len(b"/Contents <")
    end = sample.PDF.index(b">", start)
    assert end - start == 8192
    for at in [*range(start, start + 2300, 23), *range(start + 2300, end, 501)]:
        digit = b"7" if sample.PDF[at : at + 1] != b"7" else b"8"
        assert not untouched(sample.PDF[:at] + digit + sample.PDF[at + 1 :]), at - start
    lower = sample.PDF[:start] + sample.PDF[start : start + 40].lower() + sample.PDF[start + 40 :]
    assert not untouched(lower)


def test_a_moved_byte_range_is_found() -> None:
    ranges = sample.PDF.index(b"/ByteRange")
    assert not untouched(sample.PDF[:ranges] + sample.PDF[ranges:].replace(b"[0 ", b"[1 ", 1))


def test_bytes_added_behind_the_signature_are_found() -> None:
    writer: Any = IncrementalPdfFileWriter(BytesIO(sample.PDF))
    writer.root["/Added"] = generic.NameObject("/Yes")
    writer.update_root()
    out = BytesIO()
    writer.write(out)
    verdict = check(out.getvalue())
    assert signature(verdict).status == "failed"
    assert "書き足されています" in signature(verdict).ja


def test_an_attachment_replaced_behind_the_signature_is_found_and_its_fields_are_named() -> None:
    lie = json.loads(sample.JSON)
    lie["credentialSubject"]["serial"] = "FALSE"
    writer: Any = IncrementalPdfFileWriter(BytesIO(sample.PDF))
    names = writer.root["/Names"]["/EmbeddedFiles"]["/Names"]
    spec = names[1]
    stream = generic.StreamObject(stream_data=json.dumps(lie).encode())
    spec["/EF"]["/F"] = writer.add_object(stream)
    writer.mark_update(names.raw_get(1)) if isinstance(
        names.raw_get(1), generic.IndirectObject
    ) else writer.update_root()
    out = BytesIO()
    writer.write(out)
    verdict = check(out.getvalue())
    assert "差し替えられています" in signature(verdict).ja
    assert "credentialSubject.serial" in signature(verdict).ja
    assert {("credentialSubject.serial", "FALSE", "TS9K0A114C71"), ("製造番号", "FALSE", "TS9K0A114C71")} <= {
        (one.ja, one.file, one.proved) for one in verdict.differences
    }


def test_a_pdf_that_lost_its_signature_says_so_and_its_json_still_speaks() -> None:
    unsigned = sample.PDF[: sample.PDF.index(b"%%EOF") + 5]
    verdict = check(unsigned)
    assert not verdict.ok
    assert verdict.stripped
    assert "署名が失われています" in signature(verdict).ja
    assert [one.status for one in verdict.checks] == ["lost", "ok", "ok", "ok", "ok"]
    assert ("製造番号", "serial", "TS9K0A114C71") in verdict.proved, "what is true whatever the page shows"


def rewritten(**taken: bool) -> bytes:
    """What a gateway makes that writes a PDF anew to disarm it (無害化)."""
    with pikepdf.open(BytesIO(sample.PDF)) as pdf:
        del pdf.Root.AcroForm, pdf.pages[0].Annots
        if taken.get("attachment"):
            del pdf.attachments["certificate.json"]
        out = BytesIO()
        pdf.save(out, object_stream_mode=pikepdf.ObjectStreamMode.generate)
    return out.getvalue()


def test_a_pdf_that_a_gateway_wrote_anew_is_known_by_its_json_and_without_that_by_its_number() -> None:
    verdict = check(rewritten())
    assert (verdict.ok, verdict.stripped, verdict.number) == (False, True, "D-NA74-QKCH-Q")
    with pytest.raises(Unreadable, match="番号で確かめて"):
        check(rewritten(attachment=True))


@pytest.mark.parametrize("branches", [0, 2])
def test_a_gateway_may_lay_the_tree_of_attached_files_out_anew(branches: int) -> None:
    with pikepdf.open(BytesIO(sample.PDF)) as pdf:
        del pdf.Root.AcroForm, pdf.pages[0].Annots
        tree = pdf.make_indirect(pdf.Root.Names.EmbeddedFiles)
        for _ in range(branches):
            tree = pdf.make_indirect(pikepdf.Dictionary(Kids=pdf.make_indirect(pikepdf.Array([tree]))))
        pdf.Root.Names = pdf.make_indirect(pikepdf.Dictionary(EmbeddedFiles=tree))
        out = BytesIO()
        pdf.save(out)
    verdict = check(out.getvalue())
    assert verdict.stripped
    assert [one.status for one in verdict.checks[1:]] == ["ok"] * 4


def test_a_stripped_pdf_with_another_certificate_inside_is_no_stripped_one() -> None:
    with pikepdf.open(BytesIO(sample.PDF)) as pdf:
        del pdf.Root.AcroForm, pdf.pages[0].Annots
        lie = sample.JSON.replace(b"TS9K0A114C71", b"TS9K0A114C72")
        pdf.attachments["certificate.json"] = pikepdf.AttachedFileSpec(pdf, lie, filename="certificate.json")
        out = BytesIO()
        pdf.save(out)
    verdict = check(out.getvalue())
    assert not verdict.ok
    assert not verdict.stripped


def test_a_pdf_without_its_json_says_so() -> None:
    with pikepdf.open(BytesIO(sample.PDF)) as pdf:
        del pdf.attachments["certificate.json"]
        out = BytesIO()
        pdf.save(out)
    verdict = check(out.getvalue())
    assert not verdict.ok
    assert "certificate.json" in verdict.checks[-1].ja


def test_a_stranger_who_signs_correctly_is_not_trusted() -> None:
    others = "\n".join(line for line in sample.KEY_TEXT.splitlines() if not line.startswith("pdf-"))
    verdict = check(sample.PDF, Keys.parse(others))
    assert signature(verdict).status == "failed"
    assert "鍵の一覧にありません" in signature(verdict).ja


def test_a_time_stamp_counts_when_its_authority_is_on_the_list() -> None:
    content, digest = stamped(datetime(2021, 9, 30, 7, 6, tzinfo=UTC))
    known = f"{sample.KEY_TEXT}pdf-certificate-sha256 {digest}\n"
    plain = check(content, Keys.parse(known))
    assert signature(plain).status == "ok", signature(plain)
    assert "時刻認証はなく" in plain.checks[1].ja
    vouched = check(content, Keys.parse(f"{known}timestamp-certificate-sha256 {digest}\n"))
    assert vouched.ok, vouched.checks
    assert "署名 2021-09-30 07:06:00Z" in vouched.checks[1].ja
    assert "時刻認証があります" in vouched.checks[1].ja


def test_a_changed_digit_in_the_time_stamp_is_found_or_changes_nothing_that_is_said() -> None:
    content, digest = stamped(datetime(2021, 9, 30, 7, 6, tzinfo=UTC))
    known = f"{sample.KEY_TEXT}pdf-certificate-sha256 {digest}\ntimestamp-certificate-sha256 {digest}\n"
    keys = Keys.parse(known)
    whole = check(content, keys)
    token = content.lower().index(b"060b2a864886f70d010910020e")  # id-aa-timeStampToken
    end = content.index(b"00000000000000000000>", token)
    found = 0
    for at in range(token, end, (end - token) // 60):
        changed = content[:at] + (b"0" if content[at : at + 1] != b"0" else b"1") + content[at + 1 :]
        verdict = check(changed, keys)
        assert not verdict.ok or verdict.checks == whole.checks, at
        found += not verdict.ok
    assert found > 50


def test_a_time_stamp_from_outside_its_certificate_s_life_or_after_its_revocation_does_not_count() -> None:
    late, digest = stamped(datetime(2041, 6, 1, tzinfo=UTC))
    known = f"{sample.KEY_TEXT}pdf-certificate-sha256 {digest}\ntimestamp-certificate-sha256 {digest}"
    assert "時刻認証はなく" in check(late, Keys.parse(known)).checks[1].ja
    good, digest = stamped(datetime(2021, 9, 30, 7, 6, tzinfo=UTC))
    known = f"{sample.KEY_TEXT}pdf-certificate-sha256 {digest}\ntimestamp-certificate-sha256 {digest}"
    assert "時刻認証があります" in check(good, Keys.parse(f"{known} revoked=2021-09-30T07:06:01Z")).checks[1].ja
    assert "時刻認証はなく" in check(good, Keys.parse(f"{known} revoked=2021-09-30T07:06:00Z")).checks[1].ja


@pytest.mark.parametrize("data", [b"%PDF-1.7", sample.PDF[:5000], sample.PDF[:-600], b"%PDF-1.7\n" + sample.JSON])
def test_a_cut_pdf_is_unreadable(data: bytes) -> None:
    with pytest.raises(Unreadable, match="PDF"):
        check(data)


def test_a_log_proof_that_viewers_would_open_as_a_pdf_is_no_log_proof() -> None:
    proof = sample.PROOF + "— %PDF-1.4\0%forged AAAA\n".encode()
    assert b"%PDF-" in proof[:1024], "this is where viewers look for it"
    with pytest.raises(Unreadable):
        check(proof)
