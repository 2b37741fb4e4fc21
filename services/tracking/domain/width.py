"""Full and half width: what people type in either counts as one. Pure."""

import unicodedata


def plain(text: str) -> str:
    """Return a head, a word or a number as it is compared (NFKC): カゴ１ and カゴ1 are one.

    What is recorded of a serial is never folded.
    """
    return unicodedata.normalize("NFKC", text).strip()
