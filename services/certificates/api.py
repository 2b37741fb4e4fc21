"""Certificates' HTTP door for programs: lists, counts, one certificate; lot, revocation, reissue, validation."""

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
from services.certificates.document.inputs import LotInput, LotLine
from services.certificates.domain.certificate import LOT_LINES_MAX, REASON_LENGTH_MAX
from services.certificates.domain.number import NUMBER_LENGTH_MAX, BadNumber, Number, parse_number
from services.certificates.filling.lot import canonical_list, listed
from services.certificates.order import read_input
from services.certificates.reading import Asked
from shared import blobs
from shared.database import Transaction, as_party
from shared.door import Ask, Door, TheDoor, receipt, scanned
from shared.door import unknown as no_item
from shared.entry import Entry, moment
from shared.events.certificates import CertificateKind, RevocationCode
from shared.identity import Anyone, Principal, Role, SignedIn, holding
from shared.ids import LABEL_INPUT_MAX
from shared.refused import Forbidden, Invalid, Refused, Unknown

router = APIRouter(prefix="/api/certificates", tags=["certificates"])

PAGE_MAX = 100
TEXT_MAX = 200
State = Annotated[str | None, Query(pattern="^(awaited|requested|ready|issued|revoked)$")]
# The centre that issued it and the town whose it is, also when their contract has ended: a certificate outlives it.
REVOKERS: tuple[Role, ...] = ("centre-manager", "town-admin")
Revoker = Annotated[Principal, Depends(holding(*REVOKERS))]
VALIDATORS: tuple[Role, ...] = ("town-admin", "approver")  # who accepts for the organisation
Validator = Annotated[Principal, Depends(holding(*VALIDATORS))]
LOT_ASKERS: tuple[Role, ...] = ("centre-manager", "town-admin", "clerk")
LotAsker = Annotated[Principal, Depends(holding(*LOT_ASKERS))]


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
        asked = Asked(who.party, item=wanted, engagement=engagement, kind=kind, state=state)
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
        counted = await reading.counts(connection, tenant, who.party)
        owed = await reading.deadlines(connection, tenant, engagement, party=who.party)
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
            "replaces": known.replaces,
            "replaced_by": known.replaced_by,
        }
    )


class Revocation(Ask):
    """Why a certificate no longer stands: `code` is published, `reason` stays with town and centre."""

    reason: str = Field(min_length=1, max_length=REASON_LENGTH_MAX)
    code: RevocationCode = "other"


@router.post("/{number}/revocations", status_code=201)
async def revoke(number: GivenNumber, body: Revocation, door: TheDoor, who: Revoker) -> Response:
    """Revoke an issued certificate; both files and the reason stay."""
    return receipt(await withdraw(door, who, number, body))


@router.post("/{number}/reissues", status_code=201)
async def reissue(number: GivenNumber, body: Revocation, door: TheDoor, who: Revoker) -> Response:
    """Revoke a certificate and have another issued in its place, under the number with the next -R."""
    return receipt(await withdraw(door, who, number, body, again=True))


async def withdraw(door: Door, who: Principal, number: Number, ask: Revocation, *, again: bool = False) -> Entry[Any]:
    """Revoke by number, and have it issued `again`.

    Raises Unknown for one that is neither of this town nor issued by this centre.
    """
    lasting, town = await _lasting(door, who, number)
    lines = await _listed_anew(lasting, town, who, number) if again and number.kind == "lot" else None
    list_sha256 = "" if lines is None else await blobs.put(town, canonical_list(lines))  # before the entry naming it

    async def do(tx: Transaction) -> Entry[Any]:
        row = await reading.one(tx.connection, str(number))
        if row is None:
            raise unknown(number)
        if lines is not None:
            return await commands.reissue_lot(
                tx, row.certificate, ask.reason, ask.code, lines=len(lines), list_sha256=list_sha256
            )
        command = commands.reissue if again else commands.revoke
        return await command(tx, row.certificate, ask.reason, ask.code)

    return await lasting.act(town, who, do, ask=ask)


