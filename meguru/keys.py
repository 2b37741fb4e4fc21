"""`meguru keys`: which keys are published and which sign, a new one in an old one's place, and the end of one.

Works on the folder of keys alone: no server, no database. A press room that runs takes a new key with its next
certificate.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from services.certificates import keys as published
from services.certificates.keys import Line
from services.tracking import keys as log_keys
from shared.refused import Refused
from verifier.keys import CREDENTIAL, BadKeys, Keys

if TYPE_CHECKING:
    from services.certificates.signing import Means

app = typer.Typer(no_args_is_help=True, help="署名の鍵: 一覧、交換、失効 / the keys that sign: list, rotate, revoke")

HEX = frozenset("0123456789abcdef")
Folder = Annotated[Path, typer.Option("--keys", envvar="MEGURU_KEYS", help="鍵のフォルダー / the folder of keys")]
FOLDER = Path("data/stack/keys")


@dataclass(frozen=True, slots=True)
class Known:
    """A published key, and whether it signs now; of a time-stamp authority or a witness that is not known here."""

    line: Line
    signs: bool


@app.command("list")
def list_keys(
    keys: Folder = FOLDER,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="機械向けに出力 / machine-readable")] = False,
) -> None:
    """公開した鍵と、いま署名している鍵を見る / the published keys, since when, and which sign now."""
    with _told():
        known = ring(keys)
    if as_json:
        typer.echo(json.dumps([_plain(one) for one in known], ensure_ascii=False, indent=1))
        return
    for one in known:
        mark = "○" if one.signs else "×" if one.line.revoked else "－"
        state = " ".join(
            said
            for said in (
                "署名中 signs now" if one.signs else "",
                f"失効 revoked {_utc(one.line.revoked)}" if one.line.revoked else "",
                "" if one.line.until is None else f"{one.line.until}件まで up to {one.line.until} entries",
            )
            if said
        )
        typer.echo(f"{mark} {one.line.kind:10} {one.line.fingerprint}  {one.line.since or '—':20}  {state}".rstrip())


@app.command()
def rotate(
    kind: Annotated[Literal["pdf", "credential", "log"], typer.Argument(help="どの鍵 / which key")],
    keys: Folder = FOLDER,
) -> None:
    """新しい鍵を作り、次から使う。古い公開鍵は残る / a new key, used from now on; of the log both sign for a while."""
    with _told():
        typer.echo(f"○ {exchange(keys, kind, datetime.now(UTC))}")
        if kind == "log":
            typer.echo(
                "いまから両方の鍵が署名します。鍵の一覧を立会者と確認する人に配り、終わったら「meguru keys retire」。 "
                "Both keys sign from now on. Hand the key file to witnesses and verifiers, then `meguru keys retire`."
            )


@app.command()
def retire(keys: Folder = FOLDER) -> None:
    """台帳の古い鍵の併用を終える / end the overlap of the log's keys: the old one signs no more."""
    with _told():
        typer.echo(f"－ log {log_keys.retire(keys, datetime.now(UTC)).id.hex()}")


@app.command()
def revoke(
    fingerprint: Annotated[str, typer.Argument(help="鍵の指紋（8桁以上） / its fingerprint, 8 digits or more")],
    at: Annotated[str, typer.Option(help="この時刻から信用しない / not believed from 2027-01-05T09:00:00+09:00 on")],
    reason: Annotated[str, typer.Option(help="鍵の一覧に書く理由 / the reason, published with the key")],
    keys: Folder = FOLDER,
) -> None:
    """鍵を失効させる。その時刻より前の署名は有効なまま / end a key; what it signed before stays true."""
    with _told():
        line = end(keys, fingerprint, _moment(at), reason)
        typer.echo(f"× {line.kind} {line.fingerprint} 失効 revoked {_utc(_moment(at))}")


def ring(folder: Path) -> list[Known]:
    """Return the published keys in the order of the file, the log's behind them. A key's ends are its earliest.

    Raises Refused before the first start, BadKey, BadKeys, OSError.
    """
    log = folder / published.LOG
    own = published.lines(published.published(folder))
    others = published.lines(log.read_text("utf-8")) if log.exists() else []
    known: dict[str, Line] = {}
    for line in (*own, *others):
        before = known.get(line.key, line)
        known[line.key] = replace(
            before,
            since=before.since or line.since,
            revoked=min(filter(None, (before.revoked, line.revoked)), default=None),
            until=min((end for end in (before.until, line.until) if end is not None), default=None),
        )
    now = _signing(folder, own)
    return [Known(line, line.key in now) for line in known.values()]


