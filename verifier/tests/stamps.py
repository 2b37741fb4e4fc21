"""A frozen certificate signed anew by a made-up signer, with a time stamp of a made-up authority: the same key."""

from datetime import UTC, datetime
from functools import cache
from hashlib import sha256
from io import BytesIO
from typing import Any

from asn1crypto import keys
from asn1crypto import x509 as asn1_x509
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, SimpleSigner
from pyhanko.sign.timestamps.dummy_client import DummyTimeStamper
from pyhanko_certvalidator.registry import SimpleCertificateStore

from verifier.tests import sample


@cache
def stamped(at: datetime) -> tuple[bytes, str]:
    """Return a PDF signed now and stamped as of `at`, and the SHA-256 of the certificate that did both."""
    key = rsa.generate_private_key(65537, 2048)  # pyhanko's sample authority knows RSA only
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "sample")])
    builder = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    life = datetime(2021, 1, 1, tzinfo=UTC), datetime(2041, 1, 1, tzinfo=UTC)
    builder = builder.serial_number(7).not_valid_before(life[0]).not_valid_after(life[1])
    made = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.TIME_STAMPING]), critical=True).sign(
        key, hashes.SHA256()
    )
    certificate = asn1_x509.Certificate.load(made.public_bytes(serialization.Encoding.DER))
    private = keys.PrivateKeyInfo.load(
        key.private_bytes(serialization.Encoding.DER, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    stamper: Any = DummyTimeStamper(certificate, private, fixed_dt=at)
    store: Any = SimpleCertificateStore
    metadata = PdfSignatureMetadata(field_name="F", md_algorithm="sha256", subfilter=SigSeedSubFilter.PADES)
    out = BytesIO()
    PdfSigner(metadata, SimpleSigner(certificate, private, store()), timestamper=stamper).sign_pdf(
        IncrementalPdfFileWriter(BytesIO(sample.PDF[: sample.PDF.index(b"%%EOF") + 5])), output=out
    )
    return out.getvalue(), sha256(certificate.dump()).hexdigest()
