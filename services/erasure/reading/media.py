"""Which medium is meant, and where it is: as registered, and what looks like it."""

from collections.abc import Iterable
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.erasure.domain.medium import Registered
from shared.events.tracking import Required
from shared.serial import loose
from shared.simulated import is_marked

_REGISTERED = text(
    "SELECT m.medium, m.item, m.tenant, m.label, m.serial, m.kind, m.item_kind, "
    "(SELECT r.required FROM requirements r WHERE r.item = m.item "
    "ORDER BY r.recorded_at DESC, r.sequence DESC LIMIT 1) AS required, "
    "EXISTS (SELECT FROM exceptions x WHERE x.medium = m.medium) AS excepted, "
    "coalesce((SELECT e.title FROM engagements e WHERE e.engagement = m.engagement), '') AS title, "
    "(SELECT e.starts_on FROM engagements e WHERE e.engagement = m.engagement) AS opened, "
    "(SELECT i.registered_at FROM items i WHERE i.item = m.item) AS registered_at "
    "FROM media m WHERE m.item = ANY(:items) OR m.medium = ANY(:media) ORDER BY m.item, m.nth"
)
_HELD = text(f"{_REGISTERED.text} FOR SHARE OF m")


async def registered(
    connection: AsyncConnection, *, items: Iterable[UUID] = (), media: Iterable[UUID] = (), held: bool = False
) -> list[Registered]:
    """Return media as registered, by item or by their own ids, in the order of their items.

    With `held` nobody corrects them before this transaction ends: who judges a report by a kind, and who judges again
    what was judged by the old one, see each other's entries.
    """
    rows = await connection.execute(_HELD if held else _REGISTERED, {"items": list(items), "media": list(media)})
    return [
        Registered(
            medium=row.medium,
            item=row.item,
            tenant=row.tenant,
            label=row.label,
            serial=row.serial,
            kind=row.kind,
            required=Required.model_validate(row.required),
            excepted=row.excepted,
            simulated=is_marked(row.title),
            item_kind=row.item_kind,
            opened=row.opened,
            registered_at=row.registered_at,
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A registered medium whose serial is, or looks like, what a report says."""

    medium: UUID
    item: UUID
    tenant: str
    engagement: UUID
    label: str
    serial: str
    loose: str
    kind: str
    host: str  # serial of the computer it is registered with


async def media_by_serial(connection: AsyncConnection, serials: Iterable[str], party: str) -> list[Candidate]:
    """Return media with these serials or near ones, of the party itself or of towns it acts for under a contract."""
    rows = await connection.execute(
        text("SELECT * FROM media_like(:loose, :party) ORDER BY label, serial"),
        {"loose": sorted({loose(serial) for serial in serials}), "party": party},
    )
    return [Candidate(*row) for row in rows]


async def place_of(connection: AsyncConnection, item: UUID) -> str:
    """Return where an item was last said to be: town-hall, on-the-way or centre."""
    place = await connection.scalar(
        text("SELECT place FROM places WHERE item = :item ORDER BY occurred_at DESC, sequence DESC LIMIT 1"),
        {"item": item},
    )
    return str(place or "town-hall")


async def engagement_of(connection: AsyncConnection, item: UUID) -> UUID | None:
    """Return the engagement an item was registered under."""
    found: UUID | None = await connection.scalar(
        text("SELECT engagement FROM items WHERE item = :item"), {"item": item}
    )
    return found
