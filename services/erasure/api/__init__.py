"""Erasure's HTTP door: reports, destruction, removal, re-check, witness, what is read of them; `sessions` on site."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Form, Query, UploadFile
from fastapi import Request as HttpRequest
from pydantic import AwareDatetime, BaseModel, Field
from starlette.datastructures import UploadFile as Upload
from starlette.responses import JSONResponse, Response

from services.erasure import destruction, intake, reading
from services.erasure.api import sessions
from services.erasure.api.contract import town_of
from services.erasure.commands import media, witnesses
from services.erasure.commands.media import Which
from services.erasure.destruction import Shot, Telling, given_shots, given_telling
from services.erasure.domain.likeness import why_waiting
from services.erasure.domain.medium import Place
from services.erasure.intake import Binding, Dropped, Result, Words
from services.erasure.waiting import Waiting, unbound
from shared import photos
from shared.database import Transaction
from shared.door import Ask, Door, Found, GivenLabel, TheDoor, receipt, scanned
from shared.entry import Entry
from shared.identity import Principal, SignedIn, holding
from shared.refused import Invalid
from shared.web.i18n import Language, language

router = APIRouter(prefix="/api/erasure", tags=["erasure"])
router.include_router(sessions.router)

Filer = Annotated[Principal, Depends(holding("worker", "centre-manager", "clerk", "town-admin"))]
Worker = Annotated[Principal, Depends(holding("worker", "centre-manager"))]
Checker = Annotated[Principal, Depends(holding("worker", "centre-manager", "clerk", "witness", "town-admin"))]
Stander = Annotated[Principal, Depends(holding("witness", "clerk", "town-admin", "worker", "centre-manager"))]

UNREADABLE = "This is no erasure report that is known here, or it is damaged. File the tool's output as it is."

Text = Annotated[Words, Form()]
Reference = Annotated[Words | None, Form()]
Moment = Annotated[AwareDatetime | None, Form()]
Taken = Annotated[AwareDatetime, Field(ge=photos.TAKEN_FROM, le=photos.TAKEN_UNTIL)]
TheShots = Annotated[Sequence[Shot], Depends(given_shots)]
TheTelling = Annotated[Telling, Depends(given_telling)]


# ── reports ───────────────────────────────────────────────────────────────────────────────────────────────────────────


@router.post("/reports", status_code=201)
async def file_report(
    *,
    door: TheDoor,
    who: Filer,
    file: UploadFile,
    request: Annotated[UUID, Form()],
    engagement: Annotated[UUID | None, Form()] = None,
    place: Annotated[Place, Form()] = "on-site",
    witness: Reference = None,
    captured_at: Moment = None,
    sent_at: Moment = None,
) -> Response:
    """Take one report in. 201 recorded, 200 known before, 202 it waits for its medium, 422 it cannot be read."""
    ask = Dropped(
        request=request, captured_at=captured_at, sent_at=sent_at, engagement=engagement, place=place, witness=witness
    )
    (result,) = await take_in(door, who, [file], ask)
    if result.wrong:
        raise Invalid(
            "unreadable-report",
            result.wrong,
            UNREADABLE,
            field="file",
        )
    return JSONResponse(answer(result, "ja"), 202 if result.waits else 201 if result.is_new else 200)


@router.post("/reports/batch")
async def file_reports(
    *,
    door: TheDoor,
    who: Filer,
    files: list[UploadFile],
    request: Annotated[UUID, Form()],
    engagement: Annotated[UUID | None, Form()] = None,
    place: Annotated[Place, Form()] = "on-site",
    witness: Reference = None,
    captured_at: Moment = None,
    sent_at: Moment = None,
    http: HttpRequest,
) -> Response:
    """Take up to 100 reports in; each has its own result, and one that cannot be read stops no other."""
    ask = Dropped(
        request=request, captured_at=captured_at, sent_at=sent_at, engagement=engagement, place=place, witness=witness
    )
    lang = language(http)
    return JSONResponse({"results": [answer(result, lang) for result in await take_in(door, who, files, ask)]})


async def take_in(door: Door, who: Principal, files: Sequence[Upload], ask: Dropped) -> list[Result]:
    """Read uploads and take them in. Raises Invalid for more than may come in one request."""
    if len(files) > intake.FILES_MAX:
        raise Invalid(
            "too-many-files",
            f"1回に{intake.FILES_MAX}ファイルまでです。分けて送ってください。",
            f"At most {intake.FILES_MAX} files at a time. Send them in parts.",
            field="files",
        )
    read = [intake.File(file.filename or "report", await file.read()) for file in files]
    return await intake.take_in(door, who, read, ask)


def answer(result: Result, lang: Language) -> dict[str, Any]:
    """Say what became of one file; the readers of reports speak Japanese, in English it is one sentence for all."""
    said = {"filename": result.filename, "sha256": result.sha256, "tool": result.tool or None}
    if result.wrong:
        return said | {"state": "unreadable", "detail": result.wrong if lang == "ja" else UNREADABLE}
    state = "waiting" if result.waits else "recorded" if any(d.entry for d in result.drives) else "not-evidence"
    return said | {"state": state, "drives": [_drive(drive) for drive in result.drives]}


def _drive(drive: intake.Said) -> dict[str, Any]:
    said: dict[str, Any] = {"serial": drive.serial, "state": drive.state}
    if drive.entry is None:
        return said
    said |= {"entry": str(drive.entry.id), "replayed": drive.entry.replayed}
    if drive.state == "waiting":
        near = [{"label": one.label, "serial": one.serial} for one in drive.proposed]
        return said | {"report": str(drive.entry.stream), "proposed": near}
    level, sufficient = intake.achieved(drive.entry)
    event = drive.entry.event
    reasons = [reason.model_dump() for reason in event.reasons]
    return said | {
        "label": event.label,
        "medium": str(event.medium),
        "achieved": level or None,
        "sufficient": sufficient,
        "reasons": reasons,
    }


@router.get("/unmatched")
async def unmatched(door: TheDoor, who: SignedIn) -> Response:
    """Return the queue of this party's reports that mean no medium yet, each with near misses as proposals."""
    rows = [
        {
            "report": str(one.report),
            "serial": one.serial,
            "filename": one.filename,
            "sha256": one.sha256,
            "tool": one.tool,
            "operator": one.operator,
            "filed_at": one.filed_at.isoformat(),
            "host_serial": one.host_serial,
            "why": why_waiting(one.serial, [near.serial for near in proposed]),
            "proposed": [{"label": near.label, "serial": near.serial, "host": near.host} for near in proposed],
        }
        for one, proposed in await queue(door, who)
    ]
    return JSONResponse({"unmatched": rows})


