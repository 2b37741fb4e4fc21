"""Certificates' HTTP door for programs: lists, counts, one certificate, revocation."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Path, Query
from pydantic import Field
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import JSONResponse, Response

from services.certificates import commands, reading
from services.certificates.domain.certificate import REASON_LENGTH_MAX
from services.certificates.domain.number import NUMBER_LENGTH_MAX, BadNumber, Number, parse_number
from services.certificates.reading import Asked
from shared.database import Transaction, as_party
from shared.door import Ask, Door, TheDoor, receipt, scanned
from shared.entry import Entry, moment
from shared.events.certificates import CertificateKind
from shared.identity import Anyone, Principal, Role, SignedIn, holding
from shared.refused import Forbidden, Invalid, Refused, Unknown

router = APIRouter(prefix="/api/certificates", tags=["certificates"])

PAGE_MAX = 100
TEXT_MAX = 200
State = Annotated[str | None, Query(pattern="^(awaited|requested|ready|issued|revoked)$")]
# The centre that issued it and the town whose it is, also when their contract has ended: a certificate outlives it.
REVOKERS: tuple[Role, ...] = ("centre-manager", "town-admin")
Revoker = Annotated[Principal, Depends(holding(*REVOKERS))]


async def given_number(number: Annotated[str, Path(max_length=NUMBER_LENGTH_MAX)]) -> Number:
    """Read the number in a path. Raises Invalid with the sentence for the one who typed it."""
    return numbered(number)


def numbered(text: str) -> Number:
    """Read a typed number. Raises Invalid."""
    try:
        return parse_number(text)
    except BadNumber as wrong:
        raise Invalid(
            "bad-number",
            "証明書番号ではありません。証明書の左上にある D-0000-0000-0 の形の番号を入れてください。",
            "This is no certificate number. Type the one at the top left of the certificate, like D-0000-0000-0.",
            field="no",
        ) from wrong


GivenNumber = Annotated[Number, Depends(given_number)]


@router.get("")
async def certificates(
    *,
    door: TheDoor,
    who: SignedIn,
    town: Annotated[str | None, Query(max_length=TEXT_MAX)] = None,
    item: Annotated[str | None, Query(max_length=TEXT_MAX, description="a label")] = None,
    engagement: UUID | None = None,
    kind: CertificateKind | None = None,
    state: State = None,
    after: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
) -> Response:
    """Return a town's certificates, what waits first, then the newest; `next` continues the list."""
    tenant = town or who.party
    wanted = (await door.resolve(scanned(item), who)).item if item else None
    async with door.look(tenant, who) as connection:
        asked = Asked(item=wanted, engagement=engagement, kind=kind, state=state)
        rows = await reading.listed(connection, tenant, asked, most=PAGE_MAX + 1, after=after)
    following = after + PAGE_MAX if len(rows) > PAGE_MAX else None
    return JSONResponse({"certificates": [told(row) for row in rows[:PAGE_MAX]], "next": following})


@router.get("/overview")
async def overview(
    door: TheDoor,
    who: SignedIn,
    town: Annotated[str | None, Query(max_length=TEXT_MAX)] = None,
    engagement: UUID | None = None,
) -> Response:
    """Count a town's certificates by kind and state, and what is owed by when; nobody types a total."""
    tenant = town or who.party
    async with door.look(tenant, who) as connection:
        counted = await reading.counts(connection, tenant)
        owed = await reading.deadlines(connection, tenant, engagement)
    deadlines = [
        {
            "engagement": str(row.engagement),
            "kind": row.kind,
            "due_on": row.due_on.isoformat(),
            "owed": row.owed,
            "issued": row.issued,
            "missing": row.missing,
        }
        for row in owed
    ]
    return JSONResponse({"kinds": counted, "deadlines": deadlines})


@router.get("/{number}")
async def certificate(number: GivenNumber, door: TheDoor, who: Anyone) -> Response:
    """Return one certificate: all of its record for its town and centre, its state alone for everybody else."""
    if who and (row := await entitled(door, who, number)):
        return JSONResponse(told(row))
    known = await publicly(door, number)
    return JSONResponse(
        {
            "number": known.number,
            "kind": known.kind,
            "state": state_of(known),
            "issued_at": moment(known.issued_at) if known.issued_at else None,
        }
    )


class Revocation(Ask):
    """Why a certificate no longer stands."""

    reason: str = Field(min_length=1, max_length=REASON_LENGTH_MAX)


