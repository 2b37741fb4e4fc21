"""Serials that look alike: how they differ, why a report of one waits, and what decides between two equal. Pure."""

from collections.abc import Sequence
from difflib import SequenceMatcher
from typing import Protocol, TypeVar
from uuid import UUID

from services.erasure.domain.placeholder import named

Piece = tuple[str, bool]  # a run of letters, and whether the other serial lacks it


def differing(one: str, other: str) -> tuple[list[Piece], list[Piece]]:
    """Cut two serials into runs that they share and runs that they do not; each joins to what it was."""
    left: list[Piece] = []
    right: list[Piece] = []
    for what, i, j, k, m in SequenceMatcher(None, one, other, autojunk=False).get_opcodes():
        if i < j:
            left.append((one[i:j], what != "equal"))
        if k < m:
            right.append((other[k:m], what != "equal"))
    return left, right


def is_one_letter_off(one: str, other: str) -> bool:
    """Tell whether a serial is another with one letter altered, or blanked at an end, where blanks are padding."""
    if len(one) == len(other):
        return sum(a != b for a, b in zip(one, other, strict=True)) == 1
    return bool(one) and one in (other[1:], other[:-1])


class Placed(Protocol):
    """A registered medium, as far as its place may decide."""

    @property
    def engagement(self) -> UUID:
        """The contract it is registered under."""

    @property
    def host(self) -> str:
        """The serial of the computer it sits in, "" when nobody registered one."""


P = TypeVar("P", bound=Placed)


def the_one(equal: Sequence[P], engagement: UUID | None, host: str | None) -> tuple[P | None, bool]:
    """Return which of the media of one serial a report means, and whether the computer that it names decided.

    None when it is not clear: then a person decides. A placeholder is no computer.
    """
    of_contract = [one for one in equal if one.engagement == engagement] or list(equal)
    if len(of_contract) == 1:
        return of_contract[0], False
    computer = named((host or "").strip())
    there = [one for one in of_contract if computer and one.host.strip() == computer]
    return (there[0], True) if len(there) == 1 else (None, False)


def why_waiting(serial: str, near: list[str]) -> str:
    """Return the code of why a serial waits: `no-serial`, `several` media have it, `near` ones exist, or `unknown`.

    `same`: one has it, and the report was put aside until just now; it binds itself when `loops.py` comes round.
    """
    if not serial:
        return "no-serial"
    if near.count(serial) > 1:
        return "several"
    if serial in near:
        return "same"
    return "near" if near else "unknown"
