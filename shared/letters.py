"""Letters: what is to be mailed, kept in the database until it went, each at most once.

A letter is written in the transaction of the fact that causes it, under a key (what, about which thing, of which day,
to whom), and only then sent. Before a mail server hears of it the letter is marked `sending`, and that is committed:
who dies in between leaves it so, and nobody sends it again, since nobody knows whether it went. It is then `unclear`,
which a page says. What the server surely did not take is tried again, later and later; what it refuses for good is
`refused`; what comes back afterwards as mail is `returned` (`shared.bounces`). A row holds no address: it is looked up
when the letter goes, and taken out of what the server answers.
"""

import logging
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal
from uuid import UUID

from sqlalchemy import Column, Date, DateTime, Index, Integer, MetaData, Table, Text, UniqueConstraint, Uuid, text
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from shared.bounces import Bounce
from shared.database import Transaction
from shared.ids import uuid7
from shared.mail import Accepted, Message, Outcome, Postman, Postponed, Rejected, Unclear

log = logging.getLogger(__name__)

State = Literal["waiting", "sending", "sent", "refused", "unclear", "given-up", "withdrawn", "returned"]
TROUBLED: tuple[State, ...] = ("refused", "unclear", "given-up", "returned")
SENDING_MAX = timedelta(minutes=10)  # longer than any exchange with a mail server may last (`mail.STEP_S` a step)
AGAIN_FIRST = timedelta(minutes=5)
AGAIN_MAX = timedelta(hours=4)
PATIENCE = timedelta(days=3)  # RFC 5321, 4.5.4.1 speaks of four to five days; a reminder is worth less by then
SAID_LENGTH_MAX = 500
_ADDRESS = re.compile(r"<?[^\s<>@]+@[^\s<>@:;,]+>?")


