"""Certificates as an honest house issues them, each unlike the others: what a verifier may refuse none of.

Drawn by a seed (keys and labels aside): the four kinds, what is known and what is not, names with 異体字 and names
that fill a field, one photo or four, a place in a log of one entry or of a billion, one log key or both of an overlap,
witnesses or none, with and without a time stamp, first issues and replacements.
"""

import json
import random
from base64 import b64encode
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any, Self, TypeVar
from uuid import UUID

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from services.certificates.document.inputs import (
    Input,
    LotLine,
    MediumLine,
    Person,
    Photo,
    Policy,
    Reason,
    Replaced,
    Requirement,
    Step,
    canonical,
)
from services.certificates.filling.lot import canonical_list
from services.certificates.issuing import Instrument
from services.certificates.order import Files, Order, place
from services.certificates.signing import ALONE, Means, key_lines, make_keys
from services.certificates.tests import sample
from services.certificates.tests.authority import Pair, TimeStampAuthority
from services.certificates.timestamps import Authority
from services.tracking.log import merkle
from services.tracking.log.note import Checkpoint, NoteSigner
from shared.ids import new_label, uuid7
from verifier.keys import Keys
from verifier.verification import verify_bytes

Known = TypeVar("Known")

BEGAN = datetime(2021, 4, 1, tzinfo=UTC)
HEIGHT_MAX = 30  # of the log: a billion entries
STAMPED = 8  # one in so many
NAMES = (
    "髙﨑 亮", "𠮷田 由美", "渡邊 邉", "渡邉\U000e0100 邊\U000e0101", "葛\U000e0100城 辻\U000e0100", "𡈽井 𣘺",
    "が\u3099ぎ", "ﾊﾝｶｸ ｶﾅ", "Ærøskøbing Ø", "O\u2019Brien-Müller", "Nguyễn Thị Hạnh", "寿限無" * 40, "A" * 120,
    "々〆ヵ ㈱㍿", "①ⅲ㎜", "🖥 予備", "  両端の空白  ", "<&>\"'\\#[]{}$*_`@", "0",
)  # fmt: skip
SERIALS = (
    "TS9K0A114C71",
    "S/N: 00-00",
    "WD-WCC4N0123456",
    "５０００",
    "x" * 200,
    "シール番号 第12号",
    "2021-09-14",
    "=1+1",
    "NA/NA",
)
KINDS: dict[str, Callable[..., Input]] = {
    "destruction": sample.destruction,
    "erasure": sample.erasure,
    "tracking": sample.tracking,
    "lot": sample.lot,
}
OPTIONAL = (
    "manufacturer", "model", "serial", "property_number", "contract", "media_type", "media_source",
    "confidentiality_before", "confidentiality_after", "tool_version", "place", "verification_method", "destination",
    "on_site", "assurance", "required", "achieved", "photographed_with", "particle", "security_class", "tray", "video",
    "serial_corrected", "item_kind", "afterwards", "title",
)  # fmt: skip
TEXTS = frozenset(OPTIONAL) - {"required", "achieved"}


@dataclass(frozen=True, slots=True)
class Honest:
    """One certificate, and what it is in words."""

    given: Input
    files: Files
    originals: dict[str, bytes]
    traits: tuple[str, ...]

    def refused(self, keys: Keys) -> list[str]:
        """Verify both files and the proof inside, with the originals and without. Returns what was refused, and why."""
        proof = json.loads(self.files.json)["evidence"][0]["proof"].encode()
        found = []
        for name, content in (("c.pdf", self.files.pdf), ("c.json", self.files.json), ("c.tlog-proof", proof)):
            for originals in ({}, self.originals) if self.originals and name != "c.tlog-proof" else ({},):
                verdict = verify_bytes(name, content, keys, originals)
                if not verdict.ok or (verdict.number is not None and verdict.number != self.given.number):
                    said = [f"{check.name}: {check.en}" for check in verdict.checks if check.status != "ok"]
                    found.append(f"{self.given.number} {name} ({', '.join(self.traits)}): {said}")
        return found


