"""The signature of the PDF (PAdES B-B, ETSI EN 319 142-1) and the development keys of one machine.

Keys are PEM files. In production a PKCS #11 or KMS signer takes the place of the file; what is verified later stays the
same. Old keys stay in the verifiers' key file for ever, so rotation invalidates nothing.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import Any

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
from pyhanko_certvalidator.registry import SimpleCertificateStore

from services.certificates.document import credential

PDF_KEY, PDF_CERTIFICATE, CREDENTIAL_KEY = "pdf-key.pem", "pdf-certificate.pem", "credential-key.pem"
BYTES_RESERVED = 8192  # of the signature's hex, so that nothing is signed twice to learn its length
FIELD = "Meguru"
LIFETIME_DAYS = 3650
UNSEEN = InvisSigSettings(box_out_of_bounds=True)  # printable flag for PDF/A, off the page for PDF/UA

UNENCRYPTED = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


class BadKey(ValueError):
    """A key file that holds another kind of key than its name says."""


def make_keys(folder: Path, *, subject: str, organisation: str, at: datetime) -> None:
    """Make what is missing of a machine's development keys in `folder`, readable by its owner only; keep what exists.

    `subject` and `organisation` name the signer in the certificate, which signs itself from `at` for ten years.
    """
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    if not (folder / PDF_CERTIFICATE).exists():
        key = ec.generate_private_key(ec.SECP256R1())
        certificate = _self_signed(key, subject, organisation, at)
        _write(folder / PDF_KEY, key.private_bytes(*UNENCRYPTED))
        _write(folder / PDF_CERTIFICATE, certificate.public_bytes(serialization.Encoding.PEM))
    if not (folder / CREDENTIAL_KEY).exists():
        _write(folder / CREDENTIAL_KEY, Ed25519PrivateKey.generate().private_bytes(*UNENCRYPTED))


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
    simple: SimpleSigner

    @classmethod
    def load(cls, folder: Path) -> "Signer":
        """Read the PDF key and its certificate. Raises BadKey when they do not belong together, FileNotFoundError."""
        key = serialization.load_pem_private_key((folder / PDF_KEY).read_bytes(), None)
        certificate = x509.load_pem_x509_certificate((folder / PDF_CERTIFICATE).read_bytes())
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
        """Return the PDF with one certifying signature that allows no later change; `at` is the time it claims."""
        metadata = PdfSignatureMetadata(
            field_name=FIELD,
            md_algorithm="sha256",
            name=self.certificate.subject.native["common_name"],
            reason=reason,
            subfilter=SigSeedSubFilter.PADES,
            certify=True,
            docmdp_permissions=MDPPerm.NO_CHANGES,
        )
        out = BytesIO()
        _PdfSigner(metadata, self.simple, at).sign_pdf(
            IncrementalPdfFileWriter(BytesIO(pdf)), output=out, bytes_reserved=BYTES_RESERVED
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

    def __init__(self, metadata: PdfSignatureMetadata, simple: SimpleSigner, at: datetime) -> None:
        super().__init__(metadata, simple, new_field_spec=SigFieldSpec(FIELD, invis_sig_settings=UNSEEN))
        self.at = at

    def init_signing_session(self, pdf_out: Any, existing_fields_only: bool = False) -> Any:  # noqa: FBT001, FBT002  # pyhanko's own signature
        session = super().init_signing_session(pdf_out, existing_fields_only)
        session.system_time = self.at
        return session


def key_lines(folder: Path, origin: str) -> str:
    """Return this machine's lines of a verifier's key file; the log's own vkey comes from tracking."""
    public = load_credential_key(folder).public_key()
    return f"{credential.vkey(public, origin)}\npdf-certificate-sha256 {Signer.load(folder).fingerprint}\n"


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


def _write(path: Path, content: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(content)
