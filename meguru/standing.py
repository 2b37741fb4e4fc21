"""The stack of a data folder, for a command: the one that runs there, or its servers started for this command alone."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import TracebackType
from typing import Self

from shared.settings import SERVICES
from shared.stack.nats import Nats
from shared.stack.passwords import keep_passwords
from shared.stack.postgres import Postgres
from shared.stack.stack import Stack, StackInUse


class NoStack(Exception):
    """There is no data in the folder. Its text says what to do."""


class Running(Stack):
    """A stack that another process runs: its addresses and passwords; nothing is started and nothing is stopped."""

    async def __aenter__(self) -> Self:
        """Read where it runs. Raises NoStack while it is still starting."""
        try:
            self.ports = dict(json.loads((self.folder / "stack.json").read_text(encoding="utf-8"))["ports"])
            postgres, bus, monitoring = (self.ports[name] for name in ("postgres", "nats", "nats-monitoring"))
        except (OSError, ValueError, KeyError) as early:
            raise NoStack(
                f"{self.folder} のめぐるは起動の途中です。少し待って、もう一度実行してください。"
                f" The stack in {self.folder} is still starting: try again in a moment."
            ) from early
        self._passwords = keep_passwords(self.folder / "secrets.json", SERVICES)
        self.postgres = Postgres(self.folder / "postgres", postgres, self._passwords.superuser)
        self.nats = Nats(self.folder / "nats", bus, monitoring, self._passwords.nats)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leave it running."""


@asynccontextmanager
async def standing(folder: Path) -> AsyncIterator[Stack]:
    """Yield the stack of a data folder: the one that runs there, or its servers started for this command alone.

    `folder` may hold the stack itself or, as `meguru run` and `meguru demo` leave it, in `stack` below it.
    Raises NoStack when there is no data, or BadCluster and DidNotStart as the stack does.
    """
    if (folder / "stack" / "secrets.json").exists():
        folder = folder / "stack"
    if not (folder / "secrets.json").exists():
        raise NoStack(
            f"{folder} にめぐるのデータがありません。--folder で場所を指定してください。"
            f" There is no data in {folder}: name the folder with --folder."
        )
    async with AsyncExitStack() as closing:
        try:
            stack = await closing.enter_async_context(Stack(folder, services=()))
        except StackInUse:
            stack = await closing.enter_async_context(Running(folder))
        yield stack
