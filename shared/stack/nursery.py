"""Starts Python programs as forks of one process that has already imported what they share.

Five services on one machine are five times the same imports: two seconds of a core and some 90 MB each. A fork has
them at once and shares the memory until it writes there (ADR 0016 has the figures). `python -m shared.stack.nursery
ADDRESS MODULE…` imports the modules and listens on an abstract Unix socket (unix(7)); each connection orders one
program, hears its process id, and then its exit code when it ended. `shared/stack/fork.py` is the other end.

Linux only: elsewhere a fork after imports is not safe, and nothing would end the forks when this process dies.
"""

import contextlib
import ctypes
import gc
import importlib
import json
import os
import runpy
import signal
import socket
import struct
import sys
from pathlib import Path
from types import FrameType
from typing import TypedDict

PR_SET_PDEATHSIG, PR_SET_NAME = 1, 15  # linux/prctl.h
ORDER_TIMEOUT_S = 5.0
CHILD_ENDED = {signal.SIGCHLD}


class Order(TypedDict):
    """What to run: `python -m` with these arguments, there, so, with its output in this file."""

    name: str
    arguments: list[str]  #: the module first
    folder: str
    environment: dict[str, str]
    log: str


def listen(address: str) -> socket.socket:
    """Return a socket that takes orders at an abstract address."""
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(f"\0{address}")
    listener.listen()
    return listener


def tend(listener: socket.socket) -> Order:
    """Fork for each order and report each end, for ever; only the forks return, with what they are to become."""
    waiting: dict[int, socket.socket] = {}  # who wants to hear of the end of which process

    def report(_signal: int, _frame: FrameType | None) -> None:
        for pid, code in _ended():
            with waiting.pop(pid) as connection, contextlib.suppress(OSError):  # nobody may be listening any more
                connection.sendall(b"%d\n" % code)

    signal.signal(signal.SIGCHLD, report)
    while True:
        connection, _ = listener.accept()
        order = _read(connection)
        if order is None:
            connection.close()
            continue
        signal.pthread_sigmask(signal.SIG_BLOCK, CHILD_ENDED)  # its end may come before it is written down
        pid = os.fork()
        if not pid:
            for mine in (listener, connection, *waiting.values()):
                mine.close()
            return order
        waiting[pid] = connection
        with contextlib.suppress(OSError):
            connection.sendall(b"%d\n" % pid)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, CHILD_ENDED)


def become(order: Order, parent: int) -> None:
    """Turn this fork into the program; returns when the program ends."""
    os.setsid()  # as the supervisor starts every program: Ctrl-C is not for it
    kernel = ctypes.CDLL(None)
    kernel.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    kernel.prctl(PR_SET_NAME, f"meguru {order['name']}".encode(), 0, 0, 0)
    if os.getppid() != parent:  # it died before the request was heard
        sys.exit(1)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, CHILD_ENDED)
    with Path(order["log"]).open("ab") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    os.chdir(order["folder"])
    os.environ.clear()
    os.environ.update(order["environment"])
    sys.argv = order["arguments"]
    runpy.run_module(order["arguments"][0], run_name="__main__", alter_sys=True)


def _read(connection: socket.socket) -> Order | None:
    """Return the order of a connection, or nothing when it only looked whether somebody is there, or is a stranger."""
    credentials = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
    _, uid, _ = struct.unpack("3i", credentials)
    if uid != os.getuid():
        return None
    connection.settimeout(ORDER_TIMEOUT_S)
    try:
        with connection.makefile("rb") as lines:
            line = lines.readline()
    except OSError:
        return None
    order: Order | None = json.loads(line) if line else None
    return order


def _ended() -> list[tuple[int, int]]:
    """Return the processes that ended since the last question, each with its exit code, negative for a signal."""
    ended: list[tuple[int, int]] = []
    with contextlib.suppress(ChildProcessError):  # there is none left at all
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            ended.append((found[0], os.waitstatus_to_exitcode(found[1])))
    return ended


if __name__ == "__main__":
    for module in sys.argv[2:]:
        importlib.import_module(module)
    gc.collect()
    gc.freeze()  # a collection in a fork would otherwise write to, and so copy, all that is shared
    nursery = os.getpid()
    become(tend(listen(sys.argv[1])), nursery)
