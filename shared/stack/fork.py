"""A program that the nursery forked, seen from the supervisor: the part of asyncio's `Process` that it uses."""

import asyncio
import json
import os
import signal
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from shared.stack.nursery import Order

NURSERY_TIMEOUT_S = 10.0  # it imports for two seconds when it has to be started again
NURSERY_POLL_S = 0.02


async def is_there(address: str) -> bool:
    """Tell whether a nursery takes orders at this address."""
    try:
        _, writer = await asyncio.open_unix_connection(f"\0{address}")
    except OSError:
        return False
    writer.close()
    return True


class Fork:
    """One forked process; `of` makes it."""

    def __init__(self, pid: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.pid = pid
        self.returncode: int | None = None
        self._ended = asyncio.create_task(self._hear(reader, writer), name=f"end of {pid}")

    @classmethod
    async def of(
        cls,
        address: str,
        arguments: Sequence[str],
        *,
        name: str,
        folder: Path,
        environment: Mapping[str, str],
        log: Path,
    ) -> Self:
        """Have the nursery at `address` run `python -m` with these arguments.

        Waits for a nursery that is just being started again; raises OSError when it does not come.
        """
        async with asyncio.timeout(NURSERY_TIMEOUT_S):
            while not await is_there(address):  # noqa: ASYNC110 - another process, which rings no bell of ours
                await asyncio.sleep(NURSERY_POLL_S)
        reader, writer = await asyncio.open_unix_connection(f"\0{address}")
        order = Order(
            name=name,
            arguments=list(arguments),
            folder=str(folder),
            environment=dict(environment),
            log=str(log),
        )
        writer.write(json.dumps(order).encode() + b"\n")
        pid = await reader.readline()
        if not pid:
            writer.close()
            raise ConnectionResetError("起動役のプロセスが終了しました。 The nursery ended before it answered.")
        return cls(int(pid), reader, writer)

    async def wait(self) -> int:
        """Return the exit code once the process has ended; negative for a signal."""
        return await asyncio.shield(self._ended)

    def send_signal(self, sign: int) -> None:
        """Send a signal; raises ProcessLookupError when the process has ended."""
        if self.returncode is not None:
            raise ProcessLookupError
        os.kill(self.pid, sign)

    async def _hear(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        """Wait for the exit code; a nursery that dies takes its forks with it, by SIGKILL, and says nothing."""
        try:
            code = await reader.readline()
        except OSError:
            code = b""
        writer.close()
        self.returncode = int(code) if code else -signal.SIGKILL
        return self.returncode