@router.post("/unmatched/{report}/aside", status_code=201)
async def put_aside(report: UUID, body: intake.Aside, door: TheDoor, who: Filer) -> Response:
    """Put one serial of a waiting report aside as not ours, with the reason."""
    return receipt(await intake.put_aside(door, who, report, body))


@router.post("/unmatched/{report}/back", status_code=201)
async def put_back(report: UUID, body: intake.Back, door: TheDoor, who: Filer) -> Response:
    """Let one serial of a report that was put aside wait again."""
    return receipt(await intake.put_back(door, who, report, body))


async def queue(door: Door, who: Principal) -> list[tuple[Waiting, list[reading.Candidate]]]:
    """Return what waits, each with the media whose serials are near."""
    async with door.look(who.party, who) as connection:
        waiting = await unbound(connection)
        near = await reading.media_by_serial(connection, [one.serial for one in waiting], who.party)
    return [(one, [candidate for candidate in near if candidate.loose == one.loose]) for one in waiting]


@router.post("/unmatched/{report}/bind", status_code=201)
async def bind(report: UUID, body: Binding, door: TheDoor, who: Filer) -> Response:
    """Bind a waiting report to the item whose label was scanned."""
    found = await door.resolve(scanned(body.label), who)
    entries = await intake.bind(door, who, report, found, body)
    return receipt(entries[0])


# ── destruction ───────────────────────────────────────────────────────────────────────────────────────────────────────


@router.post("/media/{label}/destructions", status_code=201)
async def destroy(
    *,
    label: GivenLabel,
    door: TheDoor,
    who: Worker,
    shots: TheShots,
    told: TheTelling,
    serial: Reference = None,
    index: Annotated[int | None, Form(ge=1, le=100)] = None,
) -> Response:
    """Record that a medium was crushed, with one to four photos. The photos are kept before the entry names them."""
    return receipt(await destruction.crush(door, who, label, Which(serial, index), given=shots, told=told))


@router.post("/trays", status_code=201)
async def destroy_tray(
    *,
    door: TheDoor,
    who: Worker,
    shots: TheShots,
    told: TheTelling,
    media: Annotated[list[Words], Form(max_length=destruction.TRAY_MAX)],
) -> Response:
    """Record that several media were crushed together, in one picture: all of them or none.

    Each of `media` is a label; of a device with several media, label and serial with a space between.
    """
    listed = destruction.listed(media)
    entries = await destruction.crush_tray(door, who, listed, given=shots, told=told)
    done = [{"label": entry.event.label, "medium": str(entry.stream), "entry": str(entry.id)} for entry in entries]
    tray = entries[0].event.tray
    new = any(not entry.replayed for entry in entries)
    return JSONResponse({"tray": str(tray.tray) if tray else None, "media": done}, 201 if new else 200)


