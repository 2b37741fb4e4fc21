"""Keeps programs running: ready in stages, restarted with back-off, stopped in the reverse order, never orphaned."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from shared.stack.fork import Fork
from shared.stack.ports import is_listening

LEASH = Path(__file__).with_name("leash.py")
READY_POLL_S = 0.02
READY_TIMEOUT_S = 60.0
STOP_TIMEOUT_S = 15.0
BACKOFF_MIN_S, BACKOFF_MAX_S = 0.1, 5.0
STEADY_S = 10.0  # a program that ran this long starts again at the shortest back-off
LOG_SIZE_MAX = 10 * 2**20
LOG_TAIL_LINES = 15


class DidNotStart(Exception):
    """A program ended, or stayed silent, before it was ready; the text carries the end of its log."""


async def _nothing() -> None:
    """Prepare nothing."""


@dataclass(frozen=True, slots=True)
class Program:
    """What to run, and how to tell that it is ready."""

    name: str
    command: tuple[str, ...]  #: absolute path first
    ready: Callable[[], Awaitable[bool]]
    folder: Path  #: the working directory
    environment: Mapping[str, str] = field(default_factory=dict)
    user: tuple[int, int] | None = None  #: uid and gid to become, when started as root
    stop_signal: signal.Signals = signal.SIGTERM
    death_signal: signal.Signals = signal.SIGKILL  #: what the kernel sends when the supervisor dies
    before: Callable[[], Awaitable[None]] = _nothing  #: runs before every start, the restarts too
    port: int | None = None  #: where the process itself listens; if another answers there, it is not ready
    nursery: str | None = None  #: where to have `command`, which is `python -m …`, forked instead of executed


class _Run:
    """One supervised program and its present process."""

    def __init__(self, program: Program) -> None:
        self.program = program
        self.process: asyncio.subprocess.Process | Fork | None = None
        self.ready = asyncio.Event()
        self.unwanted = asyncio.Event()
        self.watch: asyncio.Task[None] | None = None
        self.restarts = 0


class Supervisor:
    """Runs programs; `changed` is called whenever a process id changes."""

    def __init__(self, logs: Path, changed: Callable[[], None] = lambda: None) -> None:
        self.logs = logs.resolve()
        self._changed = changed
        self._runs: dict[str, _Run] = {}
        self._stages: dict[str, list[str]] = {}

    @property
    def pids(self) -> dict[str, int]:
        """The process ids of what runs now, in the order of start."""
        runs = self._runs.values()
        return {run.program.name: run.process.pid for run in runs if run.process and run.process.returncode is None}

    def restarts(self, name: str) -> int:
        """How often the program had to be started again since it was first started."""
        return self._runs[name].restarts

    async def start(self, program: Program, stage: str | None = None) -> None:
        """Start a program and return when it is ready; raises DidNotStart when it does not get there.

        Programs of one `stage` (by default a stage of its own) are stopped together.
        """
        if program.name in self._runs:
            name = program.name
            raise ValueError(
                f"「{name}」はもう動いています。先に止めてください。 {name!r} already runs: stop it first."
            )
        if not any(program.name in names for names in self._stages.values()):
            self._stages.setdefault(stage or program.name, []).append(program.name)
        run = _Run(program)
        self._runs[program.name] = run
        try:
            await self._launch(run)
        except BaseException:
            self._runs.pop(program.name, None)
            await _end(run)
            raise
        run.watch = asyncio.create_task(self._keep(run), name=f"keep {program.name}")

    async def stop(self, name: str) -> None:
        """Stop one program and forget it; stopping what does not run is fine."""
        run = self._runs.pop(name, None)
        if run is None:
            return
        run.unwanted.set()
        await _end(run)
        if run.watch:
            await run.watch
        await _end(run)  # the watch may have been in the middle of a restart
        self._changed()

    async def stop_all(self) -> None:
        """Stop everything, last stage first."""
        while self._stages:
            _, names = self._stages.popitem()
            await asyncio.gather(*(self.stop(name) for name in names))

    async def settled(self, name: str) -> None:
        """Return when the program is ready: at once, or after the restart that is under way."""
        await self._runs[name].ready.wait()

    def kill(self, name: str) -> int:
        """Send SIGKILL to the program, as a fault test or the kernel would, and return the id that died."""
        run = self._runs[name]
        if run.process is None or run.process.returncode is not None:
            raise ProcessLookupError(f"「{name}」は今動いていません。 {name!r} does not run now.")
        run.ready.clear()
        os.kill(run.process.pid, signal.SIGKILL)
        return run.process.pid

    async def _keep(self, run: _Run) -> None:
        """Start the program again whenever it ends, until it is unwanted."""
        pause_s = BACKOFF_MIN_S
        while run.process is not None:
            started = time.monotonic()
            await run.process.wait()
            run.ready.clear()
            self._changed()
            if time.monotonic() - started > STEADY_S:
                pause_s = BACKOFF_MIN_S
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(pause_s):
                    await run.unwanted.wait()
            if run.unwanted.is_set():
                return
            pause_s = min(pause_s * 2, BACKOFF_MAX_S)
            run.restarts += 1
            try:
                await self._launch(run)
            except DidNotStart:
                await _end(run)  # what is alive but not ready goes too; the next round tries again
            except OSError as wrong:  # for example no process or memory left: nothing was started
                self._note(run.program, f"起動できません。再試行します。 Cannot start, will retry: {wrong}")

    async def _launch(self, run: _Run) -> None:
        program = run.program
        await program.before()
        start = _execute if program.nursery is None else _fork
        run.process = await start(program, self._log(program))
        self._changed()
        await self._await_ready(run, run.process)

    async def _await_ready(self, run: _Run, process: asyncio.subprocess.Process | Fork) -> None:
        deadline = time.monotonic() + READY_TIMEOUT_S
        while not run.unwanted.is_set():
            if process.returncode is not None:
                raise DidNotStart(self._sentence(run.program, f"終了コード {process.returncode}"))
            port = run.program.port
            own = port is None or is_listening(process.pid, port)
            if own and await run.program.ready() and process.returncode is None:
                run.ready.set()
                return
            if time.monotonic() > deadline:
                raise DidNotStart(self._sentence(run.program, f"{READY_TIMEOUT_S:.0f}秒たっても応答なし"))
            await asyncio.sleep(READY_POLL_S)

    def _log(self, program: Program) -> Path:
        path = self.logs / f"{program.name}.log"
        if path.exists() and path.stat().st_size > LOG_SIZE_MAX:
            path.replace(path.with_suffix(".log.1"))
        path.touch()  # a fork opens it itself, a moment later
        return path

    def _note(self, program: Program, text: str) -> None:
        with self._log(program).open("a", encoding="utf-8") as log:
            log.write(f"supervisor: {text}\n")

    def _sentence(self, program: Program, why: str) -> str:
        path = self._log(program)
        tail = path.read_text(encoding="utf-8", errors="replace").splitlines()[-LOG_TAIL_LINES:]
        return (
            f"「{program.name}」を起動できませんでした（{why}）。記録 {path} を見てください。"
            f" {program.name!r} did not start: read its log.\n" + "\n".join(tail)
        )


async def _execute(program: Program, log: Path) -> asyncio.subprocess.Process:
    with log.open("ab") as output:
        return await asyncio.create_subprocess_exec(
            *leashed(program.command, program.user, program.death_signal),
            cwd=program.folder,
            env=program.environment,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C reaches the supervisor alone, which stops the rest in order
        )


async def _fork(program: Program, log: Path) -> Fork:
    _python, _m, *arguments = program.command
    return await Fork.of(
        str(program.nursery),
        arguments,
        name=program.name,
        folder=program.folder,
        environment=program.environment,
        log=log,
    )


def leashed(
    command: Sequence[str], user: tuple[int, int] | None = None, death_signal: signal.Signals = signal.SIGKILL
) -> tuple[str, ...]:
    """Return the command behind a leash: it becomes `user`, and gets `death_signal` when this process dies."""
    uid, gid = user or (-1, -1)
    parent, sign = str(os.getpid()), str(int(death_signal))
    return (sys.executable, "-I", "-S", str(LEASH), parent, sign, str(uid), str(gid), *command)


async def _end(run: _Run) -> None:
    """End the present process: politely, then not."""
    process = run.process
    if process is None or process.returncode is not None:
        return
    with contextlib.suppress(ProcessLookupError):
        process.send_signal(run.program.stop_signal)
    try:
        async with asyncio.timeout(STOP_TIMEOUT_S):
            await process.wait()
    except TimeoutError:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()
