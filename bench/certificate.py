"""One destruction certificate with two photos, rendered and signed, and one bare signature of the same key."""

import hashlib
import tempfile
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from meguru.replay import inputs, pilot
from services.certificates.document.inputs import DestructionInput, Photo
from services.certificates.document.render import Press
from services.certificates.signing import Signer, make_keys
from shared.ids import uuid7
from shared.stack.stack import FONTS

AT = datetime(2026, 11, 24, 1, 0, tzinfo=UTC)


def one_certificate() -> Callable[[], bytes]:
    """Return the work of one certificate: a new page each time, photos of a phone's size in bytes as in the replay."""
    folder = Path(tempfile.mkdtemp(prefix="meguru-bench-keys-"))
    make_keys(folder, subject="bench", organisation="bench", at=AT)
    signer, press = Signer.load(folder), Press(FONTS)
    machine = pilot.machines()[0]
    photos = {
        hashlib.sha256(content).hexdigest(): content
        for role in ("before", "after")
        for content in [inputs.photo(machine, role, AT)]
    }
    before, after = photos

    def work() -> bytes:
        given = DestructionInput(
            number=f"D-{uuid7()}",
            issued_at=AT,
            addressee="最上町長",
            issuer="見本センター",
            verify_url="https://localhost/verify",
            item=str(uuid7()),
            label="7K3D9Q2MX",
            medium=str(uuid7()),
            technique="crush",
            tool="粉砕機 2号",
            treated_at=AT,
            serial=machine.drive_serial,
            photos=(Photo(sha256=before, role="before"), Photo(sha256=after, role="after")),
        )
        return signer.sign(press.render(given, photos, b"{}"), at=AT)

    return work


def one_signature() -> Callable[[], bytes]:
    """Return the work of one P-256 signature over a PDF's size in bytes: what no certificate can be faster than."""
    key = serialization.load_pem_private_key(
        ec.generate_private_key(ec.SECP256R1()).private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ),
        None,
    )
    document = bytes(200_000)

    def work() -> bytes:
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise TypeError("a P-256 key was made")
        return key.sign(document, ec.ECDSA(hashes.SHA256()))

    return work
