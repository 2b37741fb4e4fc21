"""What witnesses sign of our heads (C2SP tlog-cosignature, Ed25519): "at this time this is the largest I have seen"."""

from base64 import b64decode
from binascii import Error as BadBase64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from services.tracking.log.note import BadNote, split

TYPE = b"\x04"  # signed-note, "Signature types"
KEY_SIZE, TIME_SIZE = 32, 8  # bytes
AHEAD_MAX_S = 300  # a witness's clock may be ahead of ours by so much


@dataclass(frozen=True, slots=True)
class WitnessKey:
    """A witness's name and public key, written `name+id+base64` (a vkey)."""

    name: str
    public: bytes

    @property
    def id(self) -> bytes:
        """The four bytes that tell keys of one name apart."""
        return sha256(self.name.encode() + b"\n" + TYPE + self.public).digest()[:4]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a vkey of a witness. Raises BadNote."""
        name, _, rest = text.strip().partition("+")
        identifier, _, material = rest.partition("+")
        try:
            key = b64decode(material, validate=True)
        except BadBase64 as wrong:
            raise BadNote("a witness's key is written name+id+base64") from wrong
        found = cls(name, key[1:])
        if not name or key[:1] != TYPE or len(key) != 1 + KEY_SIZE or found.id.hex() != identifier:
            raise BadNote(f"this is no key of a witness: {text.strip()[:80]}")
        return found


@dataclass(frozen=True, slots=True)
class Cosignature:
    """One witness's line under a head, checked."""

    witness: str
    at: datetime
    line: str


def cosignatures(note: str, keys: Sequence[WitnessKey], now: datetime) -> tuple[str, list[Cosignature]]:
    """Return the text of a note and which of these witnesses cosigned it.

    Raises BadNote for a line of a known witness that does not fit, or that was made in the future.
    """
    text, signatures = split(note)
    lines = note.rpartition("\n\n")[2].removesuffix("\n").split("\n")
    known = {(key.name, key.id): key for key in keys}
    found = []
    for line, (name, identifier, signature) in zip(lines, signatures, strict=True):
        if not (key := known.get((name, identifier))):
            continue
        seconds = int.from_bytes(signature[:TIME_SIZE])
        message = f"cosignature/v1\ntime {seconds}\n{text}".encode()
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature[TIME_SIZE:], message)
        except InvalidSignature as wrong:
            raise BadNote(f"the cosignature of {name} does not fit the head") from wrong
        if not 0 < seconds <= now.timestamp() + AHEAD_MAX_S:
            raise BadNote(f"the cosignature of {name} is of a time to come, or of none")
        found.append(Cosignature(name, datetime.fromtimestamp(seconds, UTC), f"{line}\n"))
    return text, found
