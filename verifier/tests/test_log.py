from base64 import b64encode
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from verifier.keys import BadKeys, Keys
from verifier.log import (
    Head,
    Proof,
    check_consistency,
    check_inclusion,
    cosigned,
    cosigned_message,
    parse,
    parse_head,
)
from verifier.tests import sample
from verifier.verdict import Unreadable, Wrong
from verifier.verification import verify_bytes


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
    proof = Proof(Head("o", size, mth(leaves), "", ()), claimed, tuple(steps), None)
    if claimed == index:
        check_inclusion(proof, leaves[index])
    else:
        with pytest.raises(Wrong):
            check_inclusion(proof, leaves[index])


def consistency(first: int, leaves: list[bytes], *, whole: bool = True) -> list[bytes]:
    """RFC 6962 §2.1.2, naively."""
    if first == len(leaves):
        return [] if whole else [mth(leaves)]
    k = 1 << (len(leaves) - 1).bit_length() - 1
    if first <= k:
        return [*consistency(first, leaves[:k], whole=whole), mth(leaves[k:])]
    return [*consistency(first - k, leaves[k:], whole=False), mth(leaves[:k])]


@given(st.integers(1, 70), st.data())
def test_consistency_agrees_with_the_rfcs_own_words(size: int, data: st.DataObject) -> None:
    leaves = [sha256(bytes([n])).digest() for n in range(size)]
    first = data.draw(st.integers(1, size))
    steps, roots = consistency(first, leaves), (mth(leaves[:first]), mth(leaves))
    check_consistency(first, size, roots, steps)
    other = data.draw(st.integers(1, size).filter(lambda n: n != first) if size > 1 else st.just(size + 1))
    with pytest.raises(Wrong):
        check_consistency(other, size, roots, steps)
    changed = data.draw(st.integers(0, len(steps) + 1))
    false = [sha256(b"?").digest() if n == changed else step for n, step in enumerate(steps)]
    false_roots = (roots[0], sha256(b"!").digest()) if changed >= len(steps) else roots
    with pytest.raises(Wrong):
        check_consistency(first, size, false_roots, false)


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
    assert (len(keys.logs), len(keys.credentials), len(keys.certificates)) == (2, 2, 2)


def test_a_witness_counts_once_and_not_from_its_revocation_on() -> None:
    key, seconds = Ed25519PrivateKey.generate(), 1_640_000_000
    material = b"\x04" + key.public_key().public_bytes_raw()
    identifier = sha256(b"w.example/w\n" + material).digest()[:4]
    vkey = f"w.example/w+{identifier.hex()}+{b64encode(material).decode()}"
    note = parse(sample.PROOF.decode()).head.text + "\n"
    blob = identifier + seconds.to_bytes(8) + key.sign(cosigned_message(note[:-1], seconds))
    line = f"— w.example/w {b64encode(blob).decode()}\n"
    head = parse_head(note + line + line)
    for mark, count in (("", 1), (" revoked=2022-01-01T00:00:00Z", 1), (" revoked=2021-01-01T00:00:00Z", 0)):
        assert len(cosigned(head, Keys.parse(vkey + mark))) == count


def test_a_key_file_that_notepad_saved_is_read(tmp_path: Path) -> None:
    (tmp_path / "key.txt").write_text(sample.KEY_TEXT, "utf-8-sig")
    assert Keys.read(tmp_path / "key.txt") == sample.KEYS
