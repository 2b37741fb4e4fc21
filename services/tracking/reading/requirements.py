"""What is asked of the items of an engagement, counted."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.events.tracking import Required


@dataclass(frozen=True, slots=True)
class AskedOf:
    """One requirement and how many items it is asked of."""

    required: Required
    count: int


async def requirements(connection: AsyncConnection, engagement: UUID) -> list[AskedOf]:
    """Return what is asked in an engagement, the strictest class first."""
    rows = await connection.execute(
        text(
            "SELECT data->'required' AS required, count(*) AS n FROM items WHERE engagement = :engagement "
            "GROUP BY 1 ORDER BY data->'required'->'media_class', 2 DESC, 1"
        ),
        {"engagement": engagement},
    )
    return [AskedOf(Required.model_validate(row.required), row.n) for row in rows]
