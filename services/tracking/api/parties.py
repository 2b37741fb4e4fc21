"""Who takes part: towns, centres and carriers, their people, engagements and policies."""

from typing import Any
from uuid import UUID

from fastapi import APIRouter
from starlette.responses import Response

from services.tracking.api.roles import Admin, Operator, TownAdmin
from services.tracking.api.shapes import NewEngagement, NewParty, NewPerson, NewPolicy, NewTown, Raise
from services.tracking.commands import parties, requirements
from services.tracking.domain.policy import guideline_rows
from services.tracking.domain.requirement import Raised
from services.tracking.municipalities import municipality
from shared.database import PLATFORM, Transaction
from shared.door import Ask, Door, TheDoor, receipt
from shared.entry import Entry
from shared.identity import Principal
from shared.refused import Forbidden, Invalid
from shared.simulated import marked

router = APIRouter()


@router.post("/towns", status_code=201)
async def add_town(body: NewTown, door: TheDoor, who: Operator) -> Response:
    """Add a municipality from the list, by its code."""
    found = municipality(body.code)
    party = f"town-sim-{found.code}" if body.simulated else f"town-{found.code}"
    name, code = (marked(found.name), None) if body.simulated else (found.name, found.code)

    async def add(tx: Transaction) -> Entry[Any]:
        return await parties.add_party(
            tx, party, "town", name, code=code, kana=found.kana, address=body.address, contact=body.contact
        )

    return receipt(await _as_party(door, party, who, add, body))


@router.post("/parties", status_code=201)
async def add_party(body: NewParty, door: TheDoor, who: Operator) -> Response:
    """Add a centre or a carrier."""

    async def add(tx: Transaction) -> Entry[Any]:
        return await parties.add_party(tx, body.party, body.kind, body.name, address=body.address, contact=body.contact)

    return receipt(await _as_party(door, body.party, who, add, body))


@router.put("/people/{person}", status_code=204)
async def enrol(person: str, body: NewPerson, door: TheDoor, who: Admin) -> Response:
    """Put a person on the directory of the party; sending it again changes the card."""
    if person != body.person:
        raise Invalid("person", "人の番号が本文と違います。", "The person's id differs from the body.")
    if who.party not in (body.party, PLATFORM):
        raise Forbidden
    if body.party != PLATFORM and "platform-operator" in body.roles:
        raise Forbidden

    async def put(tx: Transaction) -> None:
        card = body.model_dump(include={"name", "title", "contact", "email", "roles"})
        await parties.enrol(tx, person, **card)

    await _as_party(door, body.party, who, put, None)
    return Response(status_code=204)


@router.post("/engagements", status_code=201)
async def open_engagement(body: NewEngagement, door: TheDoor, who: TownAdmin) -> Response:
    """Open an engagement with a centre."""

    async def open_(tx: Transaction) -> Entry[Any]:
        return await parties.open_engagement(
            tx,
            centre=body.centre,
            carrier=body.carrier,
            title=body.title,
            contract=body.contract,
            starts_on=body.starts_on,
            ends_on=body.ends_on,
            certificate_days=body.certificate_days,
            certificate_days_kind=body.certificate_days_kind,
            certificate_by=body.certificate_by,
        )

    return receipt(await door.act(who.party, who, open_, ask=body))


@router.post("/engagements/{engagement}/end", status_code=201)
async def end_engagement(engagement: UUID, body: Ask, door: TheDoor, who: TownAdmin) -> Response:
    """End an engagement now."""
    return receipt(await door.act(who.party, who, lambda tx: parties.end_engagement(tx, engagement), ask=body))


@router.post("/engagements/{engagement}/requirement", status_code=201)
async def raise_requirement(engagement: UUID, body: Raise, door: TheDoor, who: TownAdmin) -> Response:
    """Ask more of a job's items than the policy does, of those registered and of those that will be; never less."""
    asked = Raised(body.on_site, body.at_centre, body.assurance, body.reason)

    async def raise_(tx: Transaction) -> Entry[Any]:
        return await requirements.raise_requirement(tx, engagement, asked)

    return receipt(await door.act(who.party, who, raise_, ask=body))


@router.post("/policies", status_code=201)
async def set_policy(body: NewPolicy, door: TheDoor, who: TownAdmin) -> Response:
    """Put a policy table into force; rows of the town's own may be stricter than their source's, never looser."""
    rows = body.rows or guideline_rows(body.source, on_site=body.on_site, assurance=body.assurance)

    async def put(tx: Transaction) -> Entry[Any]:
        return await parties.set_policy(tx, version=body.version, source=body.source, rows=rows)

    return receipt(await door.act(who.party, who, put, ask=body))


async def _as_party(door: Door, party: str, who: Principal, do: Any, ask: Ask | None) -> Any:
    """Act in a party's own name for its founding; only the platform's operator or the party itself comes here."""
    return await door.act(party, Principal(who.person, party, who.roles, who.kind, who.who), do, ask=ask)
