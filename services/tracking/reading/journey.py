"""Cages on their way, with what is in them."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.tracking.reading.listing import labels_of
from shared.events.tracking import SealPhoto


@dataclass(frozen=True, slots=True)
class Caged:
    """One item of a cage."""

    item: UUID
    label: str
    kind: str
    shipped: bool
    received: bool


@dataclass(frozen=True, slots=True)
class Cage:
    """A sealed cage with what is in it, by its own ledger: the bus may lag, the door does not."""

    cage: UUID
    number: str
    seal: str
    engagement: UUID
    sealed_at: datetime
    items: tuple[Caged, ...]
    opened: dict[str, Any] | None
    photos: tuple[SealPhoto, ...] = ()

    @property
    def received(self) -> int:
        """How many of its items were scanned in."""
        return sum(one.received for one in self.items)

    @property
    def shipped(self) -> bool:
        """Whether it is in the carrier's hands or beyond."""
        return any(one.shipped for one in self.items)

    @property
    def missing(self) -> tuple[Caged, ...]:
        """What was loaded and not scanned in."""
        return tuple(one for one in self.items if not one.received)


async def shut_now(connection: AsyncConnection, engagement: UUID) -> list[str]:
    """Return the numbers of the cages that are shut now, as the sealing itself left them: the bus may lag."""
    rows = await connection.execute(
        text(
            "SELECT DISTINCT c.number FROM items i JOIN caged c ON c.tenant = i.tenant AND c.thing = 'item:' || i.item "
            "WHERE i.engagement = :engagement AND NOT c.opened"
        ),
        {"engagement": engagement},
    )
    return [row.number for row in rows]


async def cages(connection: AsyncConnection, engagement: UUID) -> list[Cage]:
    """Return the cages of an engagement in the order of their numbers."""
    rows = list(
        await connection.execute(
            text(
                "SELECT s.stream, s.data, s.occurred_at, o.data AS opened FROM timeline s LEFT JOIN timeline o "
                "ON o.stream = s.stream AND o.kind = 'tracking.cage-opened.v1' "
                "WHERE s.kind = 'tracking.cage-sealed.v1' AND s.data->>'engagement' = :engagement"
            ),
            {"engagement": str(engagement)},
        )
    )
    loaded = [UUID(item) for row in rows for item in row.data["items"]]
    named = await labels_of(connection, loaded)
    kinds: defaultdict[UUID, set[str]] = defaultdict(set)
    for row in await connection.execute(
        text("SELECT stream, kind FROM entries WHERE stream = ANY(:loaded)"), {"loaded": loaded}
    ):
        kinds[row.stream].add(row.kind)
    found = [
        Cage(
            row.stream,
            row.data["number"],
            row.data["seal"],
            engagement,
            row.occurred_at,
            tuple(
                Caged(
                    item,
                    *named[item],
                    "tracking.shipped-out.v1" in kinds[item],
                    "tracking.received.v1" in kinds[item],
                )
                for item in (UUID(one) for one in row.data["items"])
                if item in named
            ),
            row.opened,
            tuple(SealPhoto.model_validate(one) for one in row.data.get("photos", ())),
        )
        for row in rows
    ]
    return sorted(found, key=lambda cage: (len(cage.number), cage.number))
