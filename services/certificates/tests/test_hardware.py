"""The PDF key in a device: SoftHSM keeps it, we never see it, and the certificate comes out the same."""

import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import pkcs11
import pytest
from asn1crypto import x509
from cryptography.hazmat.primitives import serialization
from pkcs11 import Attribute, CertificateType, ObjectClass
from pydantic import SecretStr

from services.certificates import issuing, keys, signing
from services.certificates.document import credential
from services.certificates.document.inputs import canonical
from services.certificates.hardware import Device, DeviceAway
from services.certificates.order import Order
from services.certificates.pressroom import Job, Outcome
from services.certificates.signing import BadKey, Means, Signer
from services.certificates.tests import sample
from services.certificates.tests.test_signing import LOG, MADE
from shared.settings import SigningSettings
from verifier.keys import Keys
from verifier.verification import verify_bytes

MODULES = ("/usr/lib/softhsm/libsofthsm2.so", "/usr/lib64/pkcs11/libsofthsm2.so")
MODULE = next((one for one in MODULES if Path(one).exists()), "")
pytestmark = pytest.mark.skipif(
    not MODULE or not shutil.which("softhsm2-util"), reason="SoftHSM is not installed: apt-get install softhsm2"
)
TOKEN, PIN, LABEL = "meguru", "12345678", "pdf"


def told(*words: str) -> None:
    subprocess.run(["softhsm2-util", *words], check=True, capture_output=True)  # noqa: S603, S607  # our own words


