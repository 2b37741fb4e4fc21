"""The seed of a lottery follows from the log's head at the closing, whatever came into the log afterwards."""

import hashlib
from base64 import b64encode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.donations.domain.draw import BadProof, checkpoint_root, head, lot, seed
from shared.ids import uuid7


def leaf(digest: bytes) -> bytes:
    return hashlib.sha256(b"\x00" + digest).digest()


def node(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


def root(digests: list[bytes]) -> bytes:
    """Return the root as RFC 6962, 2.1 defines it."""
    if len(digests) == 1:
        return leaf(digests[0])
    cut = 1 << (len(digests) - 1).bit_length() - 1
    return node(root(digests[:cut]), root(digests[cut:]))


def path(digests: list[bytes], index: int) -> list[bytes]:
    """Return the inclusion path as RFC 6962, 2.1.1 defines it."""
    if len(digests) == 1:
        return []
    cut = 1 << (len(digests) - 1).bit_length() - 1
    if index < cut:
        return [*path(digests[:cut], index), root(digests[cut:])]
    return [*path(digests[cut:], index - cut), root(digests[:cut])]


def proof(digests: list[bytes], index: int) -> tuple[str, ...]:
    return tuple(b64encode(step).decode() for step in path(digests, index))


def leaves(size: int) -> list[bytes]:
    return [hashlib.sha256(str(n).encode()).digest() for n in range(size)]


@given(st.integers(1, 70), st.data())
def test_the_head_at_a_leaf_follows_from_any_later_proof_of_it(size: int, data: st.DataObject) -> None:
    digests = leaves(size)
    index = data.draw(st.integers(0, size - 1))
    found = head(digests[index], index, size, proof(digests, index), root(digests))
    assert found == root(digests[: index + 1])


def test_a_proof_that_does_not_lead_to_the_root_is_refused() -> None:
    digests = leaves(11)
    steps = proof(digests, 6)
    for index, size, given_, top in (
        (6, 11, steps[:-1], root(digests)),
        (6, 11, (*steps, steps[0]), root(digests)),
        (6, 11, (steps[1], steps[0], *steps[2:]), root(digests)),
        (5, 11, steps, root(digests)),
        (6, 11, steps, root(digests[:10])),
        (11, 11, steps, root(digests)),
        (6, 11, ("!" * 44, *steps[1:]), root(digests)),
    ):
        with pytest.raises(ValueError, match=r"."):
            head(digests[6], index, size, given_, top)


def test_a_checkpoint_says_size_and_root_or_is_none() -> None:
    text = f"meguru.example\n11\n{b64encode(bytes(32)).decode()}\n\n- sig\n"
    assert checkpoint_root(text) == (11, bytes(32))
    for wrong in ("", "a\nb\nc\n", "a\n1\n"):
        with pytest.raises(BadProof):
            checkpoint_root(wrong)


def test_every_round_and_every_call_draws_anew() -> None:
    one, other = uuid7(), uuid7()
    seeds = {seed(one, 1, bytes(32)), seed(one, 2, bytes(32)), seed(other, 1, bytes(32)), seed(one, 1, b"1" * 32)}
    assert len(seeds) == 4
    assert lot(bytes(32), one) != lot(bytes(32), other)