async def _listed_anew(lasting: "Lasting", town: str, who: Principal, number: Number) -> tuple[LotLine, ...]:
    """Return what stands now of the items that a lot's certificate lists; nothing for one that is not issued."""
    async with lasting.look(town, who) as connection:
        row = await reading.one(connection, str(number))
    if row is None or row.input_sha256 is None:
        return ()  # the command says so
    given = read_input(await blobs.get(town, row.input_sha256))
    labels = {line.label for line in given.lines} if isinstance(given, LotInput) else set()
    async with lasting.look(town, who) as connection:
        return listed(await reading.lot_rows_again(connection, labels))


class Validation(Ask):
    """Whether the town accepts what a certificate states, and why not."""

    accepted: bool
    remark: str | None = Field(default=None, max_length=REASON_LENGTH_MAX)


@router.post("/{number}/validations", status_code=201)
async def validate(number: GivenNumber, body: Validation, door: TheDoor, who: Validator) -> Response:
    """Record that the town accepts a certificate, or does not; certificates made later print it."""
    return receipt(await accept(door, who, number, body))


async def accept(door: Door, who: Principal, number: Number, ask: Validation) -> Entry[Any]:
    """Validate by number. Raises Unknown for one that is not this town's."""

    async def do(tx: Transaction) -> Entry[Any]:
        row = await reading.one(tx.connection, str(number))
        if row is None:
            raise unknown(number)
        return await commands.validate(tx, row.certificate, accepted=ask.accepted, remark=ask.remark)

    return await door.act(who.party, who, do, ask=ask)


class LotAsk(Ask):
    """Which single certificates one document shall list: an engagement's, or those of the items given by label."""

    engagement: UUID
    town: str | None = Field(default=None, max_length=TEXT_MAX)
    items: tuple[Annotated[str, Field(max_length=LABEL_INPUT_MAX)], ...] = Field(default=(), max_length=LOT_LINES_MAX)


@router.post("/lots", status_code=201)
async def ask_for_lot(body: LotAsk, door: TheDoor, who: LotAsker) -> Response:
    """Ask for one certificate that lists all that stand now; it comes like every other."""
    return receipt(await collect(door, who, body))


async def collect(door: Door, who: Principal, ask: LotAsk) -> Entry[Any]:
    """Fix the list and ask for its certificate. Raises Refused when nothing to list is issued, Invalid, Unknown."""
    tenant = ask.town or who.party
    labels = [scanned(one) for one in ask.items]
    found = await door.resolve_all(labels, who)
    for label in labels:
        if label.id not in found or found[label.id].tenant != tenant:
            raise no_item(label)
    async with door.look(tenant, who) as connection:
        chosen = {one.item for one in found.values()}
        rows = await reading.lot_rows(connection, ask.engagement, who.party, chosen, most=LOT_LINES_MAX + 1)
    if not rows:
        raise nothing_issued()
    lines = listed(rows)
    list_sha256 = await blobs.put(tenant, canonical_list(lines))  # before the entry that names it

    async def do(tx: Transaction) -> Entry[Any]:
        return await commands.request_lot(tx, ask.engagement, len(lines), list_sha256)

    return await door.act(tenant, who, do, ask=ask)


def nothing_issued() -> Refused:
    """Return the answer where no certificate is issued that could be handed over."""
    return Refused(
        "nothing-issued",
        "まだ1通も発行されていません。発行されてから受け取ってください。",
        "Not one certificate is issued yet. Come back when they are.",
    )


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
        if who.has(*REVOKERS) or number.kind == "lot":  # a list has no item whose label would tell
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
    names = ("requested_at", "issued_at", "overdue_at", "revoked_at", "validated_at")
    moments = {name: getattr(row, name) for name in names}
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
        "code": row.code,
        "replaces": row.replaces,
        "replaced_by": row.replaced_by,
        "accepted": row.accepted,
        "remark": row.remark,
        "withdrawn": row.withdrawn,
        "failure": row.failure,
    }
