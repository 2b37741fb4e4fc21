"""Work orders: one act at a time, or up to 100 scans; the board, the counts, one order."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, File, Query, UploadFile
from fastapi import Request as HttpRequest
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints
from pydantic.alias_generators import to_camel
from starlette.responses import Response

from services.refurb import views
from services.refurb.commands import orders
from services.refurb.commands import photos as sent_photos
from services.refurb.domain.support import MINUTES_MAX, Contact
from services.refurb.domain.work_order import Grade
from shared import photos
from shared.blobs import BLOB_SIZE_MAX
from shared.database import Transaction
from shared.door import Ask, Door, Found, GivenLabel, TheDoor, receipt, scanned, unknown
from shared.entry import Entry
from shared.events.refurb import Channel, Outcome, PlanStep, Spec, SupportContacted, Trouble, Weight
from shared.identity import Principal, SignedIn, holding
from shared.ids import LABEL_INPUT_MAX, Label
from shared.refused import Invalid, Refused, Unready
from shared.support import Term
from shared.web.i18n import language
from shared.web.scans import SCANS_MAX, Result, Results

router = APIRouter()

REASONS_MAX = 10
PHOTOS_MAX = 4  # of one chassis: lid, screen, keyboard, underside; of one step as many
Step = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]  # a code of the engagement's plan
Sha256 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")]
Named = Annotated[list[Sha256], Field(max_length=PHOTOS_MAX)]  # photos that were sent before
Line = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
Town = Annotated[str, Query(pattern=r"^[a-z0-9-]{1,64}$")]
Refurbisher = Annotated[Principal, Depends(holding("refurbisher"))]


class Acceptance(Ask):
    """A grade with its reasons, and photos that were sent before."""

    grade: Grade
    reasons: list[Line] = Field(min_length=1, max_length=REASONS_MAX)
    photos: Named = Field(default=[])


class Photo(BaseModel):
    """A photo that was kept."""

    sha256: str


class Rejection(Ask):
    """Why the chassis goes to recycling."""

    reasons: list[Line] = Field(min_length=1, max_length=REASONS_MAX)


class Part(BaseModel):
    """The new SSD."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    maker: Line | None = None
    model: Line
    serial: Line
    capacity_gb: int = Field(ge=1, le=100_000)


class Swap(Ask, Part):
    """The new SSD that went in; the step `ssd` is recorded with it, and what shows it."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    note: Line | None = None
    photos: Named = Field(default=[])


class Did(Ask):
    """One step, done, with what shows it. The step `ssd` may bring its part; `delivery` is the whole delivery."""

    step: Step
    note: Line | None = None
    photos: Named = Field(default=[])
    part: Part | None = None


class GivenSpec(Spec):
    """The specification as typed, within bounds."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    os: Line
    ssd_gb: int = Field(ge=1, le=100_000)
    memory_gb: int = Field(ge=1, le=10_000)
    office: Line
    support_months: int = Field(ge=0, le=120)
    os_licence: Line | None = None
    office_licence: Line | None = None


class Readiness(Ask):
    """What the recipient gets."""

    spec: GivenSpec


class Delivery(Ask):
    """The machine left for the town."""

    note: Line | None = None
    photos: Named = Field(default=[])


class Contacted(Ask):
    """A recipient asked for help."""

    channel: Channel
    trouble: Trouble
    outcome: Outcome
    minutes: int | None = Field(default=None, ge=0, le=MINUTES_MAX)

    @property
    def contact(self) -> Contact:
        """The contact itself."""
        return Contact(self.channel, self.trouble, self.outcome, self.minutes)


class GivenWeight(Weight):
    """A weight as typed."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Recycling(Ask):
    """The chassis became material."""

    weights: list[GivenWeight] = Field(min_length=1, max_length=6)
    manifest: Line
    operator: Line


class Scan(BaseModel):
    """One scan of a batch, as the capture module sends it: `work` is the step."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)
    request_id: UUID
    work: Step
    label: str = Field(max_length=LABEL_INPUT_MAX)
    token: str | None = Field(default=None, max_length=20)
    captured_at: AwareDatetime | None = None
    facts: Part | None = None

    def ask(self, sent_at: datetime | None) -> Did:
        """Return the single request this scan stands for, so that both ways answer each other's replays."""
        return Did(
            request=self.request_id, captured_at=self.captured_at, sent_at=sent_at, step=self.work, part=self.facts
        )


class Scans(BaseModel):
    """A batch of scans; each has its own request id and its own result."""

    model_config = ConfigDict(frozen=True, extra="forbid", alias_generator=to_camel, validate_by_name=True)
    sent_at: AwareDatetime | None = None
    scans: list[Scan] = Field(min_length=1, max_length=SCANS_MAX)


