"""Consignments: what leaves under a waste manifest, and the downstream recycler's report of it."""

from typing import Annotated
from uuid import UUID

from fastapi import APIRouter
from fastapi import UploadFile as PostedFile
from pydantic import BaseModel, Field
from starlette.datastructures import UploadFile
from starlette.responses import JSONResponse, Response

from services.refurb.api.orders import GivenWeight, Line, Refurbisher, Town
from services.refurb.commands import consignments
from services.refurb.domain.consignment import CHASSIS_MAX, KG_EACH_MAX, TOLERANCE
from services.refurb.reading import consignments as reading
from services.refurb.reading.consignments import Seen
from shared import blobs
from shared.database import Transaction
from shared.door import Ask, Door, Found, TheDoor, receipt, scanned, unknown
from shared.entry import Entry
from shared.events.refurb import Consigned, Document, MaterialReported, Weight
from shared.identity import Principal, SignedIn
from shared.ids import LABEL_INPUT_MAX
from shared.refused import Invalid, Refused, Unknown

router = APIRouter()

KG_MAX = CHASSIS_MAX * KG_EACH_MAX
PAPERS = {b"%PDF-": "PDF", b"\xff\xd8\xff": "JPEG", b"\x89PNG\r\n\x1a\n": "PNG"}  # by how their bytes begin


class Handing(Ask):
    """Which chassis leave under which manifest, weighed together."""

    labels: list[Annotated[str, Field(max_length=LABEL_INPUT_MAX)]] = Field(min_length=1, max_length=CHASSIS_MAX)
    manifest: Line
    operator: Line
    kg: float = Field(gt=0, le=KG_MAX)
    tolerance: float = Field(default=TOLERANCE, ge=0, le=0.2)


class Paper(BaseModel):
    """A recycler's certificate that was kept before: its hash and its name."""

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    filename: Line


class Reporting(Ask):
    """What came out."""

    weights: list[GivenWeight] = Field(min_length=1, max_length=6)
    loss_kg: float = Field(ge=0, le=KG_MAX)
    certificate: Paper | None = None
    reason: Line | None = None


class BalanceShape(BaseModel):
    """In = out + loss + unexplained, in kilograms."""

    into: float
    out: float
    loss: float
    unexplained: float
    share: float
    tolerance: float
    holds: bool


class ConsignmentShape(BaseModel):
    """One consignment as the API tells it."""

    consignment: UUID
    engagement: UUID
    manifest: str
    operator: str
    labels: tuple[str, ...]
    kg: float
    weights: tuple[Weight, ...]
    certificate: Document | None
    balance: BalanceShape | None


@router.post("/consignments", status_code=201)
async def hand_over(body: Handing, door: TheDoor, who: Refurbisher) -> Response:
    """Record that chassis left together under a waste manifest: all of them, or none."""
    return receipt(await consign(door, who, body))


@router.post("/consignments/{consignment}/certificates")
async def keep_certificate(
    consignment: UUID, town: Town, file: PostedFile, door: TheDoor, who: Refurbisher
) -> JSONResponse:
    """Keep the recycler's certificate; nothing is recorded until a report names it by what is answered here."""
    paper = await keep(door, who, town, consignment, file)
    return JSONResponse(paper.model_dump())


@router.post("/consignments/{consignment}/reports", status_code=201)
async def report(consignment: UUID, town: Town, body: Reporting, door: TheDoor, who: Refurbisher) -> Response:
    """Record what the downstream recycler made of a consignment."""
    if body.certificate and not await blobs.holds(town, body.certificate.sha256):
        raise no_paper()
    return receipt(await tell(door, who, town, consignment, body))


@router.get("/consignments")
async def list_consignments(town: Town, door: TheDoor, who: SignedIn) -> list[ConsignmentShape]:
    """Return a town's consignments: what waits for its report first."""
    async with door.look(town, who) as connection:
        return [shaped(one) for one in await reading.of_town(connection, town)]


async def consign(door: Door, who: Principal, body: Handing) -> Entry[Consigned]:
    """Find the chassis, which are of one engagement, and let them leave. Raises Refused."""
    found = await _all_of_one_engagement(door, who, body.labels)
    first, _ = found[0]

    async def do(tx: Transaction) -> Entry[Consigned]:
        return await consignments.consign(
            tx,
            first.engagement,
            [(one.item, label) for one, label in found],
            manifest=body.manifest,
            operator=body.operator,
            kg=body.kg,
            tolerance=body.tolerance,
        )

    return await door.act(first.tenant, who, do, ask=body)


async def tell(door: Door, who: Principal, town: str, stream: UUID, body: Reporting) -> Entry[MaterialReported]:
    """Record a report."""

    async def do(tx: Transaction) -> Entry[MaterialReported]:
        return await consignments.report(
            tx,
            stream,
            [Weight(material=weight.material, kg=weight.kg) for weight in body.weights],
            loss_kg=body.loss_kg,
            certificate=Document(**body.certificate.model_dump()) if body.certificate else None,
            reason=body.reason,
        )

    return await door.act(town, who, do, ask=body)


async def keep(door: Door, who: Principal, town: str, stream: UUID, file: UploadFile) -> Paper:
    """Keep a certificate's bytes untouched. Raises Unknown for another's consignment, Invalid for no paper."""
    async with door.look(town, who) as connection:
        if await reading.one(connection, town, stream) is None:
            raise Unknown
    content = await file.read(blobs.BLOB_SIZE_MAX + 1)
    if len(content) > blobs.BLOB_SIZE_MAX or not content.startswith(tuple(PAPERS)):
        raise Invalid(
            "no-certificate",
            "証明書は、PDF・JPEG・PNG のどれかで、15 MB までのファイルを選んでください。",
            "Choose a certificate that is a PDF, JPEG or PNG of at most 15 MB.",
            field="certificate",
        )
    name = "".join(letter for letter in file.filename or "" if letter.isprintable())[-100:].strip()
    return Paper(sha256=await blobs.put(town, content), filename=name or "certificate")


def no_paper() -> Invalid:
    """Return the refusal of a report that names a certificate which is not here."""
    return Invalid(
        "certificate-missing",
        "証明書のファイルが届いていません。ファイルを選び直して、もう一度送ってください。",
        "The certificate's file is not here. Choose it again and send once more.",
        field="certificate",
    )


def shaped(seen: Seen) -> ConsignmentShape:
    """Tell one consignment."""
    sent, report, balance = seen.sent, seen.known.report, seen.balance
    return ConsignmentShape(
        consignment=sent.consignment,
        engagement=sent.engagement,
        manifest=sent.manifest,
        operator=sent.operator,
        labels=sent.labels,
        kg=sent.kg,
        weights=report.weights if report else (),
        certificate=report.certificate if report else None,
        balance=BalanceShape(
            into=balance.into,
            out=balance.out,
            loss=balance.loss,
            unexplained=balance.unexplained,
            share=round(balance.share, 4),
            tolerance=balance.tolerance,
            holds=balance.holds,
        )
        if balance
        else None,
    )


async def _all_of_one_engagement(door: Door, who: Principal, labels: list[str]) -> list[tuple[Found, str]]:
    read = [scanned(label) for label in labels]
    known = await door.resolve_all(read, who)
    for label in read:
        if label.id not in known:
            raise unknown(label)
    if len({known[label.id].engagement for label in read}) > 1:
        raise Refused(
            "several-engagements",
            "契約の違う機器が混ざっています。管理票は契約ごとに分けてください。",
            "The devices are of different engagements. Use a manifest for each engagement.",
            field="labels",
        )
    return [(known[label.id], label.id) for label in read]
