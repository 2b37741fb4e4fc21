"""Tracking's HTTP door: routes and shapes. Each route says who, which transaction, which command, which answer."""

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import date, datetime
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, File, Form, Query, UploadFile
from fastapi import Path as InPath
from fastapi import Request as HttpRequest
from fastapi.encoders import jsonable_encoder
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from sqlalchemy import text
from starlette.responses import JSONResponse, PlainTextResponse, Response

from services.tracking import labels, sessions, views
from services.tracking.commands import cages, items, parties
from services.tracking.domain import inventory
from services.tracking.domain.policy import mic_r2_12
from services.tracking.municipalities import municipality
from shared.database import PLATFORM, Transaction
from shared.door import Ask, Door, Found, GivenLabel, TheDoor, receipt, scanned, unknown
from shared.entry import Entry, Request
from shared.events.tracking import Assurance, PolicyRow
from shared.identity import Principal, Role, SignedIn, holding
from shared.ids import LABEL_INPUT_MAX, Label
from shared.levels import Level
from shared.refused import Forbidden, Invalid, Refused, Unknown
from shared.settings import settings
from shared.web.i18n import language
from shared.web.problems import status_of

router = APIRouter()
router.include_router(sessions.router)
api = APIRouter(prefix="/api/tracking", tags=["tracking"])

SCANS_MAX = 100
SCANNERS: Mapping[items.Step, tuple[Role, ...]] = {
    "received": ("worker", "centre-manager"),
    "taken-over": ("clerk", "town-admin"),
}

Operator = Annotated[Principal, Depends(holding("platform-operator"))]
TownAdmin = Annotated[Principal, Depends(holding("town-admin"))]
Either = Annotated[Principal, Depends(holding("clerk", "town-admin", "worker", "centre-manager"))]
Clerk = Annotated[Principal, Depends(holding("clerk", "town-admin"))]
Approver = Annotated[Principal, Depends(holding("approver"))]
Worker = Annotated[Principal, Depends(holding("worker", "centre-manager"))]
Admin = Annotated[Principal, Depends(holding("town-admin", "centre-manager", "platform-operator"))]

PartyId = Annotated[str, Field(pattern=r"^(town|centre|carrier)-[a-z0-9-]{1,40}$")]
Said = Annotated[str, Field(min_length=1, max_length=500)]


class NewTown(Ask):
    """A municipality by its code; its name comes from the list."""

    code: Annotated[str, Field(min_length=6, max_length=6)]
    address: Annotated[str, Field(max_length=200)] | None = None
    contact: Annotated[str, Field(max_length=200)] | None = None


class NewParty(Ask):
    """A centre or a carrier."""

    party: PartyId
    kind: Literal["centre", "carrier"]
    name: Said
    address: Annotated[str, Field(max_length=200)] | None = None
    contact: Annotated[str, Field(max_length=200)] | None = None


class NewPerson(BaseModel):
    """A person of a party, for the deletable directory."""

    model_config = ConfigDict(extra="forbid")
    person: Annotated[str, Field(pattern=r"^[a-z0-9-]{2,40}$")]
    party: str
    name: Said
    title: Annotated[str, Field(max_length=100)] | None = None
    contact: Annotated[str, Field(max_length=200)] | None = None
    roles: list[str]


class NewEngagement(Ask):
    """A dated contract by which a centre acts for this town."""

    centre: PartyId
    carrier: PartyId | None = None
    title: Said
    contract: Said
    starts_on: date
    ends_on: date
    certificate_days: Annotated[int, Field(ge=1, le=3650)] = 43


class NewPolicy(Ask):
    """A policy table: the guideline's own with the town's choices, or rows of the town's."""

    version: Said
    source: Literal["MIC R2.12"] = "MIC R2.12"
    on_site: Level = Level.CLEAR
    assurance: Assurance = "onsite_erase_plus_certificate"
    rows: tuple[PolicyRow, ...] | None = None


class NewLot(Ask):
    """Things without media, counted."""

    engagement: UUID
    kind: Literal["monitor", "keyboard", "other"]
    count: Annotated[int, Field(ge=1, le=100_000)]


