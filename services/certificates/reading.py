"""What certificates' doors read: lists, one certificate, counts and deadlines. SQL and rows, no branches."""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.certificates.waiting import DUE, OWED

_STATE = (
    "CASE WHEN c.revoked_at IS NOT NULL THEN 'revoked' WHEN c.issued_at IS NOT NULL THEN 'issued' "
    "WHEN c.requested_at IS NULL THEN 'awaited' WHEN p.entry IS NOT NULL THEN 'ready' ELSE 'requested' END"
)
_LIST = (
    f"SELECT c.*, {_STATE} AS state, {DUE} AS due_on, i.engagement, i.data->>'item_kind' AS item_kind, "  # noqa: S608 - constants
    "i.data->>'maker' AS maker, i.data->>'model' AS model, q.failure FROM certificates c "
    "LEFT JOIN items i USING (item) LEFT JOIN engagements e USING (engagement) LEFT JOIN receipts r USING (item) "
    "LEFT JOIN proofs p ON p.entry = c.cited LEFT JOIN pending q USING (certificate) "
)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which certificates are looked for; None: all."""

    item: UUID | None = None
    engagement: UUID | None = None
    kind: str | None = None
    state: str | None = None


async def listed(
    connection: AsyncConnection, tenant: str, asked: Asked, *, most: int, after: int = 0
) -> list[Row[Any]]:
    """Return a town's certificates, what waits first, then the newest."""
    rows = await connection.execute(
        text(
            f"SELECT * FROM ({_LIST} WHERE c.tenant = :tenant) l "  # noqa: S608 - constants
            "WHERE (CAST(:item AS uuid) IS NULL OR item = :item) "
            "AND (CAST(:engagement AS uuid) IS NULL OR engagement = :engagement) "
            "AND (CAST(:kind AS text) IS NULL OR kind = :kind) AND (CAST(:state AS text) IS NULL OR state = :state) "
            "ORDER BY issued_at IS NOT NULL, issued_at DESC, number LIMIT :most OFFSET :after"
        ),
        {"tenant": tenant, "most": most, "after": after}
        | {name: getattr(asked, name) for name in ("item", "engagement", "kind", "state")},
    )
    return list(rows)


async def one(connection: AsyncConnection, number: str) -> Row[Any] | None:
    """Return one certificate by its number, among what the connection may see."""
    return (await connection.execute(text(f"{_LIST} WHERE c.number = :number"), {"number": number})).one_or_none()


async def public(connection: AsyncConnection, number: str) -> Row[Any] | None:
    """Return what anybody may know of a certificate: number, kind, moments."""
    found = await connection.execute(text("SELECT * FROM public_certificate(:number)"), {"number": number})
    return found.one_or_none()


async def issued_to(connection: AsyncConnection, number: str, party: str) -> str | None:
    """Return the town of a certificate to that town and to the centre that issued it, under a contract or after it."""
    town = await connection.scalar(text("SELECT * FROM issued_to(:number, :party)"), {"number": number, "party": party})
    return str(town) if town else None


async def deadlines(connection: AsyncConnection, tenant: str, engagement: UUID | None = None) -> list[Row[Any]]:
    """Return, by engagement, kind and deadline, how many certificates are owed, issued and missing.

    A revoked one is missing: what was withdrawn has not been delivered.
    """
    rows = await connection.execute(
        text(
            f"SELECT o.engagement, o.kind, o.due_on, count(*) AS owed, count(c.number) AS issued, "  # noqa: S608 - constants
            f"count(*) - count(c.number) AS missing FROM ({OWED}) o LEFT JOIN certificates c "
            "ON c.number = o.number AND c.issued_at IS NOT NULL AND c.revoked_at IS NULL "
            "WHERE o.tenant = :tenant "
            "AND (CAST(:engagement AS uuid) IS NULL OR o.engagement = :engagement) GROUP BY 1, 2, 3 ORDER BY 3, 2, 1"
        ),
        {"tenant": tenant, "engagement": engagement},
    )
    return list(rows)


async def counts(connection: AsyncConnection, tenant: str) -> dict[str, dict[str, int]]:
    """Count a town's certificates by kind and state; `overdue` counts those that were late when issued or still are."""
    rows = await connection.execute(
        text(
            f"SELECT kind, state, count(*) AS n, count(overdue_at) AS late "  # noqa: S608 - constants
            f"FROM ({_LIST} WHERE c.tenant = :tenant) l GROUP BY 1, 2"
        ),
        {"tenant": tenant},
    )
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for row in rows:
        found[row.kind][row.state] = row.n
        found[row.kind]["overdue"] = found[row.kind].get("overdue", 0) + row.late
    return dict(found)


async def issued(connection: AsyncConnection, tenant: str, engagement: UUID | None = None) -> list[Row[Any]]:
    """Return a town's issued certificates by number, with the hashes of their files."""
    rows = await connection.execute(
        text(
            "SELECT c.number, c.kind, c.label, c.issued_at, c.revoked_at, c.pdf_sha256, c.json_sha256 "
            "FROM certificates c JOIN items i USING (item) WHERE c.tenant = :tenant AND c.issued_at IS NOT NULL "
            "AND (CAST(:engagement AS uuid) IS NULL OR i.engagement = :engagement) ORDER BY c.number"
        ),
        {"tenant": tenant, "engagement": engagement},
    )
    return list(rows)


async def towns(connection: AsyncConnection, party: str) -> dict[str, str]:
    """Return the towns a party has an engagement with, by name; a town has itself."""
    rows = await connection.execute(
        text(
            "SELECT DISTINCT e.town, coalesce(p.name, e.town) AS name FROM engagements e "
            "LEFT JOIN parties p ON p.party = e.town WHERE :party IN (e.town, e.centre, e.carrier) ORDER BY 1"
        ),
        {"party": party},
    )
    return {row.town: row.name for row in rows}


async def engagements(connection: AsyncConnection, tenant: str) -> list[Row[Any]]:
    """Return a town's engagements, the newest first."""
    rows = await connection.execute(
        text(
            "SELECT engagement, title, contract, certificate_days FROM engagements WHERE town = :town "
            "ORDER BY starts_on DESC"
        ),
        {"town": tenant},
    )
    return list(rows)
