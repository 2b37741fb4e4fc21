"""The log's keys on disk: which sign the next head, and when a key ends (docs/adr/0028).

`log.pem` signs; in an overlap `log-leaving.pem` signs beside it. `log.vkey` holds every public half there ever was. A
key is published before it signs, and its end is published before a head is signed without it: both by whoever holds
the folder's lock, so that no head ever carries a signature that the published lines do not explain.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from services.tracking.log import keys as lines
from services.tracking.log.keys import LogKey
from services.tracking.log.note import Checkpoint, NoteSigner, VerifierKey
from shared.key_folder import changing, edition, replace_file
from shared.refused import Refused

PRIVATE, LEAVING, PUBLIC = "log.pem", "log-leaving.pem", "log.vkey"


class CannotSign(RuntimeError):
    """The folder of keys is such that a head must not be signed. Its text says what to put right."""


class Signer(Protocol):
    """What signs the heads of a log."""

    @property
    def name(self) -> str:
        """The log's origin."""

    def sign(self, text: str) -> str:
        """Return the signed note of a checkpoint's text."""


@dataclass(slots=True)
class Ring:
    """The keys that sign the heads of one log, read again when their files change."""

    folder: Path
    name: str
    _signers: tuple[tuple[NoteSigner, LogKey], ...] = ()
    _seen: tuple[tuple[int, int] | None, ...] = ()

    async def look(self, size: int | None) -> None:
        """Take what changed since the last look; `size` is that of the last signed head. Raises CannotSign, OSError.

        A key that has left the folder gets its end there: it signed that head and will sign no larger one. With no
        head at all (None) there is no end to write: it can never be taken back.
        """
        await asyncio.to_thread(self._look, size)

    def sign(self, text: str) -> str:
        """Sign with each key that covers the head, the newest first. Raises CannotSign when none does."""
        size = Checkpoint.parse(text).size
        signers = [signer for signer, line in self._signers if line.covers(size)]
        if not signers:
            raise CannotSign(f"no key of the log {self.name} may sign a head of {size}: run `meguru keys rotate log`")
        note = signers[0].sign(text)
        for beside in signers[1:]:
            note = beside.cosign(note)
        return note

    def _look(self, size: int | None) -> None:
        if self._signers and self._editions() == self._seen:
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        with changing(self.folder):
            signers = [_first(self.folder, self.name)]
            if (leaving := _read(self.folder / LEAVING, self.name)) and leaving.vkey != signers[0].vkey:
                signers.append(leaving)
            text = (self.folder / PUBLIC).read_text("utf-8")
            known = {one.key: one for one in lines.parse(text)}
            for signer in signers:
                if signer.vkey not in known:
                    raise CannotSign(f"the log's key {signer.vkey.id.hex()} is not in {PUBLIC}: publish it there first")
            left = [key for key, one in known.items() if key.name == self.name and one.until is None]
            if size is not None:
                self._end({key: size for key in left if key not in {one.vkey for one in signers}}, text)
            self._signers = tuple((signer, known[signer.vkey]) for signer in signers)
            self._seen = self._editions()

    def _end(self, ends: Mapping[VerifierKey, int], text: str) -> None:
        try:
            if ends:
                replace_file(self.folder / PUBLIC, lines.ended(text, ends).encode(), 0o644)
        except OSError as closed:  # a read-only secret
            said = ", ".join(f"{key.id.hex()} until={size}" for key, size in ends.items())
            raise CannotSign(f"keys have left the folder and their ends are not in {PUBLIC}: write {said}") from closed

    def _editions(self) -> tuple[tuple[int, int] | None, ...]:
        return tuple(edition(self.folder / name) for name in (PRIVATE, LEAVING, PUBLIC))


