"""Work in a process of its own, told what to do over a pipe: what may take long, take much, or be made to crash.

In a thread it would keep the interpreter's lock from the doors, and take them along when it falls. The process starts
with the first job and ends when its input does: with its parent, however that dies. Over the pipe goes each message
after its length in bytes.
"""

import asyncio
import os
import resource
import sys
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from weakref import WeakKeyDictionary

ROOT = Path(__file__).parents[1]
LENGTH_BYTES = 8
NICE = 5  # the doors go first
GRACE_S = 5


class Died(OSError):
    """The process ended in the middle of a job, or had to be ended; the next job starts it again."""


@dataclass(slots=True)
class Annex:
    """Runs `python -m` with these arguments, one job after the other.

    A job may take `time_max_s`, then the process is ended; one with nothing to do for `idle_max_s` goes by itself.
    """

    arguments: Sequence[str]
    time_max_s: float | None = None
    idle_max_s: float | None = None
    _process: Process | None = None
    _idle: asyncio.TimerHandle | None = None
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def do(self, job: bytes) -> bytes:
        """Return the answer to a job. Raises Died."""
        async with self._one:
            if self._idle:
                self._idle.cancel()
            try:
                async with asyncio.timeout(self.time_max_s):
                    return await self._exchange(job)
            except TimeoutError as long:
                self._kill()
                raise Died(f"a job took longer than {self.time_max_s} s") from long
            except BaseException:  # half an answer may be left in the pipe, by a cancellation too
                self._kill()
                raise
            finally:
                if self.idle_max_s is not None:
                    self._idle = asyncio.get_running_loop().call_later(self.idle_max_s, self._let_go)

    async def close(self) -> None:
        """End the process after what it has in hand."""
        if self._idle:
            self._idle.cancel()
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

    async def _exchange(self, job: bytes) -> bytes:
        if self._process is None or self._process.returncode is not None:
            command = (sys.executable, "-m", *self.arguments)
            self._process = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE, cwd=ROOT)
        jobs, answers = self._process.stdin, self._process.stdout
        assert jobs  # noqa: S101 - opened with PIPE
        assert answers  # noqa: S101 - opened with PIPE
        try:
            jobs.write(len(job).to_bytes(LENGTH_BYTES))
            jobs.write(job)
            await jobs.drain()
            return await answers.readexactly(int.from_bytes(await answers.readexactly(LENGTH_BYTES)))
        except (ConnectionError, asyncio.IncompleteReadError) as ended:
            raise Died(f"the process of {self.arguments[0]} ended") from ended

    def _kill(self) -> None:
        if self._process and self._process.returncode is None:
            with suppress(ProcessLookupError):
                self._process.kill()
        self._process = None

    def _let_go(self) -> None:
        """Let an idle process end: its input does."""
        if self._process and self._process.stdin and not self._one.locked():
            self._process.stdin.close()
            self._process = None


_rooms: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, Annex]] = WeakKeyDictionary()


def room(module: str, *, time_max_s: float, idle_max_s: float) -> Annex:
    """Return the annex that runs this module for whoever asks in this event loop."""
    rooms = _rooms.setdefault(asyncio.get_running_loop(), {})
    return rooms.setdefault(module, Annex((module,), time_max_s, idle_max_s))


async def close() -> None:
    """Let the processes of this loop's rooms end."""
    for one in _rooms.pop(asyncio.get_running_loop(), {}).values():
        await one.close()


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a process that opens strangers' files may take; beyond, memory fails (MemoryError) and time ends it."""

    data_max: int  # bytes in use
    cpu_max_s: int  # of a core, for one job; whole seconds are what the kernel counts

    def hold(self) -> None:
        """Bound this process."""
        resource.setrlimit(resource.RLIMIT_DATA, (self.data_max, self.data_max))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))

    def begin(self) -> None:
        """Count the time of the next job from now on."""
        until = int(time.process_time()) + 1 + self.cpu_max_s
        resource.setrlimit(resource.RLIMIT_CPU, (until, resource.getrlimit(resource.RLIMIT_CPU)[1]))


def serve(do: Callable[[bytes], bytes], bounds: Bounds | None = None) -> None:
    """Answer one job after the other until the input ends: what the process itself runs."""
    if bounds:
        bounds.hold()
    with os.fdopen(os.dup(1), "wb") as answers:
        os.dup2(2, 1)  # whatever a library prints goes to the log, not between the answers
        os.nice(NICE)
        while head := sys.stdin.buffer.read(LENGTH_BYTES):
            job = sys.stdin.buffer.read(int.from_bytes(head))
            if bounds:
                bounds.begin()
            answer = do(job)
            answers.write(len(answer).to_bytes(LENGTH_BYTES) + answer)
            answers.flush()
