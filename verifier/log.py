"""Log proofs, read and checked from the specifications alone: RFC 9162 §2.1.3, C2SP signed-note and tlog-proof."""

import re
from base64 import b64decode, b64encode
from binascii import Error as BadBase64
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from verifier.keys import Keys
from verifier.verdict import Wrong

HEADER = "c2sp.org/tlog-proof@v1"
HASH_SIZE = 32  # bytes
PROOF_SIZE_MAX = 128 * 1024  # bytes

_INDEX = re.compile(r"index (0|[1-9][0-9]{0,18})", re.ASCII)
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)
_SIGNATURE = re.compile(r"— ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")


@dataclass(frozen=True, slots=True)
class Proof:
    """A proof with its checkpoint taken apart; nothing of it is checked yet."""

    index: int
    path: tuple[bytes, ...]
    extra: bytes | None
    origin: str
    size: int
    root: bytes
    text: str  # what the checkpoint's signatures sign
    signatures: tuple[tuple[str, bytes, bytes], ...]


def parse(proof: str) -> Proof:
    """Read a `c2sp.org/tlog-proof@v1` text. Raises Wrong."""
    head, _, checkpoint = proof.partition("\n\n")
    text, _, signed = checkpoint.rpartition("\n\n")
    lines, told, rows = head.split("\n"), text.split("\n"), signed.split("\n")
    try:
        _require(len(proof) <= PROOF_SIZE_MAX and lines.pop(0) == HEADER and rows.pop() == "" and all(told))
        extra = _decode(lines.pop(0)[6:]) if lines[0].startswith("extra ") else None
        index = _number(_INDEX, lines.pop(0), 1)
        path = tuple(_hash(line) for line in lines)
        origin, size, root = told[0], _number(_SIZE, told[1], 0), _hash(told[2])
        signatures = tuple(_signature(row) for row in rows)
    except (ValueError, IndexError) as wrong:
        raise Wrong("台帳の証明が決まった形をしていません。", "The log proof is malformed.") from wrong
    return Proof(index, path, extra, origin, size, root, text + "\n", signatures)


def check_checkpoint(proof: Proof, keys: Keys) -> None:
    """Check that the log itself signed the head the proof leads to. Raises Wrong."""
    known = {(key.name, key.id): key for key in keys.logs}
    signed_by_log = False
    for name, identifier, signature in proof.signatures:
        if not (key := known.get((name, identifier))):
            continue
        try:
            Ed25519PublicKey.from_public_bytes(key.public).verify(signature, proof.text.encode())
        except InvalidSignature as wrong:
            raise Wrong(
                f"台帳の見出し（{proof.origin}、{proof.size} 件）の署名 {name} が合いません。書き換えられています。",
                f"The signature of {name} does not fit the checkpoint ({proof.origin}, size {proof.size}): altered.",
            ) from wrong
        signed_by_log |= name == proof.origin
    if not signed_by_log:
        raise Wrong(
            f"台帳の見出し（{proof.origin}）に、鍵の一覧にある台帳の署名がありません。",
            f"No log key on the list has signed the checkpoint of {proof.origin}.",
        )


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
