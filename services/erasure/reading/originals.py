"""Which kept bytes entries name (who may read the entry may read them), and what a new table grades again."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


async def report_named(connection: AsyncConnection, sha256: str) -> str | None:
    """Return the file name under which an entry that this tenant may read names a report."""
    found = await connection.scalar(text("SELECT filename FROM reports WHERE sha256 = :s LIMIT 1"), {"s": sha256})
    return str(found) if found else None


async def photo_named(connection: AsyncConnection, sha256: str) -> bool:
    """Tell whether an entry that this tenant may read names this photo."""
    return bool(await connection.scalar(text("SELECT 1 FROM photos WHERE sha256 = :s LIMIT 1"), {"s": sha256}))


async def graded_otherwise(connection: AsyncConnection, version: str, after: UUID | None, count: int) -> list[UUID]:
    """Return media with a judgement by another table than this, in the order of their ids, after one of them."""
    found = await connection.scalars(
        text(
            "SELECT DISTINCT d.medium FROM deeds d WHERE d.data ? 'table_version' "
            "AND d.data->>'table_version' <> :version "
            "AND (CAST(:after AS uuid) IS NULL OR d.medium > :after) ORDER BY d.medium LIMIT :count"
        ),
        {"version": version, "after": after, "count": count},
    )
    return list(found)


async def reports_of(connection: AsyncConnection, media: Sequence[UUID]) -> list[tuple[str, str, str]]:
    """Return tenant, SHA-256 and file name of every report that entries about these media name."""
    rows = await connection.execute(
        text("SELECT DISTINCT tenant, sha256, filename FROM reports WHERE medium = ANY(:media) ORDER BY 1, 2, 3"),
        {"media": list(media)},
    )
    return [(row.tenant, row.sha256, row.filename) for row in rows]