@dataclass(frozen=True, slots=True)
class House:
    """Instruments with and without an authority, a log with an old and a new key, witnesses, and photos with copies."""

    plain: Instrument
    stamping: Instrument
    old: NoteSigner
    new: NoteSigner
    witnesses: tuple["Witness", ...]
    photos: list[bytes]
    copies: dict[str, bytes]
    keys: Keys

    @classmethod
    @contextmanager
    def opened(cls, folder: Path) -> Iterator[Self]:
        """Make keys in the folder and bring up an authority; the third witness is not on the list of keys."""
        make_keys(folder, subject="見本", organisation="株式会社見本", at=BEGAN)
        root = Pair.new("root")
        pair = Pair.new("authority", by=root)
        with TimeStampAuthority(root, pair).running() as authority:
            means = Means(authority=Authority(authority.url, frozenset({pair.fingerprint})))
            old, new = NoteSigner.new(sample.ORIGIN), NoteSigner.new(sample.ORIGIN)
            witnesses = tuple(Witness(f"town{nth}.example/w", Ed25519PrivateKey.generate()) for nth in range(3))
            known = [old.vkey, new.vkey, *(one.vkey for one in witnesses[:2])]
            photos = [sample.photo(shade, exif=shade % 40 == 0) for shade in range(20, 260, 20)]
            lines = key_lines(folder, sample.ORIGIN, means) + "".join(f"{vkey}\n" for vkey in known)
            plain, stamping = (Instrument.load(sample.FOLDER, folder, one) for one in (ALONE, means))
            yield cls(plain, stamping, old, new, witnesses, photos, sample.copies(*photos), Keys.parse(lines))

    def issue(self, seed: int, count: int) -> Iterator[Honest]:
        """Issue so many, drawn by the seed; of each eight one has a time stamp."""
        drawn = random.Random(seed)
        for nth in range(count):
            yield self._one(drawn, list(KINDS)[nth % len(KINDS)], stamped=nth // len(KINDS) % STAMPED == 0)

    def _one(self, drawn: random.Random, kind: str, *, stamped: bool) -> Honest:
        issued = datetime.now(UTC) if stamped else BEGAN + timedelta(microseconds=drawn.randrange(10**15))
        whole = KINDS[kind]()
        given = type(whole).model_validate(whole.model_dump() | _drawn(drawn, kind, issued, self.photos))
        order, signed = self._order(drawn, given)
        given = given.model_copy(update={"log": place(order)})
        files = (self.stamping if stamped else self.plain).make(order, canonical(given), self.copies)
        shown = [one.sha256 for one in getattr(given, "photos", ())]
        originals = {f"{one[:6]}.jpg": photo for photo in self.photos if (one := sha256(photo).hexdigest()) in shown}
        traits = (kind, *(["stamped"] if stamped else []), *(["replaces"] if given.replaces else []), *signed)
        return Honest(given, files, originals, (*traits, f"{len(shown)} photos") if shown else traits)

    def _order(self, drawn: random.Random, given: Input) -> tuple[Order, list[str]]:
        """Return the order: its entry stands anywhere in a log of any size, under a head that some have signed."""
        body, height = sample.entry(given), drawn.randrange(HEIGHT_MAX)
        index, path = drawn.randrange(2**height), [drawn.randbytes(32) for _ in range(height)]
        node = merkle.leaf_hash(sha256(body + sample.SALT).digest())
        for level, sibling in enumerate(path):
            node = merkle.node_hash(sibling, node) if index >> level & 1 else merkle.node_hash(node, sibling)
        signers = drawn.choice(([self.old], [self.new, self.old], [self.new]))
        note = signers[0].sign(str(Checkpoint(sample.ORIGIN, 2**height, node)))
        for beside in signers[1:]:
            note = beside.cosign(note)
        witnesses = drawn.sample(self.witnesses, drawn.randrange(len(self.witnesses) + 1))
        note += "".join(one.line(note) for one in witnesses)
        order = Order(
            certificate=uuid7(),
            tenant="063622",
            number=given.number,
            kind=given.kind,
            item=None,
            medium=None,
            engagement=uuid7(),
            cited=UUID("01922f6e-0000-7000-8000-00000000e001"),
            traceparent=None,
            input_sha256=None,
            body=body,
            salt=sample.SALT,
            log_index=index,
            path=tuple(b64encode(step).decode() for step in path),
            checkpoint=note,
        )
        return order, [f"{len(signers)} log keys", f"{len(witnesses)} witnesses"]


@dataclass(frozen=True, slots=True)
class Witness:
    """Somebody who cosigns heads (C2SP tlog-cosignature)."""

    name: str
    key: Ed25519PrivateKey

    @property
    def vkey(self) -> str:
        """Its line of a key file."""
        return f"{self.name}+{self._id.hex()}+{b64encode(self._material).decode()}"

    def line(self, note: str) -> str:
        """Return its line under a head."""
        seconds = int(datetime.now(UTC).timestamp())
        text = note.rpartition("\n\n")[0] + "\n"
        signature = self.key.sign(f"cosignature/v1\ntime {seconds}\n{text}".encode())
        return f"— {self.name} {b64encode(self._id + seconds.to_bytes(8) + signature).decode()}\n"

    @property
    def _material(self) -> bytes:
        return b"\x04" + self.key.public_key().public_bytes_raw()

    @property
    def _id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + self._material).digest()[:4]


