import asyncio
import json
import os
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import psutil
import pytest

from shared.stack.fork import Fork, is_there
from shared.stack.supervisor import DidNotStart, Program, Supervisor

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="the nursery is for Linux alone")
ROOT = Path(__file__).parents[3]

TELLER = """
import json, os, sys, signal, time
print(json.dumps({
    "arguments": sys.argv[1:], "folder": os.getcwd(), "environment": dict(os.environ), "session": os.getsid(0),
    "preloaded": "wave" in sys.modules, "comm": open("/proc/self/comm").read().strip(),
    "child signal": str(signal.getsignal(signal.SIGCHLD)), "blocked": [int(s) for s in signal.pthread_sigmask(0, ())],
    "sockets": [link for name in os.listdir("/proc/self/fd")
                if (link := os.path.realpath(f"/proc/self/fd/{name}")).startswith("/proc/") and "socket" in link],
}), flush=True)
if sys.argv[1:] != ["stay"]:
    sys.exit(7)
time.sleep(600)
"""


async def at_once() -> bool:
    return True


@pytest.fixture
async def supervisor(tmp_path: Path) -> AsyncIterator[Supervisor]:
    (tmp_path / "teller.py").write_text(TELLER, encoding="utf-8")
    supervisor = Supervisor(tmp_path)
    address = f"test-{os.getpid()}-{tmp_path.name}"
    command = (sys.executable, "-m", "shared.stack.nursery", address, "wave")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    await supervisor.start(Program("nursery", command, partial(is_there, address), ROOT, environment))
    yield supervisor
    await supervisor.stop_all()


def teller(folder: Path, *arguments: str) -> Program:
    address = f"test-{os.getpid()}-{folder.name}"
    command = (sys.executable, "-m", "teller", *arguments)
    return Program("teller", command, partial(_told, folder), folder, {"ONLY": "this"}, nursery=address)


async def _told(folder: Path) -> bool:
    return bool((folder / "teller.log").read_bytes().strip())


async def test_a_fork_is_like_a_program_that_was_executed(supervisor: Supervisor, tmp_path: Path) -> None:
    await supervisor.start(teller(tmp_path, "stay"))
    said = json.loads((tmp_path / "teller.log").read_text(encoding="utf-8").splitlines()[0])
    assert said == {
        "arguments": ["stay"],
        "folder": str(tmp_path),
        "environment": {"ONLY": "this"},
        "session": supervisor.pids["teller"],
        "preloaded": True,
        "comm": "meguru teller",
        "child signal": "0",
        "blocked": [],
        "sockets": [],
    }
    pid = supervisor.pids["teller"]
    await supervisor.stop("teller")
    assert not psutil.pid_exists(pid)


async def test_a_fork_that_ends_says_its_exit_code(supervisor: Supervisor, tmp_path: Path) -> None:
    program = teller(tmp_path)
    fork = await Fork.of(
        str(program.nursery),
        program.command[2:],
        name="teller",
        folder=tmp_path,
        environment={},
        log=tmp_path / "teller.log",
    )
    assert await fork.wait() == 7
    assert fork.returncode == 7
    with pytest.raises(ProcessLookupError):
        fork.send_signal(15)
    assert "nursery" in supervisor.pids


async def test_a_killed_fork_is_forked_again(supervisor: Supervisor, tmp_path: Path) -> None:
    await supervisor.start(teller(tmp_path, "stay"))
    dead = supervisor.kill("teller")
    async with asyncio.timeout(10):
        await supervisor.settled("teller")
    assert supervisor.pids["teller"] != dead
    assert supervisor.restarts("teller") == 1


async def test_a_killed_nursery_takes_its_forks_along_and_all_come_back(supervisor: Supervisor, tmp_path: Path) -> None:
    await supervisor.start(teller(tmp_path, "stay"))
    fork = psutil.Process(supervisor.pids["teller"])
    supervisor.kill("nursery")
    assert await asyncio.to_thread(psutil.wait_procs, [fork], 5) == ([fork], [])
    async with asyncio.timeout(20):
        await supervisor.settled("nursery")
        while supervisor.restarts("teller") == 0:
            await asyncio.sleep(0.02)
        await supervisor.settled("teller")
    assert supervisor.pids["teller"] != fork.pid


async def test_a_killed_supervisor_leaves_no_fork(tmp_path: Path) -> None:
    (tmp_path / "teller.py").write_text(TELLER, encoding="utf-8")
    (tmp_path / "parent.py").write_text(
        f"""
import asyncio, os
from pathlib import Path
from shared.stack.tests.test_nursery import *

async def main():
    folder = Path({str(tmp_path)!r})
    supervisor = Supervisor(folder)
    address = f"test-{{os.getpid()}}-{{folder.name}}"
    command = (sys.executable, "-m", "shared.stack.nursery", address)
    await supervisor.start(Program("nursery", command, partial(is_there, address), ROOT, dict(os.environ)))
    await supervisor.start(teller(folder, "stay"))
    print(supervisor.pids["teller"], flush=True)
    await asyncio.sleep(600)

asyncio.run(main())
""",
        encoding="utf-8",
    )
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, str(tmp_path / "parent.py"), stdout=asyncio.subprocess.PIPE, env=environment
    )
    assert process.stdout is not None
    fork = psutil.Process(int(await process.stdout.readline()))
    process.kill()
    await process.wait()
    assert await asyncio.to_thread(psutil.wait_procs, [fork], 5) == ([fork], [])


async def test_a_program_that_cannot_be_imported_says_so(supervisor: Supervisor, tmp_path: Path) -> None:
    async def never() -> bool:
        return False

    address = teller(tmp_path).nursery
    program = Program("absent", (sys.executable, "-m", "no_such"), never, tmp_path, {}, nursery=address)
    with pytest.raises(DidNotStart, match="No module named no_such"):
        await supervisor.start(program)
