"""The signature of the PDF (PAdES, ETSI EN 319 142-1: B-T with a time-stamp authority, B-B without) and its keys.

Keys are PEM files. In production a device takes the place of the PDF key's file (`hardware.py`); what is verified later
stays the same. Old keys stay in the verifiers' key file for ever, so rotation invalidates nothing. A key is published
before it signs.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

from asn1crypto import keys, tsp
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.x509.oid import NameOID
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.attributes import CMSAttributeProvider, SignedAttributeProviderSpec, SigningCertificateV2Provider
from pyhanko.sign.fields import InvisSigSettings, MDPPerm, SigFieldSpec, SigSeedSubFilter
from pyhanko.sign.general import as_signing_certificate_v2
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, SimpleSigner
from pyhanko.sign.signers import Signer as CmsSigner
from pyhanko_certvalidator.registry import SimpleCertificateStore

from services.certificates.document import credential
from services.certificates.keys import LOG, ORGANISATION, PUBLIC, SUBJECT, add, fingerprint, lines
from shared.key_folder import edition as edition_of
from shared.key_folder import replace_file
from shared.settings import SigningSettings
from verifier.keys import Keys

if TYPE_CHECKING:
    from services.certificates.hardware import Device
    from services.certificates.timestamps import Authority

PDF_KEY, PDF_CERTIFICATE, CREDENTIAL_KEY = "pdf-key.pem", "pdf-certificate.pem", "credential-key.pem"
BYTES_RESERVED = 8192  # of the signature's hex, so that nothing is signed twice to learn its length
STAMP_RESERVED = 24576  # the same for a time stamp: `timestamps.TOKEN_SIZE_MAX` in hex
FIELD = "Meguru"
LIFETIME_DAYS = 3650
UNSEEN = InvisSigSettings(box_out_of_bounds=True)  # printable flag for PDF/A, off the page for PDF/UA

UNENCRYPTED = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


_FINGERPRINT = re.compile(r"[0-9a-f]{64}")


class BadKey(ValueError):
    """A key that is not what its name says, or must not sign. Its text says what to do."""


@dataclass(frozen=True, slots=True)
class Means:
    """What signs beside the key files: a device that holds the PDF key, an authority that stamps; often neither."""

    device: "Device | None" = None
    authority: "Authority | None" = None

    @classmethod
    def of(cls, known: SigningSettings) -> "Means":
        """Read the settings. Raises BadKey for those that are half set."""
        return cls(_device(known), _authority(known))


def _device(known: SigningSettings) -> "Device | None":
    if not known.pkcs11_module:
        return None
    if not known.pkcs11_token or not known.pkcs11_label:
        raise BadKey(
            "MEGURU_PKCS11_TOKEN と MEGURU_PKCS11_LABEL も設定してください。"
            " Set MEGURU_PKCS11_TOKEN and MEGURU_PKCS11_LABEL too."
        )
    from services.certificates.hardware import Device  # a library of C, for those who have a device

    return Device(known.pkcs11_module, known.pkcs11_token, known.pkcs11_label, known.pkcs11_pin)


def _authority(known: SigningSettings) -> "Authority | None":
    if not known.tsa:
        return None
    named = frozenset(known.tsa_certificate_sha256.lower().replace(",", " ").split())
    if not named or not all(map(_FINGERPRINT.fullmatch, named)):
        raise BadKey(
            "MEGURU_TSA_CERTIFICATE_SHA256 に、時刻認証局の証明書の SHA-256（16進64桁）を設定してください。"
            " Set MEGURU_TSA_CERTIFICATE_SHA256 to the SHA-256 of the authority's certificate, 64 hex digits."
        )
    from services.certificates.timestamps import Authority

    return Authority(known.tsa, named)


ALONE = Means()


def make_keys(folder: Path, *, subject: str, organisation: str, at: datetime, means: Means = ALONE) -> None:
    """Make what is missing of a machine's development keys in `folder`, readable by its owner only; keep what exists.

    `subject` and `organisation` name the signer in the certificate, which signs itself from `at` for ten years. A PDF
    key that a device holds is not made. Raises OSError.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not means.device and not any((folder / name).exists() for name in (PDF_KEY, PDF_CERTIFICATE)):
        _keep_pair(folder, *_new_pair(subject, organisation, at))
    if not (folder / CREDENTIAL_KEY).exists():
        replace_file(folder / CREDENTIAL_KEY, Ed25519PrivateKey.generate().private_bytes(*UNENCRYPTED), 0o600)


