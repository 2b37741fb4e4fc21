"""What is asked at the same moment is done together: one transaction, one fsync, one look at what is known.

While one group is under way the next gathers; whoever comes alone waits for nobody. The message door does the same with
what it pulled (`messaging.GroupCommit`).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Hashable, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

log = logging.getLogger(__name__)

A = TypeVar("A")
R = TypeVar("R")
Do = Callable[[Sequence[A]], Awaitable[Sequence[R]]]

GROUP_MAX = 200  # things done together; one asker's own are never parted


@dataclass(frozen=True, slots=True)
class _Asked(Generic[A, R]):
    things: Sequence[A]
    do: Do[A, R]
    answered: "asyncio.Future[Sequence[R]]"


@dataclass(frozen=True, slots=True)
class Gather:
    """Does what several ask for in groups, one group of a key at a time.

    Whoever asks with the same key asks for the same to be done; `do` answers one result a thing, in order, and may be
    run again (each thing carries its request id). When a group of several askers fails, each asker's things are done by
    themselves, so that nobody fails for another's.
    """

    _waiting: dict[Hashable, list[_Asked[Any, Any]]] = field(default_factory=dict)
    _running: set["asyncio.Task[None]"] = field(default_factory=set)

    async def ask(self, key: Hashable, things: Sequence[A], do: Do[A, R]) -> Sequence[R]:
        """Return the answers to these things. Raises what `do` raises for them."""
        asked = _Asked(things, do, asyncio.get_running_loop().create_future())
        if key in self._waiting:  # a group of this key is under way: this one goes with the next
            self._waiting[key].append(asked)
        else:
            self._waiting[key] = [asked]
            task = asyncio.create_task(self._work_off(key))  # of its own: an asker may leave, the others' work goes on
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        return await asked.answered

    async def _work_off(self, key: Hashable) -> None:
        try:
            while waiting := self._waiting[key]:
                await _answer(_taken(waiting))
        finally:
            del self._waiting[key]


def _taken(waiting: list[_Asked[A, R]]) -> list[_Asked[A, R]]:
    """Take from what waits, in order, as much as one group holds, and one asker at least."""
    group = [waiting.pop(0)]
    size = len(group[0].things)
    while waiting and size + len(waiting[0].things) <= GROUP_MAX:
        size += len(waiting[0].things)
        group.append(waiting.pop(0))
    return group


async def _answer(group: Sequence[_Asked[A, R]]) -> None:
    try:
        answers = iter(await group[0].do([thing for asked in group for thing in asked.things]))
    except Exception as failure:  # noqa: BLE001 - whoever asked raises it
        if len(group) == 1:
            _end(group[0].answered, failure)
            return
        log.warning("%s requests failed together and are done one by one: %r", len(group), failure)
        for asked in group:
            await _answer([asked])
    except asyncio.CancelledError:
        for asked in group:
            asked.answered.cancel()
        raise
    else:
        for asked in group:
            _end(asked.answered, [next(answers) for _ in asked.things])


def _end(answered: "asyncio.Future[Any]", said: object) -> None:
    if answered.done():  # its asker has gone
        return
    if isinstance(said, Exception):
        answered.set_exception(said)
    else:
        answered.set_result(said)
