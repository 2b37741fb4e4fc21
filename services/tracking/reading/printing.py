"""What the labels of an engagement say."""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.tracking.labels import Printed


async def printed(connection: AsyncConnection, engagement: UUID, *, only: str | None = None) -> list[Printed]:
    """Return the labels of an engagement's devices in the order of their lists; `only` one of them when it is named."""
    rows = await connection.execute(
        text(
            "SELECT l.label, l.token, coalesce(i.data->>'asset_number', ''), coalesce(i.data->>'model', '') "
            "FROM labels l JOIN items i USING (label) WHERE l.engagement = :engagement "
            "AND (CAST(:only AS text) IS NULL OR l.label = :only) ORDER BY l.batch, l.row"
        ),
        {"engagement": engagement, "only": only},
    )
    return [Printed(*row) for row in rows]