class LotCount(Ask):
    """What the one who gives a lot away, or takes it, counted."""

    step: Literal["shipped-out", "received"]
    count: Annotated[int, Field(ge=0, le=100_000)]


class Scan(BaseModel):
    """One scan of a batch, as the capture module sends it; `work` is the step it records."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)
    request_id: UUID
    work: items.Step
    label: Annotated[str, Field(max_length=LABEL_INPUT_MAX)]
    token: Annotated[str, Field(max_length=20)] | None = None
    captured_at: AwareDatetime | None = None

    def asked(self, item: UUID, sent_at: datetime | None, received: datetime) -> items.Scanned:
        """Return the scan with its item, its request and its time by our clock."""
        ask = Ask(request=self.request_id, captured_at=self.captured_at, sent_at=sent_at)
        said = self.model_dump_json(exclude={"label", "token"}).encode()
        digest = hashlib.sha256(said + item.bytes).hexdigest()
        request = Request(id=self.request_id, digest=digest, clock_off_s=ask.clock_off_s(received))
        return items.Scanned(item, self.work, request, ask.occurred_at(received))


class Scans(BaseModel):
    """What a device sends at once; each scan has its own request id and its own result."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)
    sent_at: AwareDatetime | None = None
    scans: Annotated[tuple[Scan, ...], Field(min_length=1, max_length=SCANS_MAX)]


class Result(BaseModel):
    """What became of one scan: 201 recorded, 200 recorded before, 4xx refused with a sentence."""

    model_config = ConfigDict(alias_generator=to_camel, validate_by_name=True, serialize_by_alias=True)
    request_id: UUID
    label: str
    status: int
    entry: UUID | None = None
    code: str | None = None
    detail: str | None = None


class Results(BaseModel):
    """One result for each scan, in their order."""

    results: list[Result]


class Sealing(Ask):
    """A cage, its seal, and what was scanned into it."""

    engagement: UUID
    number: Said
    seal: Said
    labels: Annotated[list[str], Field(max_length=200)]


class HandOver(Ask):
    """The cage goes into the carrier's hands."""

    vehicle: Annotated[str, Field(max_length=100)] | None = None


class Receipt(Ask):
    """What came out of a cage; a difference needs a reason and a second person."""

    seal_seen: Said
    labels: Annotated[list[str], Field(max_length=200)]
    reason: Annotated[str, Field(min_length=1, max_length=500)] | None = None
    second: Annotated[str, Field(min_length=1, max_length=64)] | None = None


class Resolution(Ask):
    """What resolved a difference."""

    outcome: Literal["found", "replaced", "lost"]
    explanation: Said


class Exemption(Ask):
    """A medium that cannot be erased on site."""

    reason: Said
    witness: Annotated[str, Field(min_length=1, max_length=64)]
    medium: UUID | None = None


class Decision(Ask):
    """A step about one item that needs no more than the label."""

    medium: UUID | None = None


class Recycling(Ask):
    """Why the chassis goes to recycling."""

    reason: Annotated[str, Field(max_length=200)] | None = None


class Difference(Ask):
    """Why a machine counted by one party was not counted by the other."""

    reason: Said
    second: Annotated[str, Field(min_length=1, max_length=64)]


@api.post("/towns", status_code=201)
async def add_town(body: NewTown, door: TheDoor, who: Operator) -> Response:
    """Add a municipality from the list, by its code."""
    found = municipality(body.code)
    party = f"town-{found.code}"

    async def add(tx: Transaction) -> Entry[Any]:
        return await parties.add_party(
            tx, party, "town", found.name, code=found.code, kana=found.kana, address=body.address, contact=body.contact
        )

    return receipt(await _as_party(door, party, who, add, body))


@api.post("/parties", status_code=201)
async def add_party(body: NewParty, door: TheDoor, who: Operator) -> Response:
    """Add a centre or a carrier."""

    async def add(tx: Transaction) -> Entry[Any]:
        return await parties.add_party(tx, body.party, body.kind, body.name, address=body.address, contact=body.contact)

    return receipt(await _as_party(door, body.party, who, add, body))


