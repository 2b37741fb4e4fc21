"""The instrument that makes a certificate: everything it needs is handed in, nothing here knows a transaction.

The steps are apart because each may be the last one before a crash: whatever was done is done again, to the same bytes
before the signature, and only the first `issued` counts.
"""

import hashlib
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from time import time_ns
from typing import NamedTuple
from uuid import UUID

import pillow_heif
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from pydantic import TypeAdapter

from services.certificates.document import credential
from services.certificates.document.inputs import DestructionInput, Input, LogPlace
from services.certificates.document.render import Press
from services.certificates.domain.certificate import Made
from services.certificates.signing import Signer, load_credential_key
from verifier import log
from verifier.verdict import Wrong

PROOF_HEADER = "c2sp.org/tlog-proof@v1"
_INPUT: TypeAdapter[Input] = TypeAdapter(Input)


@dataclass(frozen=True, slots=True)
class Order:
    """A certificate that has its event and its proof and is not issued."""

    certificate: UUID
    tenant: str
    number: str
    kind: str
    item: UUID
    medium: UUID | None
    traceparent: str | None
    input_sha256: str | None
    body: bytes  # of the cited entry
    salt: bytes
    log_index: int
    path: tuple[str, ...]
    checkpoint: str


class Step(NamedTuple):
    """What took how long, in ns since 1970; the process that makes a certificate has no traces of its own."""

    name: str
    began_ns: int
    ended_ns: int


@dataclass(frozen=True, slots=True)
class Files:
    """A certificate's two files, what is recorded of them, and the steps in which they were made."""

    pdf: bytes
    json: bytes
    made: Made
    steps: tuple[Step, ...]


@dataclass(frozen=True, slots=True)
class Instrument:
    """Fonts, compiler and keys, prepared once."""

    press: Press
    signer: Signer
    key: Ed25519PrivateKey

    @classmethod
    def load(cls, fonts: Path, keys: Path) -> "Instrument":
        """Prepare. Raises FileNotFoundError for fonts or keys that are not there, BadKey."""
        pillow_heif.register_heif_opener()  # phones take HEIC
        return cls(Press(fonts), Signer.load(keys), load_credential_key(keys))

    def make(self, order: Order, stored: bytes, originals: Mapping[str, bytes]) -> Files:
        """Render and sign from the stored input.

        Raises MissingPhoto and BadPhoto for what cannot be printed, ValueError for a proof that does not hold.
        """
        given = read_input(stored)
        began = time_ns()
        written = credential.issue(given, [cited(order)], self.key)
        unsigned = self.press.render(given, originals, written)
        rendered = time_ns()
        pdf = self.signer.sign(unsigned, at=given.issued_at)
        steps = (Step("certificate render", began, rendered), Step("certificate sign", rendered, time_ns()))
        made = Made(
            input_sha256=hashlib.sha256(stored).hexdigest(),
            pdf_sha256=hashlib.sha256(pdf).hexdigest(),
            json_sha256=hashlib.sha256(written).hexdigest(),
            key=self.signer.fingerprint,
            log_index=order.log_index,
        )
        return Files(pdf, written, made, steps)


def read_input(stored: bytes) -> Input:
    """Read an input from its stored bytes. Raises ValueError."""
    return _INPUT.validate_json(stored)


def photos_of(stored: bytes) -> list[str]:
    """Return the hashes of the photos an input shows."""
    given = read_input(stored)
    return [photo.sha256 for photo in given.photos] if isinstance(given, DestructionInput) else []


def cited(order: Order) -> credential.Cited:
    """Return the entry a certificate stands on, with its proof. Raises ValueError when the proof does not hold.

    What does not verify is never signed, whoever sent it.
    """
    text = "\n".join([PROOF_HEADER, f"index {order.log_index}", *order.path, "", order.checkpoint])
    try:
        log.check_inclusion(log.parse(text), hashlib.sha256(order.body + order.salt).digest())
    except Wrong as wrong:
        raise ValueError(f"the log proof of {order.number} does not hold: {wrong.en}") from wrong
    return credential.Cited(order.body, order.salt, text)


def place(order: Order) -> LogPlace:
    """Return where the cited entry stands, as the document prints it."""
    lines = order.checkpoint.split("\n", 3)
    return LogPlace(index=order.log_index, size=int(lines[1]), root=b64decode(lines[2]).hex())
