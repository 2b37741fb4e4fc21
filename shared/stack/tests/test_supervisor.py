import asyncio
import os
import signal
import sys
import textwrap
from pathlib import Path

import psutil
import pytest

from shared.stack.ports import LOOPBACK, listens
from shared.stack.supervisor import DidNotStart, Program, Supervisor

SLEEPER = (sys.executable, "-c", "import time; time.sleep(600)")
ROOT = Path(__file__).parents[3]


async def at_once() -> bool:
    return True


def sleeper(name: str, folder: Path) -> Program:
    return Program(name, SLEEPER, at_once, folder, dict(os.environ))


async def test_a_killed_program_is_started_again(tmp_path: Path) -> None:
    supervisor = Supervisor(tmp_path)
    await supervisor.start(sleeper("a", tmp_path))
    for times in (1, 2):
        dead = supervisor.kill("a")
        await asyncio.wait_for(supervisor.settled("a"), 10)
        assert supervisor.pids["a"] != dead
        assert supervisor.restarts("a") == times
    await supervisor.stop_all()
    assert supervisor.pids == {}


async def test_the_last_stage_stops_first_and_nothing_restarts_afterwards(tmp_path: Path) -> None:
    order: list[set[str]] = []
    supervisor = Supervisor(tmp_path, lambda: order.append(set(supervisor.pids)))
    await supervisor.start(sleeper("database", tmp_path))
    await supervisor.start(sleeper("one", tmp_path), "services")
    await supervisor.start(sleeper("two", tmp_path), "services")
    order.clear()
    await supervisor.stop_all()
    assert order[-1] == set()
    assert all("database" in running for running in order if running & {"one", "two"})


async def test_a_program_that_ends_says_why_in_a_sentence(tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    program = Program("a", (sys.executable, "-c", "raise SystemExit('no port')"), never, tmp_path, dict(os.environ))
    with pytest.raises(DidNotStart, match=r"「a」を起動できませんでした.*\n.*no port"):
        await Supervisor(tmp_path).start(program)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux says who listens where")
async def test_a_program_is_not_ready_because_somebody_else_answers_at_its_port(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("shared.stack.supervisor.READY_TIMEOUT_S", 0.5)
    other = await asyncio.start_server(lambda _, writer: writer.close(), LOOPBACK, 0)
    port = other.sockets[0].getsockname()[1]

    async def ready() -> bool:
        return await listens(port)

    program = Program("a", SLEEPER, ready, tmp_path, dict(os.environ), port=port)
    with pytest.raises(DidNotStart, match="応答なし"):
        await Supervisor(tmp_path).start(program)
    other.close()
    await other.wait_closed()
    serving = (sys.executable, "-m", "http.server", str(port), "--bind", LOOPBACK)
    supervisor = Supervisor(tmp_path)
    monkeypatch.setattr("shared.stack.supervisor.READY_TIMEOUT_S", 20)
    await supervisor.start(Program("a", serving, ready, tmp_path, dict(os.environ), port=port))
    await supervisor.stop_all()


async def test_a_program_that_ignores_sigterm_is_killed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.stack.supervisor.STOP_TIMEOUT_S", 0.3)
    deaf = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); open('deaf', 'w'); time.sleep(600)"

    async def ready() -> bool:
        return (tmp_path / "deaf").exists()

    supervisor = Supervisor(tmp_path)
    await supervisor.start(Program("a", (sys.executable, "-c", deaf), ready, tmp_path, dict(os.environ)))
    pid = supervisor.pids["a"]
    await supervisor.stop("a")
    assert not psutil.pid_exists(pid)


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux can tell a child that its parent died")
async def test_a_killed_supervisor_leaves_no_orphan(tmp_path: Path) -> None:
    parent = tmp_path / "parent.py"
    parent.write_text(
        textwrap.dedent(f"""
            import asyncio
            from pathlib import Path
            from shared.stack.tests.test_supervisor import sleeper
            from shared.stack.supervisor import Supervisor

            async def main():
                supervisor = Supervisor(Path({str(tmp_path)!r}))
                await supervisor.start(sleeper("a", Path({str(tmp_path)!r})))
                print(supervisor.pids["a"], flush=True)
                await asyncio.sleep(600)

            asyncio.run(main())
        """),
        encoding="utf-8",
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(parent), stdout=asyncio.subprocess.PIPE, env=environment
    )
    assert process.stdout is not None
    child = int(await process.stdout.readline())
    process.send_signal(signal.SIGKILL)
    await process.wait()
    gone = psutil.Process(child) if psutil.pid_exists(child) else None
    assert gone is None or gone.wait(5) is None