class OrderShape(BaseModel):
    """One work order as the API tells it."""

    label: str
    item_kind: str
    name: str
    stage: str
    grade: Grade | None
    reasons: tuple[str, ...]
    steps: tuple[PlanStep, ...]  # before its delivery
    done: tuple[str, ...]
    next_step: str | None
    ssd_serial: str | None
    spec: Spec | None
    open_media: tuple[str, ...]
    missing_before_ready: tuple[str, ...]
    on_hold: bool
    manifest: str | None
    weights: tuple[Weight, ...]
    support: Term | None  # days on which support is owed, both included
    contacts: int  # how often the recipient asked for help


@router.post("/items/{label}/accept", status_code=201)
async def accept(label: GivenLabel, body: Acceptance, door: TheDoor, who: Refurbisher) -> Response:
    """Accept a candidate with its grade."""
    return receipt(await door.act_on(label, who, lambda tx, found: accepted(tx, found, body), ask=body))


@router.post("/items/{label}/photos")
async def keep_photo(label: GivenLabel, photo: Annotated[UploadFile, File()], door: TheDoor, who: Refurbisher) -> Photo:
    """Keep a photo of the chassis, to be named by the acceptance or by a step; a second time changes nothing."""
    found = await door.resolve(label, who)
    (sha256,) = await keep(door, who, found, [await photo.read(BLOB_SIZE_MAX + 1)])
    return Photo(sha256=sha256)


@router.post("/items/{label}/reject", status_code=201)
async def reject(label: GivenLabel, body: Rejection, door: TheDoor, who: Refurbisher) -> Response:
    """Send a candidate to recycling."""
    entry = await door.act_on(label, who, lambda tx, found: orders.reject(tx, found.item, body.reasons), ask=body)
    return receipt(entry)


@router.post("/items/{label}/ssd", status_code=201)
async def replace_part(label: GivenLabel, body: Swap, door: TheDoor, who: Refurbisher) -> Response:
    """Record the new SSD and the step that put it in."""
    entry = await door.act_on(label, who, lambda tx, found: swapped(tx, found, body), ask=body)
    return receipt(entry)


@router.post("/items/{label}/steps", status_code=201)
async def do_step(label: GivenLabel, body: Did, door: TheDoor, who: Refurbisher) -> Response:
    """Record one step."""
    entry = await door.act_on(label, who, lambda tx, found: did(tx, found, body), ask=body)
    return receipt(entry)


@router.post("/items/{label}/ready", status_code=201)
async def ready(label: GivenLabel, body: Readiness, door: TheDoor, who: Refurbisher) -> Response:
    """Mark it refurbished, with the specification for its recipient."""
    entry = await door.act_on(label, who, lambda tx, found: orders.finish(tx, found.item, spec(body)), ask=body)
    return receipt(entry)


@router.post("/items/{label}/deliver", status_code=201)
async def deliver(label: GivenLabel, body: Delivery, door: TheDoor, who: Refurbisher) -> Response:
    """Record that it was sent to the town."""
    entry = await door.act_on(label, who, lambda tx, found: delivered(tx, found, body), ask=body)
    return receipt(entry)


@router.post("/items/{label}/recycle", status_code=201)
async def recycle(label: GivenLabel, body: Recycling, door: TheDoor, who: Refurbisher) -> Response:
    """Record its weights by material, the manifest and the recycler."""
    entry = await door.act_on(label, who, lambda tx, found: recycled(tx, found.item, body), ask=body)
    return receipt(entry)


@router.post("/items/{label}/support", status_code=201)
async def contact(label: GivenLabel, body: Contacted, door: TheDoor, who: Refurbisher) -> Response:
    """Record that a recipient asked for help, and what came of it; never who it was."""
    entry = await door.act_on(label, who, lambda tx, found: orders.contact(tx, found.item, body.contact), ask=body)
    return receipt(entry)


@router.post("/steps", response_model_exclude_none=True)
async def do_steps(body: Scans, request: HttpRequest, door: TheDoor, who: Refurbisher) -> Results:
    """Record up to 100 scans; one town's scans share a transaction, and a refused one leaves the others alone."""
    answers: dict[int, Entry[Any] | Refused] = {}
    read: dict[int, Label] = {}
    for nth, scan in enumerate(body.scans):
        try:
            read[nth] = scanned(scan.label)
        except Refused as no:
            answers[nth] = no
    known = await door.resolve_all(list(read.values()), who)
    towns: defaultdict[str, list[tuple[int, Scan, Found]]] = defaultdict(list)
    for nth, label in read.items():
        if found := known.get(label.id):
            towns[found.tenant].append((nth, body.scans[nth], found))
        else:
            answers[nth] = unknown(label)
    for town, scans in towns.items():
        try:
            answers |= await _act_on_all(door, who, town, scans, body.sent_at)
        except Unready:
            raise  # a device sends the batch again; a result of one scan would be the end of it
        except Refused as no:  # of the whole town: no engagement, or every race lost
            answers |= {nth: no for nth, _, _ in scans}
    lang = language(request)
    told = [Result.of(scan.request_id, scan.label, answers[nth], lang) for nth, scan in enumerate(body.scans)]
    return Results(results=told)


@router.get("/board")
async def board(town: Town, door: TheDoor, who: SignedIn) -> views.Board:
    """Return everything of a town in the workshop, by column, with its age."""
    async with door.look(town, who) as connection:
        return await views.board(connection, town, door.now())


