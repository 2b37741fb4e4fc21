"""What the public may see of one item, named field by field."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from shared.support import Term, term
from shared.web.wareki import tokyo_day


@dataclass(frozen=True, slots=True)
class Shown:
    """One event as the public may see it: no person, no serial, no department."""

    kind: str
    occurred_at: datetime
    step: str | None  # of the second life
    achieved: str | None
    medium: str | None  # an id that names nothing outside; it tells one of two disks from the other
    party: str  # the name of an organisation
    index: int | None
    is_regrade: bool  # a later table's judgement of a report that was judged before


@dataclass(frozen=True, slots=True)
class Public:
    """What the holder of a label may know of it."""

    label: str
    kind: str
    media: int
    town: str
    contact: str | None
    events: tuple[Shown, ...]
    given: datetime | None  # to whom has it now; None too for what came back
    support_months: int | None  # that came with it

    @property
    def support(self) -> Term | None:
        """The days on which support is owed to whom has it."""
        return term(self.given and tokyo_day(self.given), self.support_months or 0)


# Only these leave the house, and of each only the fields that `public` names: this page is for everybody.
PUBLIC_KINDS = (
    "tracking.item-registered.v1",
    "erasure.medium-erased.v1",
    "tracking.shipped-out.v1",
    "tracking.received.v1",
    "erasure.medium-destroyed.v1",
    "tracking.custody-closed.v1",
    "refurb.step-done.v1",
    "tracking.taken-over.v1",
    "refurb.recycled.v1",
)


_ABOUT = text(
    "SELECT i.label, i.kind, jsonb_array_length(i.data->'media') AS media, p.name AS town, p.contact, "
    "(SELECT CASE t.kind WHEN 'donations.handed-over.v1' THEN t.occurred_at END FROM timeline t "
    " WHERE t.kind IN ('donations.handed-over.v1', 'donations.returned.v1') "
    " AND t.data->'items' ? CAST(i.item AS text) ORDER BY t.occurred_at DESC, t.recorded_at DESC LIMIT 1) AS given, "
    "(SELECT (t.data->'spec'->>'support_months')::int FROM timeline t WHERE t.item = i.item "
    " AND t.kind = 'refurb.ready.v1' ORDER BY t.sequence DESC LIMIT 1) AS support_months "
    "FROM items i JOIN parties p ON p.party = i.tenant WHERE i.item = :item"
)
_WAY = text(
    "SELECT t.kind, t.occurred_at, t.data->>'step', t.data->>'achieved', t.data->>'medium', "
    "coalesce(p.name, '') AS party, l.\"index\", t.data ? 'regrades' FROM timeline t "
    "LEFT JOIN leaves l USING (entry) LEFT JOIN parties p ON p.party = t.party "
    "WHERE t.item = :item AND t.kind = ANY(:kinds) "
    "ORDER BY t.occurred_at, t.recorded_at, t.sequence"
)


async def public(connection: AsyncConnection, item: UUID) -> Public | None:
    """Return what anybody with the label may see of an item; None when it is not a device."""
    about = (await connection.execute(_ABOUT, {"item": item})).one_or_none()
    if about is None:
        return None
    rows = await connection.execute(_WAY, {"item": item, "kinds": list(PUBLIC_KINDS)})
    return Public(
        about.label,
        about.kind,
        about.media,
        about.town,
        about.contact,
        tuple(Shown(*r) for r in rows),
        about.given,
        about.support_months,
    )
