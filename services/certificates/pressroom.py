"""The instrument in a process of its own (`issuing.py`): setting and signing a certificate takes a core for some 40 ms.

Only that process loads the compiler, the signer and the private keys.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict

from services.certificates.order import Files, Order
from shared.annex import Annex


class NotReady(OSError):
    """Fonts or keys are missing, or a key is of another kind: no certificate can be made."""


class Unmakeable(ValueError):
    """This certificate cannot be made; the text says why."""


class Job(BaseModel):
    """What to make: a certificate, or a document to sign; with neither: only get ready."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
    document: dict[str, Any] | None = None  # needs the credential's key alone
    issuer: str = ""
    order: Order | None = None
    stored: bytes = b""
    copies: dict[str, bytes] = {}


class Outcome(BaseModel):
    """What became of a job: its files, or why not."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
    files: Files | None = None
    document: bytes | None = None
    not_ready: str | None = None
    unmakeable: str | None = None


class PressRoom:
    """Makes one certificate after the other; the process starts with the first."""

    def __init__(self, fonts: Path, keys: Path, origin: str, *, idle_max_s: float | None = None) -> None:
        module = "services.certificates.issuing"
        self._annex = Annex((module, str(fonts), str(keys), origin), idle_max_s=idle_max_s)

    async def prepare(self) -> None:
        """Start, load fonts and keys, and make and publish what is missing of these. Raises NotReady, Died."""
        await self._do(Job())

    async def make(self, order: Order, stored: bytes, copies: Mapping[str, bytes]) -> Files:
        """Render and sign from the stored input. Raises Unmakeable, NotReady, Died."""
        outcome = await self._do(Job(order=order, stored=stored, copies=dict(copies)))
        if outcome.files is None:
            raise Unmakeable(outcome.unmakeable)
        return outcome.files

    async def sign(self, document: Mapping[str, Any], issuer: str) -> bytes:
        """Return a document signed with the credential key in the name of `issuer`. Raises as `make` does."""
        outcome = await self._do(Job(document=dict(document), issuer=issuer))
        if outcome.document is None:
            raise Unmakeable(outcome.unmakeable)
        return outcome.document

    async def close(self) -> None:
        """End the process after what it has in hand."""
        await self._annex.close()

    async def _do(self, job: Job) -> Outcome:
        outcome = Outcome.model_validate_json(await self._annex.do(job.model_dump_json().encode()))
        if outcome.not_ready is not None:
            raise NotReady(outcome.not_ready)
        return outcome