def _new_pair(subject: str, organisation: str, at: datetime) -> tuple[bytes, bytes]:
    key = ec.generate_private_key(ec.SECP256R1())
    certificate = _self_signed(key, subject, organisation, at)
    return key.private_bytes(*UNENCRYPTED), certificate.public_bytes(serialization.Encoding.PEM)


def _keep_pair(folder: Path, key: bytes, certificate: bytes) -> None:
    """Keep a key with its certificate behind it in one file, so that one rename exchanges both.

    The certificate's own file is for people; it is read where the key's file holds none (a pair that was put there).
    """
    replace_file(folder / PDF_KEY, key + certificate, 0o600)
    replace_file(folder / PDF_CERTIFICATE, certificate, 0o600)


def load_pdf_certificate(folder: Path) -> x509.Certificate:
    """Read the certificate of the PDF key's file. Raises FileNotFoundError, ValueError."""
    content = (folder / PDF_KEY).read_bytes()
    if b"-----BEGIN CERTIFICATE-----" not in content:
        content = (folder / PDF_CERTIFICATE).read_bytes()
    return x509.load_pem_x509_certificate(content)


def load_credential_key(folder: Path) -> Ed25519PrivateKey:
    """Read the key that signs credentials. Raises BadKey, FileNotFoundError."""
    key = serialization.load_pem_private_key((folder / CREDENTIAL_KEY).read_bytes(), None)
    if not isinstance(key, Ed25519PrivateKey):
        raise BadKey(f"{CREDENTIAL_KEY} は Ed25519 の鍵ではありません。鍵のフォルダーを確かめてください。")
    return key


@dataclass(frozen=True, slots=True)
class Signer:
    """A key and its certificate, prepared once; `sign` may be called in any thread."""

    certificate: asn1_x509.Certificate
    signer: CmsSigner
    authority: "Authority | None" = None

    @classmethod
    def load(cls, folder: Path, means: Means = ALONE) -> "Signer":
        """Read the PDF key and its certificate, or open the device that holds them.

        Raises BadKey when they do not belong together, FileNotFoundError, DeviceAway.
        """
        made = cls._of_device(means.device) if means.device else cls._of_files(folder)
        return replace(made, authority=means.authority)

    @classmethod
    def _of_device(cls, device: "Device") -> "Signer":
        from services.certificates.hardware import belong_together

        signer = device.open()
        if not belong_together(signer):
            raise BadKey(
                f"装置の「{device.label}」の鍵と証明書が対になっていません。 "
                f"Key and certificate {device.label!r} of the device do not belong together."
            )
        own = signer.signing_cert
        signer.signed_attr_prov_spec = _Attributes(own)
        return cls(own, signer)

    @classmethod
    def _of_files(cls, folder: Path) -> "Signer":
        key = serialization.load_pem_private_key((folder / PDF_KEY).read_bytes(), None)
        certificate = load_pdf_certificate(folder)
        if not isinstance(key, ec.EllipticCurvePrivateKey) or key.public_key() != certificate.public_key():
            raise BadKey(f"{PDF_KEY} と {PDF_CERTIFICATE} が対になっていません。鍵のフォルダーを確かめてください。")
        der = key.private_bytes(serialization.Encoding.DER, UNENCRYPTED[1], UNENCRYPTED[2])
        own = asn1_x509.Certificate.load(certificate.public_bytes(serialization.Encoding.DER))
        alone = SimpleCertificateStore()  # type: ignore[no-untyped-call]  # half typed wheel; only the signer's is embedded
        simple = SimpleSigner(own, keys.PrivateKeyInfo.load(der), alone)
        simple.signed_attr_prov_spec = _Attributes(own)
        return cls(own, simple)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the certificate, in hex: the line `pdf-certificate-sha256` of a verifier's key file."""
        return sha256(self.certificate.dump()).hexdigest()

    def sign(self, pdf: bytes, *, at: datetime, reason: str = "証明書の発行") -> bytes:
        """Return the PDF with one certifying signature that allows no later change; `at` is the time it claims.

        Where an authority is set its time stamp is in the signature. Raises NoStamp, DeviceAway.
        """
        metadata = PdfSignatureMetadata(
            field_name=FIELD,
            md_algorithm="sha256",
            name=self.certificate.subject.native["common_name"],
            reason=reason,
            subfilter=SigSeedSubFilter.PADES,
            certify=True,
            docmdp_permissions=MDPPerm.NO_CHANGES,
        )
        out, stamper, reserved = BytesIO(), None, BYTES_RESERVED
        if self.authority:
            from services.certificates.timestamps import Stamper

            stamper, reserved = Stamper(self.authority, at), BYTES_RESERVED + STAMP_RESERVED
        _PdfSigner(metadata, self.signer, at, stamper).sign_pdf(
            IncrementalPdfFileWriter(BytesIO(pdf)), output=out, bytes_reserved=reserved
        )
        return out.getvalue()


