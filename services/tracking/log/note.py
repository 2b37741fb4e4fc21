"""Signed notes and checkpoints (C2SP signed-note, tlog-checkpoint) with Ed25519.

The same form signs the head of our log, a witness's view of it and, in tests, anything one line long.
"""

import re
from base64 import b64decode, b64encode
from binascii import Error as BadBase64
from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from services.tracking.log.merkle import HASH_SIZE

ED25519 = b"\x01"  # signed-note, "Signature types"
NOTE_SIZE_MAX = 64 * 1024  # bytes: sixteen post-quantum signatures would fit, an attack would not
SIGNATURES_MAX = 64

_SIGNATURE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


class BadNote(ValueError):
    """A note, a verifier key or a checkpoint that is malformed or not signed by a key we trust."""


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A named public key, written `name+id+base64` (a vkey)."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """The four bytes that tell keys of one name apart."""
        return sha256(self.name.encode() + b"\n" + ED25519 + self.public).digest()[:4]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a vkey. Raises BadNote."""
        name, plus, rest = text.strip().partition("+")
        identifier, _, material = rest.partition("+")
        key = _decode(material) if plus else b""
        if not _good_name(name) or key[:1] != ED25519 or len(key) != 1 + 32:
            raise BadNote("a verifier key is written name+id+base64 and holds an Ed25519 key")
        found = cls(name, key[1:])
        if found.id.hex() != identifier:
            raise BadNote(f"the id of the verifier key {name} does not fit its key")
        return found

    def __str__(self) -> str:
        return f"{self.name}+{self.id.hex()}+{b64encode(ED25519 + self.public).decode()}"


@dataclass(frozen=True, slots=True)
class NoteSigner:
    """A named Ed25519 key that signs notes."""

    name: str
    private: Ed25519PrivateKey

    @classmethod
    def new(cls, name: str) -> Self:
        """Draw a key. Raises BadNote for a name with a space or a plus."""
        return cls._named(name, Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, name: str, pem: bytes) -> Self:
        """Read an unencrypted PKCS #8 PEM. Raises BadNote when it holds no Ed25519 key."""
        key = serialization.load_pem_private_key(pem, None)
        if not isinstance(key, Ed25519PrivateKey):
            raise BadNote("a note is signed with an Ed25519 key; this file holds another kind")
        return cls._named(name, key)

    @classmethod
    def _named(cls, name: str, key: Ed25519PrivateKey) -> Self:
        if not _good_name(name):
            raise BadNote(f"a key's name has no space and no plus: {name!r}")
        return cls(name, key)

    def to_pem(self) -> bytes:
        """Write the key as unencrypted PKCS #8 PEM; the file's permissions protect it."""
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )

    @property
    def vkey(self) -> VerifierKey:
        """The public half."""
        return VerifierKey(self.name, self.private.public_key().public_bytes_raw())

    def sign(self, text: str) -> str:
        """Return the signed note of a text. Raises BadNote for a text that is no note's text."""
        _check_text(text)
        return f"{text}\n{self._line(text)}"

    def cosign(self, note: str) -> str:
        """Add a signature line to a note that others have signed."""
        return note + self._line(split(note)[0])

    def _line(self, text: str) -> str:
        signature = self.vkey.id + self.private.sign(text.encode())
        return f"— {self.name} {b64encode(signature).decode()}\n"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """The head of a log: who, how many, which root."""

    origin: str
    size: int
    root: bytes

    def __str__(self) -> str:
        return f"{self.origin}\n{self.size}\n{b64encode(self.root).decode()}\n"

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a checkpoint's text; extension lines are passed over. Raises BadNote."""
        lines = text.removesuffix("\n").split("\n")
        if len(lines) < 3 or not all(lines) or not _DECIMAL.fullmatch(lines[1]):  # noqa: PLR2004  # origin, size, root
            raise BadNote("a checkpoint has an origin, a size and a root, one a line")
        root = _decode(lines[2])
        if len(root) != HASH_SIZE:
            raise BadNote("the root of a checkpoint is one SHA-256 hash in base64")
        return cls(lines[0], int(lines[1]), root)


def split(note: str) -> tuple[str, list[tuple[str, bytes, bytes]]]:
    """Take a note apart into its text and (name, key id, signature) of each line. Raises BadNote; verifies nothing."""
    if len(note.encode()) > NOTE_SIZE_MAX:
        raise BadNote(f"a note may have {NOTE_SIZE_MAX} bytes")
    text, gap, lines = note.rpartition("\n\n")
    text += "\n"
    if not gap or not lines.endswith("\n"):
        raise BadNote("a note is a text, an empty line and signature lines")
    _check_text(text)
    rows = lines.removesuffix("\n").split("\n")
    if len(rows) > SIGNATURES_MAX:
        raise BadNote(f"a note may have {SIGNATURES_MAX} signatures")
    signatures = []
    for row in rows:
        if not (parts := _SIGNATURE.fullmatch(row)):
            raise BadNote("a signature line begins with a long dash, a name and base64")
        signature = _decode(parts[2])
        signatures.append((parts[1], signature[:4], signature[4:]))
    return text, signatures


def open_note(note: str, keys: Sequence[VerifierKey]) -> str:
    """Return the text of a note that at least one of `keys` has signed. Raises BadNote.

    A signature line of a known key that does not verify spoils the note; lines of unknown keys are passed over.
    """
    text, signatures = split(note)
    known = {(key.name, key.id): key for key in keys}
    signers = 0
    for name, identifier, signature in signatures:
        if key := known.get((name, identifier)):
            try:
                Ed25519PublicKey.from_public_bytes(key.public).verify(signature, text.encode())
            except InvalidSignature as wrong:
                raise BadNote(f"the signature of {name} does not fit the note") from wrong
            signers += 1
    if not signers:
        raise BadNote("no key we trust has signed this note")
    return text


def _check_text(text: str) -> None:
    if not text.endswith("\n") or any(character < " " and character != "\n" for character in text):
        raise BadNote("a note's text ends with a newline and has no other control character")


def _good_name(name: str) -> bool:
    return bool(name) and "+" not in name and not any(character.isspace() for character in name)


def _decode(text: str) -> bytes:
    try:
        found = b64decode(text, validate=True)
    except (BadBase64, ValueError) as wrong:
        raise BadNote("this is not base64") from wrong
    if b64encode(found).decode() != text:  # one value, one spelling
        raise BadNote("this is not canonical base64")
    return found