def keep(certificate: x509.Certificate, label: str) -> None:
    """Put a certificate into the token, as a key's maker does."""
    session: Any = pkcs11.lib(MODULE).get_token(token_label=TOKEN).open(rw=True, user_pin=PIN)
    session.create_object(
        {
            Attribute.CLASS: ObjectClass.CERTIFICATE,
            Attribute.CERTIFICATE_TYPE: CertificateType.X_509,
            Attribute.TOKEN: True,
            Attribute.LABEL: label,
            Attribute.ID: label.encode(),
            Attribute.SUBJECT: certificate.subject.dump(),
            Attribute.ISSUER: certificate.issuer.dump(),
            Attribute.SERIAL_NUMBER: certificate["tbs_certificate"]["serial_number"].dump(),
            Attribute.VALUE: certificate.dump(),
        }
    )
    session.close()


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pair as files, whose key and certificate the device gets too."""
    made = tmp_path_factory.mktemp("files")
    signing.make_keys(made, subject="めぐる 証明書発行", organisation="株式会社見本", at=MADE)
    return made


@pytest.fixture(scope="module")
def device(files: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Device]:
    place = tmp_path_factory.mktemp("softhsm")
    (place / "tokens").mkdir()
    (place / "softhsm2.conf").write_text(f"directories.tokendir = {place}/tokens\nobjectstore.backend = file\n")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SOFTHSM2_CONF", str(place / "softhsm2.conf"))
        told("--init-token", "--free", "--label", TOKEN, "--pin", PIN, "--so-pin", PIN)
        key = serialization.load_pem_private_key((files / signing.PDF_KEY).read_bytes(), None)
        for label in (LABEL, "other"):
            (place / "key.p8").write_bytes(key.private_bytes(*signing.UNENCRYPTED))
            identity = label.encode().hex()
            told("--import", f"{place}/key.p8", "--token", TOKEN, "--label", label, "--id", identity, "--pin", PIN)
        pkcs11.lib(MODULE).reinitialize()
        keep(Signer.load(files).certificate, LABEL)
        strange = tmp_path_factory.mktemp("strange")
        signing.make_keys(strange, subject="a", organisation="b", at=MADE)
        keep(Signer.load(strange).certificate, "other")
        yield Device(MODULE, TOKEN, LABEL, SecretStr(PIN))


@sample.needs_fonts
def test_the_certificate_is_the_same_as_by_a_key_in_a_file(files: Path, device: Device, tmp_path: Path) -> None:
    means = Means(device=device)
    signing.publish(tmp_path, sample.ORIGIN, MADE, means)
    assert sorted(path.name for path in tmp_path.iterdir()) == [keys.PUBLIC, signing.CREDENTIAL_KEY], "no key is made"
    given = sample.destruction()
    cited, place = sample.cited(sample.entry(given), LOG)
    given = given.model_copy(update={"log": place})
    written = credential.issue(given, [cited], signing.load_credential_key(tmp_path))
    unsigned = sample.press().render(given, sample.COPIES, written)
    by_device, by_file = Signer.load(tmp_path, means), Signer.load(files)
    assert by_device.fingerprint == by_file.fingerprint
    pdf, other = (one.sign(unsigned, at=sample.ISSUED) for one in (by_device, by_file))
    known = Keys.parse(sample.log_line(LOG) + keys.published(tmp_path))
    verdict = verify_bytes("c.pdf", pdf, known, sample.ORIGINALS)
    assert verdict.ok, verdict.checks
    assert len(pdf) == len(other)
    first = next(n for n, (a, b) in enumerate(zip(pdf, other, strict=True)) if a != b)
    assert b"/Contents" in pdf[len(unsigned) : first], "what differs is the signature's value, and the document's id"


def test_what_is_wrong_with_a_device_is_said(device: Device) -> None:
    for wrong in (
        replace(device, token="none"),
        replace(device, label="none"),
        replace(device, pin=SecretStr("0000")),
        replace(device, module="/nowhere.so"),
    ):
        with pytest.raises(DeviceAway, match="MEGURU_PKCS11") as away:
            wrong.open()
        assert PIN not in str(away.value)
    assert device.open().signing_cert, "it opens again after all of these"


def test_a_key_that_is_not_its_certificate_s_is_refused(device: Device, tmp_path: Path) -> None:
    with pytest.raises(BadKey, match="対になっていません"):
        Signer.load(tmp_path, Means(device=replace(device, label="other")))


@sample.needs_fonts
def test_a_device_that_goes_away_is_said_and_opened_again(device: Device, tmp_path: Path) -> None:
    signer = Signer.load(tmp_path, Means(device=device))
    signer.signer.pkcs11_session.close()  # type: ignore[attr-defined]  # it is the device's
    unsigned = sample.press().render(sample.destruction(), sample.COPIES, b"{}")
    with pytest.raises(DeviceAway):
        signer.sign(unsigned, at=sample.ISSUED)
    assert Signer.load(tmp_path, Means(device=device)).sign(unsigned, at=sample.ISSUED).startswith(unsigned)


@sample.needs_fonts
def test_the_press_room_says_that_the_device_went_away_and_opens_it_for_the_next_certificate(
    device: Device, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in {"MODULE": MODULE, "TOKEN": TOKEN, "LABEL": LABEL, "PIN": PIN}.items():
        monkeypatch.setenv(f"MEGURU_PKCS11_{name}", value)
    do = issuing.work(sample.FOLDER, tmp_path, sample.ORIGIN)

    def outcome() -> Outcome:
        return Outcome.model_validate_json(do(asked().model_dump_json().encode()))

    assert outcome().files
    pkcs11.lib(MODULE).reinitialize()  # what was open is closed, as when a cable was pulled
    assert "MEGURU_PKCS11" in (outcome().unmakeable or "")
    assert outcome().files
    monkeypatch.setenv("MEGURU_PKCS11_TOKEN", "none")
    pkcs11.lib(MODULE).reinitialize()
    assert outcome().unmakeable
    assert "MEGURU_PKCS11" in (outcome().not_ready or "")


def asked() -> Job:
    """A certificate to make, without the service around it."""
    given = sample.destruction()
    cited, place = sample.cited(sample.entry(given), LOG)
    given = given.model_copy(update={"log": place})
    order = Order(
        certificate=UUID(int=1),
        tenant="town",
        number=given.number,
        kind="destruction",
        item=UUID(given.item),
        engagement=UUID(int=2),
        medium=UUID(given.medium),
        cited=UUID(int=3),
        traceparent=None,
        input_sha256=None,
        body=cited.entry,
        salt=cited.salt,
        log_index=0,
        path=(),
        checkpoint=cited.proof.split("\n\n", 1)[1],
    )
    return Job(order=order, stored=canonical(given), copies=sample.COPIES)


def test_half_a_setting_is_said(device: Device) -> None:
    whole: Any = {"pkcs11_module": MODULE, "pkcs11_token": TOKEN, "pkcs11_label": LABEL, "pkcs11_pin": SecretStr(PIN)}
    assert Means.of(SigningSettings(**whole)).device == device
    for left in ("pkcs11_token", "pkcs11_label"):
        with pytest.raises(BadKey, match="MEGURU_PKCS11"):
            Means.of(SigningSettings(**whole | {left: ""}))
