"""Which characters our fonts can draw, so that a hostile or rare sign is printed by its number and never as a blank.

PDF/A forbids a character without a glyph; typst would refuse the whole certificate for one odd sign in a serial.
"""

from struct import unpack_from
from unicodedata import combining

VARIATION_SELECTORS = frozenset([*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0)])  # shaped with the sign before them


def coverage(font: bytes) -> frozenset[int]:
    """Return the code points of a TrueType font's character map (OpenType `cmap`, formats 4 and 12)."""
    tables = {font[at : at + 4]: unpack_from(">I", font, at + 8)[0] for at in range(12, 12 + 16 * _u16(font, 4), 16)}
    cmap = tables[b"cmap"]
    found: set[int] = set()
    for record in range(cmap + 4, cmap + 4 + 8 * _u16(font, cmap + 2), 8):
        table = cmap + unpack_from(">I", font, record + 4)[0]
        form = _u16(font, table)
        if form == 4:  # noqa: PLR2004  # segments of the basic plane
            found.update(_segments(font, table))
        elif form == 12:  # noqa: PLR2004  # groups of the whole of Unicode
            for group in range(unpack_from(">I", font, table + 12)[0]):
                first, last = unpack_from(">II", font, table + 16 + 12 * group)
                found.update(range(first, last + 1))
    return frozenset(found)


def drawable(text: str, covered: frozenset[int]) -> str:
    """Write every sign that cannot be drawn, or that would reorder the line, by its number: 〈U+202E〉."""
    return "".join(sign if _plain(sign, covered) else f"〈U+{ord(sign):04X}〉" for sign in text)


def _plain(sign: str, covered: frozenset[int]) -> bool:
    point = ord(sign)
    if point in VARIATION_SELECTORS:
        return True
    return point in covered and (sign.isprintable() or sign == "\u3000") and not combining(sign)


def _segments(font: bytes, table: int) -> list[int]:
    count = _u16(font, table + 6) // 2
    ends, starts = table + 14, table + 16 + 2 * count
    points: list[int] = []
    for n in range(count):
        first, last = _u16(font, starts + 2 * n), _u16(font, ends + 2 * n)
        points += [point for point in range(first, last + 1) if point != 0xFFFF]  # noqa: PLR2004  # closes the list
    return points


def _u16(font: bytes, at: int) -> int:
    return int(unpack_from(">H", font, at)[0])
