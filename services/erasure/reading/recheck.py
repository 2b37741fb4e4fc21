"""How the independent re-check of an engagement stands, and what it puts in doubt."""

from dataclasses import replace
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.erasure.domain.recheck import Look, Lot, lot
from services.erasure.reading.counts import Overview
from services.erasure.reading.deeds import STANDS, TAKEN_BACK


async def lot_of(connection: AsyncConnection, engagement: UUID) -> Lot:
    """Return how the re-check of an engagement stands, from everything done to its media."""
    of = {"engagement": engagement}
    looks = await connection.execute(
        text(
            "SELECT d.entry, d.medium, d.data->>'passed' = 'true' FROM deeds d JOIN media m USING (medium) WHERE "
            "m.engagement = :engagement AND d.kind = 'erasure.erasure-verified.v1' ORDER BY d.medium, d.sequence"
        ),
        of,
    )
    now = list(
        await connection.execute(
            text(
                f"SELECT d.medium, bool_or(d.achieved IS NOT NULL AND {STANDS}) AS proved, "  # noqa: S608 - constants
                "bool_or(d.kind = 'erasure.medium-destroyed.v1') AS destroyed FROM deeds d JOIN media m USING (medium) "
                f"LEFT JOIN ({TAKEN_BACK}) b USING (medium) WHERE m.engagement = :engagement GROUP BY d.medium"
            ),
            of,
        )
    )
    return lot(
        engagement,
        await first_erasures(connection, engagement),
        [Look(*row) for row in looks],
        proved={row.medium for row in now if row.proved},
        destroyed={row.medium for row in now if row.destroyed},
    )


async def doubting(connection: AsyncConnection, counted: Overview, engagement: UUID) -> tuple[Overview, Lot]:
    """Return the counts without what a reopened lot puts in doubt, and how the lot stands."""
    stands = await lot_of(connection, engagement)
    if not stands.in_doubt:
        return counted, stands
    doubted = await connection.scalar(
        text(
            "SELECT count(DISTINCT d.medium) FROM deeds d "  # noqa: S608 - constants
            f"LEFT JOIN ({TAKEN_BACK}) b USING (medium) WHERE d.medium = ANY(:media) AND d.sufficient AND {STANDS}"
        ),
        {"media": list(stands.in_doubt)},
    )
    n = doubted or 0
    return replace(counted, sufficient=counted.sufficient - n, in_doubt=n), stands


async def first_erasures(connection: AsyncConnection, engagement: UUID) -> dict[UUID, UUID]:
    """Return the entry of the first proved erasure of each medium of an engagement."""
    rows = await connection.execute(
        text(
            "SELECT DISTINCT ON (d.medium) d.medium, d.entry FROM deeds d JOIN media m USING (medium) "
            "WHERE m.engagement = :engagement AND d.kind = 'erasure.medium-erased.v1' ORDER BY d.medium, d.sequence"
        ),
        {"engagement": engagement},
    )
    return {row.medium: row.entry for row in rows}
