"""The number printed on a certificate: its kind, the label of its machine, and which of several media it is about."""

import re
from dataclasses import dataclass

from shared.events.certificates import CertificateKind
from shared.ids import ALPHABET, BadLabel, Label, parse_label

LETTERS: dict[CertificateKind, str] = {"destruction": "D", "erasure": "E", "tracking": "T"}
KINDS: dict[str, CertificateKind] = {letter: kind for kind, letter in LETTERS.items()}
NUMBER_LENGTH_MAX = 40  # characters somebody may type, spaces and dashes included

_NUMBER = re.compile(rf"([DET])([{ALPHABET}OIL]{{9}})([2-9]|[1-9][0-9]{{1,2}})?", re.ASCII)


class BadNumber(ValueError):
    """What was typed or scanned is no number of a certificate."""


@dataclass(frozen=True, slots=True)
class Number:
    """A certificate's number, taken apart. `nth` counts the media of a machine from 1; the first is not printed."""

    kind: CertificateKind
    label: Label
    nth: int = 1

    def __str__(self) -> str:
        return f"{LETTERS[self.kind]}-{self.label}" + (f"-{self.nth}" if self.nth > 1 else "")


def parse_number(text: str) -> Number:
    """Read a number in any case, with or without dashes. Raises BadNumber."""
    bare = re.sub(r"[\s‐-―ー－-]", "", text.upper())
    if len(text) > NUMBER_LENGTH_MAX or not (parts := _NUMBER.fullmatch(bare)):
        raise BadNumber("a certificate's number is a letter, a tracking ID and, for a further medium, which one")
    try:
        label = parse_label(parts[2])
    except BadLabel as wrong:
        raise BadNumber(str(wrong)) from wrong
    return Number(KINDS[parts[1]], label, int(parts[3] or 1))
