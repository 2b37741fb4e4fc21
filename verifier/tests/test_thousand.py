"""A thousand changes of one byte, anywhere: each is found and the answer names the part. Seed 1741."""

import json
import random
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from string import ascii_letters, digits

import pytest

from verifier.tests import sample
from verifier.verdict import Name, Unreadable, Verdict
from verifier.verification import verify_bytes

SEED = 1741
PHOTO = (sample.DATA / "photo-before.jpg").read_bytes()
PDFS = (sample.PDF, sample.ERASURE_PDF, sample.TRACKING_PDF, sample.LOT_PDF)
JSONS = (sample.JSON, sample.ERASURE_JSON, sample.TRACKING_JSON, sample.LOT_JSON)
ANY: frozenset[Name] = frozenset({"signature", "time", "log", "photos", "completeness"})
HEX, WORDS = b"0123456789abcdefABCDEF", (ascii_letters + digits).encode()
Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Change:
    """A file with one byte changed, what must be told of it and what may be told beside."""

    name: str
    data: bytes
    must: frozenset[Name]
    may: frozenset[Name]
    photo: bytes | None = None

    def verdict(self) -> Verdict:
        """Check the changed file. Raises Unreadable."""
        return verify_bytes(self.name, self.data, sample.KEYS, {} if self.photo is None else {"before.jpg": self.photo})


def changed(random_: random.Random, data: bytes, within: Span | None = None, letters: bytes = b"") -> tuple[bytes, int]:
    """Put another byte in some place, and return that place too.

    With `letters` one of them takes the place of another: what reads the file has then nothing to stumble over.
    """
    first, end = within or (0, len(data))
    at = random_.randrange(first, end)
    while letters and data[at] not in letters:
        at = random_.randrange(first, end)
    other = random_.choice(letters.replace(data[at : at + 1], b"")) if letters else data[at] ^ random_.randrange(1, 256)
    return data[:at] + bytes([other]) + data[at + 1 :], at


def between(data: bytes, first: bytes, end: bytes, start: int = 0) -> Span:
    begins = data.index(first, start) + len(first)
    return begins, data.index(end, begins)


def container_of(data: bytes) -> Span:
    return between(data, b"/Contents <", b">")


def attached_in(data: bytes) -> Span:
    """Where the credential lies packed in the page (typst writes one such stream)."""
    return between(data, b"stream\n", b"\nendstream", data.index(b"/Type/EmbeddedFile"))


def within(at: int, span: Span) -> bool:
    return span[0] <= at < span[1]


def pdf(random_: random.Random, part: Callable[[bytes], Span] | None = None, letters: bytes = b"") -> Change:
    """Whatever is changed, the signature does not fit; what of the credential is hit too follows from the place."""
    genuine = random_.choice(PDFS)
    data, at = changed(random_, genuine, part(genuine) if part else None, letters)
    signature = frozenset[Name]({"signature"})
    if within(at, container_of(genuine)):
        return Change("c.pdf", data, signature, signature)
    if within(at, attached_in(genuine)):
        return Change("c.pdf", data, signature | {"completeness"}, ANY)
    return Change("c.pdf", data, signature, signature | {"completeness"})


def container(random_: random.Random) -> Change:
    """The one part that no signature covers: the signature's own container, its padding included."""
    return pdf(random_, container_of, HEX)


def attached(random_: random.Random) -> Change:
    return pdf(random_, attached_in)


def credential(random_: random.Random, letters: bytes = b"") -> Change:
    """Whatever is changed, the signature does not fit; an entry's bytes and a photo's hash are known elsewhere too."""
    genuine = random_.choice(JSONS)
    data, at = changed(random_, genuine, letters=letters)
    must = frozenset[Name]({"signature"})
    if within(at, between(genuine, b'"proofValue":"', b'"')):
        return Change("c.json", data, must, must)
    if within(at, between(genuine, b'"entry":"', b'","proof":')):
        must |= {"log"}
    for photo in re.finditer(rb'"photos":\[\{.*?\}\]', genuine[: genuine.index(b'"evidence":')]):
        for hash_ in re.finditer(rb'"sha256":"([0-9a-f]{64})"', photo[0]):
            if within(at, (photo.start() + hash_.start(1), photo.start() + hash_.end(1))):
                must |= {"photos"}
    return Change("c.json", data, must, ANY)


def word(random_: random.Random) -> Change:
    return credential(random_, WORDS)


def photo(random_: random.Random) -> Change:
    only = frozenset[Name]({"photos"})
    return Change("c.json", sample.JSON, only, only, changed(random_, PHOTO)[0])


def proof(random_: random.Random) -> Change:
    """The bare proof of an entry; its index and its path come before its head."""
    only = frozenset[Name]({"log"})
    data, _ = changed(random_, sample.PROOF, (0, sample.PROOF.index(b"\n\n")), WORDS)
    return Change("e.tlog-proof", data, only, only)


def checkpoint(random_: random.Random) -> Change:
    first = sample.PROOF.index(b"\n\n") + 2
    data, _ = changed(random_, sample.PROOF, (first, len(sample.PROOF)), WORDS)
    return Change("e.tlog-proof", data, frozenset({"signature"}), frozenset({"signature", "log"}))


# What is changed, how often, and how many of these may leave a file that is no PDF, no JSON or no proof any more: half
# of the bytes are no UTF-8, and a page whose index is hit is none.
PARTS: dict[Callable[[random.Random], Change], tuple[int, int]] = {
    pdf: (200, 20),
    container: (100, 0),
    attached: (50, 0),
    credential: (100, 80),
    word: (150, 8),
    photo: (100, 0),
    proof: (150, 24),
    checkpoint: (150, 8),
}


@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.__name__)
def test_every_changed_byte_is_found_and_its_part_named(part: Callable[[random.Random], Change]) -> None:
    times, unreadable_max = PARTS[part]
    told = Counter[str]()
    random_ = random.Random(f"{SEED} {part.__name__}")
    for _ in range(times):
        change = part(random_)
        try:
            verdict = change.verdict()
        except Unreadable as unreadable:
            assert unreadable.ja
            told["unreadable"] += 1
        else:
            failed = {one.name for one in verdict.checks if one.status in ("failed", "lost")}
            assert not verdict.ok
            assert change.must <= failed <= change.may
            told["found"] += 1
    assert told.total() == times
    assert told["found"] > 0
    assert told["unreadable"] <= unreadable_max


def test_together_they_are_a_thousand() -> None:
    assert sum(times for times, _ in PARTS.values()) == 1000


def honest() -> Iterator[bytes]:
    """A thousand credentials that say different things, as an issuer signs them."""
    for nth in range(1000):
        document = json.loads(JSONS[nth % len(JSONS)])
        document["credentialSubject"]["addressee"] = f"第{nth}町長 {sha256(bytes([nth % 256])).hexdigest()}"
        yield sample.resigned(document)


def test_of_a_thousand_honest_ones_none_is_refused() -> None:
    refused = [one for one in honest() if not verify_bytes("c.json", one, sample.TRUSTED_LIAR).ok]
    assert refused == []
