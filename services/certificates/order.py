"""What is to be made and what was: an order, its fixed input, and the files of a certificate."""

from base64 import b64decode
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from pydantic import TypeAdapter

from services.certificates.document.inputs import DestructionInput, Input, LogPlace, Photo
from services.certificates.domain.certificate import Made
from shared.events.certificates import RevocationCode

_INPUT: TypeAdapter[Input] = TypeAdapter(Input)


@dataclass(frozen=True, slots=True)
class Order:
    """A certificate that has its event and its proof and is not issued."""

    certificate: UUID
    tenant: str
    number: str
    kind: str
    item: UUID | None  # none: a lot
    medium: UUID | None
    engagement: UUID
    cited: UUID  # the entry it stands on
    traceparent: str | None
    input_sha256: str | None
    body: bytes  # of the cited entry
    salt: bytes
    log_index: int
    path: tuple[str, ...]
    checkpoint: str
    replaces: str | None = None
    code: RevocationCode | None = None  # why the replaced one was revoked, and in a person's words
    reason: str | None = None


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


def read_input(stored: bytes) -> Input:
    """Read an input from its stored bytes. Raises ValueError."""
    return _INPUT.validate_json(stored)


def photos_of(stored: bytes) -> tuple[Photo, ...]:
    """Return the photos an input shows."""
    given = read_input(stored)
    return given.photos if isinstance(given, DestructionInput) else ()


def place(order: Order) -> LogPlace:
    """Return where the cited entry stands, as the document prints it."""
    lines = order.checkpoint.split("\n", 3)
    return LogPlace(index=order.log_index, size=int(lines[1]), root=b64decode(lines[2]).hex())


def witnesses(checkpoint: str) -> list[str]:
    """Return who beside the log signed the head that a certificate's proof leads to (C2SP signed-note).

    Mostly nobody: a witness looks now and then, a certificate is there in seconds (ADR 0021).
    """
    said, _, signatures = checkpoint.partition("\n\n")
    names = [line.split(" ")[1] for line in signatures.splitlines() if line.startswith("— ")]
    return [name for name in dict.fromkeys(names) if name != said.partition("\n")[0]]
