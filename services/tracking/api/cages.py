"""Cages on their way."""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Path, UploadFile
from fastapi import Request as HttpRequest
from starlette.responses import JSONResponse, Response

from services.tracking.api.roles import Worker
from services.tracking.api.shapes import HandOver, Receipt, Sealing
from services.tracking.commands import cages
from services.tracking.commands.differences import Difference
from services.tracking.domain.item import EvidenceMissing
from services.tracking.reading.manifest import photos_of
from shared import blobs, photos
from shared.database import Transaction
from shared.door import Door, Found, TheDoor, receipt, scanned, unknown
from shared.entry import Entry
from shared.events.tracking import SealPhoto
from shared.identity import Principal, SignedIn
from shared.refused import Refused, Unknown
from shared.web.i18n import language

router = APIRouter()

Role = Literal["seal", "lock"]


@router.post("/cages/photos", status_code=201)
async def take_photo(door: TheDoor, who: Worker, town: str, photo: UploadFile) -> Response:
    """Keep a photo of a seal or a lock, untouched, and answer its hash; the sealing then names it."""
    async with door.look(town, who):  # before anything is kept under this town
        pass
    (kept,) = await photos.keep(town, [await photo.read()])
    return JSONResponse({"sha256": kept.sha256, "taken_at": kept.taken_at.isoformat() if kept.taken_at else None}, 201)


@router.get("/cages/{cage}/photos/{sha256}")
async def seal_photo(
    cage: UUID, sha256: Annotated[str, Path(pattern=r"^[0-9a-f]{64}$")], door: TheDoor, who: SignedIn, town: str
) -> Response:
    """Give the untouched original of a photo of a cage's seal or lock, as a file."""
    content = await photo_of(door, who, town, cage, sha256)
    headers = {"content-disposition": f'attachment; filename="seal-{sha256[:12]}"'}
    return Response(content, 200, headers, "application/octet-stream")


async def photo_of(door: Door, who: Principal, town: str, cage: UUID, sha256: str) -> bytes:
    """Return the original of a photo that a cage's sealing names. Raises Unknown."""
    async with door.look(town, who) as connection:
        if sha256 not in {one.sha256 for one in await photos_of(connection, cage)}:
            raise Unknown
    return await blobs.named(town, sha256)


async def seen_at(town: str, given: Mapping[Role, str | None]) -> tuple[SealPhoto, ...]:
    """Return the photos that hashes name, looked at again: whatever is kept may be named. Raises Invalid."""
    return tuple(
        [
            SealPhoto(role=role, sha256=sha256, taken_at=(await photos.kept(town, sha256)).taken_at)
            for role, sha256 in given.items()
            if sha256
        ]
    )


@router.post("/cages", status_code=201)
async def seal(body: Sealing, door: TheDoor, who: Worker, town: str) -> Response:
    """Lock and seal a loaded cage."""
    found = await of_town(door, who, town, body.labels)
    _one_engagement(found, body.engagement)
    taken = await seen_at(town, {"seal": body.seal_photo, "lock": body.lock_photo})

    async def do(tx: Transaction) -> Entry[Any]:
        return await cages.seal(tx, body.engagement, body.number, body.seal, [one.item for one in found], photos=taken)

    return receipt(await door.act(town, who, do, ask=body))


@router.post("/cages/{cage}/hand-over", status_code=201)
async def hand_over(
    cage: UUID, body: HandOver, door: TheDoor, *, who: Worker, town: str, http: HttpRequest
) -> Response:
    """Hand a sealed cage to the carrier (出庫)."""

    async def do(tx: Transaction) -> list[Entry[Any]]:
        return await cages.hand_over(tx, cage, vehicle=body.vehicle)

    try:
        entries = await door.act(town, who, do, ask=body)
    except EvidenceMissing as refusal:
        raise refusal if language(http) == "ja" else refusal.english from refusal
    return JSONResponse({"shipped": len(entries)}, 200 if all(entry.replayed for entry in entries) else 201)


@router.post("/cages/{cage}/receipt", status_code=201)
async def receive_cage(cage: UUID, body: Receipt, door: TheDoor, who: Worker, town: str) -> Response:
    """Confirm what came out of a cage (入庫)."""
    found = await of_town(door, who, town, body.labels)
    difference = Difference(body.reason, body.second) if body.reason and body.second else None

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


async def of_town(door: Door, who: Principal, town: str, typed: Sequence[str]) -> list[Found]:
    """Return what the labels stand for. Raises Unknown for the first unknown one, Refused for another town's."""
    read = [scanned(one) for one in typed]
    known = await door.resolve_all(read, who)
    for label in read:
        if label.id not in known:
            raise unknown(label)
    if foreign := tuple(str(label) for label in read if known[label.id].tenant != town):
        raise Refused(
            "another-town",
            "別の町の機器のラベルがあります。その機器を分けて、その町の入庫として読み取ってください。",
            "Some labels are of another town's items. Set those aside and scan them for their own town.",
            missing=foreign,
        )
    return [known[label.id] for label in read]


def _one_engagement(found: Sequence[Found], engagement: UUID) -> None:
    if any(one.engagement != engagement for one in found):
        raise Refused(
            "one-engagement",
            "1台のカゴ車には1つの契約の機器だけを積めます。ほかの契約の機器を降ろしてください。",
            "A cage carries the items of one engagement only. Take the others out.",
        )
