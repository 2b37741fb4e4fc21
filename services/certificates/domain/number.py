"""The number printed on a certificate: its kind, the label of its machine, which of several media, which issue.

`D-7K3D-9Q2M-X` is the first medium's, `D-7K3D-9Q2M-X-2` the second's; `D-7K3D-9Q2M-X-R2` is issued in place of the
first when that was revoked (再発行), `…-R3` in place of `…-R2`. A lot has a tracking ID of its own, made of its stream.
"""

import re
from dataclasses import dataclass, replace
from hashlib import sha256
from uuid import UUID

from stdnum.iso7064 import mod_37_36

from shared.events.certificates import CertificateKind
from shared.ids import ALPHABET, BadLabel, Label, parse_label

LETTERS: dict[CertificateKind, str] = {"destruction": "D", "erasure": "E", "tracking": "T", "lot": "L"}
KINDS: dict[str, CertificateKind] = {letter: kind for kind, letter in LETTERS.items()}
NUMBER_LENGTH_MAX = 40  # characters somebody may type, spaces and dashes included

_NUMBER = re.compile(rf"([DETL])([{ALPHABET}OIL]{{9}})([2-9]|[1-9][0-9]{{1,2}})?(?:R([2-9]|[1-9][0-9]))?", re.ASCII)
ISSUES_MAX = 99


class BadNumber(ValueError):
    """What was typed or scanned is no number of a certificate."""


@dataclass(frozen=True, slots=True)
class Number:
    """A certificate's number, taken apart. `nth` counts the media of a machine and `issue` the issues, both from 1.

    The first of either is not printed.
    """

    kind: CertificateKind
    label: Label
    nth: int = 1
    issue: int = 1

    def __str__(self) -> str:
        which = (f"-{self.nth}" if self.nth > 1 else "") + (f"-R{self.issue}" if self.issue > 1 else "")
        return f"{LETTERS[self.kind]}-{self.label}{which}"

    @property
    def first(self) -> "Number":
        """Return the number of the first issue."""
        return replace(self, issue=1)

    @property
    def following(self) -> "Number":
        """Return the number of what is issued in its place."""
        return replace(self, issue=self.issue + 1)


def lot_number(stream: UUID, attempt: int = 0) -> Number:
    """Return the number of a lot's certificate: always the same of its stream; a further attempt when it is taken."""
    for n in range(attempt, attempt + 1000):
        digest = int.from_bytes(sha256(stream.bytes + n.to_bytes(4)).digest()[:5])
        body = "".join(ALPHABET[digest >> 5 * place & 31] for place in range(8))
        if (check := mod_37_36.calc_check_digit(body)) in ALPHABET:
            return Number("lot", Label(body + check))
    raise AssertionError("a thousand digests without a check character of the alphabet")


def parse_number(text: str) -> Number:
    """Read a number in any case, with or without dashes. Raises BadNumber."""
    bare = re.sub(r"[\s‐-―ー－-]", "", text.upper())
    if len(text) > NUMBER_LENGTH_MAX or not (parts := _NUMBER.fullmatch(bare)):
        raise BadNumber("a certificate's number is a letter, a tracking ID and, for a further medium, which one")
    try:
        label = parse_label(parts[2])
    except BadLabel as wrong:
        raise BadNumber(str(wrong)) from wrong
    return Number(KINDS[parts[1]], label, int(parts[3] or 1), int(parts[4] or 1))
