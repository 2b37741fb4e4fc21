"""A tiny witness (C2SP tlog-witness): it keeps the last head it saw of each log, and cosigns only what extends it.

A town, a carrier or a recycler runs one, so that the log cannot show one history to one and another to the next. What
it believes is read by the auditor's verifier, which shares no code with the log. What it saw lies in one file, written
before a cosignature leaves. Behind a wall it fetches by itself (`feeder.py`); what fetches decides nothing.
"""

import asyncio
import json
import logging
import os
import re
import time
from base64 import b64decode, b64encode
from binascii import Error as BadBase64
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from verifier import log
from verifier.key_end import Moment, log_standing
from verifier.keys import COSIGNATURE, BadKeys, Keys
from verifier.log import Head
from verifier.verdict import Wrong

logger = logging.getLogger(__name__)

KEY, STATE = "witness.pem", "heads.json"
BODY_MAX = 128 * 1024  # bytes of a request
PROOF_LINES_MAX = 63
CONFLICT, SIZE_TYPE = 409, "text/x.tlog.size"
_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})", re.ASCII)
EMPTY_ROOT = sha256(b"").digest()


class Declined(Exception):
    """A request that is not cosigned: the status and the text that the protocol asks for."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status, self.text = status, text


@dataclass(slots=True)
class Witness:
    """One witness with its key, the logs it watches, and what it saw of them last."""

    name: str
    key: Ed25519PrivateKey
    logs: Keys
    folder: Path
    now: Callable[[], float] = time.time
    key_file: Path | None = None  # where `logs` came from: read again, so that a log may change its key meanwhile
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)  # looking and keeping are one act

    @classmethod
    def load(cls, name: str, folder: Path, logs: Keys) -> "Witness":
        """Open a witness's folder; its key is made the first time."""
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        path = folder / KEY
        if not path.exists():
            made = Ed25519PrivateKey.generate().private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
            path.touch(mode=0o600)
            path.write_bytes(made)
        key = serialization.load_pem_private_key(path.read_bytes(), None)
        if not isinstance(key, Ed25519PrivateKey):
            raise ValueError(f"{path} に Ed25519 の鍵がありません。 It holds no Ed25519 key.")  # noqa: TRY004 - the file is wrong
        return cls(name, key, logs, folder)

    @property
    def vkey(self) -> str:
        """The line that others put into their list of keys."""
        return f"{self.name}+{self._id.hex()}+{b64encode(bytes([COSIGNATURE]) + self._public).decode()}"

    @property
    def _public(self) -> bytes:
        return self.key.public_key().public_bytes_raw()

    @property
    def _id(self) -> bytes:
        return sha256(self.name.encode() + b"\n" + bytes([COSIGNATURE]) + self._public).digest()[:4]

    async def add(self, body: bytes) -> str:
        """Return the cosignature line for a head that extends the last one seen. Raises Declined."""
        old, path, head = _read(body)
        logs = await asyncio.to_thread(self._known)
        if not any(key.name == head.origin for key in logs.logs):
            raise Declined(404, "this log is not watched here")
        try:
            log.check_checkpoint(head, logs)
            log_standing(head, logs, Moment(datetime.fromtimestamp(self.now(), UTC), vouched=False))
        except Wrong as wrong:
            raise Declined(403, wrong.en) from wrong
        if old > head.size:
            raise Declined(400, "the old size is larger than the head's")
        async with self._one:
            seen = await asyncio.to_thread(self._seen)
            size, root = seen.get(head.origin, (0, EMPTY_ROOT.hex()))
            if old != size:
                raise Declined(CONFLICT, f"{size}\n")
            if head.size == 0 and head.root != EMPTY_ROOT:
                raise Declined(422, "an empty log has another root")
            try:
                log.check_consistency(size, head.size, (bytes.fromhex(root), head.root), path)
            except Wrong as wrong:
                raise Declined(422, wrong.en) from wrong
            await asyncio.to_thread(self._keep, {**seen, head.origin: (head.size, head.root.hex())})
        return self._line(head)

    def _known(self) -> Keys:
        """Return the keys of the logs as their file says now; a file that cannot be read changes nothing."""
        if self.key_file:
            try:
                self.logs = Keys.read(self.key_file)
            except (BadKeys, OSError, UnicodeDecodeError) as wrong:
                logger.error("the list of keys cannot be read, the last one stays: %s", wrong)  # noqa: TRY400 - said
        return self.logs

    def _line(self, head: Head) -> str:
        seconds = int(self.now())
        signature = self.key.sign(log.cosigned_message(head.text, seconds))
        return f"— {self.name} {b64encode(self._id + seconds.to_bytes(log.TIME_SIZE) + signature).decode()}\n"

    def _seen(self) -> dict[str, tuple[int, str]]:
        path = self.folder / STATE
        kept = json.loads(path.read_text()) if path.exists() else {}
        return {origin: (size, root) for origin, (size, root) in kept.items()}

    def _keep(self, seen: dict[str, tuple[int, str]]) -> None:
        """Write what was seen so that a crash leaves the old or the new, and nothing is cosigned that is not kept."""
        aside = self.folder / f"{STATE}.new"
        with aside.open("w") as file:
            json.dump(seen, file)
            file.flush()
            os.fsync(file.fileno())
        aside.replace(self.folder / STATE)
        folder = os.open(self.folder, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def _read(body: bytes) -> tuple[int, list[bytes], Head]:
    """Take an `add-checkpoint` request apart. Raises Declined."""
    try:
        head, gap, note = body.decode().partition("\n\n")
        first, *lines = head.split("\n")
        old = _OLD.fullmatch(first)
        if not gap or not old or len(lines) > PROOF_LINES_MAX:
            raise Declined(400, "a request is an old size, proof lines, an empty line and a head")
        path = [b64decode(line, validate=True) for line in lines]
        return int(old[1]), path, log.parse_head(note)
    except (UnicodeDecodeError, BadBase64, Wrong) as wrong:
        raise Declined(400, "the request is malformed") from wrong


def application(witness: Witness) -> Starlette:
    """Return the witness as an HTTP service: `add-checkpoint`, and its key for whoever asks."""

    async def add(request: Request) -> Response:
        body = b""
        async for part in request.stream():
            body += part
            if len(body) > BODY_MAX:
                return PlainTextResponse("too large\n", 413)
        try:
            return PlainTextResponse(await witness.add(body))
        except Declined as no:
            kind = SIZE_TYPE if no.status == CONFLICT else None
            return PlainTextResponse(no.text, no.status, media_type=kind)

    async def key(_request: Request) -> Response:
        return PlainTextResponse(f"{witness.vkey}\n")

    return Starlette(routes=[Route("/add-checkpoint", add, methods=["POST"]), Route("/key", key)])
