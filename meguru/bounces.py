"""`meguru bounces`: takes in what mail servers write back, from files or as a mail server's alias hands it over.

An alias gets one of two exit codes (sysexits.h): 0, taken, also when it is no bounce, since refusing one would bounce
the bounce; 75, the database is away, so that the server keeps it and tries again.
"""

import asyncio
import os
import sys
from collections.abc import Sequence
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path

import typer
from sqlalchemy.ext.asyncio import AsyncEngine

from meguru.rebuild import acting_as
from meguru.standing import NoStack, standing
from shared import bounces, letters
from shared.bounces import Bounce
from shared.database import AWAY, engine
from shared.letters import State
from shared.refused import Refused
from shared.settings import Service, settings
from shared.stack.supervisor import DidNotStart

TAKEN, NOT_ALL, TRY_AGAIN = 0, 1, 75
SERVICES: tuple[Service, ...] = ("certificates", "donations")  # those that write letters


async def take_bounces(files: Sequence[Path], folder: Path | None) -> int:
    """Take in each file, or what stands on standard input when there is none. Returns TAKEN, NOT_ALL or TRY_AGAIN.

    The database is that of the environment, or those of the stack of a data folder.
    """
    given = [(str(file), _beginning(file)) for file in files] or [("-", sys.stdin.buffer.read(_MOST))]
    try:
        async with AsyncExitStack() as closing:
            consumers = []
            if folder or os.environ.get("MEGURU_SERVICE") not in SERVICES:
                stack = await closing.enter_async_context(standing(folder or Path("data")))
                for service in SERVICES:
                    with acting_as(stack, service):
                        consumers.append(engine(settings(), "consumer", pool_size=1))
            else:
                consumers.append(engine(settings(), "consumer", pool_size=1))
            for consumer in consumers:
                closing.push_async_callback(consumer.dispose)
            taken = [await _take(consumers, name, content) for name, content in given]
    except (*AWAY, NoStack, DidNotStart) as away:
        typer.echo(f"あとでもう一度実行してください。 Try again later: {away}", err=True)
        return TRY_AGAIN
    return TAKEN if all(taken) or not files else NOT_ALL


_MOST = bounces.BOUNCE_SIZE_MAX + 1  # one more than is read: enough to see that it is too much


def _beginning(file: Path) -> bytes:
    with file.open("rb") as opened:
        return opened.read(_MOST)


async def _take(consumers: Sequence[AsyncEngine], name: str, content: bytes) -> bool:
    """Note one bounce and say what came of it. Tells whether it was a bounce of a letter that is here."""
    try:
        bounce = await asyncio.to_thread(bounces.read, content)
    except Refused as no:
        typer.echo(f"× {name}: {no.ja} {no.en}", err=True)
        return False
    state = None
    for consumer in consumers:  # an envelope is one letter's: at most one of the services knows it
        state = state or await letters.note_bounce(consumer, bounce, datetime.now(UTC))
    if state is None:
        typer.echo(
            f"× {name}: この番号の手紙はここにありません。別のめぐるの手紙か、偽物です。"
            " No letter here has this number: another installation's, or forged.",
            err=True,
        )
        return False
    typer.echo(f"○ {name}: {_became(bounce, state)} {bounce.status} {bounce.said}".rstrip())
    return True


def _became(bounce: Bounce, state: State) -> str:
    if not bounce.failed:
        return "届かなかったという知らせではありません。何も変えていません。 It tells of no failure: nothing changed."
    if state == "returned":
        return "届かなかったと手紙に書きました。 Noted on the letter: it did not arrive."
    return f"手紙は送られていません（{state}）。何も変えていません。 That letter was not sent: nothing changed."