class _Attributes(SignedAttributeProviderSpec):
    """The signed attributes of PAdES B-B beside digest and type: the reference to the certificate, encoded once.

    asn1crypto encodes what it assembled itself anew whenever a part around it is asked for (164 times a signature, half
    of its time); what was read from bytes it keeps.
    """

    def __init__(self, certificate: asn1_x509.Certificate) -> None:
        self.provider = _Reference(certificate)

    def signed_attr_providers(self, data_digest: bytes, digest_algorithm: str) -> Iterable[CMSAttributeProvider]:  # noqa: ARG002  # pyhanko's own signature
        return (self.provider,)


class _Reference(SigningCertificateV2Provider):
    def __init__(self, certificate: asn1_x509.Certificate) -> None:
        super().__init__(certificate)
        self.encoded = as_signing_certificate_v2(certificate).dump()

    async def build_attr_value(self, dry_run: bool = False) -> tsp.SigningCertificateV2:  # noqa: ARG002, FBT001, FBT002  # pyhanko's own signature
        return tsp.SigningCertificateV2.load(self.encoded)


class _PdfSigner(PdfSigner):
    """pyhanko's signer with the time given instead of read from the machine's clock."""

    def __init__(self, metadata: PdfSignatureMetadata, signer: CmsSigner, at: datetime, stamper: Any) -> None:
        field = SigFieldSpec(FIELD, invis_sig_settings=UNSEEN)
        super().__init__(metadata, signer, timestamper=stamper, new_field_spec=field)
        self.at = at

    def init_signing_session(self, pdf_out: Any, existing_fields_only: bool = False) -> Any:  # noqa: FBT001, FBT002  # pyhanko's own signature
        session = super().init_signing_session(pdf_out, existing_fields_only)
        session.system_time = self.at
        return session


def publish(folder: Path, origin: str, at: datetime, means: Means = ALONE) -> None:
    """Make what is missing of the keys and add their public halves to those published; `origin` is the log's.

    Raises BadKey for a key that is revoked or the log's own, OSError.
    """
    make_keys(folder, subject=SUBJECT, organisation=ORGANISATION, at=at, means=means)
    wanted = key_lines(folder, origin, means).splitlines()
    _refuse_foreign(folder, wanted)
    add(folder, wanted, at)
    for line in lines((folder / PUBLIC).read_text("utf-8")):
        if line.key in wanted and line.revoked and line.revoked <= at:
            raise BadKey(
                f"鍵 {line.fingerprint}（{line.kind}）は失効しています。新しい鍵に替えてください。 "
                f"The key {line.fingerprint} ({line.kind}) is revoked: put a new one in its place."
            )


