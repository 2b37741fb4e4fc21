"""A PDF key that never leaves its device: a hardware security module or a token, by PKCS #11 (OASIS, v2.40).

Key and certificate lie there under one label. The device is given a digest (CKM_ECDSA or CKM_RSA_PKCS), which every
module can sign; SoftHSM, which tests use, knows no other for ECDSA.
"""

import asyncio
from dataclasses import dataclass

import pkcs11
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from pydantic import SecretStr
from pyhanko.config.pkcs11 import TokenCriteria
from pyhanko.sign.pkcs11 import PKCS11Signer, open_pkcs11_session

PROBE = b"meguru: does this key belong to this certificate?"
FAULTS = (pkcs11.PKCS11Error, OSError, ValueError, RuntimeError)


class DeviceAway(OSError):
    """The device does not answer, or has no such key. Its text says what to look at."""

    def __init__(self, failure: Exception) -> None:
        said = f"{type(failure).__name__}: {failure}" if str(failure) else type(failure).__name__
        super().__init__(
            f"署名の装置（PKCS #11）が使えません（{said}）。装置と MEGURU_PKCS11_* の設定を確かめてください。"
            f" The signing device (PKCS #11) cannot be used ({said}): check it and the settings MEGURU_PKCS11_*."
        )


@dataclass(frozen=True, slots=True)
class Device:
    """Where the key is: the module's library, the token's label, the label of key and certificate, the user's PIN."""

    module: str
    token: str
    label: str
    pin: SecretStr

    def open(self) -> "DeviceSigner":
        """Return a signer that has key and certificate at hand. Raises DeviceAway."""
        try:
            pkcs11.lib(self.module).reinitialize()  # a module may keep a list of slots from before the device came back
            session = open_pkcs11_session(
                self.module,
                token_criteria=TokenCriteria(label=self.token),
                user_pin=self.pin.get_secret_value() or None,
            )
            signer = DeviceSigner(session, cert_label=self.label, use_raw_mechanism=True)
            signer.signing_cert  # noqa: B018 - reading it fetches key and certificate
        except FAULTS as failure:
            raise DeviceAway(failure) from failure
        return signer


class DeviceSigner(PKCS11Signer):
    """pkcs11's faults in our words: most of them come without any."""

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:  # noqa: FBT001, FBT002  # pyhanko's own signature
        """Return the signature value. Raises DeviceAway."""
        try:
            return bytes(await super().async_sign_raw(data, digest_algorithm, dry_run))
        except FAULTS as failure:
            raise DeviceAway(failure) from failure


def belong_together(signer: DeviceSigner) -> bool:
    """Tell whether the device's key is that of the certificate beside it: what it signs must verify.

    Raises DeviceAway.
    """
    signature = asyncio.run(signer.async_sign_raw(PROBE, "sha256"))
    public = x509.load_der_x509_certificate(signer.signing_cert.dump()).public_key()
    try:
        match public:
            case ec.EllipticCurvePublicKey():
                public.verify(signature, PROBE, ec.ECDSA(hashes.SHA256()))
            case rsa.RSAPublicKey():
                public.verify(signature, PROBE, padding.PKCS1v15(), hashes.SHA256())
            case _:
                return False
    except InvalidSignature:
        return False
    return True
