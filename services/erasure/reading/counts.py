"""How far the media of a town or of an engagement are, every number counted from media, and what is stuck."""

from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.erasure.reading.deeds import STANDS, TAKEN_BACK


@dataclass(frozen=True, slots=True)
class Overview:
    """How far the media of a town (or one engagement of it) are: every number counted from media."""

    media: int
    erased: int  # a level is proved
    sufficient: int  # of these, what the town asks on site
    failed: int  # a report proves nothing, and no other does
    excepted: int
    removed: int
    destroyed: int
    not_conformant: int
    levels: dict[str, int]  # by the highest level proved
    in_doubt: int = 0  # of the sufficient, not counted there: a failed re-check reopened their lot


async def overview(connection: AsyncConnection, engagement: UUID | None = None) -> Overview:
    """Count the media that this transaction's tenant may see."""
    row = (
        await connection.execute(
            text(
                "SELECT count(*) AS media, count(*) FILTER (WHERE clear OR purge) AS erased, "  # noqa: S608 - constants
                "count(*) FILTER (WHERE enough) AS sufficient, "
                "count(*) FILTER (WHERE failed AND NOT coalesce(clear OR purge, false)) AS failed, "
                "count(*) FILTER (WHERE excepted) AS excepted, count(*) FILTER (WHERE removed) AS removed, "
                "count(*) FILTER (WHERE destroyed) AS destroyed, count(*) FILTER (WHERE flagged) AS not_conformant, "
                "count(*) FILTER (WHERE clear AND NOT purge) AS clear, count(*) FILTER (WHERE purge) AS purge FROM ("
                f"SELECT m.medium, bool_or(d.achieved = 'clear' AND {STANDS}) AS clear, "
                f"coalesce(bool_or(d.achieved IN ('purge', 'destroy') AND {STANDS}), false) AS purge, "
                f"bool_or(d.sufficient AND {STANDS}) AS enough, "
                "bool_or(d.kind = 'erasure.erasure-failed.v1' OR b.till IS NOT NULL) AS failed, "
                "bool_or(d.kind = 'erasure.medium-removed.v1') AS removed, "
                "bool_or(d.kind = 'erasure.medium-destroyed.v1') AS destroyed, "
                "bool_or(NOT d.conformant) AS flagged, "
                "EXISTS (SELECT FROM exceptions x WHERE x.medium = m.medium) AS excepted "
                f"FROM media m LEFT JOIN deeds d USING (medium) LEFT JOIN ({TAKEN_BACK}) b USING (medium) "
                "WHERE CAST(:engagement AS uuid) IS NULL OR m.engagement = :engagement GROUP BY m.medium) each"
            ),
            {"engagement": engagement},
        )
    ).one()
    counts = row._asdict()
    levels = {"clear": counts.pop("clear"), "purge": counts.pop("purge")}
    return Overview(**counts, levels=levels)


@dataclass(frozen=True, slots=True)
class Stuck:
    """A medium for which no report proves what the town asks, though one was filed."""

    label: str
    serial: str
    kind: str
    excepted: bool
    said: dict[str, Any]  # of the last report, or of the re-check that failed


async def stuck(connection: AsyncConnection, engagement: UUID, count: int) -> list[Stuck]:
    """Return media of an engagement whose reports are not enough, the latest first."""
    rows = await connection.execute(
        text(
            "WITH judged AS (SELECT d.medium, max(d.sequence) FILTER (WHERE d.kind IN "  # noqa: S608 - constants
            "('erasure.medium-erased.v1', 'erasure.erasure-failed.v1') OR d.sequence = b.till) AS last "
            f"FROM deeds d JOIN media m USING (medium) LEFT JOIN ({TAKEN_BACK}) b USING (medium) "
            "WHERE m.engagement = :engagement GROUP BY d.medium "
            f"HAVING NOT coalesce(bool_or(d.sufficient AND {STANDS}), false) "
            "AND NOT bool_or(d.kind = 'erasure.medium-destroyed.v1')) "
            "SELECT m.label, m.serial, m.kind, "
            "EXISTS (SELECT FROM exceptions x WHERE x.medium = m.medium) AS excepted, d.data "
            "FROM judged j JOIN media m USING (medium) JOIN deeds d ON d.stream = j.medium AND d.sequence = j.last "
            "ORDER BY d.recorded_at DESC, m.label LIMIT :count"
        ),
        {"engagement": engagement, "count": count},
    )
    return [Stuck(*row) for row in rows]
