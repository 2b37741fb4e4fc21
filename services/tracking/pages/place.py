"""Whose page it is: the town and the engagement that a page is about, and the desk that helps there."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Request
from sqlalchemy import text

from shared.database import as_party
from shared.deadline import Terms
from shared.door import TheDoor
from shared.identity import Principal, SignedIn
from shared.refused import Unknown
from shared.web.viewer import PUBLIC, Help

_PHONE = re.compile(r"0\d{1,4}-\d{1,4}-\d{3,4}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Engagement:
    """A dated contract as its parties see it."""

    engagement: UUID
    town: str
    town_name: str
    centre: str
    centre_name: str
    carrier: str | None
    title: str
    contract: str
    starts_on: date
    ends_on: date
    terms: Terms  # of the deadline of its certificates
    open: bool


@dataclass(frozen=True, slots=True)
class Place:
    """The engagement a page is about, and the others that may be chosen instead."""

    here: Engagement
    others: Sequence[Engagement]
    second: Principal

    @property
    def town(self) -> str:
        """The tenant."""
        return self.here.town

    @property
    def query(self) -> str:
        """What a link carries so that the next page is about the same engagement."""
        return f"town={self.here.town}&engagement={self.here.engagement}"

    @property
    def parties(self) -> tuple[str, ...]:
        """The two parties whose people may stand in a form."""
        return (self.here.town, self.here.centre)


async def engagements_of(door: TheDoor, who: Principal) -> list[Engagement]:
    """Return the engagements this party has: its own town's all, as a centre or carrier the open ones, newest first."""
    async with door.engine.begin() as connection:
        await as_party(connection, tenant=who.party, party=who.party)
        rows = await connection.execute(
            text(
                "SELECT e.engagement, e.town, t.name AS town_name, e.centre, c.name AS centre_name, e.carrier, "
                "e.title, e.contract, e.starts_on, e.ends_on, e.certificate_days, e.certificate_days_kind, "
                "e.certificate_by, EXISTS (SELECT FROM acts_for(e.town, :party) AS x(engagement) "
                "WHERE x.engagement = e.engagement) AS open FROM engagements e JOIN parties t ON t.party = e.town "
                "JOIN parties c ON c.party = e.centre ORDER BY open DESC, e.starts_on DESC, e.contract"
            ),
            {"party": who.party},
        )
        found = [_engagement(row._asdict()) for row in rows]
    return [one for one in found if one.open or one.town == who.party]


def _engagement(row: dict[str, Any]) -> Engagement:
    terms = Terms(*(row.pop(name) for name in ("certificate_days", "certificate_days_kind", "certificate_by")))
    return Engagement(**row, terms=terms)


async def place(
    request: Request,
    door: TheDoor,
    who: SignedIn,
    town: Annotated[str | None, Query(max_length=64)] = None,
    engagement: Annotated[UUID | None, Query()] = None,
) -> Place:
    """Choose the engagement of a page: the one named, else the first of the town named, else the first open one.

    Raises Unknown when there is none: the page cannot be about nothing.
    """
    there = await engagements_of(door, who)
    fitting = [
        one
        for one in there
        if (engagement is None or one.engagement == engagement) and (town is None or one.town == town)
    ]
    if not fitting:
        raise Unknown(
            "no-engagement",
            "有効な契約がありません。町とセンターの契約を登録すると、ここに機器が並びます。町の管理者に頼んでください。",
            "There is no open engagement. Once town and centre have one, its devices appear here. Ask the town's desk.",
        )
    await set_desk(request, door, fitting[0].town)
    return Place(fitting[0], there, who)


async def set_desk(request: Request, door: TheDoor, town: str) -> None:
    """Put the town's desk at the foot of the page: the same help in the same place (WCAG 3.2.6)."""
    async with door.engine.connect() as connection:
        row = (
            await connection.execute(
                text("SELECT name, address, contact FROM parties WHERE party = :town"), {"town": town}
            )
        ).one_or_none()
    if row is None:
        return
    request.state.viewer = replace(
        getattr(request.state, "viewer", PUBLIC), help=desk(row.name, row.contact, row.address)
    )


def desk(name: str, contact: str | None, address: str | None = None) -> Help:
    """Read phone and Fax out of the free text that a party gave as its contact."""
    numbers = _PHONE.findall(contact or "")
    said = _PHONE.sub("", contact or "")
    said = re.sub(r"(電話|TEL|Tel|ＴＥＬ|FAX|Fax|ＦＡＸ)[：:]?|[、,／/]", " ", said)
    phone, fax = (*numbers, "", "")[:2]
    return Help(" ".join([name, *said.split()]), phone, fax, address or "")


ThePlace = Annotated[Place, Depends(place)]
