"""Who applies, in memory only: personal data that goes into one deletable table and never into an event."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import datetime

from shared.events.donations import Channel

# Variants (異体字) of common names, numerals, and katakana as hiragana. Only a hint is made of it, never a refusal.
_SAME = str.maketrans("髙﨑𠮷邉邊濵濱德", "高崎吉辺辺浜浜徳") | str.maketrans("〇一二三四五六七八九", "0123456789")
_SAME |= {katakana: katakana - 0x60 for katakana in range(ord("ァ"), ord("ヶ") + 1)}
PHONE_DIGITS = range(10, 12)  # a Japanese number with its area code, or a mobile's


@dataclass(frozen=True, slots=True)
class Applicant:
    """A group and the person who speaks for it."""

    group_name: str
    representative: str
    address: str
    phone: str
    mail: str = ""
    uses: tuple[str, ...] = ()
    purpose: str = ""
    network: bool | None = None
    consent_version: str = ""


@dataclass(frozen=True, slots=True)
class Attested:
    """An application on paper or from a portal's file, with the arrival that a clerk stands for."""

    key: str  # what makes it the same one when it comes again: the request, or the portal's number
    channel: Channel
    category: str
    units: int
    arrived_at: datetime
    applicant: Applicant


def comparable_name(name: str) -> str:
    """Return a group's name as it is compared with others, for a clerk to look at: 髙橋一区 may be 高橋 1区.

    Width, case, spaces and marks do not matter, nor which kana, variant or numeral it is written with.
    """
    plain = unicodedata.normalize("NFKC", name)
    letters = "".join(c for c in plain if unicodedata.category(c)[0] in "LN")
    return (letters or plain).casefold().translate(_SAME)


def comparable_phone(phone: str) -> str:
    """Return the digits of a phone number."""
    return re.sub(r"[^0-9]", "", unicodedata.normalize("NFKC", phone))


def is_phone(phone: str) -> bool:
    """Tell whether it may be a phone number with its area code."""
    digits = comparable_phone(phone)
    return digits.startswith("0") and len(digits) in PHONE_DIGITS