def log_signer(folder: Path, origin: str) -> NoteSigner:
    """Load the log's key, made on first run, and leave its public half in `log.vkey` for everybody.

    Raises CannotSign when the key is gone and others were published: a new one would look like a forger's.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with changing(folder):
        return _first(folder, origin)


def _first(folder: Path, origin: str) -> NoteSigner:
    signer, public = _read(folder / PRIVATE, origin), folder / PUBLIC
    if signer is None:
        if public.exists():
            raise CannotSign(
                f"{PUBLIC} is published and {PRIVATE} is gone: put it back from a backup, or run "
                "`meguru keys rotate log` for a new one"
            )
        signer = NoteSigner.new(origin)
        replace_file(folder / PRIVATE, signer.to_pem(), 0o600)
    if not public.exists():
        replace_file(public, f"{signer.vkey}\n".encode(), 0o644)
    return signer


def published(folder: Path) -> list[LogKey]:
    """Return every key the log ever had. Raises BadNote, OSError."""
    return lines.parse((folder / PUBLIC).read_text("utf-8"))


def signing(folder: Path) -> set[VerifierKey]:
    """Return the public halves of the keys that sign now: one, or two in an overlap. Raises BadNote, OSError."""
    found = set()
    for one in published(folder) if (folder / PUBLIC).exists() else []:
        for name in (PRIVATE, LEAVING):
            signer = _read(folder / name, one.key.name)
            if signer and signer.vkey == one.key:
                found.add(one.key)
    return found


def rotate(folder: Path, at: datetime) -> VerifierKey:
    """Publish a new key and let it sign; the one before signs beside it until `retire`. Returns the new public key.

    Raises Refused before the first start and in an overlap, BadNote, OSError.
    """
    with changing(folder):
        origin = _origin(folder)
        old, leaving = _read(folder / PRIVATE, origin), _read(folder / LEAVING, origin)
        if old and leaving and old.vkey != leaving.vkey:  # the same twice: a rotation died before its last step
            raise Refused(
                "overlap",
                "台帳の鍵は交換の途中です。先に「meguru keys retire」で古い鍵の併用を終えてください。",
                "The log's keys overlap already: end that first with `meguru keys retire`.",
            )
        new, text = NoteSigner.new(origin), (folder / PUBLIC).read_text("utf-8").rstrip("\n")
        replace_file(folder / PUBLIC, f"{text}\n{new.vkey} # since {_utc(at)}\n".encode(), 0o644)
        if old:
            replace_file(folder / LEAVING, old.to_pem(), 0o600)
        replace_file(folder / PRIVATE, new.to_pem(), 0o600)  # from here on both sign
    return new.vkey


def retire(folder: Path, at: datetime) -> VerifierKey:
    """Let the old key sign no more; the sequencer publishes its end before the next head. Returns its public key.

    The private key stays beside the others under its fingerprint until the operator removes it.
    Raises Refused before the first start and when no key overlaps, BadNote, OSError.
    """
    with changing(folder):
        origin = _origin(folder)
        leaving, current = _read(folder / LEAVING, origin), _read(folder / PRIVATE, origin)
        if leaving is None or current is None or leaving.vkey == current.vkey:
            raise Refused(
                "no-overlap",
                "台帳の鍵は一つだけが署名しています。交換するには「meguru keys rotate log」を使ってください。",
                "Only one key of the log signs. To change it use `meguru keys rotate log`.",
            )
        text = (folder / PUBLIC).read_text("utf-8")
        rows = [
            f"{row}{';' if '#' in row else ' #'} retired {_utc(at)}"
            if row.partition("#")[0].split()[:1] == [str(leaving.vkey)]
            else row
            for row in text.splitlines()
        ]
        replace_file(folder / PUBLIC, "".join(f"{row}\n" for row in rows).encode(), 0o644)
        (folder / LEAVING).replace(folder / f"log-{leaving.vkey.id.hex()}.pem")
    return leaving.vkey


def _origin(folder: Path) -> str:
    if not (folder / PUBLIC).exists():
        raise Refused(
            "no-keys-yet",
            "台帳の公開鍵がまだありません。追跡サービスが始まるのを待って、もう一度お試しください。",
            "The log's public key does not exist yet. Wait until tracking has started, then try again.",
        )
    return published(folder)[-1].key.name


def _read(path: Path, origin: str) -> NoteSigner | None:
    return NoteSigner.from_pem(origin, path.read_bytes()) if path.exists() else None


def _utc(at: datetime) -> str:
    return f"{at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