def _refuse_foreign(folder: Path, wanted: list[str]) -> None:
    """Refuse a key that serves another purpose too: a signature for the one would do for the other. Raises BadKey."""
    log = folder / LOG
    known = Keys.parse("\n".join(wanted) + "\n" + (log.read_text("utf-8") if log.exists() else ""))
    public = [key.public for key in (*known.logs, *known.credentials, *known.witnesses)]
    certificates = [*known.certificates, *known.timestamps]
    if len(set(public)) < len(public) or len(set(certificates)) < len(certificates):
        raise BadKey(
            "ひとつの鍵が二つの役目に使われています。台帳、JSON、PDF、時刻認証の鍵は別々にしてください。 "
            "One key is used for two purposes: log, JSON, PDF and time stamps must have keys of their own."
        )


def key_lines(folder: Path, origin: str, means: Means = ALONE) -> str:
    """Return this machine's lines of a verifier's key file; the log's own vkey comes from tracking."""
    public = load_credential_key(folder).public_key()
    stamps = sorted(means.authority.certificates) if means.authority else ()
    return (
        f"{credential.vkey(public, origin)}\npdf-certificate-sha256 {Signer.load(folder, means).fingerprint}\n"
        + "".join(f"timestamp-certificate-sha256 {one}\n" for one in stamps)
    )


def edition(folder: Path) -> tuple[tuple[int, int] | None, ...]:
    """Return what changes when a key file is exchanged, without reading one."""
    return tuple(edition_of(folder / name) for name in (PDF_KEY, PDF_CERTIFICATE, CREDENTIAL_KEY))


def rotate_pdf(folder: Path, at: datetime) -> str:
    """Make a new PDF key in the name of the old one's signer, publish it, let it sign. Returns its fingerprint.

    The old private key stays beside it under its own fingerprint. Raises FileNotFoundError, ValueError, OSError.
    """
    old = load_pdf_certificate(folder)
    subject, organisation = (
        str(old.subject.get_attributes_for_oid(oid)[0].value)
        for oid in (NameOID.COMMON_NAME, NameOID.ORGANIZATION_NAME)
    )
    key, certificate = _new_pair(subject, organisation, at)
    _retire(folder / PDF_KEY, old.fingerprint(hashes.SHA256()).hex())
    _retire(folder / PDF_CERTIFICATE, old.fingerprint(hashes.SHA256()).hex())
    made = x509.load_pem_x509_certificate(certificate).fingerprint(hashes.SHA256()).hex()
    add(folder, [f"pdf-certificate-sha256 {made}"], at)
    _keep_pair(folder, key, certificate)  # from the first rename in here on, the new key signs
    return made


def rotate_credential(folder: Path, origin: str, at: datetime) -> str:
    """Make a new credential key, publish it, let it sign. Returns the eight digits it is named by. Raises as above."""
    old = credential.vkey(load_credential_key(folder).public_key(), origin)
    key = Ed25519PrivateKey.generate()
    vkey = credential.vkey(key.public_key(), origin)
    _retire(folder / CREDENTIAL_KEY, fingerprint(old))
    add(folder, [vkey], at)
    replace_file(folder / CREDENTIAL_KEY, key.private_bytes(*UNENCRYPTED), 0o600)  # from here on the new key signs
    return fingerprint(vkey)


def _retire(path: Path, fingerprint: str) -> None:
    """Keep what is about to be replaced, under its fingerprint, until the operator removes it."""
    kept = path.with_name(f"{path.stem}-{fingerprint[:16]}{path.suffix}")
    if path.exists() and not kept.exists():
        kept.hardlink_to(path)


def _self_signed(key: ec.EllipticCurvePrivateKey, subject: str, organisation: str, at: datetime) -> x509.Certificate:
    name = x509.Name(
        [
            x509.NameAttribute(NameOID.COUNTRY_NAME, "JP"),
            x509.NameAttribute(NameOID.ORGANIZATION_NAME, organisation),
            x509.NameAttribute(NameOID.COMMON_NAME, subject),
        ]
    )
    usage = x509.KeyUsage(
        digital_signature=True,
        content_commitment=True,  # "non-repudiation": what PDF readers ask of a document's signer
        key_encipherment=False,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=False,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )
    return (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(at.astimezone(UTC))
        .not_valid_after(at.astimezone(UTC) + timedelta(days=LIFETIME_DAYS))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, hashes.SHA256())
    )
