"""What a town writes to applicants: mail that says what became of an application, and the same as letters to print.

A mail is written in the transaction of the fact that causes it and goes later, at most once (docs/adr/0022). It says
what is so at the moment it goes, and does not go when that is no longer so. A row holds no address: it is looked up.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.donations.domain.receipt import link_token, passphrase
from services.donations.domain.wording import OURS, What, Words, filled
from services.donations.tables import letters as table
from services.donations.views import FACTS, HELD
from shared import letters
from shared.database import Transaction
from shared.deadline import day_in_japan
from shared.letters import Letter
from shared.mail import EMAIL, Message, one_line

_TO = (
    "SELECT f.application, f.receipt, f.units, p.group_name, p.representative, p.address, p.mail, "  # noqa: S608 - constants
    "c.data, d.secret, o.reason, "
    f"(SELECT count(*) FROM {HELD} g WHERE g.application = f.application) AS granted, "
    "EXISTS (SELECT FROM allocations a WHERE a.call = f.call AND a.round >= f.round) AS settled "
    "FROM (SELECT q.application, q.call, y.tenant, q.receipt, q.units, q.round "
    f"FROM {FACTS} q JOIN applications y USING (application) "
    "UNION ALL SELECT application, call, tenant, receipt, units, 1 FROM refusals r "
    "WHERE NOT EXISTS (SELECT FROM applications a WHERE a.application = r.application)) f "
    "JOIN applicants p USING (application) JOIN calls c ON c.call = f.call JOIN desks d ON d.tenant = f.tenant "
    "LEFT JOIN (SELECT application, reason FROM refusals UNION ALL SELECT application, reason FROM withdrawals) o "
    "USING (application) "
)


@dataclass(frozen=True, slots=True)
class Addressed:
    """A letter to one applicant, ready to be printed or mailed."""

    receipt: str
    group: str
    representative: str
    address: str
    what: What
    words: Words
    link: str


async def write(tx: Transaction, what: What, applications: Iterable[UUID]) -> None:
    """Write to each of these applicants who gave an address, with the fact of this transaction."""
    query = text("SELECT application FROM applicants WHERE application = ANY(:given) AND mail <> ''")
    for row in await tx.connection.execute(query, {"given": list(applications)}):
        await letters.write(
            tx,
            table,
            what=what,
            about=row.application,
            day=day_in_japan(tx.at),
            people=[str(row.application)],
            go_at=tx.at,
        )


def now_of(row: Row[Any]) -> What | None:
    """Tell what is to be said of an application as it stands; None for one that was withdrawn."""
    if row.reason:
        return (
            None
            if row.reason in ("withdrawn", "returned")
            else "not-eligible"
            if row.reason == "not-eligible"
            else "late"
        )
    if not row.settled:
        return "received"
    return "granted" if row.granted else "waiting"


async def compose(connection: AsyncConnection, letter: Letter, at: datetime, *, origin: str) -> Message | None:
    """Return a mail as it goes now; None when its addressee is gone or has no address, or it is no longer so."""
    row = (await connection.execute(text(f"{_TO} WHERE f.application = :about"), {"about": letter.about})).one_or_none()
    if row is None or not EMAIL.fullmatch(row.mail) or now_of(row) != letter.what:
        return None
    said = _said(row, letter.what, await own_words(connection, letter.tenant), origin)
    name = one_line(f"{row.group_name} {row.representative}")
    subject = one_line(said.subject)
    return Message(str(letter.letter), letter.envelope.hex, row.mail, name, subject, said.body, at)


async def printed(connection: AsyncConnection, call: UUID, town: str, *, origin: str) -> list[Addressed]:
    """Return a letter for every application of a call whose applicant is known, in the order of the receipts."""
    rows = await connection.execute(
        text(f"{_TO} WHERE f.call = :call ORDER BY length(f.receipt), f.receipt"), {"call": call}
    )
    words = await own_words(connection, town)
    return [
        Addressed(
            row.receipt,
            row.group_name,
            row.representative,
            row.address,
            what,
            _said(row, what, words, origin),
            _link(row, origin),
        )
        for row in rows
        if (what := now_of(row))
    ]


async def own_words(connection: AsyncConnection, town: str) -> dict[What, Words]:
    """Return what a town writes: its own words, ours where it has none."""
    query = text("SELECT what, subject, body FROM letter_words WHERE tenant = :town")
    own = {row.what: Words(row.subject, row.body) for row in await connection.execute(query, {"town": town})}
    return {**OURS, **own}


async def keep_words(tx: Transaction, what: What, words: Words | None) -> None:
    """Keep a town's own words, or go back to ours."""
    given = {"town": tx.tenant, "what": what, "at": tx.at, "by": tx.by.person}
    if words is None:
        await tx.connection.execute(text("DELETE FROM letter_words WHERE tenant = :town AND what = :what"), given)
        return
    statement = (
        "INSERT INTO letter_words (tenant, what, subject, body, changed_by, changed_at) "
        "VALUES (:town, :what, :subject, :body, :by, :at) ON CONFLICT (tenant, what) DO UPDATE SET "
        "subject = excluded.subject, body = excluded.body, changed_by = excluded.changed_by, "
        "changed_at = excluded.changed_at"
    )
    await tx.connection.execute(text(statement), given | {"subject": words.subject, "body": words.body})


async def posted(connection: AsyncConnection, call: UUID) -> Sequence[Row[Any]]:
    """Count a call's mails by what they say and what became of them."""
    query = (
        "SELECT l.what, l.state, count(*) AS n FROM letters l JOIN applicants p ON p.application = l.about "
        "WHERE p.call = :call GROUP BY 1, 2 ORDER BY 1, 2"
    )
    return list(await connection.execute(text(query), {"call": call}))


def _said(row: Row[Any], what: What, words: dict[What, Words], origin: str) -> Words:
    facts = {
        "団体": one_line(row.group_name),
        "代表": one_line(row.representative),
        "受付番号": row.receipt,
        "照会コード": passphrase(bytes(row.secret), row.application),
        "公募": row.data["title"],
        "希望": str(row.units),
        "台数": str(row.granted),
        "窓口": row.data["contact"],
        "リンク": _link(row, origin),
    }
    return filled(words[what], facts)


def _link(row: Row[Any], origin: str) -> str:
    return f"{origin}/calls/mine/{row.receipt}/{link_token(bytes(row.secret), row.application)}"
