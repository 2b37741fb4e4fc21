"""Proofs and heads of logs, read from specifications alone: RFC 9162, C2SP signed-note, tlog-proof, -cosignature."""

import re
from base64 import b64decode, b64encode
from binascii import Error as BadBase64
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from verifier.keys import Keys
from verifier.verdict import Wrong

HEADER = "c2sp.org/tlog-proof@v1"
HASH_SIZE = 32  # bytes
TIME_SIZE = 8  # bytes of a cosignature
PROOF_SIZE_MAX = 128 * 1024  # bytes

_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})", re.ASCII)
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_SIGNATURE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")


@dataclass(frozen=True, slots=True)
class Head:
    """A checkpoint taken apart; nothing of it is checked yet."""

    origin: str
    size: int
    root: bytes
    text: str  # what its signatures sign
    signatures: tuple[tuple[str, bytes, bytes], ...]


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof with its checkpoint taken apart; nothing of it is checked yet."""

    head: Head
    index: int
    path: tuple[bytes, ...]
    extra: bytes | None

    @property
    def origin(self) -> str:
        """The log's name."""
        return self.head.origin

    @property
    def size(self) -> int:
        """How many entries the log has under this head."""
        return self.head.size

    @property
    def root(self) -> bytes:
        """What the path has to lead to."""
        return self.head.root


def parse(proof: str) -> Proof:
    """Read a `c2sp.org/tlog-proof@v1` text. Raises Wrong."""
    head, _, checkpoint = proof.partition("\n\n")
    lines = head.split("\n")
    try:
        _require(len(proof) <= PROOF_SIZE_MAX and lines.pop(0) == HEADER)
        extra = _decode(lines.pop(0)[6:]) if lines[0].startswith("extra ") else None
        index = _number(_INDEX, lines.pop(0), 1)
        path = tuple(_hash(line) for line in lines)
        return Proof(_head(checkpoint), index, path, extra)
    except (ValueError, IndexError) as wrong:
        raise Wrong("台帳の証明が決まった形をしていません。", "The log proof is malformed.") from wrong


def parse_head(note: str) -> Head:
    """Read a checkpoint, a signed note. Raises Wrong."""
    try:
        _require(len(note) <= PROOF_SIZE_MAX)
        return _head(note)
    except (ValueError, IndexError) as wrong:
        raise Wrong("台帳の見出しが決まった形をしていません。", "The checkpoint is malformed.") from wrong


def _head(note: str) -> Head:
    text, _, signed = note.rpartition("\n\n")
    told, rows = text.split("\n"), signed.split("\n")
    _require(rows.pop() == "" and all(told))
    origin, size, root = told[0], _number(_SIZE, told[1], 0), _hash(told[2])
    return Head(origin, size, root, text + "\n", tuple(_signature(row) for row in rows))


def check_checkpoint(head: Head, keys: Keys) -> None:
    """Check that the log itself signed this head, with a key that covers its size. Raises Wrong."""
    known = {(key.name, key.id): key for key in keys.logs}
    signed_by_log, ended = False, -1
    for name, identifier, signature in head.signatures:
        if not (key := known.get((name, identifier))):
            continue
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature, head.text.encode())
        except InvalidSignature as wrong:
            raise Wrong(
                f"台帳の見出し（{head.origin}、{head.size} 件）の署名 {name} が合いません。書き換えられています。",
                f"The signature of {name} does not fit the checkpoint ({head.origin}, size {head.size}): altered.",
            ) from wrong
        signed_by_log |= name == head.origin and key.covers(head.size)
        if name == head.origin and key.until is not None:
            ended = max(ended, key.until)
    if not signed_by_log and ended >= 0:
        raise Wrong(
            f"台帳（{head.origin}）の鍵は {ended} 件までのもので、{head.size} 件の見出しには使えません。"
            "終わった鍵で偽られているか、鍵の一覧に新しい鍵が足りません。",
            f"The key of the log {head.origin} ended at {ended} entries, this checkpoint has {head.size}: "
            "forged with a key that has ended, or the newer key is missing from the list.",
        )
    if not signed_by_log:
        raise Wrong(
            f"台帳の見出し（{head.origin}）に、鍵の一覧にある台帳の署名がありません。",
            f"No log key on the list has signed the checkpoint of {head.origin}.",
        )


