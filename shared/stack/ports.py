"""Ports on the loopback address: which are free, and who answers there."""

import asyncio
import atexit
import contextlib
import random
import socket
import sys
from collections.abc import Collection
from pathlib import Path

LOOPBACK = "127.0.0.1"
# Below Linux' ephemeral range (32768…): a port that a killed server leaves for a moment is not taken by some
# outgoing connection before the server is back.
PORT_MIN, PORT_MAX = 15_000, 32_000
TRIES_MAX = 200
ANSWER_TIMEOUT_S = 1.0
_promised: dict[int, socket.socket] = {}
LISTENING = "0A"  # TCP_LISTEN, as /proc/net/tcp writes it (proc_net_tcp.rst of Linux)


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this port of the loopback address now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def free_port(preferred: int | None = None, given: Collection[int] = ()) -> int:
    """Return `preferred` when it is free, else some free port; raises OSError when none is found.

    None of `given` is taken: somebody was promised it who does not listen yet.
    """
    if preferred and preferred not in given and is_free(preferred):
        return preferred
    for _ in range(TRIES_MAX):
        port = random.randrange(PORT_MIN, PORT_MAX)  # noqa: S311 - a port number is no secret
        if port not in given and is_free(port):
            return port
    raise OSError(
        f"{PORT_MIN}〜{PORT_MAX}番に空きポートがありません。使っていないサーバーを止めてから、もう一度起動してください。"
        f" No free port between {PORT_MIN} and {PORT_MAX}: stop servers you do not need and start again."
    )


def promise(port: int) -> bool:
    """Keep a port for this process until it ends, before anything listens there; False where another was faster.

    Servers that share ports (SO_REUSEPORT, socket(7); Caddy does) would answer for each other, and nobody would notice
    but a client that finds a strange certificate. Linux knows names that end with their process (unix(7), abstract).
    """
    if port in _promised or sys.platform != "linux":
        return True
    name = socket.socket(socket.AF_UNIX)
    try:
        name.bind(f"\0meguru-port-{port}")
    except OSError:
        name.close()
        return False
    _promised[port] = name
    atexit.register(name.close)
    return True


def is_listening(pid: int, port: int) -> bool:
    """Tell whether this very process listens on the port, and not somebody else who was there first.

    Where the system does not say so (no /proc), it is believed.
    """
    address = f"{int.from_bytes(socket.inet_aton(LOOPBACK), sys.byteorder):08X}:{port:04X}"
    try:
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:]]
        inodes = {f"socket:[{line[9]}]" for line in lines if (line[1], line[3]) == (address, LISTENING)}
        files = list(Path(f"/proc/{pid}/fd").iterdir())
    except OSError:
        return True
    for file in files:
        with contextlib.suppress(OSError):  # closed meanwhile
            if str(file.readlink()) in inodes:
                return True
    return False


async def listens(port: int) -> bool:
    """Tell whether somebody accepts connections on the port."""
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            _, writer = await asyncio.open_connection(LOOPBACK, port)
    except (OSError, TimeoutError):
        return False
    await _close(writer)
    return True


async def answers(port: int, path: str) -> bool:
    """Tell whether an HTTP server on the port answers `path` with 200."""
    try:
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            reader, writer = await asyncio.open_connection(LOOPBACK, port)
    except (OSError, TimeoutError):
        return False
    try:
        writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            status = await reader.readline()
    except (OSError, TimeoutError):
        return False
    finally:
        await _close(writer)
    return status.split(b" ")[1:2] == [b"200"]


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with contextlib.suppress(OSError, TimeoutError):
        async with asyncio.timeout(ANSWER_TIMEOUT_S):
            await writer.wait_closed()