@api.put("/people/{person}", status_code=204)
async def enrol(person: str, body: NewPerson, door: TheDoor, who: Admin) -> Response:
    """Put a person on the directory of the party; sending it again changes the card."""
    if person != body.person:
        raise Invalid("person", "人の番号が本文と違います。", "The person's id differs from the body.")
    if who.party not in (body.party, PLATFORM):
        raise Forbidden
    if body.party != PLATFORM and "platform-operator" in body.roles:
        raise Forbidden

    async def put(tx: Transaction) -> None:
        await parties.enrol(tx, person, name=body.name, title=body.title, contact=body.contact, roles=body.roles)

    await _as_party(door, body.party, who, put, None)
    return Response(status_code=204)


@api.post("/engagements", status_code=201)
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
        )

    return receipt(await door.act(who.party, who, open_, ask=body))


@api.post("/engagements/{engagement}/end", status_code=201)
async def end_engagement(engagement: UUID, body: Ask, door: TheDoor, who: TownAdmin) -> Response:
    """End an engagement now."""
    return receipt(await door.act(who.party, who, lambda tx: parties.end_engagement(tx, engagement), ask=body))


@api.post("/policies", status_code=201)
async def set_policy(body: NewPolicy, door: TheDoor, who: TownAdmin) -> Response:
    """Put a policy table into force."""
    rows = body.rows or mic_r2_12(on_site=body.on_site, assurance=body.assurance)

    async def put(tx: Transaction) -> Entry[Any]:
        return await parties.set_policy(tx, version=body.version, source=body.source, rows=rows)

    return receipt(await door.act(who.party, who, put, ask=body))


@api.post("/inventories", status_code=201)
async def register_inventory(
    *,
    door: TheDoor,
    who: Clerk,
    engagement: Annotated[UUID, Form()],
    request: Annotated[UUID, Form()],
    file: Annotated[UploadFile, File()],
    preview: Annotated[bool, Query()] = False,
) -> Response:
    """Register the town's own list. Every problem row is named first; with one, nothing is written."""
    content = await file.read(inventory.FILE_SIZE_MAX + 1)
    read = inventory.read(content)
    faults = [asdict(fault) for fault in read.faults]
    if preview:
        return JSONResponse({"rows": len(read.rows), "faults": faults})
    if faults:
        first = read.faults[0]
        raise Invalid(
            "inventory",
            f"{len(faults)}か所に直すところがあります。{first.line}行目：{first.ja}",
            f"{len(faults)} problem(s). Line {first.line}: {first.en}",
            missing=tuple(f"{fault.line}行目：{fault.ja}" for fault in read.faults[:50]),
            line=first.line,
        )
    if not read.rows:
        raise Invalid(
            "inventory", "登録する行がありません。ファイルを確かめてください。", "There are no rows to register."
        )
    ask = Ask(request=request)
    batch = parties.file_batch(engagement, content)
    entries = await door.act(who.party, who, lambda tx: _register(tx, engagement, batch, read.rows), ask=ask)
    return JSONResponse({"items": [_registered(entry) for entry in entries]}, 201)


@api.post("/lots", status_code=201)
async def register_lot(body: NewLot, door: TheDoor, who: Clerk) -> Response:
    """Register a counted lot."""

    async def register(tx: Transaction) -> Entry[Any]:
        await _own_engagement(tx, body.engagement)
        return await items.register_lot(tx, body.engagement, body.kind, body.count)

    return receipt(await door.act(who.party, who, register, ask=body))


@api.post("/lots/{label}/moves", status_code=201)
async def move_lot(label: GivenLabel, body: LotCount, door: TheDoor, who: Worker) -> Response:
    """Record that a lot was shipped out or received, with the count at that hand."""
    async with door.engine.connect() as connection:
        look = text("SELECT lot, tenant FROM lot_of(:label, :party)")
        found = (await connection.execute(look, {"label": label.id, "party": who.party})).one_or_none()
    if found is None:
        raise unknown(label)
    moved = await door.act(found.tenant, who, lambda tx: items.move_lot(tx, found.lot, body.step, body.count), ask=body)
    return receipt(moved)


