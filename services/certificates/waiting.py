"""What the issuer takes and what the clock finds late: the queue of certificates, and what each received item owes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.certificates.issuing import Order
from shared.events.certificates import CertificateKind

RETRY_MIN_S = 1  # what is missing (a photo, a party's name) may be on its way
RETRY_MAX_S = 30
OPEN_MAX = 100

_OPEN = text(
    "SELECT q.certificate, q.tenant, c.number, c.kind, c.item, c.medium, q.traceparent, q.input_sha256, v.body, "
    "v.salt, p.log_index, p.path, p.checkpoint FROM pending q JOIN certificates c USING (certificate) "
    "JOIN evidence v ON v.entry = q.cited JOIN proofs p ON p.entry = q.cited "
    "JOIN items i ON i.item = c.item JOIN engagements e ON e.engagement = i.engagement "
    "JOIN parties t ON t.party = e.town JOIN parties z ON z.party = e.centre "
    "WHERE c.issued_at IS NULL AND q.certificate <> ALL(CAST(:without AS uuid[])) "
    "AND (q.tried_at IS NULL OR now() - q.tried_at > "  # a pause as long as it has been asked for already
    "least(greatest(q.tried_at - c.requested_at, make_interval(secs => :soon)), make_interval(secs => :late))) "
    "ORDER BY c.kind = 'tracking', c.requested_at LIMIT :most"  # custody waits for the destruction's certificate
)


async def open_orders(
    connection: AsyncConnection, most: int = OPEN_MAX, *, without: Sequence[UUID] = ()
) -> list[Order]:
    """Return what can be issued now, except what is in hand: what custody waits for first, then the oldest request."""
    rows = await connection.execute(
        _OPEN, {"soon": RETRY_MIN_S, "late": RETRY_MAX_S, "most": most, "without": list(without)}
    )
    return [
        Order(
            certificate=row.certificate,
            tenant=row.tenant,
            number=row.number,
            kind=row.kind,
            item=row.item,
            medium=row.medium,
            traceparent=row.traceparent,
            input_sha256=row.input_sha256,
            body=bytes(row.body),
            salt=bytes(row.salt),
            log_index=row.log_index,
            path=tuple(row.path),
            checkpoint=row.checkpoint,
        )
        for row in rows
    ]


async def fix_inputs(connection: AsyncConnection, inputs: Mapping[UUID, str]) -> dict[UUID, str]:
    """Fix each certificate's input by its hash, for every later attempt as well. Returns what stands: the first."""
    rows = await connection.execute(
        text(
            "UPDATE pending p SET input_sha256 = coalesce(p.input_sha256, g.sha) "
            "FROM unnest(CAST(:certificates AS uuid[]), CAST(:shas AS text[])) AS g(certificate, sha) "
            "WHERE p.certificate = g.certificate RETURNING p.certificate, p.input_sha256"
        ),
        {"certificates": list(inputs), "shas": list(inputs.values())},
    )
    return {row.certificate: row.input_sha256 for row in rows}


async def set_failure(connection: AsyncConnection, certificate: UUID, failure: str) -> None:
    """Note why a certificate could not be made; it is tried again, soon at first, then every RETRY_MAX_S."""
    await connection.execute(
        text("UPDATE pending SET failure = :failure, tried_at = now() WHERE certificate = :of"),
        {"failure": failure[:500], "of": certificate},
    )


@dataclass(frozen=True, slots=True)
class Late:
    """A certificate whose deadline passed without it."""

    tenant: str
    item: UUID
    medium: UUID | None
    kind: CertificateKind
    number: str
    due_on: date


DUE = "(r.received_at AT TIME ZONE 'Asia/Tokyo')::date + e.certificate_days"

# What each received item owes: a destruction certificate for each medium to be destroyed, and one of tracking.
_BARE = "substr(i.label, 1, 4) || '-' || substr(i.label, 5, 4) || '-' || substr(i.label, 9)"
OWED = (
    f"SELECT i.tenant, i.item, i.label, i.engagement, (m.value->>'id')::uuid AS medium, 'destruction' AS kind, "  # noqa: S608 - constants
    f"'D-' || {_BARE} || CASE WHEN m.nth > 1 THEN '-' || m.nth ELSE '' END AS number, {DUE} AS due_on "
    "FROM receipts r JOIN items i USING (item) JOIN engagements e USING (engagement), "
    "jsonb_array_elements(i.data->'media') WITH ORDINALITY AS m(value, nth) "
    "WHERE i.data->'required'->>'at_centre' = 'destroy' "
    f"UNION ALL SELECT i.tenant, i.item, i.label, i.engagement, NULL, 'tracking', 'T-' || {_BARE}, {DUE} "
    "FROM receipts r JOIN items i USING (item) JOIN engagements e USING (engagement)"
)


async def overdue(connection: AsyncConnection, today: date, most: int = 200) -> list[Late]:
    """Return what is late and not yet said to be, the earliest deadline first."""
    rows = await connection.execute(
        text(
            f"SELECT o.tenant, o.item, o.medium, o.kind, o.number, o.due_on FROM ({OWED}) o "  # noqa: S608 - constants
            "LEFT JOIN certificates c ON c.number = o.number "
            "WHERE o.due_on < :today AND c.issued_at IS NULL AND c.overdue_at IS NULL ORDER BY o.due_on LIMIT :most"
        ),
        {"today": today, "most": most},
    )
    return [Late(*row) for row in rows]
