import shutil
import stat
import subprocess
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from threading import Thread

import pikepdf
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.certificates import signing
from services.certificates.document import credential
from services.certificates.signing import BadKey, Signer
from services.certificates.tests import sample
from verifier import Keys, verify_bytes

MADE = datetime(2021, 9, 1, tzinfo=UTC)
LOG = Ed25519PrivateKey.from_private_bytes(bytes([1] * 32))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    keys = tmp_path_factory.mktemp("keys") / "keys"
    signing.make_keys(keys, subject="めぐる 証明書発行", organisation="株式会社見本", at=MADE)
    return keys


@pytest.fixture(scope="module")
def unsigned(folder: Path) -> bytes:
    given = sample.destruction()
    cited, place = sample.cited(sample.entry(given), LOG)
    given = given.model_copy(update={"log": place})
    key = signing.load_credential_key(folder)
    return sample.press().render(given, sample.ORIGINALS, credential.issue(given, [cited], key))


@pytest.fixture(scope="module")
def signed(folder: Path, unsigned: bytes) -> bytes:
    return Signer.load(folder).sign(unsigned, at=sample.ISSUED)


@pytest.fixture(scope="module")
def keys(folder: Path) -> Keys:
    return Keys.parse(sample.log_line(LOG) + signing.key_lines(folder, sample.ORIGIN))


def test_keys_are_made_once_and_are_the_owners_only(folder: Path) -> None:
    before = {file.name: file.read_bytes() for file in folder.iterdir()}
    assert set(before) == {"pdf-key.pem", "pdf-certificate.pem", "credential-key.pem"}
    signing.make_keys(folder, subject="other", organisation="other", at=MADE)
    assert {file.name: file.read_bytes() for file in folder.iterdir()} == before
    assert all(stat.S_IMODE(file.stat().st_mode) == 0o600 for file in folder.iterdir())


def test_the_certificate_names_its_signer_and_may_sign_documents_only(folder: Path) -> None:
    certificate = x509.load_pem_x509_certificate((folder / "pdf-certificate.pem").read_bytes())
    assert certificate.subject.rfc4514_string() == "CN=めぐる 証明書発行,O=株式会社見本,C=JP"
    usage = certificate.extensions.get_extension_for_class(x509.KeyUsage).value
    assert usage.content_commitment
    assert not usage.key_cert_sign
    assert certificate.not_valid_before_utc == MADE


def test_keys_that_do_not_belong_together_are_refused(folder: Path, tmp_path: Path) -> None:
    signing.make_keys(tmp_path, subject="a", organisation="b", at=MADE)
    shutil.copy(folder / "pdf-key.pem", tmp_path)
    with pytest.raises(BadKey, match="対になっていません"):
        Signer.load(tmp_path)
    shutil.copy(folder / "pdf-key.pem", tmp_path / "credential-key.pem")
    with pytest.raises(BadKey, match="Ed25519"):
        signing.load_credential_key(tmp_path)


@sample.needs_fonts
def test_what_is_signed_verifies_with_the_independent_verifier(signed: bytes, keys: Keys) -> None:
    verdict = verify_bytes("c.pdf", signed, keys, sample.ORIGINALS)
    assert verdict.ok, verdict.checks
    assert [check.status for check in verdict.checks] == ["ok"] * 5


@sample.needs_fonts
def test_the_unsigned_bytes_stand_unchanged_in_front_and_it_stays_pdf_a(signed: bytes, unsigned: bytes) -> None:
    assert signed.startswith(unsigned)
    with pikepdf.open(BytesIO(signed)) as pdf:
        meta = pdf.open_metadata()
        assert (meta["pdfaid:part"], meta["pdfaid:conformance"], meta["pdfuaid:part"]) == ("3", "A", "1")
        (field,) = pdf.Root.AcroForm.Fields
        assert int(field.F) & 4, "printable, as PDF/A asks of every annotation"
        assert not int(field.F) & 2, "not hidden"
        assert len({float(side) for side in field.Rect}) == 1, "no area, so no appearance is needed"
        assert str(field.V.SubFilter) == "/ETSI.CAdES.detached"
        assert str(field.V.M) == "D:20210930070500Z"
        assert int(pdf.Root.Perms.DocMDP.Reference[0].TransformParams.P) == 1, "no change is allowed"


@sample.needs_fonts
def test_one_signer_serves_many_threads(folder: Path, unsigned: bytes, keys: Keys) -> None:
    signer, done = Signer.load(folder), list[bytes]()
    threads = [Thread(target=lambda: done.append(signer.sign(unsigned, at=sample.ISSUED))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 4
    assert all(verify_bytes("c.pdf", one, keys).ok for one in done)


@sample.needs_fonts
@pytest.mark.skipif(not shutil.which("pdfsig"), reason="pdfsig is not installed: apt-get install poppler-utils")
def test_pdfsig_finds_the_signature_valid_and_a_flipped_byte(signed: bytes, tmp_path: Path) -> None:
    def answer(pdf: bytes) -> str:
        (tmp_path / "c.pdf").write_bytes(pdf)
        command = ["pdfsig", "-nocert", str(tmp_path / "c.pdf")]
        return subprocess.run(command, check=False, capture_output=True, text=True).stdout  # noqa: S603  # our own file

    assert "Signature is Valid" in answer(signed)
    assert "Total document signed" in answer(signed)
    at = signed.index(b"/Producer") if b"/Producer" in signed else 40
    assert "Digest Mismatch" in answer(signed[:at] + bytes([signed[at] ^ 1]) + signed[at + 1 :])


@sample.needs_fonts
@pytest.mark.skipif(not shutil.which("qpdf"), reason="qpdf is not installed: apt-get install qpdf")
def test_qpdf_finds_nothing_to_complain_about(signed: bytes, tmp_path: Path) -> None:
    (tmp_path / "c.pdf").write_bytes(signed)
    subprocess.run(["qpdf", "--check", str(tmp_path / "c.pdf")], check=True, capture_output=True)  # noqa: S603, S607  # our own file
