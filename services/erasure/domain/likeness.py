"""How two serials that look alike differ: what a person's eye has to be led to. Pure."""

from difflib import SequenceMatcher

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


def why_waiting(serial: str, near: list[str]) -> str:
    """Return the code of why a serial waits: `no-serial`, `several` media have it, `near` ones exist, or `unknown`."""
    if not serial:
        return "no-serial"
    if near.count(serial) > 1:
        return "several"
    return "near" if near else "unknown"
