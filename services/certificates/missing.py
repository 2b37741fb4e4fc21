"""What is still missing of each certificate that is owed: why it is not there, and by when it is due. SQL and rows."""

from dataclasses import dataclass
from datetime import date
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.certificates.waiting import CALENDAR, DOUBTED, OWED, PAPER, PARTY

PHOTO_FAILURE = "証拠写真%"  # how `document.render.MissingPhoto` begins

_OF = "FROM evidence v WHERE v.item = i.item"
_MEDIA = "jsonb_array_elements(i.data->'media') AS m(value)"
_UNERASED = (
    f"EXISTS (SELECT FROM {_MEDIA} WHERE (c.medium IS NULL OR m.value->>'id' = c.medium::text) "
    f"AND NOT EXISTS (SELECT {_OF} AND v.medium = (m.value->>'id')::uuid AND v.kind = 'erasure.medium-erased.v1'))"
)
_EXCEPTED = f"EXISTS (SELECT {_OF} AND v.kind = 'tracking.exception-approved.v1')"
_STANDS = "issued_at IS NOT NULL AND {0}.revoked_at IS NULL"
_UNCERTIFIED = (  # a medium whose own paper is not there
    f"EXISTS (SELECT FROM {_MEDIA} WHERE {PAPER} IS NOT NULL AND NOT EXISTS (SELECT FROM certificates d "  # noqa: S608 - constants
    f"WHERE d.item = i.item AND d.kind = {PAPER} AND d.medium = (m.value->>'id')::uuid AND d.{_STANDS.format('d')}))"
)
# The first thing that is missing, on the way a machine goes.
REASON = (
    "CASE WHEN c.revoked_at IS NOT NULL THEN 'revoked' "
    f"WHEN c.requested_at IS NOT NULL THEN CASE WHEN {DOUBTED} IS true THEN 'doubted' "
    f"WHEN q.failure LIKE '{PHOTO_FAILURE}' THEN 'photo' WHEN q.failure IS NOT NULL THEN 'failure' "
    "WHEN p.entry IS NULL THEN 'proof' ELSE 'making' END "
    f"WHEN r.item IS NULL AND i.data->'required'->>'on_site' IS NOT NULL AND NOT {_EXCEPTED} AND {_UNERASED} "
    "THEN 'not-erased' WHEN r.item IS NULL THEN 'not-received' WHEN c.kind = 'destruction' THEN 'not-destroyed' "
    f"WHEN c.kind = 'erasure' THEN 'not-erased' WHEN {_UNCERTIFIED} THEN 'papers' "
    f"WHEN i.data->'required'->>'at_centre' IS DISTINCT FROM 'destroy' AND {_UNERASED} THEN 'not-erased' "
    "ELSE 'not-closed' END"
)
# Of each that is owed, its newest issue: a revoked one is not there until another stands in its place.
_ISSUE = (
    "LATERAL (SELECT c.certificate, c.number AS issue, c.requested_at, c.issued_at, c.revoked_at, c.cited, "  # noqa: S608 - constants
    "c.replaces FROM certificates c "
    "WHERE c.item = o.item AND c.kind = o.kind AND c.medium IS NOT DISTINCT FROM o.medium "
    f"ORDER BY (c.{_STANDS.format('c')}) DESC, c.requested_at DESC NULLS LAST LIMIT 1) c ON true"
)
SHORT = (  # what is owed and not there, as `o` with its newest issue `c`
    f"({OWED}) o LEFT JOIN {_ISSUE} WHERE (c.issued_at IS NULL OR c.revoked_at IS NOT NULL)"
)
_SHORT = (
    "SELECT o.*, c.certificate, c.issue, c.requested_at, c.issued_at, c.revoked_at, c.cited, c.replaces "  # noqa: S608 - constants
    f"FROM {SHORT} AND o.tenant = :tenant "
    "AND (CAST(:since AS date) IS NULL OR o.due_on >= :since) AND (CAST(:until AS date) IS NULL OR o.due_on <= :until) "
    "AND (CAST(:engagement AS uuid) IS NULL OR o.engagement = :engagement) "
    f"AND EXISTS (SELECT FROM engagements e WHERE e.engagement = o.engagement AND {PARTY})"
)


@dataclass(frozen=True, slots=True)
class Span:
    """Which deadlines are looked for, by day, both ends included; None: no end. `party` is who looks, None: all."""

    since: date | None = None
    until: date | None = None
    engagement: UUID | None = None
    party: str | None = None


async def missing(connection: AsyncConnection, tenant: str, span: Span, *, most: int, after: int = 0) -> list[Row[Any]]:
    """Return a town's certificates that are owed and not there, the earliest deadline first, each with its reason."""
    rows = await connection.execute(
        text(
            "SELECT coalesce(c.issue, c.number) AS number, c.kind, c.label, c.due_on, c.engagement, c.replaces, "  # noqa: S608 - constants
            f"q.failure, {REASON} AS reason "
            f"FROM ({_SHORT} ORDER BY o.due_on, o.number LIMIT :most OFFSET :after) c JOIN items i USING (item) "
            "LEFT JOIN receipts r USING (item) LEFT JOIN pending q USING (certificate) "
            "LEFT JOIN proofs p ON p.entry = c.cited ORDER BY c.due_on, c.number"
        ),
        _given(tenant, span) | {"most": most, "after": after},
    )
    return list(rows)


async def counted(connection: AsyncConnection, tenant: str, span: Span) -> list[Row[Any]]:
    """Count them by engagement and deadline, each kind apart, the earliest first."""
    rows = await connection.execute(
        text(
            f"SELECT c.engagement, e.title, e.contract, c.due_on, count(*) AS missing, "  # noqa: S608 - constants
            "count(*) FILTER (WHERE c.kind = 'erasure') AS erasure, "
            "count(*) FILTER (WHERE c.kind = 'destruction') AS destruction, "
            f"count(*) FILTER (WHERE c.kind = 'tracking') AS tracking FROM ({_SHORT}) c "
            "JOIN engagements e USING (engagement) GROUP BY 1, 2, 3, 4 ORDER BY 4, 3"
        ),
        _given(tenant, span),
    )
    return list(rows)


async def reasons(connection: AsyncConnection, tenant: str, span: Span) -> dict[str, int]:
    """Count them by what is missing."""
    rows = await connection.execute(
        text(
            f"SELECT {REASON} AS reason, count(*) AS n FROM ({_SHORT}) c JOIN items i USING (item) "  # noqa: S608 - constants
            "LEFT JOIN receipts r USING (item) LEFT JOIN pending q USING (certificate) "
            "LEFT JOIN proofs p ON p.entry = c.cited GROUP BY 1 ORDER BY 2 DESC, 1"
        ),
        _given(tenant, span),
    )
    return {row.reason: row.n for row in rows}


REISSUED = "(c.revoked_at IS NOT NULL OR c.replaces IS NOT NULL)"  # what is missing was there once, and was revoked


async def reissues(connection: AsyncConnection, tenant: str, span: Span) -> int:
    """Count those that were there and are revoked, and whose replacement is not there."""
    found = await connection.scalar(
        text(f"SELECT count(*) FROM ({_SHORT}) c WHERE {REISSUED}"),  # noqa: S608 - constants
        _given(tenant, span),
    )
    return int(found or 0)


def _given(tenant: str, span: Span) -> dict[str, Any]:
    return CALENDAR | {
        "tenant": tenant,
        "since": span.since,
        "until": span.until,
        "engagement": span.engagement,
        "party": span.party,
    }
