"""What is known of labels printed beforehand: the rolls, what an unbound label may be told of, what is left to bind."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.tracking.domain.roll import BEFORE_LABEL, ROLLS, batch_of
from services.tracking.labels import Printed
from shared.door import Door, unknown
from shared.identity import Principal
from shared.ids import Label
from shared.refused import Unknown


@dataclass(frozen=True, slots=True)
class Roll:
    """A roll, how many labels it has, and how many of them are used."""

    roll: UUID
    drawn_at: datetime
    count: int
    used: int


@dataclass(frozen=True, slots=True)
class Drawn:
    """A label as those may know it who act under its engagement."""

    tenant: str
    engagement: UUID
    item: UUID | None  # the machine it was given to; None: not yet
    named: str | None  # the label which that machine has now


@dataclass(frozen=True, slots=True)
class Bound:
    """The machine a label was just put on, as its finder recognises it."""

    kind: str
    asset_number: str
    model: str


async def rolls(connection: AsyncConnection, engagement: UUID) -> list[Roll]:
    """Return the rolls of an engagement, newest first."""
    rows = await connection.execute(
        text(
            "WITH r AS MATERIALIZED (SELECT batch, count(*) AS n, count(item) AS used FROM labels "
            "WHERE engagement = :engagement AND batch LIKE :rolls GROUP BY batch) "
            "SELECT e.stream, e.recorded_at, r.n, r.used FROM r JOIN entries e "
            "ON e.stream = CAST(split_part(r.batch, ':', 2) AS uuid) AND e.sequence = 1 "
            "ORDER BY e.recorded_at DESC, e.stream"
        ),
        {"engagement": engagement, "rolls": ROLLS},
    )
    return [Roll(*row) for row in rows]


async def printed_roll(connection: AsyncConnection, engagement: UUID, roll: UUID) -> list[Printed]:
    """Return the labels of a roll in their order, the same at every printing."""
    rows = await connection.execute(
        text("SELECT label, token FROM labels WHERE engagement = :engagement AND batch = :batch ORDER BY row"),
        {"engagement": engagement, "batch": batch_of(roll)},
    )
    return [Printed(*row) for row in rows]


async def left_to_bind(connection: AsyncConnection, engagement: UUID) -> int:
    """Count the machines without a label of a roll that may still get one."""
    counted = await connection.scalar(
        text(
            "SELECT count(*) FROM items i JOIN labels l USING (label) WHERE i.engagement = :engagement "
            "AND l.batch NOT LIKE :rolls AND NOT EXISTS "
            "(SELECT FROM timeline t WHERE t.item = i.item AND t.kind <> ALL(:before))"
        ),
        {"engagement": engagement, "before": list(BEFORE_LABEL), "rolls": ROLLS},
    )
    return int(counted or 0)


async def bound_to(connection: AsyncConnection, label: Label) -> Bound | None:
    """Return the machine that a label names now."""
    row = (
        await connection.execute(
            text(
                "SELECT kind, coalesce(data->>'asset_number', ''), coalesce(data->>'model', '') FROM items "
                "WHERE label = :label"
            ),
            {"label": label.id},
        )
    ).one_or_none()
    return Bound(*row) if row else None


async def drawn_label(door: Door, label: Label, who: Principal) -> Drawn | None:
    """Return what a drawn label stands for, for a party that acts under its engagement; None for everybody else."""
    async with door.asking() as connection:
        row = (
            await connection.execute(
                text("SELECT tenant, engagement, item, named FROM drawn_label(:label, :party)"),
                {"label": label.id, "party": who.party},
            )
        ).one_or_none()
    return Drawn(*row) if row else None


async def unresolved(door: Door, label: Label, who: Principal) -> Unknown:
    """Return the answer for a label that resolves to nothing: to its own parties, which label replaced it."""
    drawn = await drawn_label(door, label, who)
    if drawn is None or drawn.named in (None, label.id):
        return unknown(label)
    now = Label(drawn.named or "")
    return Unknown(
        "replaced-label",
        f"{label} のラベルは {now} に付け替えました。{now} を読み取るか、入れてください。",
        f"{label} was replaced by {now}. Scan or enter {now}.",
    )
