"""The 1,741 municipalities of Japan by their six-digit code (public data; the file's source is in NOTICE)."""

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from shared.refused import Invalid

WEIGHTS = (6, 5, 4, 3, 2)


@dataclass(frozen=True, slots=True)
class Municipality:
    """One row of the list. The code is text: it may begin with 0."""

    code: str
    prefecture: str
    name: str
    kana: str


@lru_cache(maxsize=1)
def municipalities() -> dict[str, Municipality]:
    """Return the list by code."""
    with (Path(__file__).parent / "municipalities.csv").open(encoding="utf-8", newline="") as file:
        return {row["lg_code"]: Municipality(*row.values()) for row in csv.DictReader(file)}


def check_digit(body: str) -> str:
    """Return the sixth digit of a code: the last digit of 11 − (weighted sum mod 11) (総務省の定め)."""
    return str((11 - sum(int(digit) * weight for digit, weight in zip(body, WEIGHTS, strict=True)) % 11) % 10)


def municipality(code: str) -> Municipality:
    """Return the municipality of a code. Raises Invalid with a sentence."""
    if len(code) != 6 or not code.isascii() or not code.isdecimal() or check_digit(code[:5]) != code[5]:  # noqa: PLR2004 - six digits
        raise Invalid(
            "bad-code",
            "団体コードは検査数字を含む6桁です。確かめて入れ直してください。",
            "A municipality code has six digits, the last a check digit.",
            field="code",
        )
    if not (found := municipalities().get(code)):
        raise Invalid(
            "unknown-code",
            "この団体コードは一覧にありません。合併などで変わっていないか確かめてください。",
            "This code is not in the list of municipalities.",
            field="code",
        )
    return found
