"""Frozen certificates, and a way to sign altered ones with a key of our own: an issuer that lies."""

import json
from base64 import b64encode
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from verifier.credential import canonical
from verifier.keys import Keys

DATA = Path(__file__).parent / "data"
PDF, TRACKING_PDF = (DATA / "destruction.pdf").read_bytes(), (DATA / "tracking.pdf").read_bytes()
JSON, TRACKING_JSON = (DATA / "destruction.json").read_bytes(), (DATA / "tracking.json").read_bytes()
ERASURE_PDF, ERASURE_JSON = (DATA / "erasure.pdf").read_bytes(), (DATA / "erasure.json").read_bytes()
PROOF = (DATA / "entry.tlog-proof").read_bytes()
KEY_TEXT = (DATA / "key.txt").read_text("utf-8")
KEYS = Keys.parse(KEY_TEXT)

LIAR = Ed25519PrivateKey.from_private_bytes(bytes([7] * 32))
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


LOT_PDF, LOT_JSON = (DATA / "lot.pdf").read_bytes(), (DATA / "lot.json").read_bytes()
REVOKED = (DATA / "revoked.json").read_bytes()


def vkey(name: str, key: Ed25519PrivateKey) -> str:
    material = b"\x01" + key.public_key().public_bytes_raw()
    identifier = sha256(name.encode() + b"\n" + material).hexdigest()[:8]
    return f"{name}+{identifier}+{b64encode(material).decode()}\n"


TRUSTED_LIAR = Keys.parse(KEY_TEXT + vkey("example.jp/log/credential", LIAR))


def base58(data: bytes) -> str:
    number, text = int.from_bytes(data), ""
    while number:
        number, digit = divmod(number, 58)
        text = _BASE58[digit] + text
    zeros = len(data) - len(data.lstrip(b"\0"))  # of 256 signatures one begins with a zero
    return "z" + "1" * zeros + text


def resigned(document: dict[str, Any], key: Ed25519PrivateKey = LIAR, created: str = "") -> bytes:
    """Sign a document anew with `key`, as its issuer would."""
    multibase = base58(b"\xed\x01" + key.public_key().public_bytes_raw())
    document = {name: value for name, value in document.items() if name != "proof"}
    document["issuer"] = {"id": f"did:key:{multibase}", "name": "liar"}
    proof = {
        "@context": document["@context"],
        "type": "DataIntegrityProof",
        "cryptosuite": "eddsa-jcs-2022",
        "created": created or document["validFrom"],
        "proofPurpose": "assertionMethod",
        "verificationMethod": f"did:key:{multibase}#{multibase}",
    }
    signed = sha256(canonical(proof).encode()).digest() + sha256(canonical(document).encode()).digest()
    return json.dumps({**document, "proof": {**proof, "proofValue": base58(key.sign(signed))}}).encode()
