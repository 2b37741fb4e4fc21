"""The keys one trusts, in a text file that may only grow: old keys stay, so old certificates stay verifiable.

# comment
example.jp/log+1a2b3c4d+A…            the log's key (C2SP vkey, named like the log's origin)
example.jp/log/credential+5e6f7a8b+A… the key that signs the JSON
pdf-certificate-sha256 0123…          the certificate that signs the PDF
timestamp-certificate-sha256 4567…    the certificate of a time-stamping authority one trusts, if any
"""

import re
from base64 import b64decode
from binascii import Error as BadBase64
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

CREDENTIAL = "/credential"
ED25519 = 1  # c2sp.org/signed-note, "Signature types"
ED25519_SIZE = 32  # bytes

_VKEY = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})")
_CERTIFICATE = re.compile(r"(pdf|timestamp)-certificate-sha256\s+([0-9a-f]{64})")


class BadKeys(ValueError):
    """A key file with a line that is no key."""


@dataclass(frozen=True, slots=True)
class Key:
    """A named Ed25519 public key."""

    name: str
    id: bytes
    public: bytes


@dataclass(frozen=True, slots=True)
class Keys:
    """Everything a certificate may be signed with."""

    logs: tuple[Key, ...]
    credentials: tuple[Key, ...]
    certificates: frozenset[str]
    timestamps: frozenset[str] = frozenset()

    @classmethod
    def parse(cls, text: str) -> "Keys":
        """Read a key file. Raises BadKeys, naming the line."""
        keys: list[Key] = []
        certificates: dict[str, set[str]] = {"pdf": set(), "timestamp": set()}
        for number, line in enumerate(text.splitlines(), 1):
            said = line.partition("#")[0].strip()
            if found := _CERTIFICATE.fullmatch(said):
                certificates[found[1]].add(found[2])
            elif said:
                keys.append(_vkey(said, number))
        return cls(
            tuple(key for key in keys if not key.name.endswith(CREDENTIAL)),
            tuple(key for key in keys if key.name.endswith(CREDENTIAL)),
            frozenset(certificates["pdf"]),
            frozenset(certificates["timestamp"]),
        )

    @classmethod
    def read(cls, path: Path) -> "Keys":
        """Read a key file from disk. Raises BadKeys, OSError."""
        return cls.parse(path.read_text("utf-8"))


def _vkey(text: str, number: int) -> Key:
    parts = _VKEY.fullmatch(text)
    if not parts:
        raise BadKeys(f"鍵の一覧の {number} 行目が読めません。 Line {number} of the key file is no key.")
    name, identifier = parts[1], bytes.fromhex(parts[2])
    try:
        material = b64decode(parts[3], validate=True)
    except BadBase64:
        material = b""
    expected = sha256(name.encode() + b"\n" + material).digest()[:4]
    if len(material) != 1 + ED25519_SIZE or material[0] != ED25519 or identifier != expected:
        raise BadKeys(
            f"鍵の一覧の {number} 行目（{name}）が壊れています。入手しなおしてください。 "
            f"Line {number} of the key file ({name}) is damaged."
        )
    return Key(name, identifier, material[1:])
