import json
from base64 import b64decode
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.tracking.log import merkle
from services.tracking.log.merkle import BadProof

SAMPLES = Path(__file__).parents[5] / "shared" / "data" / "merkle"
needs_samples = pytest.mark.skipif(not SAMPLES.is_dir(), reason="the folder shared/data beside the checkout is absent")

LEAVES = [merkle.leaf_hash(sha256(bytes([n % 256, n // 256])).digest()) for n in range(300)]


def reference_root(leaves: list[bytes]) -> bytes:
    """MTH as RFC 6962 §2.1 writes it, naively."""
    if len(leaves) <= 1:
        return leaves[0] if leaves else sha256(b"").digest()
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return sha256(b"\x01" + reference_root(leaves[:k]) + reference_root(leaves[k:])).digest()


def cases(name: str) -> list[Any]:
    if not SAMPLES.is_dir():
        return []
    return [pytest.param(row, id=row["case"]) for row in json.loads((SAMPLES / name).read_text())]


@needs_samples
@pytest.mark.parametrize("row", cases("inclusion.json"))
def test_an_inclusion_vector_holds_exactly_when_it_should(row: dict[str, Any]) -> None:
    path = [b64decode(step) for step in row["proof"] or []]
    arguments = (row["leafIdx"], row["treeSize"], b64decode(row["leafHash"]), path, b64decode(row["root"]))
    if row["wantErr"]:
        with pytest.raises(BadProof):
            merkle.check_inclusion(*arguments)
    else:
        merkle.check_inclusion(*arguments)


@needs_samples
@pytest.mark.parametrize("row", cases("consistency.json"))
def test_a_consistency_vector_holds_exactly_when_it_should(row: dict[str, Any]) -> None:
    proof = [b64decode(step) for step in row["proof"] or []]
    arguments = (row["size1"], row["size2"], b64decode(row["root1"]), b64decode(row["root2"]), proof)
    if row["wantErr"]:
        with pytest.raises(BadProof):
            merkle.check_consistency(*arguments)
    else:
        merkle.check_consistency(*arguments)


@pytest.mark.parametrize(
    ("entries", "expected"),
    [  # the eight-leaf tree of Certificate Transparency's own tests
        ([], "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
        ([""], "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"),
        (["", "00"], "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"),
        (["", "00", "10"], "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77"),
    ],
)
def test_the_root_of_a_known_tree(entries: list[str], expected: str) -> None:
    leaves = [merkle.leaf_hash(bytes.fromhex(entry)) for entry in entries]
    assert merkle.root(merkle.in_memory(leaves), len(leaves)).hex() == expected


@given(st.integers(0, 300))
def test_the_root_is_the_one_of_the_rfc(size: int) -> None:
    assert merkle.root(merkle.in_memory(LEAVES), size) == reference_root(LEAVES[:size])


@given(st.data())
def test_every_leaf_is_proved_and_no_other(data: st.DataObject) -> None:
    size = data.draw(st.integers(1, 300))
    index, other = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, 299))
    read = merkle.in_memory(LEAVES)
    path, root = merkle.inclusion(read, index, size), merkle.root(read, size)
    merkle.check_inclusion(index, size, LEAVES[index], path, root)
    if other != index:
        with pytest.raises(BadProof):
            merkle.check_inclusion(index, size, LEAVES[other], path, root)
        with pytest.raises(BadProof):
            merkle.check_inclusion(other, size, LEAVES[index], path, root)


@given(st.data())
def test_every_prefix_is_proved_and_a_changed_step_is_found(data: st.DataObject) -> None:
    second = data.draw(st.integers(1, 300))
    first = data.draw(st.integers(1, second))
    read = merkle.in_memory(LEAVES)
    proof = merkle.consistency(read, first, second)
    roots = merkle.root(read, first), merkle.root(read, second)
    merkle.check_consistency(first, second, *roots, proof)
    if proof:
        at = data.draw(st.integers(0, len(proof) - 1))
        broken = [bytes(32) if n == at else step for n, step in enumerate(proof)]
        with pytest.raises(BadProof):
            merkle.check_consistency(first, second, *roots, broken)


def test_an_empty_tree_proves_nothing() -> None:
    read = merkle.in_memory(LEAVES)
    with pytest.raises(BadProof):
        merkle.check_consistency(0, 8, merkle.EMPTY_ROOT, merkle.root(read, 8), [])
    with pytest.raises(ValueError, match="no proof"):
        merkle.consistency(read, 0, 8)
    with pytest.raises(ValueError, match="not in a tree"):
        merkle.inclusion(read, 8, 8)
