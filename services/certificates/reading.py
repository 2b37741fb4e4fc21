"""What certificates' doors read: lists, one certificate, counts and deadlines. SQL and rows, no branches."""

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.certificates.waiting import CALENDAR, DOUBTED, DUE, OWED, PARTY, WITHDRAWN

_STATE = (
    "CASE WHEN c.revoked_at IS NOT NULL THEN 'revoked' WHEN c.issued_at IS NOT NULL THEN 'issued' "
    "WHEN c.requested_at IS NULL THEN 'awaited' WHEN p.entry IS NOT NULL THEN 'ready' ELSE 'requested' END"
)
_LIST = (
    f"SELECT c.*, {_STATE} AS state, {DUE} AS due_on, "  # noqa: S608 - constants
    "coalesce(i.engagement, c.lot_of) AS engagement, i.data->>'item_kind' AS item_kind, "
    f"i.data->>'maker' AS maker, i.data->>'model' AS model, p.checkpoint, q.failure, {DOUBTED} IS true AS doubted, "
    f"({WITHDRAWN} AND c.revoked_at IS NULL) IS true AS withdrawn "
    "FROM certificates c "
    "LEFT JOIN items i ON i.item = c.item LEFT JOIN engagements e ON e.engagement = coalesce(i.engagement, c.lot_of) "
    "LEFT JOIN receipts r ON r.item = i.item "
    "LEFT JOIN proofs p ON p.entry = c.cited LEFT JOIN pending q USING (certificate) "
)


@dataclass(frozen=True, slots=True)
class Asked:
    """Which certificates are looked for; None: all. `party` is who looks."""

    party: str | None = None

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
            f"SELECT * FROM ({_LIST} WHERE c.tenant = :tenant AND {PARTY}) l "  # noqa: S608 - constants
            "WHERE (CAST(:item AS uuid) IS NULL OR item = :item) "
            "AND (CAST(:engagement AS uuid) IS NULL OR engagement = :engagement) "
            "AND (CAST(:kind AS text) IS NULL OR kind = :kind) AND (CAST(:state AS text) IS NULL OR state = :state) "
            "ORDER BY issued_at IS NOT NULL, issued_at DESC, number LIMIT :most OFFSET :after"
        ),
        CALENDAR
        | {"tenant": tenant, "most": most, "after": after}
        | {name: getattr(asked, name) for name in ("party", "item", "engagement", "kind", "state")},
    )
    return list(rows)


async def one(connection: AsyncConnection, number: str) -> Row[Any] | None:
    """Return one certificate by its number, among what the connection may see."""
    return (
        await connection.execute(text(f"{_LIST} WHERE c.number = :number"), CALENDAR | {"number": number})
    ).one_or_none()


async def public(connection: AsyncConnection, number: str) -> Row[Any] | None:
    """Return what anybody may know of a certificate: number, kind, moments."""
    found = await connection.execute(text("SELECT * FROM public_certificate(:number)"), {"number": number})
    return found.one_or_none()


async def issued_to(connection: AsyncConnection, number: str, party: str) -> str | None:
    """Return the town of a certificate to that town and to the centre that issued it, under a contract or after it."""
    town = await connection.scalar(text("SELECT * FROM issued_to(:number, :party)"), {"number": number, "party": party})
    return str(town) if town else None


async def deadlines(
    connection: AsyncConnection, tenant: str, engagement: UUID | None = None, *, party: str | None = None
) -> list[Row[Any]]:
    """Return, by engagement, kind and deadline, how many certificates are owed, issued and missing.

    A revoked one is missing: what was withdrawn has not been delivered.
    """
    rows = await connection.execute(
        text(
            f"SELECT o.engagement, o.kind, o.due_on, count(*) AS owed, count(c.number) AS issued, "  # noqa: S608 - constants
            f"count(*) - count(c.number) AS missing FROM ({OWED}) o JOIN engagements e ON e.engagement = o.engagement "
            "LEFT JOIN certificates c "
            "ON c.item = o.item AND c.kind = o.kind AND c.medium IS NOT DISTINCT FROM o.medium "  # whichever issue
            "AND c.issued_at IS NOT NULL AND c.revoked_at IS NULL "
            f"WHERE o.tenant = :tenant AND {PARTY} "
            "AND (CAST(:engagement AS uuid) IS NULL OR o.engagement = :engagement) GROUP BY 1, 2, 3 ORDER BY 3, 2, 1"
        ),
        CALENDAR | {"tenant": tenant, "engagement": engagement, "party": party},
    )
    return list(rows)