@api.get("/engagements/{engagement}/labels.pdf")
async def label_sheet(
    engagement: UUID,
    door: TheDoor,
    who: SignedIn,
    town: str,
    start: Annotated[int, Query(ge=0, lt=labels.PER_SHEET)] = 0,
) -> Response:
    """Print the labels of an engagement, 24 a sheet."""
    async with door.look(town, who) as connection:
        rows = await connection.execute(
            text(
                "SELECT l.label, l.token, concat_ws(' ', i.data->>'asset_number', i.data->>'model') AS what "
                "FROM labels l JOIN items i USING (label) WHERE l.engagement = :engagement ORDER BY l.batch, l.row"
            ),
            {"engagement": engagement},
        )
        printed = [labels.Printed(row.label, row.token, row.what) for row in rows]
        name = await connection.scalar(text("SELECT name FROM parties WHERE party = :town"), {"town": town})
    if not printed:
        raise Unknown(
            "no-labels",
            "この契約のラベルはまだありません。先に機器を登録してください。",
            "There are no labels yet. Register items first.",
        )
    pdf = labels.sheet(printed, origin=settings().origin, town=name or town, fonts=settings().fonts, start=start)
    return Response(pdf, media_type="application/pdf")


@api.post("/scans", response_model_exclude_none=True)
async def scan(body: Scans, http: HttpRequest, door: TheDoor, who: SignedIn) -> Results:
    """Take in what a device scanned: facts, each answered by itself, all of one town in one transaction."""
    for work in {one.work for one in body.scans}:
        if not who.has(*SCANNERS[work]):
            raise Forbidden
    answers = await _scan(door, who, body)
    lang = language(http)
    return Results(results=[_answered(one, answer, lang) for one, answer in zip(body.scans, answers, strict=True)])


@api.post("/cages", status_code=201)
async def seal(body: Sealing, door: TheDoor, who: Worker, town: str) -> Response:
    """Lock and seal a loaded cage."""
    found = [await door.resolve(scanned(one), who) for one in body.labels]
    _one_engagement(found, body.engagement)

    async def do(tx: Transaction) -> Entry[Any]:
        return await cages.seal(tx, body.engagement, body.number, body.seal, [one.item for one in found])

    return receipt(await door.act(town, who, do, ask=body))


@api.post("/cages/{cage}/hand-over", status_code=201)
async def hand_over(cage: UUID, body: HandOver, door: TheDoor, who: Worker, town: str) -> Response:
    """Hand a sealed cage to the carrier (出庫)."""

    async def do(tx: Transaction) -> list[Entry[Any]]:
        return await cages.hand_over(tx, cage, vehicle=body.vehicle)

    entries = await door.act(town, who, do, ask=body)
    return JSONResponse({"shipped": len(entries)}, 200 if all(entry.replayed for entry in entries) else 201)


@api.post("/cages/{cage}/receipt", status_code=201)
async def receive_cage(cage: UUID, body: Receipt, door: TheDoor, who: Worker, town: str) -> Response:
    """Confirm what came out of a cage (入庫)."""
    found = [await door.resolve(scanned(one), who) for one in body.labels]
    difference = cages.Difference(body.reason, body.second) if body.reason and body.second else None

    async def do(tx: Transaction) -> list[Entry[Any]]:
        return await cages.open_(
            tx,
            cage,
            seal_seen=body.seal_seen,
            found=[one.item for one in found],
            centre=who.party,
            difference=difference,
        )

    return receipt((await door.act(town, who, do, ask=body))[0])


@api.post("/discrepancies/{discrepancy}/resolution", status_code=201)
async def resolve(discrepancy: UUID, body: Resolution, door: TheDoor, who: Either, town: str) -> Response:
    """Close a difference by what resolved it."""
    return receipt(
        await door.act(town, who, lambda tx: cages.resolve(tx, discrepancy, body.outcome, body.explanation), ask=body)
    )


