"""Names: of people and of organisations."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


async def names_of(connection: AsyncConnection, people: Iterable[str]) -> dict[str, str]:
    """Return the names the directory still has for these people; who was forgotten stays a reference."""
    rows = await connection.execute(
        text("SELECT person, name FROM people WHERE person = ANY(:people)"), {"people": list(people)}
    )
    return {row.person: row.name for row in rows}


async def parties_of(connection: AsyncConnection) -> dict[str, str]:
    """Return every party's name."""
    return {row.party: row.name for row in await connection.execute(text("SELECT party, name FROM parties"))}


@dataclass(frozen=True, slots=True)
class Person:
    """A card of the directory."""

    person: str
    party: str
    name: str
    title: str | None
    roles: tuple[str, ...]
    contact: str | None = None
    email: str | None = None


async def people(connection: AsyncConnection, parties: Sequence[str]) -> list[Person]:
    """Return the people of these parties, by name."""
    rows = await connection.execute(
        text(
            "SELECT person, party, name, title, roles, contact, email FROM people WHERE party = ANY(:parties) "
            "ORDER BY name"
        ),
        {"parties": list(parties)},
    )
    return [
        Person(row.person, row.party, row.name, row.title, tuple(row.roles), row.contact, row.email) for row in rows
    ]


async def parties_engaged(connection: AsyncConnection, engagement: UUID) -> tuple[str, ...]:
    """Return town and centre of an engagement."""
    row = (
        await connection.execute(
            text("SELECT town, centre FROM engagements WHERE engagement = :engagement"), {"engagement": engagement}
        )
    ).one_or_none()
    return (row.town, row.centre) if row else ()
