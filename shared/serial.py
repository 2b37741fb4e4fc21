"""Serial numbers as people, labels and spreadsheets spoil them: what is the same, and what only looks the same."""

import unicodedata

_LOOKS_LIKE = str.maketrans({"O": "0", "I": "1", "L": "1"})  # read off a label, typed by hand


def loose(serial: str) -> str:
    """Fold what is confused: full width, case, O/0, I/1, separators, and leading zeros that a spreadsheet drops.

    Equal folds are a near miss, a proposal for a person to look at; only equal text is the same serial.
    """
    plain = "".join(letter for letter in unicodedata.normalize("NFKC", serial) if letter.isalnum())
    return plain.upper().translate(_LOOKS_LIKE).lstrip("0")


def is_near(one: str, other: str) -> bool:
    """Tell whether one serial may be the other, spoiled. Nothing is near to an empty serial."""
    return bool(loose(one)) and loose(one) == loose(other)
