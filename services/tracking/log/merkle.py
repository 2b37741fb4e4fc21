"""The Merkle tree of RFC 6962 §2.1 and RFC 9162 §2.1: hashes, roots, proofs, and their verification.

A tree is seen through a `Subtree` reader: `read(height, n)` is the hash over the 2**height leaves that begin at
n·2**height, all of which exist. Leaves in memory and tiles in storage are two readers of the same tree.
"""

from collections.abc import Callable, Sequence
from functools import reduce
from hashlib import sha256

HASH_SIZE = 32  # bytes
EMPTY_ROOT = sha256().digest()  # RFC 6962 §2.1: the hash of an empty list is the hash of an empty string

Subtree = Callable[[int, int], bytes]


class BadProof(ValueError):
    """A proof that does not hold: the sentence says where it breaks."""


def leaf_hash(entry: bytes) -> bytes:
    """Hash one log entry: SHA-256(0x00 ‖ entry)."""
    return sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash two neighbours: SHA-256(0x01 ‖ left ‖ right)."""
    return sha256(b"\x01" + left + right).digest()


def in_memory(leaves: Sequence[bytes]) -> Subtree:
    """Read a tree whose leaf hashes are at hand."""

    def read(height: int, n: int) -> bytes:
        if height == 0:
            return leaves[n]
        return node_hash(read(height - 1, 2 * n), read(height - 1, 2 * n + 1))

    return read


def root(read: Subtree, size: int) -> bytes:
    """Return the Merkle tree hash of the first `size` leaves."""
    return _range_hash(read, 0, size) if size else EMPTY_ROOT


def inclusion(read: Subtree, index: int, size: int) -> list[bytes]:
    """Return the path from leaf `index` to the root of `size` leaves, the sibling of the leaf first.

    Raises ValueError when the leaf is not in the tree.
    """
    if not 0 <= index < size:
        raise ValueError(f"leaf {index} is not in a tree of {size}")
    start, end, path = 0, size, []
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            path.append(_range_hash(read, middle, end))
            end = middle
        else:
            path.append(_range_hash(read, start, middle))
            start = middle
    return path[::-1]


def consistency(read: Subtree, first: int, second: int) -> list[bytes]:
    """Return the proof that the tree of `first` leaves is a prefix of the tree of `second`.

    Raises ValueError unless 0 < first <= second: an empty tree proves nothing.
    """
    if not 0 < first <= second:
        raise ValueError(f"there is no proof from a tree of {first} to a tree of {second}")
    start, end, proof, whole = 0, second, [], True
    while first != end:
        middle = start + _split(end - start)
        if first <= middle:
            proof.append(_range_hash(read, middle, end))
            end = middle
        else:
            proof.append(_range_hash(read, start, middle))
            start, whole = middle, False
    if not whole:
        proof.append(_range_hash(read, start, end))
    return proof[::-1]


def check_inclusion(index: int, size: int, leaf: bytes, path: Sequence[bytes], expected_root: bytes) -> None:
    """Check that `leaf` stands at `index` in the tree (RFC 9162 §2.1.3.2). Raises BadProof."""
    if not 0 <= index < size:
        raise BadProof(f"leaf {index} is not in a tree of {size}")
    inner = (index ^ (size - 1)).bit_length()  # below this height the path may go either way, above it only left
    border = (index >> inner).bit_count()
    if len(path) != inner + border or any(len(step) != HASH_SIZE for step in (leaf, *path)):
        raise BadProof(f"the path of leaf {index} in a tree of {size} is {inner + border} hashes of 32 bytes")
    found = leaf
    for height, step in enumerate(path[:inner]):
        found = node_hash(step, found) if index >> height & 1 else node_hash(found, step)
    for step in path[inner:]:
        found = node_hash(step, found)
    if found != expected_root:
        raise BadProof(f"leaf {index} leads to another root")


def check_consistency(first: int, second: int, first_root: bytes, second_root: bytes, proof: Sequence[bytes]) -> None:
    """Check that the first tree is a prefix of the second (RFC 9162 §2.1.4.2). Raises BadProof."""
    if not 0 < first <= second:
        raise BadProof(f"a tree of {first} cannot be proved to be a prefix of a tree of {second}")
    if first == second:
        if proof or first_root != second_root:
            raise BadProof("two trees of one size have one root and need no proof")
        return
    if any(len(step) != HASH_SIZE for step in proof):
        raise BadProof("a step of the proof is no SHA-256 hash")
    steps = list(proof) if first & (first - 1) else [first_root, *proof]  # a full first tree is its own first step
    if _climb(first, second, steps) != (first_root, second_root):
        raise BadProof("the proof leads to other roots")


def _climb(first: int, second: int, steps: Sequence[bytes]) -> tuple[bytes, bytes]:
    """Follow a consistency proof from the last node of the first tree up; return the roots it leads to."""
    if not steps:
        raise BadProof("the proof is empty")
    node, last = first - 1, second - 1
    while node & 1:
        node, last = node >> 1, last >> 1
    old = new = steps[0]
    for step in steps[1:]:
        if last == 0:
            raise BadProof("the proof is longer than the tree is high")
        if node & 1 or node == last:
            old, new = node_hash(step, old), node_hash(step, new)
            while node and not node & 1:
                node, last = node >> 1, last >> 1
        else:
            new = node_hash(new, step)
        node, last = node >> 1, last >> 1
    if last:
        raise BadProof("the proof is shorter than the tree is high")
    return old, new


def join(subtrees: Sequence[bytes]) -> bytes:
    """Return the root over complete subtrees that shrink from left to right: what an append-only tree keeps."""
    return reduce(lambda right, left: node_hash(left, right), reversed(subtrees)) if subtrees else EMPTY_ROOT


def _range_hash(read: Subtree, start: int, end: int) -> bytes:
    count = end - start
    if count & (count - 1) == 0:  # in RFC 6962's tree a range of 2**h leaves always begins at a multiple of 2**h
        return read(count.bit_length() - 1, start // count)
    middle = start + _split(count)
    return node_hash(_range_hash(read, start, middle), _range_hash(read, middle, end))


def _split(count: int) -> int:
    """Return the largest power of two below `count` (RFC 6962 §2.1)."""
    return 1 << (count - 1).bit_length() - 1