@router.get("/overview")
async def overview(town: Town, door: TheDoor, who: SignedIn) -> views.Overview:
    """Return the centre's counts of a town's chassis, each with its labels."""
    async with door.look(town, who) as connection:
        return await views.overview(connection, town)


@router.get("/items/{label}")
async def order(label: GivenLabel, door: TheDoor, who: SignedIn) -> OrderShape:
    """Return one work order."""
    found = await door.resolve(label, who)
    async with door.look(found.tenant, who) as connection:
        return shaped(await views.one(connection, found.item))


async def accepted(tx: Transaction, found: Found, body: Acceptance) -> Entry[Any]:
    """Accept with the photos that are there."""
    pictures = await sent_photos.sent(tx, found.item, body.photos)
    return await orders.accept(tx, found.item, body.grade, body.reasons, engagement=found.engagement, photos=pictures)


async def swapped(tx: Transaction, found: Found, body: Swap) -> Entry[Any]:
    """Record a part with what shows it."""
    return await _swap(tx, found, body, body.note, body.photos)


async def delivered(tx: Transaction, found: Found, body: Delivery) -> Entry[Any]:
    """Record a delivery with what shows it."""
    pictures = await sent_photos.sent(tx, found.item, body.photos)
    return await orders.deliver(tx, found.item, body.note, pictures)


async def _swap(tx: Transaction, found: Found, part: Part, note: str | None, named: Sequence[str]) -> Entry[Any]:
    return await orders.replace_part(
        tx,
        found.item,
        maker=part.maker,
        model=part.model,
        serial=part.serial,
        capacity_gb=part.capacity_gb,
        note=note,
        photos=await sent_photos.sent(tx, found.item, named),
    )


async def did(tx: Transaction, found: Found, body: Did) -> Entry[Any]:
    """Record a step with the photos that are there, and with its part where it has one."""
    if body.part is None:
        pictures = await sent_photos.sent(tx, found.item, body.photos)
        return await orders.do_step(tx, found.item, body.step, body.note, pictures)
    if body.step != "ssd":
        raise Invalid(
            "part-without-swap",
            "部品は工程「SSD換装」と一緒に送ってください。",
            'Send a part with the step "ssd" only.',
            field="part",
        )
    return await _swap(tx, found, body.part, body.note, body.photos)


async def keep(door: Door, who: Principal, found: Found, contents: Sequence[bytes]) -> list[str]:
    """Keep photos of a chassis and return their hashes. Raises Invalid when one is no photo."""
    kept = await photos.keep(found.tenant, contents)

    async def send(tx: Transaction) -> None:
        await sent_photos.send(tx, found.item, kept)

    await door.act(found.tenant, who, send, device=found.item)
    return [one.sha256 for one in kept]


async def recycled(tx: Transaction, item: UUID, body: Recycling) -> Entry[Any]:
    """Record the material."""
    weights = [Weight(material=weight.material, kg=weight.kg) for weight in body.weights]
    return await orders.recycle(tx, item, weights=weights, manifest=body.manifest, operator=body.operator)


def spec(body: Readiness) -> Spec:
    """Return the specification as it is recorded."""
    return Spec(**body.spec.model_dump())


def shaped(known: views.Order) -> OrderShape:
    """Tell one work order."""
    order = known.order
    return OrderShape(
        label=order.label,
        item_kind=order.item_kind,
        name=known.name,
        stage=order.stage,
        grade=order.accepted.grade if order.accepted else None,
        reasons=order.accepted.reasons if order.accepted else (),
        steps=order.steps,
        done=order.done,
        next_step=order.next_step.code if order.next_step else None,
        ssd_serial=order.ssd.serial if order.ssd else None,
        spec=order.ready.spec if order.ready else None,
        open_media=tuple(medium.serial for medium in known.open_media),
        missing_before_ready=() if order.ready else order.missing_before_ready(known.open_media),
        on_hold=known.on_hold,
        manifest=order.recycled.manifest if order.recycled else None,
        weights=order.recycled.weights if order.recycled else (),
        support=known.support,
        contacts=sum(moment.kind == SupportContacted.kind for moment in known.moments),
    )


async def _act_on_all(
    door: Door, who: Principal, town: str, scans: list[tuple[int, Scan, Found]], sent_at: datetime | None
) -> dict[int, Entry[Any] | Refused]:
    scans = sorted(scans, key=lambda one: one[2].item)  # every batch takes its streams in one order: no deadlock

    async def do(tx: Transaction) -> dict[int, Entry[Any] | Refused]:
        return {nth: await _act(tx, found, scan.ask(sent_at)) for nth, scan, found in scans}

    return await door.act(town, who, do)


async def _act(tx: Transaction, found: Found, ask: Did) -> Entry[Any] | Refused:
    alone = replace(tx, request=ask.as_received(tx.at), occurred_at=ask.occurred_at(tx.at))
    try:
        return await did(alone, found, ask)
    except Refused as no:
        return no
