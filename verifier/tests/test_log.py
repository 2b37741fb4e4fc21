from base64 import b64encode
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from verifier import BadKeys, Keys, Unreadable, verify_bytes
from verifier.log import Proof, check_inclusion
from verifier.tests import sample
from verifier.verdict import Wrong


def mth(leaves: list[bytes]) -> bytes:
    """RFC 6962 §2.1, naively: an oracle that shares nothing with the verifier."""
    if len(leaves) == 1:
        return sha256(b"\x00" + leaves[0]).digest()
    k = 1 << (len(leaves) - 1).bit_length() - 1
    return sha256(b"\x01" + mth(leaves[:k]) + mth(leaves[k:])).digest()


def path(index: int, leaves: list[bytes]) -> list[bytes]:
    if len(leaves) == 1:
        return []
    k = 1 << (len(leaves) - 1).bit_length() - 1
    if index < k:
        return [*path(index, leaves[:k]), mth(leaves[k:])]
    return [*path(index - k, leaves[k:]), mth(leaves[:k])]


@given(st.integers(1, 70), st.data())
def test_inclusion_agrees_with_the_rfcs_own_words(size: int, data: st.DataObject) -> None:
    leaves = [sha256(bytes([n])).digest() for n in range(size)]
    index, claimed = data.draw(st.integers(0, size - 1)), data.draw(st.integers(0, size + 2))
    steps = path(index, leaves)
    proof = Proof(claimed, tuple(steps), None, "o", size, mth(leaves), "", ())
    if claimed == index:
        check_inclusion(proof, leaves[index])
    else:
        with pytest.raises(Wrong):
            check_inclusion(proof, leaves[index])


def test_a_bare_proof_is_checked_with_the_digest_it_carries() -> None:
    verdict = verify_bytes("entry.tlog-proof", sample.PROOF, sample.KEYS)
    assert verdict.ok
    assert [check.status for check in verdict.checks] == [
        "ok",
        "not-applicable",
        "ok",
        "not-applicable",
        "not-applicable",
    ]


def test_every_character_of_a_bare_proof_counts() -> None:
    text = sample.PROOF.decode()
    for at in range(0, len(text), 3):
        changed = text[:at] + ("A" if text[at] != "A" else "B") + text[at + 1 :]
        try:
            verdict = verify_bytes("x", changed.encode(), sample.KEYS)
        except Unreadable:
            continue
        assert not verdict.ok, at


def test_a_proof_without_its_digest_names_a_place_only() -> None:
    lines = sample.PROOF.decode().split("\n")
    verdict = verify_bytes("x", "\n".join([lines[0], *lines[2:]]).encode(), sample.KEYS)
    assert verdict.checks[2].status == "not-applicable"


@pytest.mark.parametrize(
    "line",
    [
        "nonsense",
        "pdf-certificate-sha256 abc",
        "a+00000000+AAAA",
        "example.jp/log+00000000+" + b64encode(b"\x01" * 33).decode(),
    ],
)
def test_a_damaged_line_of_the_key_file_is_named(line: str) -> None:
    with pytest.raises(BadKeys, match="2 行目"):
        Keys.parse(f"# comment\n{line}\n")


def test_the_key_file_may_have_comments_and_empty_lines() -> None:
    keys = Keys.parse(f"\n# one\n{sample.KEY_TEXT}\n   # two\n")
    assert (len(keys.logs), len(keys.credentials), len(keys.certificates)) == (1, 1, 1)