def exchange(folder: Path, kind: Literal["pdf", "credential", "log"], at: datetime) -> str:
    """Put a new key in the place of the one that signs. Returns its fingerprint. Raises Refused and as `ring` does.

    The log's old key signs on beside the new one until it is retired.
    """
    from services.certificates import signing

    if kind == "log":
        return log_keys.rotate(folder, at).id.hex()
    if kind == "credential":
        (old,) = [one.line for one in ring(folder) if one.signs and one.line.kind == kind]
        return signing.rotate_credential(folder, old.key.split("+")[0].removesuffix(CREDENTIAL), at)
    if _means().device:
        raise Refused(
            "key-in-device",
            "PDFの鍵は装置（PKCS #11）の中にあります。装置で新しい鍵を別の名前で作り、MEGURU_PKCS11_LABEL に設定して"
            "起動し直してください。",
            "The PDF key lies in a device (PKCS #11): make a new one there under another label, set "
            "MEGURU_PKCS11_LABEL and restart.",
        )
    published.published(folder)
    return signing.rotate_pdf(folder, at)


def end(folder: Path, fingerprint: str, at: datetime, reason: str) -> Line:
    """Publish that a key is not believed from `at` on. Raises Refused and as `ring` does."""
    known = ring(folder)
    found = [one for one in known if one.line.fingerprint.startswith(fingerprint.lower())]
    if len(fingerprint) < published.FINGERPRINT_SIZE_MIN or not HEX.issuperset(fingerprint.lower()) or len(found) != 1:
        raise Refused(
            "no-such-key",
            f"指紋 {fingerprint} の鍵がひとつに決まりません。「meguru keys list」で確かめてください。",
            f"{fingerprint} names no single key: see `meguru keys list`.",
        )
    (one,) = found
    if one.signs:
        raise Refused(
            "key-signs",
            f"鍵 {one.line.fingerprint} はいま署名しています。先に「meguru keys rotate」で新しい鍵を作り、"
            "台帳の鍵なら「meguru keys retire」で併用も終えてください。",
            f"The key {one.line.fingerprint} signs now: first put a new one in its place with `meguru keys rotate`, "
            "and end a log key's overlap with `meguru keys retire`.",
        )
    if one.line.revoked and one.line.revoked <= at:
        raise Refused(
            "revoked-already",
            f"{one.line.fingerprint} は {_utc(one.line.revoked)} からすでに失効しています。早めることだけができます。",
            f"{one.line.fingerprint} is revoked from {_utc(one.line.revoked)} on already; only an earlier time counts.",
        )
    published.revoke(folder, one.line, at, reason)
    return one.line


def _signing(folder: Path, own: Sequence[Line]) -> set[str]:
    """Return the keys that sign now: those whose private halves are in their places."""
    from services.certificates import signing

    public = signing.load_credential_key(folder).public_key().public_bytes_raw()
    ours = [line.key for line in own if line.kind == "credential"]
    now = {key for key in ours if Keys.parse(key).credentials[0].public == public}
    now |= {f"pdf-certificate-sha256 {signing.Signer.load(folder, _means()).fingerprint}"}
    return now | {str(key) for key in log_keys.signing(folder)}


def _means() -> "Means":
    from services.certificates import signing
    from shared.settings import SigningSettings

    return signing.Means.of(SigningSettings())


def _moment(text: str) -> datetime:
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = datetime.min  # noqa: DTZ901 - has no zone, and is refused as such
    if at.tzinfo is None:
        raise Refused(
            "bad-moment",
            f"時刻 {text} が読めません。2027-01-05T09:00:00+09:00 のように、時差を付けて書いてください。",
            f"{text} is no moment: write it with its offset, like 2027-01-05T09:00:00+09:00.",
        )
    return at.astimezone(UTC).replace(microsecond=0)


@contextmanager
def _told() -> Iterator[None]:
    """Say what a person can put right in a sentence, and end with 2."""
    from services.certificates.signing import BadKey

    try:
        yield
    except Refused as refused:
        typer.echo(f"{refused.ja} {refused.en}", err=True)
    except (BadKey, BadKeys, OSError, ValueError) as wrong:
        typer.echo(f"鍵のフォルダーが使えません。 The folder of keys cannot be used: {wrong}", err=True)
    else:
        return
    raise typer.Exit(2)


def _plain(one: Known) -> dict[str, object]:
    line = one.line
    return {
        "kind": line.kind,
        "fingerprint": line.fingerprint,
        "since": line.since or None,
        "signs": one.signs,
        "revoked": _utc(line.revoked) if line.revoked else None,
        "until": line.until,
    }


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
