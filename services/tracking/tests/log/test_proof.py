from hashlib import sha256

import pytest

from services.tracking.log import tiles
from services.tracking.log.merkle import BadProof
from services.tracking.log.note import BadNote, Checkpoint, NoteSigner
from services.tracking.log.proof import Proof

LOG = NoteSigner.new("example.jp/log")
DIGESTS = [sha256(bytes([n])).digest() for n in range(20)]
TREE, FILES = tiles.append(tiles.Tree(), DIGESTS)
HEAD = LOG.sign(str(Checkpoint("example.jp/log", TREE.size, TREE.root)))


def proof(index: int) -> Proof:
    return Proof(index, tuple(tiles.inclusion(FILES.__getitem__, index, TREE.size)), HEAD)


@pytest.mark.parametrize("index", range(20))
def test_a_proof_survives_its_text_and_holds(index: int) -> None:
    read = Proof.parse(str(proof(index)))
    assert read == proof(index)
    assert read.check(DIGESTS[index], [LOG.vkey]).size == 20


def test_extra_data_is_carried() -> None:
    with_extra = Proof(3, proof(3).path, HEAD, extra=b"opaque")
    assert "\nextra b3BhcXVl\nindex 3\n" in str(with_extra)
    assert Proof.parse(str(with_extra)) == with_extra


def test_another_digest_another_log_another_key_do_not_hold() -> None:
    with pytest.raises(BadProof, match="another root"):
        proof(3).check(DIGESTS[4], [LOG.vkey])
    with pytest.raises(BadNote, match="no key we trust"):
        proof(3).check(DIGESTS[3], [NoteSigner.new("example.jp/log").vkey])
    stranger = LOG.sign(str(Checkpoint("example.jp/other", TREE.size, TREE.root)))
    with pytest.raises(BadNote, match="a log we do not know"):
        Proof(3, proof(3).path, stranger).check(DIGESTS[3], [LOG.vkey])


@pytest.mark.parametrize("at", range(0, len(str(proof(5))), 5))
def test_a_changed_character_anywhere_is_found(at: int) -> None:
    text = str(proof(5))
    changed = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
    with pytest.raises((BadProof, BadNote)):
        Proof.parse(changed).check(DIGESTS[5], [LOG.vkey])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "c2sp.org/tlog-proof@v1\n",
        "c2sp.org/tlog-proof@v1\nindex 01\n\nx",
        "c2sp.org/tlog-proof@v1\nindex 1\nAAA=\n\nx",
    ],
)
def test_a_malformed_proof_is_refused(text: str) -> None:
    with pytest.raises(BadProof):
        Proof.parse(text)
