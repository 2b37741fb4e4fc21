"""Brings a log's heads to witnesses and their cosignatures back; it decides nothing: the witness checks."""

import asyncio
import logging
import ssl
from base64 import b64encode
from collections.abc import Awaitable, Callable
from pathlib import Path

import httpx
import uvicorn

from meguru.witness import CONFLICT, Declined, Witness, application
from services.tracking.log import tiles
from services.tracking.log.note import BadNote, Checkpoint, split
from shared.stack.ports import LOOPBACK
from verifier.keys import BadKeys, Keys

log = logging.getLogger(__name__)


class Undelivered(OSError):
    """A log or a witness that does not answer as it should; its text says which and what it said."""


Submit = Callable[[bytes], Awaitable[str]]


async def feed(client: httpx.AsyncClient, log_url: str, submit: Submit, old: int = 0) -> int:
    """Bring a log's newest head to a witness, and its cosignature back to the log. Returns the size it cosigned.

    `old` is what the witness is thought to have seen; when it has seen another size it says so and is asked again.
    Raises Undelivered, Declined.
    """
    note = (await _get(client, f"{log_url}/log/checkpoint")).decode()
    head = Checkpoint.parse(split(note)[0])
    for _ in range(2):
        lines = await _proof(client, log_url, old, head.size)
        try:
            line = await submit(f"old {old}\n{lines}\n{note}".encode())
        except Declined as no:
            if no.status != CONFLICT:
                raise
            old = int(no.text)
        else:
            answer = await client.post(f"{log_url}/log/cosignatures", content=f"{note}{line}".encode())
            if answer.is_error:
                raise Undelivered(f"{log_url} did not take the cosignature: {answer.status_code} {answer.text[:300]}")
            return head.size
    raise Undelivered("the witness names another size each time: two feeders at once?")


async def _proof(client: httpx.AsyncClient, log_url: str, old: int, size: int) -> str:
    if not 0 < old < size:
        return ""
    read = {path: await _get(client, f"{log_url}/log/{path}") for path in tiles.proving(old, size)}
    return "".join(f"{b64encode(step).decode()}\n" for step in tiles.consistency(read.__getitem__, old, size))


async def _get(client: httpx.AsyncClient, url: str) -> bytes:
    try:
        answer = await client.get(url)
    except httpx.HTTPError as away:
        raise Undelivered(f"{url} does not answer: {away!r}") from away
    if answer.is_error:
        raise Undelivered(f"{url} answers {answer.status_code}")
    return answer.content


def to_address(client: httpx.AsyncClient, witness_url: str) -> Submit:
    """Return what submits a head to a witness of somebody's over HTTP."""

    async def submit(body: bytes) -> str:
        try:
            answer = await client.post(f"{witness_url}/add-checkpoint", content=body)
        except httpx.HTTPError as away:
            raise Undelivered(f"{witness_url} does not answer: {away!r}") from away
        if answer.is_error:
            raise Declined(answer.status_code, answer.text)
        return answer.text

    return submit


async def follow(witness: Witness, log_url: str, client: httpx.AsyncClient, pause_s: float) -> None:
    """Fetch, check, cosign and hand back, for ever: a witness that nobody has to reach from outside."""
    size = 0
    while True:
        try:
            size = await feed(client, log_url, witness.add, size)
            log.info("cosigned %s at %s", log_url, size)
        except (Undelivered, Declined, BadNote, ValueError) as failure:
            log.error("not cosigned: %s", failure)  # noqa: TRY400 - what went wrong is said
        await asyncio.sleep(pause_s)


def run_witness(witness: Witness, follow_url: str, port: int, every_s: float, authority: Path | None) -> None:
    """Follow a log, listen for heads, or both, until Ctrl-C."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)
    asyncio.run(_run(witness, follow_url.rstrip("/"), port, every_s, authority))


async def _run(witness: Witness, follow_url: str, port: int, every_s: float, authority: Path | None) -> None:
    trust = ssl.create_default_context(cafile=str(authority)) if authority else True
    async with asyncio.TaskGroup() as group, httpx.AsyncClient(verify=trust, timeout=30) as client:
        if port:
            server = uvicorn.Server(uvicorn.Config(application(witness), host=LOOPBACK, port=port, log_level="warning"))
            group.create_task(server.serve())
        if follow_url:
            group.create_task(follow(witness, follow_url, client, every_s))


def opened(name: str, log_key: Path, state: Path) -> Witness:
    """Open a witness of the log of this key. Raises ValueError with a sentence for a key that cannot be read."""
    try:
        keys = Keys.read(log_key)
    except (BadKeys, UnicodeDecodeError) as wrong:
        raise ValueError(f"台帳の公開鍵が読めません。 The log's key cannot be read: {wrong}") from wrong
    witness = Witness.load(name, state, keys)
    witness.key_file = log_key
    return witness
