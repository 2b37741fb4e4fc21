"""The certificate for machines: a W3C Verifiable Credential 2.0 under `eddsa-jcs-2022`, self-contained for ever.

It holds the whole input and, for every cited entry, the entry's own bytes, its salt and its `c2sp.org/tlog-proof@v1`,
so that a stranger recomputes digest, leaf and root without asking anybody. The issuer is a `did:key`: the key is in the
name, and whether to trust it is decided by the reader's list of keys.
"""

from base64 import b64encode
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from services.certificates.document import jcs, words
from services.certificates.document.inputs import Input, LotInput, MediumCertificate, plain

CONTEXT = [  # the second defines whatever the first does not, so that plain field names are valid terms
    "https://www.w3.org/ns/credentials/v2",
    "https://www.w3.org/ns/credentials/undefined-terms/v2",
]
TYPES = {
    "destruction": "DestructionCertificate",
    "erasure": "ErasureCertificate",
    "tracking": "TrackingCertificate",
    "lot": "LotCertificate",
}
ED25519_MULTICODEC = b"\xed\x01"
NOTE_TYPE_ED25519 = b"\x01"  # c2sp.org/signed-note

_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


@dataclass(frozen=True, slots=True)
class Cited:
    """An entry the certificate stands on: its stored bytes, its salt, the text of its log proof."""

    entry: bytes
    salt: bytes
    proof: str


def issue(given: Input, cited: Sequence[Cited], key: Ed25519PrivateKey) -> bytes:
    """Return the signed credential in canonical JSON. The same input and key give the same bytes (RFC 8032).

    Raises ValueError when an entry is not UTF-8.
    """
    document: dict[str, Any] = {
        "@context": CONTEXT,
        "id": given.verify_url,
        "type": ["VerifiableCredential", TYPES[given.kind]],
        "validFrom": words.rfc3339(given.issued_at),
        "credentialSubject": {"id": f"urn:uuid:{_subject(given)}", **plain(given)},
        "evidence": [
            {"type": ["LoggedEntry"], "entry": one.entry.decode(), "salt": one.salt.hex(), "proof": one.proof}
            for one in cited
        ],
    }
    return sign(document, given.issuer, key)


def sign(document: Mapping[str, Any], issuer: str, key: Ed25519PrivateKey) -> bytes:
    """Return a document in canonical JSON, signed by `key` in the name of `issuer`."""
    named = {**document, "issuer": {"id": did(key.public_key()), "name": issuer}}
    return jcs.canonical({**named, "proof": _proof(named, key)})


def did(key: Ed25519PublicKey) -> str:
    """Return the `did:key` of a public key."""
    return f"did:key:{multibase(ED25519_MULTICODEC + key.public_bytes_raw())}"


def vkey(key: Ed25519PublicKey, origin: str) -> str:
    """Return the line by which a verifier's key file names the credential key: a vkey called `<origin>/credential`."""
    name, material = f"{origin}/credential", NOTE_TYPE_ED25519 + key.public_bytes_raw()
    identifier = sha256(name.encode() + b"\n" + material).digest()[:4]
    return f"{name}+{identifier.hex()}+{b64encode(material).decode()}"


def multibase(data: bytes) -> str:
    """Write bytes in base58-btc with its prefix z."""
    number, digits = int.from_bytes(data), ""
    while number:
        number, digit = divmod(number, 58)
        digits = _BASE58[digit] + digits
    return "z" + "1" * (len(data) - len(data.lstrip(b"\0"))) + digits


def _subject(given: Input) -> str:
    if isinstance(given, LotInput):
        return given.engagement
    return given.medium if isinstance(given, MediumCertificate) else given.item


def _proof(document: dict[str, Any], key: Ed25519PrivateKey) -> dict[str, Any]:
    """Sign by Data Integrity EdDSA Cryptosuites §3.3, eddsa-jcs-2022: hash of the options, hash of the document."""
    issuer = document["issuer"]["id"]
    options = {
        "@context": document["@context"],
        "type": "DataIntegrityProof",
        "cryptosuite": "eddsa-jcs-2022",
        "created": document["validFrom"],
        "verificationMethod": f"{issuer}#{issuer.removeprefix('did:key:')}",
        "proofPurpose": "assertionMethod",
    }
    hashes = sha256(jcs.canonical(options)).digest() + sha256(jcs.canonical(document)).digest()
    return {**options, "proofValue": multibase(key.sign(hashes))}
