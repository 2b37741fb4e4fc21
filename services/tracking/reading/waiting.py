"""What waits for somebody: discrepancies without an outcome, exceptions not approved, facts that break a rule."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.tracking.reading.listing import EXPLAINED, labels_of
from shared.ids import derived


@dataclass(frozen=True, slots=True)
class Difference:
    """A discrepancy: what it is about, which machines, and whether something resolved it."""

    id: UUID
    about: str
    cage: UUID | None
    items: tuple[tuple[str, str], ...]  # label, kind
    reason: str
    person: str
    second: str
    found_at: datetime
    outcome: str | None
    explanation: str | None
    resolver: str | None
    replacements: tuple[tuple[str, str], ...]
    said: dict[str, Any]  # the event, for what is said of a seal or a lot


async def differences(connection: AsyncConnection, *, only: UUID | None = None) -> list[Difference]:
    """Return the town's discrepancies, the open ones first."""
    rows = list(
        await connection.execute(
            text(
                "SELECT f.stream, f.data, f.person, f.occurred_at, r.data AS resolved, r.person AS resolver "
                "FROM timeline f "
                "LEFT JOIN timeline r ON r.stream = f.stream AND r.kind = 'tracking.discrepancy-resolved.v1' "
                "WHERE f.kind = 'tracking.discrepancy-found.v1' AND (CAST(:only AS uuid) IS NULL OR f.stream = :only) "
                "ORDER BY r.stream IS NOT NULL, f.occurred_at"
            ),
            {"only": only},
        )
    )
    wanted = [
        UUID(item) for row in rows for item in (*row.data["items"], *(row.resolved or {}).get("replacements", ()))
    ]
    named = await labels_of(connection, wanted)
    return [
        Difference(
            row.stream,
            row.data["about"],
            UUID(row.data["cage"]) if row.data.get("cage") else None,
            tuple(named[UUID(item)] for item in row.data["items"] if UUID(item) in named),
            row.data["reason"],
            row.person,
            row.data["second"],
            row.occurred_at,
            row.resolved["outcome"] if row.resolved else None,
            row.resolved["explanation"] if row.resolved else None,
            row.resolver,
            tuple(named[UUID(one)] for one in (row.resolved or {}).get("replacements", ()) if UUID(one) in named),
            row.data,
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Asked:
    """An exception that waits for the approver."""

    label: str
    kind: str
    reason: str
    asked_at: datetime


async def exceptions_asked(connection: AsyncConnection) -> list[Asked]:
    """Return the exceptions that were asked for and not yet approved, oldest first."""
    rows = await connection.execute(
        text(
            "SELECT i.label, i.kind, a.data->>'reason', a.occurred_at FROM timeline a JOIN items i USING (item) "
            "WHERE a.kind = 'tracking.exception-requested.v1' AND NOT EXISTS (SELECT FROM timeline b "
            "WHERE b.stream = a.stream AND b.kind = 'tracking.exception-approved.v1') ORDER BY a.occurred_at"
        )
    )
    return [Asked(*row) for row in rows]


async def broken(connection: AsyncConnection, engagement: UUID) -> int:
    """Count the items of an engagement with a recorded fact that breaks something nobody has explained."""
    counted = await connection.scalar(
        text(
            "SELECT count(DISTINCT b.item) FROM breaches b JOIN items i USING (item) "  # noqa: S608 - constants
            f"WHERE i.engagement = :engagement AND NOT {EXPLAINED}"
        ),
        {"engagement": engagement},
    )
    return counted or 0


@dataclass(frozen=True, slots=True)
class InDoubt:
    """An engagement's lot that a failed re-check reopened, and how many media are drawn to look at anew."""

    label: str  # of the item whose medium failed
    drawn: int
    since: datetime


async def in_doubt(connection: AsyncConnection, engagement: UUID) -> InDoubt | None:
    """Return the failed re-check that is not settled, if there is one: erasure keeps one stream an engagement."""
    row = (
        await connection.execute(
            text(
                "SELECT t.kind, t.data, t.occurred_at, (SELECT i.label FROM items i JOIN timeline v USING (item) "
                "WHERE v.entry = (t.data->>'failed')::uuid AND v.stream = (t.data->>'medium')::uuid) AS label "
                "FROM timeline t WHERE t.stream = :stream ORDER BY t.sequence DESC LIMIT 1"
            ),
            {"stream": derived(engagement, "recheck")},
        )
    ).one_or_none()
    if row is None or row.kind != "erasure.lot-reopened.v1":
        return None
    return InDoubt(row.label or "", len(row.data["drawn"]), row.occurred_at)


@dataclass(frozen=True, slots=True)
class Explained:
    """Why a flag stands, by whom, and who else looked."""

    reason: str
    person: str
    second: str | None
    at: datetime


async def explanations(connection: AsyncConnection, item: UUID) -> dict[tuple[UUID, str], Explained]:
    """Return what people said of an item's flags, by the fact and what it breaks."""
    rows = await connection.execute(
        text(
            "SELECT (data->>'fact')::uuid AS fact, data->>'code' AS code, data->>'reason' AS reason, person, "
            "data->>'second' AS second, occurred_at FROM timeline "
            "WHERE item = :item AND kind = 'tracking.breach-explained.v1'"
        ),
        {"item": item},
    )
    return {(row.fact, row.code): Explained(row.reason, row.person, row.second, row.occurred_at) for row in rows}
