"""Reminders of deadlines (督促): whom to tell of what and when, and the words, which stand in `templates/letter_*.txt`.

A town's clerks and administrators who have an address are told twice before a deadline and once after it, a letter an
engagement and day however many certificates are missing. What a letter says is counted when it goes; when everything
came meanwhile, it does not go.
"""

from dataclasses import replace
from datetime import date, datetime, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any
from uuid import UUID

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from services.certificates import missing
from services.certificates.missing import Span
from services.certificates.tables import letters as table
from services.certificates.waiting import CALENDAR
from shared import letters
from shared.database import Transaction, service_transaction
from shared.deadline import SOON_DAYS, after, day_in_japan, left, office_hour
from shared.identity import Role
from shared.letters import Letter
from shared.mail import Message, one_line

TOLD_DAYS = (SOON_DAYS, 1)  # business days before a deadline
ROLES: tuple[Role, ...] = ("clerk", "town-admin")
REISSUE_DAYS = 7  # as long somebody who comes to the town is told, too, that a replacement is late
WEEKDAYS = "月火水木金土日"
OVERDUE = "overdue"

_ADDRESSEES = (
    "SELECT p.person, p.name, p.email FROM people p LEFT JOIN subscriptions s USING (person) "
    "WHERE p.party = :town AND p.email IS NOT NULL AND p.roles ?| CAST(:roles AS text[]) AND coalesce(s.mail, true)"
)


async def addressees(connection: AsyncConnection, town: str) -> list[str]:
    """Return who is written to for a town: its clerks and administrators with an address, unless they want no mail."""
    rows = await connection.execute(text(f"{_ADDRESSEES} ORDER BY p.person"), {"town": town, "roles": list(ROLES)})
    return [row.person for row in rows]


async def write_overdue(tx: Transaction, town: str, engagement: UUID, due: date) -> None:
    """Write, with the entry that says a certificate is late, that this deadline of the engagement has passed."""
    await _write(tx, OVERDUE, town, engagement, due)


async def write_before(engine: AsyncEngine, at: datetime) -> int:
    """Write what reminds of deadlines that are near, or passed while a replacement is missing.

    Returns how many near ones were looked at. That a first issue is late is an entry (`write_overdue`); what was issued
    and revoked is missing by the clock alone: from the day after deadline and revocation, for REISSUE_DAYS.
    """
    today = day_in_japan(at)
    async with engine.connect() as connection:
        near = await connection.execute(
            text(
                f"SELECT DISTINCT o.tenant, o.engagement, o.due_on FROM {missing.SHORT} "  # noqa: S608 - constants
                "AND o.due_on BETWEEN :today AND :until"
            ),
            CALENDAR | {"today": today, "until": after(today, max(TOLD_DAYS))},
        )
        found = list(near)
        late = await connection.execute(
            text(
                f"SELECT DISTINCT o.tenant, o.engagement, o.due_on FROM {missing.SHORT} AND {missing.REISSUED} "  # noqa: S608 - constants
                "AND greatest(o.due_on, (coalesce(c.revoked_at, c.requested_at) AT TIME ZONE 'Asia/Tokyo')::date) "
                "BETWEEN :since AND :yesterday"
            ),
            CALENDAR | {"since": today - timedelta(days=REISSUE_DAYS), "yesterday": today - timedelta(days=1)},
        )
        passed = list(late)
    for town, engagement, due in passed:
        async with service_transaction(engine, "certificates", at=at) as tx:
            await _write(tx, OVERDUE, town, engagement, due)
    for town, engagement, due in found:
        step = min(days for days in TOLD_DAYS if left(today, due) <= days)
        async with service_transaction(engine, "certificates", at=at) as tx:
            await _write(tx, f"due-in-{step}", town, engagement, due)
    return len(found)


async def _write(tx: Transaction, what: str, town: str, engagement: UUID, due: date) -> None:
    people = await addressees(tx.connection, town)
    of_town = replace(tx, tenant=town)
    await letters.write(of_town, table, what=what, about=engagement, day=due, people=people, go_at=office_hour(tx.at))


async def compose(connection: AsyncConnection, letter: Letter, at: datetime, *, origin: str) -> Message | None:
    """Return a letter as it goes now; None when nothing is missing any more, or its addressee wants or has no mail.

    Raises LookupError for an engagement that is not here.
    """
    given = {"town": letter.tenant, "roles": list(ROLES), "person": letter.person}
    person = (await connection.execute(text(f"{_ADDRESSEES} AND p.person = :person"), given)).one_or_none()
    since = None if letter.what == OVERDUE else letter.day
    counted = await missing.counted(connection, letter.tenant, Span(since, letter.day, letter.about))
    today = day_in_japan(at)
    if person is None or not counted or (today > letter.day and letter.what != OVERDUE):  # the other letter says it now
        return None
    town = await connection.scalar(text("SELECT name FROM parties WHERE party = :town"), given)
    subject, body = _words(
        "letter_overdue.txt" if letter.what == OVERDUE else "letter_due.txt",
        town=town or letter.tenant,
        name=one_line(person.name),
        deal=counted[0],
        due=letter.day,
        weekday=WEEKDAYS[letter.day.weekday()],
        left=left(today, letter.day),
        counts={kind: sum(getattr(row, kind) for row in counted) for kind in ("erasure", "destruction", "tracking")},
        link=f"{origin}/certificates/deadlines?town={letter.tenant}&engagement={letter.about}",
    )
    return Message(str(letter.letter), letter.envelope.hex, person.email, person.name, subject, body, at)


def _words(template: str, **facts: Any) -> tuple[str, str]:
    """Return subject and text: the template's first line, and what follows the empty line after it."""
    subject, _, body = _templates().get_template(template).render(facts).partition("\n\n")
    return subject, body


@lru_cache(maxsize=1)
def _templates() -> Environment:
    folder = FileSystemLoader(Path(__file__).parent / "templates")
    return Environment(loader=folder, autoescape=False, undefined=StrictUndefined, trim_blocks=True)  # noqa: S701 - plain text
