"""The public keys: which lines a verifier needs, kept in a file that only grows, so that old certificates verify.

Only the issuer reads private keys. What it signs with is added to `certificates.keys`, which the HTTP door publishes.
"""

from datetime import datetime
from pathlib import Path

from services.certificates.signing import key_lines, make_keys
from shared.refused import Refused
from verifier import Keys

PUBLIC, LOG = "certificates.keys", "log.vkey"
SUBJECT, ORGANISATION = "めぐる 証明書", "めぐる"


def prepare(folder: Path, origin: str, at: datetime) -> None:
    """Make what is missing of the keys and publish their public halves; `origin` is the log's, which names them."""
    make_keys(folder, subject=SUBJECT, organisation=ORGANISATION, at=at)
    public = folder / PUBLIC
    known = public.read_text("utf-8") if public.exists() else ""
    new = [line for line in key_lines(folder, origin).splitlines() if line not in known.splitlines()]
    if new:
        public.write_text(known + "".join(f"{line}\n" for line in new), "utf-8")


def published(folder: Path) -> str:
    """Return this service's lines of a key file. Raises Refused before the first start."""
    return _read(
        folder / PUBLIC,
        "証明書の公開鍵がまだありません。証明書の発行が始まるのを待って、もう一度お試しください。",
        "The certificates' public keys do not exist yet. Wait until the issuer has started, then try again.",
    )


def trusted(folder: Path) -> Keys:
    """Return every key a certificate of this house may be signed with. Raises Refused when one kind is not there."""
    log = _read(
        folder / LOG,
        "台帳の公開鍵がまだありません。追跡サービスが始まるのを待って、もう一度お試しください。",
        "The log's public key does not exist yet. Wait until tracking has started, then try again.",
    )
    return Keys.parse(published(folder) + log)


def _read(path: Path, ja: str, en: str) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError as absent:
        raise Refused("no-keys-yet", ja, en) from absent
