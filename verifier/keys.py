"""The keys one trusts, in a text file that may only grow: old keys stay, so old certificates stay verifiable.

# comment
example.jp/log+1a2b3c4d+A…            the log's key (C2SP vkey, named like the log's origin)
example.jp/log/credential+5e6f7a8b+A… the key that signs the JSON
witness.example/w1+9c0d1e2f+B…        the key of a witness that cosigns the log's heads
pdf-certificate-sha256 0123…          the certificate that signs the PDF
timestamp-certificate-sha256 4567…    the certificate of a time-stamping authority one trusts, if any

Behind a key may stand `revoked=2027-01-05T00:00:00Z`: what it signed before that moment stays true, what it signed from
then on is not believed. Behind a log's key may stand `until=1234`: it signs heads of up to 1,234 entries, and is not
believed under a larger one. Where a key stands twice, its earliest end of each kind counts.
"""

import re
from base64 import b64decode
from binascii import Error as BadBase64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path

CREDENTIAL = "/credential"
ED25519 = 1  # c2sp.org/signed-note, "Signature types"
COSIGNATURE = 4  # the same; c2sp.org/tlog-cosignature
ED25519_SIZE = 32  # bytes

_VKEY = re.compile(r"([^\s+]+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})")
_CERTIFICATES = {"pdf-certificate-sha256": "pdf", "timestamp-certificate-sha256": "timestamp"}
_FINGERPRINT = re.compile(r"[0-9a-f]{64}")
_REVOKED = re.compile(r"revoked=(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ)", re.ASCII)
_UNTIL = re.compile(r"until=(0|[1-9][0-9]{0,18})", re.ASCII)


class BadKeys(ValueError):
    """A key file with a line that is no key."""


@dataclass(frozen=True, slots=True)
class Key:
    """A named Ed25519 public key, from when on it is not believed, and (a log's) up to which size it signs heads."""

    name: str
    id: bytes
    public: bytes
    type: int = ED25519
    revoked: datetime | None = None
    until: int | None = None

    def covers(self, size: int) -> bool:
        """Whether a head of so many entries may be signed with it."""
        return self.until is None or size <= self.until


@dataclass(frozen=True, slots=True)
class End:
    """What stands behind a key: from when on it is not believed, up to which size it signs."""

    revoked: datetime | None = None
    until: int | None = None

    def __or__(self, other: "End") -> "End":
        revoked = min((one.revoked for one in (self, other) if one.revoked), default=None)
        return End(revoked, min((one.until for one in (self, other) if one.until is not None), default=None))


@dataclass(frozen=True, slots=True)
class Keys:
    """Everything a certificate may be signed with; certificates by their SHA-256, with their revocation if any."""

    logs: tuple[Key, ...]
    credentials: tuple[Key, ...]
    certificates: Mapping[str, datetime | None]
    timestamps: Mapping[str, datetime | None] = field(default_factory=dict)
    witnesses: tuple[Key, ...] = ()

    @classmethod
    def parse(cls, text: str) -> "Keys":
        """Read a key file. Raises BadKeys, naming the line."""
        keys: dict[Key, End] = {}
        certificates: dict[str, dict[str, datetime | None]] = {"pdf": {}, "timestamp": {}}
        for number, line in enumerate(text.splitlines(), 1):
            match line.partition("#")[0].split():
                case []:
                    pass
                case [word, fingerprint, *marks] if word in _CERTIFICATES and _FINGERPRINT.fullmatch(fingerprint):
                    known = certificates[_CERTIFICATES[word]]
                    known[fingerprint] = (End(known.get(fingerprint)) | _end(marks, number)).revoked
                case [word, *marks]:
                    key = _vkey(word, number)
                    keys[key] = keys.get(key, End()) | _end(marks, number, of_log=_is_log(key))
        known_keys = [replace(key, revoked=end.revoked, until=end.until) for key, end in keys.items()]
        return cls(
            tuple(key for key in known_keys if _is_log(key)),
            tuple(key for key in known_keys if key.type == ED25519 and key.name.endswith(CREDENTIAL)),
            certificates["pdf"],
            certificates["timestamp"],
            tuple(key for key in known_keys if key.type == COSIGNATURE),
        )

    @classmethod
    def read(cls, path: Path) -> "Keys":
        """Read a key file from disk. Raises BadKeys, OSError."""
        return cls.parse(path.read_text("utf-8-sig"))  # Notepad puts a mark before the first line


def _is_log(key: Key) -> bool:
    return key.type == ED25519 and not key.name.endswith(CREDENTIAL)


def _end(marks: Sequence[str], number: int, *, of_log: bool = False) -> End:
    found = End()
    for mark in marks:
        if of_log and (size := _UNTIL.fullmatch(mark)):
            found |= End(until=int(size[1]))
        elif moment := _moment(mark):
            found |= End(moment)
        else:
            raise BadKeys(
                f"鍵の一覧の {number} 行目の「{mark}」が読めません。確認ツールか一覧を新しくしてください。 "
                f"Line {number} of the key file says “{mark}”, which is unknown: update the verifier or the list."
            )
    return found


def _moment(mark: str) -> datetime | None:
    try:
        found = _REVOKED.fullmatch(mark)
        return datetime.fromisoformat(found[1]) if found else None
    except ValueError:  # the 30th of February
        return None


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
    if len(material) != 1 + ED25519_SIZE or material[0] not in (ED25519, COSIGNATURE) or identifier != expected:
        raise BadKeys(
            f"鍵の一覧の {number} 行目（{name}）が壊れています。入手しなおしてください。 "
            f"Line {number} of the key file ({name}) is damaged."
        )
    return Key(name, identifier, material[1:], material[0])
