import re
import shutil
import stat
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from io import BytesIO
from pathlib import Path
from threading import Thread
from typing import Any

import pikepdf
import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pyhanko.pdf_utils.reader import PdfFileReader
from pyhanko.sign.diff_analysis import ModificationLevel
from pyhanko.sign.validation import validate_pdf_signature
from pyhanko.sign.validation.status import PdfSignatureStatus, SignatureCoverageLevel
from pyhanko_certvalidator.context import ValidationContext

from services.certificates import signing
from services.certificates.document import credential
from services.certificates.document.inputs import Input
from services.certificates.signing import BadKey, Signer
from services.certificates.tests import sample
from verifier.keys import Keys
from verifier.verification import verify_bytes

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
    return sample.press().render(given, sample.COPIES, credential.issue(given, [cited], key))


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
    certificate = (folder / "pdf-certificate.pem").read_bytes()
    key = (tmp_path / "pdf-key.pem").read_bytes().partition(b"-----BEGIN CERTIFICATE")[0]
    for together, beside in ((key + certificate, b""), (key, certificate)):
        (tmp_path / "pdf-key.pem").write_bytes(together)
        (tmp_path / "pdf-certificate.pem").write_bytes(beside)
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


KINDS: dict[str, Input] = {
    one.kind: one for one in (sample.destruction(), sample.erasure(), sample.tracking(), sample.lot(40))
}


@dataclass(frozen=True, slots=True)
class Paper:
    """One signed certificate on disk, and the credential that was attached to it."""

    file: Path
    credential: bytes

    def ask(self, *command: str) -> str:
        """Run a program of others beside the file and return what it says. Raises CalledProcessError."""
        done = subprocess.run(command, cwd=self.file.parent, check=True, capture_output=True, text=True)  # noqa: S603  # our own file
        return done.stdout

    def flipped(self) -> "Paper":
        """Return the same with one bit of the page's own bytes changed."""
        content, other = bytearray(self.file.read_bytes()), self.file.with_name("flipped.pdf")
        content[content.index(b"/Producer") if b"/Producer" in content else 40] ^= 1
        other.write_bytes(content)
        return replace(self, file=other)


@pytest.fixture(scope="module", params=KINDS)
def paper(request: pytest.FixtureRequest, folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Paper:
    """Each kind as it leaves the house."""
    given = KINDS[request.param]
    cited, place = sample.cited(sample.entry(given), LOG)
    given = given.model_copy(update={"log": place})
    written = credential.issue(given, [cited], signing.load_credential_key(folder))
    file = tmp_path_factory.mktemp(request.param) / "c.pdf"
    copies = sample.COPIES if request.param == "destruction" else {}
    file.write_bytes(Signer.load(folder).sign(sample.press().render(given, copies, written), at=sample.ISSUED))
    return Paper(file, written)


def pdfsig(paper: Paper) -> None:
    told = paper.ask("pdfsig", "-nocert", "c.pdf")
    assert told.count("Signature #") == 1
    assert "Signature is Valid" in told
    assert "Total document signed" in told
    assert "ETSI.CAdES.detached" in told
    assert "Digest Mismatch" in paper.flipped().ask("pdfsig", "-nocert", "flipped.pdf")


def qpdf(paper: Paper) -> None:
    assert "No syntax or stream encoding errors found" in paper.ask("qpdf", "--check", "c.pdf")


def pdffonts(paper: Paper) -> None:
    _, _, *fonts = paper.ask("pdffonts", "c.pdf").splitlines()
    assert fonts
    for font in fonts:
        assert re.search(r" yes yes yes +\d+ +\d+$", font), f"not embedded, no subset or without Unicode: {font}"


def pdfdetach(paper: Paper) -> None:
    out = paper.file.parent / "attached"
    out.mkdir()
    paper.ask("pdfdetach", "-saveall", "-o", out.name, "c.pdf")
    assert {one.name: one.read_bytes() for one in out.iterdir()} == {"certificate.json": paper.credential}


def pyhanko(paper: Paper) -> None:
    """Its validator as it comes: the chain, the whole file, and what the certifying signature forbids."""

    def judged(file: Path) -> PdfSignatureStatus:
        with file.open("rb") as opened:
            (signature,) = PdfFileReader(opened).embedded_signatures
            roots = ValidationContext(trust_roots=[signature.signer_cert], allow_fetching=False, moment=sample.ISSUED)
            return validate_pdf_signature(signature, roots)

    status = judged(paper.file)
    assert status.bottom_line
    assert status.trusted
    assert status.docmdp_ok
    assert status.coverage == SignatureCoverageLevel.ENTIRE_FILE
    assert status.modification_level == ModificationLevel.NONE
    assert not judged(paper.flipped().file).intact


def zbarimg(paper: Paper) -> None:
    paper.ask("pdftoppm", "-r", "150", "-png", "-f", "1", "-singlefile", "c.pdf", "page")
    assert paper.ask("zbarimg", "-q", "--raw", "-Sdisable", "-Sqrcode.enable", "page.png").splitlines() == [
        sample.VERIFY
    ]


PACKAGES = {"pdftoppm": "poppler-utils", "zbarimg": "zbar-tools", "qpdf": "qpdf"}


def asked(look: Callable[[Paper], None], *programs: str) -> Any:
    """Make a case of what one of these programs has to say; without it the case is skipped with a reason."""
    absent = [one for one in programs if not shutil.which(one)]
    packages = " ".join(sorted({PACKAGES.get(one, "poppler-utils") for one in absent}))
    reason = f"{' and '.join(absent)} not installed: apt-get install {packages}"
    return pytest.param(look, id=look.__name__, marks=pytest.mark.skipif(bool(absent), reason=reason))


@sample.needs_fonts
@pytest.mark.parametrize(
    "look",
    [
        asked(pdfsig, "pdfsig"),
        asked(qpdf, "qpdf"),
        asked(pdffonts, "pdffonts"),
        asked(pdfdetach, "pdfdetach"),
        asked(pyhanko),
        asked(zbarimg, "pdftoppm", "zbarimg"),
    ],
)
def test_programs_of_others_find_every_kind_signed_whole_and_readable(
    paper: Paper, look: Callable[[Paper], None]
) -> None:
    look(paper)