def cosigned(head: Head, keys: Keys) -> list[tuple[str, datetime]]:
    """Return which witnesses of the list cosigned this head, and when each saw it, once (C2SP tlog-cosignature).

    What a key cosigned after its revocation counts for nothing.

    Raises Wrong when the line of a known witness does not fit.
    """
    known = {(key.name, key.id): key for key in keys.witnesses}
    found: list[tuple[str, datetime]] = []
    for name, identifier, signature in head.signatures:
        if not (key := known.get((name, identifier))):
            continue
        try:
            seconds = int.from_bytes(signature[:TIME_SIZE])
            message = cosigned_message(head.text, seconds)
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature[TIME_SIZE:], message)
            at = datetime.fromtimestamp(seconds, UTC)
            if (key.revoked is None or at < key.revoked) and name not in dict(found):
                found.append((name, at))
        except (InvalidSignature, OverflowError, ValueError, OSError) as wrong:
            raise Wrong(
                f"台帳の見出し（{head.size} 件）の、{name} の連署が合いません。書き換えられています。",
                f"The cosignature of {name} does not fit the checkpoint of size {head.size}: altered.",
            ) from wrong
    return found


def cosigned_message(text: str, seconds: int) -> bytes:
    """Return what a witness signs of a checkpoint's text, at a time in s since 1970."""
    return f"cosignature/v1\ntime {seconds}\n{text}".encode()


def check_inclusion(proof: Proof, digest: bytes) -> None:
    """Check that the entry's digest leads to the root (RFC 9162 §2.1.3.2, step by step). Raises Wrong."""
    wrong = Wrong(
        f"{proof.index} 番の記録の要約 {digest.hex()[:16]}… から台帳の根にたどり着きません。"
        "記録、塩、または証明の道すじが書き換えられています。",
        f"The digest {digest.hex()[:16]}… of entry {proof.index} does not lead to the log's root: "
        "the entry, its salt or the path is altered.",
    )
    if proof.index >= proof.size:
        raise wrong
    node, last, found = proof.index, proof.size - 1, sha256(b"\x00" + digest).digest()
    for step in proof.path:
        if last == 0:
            raise wrong
        if node & 1 or node == last:
            found = sha256(b"\x01" + step + found).digest()
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            found = sha256(b"\x01" + found + step).digest()
        node, last = node >> 1, last >> 1
    if last or found != proof.root:
        raise wrong


def check_consistency(first: int, second: int, roots: tuple[bytes, bytes], path: Sequence[bytes]) -> None:
    """Check that a tree of `second` leaves begins with the one of `first` (RFC 9162 §2.1.4.2). Raises Wrong."""
    wrong = Wrong(
        f"{second} 件の台帳は、{first} 件だった時の続きではありません。",
        f"The log of {second} entries does not begin with what it was at {first}.",
    )
    if first in (0, second):
        if path or (first == second and roots[0] != roots[1]):
            raise wrong
        return
    if first > second or not path:
        raise wrong
    steps = [roots[0], *path] if first & (first - 1) == 0 else list(path)
    node, last = first - 1, second - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = steps[0]
    for step in steps[1:]:
        if last == 0:
            raise wrong
        if node & 1 or node == last:
            old, new = sha256(b"\x01" + step + old).digest(), sha256(b"\x01" + step + new).digest()
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            new = sha256(b"\x01" + new + step).digest()
        node, last = node >> 1, last >> 1
    if last or (old, new) != roots:
        raise wrong


def _require(holds: bool) -> None:  # noqa: FBT001  # reads as the sentence it checks
    if not holds:
        raise ValueError(HEADER)


def _number(form: re.Pattern[str], text: str, group: int) -> int:
    if not (found := form.fullmatch(text)):
        raise ValueError(text)
    return int(found[group])


def _decode(text: str) -> bytes:
    try:
        found = b64decode(text, validate=True)
    except BadBase64 as wrong:
        raise ValueError(text) from wrong
    if b64encode(found).decode() != text:
        raise ValueError(text)
    return found


def _hash(text: str) -> bytes:
    found = _decode(text)
    if len(found) != HASH_SIZE:
        raise ValueError(text)
    return found


def _signature(row: str) -> tuple[str, bytes, bytes]:
    if not (parts := _SIGNATURE.fullmatch(row)):
        raise ValueError(row)
    blob = _decode(parts[2])
    return parts[1], blob[:4], blob[4:]
