"""Our log as a reader sees it that we did not write: tlog-scales (Apache-2.0), from C2SP and RFC 9162 alone."""

from base64 import b64decode
from collections.abc import Sequence
from hashlib import sha256
from pathlib import Path

import pytest
from tlog_scales.backend import LocalBackend
from tlog_scales.reader import TilesReader
from tlog_scales.signing import Vkey, VkeySet
from tlog_scales.tlog import (
    Checkpoint,
    ConsistencyProof,
    ConsistencyProofInvalid,
    InclusionProof,
    InclusionProofInvalid,
)

from services.tracking.log import merkle, tiles
from services.tracking.log import note as ours
from services.tracking.log.merkle import leaf_hash
from services.tracking.log.note import NoteSigner
from services.tracking.tests.test_witnesses import Town

ORIGIN = "example.jp/log"
SMALL = 72  # every tree up to this size, every leaf and every pair of sizes
ROUNDS = (1, 2, 40, 213, 256, 100, 156, 700, 3)  # leaves a round: over edges of tiles, and exactly onto them
DIGESTS = [sha256(b"%d" % nth).digest() for nth in range(sum(ROUNDS))]
LEAVES = [leaf_hash(one) for one in DIGESTS]


def flipped(path: Sequence[bytes], nth: int) -> list[bytes]:
    """Return the path with one bit of one step changed."""
    return [bytes([step[0] ^ 1]) + step[1:] if n == nth else step for n, step in enumerate(path)]


def test_it_takes_every_inclusion_proof_of_every_small_tree_and_none_that_was_altered() -> None:
    for size in range(1, SMALL):
        read = merkle.in_memory(LEAVES[:size])
        root = merkle.root(read, size)
        for index in range(size):
            path = merkle.inclusion(read, index, size)
            InclusionProof(index, size, path).check(LEAVES[index], root)
            for nth in range(len(path)):
                with pytest.raises(InclusionProofInvalid):
                    InclusionProof(index, size, flipped(path, nth)).check(LEAVES[index], root)


def test_it_takes_every_consistency_proof_of_every_small_tree_and_none_that_was_altered() -> None:
    for second in range(2, SMALL):
        read = merkle.in_memory(LEAVES[:second])
        root = merkle.root(read, second)
        for first in range(1, second):
            path, old = merkle.consistency(read, first, second), merkle.root(read, first)
            ConsistencyProof(first, second, path).check(old, root)
            for nth in range(len(path)):
                with pytest.raises(ConsistencyProofInvalid):
                    ConsistencyProof(first, second, flipped(path, nth)).check(old, root)


@pytest.fixture(scope="module")
def grown(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str], NoteSigner, NoteSigner]:
    """A log of many tiles as files, with the head of every round; the later ones signed by two keys."""
    folder, tree, heads = tmp_path_factory.mktemp("log"), tiles.Tree(), list[str]()
    old, new = NoteSigner.new(ORIGIN), NoteSigner.new(ORIGIN)
    for nth, count in enumerate(ROUNDS):
        tree, files = tiles.append(tree, DIGESTS[tree.size : tree.size + count])
        for path, content in files.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
        head = str(ours.Checkpoint(ORIGIN, tree.size, tree.root))
        heads.append(old.sign(head) if nth < len(ROUNDS) // 2 else old.cosign(new.sign(head)))
    (folder / "checkpoint").write_text(heads[-1])
    return folder, heads, old, new


def test_it_reads_our_tiles_and_comes_to_the_same_roots_and_proofs(
    grown: tuple[Path, list[str], NoteSigner, NoteSigner],
) -> None:
    folder, heads, _, _ = grown
    reader = TilesReader(LocalBackend(folder))
    last = reader.get_checkpoint()
    assert last.size == len(LEAVES)
    assert reader.calculate_root_hash() == last.root_hash
    read = merkle.in_memory(LEAVES)
    for index in range(0, last.size, 7):
        proof = reader.get_inclusion_proof(index, last.size)
        proof.check(LEAVES[index], last.root_hash)
        assert list(proof.node_hashes) == merkle.inclusion(read, index, last.size)
        assert reader.get_entry(index) == DIGESTS[index]
    for text in heads[:-1]:
        head = Checkpoint.from_text(text)
        between = reader.get_consistency_proof(head.size, last.size)
        between.check(head.root_hash, last.root_hash)
        assert list(between.node_hashes) == merkle.consistency(read, head.size, last.size)


def test_it_knows_our_signatures_those_of_an_overlap_and_a_witness_s(
    grown: tuple[Path, list[str], NoteSigner, NoteSigner],
) -> None:
    _, heads, old, new = grown
    town, keys = Town("mogami.example/w"), [Vkey.from_string(str(one.vkey)) for one in (old, new)]
    witness = Vkey.from_string(town.vkey)
    for nth, text in enumerate(heads):
        head = Checkpoint.from_text(town.cosigned(text, 1_796_000_000))
        signed = {str(key) for key, _ in VkeySet(*keys, witness).verify(head.signatures, head)}
        assert signed == {str(one) for one in (keys[:1] if nth < len(ROUNDS) // 2 else keys)} | {str(witness)}
    forged = Checkpoint.from_text(heads[-1].replace(f"\n{len(LEAVES)}\n", "\n9\n"))
    assert VkeySet(*keys, witness).verify(forged.signatures, forged) == set()
    assert b64decode(heads[-1].split("\n")[2]) == Checkpoint.from_text(heads[-1]).root_hash
