"""The stack in the foreground of a terminal or a service manager: until Ctrl-C or SIGTERM."""

import asyncio
import contextlib
import signal
from collections.abc import Callable

from shared.stack.stack import Stack


def serve(stack: Stack, started: Callable[[Stack], None]) -> None:
    """Run the stack until Ctrl-C or SIGTERM, and stop it in order; `started` is called once everything is ready."""
    with contextlib.suppress(asyncio.CancelledError):  # ended by a signal before it was ready
        asyncio.run(_serve(stack, started))


async def _serve(stack: Stack, started: Callable[[Stack], None]) -> None:
    loop, enough, work = asyncio.get_running_loop(), asyncio.Event(), asyncio.current_task()

    def end() -> None:  # during the start: leave it, and stop in order what runs already
        if work is not None and not begun and not enough.is_set():
            work.cancel()
        enough.set()

    begun = False
    for sign in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(sign, end)
    async with stack:
        begun = True
        started(stack)
        await enough.wait()
