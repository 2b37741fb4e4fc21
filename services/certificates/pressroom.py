"""The instrument in a process of its own, told what to make over a pipe.

Setting and signing a certificate takes a core for some 40 ms. In a thread it would keep the interpreter's lock from the
doors and the consumers for as long; here they answer meanwhile. The process ends when its input does: with its parent,
however that dies. Over the pipe goes JSON, each message after its length in bytes.
"""

import asyncio
import os
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import BinaryIO

from pydantic import BaseModel, ConfigDict

from services.certificates.issuing import Files, Instrument, Order
from services.certificates.signing import BadKey

ROOT = Path(__file__).parents[2]
LENGTH_BYTES = 8
NICE = 5  # the doors go first
GRACE_S = 5


class Died(OSError):
    """The process ended in the middle of a certificate; the next one starts it again."""


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


@dataclass(slots=True)
class PressRoom:
    """Makes one certificate after the other; the process starts with the first."""

    fonts: Path
    keys: Path
    _process: Process | None = None
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)

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
        process, self._process = self._process, None
        if process is None or process.returncode is not None:
            return
        assert process.stdin  # noqa: S101 - opened with PIPE
        process.stdin.close()
        try:
            async with asyncio.timeout(GRACE_S):
                await process.wait()
        except TimeoutError:
            process.kill()
            await process.wait()

    async def _do(self, job: Job) -> Outcome:
        async with self._one:
            try:
                outcome = Outcome.model_validate_json(await self._exchange(job.model_dump_json().encode()))
            except BaseException:  # half an answer may be left in the pipe, by a cancellation too
                if self._process and self._process.returncode is None:
                    with suppress(ProcessLookupError):
                        self._process.kill()
                self._process = None
                raise
        if outcome.not_ready is not None:
            raise NotReady(outcome.not_ready)
        return outcome

    async def _exchange(self, asked: bytes) -> bytes:
        if self._process is None or self._process.returncode is not None:
            command = (sys.executable, "-m", "services.certificates.pressroom", str(self.fonts), str(self.keys))
            self._process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, cwd=ROOT)
        jobs, outcomes = self._process.stdin, self._process.stdout
        assert jobs  # noqa: S101 - opened with PIPE
        assert outcomes  # noqa: S101 - opened with PIPE
        try:
            jobs.write(len(asked).to_bytes(LENGTH_BYTES) + asked)
            await jobs.drain()
            return await outcomes.readexactly(int.from_bytes(await outcomes.readexactly(LENGTH_BYTES)))
        except (ConnectionError, asyncio.IncompleteReadError) as ended:
            raise Died("the press room's process ended") from ended


def work(fonts: Path, keys: Path, jobs: BinaryIO, outcomes: BinaryIO) -> None:
    """Do one job after the other until the input ends."""
    instrument: Instrument | None = None
    while head := jobs.read(LENGTH_BYTES):
        job = Job.model_validate_json(jobs.read(int.from_bytes(head)))
        try:
            instrument = instrument or Instrument.load(fonts, keys)
        except (OSError, BadKey) as failure:
            outcome = Outcome(not_ready=str(failure))
        else:
            outcome = _outcome(instrument, job)
        answer = outcome.model_dump_json().encode()
        outcomes.write(len(answer).to_bytes(LENGTH_BYTES) + answer)
        outcomes.flush()


def _outcome(instrument: Instrument, job: Job) -> Outcome:
    if job.order is None:
        return Outcome()
    try:
        return Outcome(files=instrument.make(job.order, job.stored, job.originals))
    except Exception as failure:  # noqa: BLE001 - of this certificate: no photo, no proof, an odd document
        return Outcome(unmakeable=str(failure) or repr(failure))


if __name__ == "__main__":
    with os.fdopen(os.dup(1), "wb") as outcomes_:
        os.dup2(2, 1)  # whatever a library prints goes to the log, not between the outcomes
        os.nice(NICE)
        work(Path(sys.argv[1]), Path(sys.argv[2]), sys.stdin.buffer, outcomes_)