@api.post("/items/{label}/difference", status_code=201)
async def find_difference(label: GivenLabel, body: Difference, door: TheDoor, who: Either) -> Response:
    """Name a machine that the two parties count differently."""

    async def do(tx: Transaction, found: Found) -> Entry[Any]:
        return await cages.find_difference(tx, found.item, reason=body.reason, second=body.second)

    return receipt(await door.act_on(label, who, do, ask=body))


@api.post("/items/{label}/exception", status_code=201)
async def request_exception(label: GivenLabel, body: Exemption, door: TheDoor, who: Worker) -> Response:
    """Ask that a medium which cannot be erased on site may leave."""

    async def do(tx: Transaction, found: Found) -> Entry[Any]:
        medium = body.medium or await items.only_medium(tx, found.item)
        return await items.request_exception(tx, found.item, medium, reason=body.reason, witness=body.witness)

    return receipt(await door.act_on(label, who, do, ask=body))


@api.post("/items/{label}/exception/approval", status_code=201)
async def approve_exception(label: GivenLabel, body: Decision, door: TheDoor, who: Approver) -> Response:
    """Allow it, as another person."""

    async def do(tx: Transaction, found: Found) -> Entry[Any]:
        return await items.approve_exception(tx, body.medium or await items.only_medium(tx, found.item))

    return receipt(await door.act_on(label, who, do, ask=body))


@api.post("/items/{label}/candidate", status_code=201)
async def name_candidate(label: GivenLabel, body: Decision, door: TheDoor, who: Worker) -> Response:
    """Name the chassis a candidate for a second life."""
    return receipt(await door.act_on(label, who, lambda tx, found: items.name_candidate(tx, found.item), ask=body))


@api.post("/items/{label}/recycling", status_code=201)
async def choose_recycling(label: GivenLabel, body: Recycling, door: TheDoor, who: Worker) -> Response:
    """Send the chassis to material recycling."""

    async def do(tx: Transaction, found: Found) -> Entry[Any]:
        return await items.choose_recycling(tx, found.item, body.reason)

    return receipt(await door.act_on(label, who, do, ask=body))


@api.get("/items")
async def list_items(door: TheDoor, who: SignedIn, town: str, engagement: UUID) -> JSONResponse:
    """List the items of an engagement."""
    async with door.look(town, who) as connection:
        rows = await connection.execute(
            text(
                "SELECT label, item, kind, data FROM items WHERE engagement = :engagement "
                "ORDER BY data->>'asset_number', label"
            ),
            {"engagement": engagement},
        )
        listed = [
            {
                "label": row.label,
                "item": str(row.item),
                "kind": row.kind,
                "asset_number": row.data.get("asset_number"),
                "media": row.data["media"],
            }
            for row in rows
        ]
    return JSONResponse({"items": listed})


@api.get("/items/{label}")
async def show_item(label: GivenLabel, door: TheDoor, who: SignedIn) -> JSONResponse:
    """Tell an item's story, and what it still needs before it may leave."""
    found = await door.resolve(label, who)

    async def look(tx: Transaction) -> dict[str, Any]:
        return {
            "item": found.item,
            "story": [asdict(one) for one in await views.story(tx.connection, found.item)],
            "missing_before_ship_out": await items.missing_before_ship_out(tx, found.item),
        }

    return _json(await door.act(found.tenant, who, look, device=found.item))


@api.get("/overview")
async def overview(door: TheDoor, who: SignedIn, town: str, engagement: UUID) -> JSONResponse:
    """Count where everything of an engagement is."""
    async with door.look(town, who) as connection:
        return _json(asdict(await views.overview(connection, engagement)))


@router.get("/log/checkpoint", include_in_schema=False)
async def checkpoint(door: TheDoor) -> Response:
    """Serve the newest signed head of the log (C2SP tlog-checkpoint)."""
    async with door.engine.connect() as connection:
        note = await connection.scalar(text("SELECT note FROM checkpoints ORDER BY size DESC LIMIT 1"))
    if note is None:
        raise Unknown("empty-log", "台帳にはまだ何もありません。", "The log is still empty.")
    return PlainTextResponse(note, headers={"cache-control": "no-store"})


