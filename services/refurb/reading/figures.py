"""The figures of a town's second life: how much is reborn, what came out as material, what is in use."""

from dataclasses import dataclass

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.refurb import views
from services.refurb.domain import figures
from services.refurb.domain.figures import Avoided, Reuse
from shared.events.tracking import ItemKind


@dataclass(frozen=True, slots=True)
class Figures:
    """Counted from machines; nobody types a total."""

    reuse: dict[str, Reuse]  # by kind
    weights_kg: dict[str, float]  # by material
    avoided: dict[ItemKind, Avoided]  # by kind


_IN_USE = text(
    "SELECT i.kind, count(*) AS n FROM items i CROSS JOIN LATERAL (SELECT h.handed FROM hand_overs h "
    "WHERE h.item = i.item ORDER BY h.occurred_at DESC, h.entry DESC LIMIT 1) last "
    "WHERE i.tenant = :tenant AND last.handed GROUP BY 1"
)


async def figures_of(connection: AsyncConnection, tenant: str) -> Figures:
    """Return the figures of one town."""
    counts = await views.overview(connection, tenant)
    in_use = {row.kind: row.n for row in await connection.execute(_IN_USE, {"tenant": tenant})}
    return Figures(
        figures.reuse(counts.refurbished.by_kind, counts.recycled.by_kind),
        counts.weights_kg,
        figures.avoided(in_use),
    )
