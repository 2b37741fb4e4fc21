"""For whom a party acts, and who its people are."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


@dataclass(frozen=True, slots=True)
class Engagement:
    """A contract under which a party works for a town."""

    engagement: UUID
    town: str
    town_name: str
    title: str


async def engagements(connection: AsyncConnection, party: str) -> list[Engagement]:
    """Return the open contracts of a party, newest first."""
    rows = await connection.execute(
        text(
            "SELECT e.engagement, e.town, coalesce(p.name, e.town) AS town_name, e.title FROM engagements e "
            "LEFT JOIN parties p ON p.party = e.town WHERE e.engagement IN (SELECT * FROM acts_for(e.town, :party)) "
            "ORDER BY e.starts_on DESC, e.engagement DESC"
        ),
        {"party": party},
    )
    return [Engagement(*row) for row in rows]


async def witnesses_of(connection: AsyncConnection, town: str) -> list[tuple[str, str]]:
    """Return the town's people who may stand by, as reference and name."""
    rows = await connection.execute(
        text("SELECT person, name FROM people WHERE party = :town AND roles ? 'witness' ORDER BY name"), {"town": town}
    )
    return [(row.person, row.name) for row in rows]


async def directories(
    connection: AsyncConnection, person: str, party: str, engagement: UUID | None = None
) -> set[Literal["town", "centre"]]:
    """Return on whose directory a person is, of the towns and centres of this party's engagements, or of this one."""
    found = await connection.scalars(
        text(
            "SELECT DISTINCT CASE p.party WHEN e.town THEN 'town' ELSE 'centre' END "
            "FROM people p JOIN engagements e ON p.party IN (e.town, e.centre) "
            "WHERE p.person = :person AND :party IN (e.town, e.centre) "
            "AND (CAST(:engagement AS uuid) IS NULL OR e.engagement = :engagement)"
        ),
        {"person": person, "party": party, "engagement": engagement},
    )
    return set(found)


async def names(connection: AsyncConnection, people: Iterable[str]) -> dict[str, str]:
    """Return the names of people whose card this transaction may see; a forgotten person stays a reference."""
    rows = await connection.execute(
        text("SELECT person, name FROM people WHERE person = ANY(:people)"), {"people": list(people)}
    )
    return {row.person: row.name for row in rows}