async def progress(
    connection: AsyncConnection, tenant: str, engagement: UUID | None = None, *, party: str | None = None
) -> dict[UUID, Row[Any]]:
    """Return, by engagement, how many single certificates stand, how many are being made, and of how many in all.

    All is what is owed by now and what was asked for before it was owed; the lots' own are not counted.
    """
    rows = await connection.execute(
        text(
            f"WITH owed AS ({OWED}), there AS ("  # noqa: S608 - constants
            "SELECT c.item, c.kind, coalesce(c.medium, c.item) AS of, "
            "bool_or(c.issued_at IS NOT NULL AND c.revoked_at IS NULL) AS stands, "
            "bool_or(c.requested_at IS NOT NULL AND c.issued_at IS NULL) AS asked "
            "FROM certificates c WHERE c.tenant = :tenant AND c.item IS NOT NULL GROUP BY 1, 2, 3), "
            "whole AS (SELECT item, kind, coalesce(medium, item) AS of FROM owed WHERE tenant = :tenant "
            "UNION SELECT item, kind, of FROM there WHERE stands OR asked) "
            "SELECT i.engagement, count(*) AS total, count(*) FILTER (WHERE t.stands) AS issued, "
            "count(*) FILTER (WHERE t.asked AND NOT t.stands) AS making "
            "FROM whole w LEFT JOIN there t USING (item, kind, of) JOIN items i ON i.item = w.item "
            "JOIN engagements e ON e.engagement = i.engagement "
            f"WHERE {PARTY} AND (CAST(:engagement AS uuid) IS NULL OR i.engagement = :engagement) GROUP BY 1"
        ),
        CALENDAR | {"tenant": tenant, "engagement": engagement, "party": party},
    )
    return {row.engagement: row for row in rows}


async def counts(connection: AsyncConnection, tenant: str, party: str | None = None) -> dict[str, dict[str, int]]:
    """Count a town's certificates by kind and state; `overdue` counts those that were late when issued or still are."""
    rows = await connection.execute(
        text(
            f"SELECT kind, state, count(*) AS n, count(overdue_at) AS late "  # noqa: S608 - constants
            f"FROM ({_LIST} WHERE c.tenant = :tenant AND {PARTY}) l GROUP BY 1, 2"
        ),
        CALENDAR | {"tenant": tenant, "party": party},
    )
    found: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for row in rows:
        found[row.kind][row.state] = row.n
        found[row.kind]["overdue"] = found[row.kind].get("overdue", 0) + row.late
    return dict(found)


async def issued(
    connection: AsyncConnection, tenant: str, engagement: UUID | None = None, *, party: str | None = None
) -> list[Row[Any]]:
    """Return a town's issued certificates by number, with the hashes of their files."""
    rows = await connection.execute(
        text(
            "SELECT c.number, c.kind, c.label, c.issued_at, c.revoked_at, c.pdf_sha256, c.json_sha256 "  # noqa: S608 - constants
            "FROM certificates c LEFT JOIN items i ON i.item = c.item "
            "LEFT JOIN engagements e ON e.engagement = coalesce(i.engagement, c.lot_of) "
            f"WHERE c.tenant = :tenant AND c.issued_at IS NOT NULL AND {PARTY} AND (CAST(:engagement AS uuid) IS NULL "
            "OR coalesce(i.engagement, c.lot_of) = :engagement) ORDER BY c.number"
        ),
        {"tenant": tenant, "engagement": engagement, "party": party},
    )
    return list(rows)


async def lot_rows(
    connection: AsyncConnection, engagement: UUID, party: str, items: Collection[UUID], *, most: int
) -> list[Row[Any]]:
    """Return the single certificates of an engagement that stand, or those of chosen items, item by item.

    A party that is neither the engagement's town nor its centre finds none.
    """
    rows = await connection.execute(
        text(
            "SELECT c.number, c.kind, c.label, c.issued_at, c.pdf_sha256, c.json_sha256 FROM certificates c "
            "JOIN items i USING (item) JOIN engagements e ON e.engagement = i.engagement "
            "WHERE i.engagement = :engagement AND :party IN (e.town, e.centre) "
            "AND c.issued_at IS NOT NULL AND c.revoked_at IS NULL "
            "AND (CAST(:items AS uuid[]) = '{}' OR c.item = ANY(CAST(:items AS uuid[]))) "
            "ORDER BY c.label, c.kind = 'tracking', c.number LIMIT :most"
        ),
        {"engagement": engagement, "party": party, "items": list(items), "most": most},
    )
    return list(rows)


async def lot_rows_again(connection: AsyncConnection, labels: Collection[str]) -> list[Row[Any]]:
    """Return the single certificates that stand now of the items with these labels, item by item."""
    rows = await connection.execute(
        text(
            "SELECT number, kind, label, issued_at, pdf_sha256, json_sha256 FROM certificates "
            "WHERE label = ANY(:labels) AND item IS NOT NULL AND issued_at IS NOT NULL AND revoked_at IS NULL "
            "ORDER BY label, kind = 'tracking', number"
        ),
        {"labels": list(labels)},
    )
    return list(rows)


async def revoked_list(connection: AsyncConnection) -> bytes | None:
    """Return the newest signed list of revocations; None before the first."""
    body = await connection.scalar(text("SELECT * FROM revoked_list()"))
    return bytes(body) if body is not None else None


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


async def engagements(connection: AsyncConnection, tenant: str, party: str) -> list[Row[Any]]:
    """Return a town's engagements that a party is part of, the newest first; the town is part of all."""
    rows = await connection.execute(
        text(
            "SELECT engagement, title, contract, certificate_days FROM engagements WHERE town = :town "
            "AND :party IN (town, centre, carrier) ORDER BY starts_on DESC"
        ),
        {"town": tenant, "party": party},
    )
    return list(rows)
