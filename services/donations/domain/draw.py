"""The draw of a lottery (抽選): a seed nobody can choose, and the order that follows from it (docs/adr/0029).

The seed is made of the transparency log's head as it stood when the call was closed: the root of the tree whose last
leaf is the closing entry. That entry holds a salt drawn at the closing, so nobody knows the head before; after it the
queue stands. The head follows from any later inclusion proof of the leaf (RFC 6962, 2.1.1): the left-hand steps of its
path are the trees before it.
"""

import hashlib
from base64 import b64decode
from collections.abc import Sequence
from uuid import UUID

VERSION = b"meguru-lottery-1\x00"


class BadProof(ValueError):
    """An inclusion proof does not lead to the root it is given with."""


def head(digest: bytes, index: int, size: int, path: Sequence[str], root: bytes) -> bytes:
    """Return the root of the log's first index + 1 leaves; `digest` is what the log holds of the last one.

    `path` is base64, from the leaf upwards (RFC 6962, 2.1.1). Raises BadProof when it does not lead to `root`.
    """
    if not 0 <= index < size:
        raise BadProof(f"leaf {index} is not in a tree of {size}")
    inner = (index ^ (size - 1)).bit_length()  # below this height the path may go either way, above it only left
    steps = [b64decode(step, validate=True) for step in path]
    if len(steps) != inner + (index >> inner).bit_count():
        raise BadProof(f"the path of leaf {index} in a tree of {size} has another length")
    whole = before = hashlib.sha256(b"\x00" + digest).digest()
    for height, step in enumerate(steps):
        if height >= inner or index >> height & 1:
            whole, before = _node(step, whole), _node(step, before)
        else:
            whole = _node(whole, step)
    if whole != root:
        raise BadProof("the path does not lead to the root")
    return before


def seed(call: UUID, round_: int, log_head: bytes) -> bytes:
    """Return the seed of a round's draw."""
    return hashlib.sha256(VERSION + call.bytes + round_.to_bytes(4, "big") + log_head).digest()


def lot(drawn: bytes, application: UUID) -> bytes:
    """Return an application's lot: the smallest is served first, whoever else is in the queue."""
    return hashlib.sha256(drawn + application.bytes).digest()


def checkpoint_root(checkpoint: str) -> tuple[int, bytes]:
    """Return size and root of a checkpoint (C2SP tlog-checkpoint). Raises BadProof for text that is none."""
    lines = checkpoint.split("\n")
    try:
        size, root = int(lines[1]), b64decode(lines[2], validate=True)
    except (IndexError, ValueError) as wrong:
        raise BadProof("this is no checkpoint") from wrong
    if len(root) != hashlib.sha256().digest_size:
        raise BadProof("this is no checkpoint: its root is no SHA-256")
    return size, root


def _node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()
