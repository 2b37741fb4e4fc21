"""Where everything of an engagement is, counted from items and lots: what the dashboard and the API answer."""

from collections import defaultdict
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

STATIONS: tuple[tuple[str, str], ...] = (
    ("registered", "tracking.item-registered.v1"),
    ("erased", "erasure.medium-erased.v1"),
    ("shipped-out", "tracking.shipped-out.v1"),
    ("received", "tracking.received.v1"),
    ("destroyed", "erasure.medium-destroyed.v1"),
    ("closed", "tracking.custody-closed.v1"),
)
SECOND_LIFE: tuple[tuple[str, str], ...] = (
    ("candidate", "tracking.reuse-candidate-named.v1"),
    ("ready", "refurb.ready.v1"),
    ("delivered", "refurb.delivered-to-town.v1"),
    ("taken-over", "tracking.taken-over.v1"),
    ("recycled", "refurb.recycled.v1"),
)


@dataclass(frozen=True, slots=True)
class Counted:
    """A lot and what each hand counted; None where nobody has counted yet. A difference is theirs to explain."""

    label: str
    kind: str
    registered: int
    shipped_out: int | None
    received: int | None
    held: int


# What is still held of a lot: what was registered, less what was closed, less (or more) what a resolved difference says
# was lost or registered wrongly. An open difference changes nothing: in = out + held + lost.
HELD = """(l.count - coalesce((SELECT sum((c.data->>'count')::int) FROM timeline c
  WHERE c.stream = l.lot AND c.kind = 'tracking.lot-closed.v1'), 0)
 + coalesce((SELECT sum((f.data->>'counted')::int - (f.data->>'expected')::int) FROM timeline f
  JOIN timeline r ON r.stream = f.stream AND r.kind = 'tracking.discrepancy-resolved.v1'
  WHERE f.kind = 'tracking.discrepancy-found.v1' AND f.data->>'lot' = l.lot::text
  AND r.data->>'outcome' IN ('lost', 'replaced')), 0))"""


@dataclass(frozen=True, slots=True)
class Overview:
    """Where everything of an engagement is, counted from items."""

    items: dict[str, int]  # by kind
    held: dict[str, int]  # lots by kind
    lots: list["Counted"]  # each lot with its count at every hand
    stations: dict[str, int]
    second_life: dict[str, int]
    by_kind: dict[str, dict[str, int]]  # second life by item kind
    not_taken_over: list[str]  # labels delivered by the centre's count and not taken over by the town's
    not_delivered: list[str]  # labels refurbished and not delivered, by the centre's count
    ready_not_taken_over: list[str]  # labels refurbished by the centre's count and not taken over by the town's
    taken_over_not_ready: list[str]  # labels taken over by the town's count and not refurbished by the centre's
    excepted: list[str]  # labels that are not erased and need not be: an exception allows to destroy only


async def overview(connection: AsyncConnection, engagement: UUID) -> Overview:
    """Count the items of an engagement at every station; nobody types a total."""
    of = {"engagement": engagement}
    items = {
        row.kind: row.n
        for row in await connection.execute(
            text("SELECT kind, count(*) AS n FROM items WHERE engagement = :engagement GROUP BY 1 ORDER BY 1"), of
        )
    }
    held = {
        row.kind: row.n
        for row in await connection.execute(
            text(
                f"SELECT l.kind, sum({HELD})::int AS n FROM lots l WHERE l.engagement = :engagement "  # noqa: S608 - a constant of ours
                f"GROUP BY 1 HAVING sum({HELD}) > 0 ORDER BY 1"
            ),
            of,
        )
    }
    counted: defaultdict[str, dict[str, int]] = defaultdict(dict)
    for row in await connection.execute(
        text(
            "SELECT t.event, i.kind, count(*) AS n FROM items i CROSS JOIN LATERAL "
            "(SELECT DISTINCT t.kind AS event FROM timeline t WHERE t.item = i.item) t "
            "WHERE i.engagement = :engagement GROUP BY 1, 2 ORDER BY 1, 2"
        ),
        of,
    ):
        counted[row.event][row.kind] = row.n
    return Overview(
        items=items,
        held=held,
        lots=await lots_of(connection, engagement),
        stations={name: sum(counted[kind].values()) for name, kind in STATIONS},
        second_life={name: sum(counted[kind].values()) for name, kind in SECOND_LIFE},
        by_kind={name: dict(counted[kind]) for name, kind in SECOND_LIFE},
        not_taken_over=await _only(connection, engagement, "refurb.delivered-to-town.v1", "tracking.taken-over.v1"),
        not_delivered=await _only(connection, engagement, "refurb.ready.v1", "refurb.delivered-to-town.v1"),
        ready_not_taken_over=await _only(connection, engagement, "refurb.ready.v1", "tracking.taken-over.v1"),
        taken_over_not_ready=await _only(connection, engagement, "tracking.taken-over.v1", "refurb.ready.v1"),
        excepted=await _only(connection, engagement, "tracking.exception-approved.v1", "erasure.medium-erased.v1"),
    )


async def lot_of(connection: AsyncConnection, label: str, party: str) -> tuple[UUID, str] | None:
    """Return a lot and its tenant, for a party that is or acts for that town; None for anybody else."""
    look = text("SELECT lot, tenant FROM lot_of(:label, :party)")
    found = (await connection.execute(look, {"label": label, "party": party})).one_or_none()
    return (found.lot, found.tenant) if found else None


async def lots_of(connection: AsyncConnection, engagement: UUID) -> list[Counted]:
    """Return each lot of an engagement with its count at every hand."""
    moved = (
        "(SELECT (t.data->>'count')::int FROM timeline t WHERE t.stream = l.lot AND t.data->>'step' = '{}' "
        "ORDER BY t.sequence DESC LIMIT 1)"
    )
    rows = await connection.execute(
        text(
            f"SELECT l.label, l.kind, l.count, {moved.format('shipped-out')}, {moved.format('received')}, {HELD} "  # noqa: S608 - words of ours
            "FROM lots l "
            "WHERE l.engagement = :engagement ORDER BY l.kind, l.label"
        ),
        {"engagement": engagement},
    )
    return [Counted(*row) for row in rows]


async def _only(connection: AsyncConnection, engagement: UUID, has: str, lacks: str) -> list[str]:
    rows = await connection.execute(
        text(
            "SELECT label FROM items i WHERE engagement = :engagement "
            "AND EXISTS (SELECT FROM timeline t WHERE t.item = i.item AND t.kind = :has) "
            "AND NOT EXISTS (SELECT FROM timeline t WHERE t.item = i.item AND t.kind = :lacks) ORDER BY label"
        ),
        {"engagement": engagement, "has": has, "lacks": lacks},
    )
    return [row.label for row in rows]
