"""The proof that travels in a certificate (C2SP tlog-proof): index, path and signed checkpoint in one text."""

import re
from base64 import b64decode, b64encode
from binascii import Error as BadBase64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

from services.tracking.log import merkle, note
from services.tracking.log.merkle import HASH_SIZE, BadProof
from services.tracking.log.note import Checkpoint, VerifierKey

HEADER = "c2sp.org/tlog-proof@v1"
PATH_LENGTH_MAX = 64  # hashes: a tree of 2**64 leaves

_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})", re.ASCII)


@dataclass(frozen=True, slots=True)
class Proof:
    """Where an entry stands in the log, and the signed head that its path leads to."""

    index: int
    path: tuple[bytes, ...]
    checkpoint: str  # the whole signed note, verbatim
    extra: bytes | None = None  # opaque, not authenticated

    def __str__(self) -> str:
        extra = [] if self.extra is None else [f"extra {b64encode(self.extra).decode()}"]
        path = [b64encode(step).decode() for step in self.path]
        return "\n".join([HEADER, *extra, f"index {self.index}", *path, "", self.checkpoint])

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a proof; verifies nothing. Raises BadProof for a text of another form."""
        head, gap, checkpoint = text.partition("\n\n")
        lines = head.split("\n")
        if not gap or lines.pop(0) != HEADER:
            raise BadProof(f"a proof begins with {HEADER} and holds a checkpoint after an empty line")
        extra = _decode(lines.pop(0)[6:]) if lines and lines[0].startswith("extra ") else None
        if not lines or not (index := _INDEX.fullmatch(lines.pop(0))):
            raise BadProof("a proof names the index of its entry")
        path = tuple(_decode(line) for line in lines)
        if len(path) > PATH_LENGTH_MAX or any(len(step) != HASH_SIZE for step in path):
            raise BadProof("a proof's path is made of SHA-256 hashes in base64")
        return cls(int(index[1]), path, checkpoint, extra)

    def check(self, digest: bytes, keys: Sequence[VerifierKey]) -> Checkpoint:
        """Check that the log of one of `keys` holds `digest`; return the head that proves it.

        Raises BadProof when the path does not lead to the root and BadNote when the head is not signed by the log.
        """
        head = Checkpoint.parse(note.open_note(self.checkpoint, keys))
        if not any(key.name == head.origin for key in keys):
            raise note.BadNote(f"the checkpoint is of {head.origin}, a log we do not know")
        merkle.check_inclusion(self.index, head.size, merkle.leaf_hash(digest), self.path, head.root)
        return head


def _decode(text: str) -> bytes:
    try:
        found = b64decode(text, validate=True)
    except (BadBase64, ValueError) as wrong:
        raise BadProof("a line of the proof is not base64") from wrong
    if b64encode(found).decode() != text:
        raise BadProof("a line of the proof is not canonical base64")
    return found
