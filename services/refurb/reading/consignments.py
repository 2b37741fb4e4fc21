"""Consignments as town and centre see them: what waits for a report, what balances, what does not."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.refurb.domain.consignment import Balance, Consignment, fold
from shared.entry import Event
from shared.events.refurb import Consigned, MaterialReported

_ROWS = "SELECT stream, kind, occurred_at, person, data FROM consignments WHERE tenant = :tenant"


@dataclass(frozen=True, slots=True)
class Told:
    """One report, with when and by whom it was recorded."""

    report: MaterialReported
    at: datetime
    person: str


@dataclass(frozen=True, slots=True)
class Seen:
    """One consignment."""

    known: Consignment
    sent_at: datetime
    person: str
    reports: tuple[Told, ...]  # oldest first; the last one stands

    @property
    def sent(self) -> Consigned:
        """What left."""
        return self.known.sent

    @property
    def balance(self) -> Balance | None:
        """What became of its weight, None while nobody has reported."""
        return self.known.balance

    @property
    def is_flagged(self) -> bool:
        """Whether more is unexplained than was agreed."""
        return self.balance is not None and not self.balance.holds

    def age_days(self, now: datetime) -> int:
        """Return for how many days it has waited for its report."""
        return max((now - self.sent_at).days, 0)


async def of_town(connection: AsyncConnection, tenant: str) -> list[Seen]:
    """Return a town's consignments: what waits for a report first, oldest before, then what does not balance."""
    found = await connection.execute(text(f"{_ROWS} ORDER BY stream, sequence"), {"tenant": tenant})
    seen = [_seen(list(rows)) for _, rows in groupby(found, key=lambda row: row.stream)]
    return sorted(seen, key=lambda one: (one.balance is not None, not one.is_flagged, one.sent_at))


async def one(connection: AsyncConnection, tenant: str, stream: UUID) -> Seen | None:
    """Return one consignment of a town, None when there is none."""
    asked = {"tenant": tenant, "stream": stream}
    rows = (await connection.execute(text(f"{_ROWS} AND stream = :stream ORDER BY sequence"), asked)).all()
    return _seen(rows) if rows else None


async def certificate_named(connection: AsyncConnection, tenant: str, sha256: str) -> str | None:
    """Return the file name under which an entry of this town names a recycler's certificate."""
    said = (
        "SELECT data->'certificate'->>'filename' FROM consignments "
        "WHERE tenant = :tenant AND data->'certificate'->>'sha256' = :sha256 LIMIT 1"
    )
    found = await connection.scalar(text(said), {"tenant": tenant, "sha256": sha256})
    return str(found) if found else None


def _seen(rows: Sequence[Any]) -> Seen:
    events = [Event.registry[row.kind].model_validate(row.data) for row in rows]
    told = [
        Told(event, row.occurred_at, row.person)
        for event, row in zip(events, rows, strict=True)
        if isinstance(event, MaterialReported)
    ]
    return Seen(fold(events), rows[0].occurred_at, rows[0].person, tuple(told))