# ── removal, re-check, witness ────────────────────────────────────────────────────────────────────────────────────────


class OfMedium(Ask):
    """Which medium of the item is meant, when it has several."""

    serial: Words | None = None
    index: int | None = Field(default=None, ge=1, le=100)

    @property
    def which(self) -> Which:
        """The same for a command."""
        return Which(self.serial, self.index)


@router.post("/media/{label}/removals", status_code=201)
async def remove(label: GivenLabel, body: OfMedium, door: TheDoor, who: Worker) -> Response:
    """Record that a medium was taken out of its chassis."""

    async def do(tx: Transaction, found: Found) -> Entry[Any]:
        return await media.remove(tx, found.item, body.which)

    return receipt(await door.act_on(label, who, do, ask=body))


class Verification(OfMedium):
    """What the second person did and found."""

    method: Words
    passed: bool


@router.post("/media/{label}/verifications", status_code=201)
async def verify(label: GivenLabel, body: Verification, door: TheDoor, who: Checker) -> Response:
    """Record a re-check by somebody who is not the wiper."""

    async def do(tx: Transaction, found: Found) -> Entry[Any]:
        return await media.verify(tx, found.item, body.which, method=body.method, passed=body.passed)

    return receipt(await door.act_on(label, who, do, ask=body))


class Witnessing(Ask):
    """Who of the town stood by, where, and from when to when; the one who asks, when nobody else is named."""

    engagement: UUID
    witness: Words | None = None
    place: Words
    began_at: Taken
    ended_at: Taken | None = None


@router.post("/witnesses", status_code=201)
async def witness(body: Witnessing, door: TheDoor, who: Stander) -> Response:
    """Record that the town's staff stood by. One of the centre names somebody of the town, never themselves."""
    town = await town_of(door, who, body.engagement)

    async def do(tx: Transaction) -> Entry[Any]:
        return await witnesses.witness(
            tx,
            body.engagement,
            witness=body.witness or who.person,
            place=body.place,
            began_at=body.began_at,
            ended_at=body.ended_at,
        )

    return receipt(await door.act(town, who, do, ask=body))


# ── what is read ──────────────────────────────────────────────────────────────────────────────────────────────────────

Town = Annotated[str | None, Query(max_length=64, pattern=r"^[a-z0-9-]+$")]


@router.get("/overview")
async def overview(door: TheDoor, who: SignedIn, town: Town = None, engagement: UUID | None = None) -> Response:
    """Return how far a town's media are, counted from media."""
    async with door.look(town or who.party, who) as connection:
        counted = await reading.overview(connection, engagement)
        if engagement:
            counted, _ = await reading.doubting(connection, counted, engagement)
    return JSONResponse(asdict(counted))


class MediumSeen(BaseModel):
    """A medium as registered and what was done to it."""

    medium: UUID
    serial: str
    kind: str
    place: str  # of its item: town-hall, on-the-way, centre
    required_on_site: str | None
    required_at_centre: str | None
    excepted: bool
    achieved: str | None
    destroyed: bool
    deeds: list[dict[str, Any]]


@router.get("/media/{label}")
async def medium(label: GivenLabel, door: TheDoor, who: SignedIn) -> list[MediumSeen]:
    """Return the media of an item with everything that was done to them, oldest first."""
    found = await door.resolve(label, who)
    async with door.look(found.tenant, who) as connection:
        there = await reading.registered(connection, items=[found.item])
        deeds = await reading.deeds_of(connection, found.item)
        place = await reading.place_of(connection, found.item)
    return [
        MediumSeen(
            medium=one.medium,
            serial=one.serial,
            kind=one.kind,
            place=place,
            required_on_site=one.required.on_site,
            required_at_centre=one.required.at_centre,
            excepted=one.excepted,
            achieved=reading.highest(deeds, one.medium) or None,
            destroyed=any(d.kind == "erasure.medium-destroyed.v1" for d in deeds if d.medium == one.medium),
            deeds=[
                {
                    "entry": str(deed.entry),
                    "kind": deed.kind,
                    "occurred_at": deed.occurred_at.isoformat(),
                    "recorded_at": deed.recorded_at.isoformat(),
                    "by": {"person": deed.person, "party": deed.party},
                    "data": deed.data,
                }
                for deed in deeds
                if deed.medium == one.medium
            ],
        )
        for one in there
    ]