@router.post("/{number}/revocations", status_code=201)
async def revoke(number: GivenNumber, body: Revocation, door: TheDoor, who: Revoker) -> Response:
    """Revoke an issued certificate; both files and the reason stay."""
    return receipt(await withdraw(door, who, number, body))


@router.post("/{number}/reissues", status_code=409)
async def reissue(number: GivenNumber, who: Revoker) -> Response:  # noqa: ARG001 - who may ask is checked all the same
    """Refuse: a revoked certificate cannot be replaced here yet."""
    raise Refused(
        "no-reissue",
        f"{number} の再発行はまだできません。誤りがあれば理由を書いて取り消し、町とセンターに知らせてください。",
        f"{number} cannot be reissued yet. If it is wrong, revoke it with the reason and tell town and centre.",
    )


async def withdraw(door: Door, who: Principal, number: Number, ask: Revocation) -> Entry[Any]:
    """Revoke by number. Raises Unknown for one that is neither of this town nor issued by this centre."""

    async def do(tx: Transaction) -> Entry[Any]:
        row = await reading.one(tx.connection, str(number))
        if row is None:
            raise unknown(number)
        return await commands.revoke(tx, row.certificate, ask.reason)

    lasting, town = await _lasting(door, who, number)
    return await lasting.act(town, who, do, ask=ask)


@dataclass(frozen=True, slots=True)
class Lasting(Door):
    """The door to one certificate for its town and its issuer: open as long as the certificate lives.

    Every other door closes with the contract; who issued a certificate answers for it all the same.
    """

    number: str = ""

    @asynccontextmanager
    async def look(self, tenant: str, by: Principal) -> AsyncIterator[AsyncConnection]:
        """Open a transaction of the town. Raises Forbidden for a party that neither has nor issued the certificate."""
        async with self.engine.begin() as connection:
            await as_party(connection, tenant=tenant, party=by.party)
            if await reading.issued_to(connection, self.number, by.party) != tenant:
                raise Forbidden
            yield connection


async def _lasting(door: Door, who: Principal, number: Number) -> tuple[Lasting, str]:
    """Return the lasting door of a certificate and its town. Raises Unknown."""
    async with door.asking() as connection:
        town = await reading.issued_to(connection, str(number), who.party)
    if town is None:
        raise unknown(number)
    return Lasting(door.engine, door.service, door.now, str(number)), town


async def entitled(door: Door, who: Principal, number: Number) -> Any:
    """Return the whole row of a certificate for its town, who acts for it and who may revoke it; None for others."""
    try:
        if who.has(*REVOKERS):
            door, tenant = await _lasting(door, who, number)
        else:
            tenant = (await door.resolve(number.label, who)).tenant
        async with door.look(tenant, who) as connection:
            return await reading.one(connection, str(number))
    except (Unknown, Forbidden):
        return None


async def publicly(door: Door, number: Number) -> Any:
    """Return what anybody may know. Raises Unknown."""
    async with door.engine.connect() as connection:
        known = await reading.public(connection, str(number))
    if known is None:
        raise unknown(number)
    return known


def unknown(number: Number) -> Unknown:
    """Return the answer for a number nobody was given."""
    return Unknown(
        "unknown-certificate",
        f"{number} という番号の証明書はありません。番号を確かめ、ファイルがあればファイルで確かめてください。",
        f"There is no certificate {number}. Check the number; with the file at hand, check the file.",
    )


def state_of(known: Any) -> str:
    """Return the state anybody may know."""
    return "revoked" if known.revoked_at else "issued" if known.issued_at else "requested"


def told(row: Any) -> dict[str, Any]:
    """Return a certificate for programs."""
    moments = {name: getattr(row, name) for name in ("requested_at", "issued_at", "overdue_at", "revoked_at")}
    return {
        "certificate": str(row.certificate),
        "number": row.number,
        "kind": row.kind,
        "state": row.state,
        "item": str(row.item) if row.item else None,
        "medium": str(row.medium) if row.medium else None,
        "label": row.label,
        "engagement": str(row.engagement) if row.engagement else None,
        "due_on": row.due_on.isoformat() if row.due_on else None,
        **{name: moment(at) if at else None for name, at in moments.items()},
        "input_sha256": row.input_sha256,
        "pdf_sha256": row.pdf_sha256,
        "json_sha256": row.json_sha256,
        "key": row.key,
        "log_index": row.log_index,
        "reason": row.reason,
        "failure": row.failure,
    }
