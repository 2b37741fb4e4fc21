"""Identifiers: UUIDv7 for streams and entries, derived streams, and the label people read and scan.

A UUIDv7 (RFC 9562 §5.7) begins with 48 bits of Unix milliseconds. Entries are partitioned by the month in their
stream's id, so a stream that follows from another carries its parent's time and lands in the same partition.
"""

import hashlib
import re
import secrets
import time
from dataclasses import dataclass
from uuid import UUID

from stdnum.exceptions import ValidationError
from stdnum.iso7064 import mod_37_36

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"  # Crockford's base 32: no I L O U
LABEL_LENGTH = 9  # eight random characters and one check character
TOKEN_LENGTH = 8
LABEL_INPUT_MAX = 200  # a URL from a QR code is well below this

_FOLD = str.maketrans({"O": "0", "I": "1", "L": "1"})  # Crockford: what people type for what they read
_QR = re.compile(r"/T/([0-9A-Z-]{9,11})(?:/([0-9A-Z]{8}))?/?$", re.ASCII)


# Streams that exist once for ever (a party, a policy) derive from this: the first month of the partitions.
FOUNDATION = UUID(int=1_767_225_600_000 << 80 | 0x7 << 76 | 0b10 << 62)


class BadLabel(ValueError):
    """What was scanned or typed is no tracking ID: wrong length, foreign character, or wrong check character."""


@dataclass(frozen=True, slots=True)
class Label:
    """A tracking ID and, when it came from a QR code, the token that opens the whole timeline."""

    id: str
    token: str | None = None

    def __str__(self) -> str:
        return f"{self.id[:4]}-{self.id[4:8]}-{self.id[8:]}"


def uuid7() -> UUID:
    """Return a new UUIDv7 from the clock and 74 random bits."""
    return _uuid7(time.time_ns() // 1_000_000, secrets.token_bytes(10))


def derived(parent: UUID, name: str) -> UUID:
    """Return the stream that follows from `parent` under `name`: the same answer always, in the parent's partition.

    A command that a message causes writes to a derived stream, so a second attempt is a key conflict (ARCHITECTURE,
    "Order and races").
    """
    digest = hashlib.sha256(parent.bytes + b"\x00" + name.encode()).digest()
    return _uuid7(milliseconds(parent), digest[:10])


def milliseconds(identifier: UUID) -> int:
    """Return the Unix milliseconds a UUIDv7 begins with."""
    return identifier.int >> 80


def new_label() -> str:
    """Draw a label whose check character (ISO 7064 MOD 37,36) lies in the alphabet itself."""
    while True:
        body = "".join(secrets.choice(ALPHABET) for _ in range(LABEL_LENGTH - 1))
        check = mod_37_36.calc_check_digit(body)
        if check in ALPHABET:
            return body + check


def new_token() -> str:
    """Draw the eight characters that, with the label, make the 80 bits of a QR code."""
    return "".join(secrets.choice(ALPHABET) for _ in range(TOKEN_LENGTH))


def parse_label(text: str) -> Label:
    """Read a label from a scan or from typing: a bare ID in any case, with or without dashes, or the QR's URL.

    Raises BadLabel with a sentence for the one who scanned it.
    """
    given = text.strip().upper()
    if len(given) > LABEL_INPUT_MAX:
        raise BadLabel("追跡IDではありません。ラベルのQRコードを読み取ってください。")
    token = None
    if (qr := _QR.search(given)) and "://" in given:
        given, token = qr.group(1), qr.group(2)
    bare = bare_label(given)
    if len(bare) != LABEL_LENGTH:
        raise BadLabel(f"追跡IDは{LABEL_LENGTH}文字です。ラベルを拭いて、もう一度読み取ってください。")
    try:
        mod_37_36.validate(bare)
    except ValidationError as wrong:
        raise BadLabel("最後の文字が合いません。ラベルを拭いて、もう一度読み取ってください。") from wrong
    if any(character not in ALPHABET for character in bare):
        raise BadLabel("追跡IDに使わない文字があります。ラベルを拭いて、もう一度読み取ってください。")
    return Label(bare, token)


def bare_label(text: str) -> str:
    """Return a typed text as a label would hold it: upper case, no dashes or spaces, Crockford's letters folded."""
    return text.upper().replace("-", "").replace(" ", "").translate(_FOLD)


def qr_url(origin: str, label: str, token: str) -> str:
    """Return the upper-case URL a QR code carries; upper case keeps the code small (alphanumeric mode)."""
    return f"{origin.upper()}/T/{label}/{token}"


def _uuid7(unix_ms: int, rest: bytes) -> UUID:
    value = int.from_bytes(rest)
    high, low = value >> 62 & 0xFFF, value & (1 << 62) - 1
    return UUID(int=(unix_ms & (1 << 48) - 1) << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low)
