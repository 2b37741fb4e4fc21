"""The lines in docs/verify-by-hand.md, run as anybody would run them."""

import json
import re
import shutil
import subprocess
import sys
from base64 import b64encode
from pathlib import Path

import pytest

from verifier.tests import sample

DOCUMENT = Path(__file__).parents[1] / "docs" / "verify-by-hand.md"
needs_openssl = pytest.mark.skipif(not shutil.which("openssl"), reason="needs openssl (Debian: openssl)")
needs_poppler = pytest.mark.skipif(not shutil.which("pdfsig"), reason="needs pdfsig (Debian: poppler-utils)")


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)  # noqa: S603 - the document's own


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (found,) = re.findall(r"```python\n(.*?)```", DOCUMENT.read_text("utf-8"), re.DOTALL)
    assert len([line for line in found.splitlines() if line]) <= 60, "sixty lines of anybody's code"
    (tmp_path / "by_hand.py").write_text(found)
    (tmp_path / "key.txt").write_text(sample.KEY_TEXT)
    (tmp_path / "certificate.pdf").write_bytes(sample.PDF)
    return tmp_path


@needs_openssl
@pytest.mark.parametrize("genuine", [sample.JSON, sample.ERASURE_JSON, sample.TRACKING_JSON])
def test_its_sixty_lines_tell_true_from_altered(folder: Path, genuine: bytes) -> None:
    (folder / "certificate.json").write_bytes(genuine)
    told = run(folder, sys.executable, "by_hand.py", "certificate.json", "key.txt")
    assert told.returncode == 0, told.stderr
    assert "true:" in told.stdout
    assert '"recordedAt"' in told.stdout
    for old, new, why in (
        (b'"addressee":"', b'"addressee":"x', "changed after signing"),
        (b"did:key:z6Mk", b"did:key:z6Mj", "signs no certificates"),
        (b"{", b'{"id":"twice","id":"twice",', "a name stands twice"),
    ):
        (folder / "certificate.json").write_bytes(genuine.replace(old, new, 1))
        told = run(folder, sys.executable, "by_hand.py", "certificate.json", "key.txt")
        assert told.returncode == 1
        assert why in told.stderr


@needs_openssl
def test_its_sixty_lines_believe_no_witness_and_no_log_that_signs_a_certificate(folder: Path) -> None:
    forged = sample.resigned(json.loads(sample.JSON))
    (folder / "certificate.json").write_bytes(forged)
    named = sample.vkey("example.jp/log/credential", sample.LIAR)
    material = b"\x04" + sample.LIAR.public_key().public_bytes_raw()
    witness = f"w.example/w1+00000000+{b64encode(material).decode()}\n"
    for line, code in ((named, 0), (sample.vkey("w.example/log", sample.LIAR), 1), (witness, 1)):
        (folder / "key.txt").write_text(sample.KEY_TEXT + line)
        told = run(folder, sys.executable, "by_hand.py", "certificate.json", "key.txt")
        assert (told.returncode, "signs no certificates" in told.stderr) == (code, bool(code)), told.stderr


@needs_openssl
@pytest.mark.parametrize(
    ("words", "why"),
    [
        ("until=999999", ""),
        ("until=0", "no head of this log"),
        ("revoked=2999-01-01T00:00:00Z", ""),
        ("revoked=2020-01-01T00:00:00Z", "no head of this log"),
    ],
)
def test_its_sixty_lines_know_where_a_key_ends(folder: Path, words: str, why: str) -> None:
    log = next(line for line in sample.KEY_TEXT.splitlines() if line.startswith("example.jp/log+"))
    (folder / "certificate.json").write_bytes(sample.JSON)
    (folder / "key.txt").write_text(sample.KEY_TEXT.replace(log, f"{log} {words} # why"))
    told = run(folder, sys.executable, "by_hand.py", "certificate.json", "key.txt")
    assert (told.returncode, why in told.stderr) == (1 if why else 0, True), told.stderr
    credential = next(line for line in sample.KEY_TEXT.splitlines() if "/credential+" in line)
    (folder / "key.txt").write_text(sample.KEY_TEXT.replace(credential, f"{credential} {words}"))
    told = run(folder, sys.executable, "by_hand.py", "certificate.json", "key.txt")
    assert told.returncode == (1 if words.startswith("revoked=2020") else 0), told.stderr


@needs_poppler
@needs_openssl
def test_every_command_of_the_document_does_what_it_says_as_it_is_typed(folder: Path) -> None:
    prose = re.sub(r"```python\n.*?```", "", DOCUMENT.read_text("utf-8"), flags=re.DOTALL)
    commands = [line.partition("#")[0].strip() for line in prose.splitlines() if line.startswith("    ")]
    commands += re.findall(r"`(python3 by_hand\.py [^`]*)`", prose)
    assert len(commands) == 6, "an example that nobody ran"
    photo = (sample.DATA / "photo-before.jpg").read_bytes()
    (folder / "IMG_0001.jpg").write_bytes(photo)
    told = {}
    for command in commands:
        done = run(folder, "sh", "-c", command)
        assert done.returncode == 0, (command, done.stderr)
        told[command.split()[0] + command.split()[1]] = done.stdout
    assert "Signature is Valid" in told["pdfsigcertificate.pdf"]
    fingerprint = told["opensslpkcs7"].partition("=")[2].strip().replace(":", "").lower()
    assert f"pdf-certificate-sha256 {fingerprint}" in sample.KEY_TEXT
    assert told["sha256sumIMG_0001.jpg"].split()[0] in sample.JSON.decode()
    assert "true: D-" in told["python3by_hand.py"]


@needs_poppler
@needs_openssl
def test_poppler_and_openssl_say_who_signed_the_page(folder: Path) -> None:
    told = run(folder, "pdfsig", "certificate.pdf").stdout
    assert "Signature is Valid" in told
    assert "Total document signed" in told
    run(folder, "pdfsig", "-dump", "certificate.pdf")
    (dumped,) = folder.glob("*.sig0")
    certificate = run(folder, "openssl", "pkcs7", "-inform", "DER", "-in", dumped.name, "-print_certs").stdout
    (folder / "signer.pem").write_text(certificate)
    printed = run(folder, "openssl", "x509", "-in", "signer.pem", "-fingerprint", "-sha256", "-noout").stdout
    fingerprint = printed.partition("=")[2].strip().replace(":", "").lower()
    assert f"pdf-certificate-sha256 {fingerprint}" in sample.KEY_TEXT
    run(folder, "pdfdetach", "-saveall", "certificate.pdf")
    assert (folder / "certificate.json").read_bytes() == sample.JSON
