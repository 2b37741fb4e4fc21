"""Cases of loss as the pages show them: what the report says, what was found since, what the town has reported."""

from dataclasses import dataclass
from datetime import date, datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.tracking.commands.losses import FINDINGS
from services.tracking.domain.loss import CLOCKS, Clock, due_on
from shared.events.tracking import LossEnded, LossNotified, LossReported
from shared.web.wareki import tokyo_day


@dataclass(frozen=True, slots=True)
class Finding:
    """A later record about a lost item."""

    kind: str
    occurred_at: datetime
    party: str
    medium: str | None


@dataclass(frozen=True, slots=True)
class Lost:
    """One case of loss."""

    reported: LossReported
    known_at: datetime
    person: str
    party: str
    notified: dict[str, LossNotified]
    ended: LossEnded | None
    findings: tuple[Finding, ...]

    @property
    def deadlines(self) -> list[tuple[Clock, date, LossNotified | None]]:
        """Return each clock with its last day and the report that stopped it."""
        known_on = tokyo_day(self.known_at)
        return [(clock, due_on(clock, known_on), self.notified.get(clock.stage)) for clock in CLOCKS]

    @property
    def next_due(self) -> tuple[Clock, date] | None:
        """Return the next report that is owed whatever the cause, None when both were made or it was found."""
        owed = [(clock, due) for clock, due, done in self.deadlines if clock.when == "always" and not done]
        return owed[0] if owed and not self.ended else None


async def losses(connection: AsyncConnection, *, only: UUID | None = None) -> list[Lost]:
    """Return the town's cases of loss, the oldest first; a case's findings are what was recorded after its report."""
    rows = list(
        await connection.execute(
            text(
                "SELECT stream, sequence, entry, kind, data, occurred_at, recorded_at, person, party FROM timeline "
                "WHERE kind = ANY(:kinds) AND (CAST(:only AS uuid) IS NULL OR stream = :only) "
                "ORDER BY stream, sequence"
            ),
            {"only": only, "kinds": [LossReported.kind, LossNotified.kind, LossEnded.kind]},
        )
    )
    cases = []
    for nth, row in enumerate(rows):
        if row.kind != "tracking.loss-reported.v1":
            continue
        later = []
        for other in rows[nth + 1 :]:
            if other.stream != row.stream or other.kind == row.kind:
                break
            later.append(other)
        notified = [LossNotified.model_validate(one.data) for one in later if "notified" in one.kind]
        ended = [LossEnded.model_validate(one.data) for one in later if "ended" in one.kind]
        found = await connection.execute(
            text(
                "SELECT kind, occurred_at, party, data->>'medium' FROM timeline WHERE item = :item "
                "AND kind = ANY(:kinds) AND entry > :since ORDER BY occurred_at"
            ),
            {"item": UUID(row.data["item"]), "kinds": list(FINDINGS), "since": row.entry},
        )
        cases.append(
            Lost(
                LossReported.model_validate(row.data),
                row.occurred_at,
                row.person,
                row.party,
                {one.stage: one for one in notified},
                ended[0] if ended else None,
                tuple(Finding(*one) for one in found),
            )
        )
    return sorted(cases, key=lambda case: case.known_at)