@router.get("/log/key", include_in_schema=False)
async def log_key() -> Response:
    """Serve the log's public key as a C2SP vkey."""
    return PlainTextResponse((settings().keys / "log.vkey").read_text())


@router.get("/log/{path:path}", include_in_schema=False)
async def tile(path: Annotated[str, InPath(max_length=80, pattern=r"^tile/")], door: TheDoor) -> Response:
    """Serve a tile or an entry bundle (C2SP tlog-tiles): immutable, to be cached for ever."""
    async with door.engine.connect() as connection:
        content = await connection.scalar(text("SELECT content FROM tiles WHERE path = :path"), {"path": path})
    if content is None:
        raise Unknown
    return Response(
        bytes(content),
        media_type="application/octet-stream",
        headers={"cache-control": "public, max-age=31536000, immutable"},
    )


router.include_router(api)


async def _as_party(door: Door, party: str, who: Principal, do: Any, ask: Ask | None) -> Any:
    """Act in a party's own name for its founding; only the platform's operator or the party itself comes here."""
    return await door.act(party, Principal(who.person, party, who.roles, who.kind, who.who), do, ask=ask)


async def _register(tx: Transaction, engagement: UUID, batch: str, rows: Sequence[inventory.Row]) -> list[Entry[Any]]:
    await _own_engagement(tx, engagement)
    return await items.register(tx, engagement, batch, rows)


async def _own_engagement(tx: Transaction, engagement: UUID) -> None:
    if not await tx.connection.scalar(
        text("SELECT count(*) FROM acts_for(:town, :town) AS e(engagement) WHERE e.engagement = :engagement"),
        {"town": tx.tenant, "engagement": engagement},
    ):
        raise Unknown(
            "no-engagement",
            "この契約は登録されていないか、期間外です。契約を確かめてください。",
            "This engagement is not registered or not open. Check it.",
        )


async def _scan(door: Door, who: Principal, body: Scans) -> list[Entry[Any] | Refused]:
    received = door.now()
    answers: dict[int, Entry[Any] | Refused] = {}
    read: dict[int, Label] = {}
    for nth, one in enumerate(body.scans):
        try:
            read[nth] = scanned(one.label)
        except Refused as refusal:
            answers[nth] = refusal
    found = await door.resolve_all(list(read.values()), who)
    by_tenant: defaultdict[str, list[int]] = defaultdict(list)
    for nth, label in read.items():
        if label.id in found:
            by_tenant[found[label.id].tenant].append(nth)
        else:
            answers[nth] = unknown(label)
    for tenant, numbers in by_tenant.items():
        asked = [body.scans[nth].asked(found[read[nth].id].item, body.sent_at, received) for nth in numbers]

        async def do(tx: Transaction, asked: Sequence[items.Scanned] = asked) -> list[Entry[Any] | Refused]:
            return await items.scan(tx, asked)

        answers |= zip(numbers, await door.act(tenant, who, do), strict=True)
    return [answers[nth] for nth in range(len(body.scans))]


def _answered(one: Scan, answer: Entry[Any] | Refused, lang: str) -> Result:
    if isinstance(answer, Entry):
        return Result(
            request_id=one.request_id, label=one.label, status=200 if answer.replayed else 201, entry=answer.id
        )
    said = answer.ja if lang == "ja" else answer.en
    return Result(request_id=one.request_id, label=one.label, status=status_of(answer), code=answer.code, detail=said)


def _one_engagement(found: Sequence[Found], engagement: UUID) -> None:
    if any(one.engagement != engagement for one in found):
        raise Refused(
            "one-engagement",
            "1台のカゴ車には1つの契約の機器だけを積めます。ほかの契約の機器を降ろしてください。",
            "A cage carries the items of one engagement only. Take the others out.",
        )


def _registered(entry: Entry[Any]) -> dict[str, Any]:
    event = entry.event
    return {
        "label": event.label,
        "item": str(event.item),
        "asset_number": event.asset_number,
        "kind": event.item_kind,
        "media": [{"id": str(medium.id), "serial": medium.serial} for medium in event.media],
    }


def _json(content: dict[str, Any]) -> JSONResponse:
    return JSONResponse(jsonable_encoder(content))
