"""The public keys: which lines a verifier needs, kept in a file that only grows, so that old certificates verify.

Only the press room reads private keys. What it signs with is added to `certificates.keys` (`signing.publish`), which
the HTTP door publishes. A revocation is a word more on a key's line (`verifier/keys.py`); no line ever goes.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from shared.key_folder import changing, replace_file
from shared.refused import Refused
from verifier.keys import Keys

PUBLIC, LOG = "certificates.keys", "log.vkey"
SUBJECT, ORGANISATION = "めぐる 証明書", "めぐる"  # who signs
SINCE = "# since "
REASON_SIZE_MAX = 200  # characters
FINGERPRINT_SIZE_MIN = 8  # hex digits by which a key may be named


def published(folder: Path) -> str:
    """Return this service's lines of a key file. Raises Refused before the first start."""
    return _read(
        folder / PUBLIC,
        "証明書の公開鍵がまだありません。証明書の発行が始まるのを待って、もう一度お試しください。",
        "The certificates' public keys do not exist yet. Wait until the issuer has started, then try again.",
    )


def trusted(folder: Path) -> str:
    """Return a key file of every key a certificate of this house may be signed with.

    Raises Refused when one kind is not there.
    """
    log = _read(
        folder / LOG,
        "台帳の公開鍵がまだありません。追跡サービスが始まるのを待って、もう一度お試しください。",
        "The log's public key does not exist yet. Wait until tracking has started, then try again.",
    )
    return published(folder) + log


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the key file: the key as a verifier spells it, since when it is published, and where it ends."""

    kind: str  # log, credential, witness, pdf, timestamp
    key: str
    since: str
    revoked: datetime | None
    until: int | None = None  # a log's: the largest head it signs

    @property
    def fingerprint(self) -> str:
        """What people name the key by: the certificate's SHA-256, or the eight digits inside a vkey."""
        return fingerprint(self.key)


def fingerprint(key: str) -> str:
    """Return what people name a key by, from its spelling in a key file."""
    first, _, certificate = key.partition(" ")
    return certificate or first.split("+")[1]


def lines(text: str) -> list[Line]:
    """Read a key file's lines in their order. Raises BadKeys."""
    found = []
    for line in text.splitlines():
        if key := _key(line):
            known = Keys.parse(line)
            kind, revoked = _kind(known)
            until = known.logs[0].until if known.logs else None
            found.append(Line(kind, key, line.partition(SINCE)[2].split(";")[0].strip(), revoked, until))
    return found


def _kind(of_one: Keys) -> tuple[str, datetime | None]:
    named = {"log": of_one.logs, "credential": of_one.credentials, "witness": of_one.witnesses}
    for kind, some in named.items():
        for key in some:
            return kind, key.revoked
    for kind, certificates in {"pdf": of_one.certificates, "timestamp": of_one.timestamps}.items():
        for revoked in certificates.values():
            return kind, revoked
    raise ValueError("a line with a key has a kind")


def add(folder: Path, keys: Sequence[str], at: datetime) -> None:
    """Add keys that are not published yet; nothing is written when all are. Raises OSError."""
    if {key for key in keys if key} - _known(folder):
        with _changing(folder) as write:
            known = _known(folder)
            new = [key for key in dict.fromkeys(keys) if key and key not in known]
            write(lambda text: text + "".join(f"{key} {SINCE}{_utc(at)}\n" for key in new))


def revoke(folder: Path, line: Line, at: datetime, reason: str) -> None:
    """Say on a key's line from when on it is not believed, and why. Raises Refused, OSError."""
    said = " ".join(reason.split())
    if not said or len(said) > REASON_SIZE_MAX or not said.isprintable():
        raise Refused(
            "bad-reason",
            f"理由を {REASON_SIZE_MAX} 文字以内で書いてください。",
            f"Give a reason of at most {REASON_SIZE_MAX} characters.",
        )
    mark, why = f"revoked={_utc(at)}", f"revoked: {said}"

    def marked(text: str) -> str:
        rows = text.splitlines()
        places = [n for n, row in enumerate(rows) if _key(row) == line.key]
        if not places:  # the log's own line stands in a file of tracking's
            return f"{text}{line.key} {mark} # {why}\n"
        head, _, remark = rows[places[0]].partition("#")
        rows[places[0]] = f"{head.rstrip()} {mark} # {'; '.join(one for one in (remark.strip(), why) if one)}"
        return "".join(f"{row}\n" for row in rows)

    with _changing(folder) as write:
        write(marked)


@contextmanager
def _changing(folder: Path) -> Iterator[Callable[[Callable[[str], str]], None]]:
    """Yield what changes the file, alone."""

    def write(change: Callable[[str], str]) -> None:
        path = folder / PUBLIC
        text = path.read_text("utf-8") if path.exists() else ""
        if text and not text.endswith("\n"):
            text += "\n"
        changed = change(text)
        Keys.parse(changed)  # what a verifier would refuse is never published
        replace_file(path, changed.encode(), 0o644)

    with changing(folder):
        yield write


def _known(folder: Path) -> set[str]:
    path = folder / PUBLIC
    return {_key(line) for line in path.read_text("utf-8").splitlines()} if path.exists() else set()


def _key(line: str) -> str:
    """Return the key on a line without what is said of it; nothing for a line without one."""
    words = line.partition("#")[0].split()
    return " ".join(words[: 2 if words and words[0].endswith("-sha256") else 1])


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"


def _read(path: Path, ja: str, en: str) -> str:
    try:
        return path.read_text("utf-8")
    except FileNotFoundError as absent:
        raise Refused("no-keys-yet", ja, en) from absent
