"""Receipt numbers and the passphrase that opens one: what an applicant keeps in place of an account."""

import hashlib
import hmac
import re
import unicodedata
from uuid import UUID

from shared.ids import ALPHABET

PASSPHRASE_LENGTH = 8  # 40 bits, guessed against a limit (services/donations/intake.py)
LINK_LENGTH = 25
LINK = re.compile(r"[0-9a-z]{25}", re.ASCII)
RECEIPT = re.compile(r"[0-9]{6}-[0-9]{4,6}", re.ASCII)
SECRET_SIZE = 32  # bytes of a town's secret

_FOLD = str.maketrans({"O": "0", "I": "1", "L": "1"})  # Crockford: what people type for what they read


def receipt_number(code: str, nth: int) -> str:
    """Return the receipt of a town's nth application: `063622-0007`; `code` is the town's 全国地方公共団体コード."""
    return f"{code}-{nth:04d}"


def nth(receipt: str) -> int:
    """Return how many receipts the town had given out, this one included."""
    return int(receipt.split("-", 1)[1])


def order(receipt: str) -> tuple[int, str]:
    """Return a key that sorts receipts of a town as they were given, the ten-thousandth after the 9999th."""
    return len(receipt), receipt


def passphrase(secret: bytes, application: UUID) -> str:
    """Return the passphrase of an application, `KTG4-92BD`.

    It follows from the town's secret, so that a request sent again gets the answer it got before.
    """
    drawn = hmac.digest(secret, application.bytes, "sha256")
    text = "".join(ALPHABET[byte % len(ALPHABET)] for byte in drawn[:PASSPHRASE_LENGTH])
    return f"{text[:4]}-{text[4:]}"


def link_token(secret: bytes, application: UUID) -> str:
    """Return what makes an application's private link: 125 bits that follow from the town's secret."""
    drawn = hmac.digest(secret, b"link" + application.bytes, "sha256")
    return "".join(ALPHABET[byte % len(ALPHABET)] for byte in drawn[:LINK_LENGTH]).lower()


def canonical(given: str) -> str:
    """Return a typed passphrase as it was given out; case, width, dashes, spaces and look-alikes do not matter."""
    bare = re.sub(r"[\s-]", "", unicodedata.normalize("NFKC", given).upper()).translate(_FOLD)
    return f"{bare[:4]}-{bare[4:]}"


def hashed(application: UUID, given: str) -> bytes:
    """Return what is stored of a passphrase, however it is typed."""
    return hashlib.sha256(application.bytes + canonical(given).encode()).digest()
