import json
from datetime import UTC, datetime
from hashlib import sha256
from io import BytesIO
from typing import Any

import pikepdf
import pytest
from asn1crypto import keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, SimpleSigner
from pyhanko.sign.timestamps import DummyTimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore

from verifier import Check, Keys, Unreadable, Verdict, verify_bytes
from verifier.tests import sample

ALL = pytest.mark.parametrize(
    "genuine", [sample.PDF, sample.ERASURE_PDF, sample.TRACKING_PDF], ids=["destruction", "erasure", "tracking"]
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
    assert "PDFに署名がありません" in signature(verdict).ja
    assert [one.status for one in verdict.checks[2:]] == ["ok", "ok", "ok"]


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
    key = rsa.generate_private_key(65537, 2048)  # pyhanko's sample authority knows RSA only
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sample")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    builder = builder.serial_number(7).not_valid_before(datetime(2021, 1, 1)).not_valid_after(datetime(2041, 1, 1))  # noqa: DTZ001  # X.509 is UTC
    made = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True).sign(
        key, hashes.SHA256()
    )
    certificate = asn1_x509.Certificate.load(made.public_bytes(serialization.Encoding.DER))
    private = keys.PrivateKeyInfo.load(
        key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    stamper: Any = DummyTimeStamper(certificate, private, fixed_dt=datetime(2021, 9, 30, 7, 6, tzinfo=UTC))
    store: Any = SimpleCertificateStore
    metadata = PdfSignatureMetadata(field_name="F", md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES)
    out = BytesIO()
    PdfSigner(metadata, SimpleSigner(certificate, private, store()), timestamper=stamper).sign_pdf(
        IncrementalPdfFileWriter(BytesIO(sample.PDF[: sample.PDF.index(b"%%EOF") + 5])), output=out
    )
    digest = sha256(certificate.dump()).hexdigest()
    known = f"{sample.KEY_TEXT}pdf-certificate-sha256 {digest}\n"
    plain = check(out.getvalue(), Keys.parse(known))
    assert signature(plain).status == "ok", signature(plain)
    assert "時刻認証はなく" in plain.checks[1].ja
    stamped = check(out.getvalue(), Keys.parse(f"{known}timestamp-certificate-sha256 {digest}\n"))
    assert stamped.ok, stamped.checks
    assert "署名 2021-09-30 07:06:00Z" in stamped.checks[1].ja
    assert "時刻認証があります" in stamped.checks[1].ja


@pytest.mark.parametrize("data", [b"%PDF-1.7", sample.PDF[:5000], sample.PDF[:-600], b"%PDF-1.7\n" + sample.JSON])
def test_a_cut_pdf_is_unreadable(data: bytes) -> None:
    with pytest.raises(Unreadable, match="PDF"):
        check(data)