def letters(metadata: MetaData) -> Table:
    """Add the table of letters to a service's metadata."""
    return Table(
        "letters",
        metadata,
        Column("letter", Uuid, primary_key=True),
        Column("tenant", Text, nullable=False),
        Column("what", Text, nullable=False),
        Column("about", Uuid, nullable=False),
        Column("day", Date, nullable=False),
        Column("person", Text, nullable=False),  # a reference: the address is looked up when it goes
        Column("written_at", DateTime(timezone=True), nullable=False),
        Column("state", Text, nullable=False, server_default="waiting"),
        Column("attempts", Integer, nullable=False, server_default="0"),
        Column("next_at", DateTime(timezone=True), nullable=False),
        Column("changed_at", DateTime(timezone=True), nullable=False),
        Column("said", Text),  # by the mail server, or why it did not go
        Column("envelope", Uuid, nullable=False, unique=True, server_default=text("gen_random_uuid()")),  # for bounces
        Column("status", Text),  # RFC 3463, of the bounce that came
        UniqueConstraint("what", "about", "day", "person"),
        Index("letters_state", "state", "next_at"),
    )


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter in hand."""

    letter: UUID
    tenant: str
    what: str
    about: UUID
    day: date
    person: str
    written_at: datetime
    attempts: int
    envelope: UUID


Compose = Callable[[AsyncConnection, Letter, datetime], Awaitable[Message | None]]  # as it goes at that moment


async def write(
    tx: Transaction, table: Table, *, what: str, about: UUID, day: date, people: Sequence[str], go_at: datetime
) -> None:
    """Write a letter to each of the people, with the fact of this transaction, to go at a moment or after.

    One that is there already stays as it is.
    """
    rows = [
        {
            "letter": uuid7(),
            "tenant": tx.tenant,
            "what": what,
            "about": about,
            "day": day,
            "person": person,
            "written_at": tx.at,
            "next_at": go_at,
            "changed_at": tx.at,
        }
        for person in people
    ]
    if rows:
        await tx.connection.execute(insert(table).on_conflict_do_nothing(), rows)


_TAKE = text(
    "UPDATE letters SET state = 'sending', attempts = attempts + 1, changed_at = :now WHERE letter = (SELECT letter "
    "FROM letters WHERE state = 'waiting' AND next_at <= :now ORDER BY next_at, letter LIMIT 1 FOR UPDATE SKIP LOCKED) "
    "RETURNING letter, tenant, what, about, day, person, written_at, attempts, envelope"
)


async def take(engine: AsyncEngine, compose: Compose, now: datetime) -> tuple[Letter, Message | None] | None:
    """Take the next letter in hand and compose it. It is `sending` from this commit on: nobody else takes it, ever.

    One whose addressee is gone or wants no mail is withdrawn; one that cannot be composed is given up, unsent.
    """
    async with engine.begin() as connection:
        row = (await connection.execute(_TAKE, {"now": now})).one_or_none()
        if row is None:
            return None
        letter, message = Letter(*row), None
        try:
            message = await compose(connection, letter, now)
        except (LookupError, ValueError) as failure:
            log.exception("the letter %s cannot be composed", letter.letter)
            await _note(connection, letter, "given-up", now, repr(failure))
        else:
            if message is None:
                await _note(connection, letter, "withdrawn", now, "")
    return letter, message


async def send_next(engine: AsyncEngine, postman: Postman, compose: Compose, now: datetime) -> bool:
    """Send the next letter and note what became of it. Tells whether there was one.

    Raises nothing of the mail server's: what it does is noted on the letter.
    """
    taken = await take(engine, compose, now)
    if taken is None:
        return False
    letter, message = taken
    if message:
        state, said = _became(letter, await postman.deliver(message), now)
        async with engine.begin() as connection:
            await _note(connection, letter, state, now, said)
    return True


def _became(letter: Letter, outcome: Outcome, now: datetime) -> tuple[State, str]:
    said = _ADDRESS.sub("…", outcome.said)
    match outcome:
        case Accepted():
            return "sent", said
        case Rejected():
            log.warning("the letter %s is refused: %s", letter.letter, said)
            return "refused", said
        case Postponed() if now - letter.written_at > PATIENCE:
            log.warning("the letter %s is given up: %s", letter.letter, said)
            return "given-up", said
        case Postponed():
            return "waiting", said
        case Unclear():
            log.warning("whether the letter %s went is not known: %s", letter.letter, said)
            return "unclear", said


_NOTE = text(
    "UPDATE letters SET state = CAST(:state AS text), changed_at = :now, next_at = :next, said = CAST(:said AS text) "
    "WHERE letter = :letter AND (state = 'sending' OR state = 'unclear' AND CAST(:state AS text) <> 'waiting')"
)


async def _note(connection: AsyncConnection, letter: Letter, state: State, now: datetime, said: str) -> None:
    """Note what became of a letter in hand; `unclear` gives way to what is known after all."""
    again = min(AGAIN_FIRST * 2 ** (letter.attempts - 1), AGAIN_MAX)
    given = {"state": state, "now": now, "next": now + again, "said": said[:SAID_LENGTH_MAX] or None}
    await connection.execute(_NOTE, given | {"letter": letter.letter})


async def find_unclear(engine: AsyncEngine, now: datetime) -> int:
    """Say of letters that were in hand when a process died that nobody knows whether they went. Returns how many."""
    async with engine.begin() as connection:
        found = await connection.execute(
            text(
                "UPDATE letters SET state = 'unclear', changed_at = :now WHERE state = 'sending' AND changed_at < :then"
            ),
            {"now": now, "then": now - SENDING_MAX},
        )
    if found.rowcount:
        log.error("%s letter(s) were in hand when a process died; they are not sent again", found.rowcount)
    return found.rowcount


_RETURNED = text(
    "UPDATE letters SET state = 'returned', changed_at = :now, said = CAST(:said AS text), "
    "status = CAST(:status AS text) WHERE envelope = :envelope AND state IN ('sending', 'sent', 'unclear')"
)


async def note_bounce(engine: AsyncEngine, bounce: Bounce, now: datetime) -> State | None:
    """Note on a letter that it came back. Returns its state after that, None when no letter has this envelope.

    Twice changes nothing; nor does a bounce that tells of no failure, or of a letter that surely never went.
    """
    said = _ADDRESS.sub("…", f"{bounce.status} {bounce.said}".strip())[:SAID_LENGTH_MAX]
    async with engine.begin() as connection:
        if bounce.failed:
            given = {"envelope": bounce.envelope, "now": now, "said": said or None, "status": bounce.status or None}
            await connection.execute(_RETURNED, given)
        found: State | None = await connection.scalar(
            text("SELECT state FROM letters WHERE envelope = :envelope"), {"envelope": bounce.envelope}
        )
    return found


async def standing(connection: AsyncConnection) -> dict[str, int]:
    """Count the letters this connection may see by their state."""
    rows = await connection.execute(text("SELECT state, count(*) AS n FROM letters GROUP BY 1"))
    return {row.state: row.n for row in rows}


__all__ = [
    "PATIENCE",
    "SENDING_MAX",
    "TROUBLED",
    "Compose",
    "Letter",
    "State",
    "find_unclear",
    "letters",
    "note_bounce",
    "send_next",
    "standing",
    "take",
    "write",
]
