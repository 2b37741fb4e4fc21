"""The instrument in a process of its own: setting and signing a certificate takes a core for some 40 ms."""

import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from services.certificates.issuing import Files, Instrument, Order
from services.certificates.signing import BadKey
from shared.annex import Annex, serve


class NotReady(OSError):
    """Fonts or keys are missing, or a key is of another kind: no certificate can be made."""


class Unmakeable(ValueError):
    """This certificate cannot be made; the text says why."""


class Job(BaseModel):
    """What to make; without an order: only get ready."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
    order: Order | None = None
    stored: bytes = b""
    originals: dict[str, bytes] = {}


class Outcome(BaseModel):
    """What became of a job: its files, or why not."""

    model_config = ConfigDict(ser_json_bytes="base64", val_json_bytes="base64")
    files: Files | None = None
    not_ready: str | None = None
    unmakeable: str | None = None


class PressRoom:
    """Makes one certificate after the other; the process starts with the first."""

    def __init__(self, fonts: Path, keys: Path) -> None:
        self._annex = Annex(("services.certificates.pressroom", str(fonts), str(keys)))

    async def prepare(self) -> None:
        """Start, and load fonts and keys. Raises NotReady, Died."""
        await self._do(Job())

    async def make(self, order: Order, stored: bytes, originals: Mapping[str, bytes]) -> Files:
        """Render and sign from the stored input. Raises Unmakeable, NotReady, Died."""
        outcome = await self._do(Job(order=order, stored=stored, originals=dict(originals)))
        if outcome.files is None:
            raise Unmakeable(outcome.unmakeable)
        return outcome.files

    async def close(self) -> None:
        """End the process after what it has in hand."""
        await self._annex.close()

    async def _do(self, job: Job) -> Outcome:
        outcome = Outcome.model_validate_json(await self._annex.do(job.model_dump_json().encode()))
        if outcome.not_ready is not None:
            raise NotReady(outcome.not_ready)
        return outcome


def work(fonts: Path, keys: Path) -> Callable[[bytes], bytes]:
    """Return what does one job after the other, with the instrument that the first one loads."""
    instrument: Instrument | None = None

    def do(asked: bytes) -> bytes:
        nonlocal instrument
        job = Job.model_validate_json(asked)
        try:
            instrument = instrument or Instrument.load(fonts, keys)
        except (OSError, BadKey) as failure:
            return Outcome(not_ready=str(failure)).model_dump_json().encode()
        return _outcome(instrument, job).model_dump_json().encode()

    return do


def _outcome(instrument: Instrument, job: Job) -> Outcome:
    if job.order is None:
        return Outcome()
    try:
        return Outcome(files=instrument.make(job.order, job.stored, job.originals))
    except Exception as failure:  # noqa: BLE001 - of this certificate: no photo, no proof, an odd document
        return Outcome(unmakeable=str(failure) or repr(failure))


if __name__ == "__main__":
    serve(work(Path(sys.argv[1]), Path(sys.argv[2])))
