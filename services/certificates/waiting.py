"""What the issuer takes and what the clock finds late: the queue of certificates, and what each received item owes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.certificates.order import Order
from shared.deadline import business_days, due_sql
from shared.events.certificates import CertificateKind

# Whose certificates a party sees: the town's and those of the engagements it is the centre of; with no party, all.
PARTY = "(CAST(:party AS text) IS NULL OR CAST(:party AS text) IN (e.town, e.centre))"
RETRY_MIN_S = 1  # what is missing (a photo, a party's name) may be on its way
RETRY_MAX_S = 30
OPEN_MAX = 100

_LOT_OPEN = (
    "(SELECT d.kind FROM evidence d "
    "WHERE d.engagement = i.engagement AND d.kind IN ('erasure.lot-reopened.v1', 'erasure.lot-settled.v1') "
    "ORDER BY d.sequence DESC LIMIT 1) = 'erasure.lot-reopened.v1'"
)
_OF_ITEM = "(m->>'id')::uuid"
_UNSEEN = (  # by anybody who then found it empty
    "coalesce((SELECT convert_from(y.body, 'UTF8')::jsonb->'data'->>'passed' FROM evidence y "
    "WHERE y.item = i.item AND y.medium = {medium} AND y.kind = 'erasure.erasure-verified.v1' "
    "ORDER BY y.sequence DESC LIMIT 1), 'false') <> 'true'"
)

# An item waits while a failed re-check has its engagement's lot reopened, and a medium of it is neither crushed nor was
# looked at by somebody else and found empty: what documents say would rest on what nobody trusts at the moment.
DOUBTED = (
    f"(c.issued_at IS NULL AND {_LOT_OPEN} AND CASE c.kind "  # noqa: S608 - constants
    "WHEN 'tracking' THEN EXISTS (SELECT FROM jsonb_array_elements(i.data->'media') m WHERE NOT EXISTS "
    "(SELECT FROM evidence x "
    "WHERE x.item = i.item AND x.medium = (m->>'id')::uuid AND x.kind = 'erasure.medium-destroyed.v1') "
    f"AND {_UNSEEN.format(medium=_OF_ITEM)}) WHEN 'erasure' THEN {_UNSEEN.format(medium='c.medium')} ELSE false END)"
)

# The erasure that a certificate stands on was taken back: by a failed re-check after it, or by a later table. One that
# is not issued waits for a new erasure; one that is, a person revokes (the pages say so).
_DATA = "convert_from({}.body, 'UTF8')::jsonb->'data'"
_ACHIEVED = _DATA.format("g") + "->>'achieved'"
_RANK = "array_position(ARRAY['clear', 'purge', 'destroy'], {})"
WITHDRAWN = (
    f"(c.kind = 'erasure' AND EXISTS (SELECT FROM evidence g LEFT JOIN evidence f "  # noqa: S608 - constants
    f"ON f.entry = ({_DATA.format('g')}->>'regrades')::uuid LEFT JOIN LATERAL "
    f"(SELECT x.kind, {_DATA.format('x')}->>'achieved' AS achieved FROM evidence x WHERE x.stream = g.stream "
    "AND x.kind IN ('erasure.medium-erased.v1', 'erasure.erasure-failed.v1') "
    f"AND ({_DATA.format('x')}->>'regrades')::uuid = coalesce(f.entry, g.entry) ORDER BY x.sequence DESC LIMIT 1) n "
    "ON true WHERE g.entry = c.cited AND (n.kind = 'erasure.erasure-failed.v1' "
    f"OR {_RANK.format('n.achieved')} < {_RANK.format(_ACHIEVED)} "
    "OR EXISTS (SELECT FROM evidence y WHERE y.stream = g.stream AND y.kind = 'erasure.erasure-verified.v1' "
    f"AND y.sequence > coalesce(f.sequence, g.sequence) AND {_DATA.format('y')}->>'passed' = 'false'))))"
)

_OPEN = text(
    "SELECT q.certificate, q.tenant, c.number, c.kind, c.item, c.medium, q.traceparent, q.input_sha256, "  # noqa: S608 - constants
    "q.cited, e.engagement, coalesce(v.body, l.body) AS body, coalesce(v.salt, l.salt) AS salt, "
    "p.log_index, p.path, p.checkpoint, c.replaces, o.code, o.reason "
    "FROM pending q JOIN certificates c USING (certificate) "
    "LEFT JOIN evidence v ON v.entry = q.cited "
    "LEFT JOIN entries l ON c.kind = 'lot' AND l.stream = q.certificate AND l.id = q.cited "  # asked for here
    "LEFT JOIN certificates o ON o.tenant = c.tenant AND o.number = c.replaces "
    "JOIN proofs p ON p.entry = q.cited "
    "LEFT JOIN items i ON i.item = c.item JOIN engagements e ON e.engagement = coalesce(i.engagement, c.lot_of) "
    "JOIN parties t ON t.party = e.town JOIN parties z ON z.party = e.centre "
    "WHERE c.issued_at IS NULL AND q.certificate <> ALL(CAST(:without AS uuid[])) "
    f"AND coalesce(v.entry, l.id) IS NOT NULL AND {DOUBTED} IS NOT true AND {WITHDRAWN} IS NOT true "
    "AND NOT (c.kind = 'tracking' AND EXISTS (SELECT FROM certificates w WHERE w.item = c.item "
    "AND w.medium IS NOT NULL AND w.replaces IS NOT NULL AND w.issued_at IS NULL)) "  # it names those that stand
    "AND (q.tried_at IS NULL OR now() - q.tried_at > "  # a pause as long as it has been asked for already
    "least(greatest(q.tried_at - c.requested_at, make_interval(secs => :soon)), make_interval(secs => :late))) "
    "ORDER BY c.kind IN ('tracking', 'lot'), c.requested_at LIMIT :most"  # custody waits for the medium's certificate
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
            engagement=row.engagement,
            cited=row.cited,
            traceparent=row.traceparent,
            input_sha256=row.input_sha256,
            body=bytes(row.body),
            salt=bytes(row.salt),
            log_index=row.log_index,
            path=tuple(row.path),
            checkpoint=row.checkpoint,
            replaces=row.replaces,
            code=row.code,
            reason=row.reason,
        )
        for row in rows
    ]


async def fix_inputs(connection: AsyncConnection, inputs: Mapping[tuple[UUID, UUID], str]) -> dict[UUID, str]:
    """Fix the input by its hash for each certificate and cited entry, for every later attempt as well.

    Returns what stands: the first. One that is asked for on later grounds by now is left out.
    """
    rows = await connection.execute(
        text(
            "UPDATE pending p SET input_sha256 = coalesce(p.input_sha256, g.sha) "
            "FROM unnest(CAST(:certificates AS uuid[]), CAST(:cited AS uuid[]), CAST(:shas AS text[])) "
            "AS g(certificate, cited, sha) "
            "WHERE p.certificate = g.certificate AND p.cited = g.cited RETURNING p.certificate, p.input_sha256"
        ),
        {
            "certificates": [certificate for certificate, _ in inputs],
            "cited": [cited for _, cited in inputs],
            "shas": list(inputs.values()),
        },
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
    engagement: UUID


DUE = due_sql("r.received_at", "e")
CALENDAR = {"business": list(business_days())}  # what a query with DUE or OWED is given

# What each item owes once its deadline is known, by its receipt or by a date of the contract: for each medium the paper
# that its policy asks for (shared/certification.py, in SQL), or that its destruction brings, and one of tracking.
_LAST = "coalesce(i.data->'required'->>'at_centre', i.data->'required'->>'on_site')"
_CRUSHED = (
    "EXISTS (SELECT FROM evidence x WHERE x.item = i.item AND x.medium = (m.value->>'id')::uuid "
    "AND x.kind = 'erasure.medium-destroyed.v1')"
)
PAPER = (  # of the medium `m`: the kind of its certificate, or null
    f"CASE WHEN {_LAST} = 'destroy' OR {_CRUSHED} THEN 'destruction' "
    f"WHEN {_LAST} IS NOT NULL AND i.data->'required'->>'assurance' <> 'witnessed' THEN 'erasure' END"
)
_BARE = "substr(i.label, 1, 4) || '-' || substr(i.label, 5, 4) || '-' || substr(i.label, 9)"
_ITEMS = "items i JOIN engagements e USING (engagement) LEFT JOIN receipts r USING (item)"
_DATED = "(r.item IS NOT NULL OR e.certificate_by IS NOT NULL)"
OWED = (
    "SELECT i.tenant, i.item, i.label, i.engagement, (m.value->>'id')::uuid AS medium, k.kind, "  # noqa: S608 - constants
    f"CASE k.kind WHEN 'erasure' THEN 'E-' ELSE 'D-' END || {_BARE} || "
    f"CASE WHEN m.nth > 1 THEN '-' || m.nth ELSE '' END AS number, {DUE} AS due_on "
    f"FROM {_ITEMS}, "
    "jsonb_array_elements(i.data->'media') WITH ORDINALITY AS m(value, nth), "
    f"LATERAL (SELECT {PAPER} AS kind) k "
    f"WHERE k.kind IS NOT NULL AND {_DATED} "
    f"UNION ALL SELECT i.tenant, i.item, i.label, i.engagement, NULL, 'tracking', 'T-' || {_BARE}, {DUE} "
    f"FROM {_ITEMS} WHERE {_DATED}"
)


async def overdue(connection: AsyncConnection, today: date, most: int = 200) -> list[Late]:
    """Return what is late and not yet said to be, the earliest deadline first."""
    rows = await connection.execute(
        text(
            f"SELECT o.tenant, o.item, o.medium, o.kind, o.number, o.due_on, o.engagement FROM ({OWED}) o "  # noqa: S608 - constants
            "LEFT JOIN certificates c ON c.number = o.number "
            "WHERE o.due_on < :today AND c.issued_at IS NULL AND c.overdue_at IS NULL ORDER BY o.due_on LIMIT :most"
        ),
        CALENDAR | {"today": today, "most": most},
    )
    return [Late(*row) for row in rows]