def _drawn(drawn: random.Random, kind: str, issued: datetime, photos: list[bytes]) -> dict[str, Any]:
    """Draw what a certificate says: everything that may be missing is missing now and then."""
    label, treated = new_label(), issued - timedelta(seconds=drawn.randrange(1, 5_000_000))
    issue = drawn.randrange(2, 9) if drawn.random() < 0.2 else 1
    number = f"{kind[0].upper()}-{label[:4]}-{label[4:8]}-{label[8:]}" + (f"-R{issue}" if issue > 1 else "")
    facts: dict[str, Any] = {"number": number, "label": label, "issued_at": issued, "addressee": _name(drawn)}
    facts |= {"item": str(uuid7()), "issuer": _name(drawn), "sample": drawn.random() < 0.1}
    if issue > 1:
        facts["replaces"] = Replaced(number=number.rpartition("-")[0], ja=_name(drawn), en="Corrected.")
    draw = {"destruction": _destruction, "erasure": _medium, "tracking": _tracking, "lot": _lot}[kind]
    facts |= draw(drawn, treated, photos)
    facts["people"] = tuple(
        Person(role=role, name=_maybe(drawn, _name(drawn)), title=_maybe(drawn, _name(drawn)), on=treated.date())
        for role in drawn.sample(("sanitised", "verified", "validated", "witness", "issued"), drawn.randrange(6))
    )
    whole = KINDS[kind]()
    for name in (one for one in OPTIONAL if one in type(whole).model_fields):  # in one order: a set has none by a seed
        if drawn.random() < 0.4:
            facts[name] = None
        elif name in TEXTS:
            facts[name] = drawn.choice(SERIALS) if "serial" in name else _name(drawn)
    if kind != "lot":
        rule = Policy(
            version=_name(drawn), media_class=drawn.choice((1, 2, 3, None)), raised=_maybe(drawn, _name(drawn))
        )
        facts["policy"] = _maybe(drawn, rule)
    facts["due_on"] = _maybe(drawn, date(2021, 1, 1) + timedelta(days=drawn.randrange(9000)))
    return facts if kind != "lot" else {name: said for name, said in facts.items() if name != "item"}


def _medium(drawn: random.Random, treated: datetime, _photos: list[bytes]) -> dict[str, Any]:
    codes = range(drawn.randrange(7))
    return {
        "medium": str(uuid7()),
        "treated_at": treated,
        "technique": _name(drawn),
        "reasons": tuple(Reason(code=f"r{nth}", ja=_name(drawn), en=f"Reason {nth}.") for nth in codes),
    }


def _destruction(drawn: random.Random, treated: datetime, photos: list[bytes]) -> dict[str, Any]:
    shown = drawn.sample(photos, drawn.randrange(1, 5))
    return _medium(drawn, treated, photos) | {
        "photos": tuple(
            Photo(
                sha256=sha256(one).hexdigest(),
                role=drawn.choice(("before", "after")),
                taken_at=_maybe(drawn, treated - timedelta(seconds=nth)),
            )
            for nth, one in enumerate(shown)
        )
    }


def _tracking(drawn: random.Random, treated: datetime, _photos: list[bytes]) -> dict[str, Any]:
    names = ("registered", "erased", "shipped-out", "received", "destroyed", "closed")
    chosen = sorted({0, 5, drawn.choice((3, 4)), *drawn.sample(range(6), drawn.randrange(7))})
    return {
        "steps": tuple(
            Step(
                step=names[n],
                occurred_at=treated - timedelta(hours=6 - n),
                place=_maybe(drawn, _name(drawn)),
                log_index=_maybe(drawn, drawn.randrange(10**9)),
            )
            for n in chosen
        ),
        "media": tuple(
            MediumLine(media_type=_maybe(drawn, "SSD"), serial=_maybe(drawn, drawn.choice(SERIALS)), method="purge")
            for _ in range(drawn.choice((0, 1, 2, 12, 40)))
        ),
        "certificates": tuple(f"D-{nth}" for nth in range(drawn.randrange(5))),
        "requirements": tuple(
            Requirement(ja=_name(drawn), en="Met.", met=drawn.random() < 0.5) for _ in range(drawn.randrange(8))
        ),
    }


def _lot(drawn: random.Random, treated: datetime, _photos: list[bytes]) -> dict[str, Any]:
    lines = tuple(
        LotLine(
            label=(label := new_label()),
            kind=drawn.choice(("destruction", "erasure", "tracking")),
            number=f"D-{label}",
            issued_at=treated - timedelta(seconds=nth),
            pdf_sha256=drawn.randbytes(32).hex(),
            json_sha256=drawn.randbytes(32).hex(),
        )
        for nth in range(drawn.choice((1, 2, 7, 60, 200)))
    )
    listed = sha256(canonical_list(lines)).hexdigest()
    return {"engagement": str(uuid7()), "lines": lines, "list_sha256": listed, "as_of": treated}


def _name(drawn: random.Random) -> str:
    return drawn.choice(NAMES)


def _maybe(drawn: random.Random, said: Known) -> Known | None:
    return said if drawn.random() < 0.6 else None
