"""What is printed: sheets and single labels, a table for label software, the manifest of a cage."""

import asyncio
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy import text
from starlette.responses import Response

from services.tracking import labels
from services.tracking.api.roles import Either
from services.tracking.api.shapes import Binding
from services.tracking.commands.rolls import bind_serial, unknown_label
from services.tracking.labels import OFFSET_MAX, SIZES, Printed
from services.tracking.labels.manifest import manifest
from services.tracking.reading.manifest import manifest_of
from services.tracking.reading.printing import printed
from services.tracking.reading.rolls import drawn_label, printed_roll
from shared import blobs, photos
from shared.database import Transaction
from shared.door import Door, TheDoor, receipt, scanned
from shared.entry import Entry
from shared.identity import Principal, SignedIn
from shared.ids import LABEL_INPUT_MAX
from shared.refused import Invalid, Unknown
from shared.settings import settings

Offset = Annotated[int, Query(ge=-OFFSET_MAX, le=OFFSET_MAX, description="tenths of a mm")]
Only = Annotated[str | None, Query(max_length=LABEL_INPUT_MAX, description="one label instead of all")]
OfRoll = Annotated[UUID | None, Query(description="the labels of a roll instead of those of machines")]
START_MAX = max(size.per_page for size in SIZES.values()) - 1

router = APIRouter()


@router.get("/engagements/{engagement}/labels.pdf")
async def label_sheet(
    engagement: UUID,
    door: TheDoor,
    who: SignedIn,
    town: str,
    *,
    size: Literal["24", "44", "50x25"] = "24",
    start: Annotated[int, Query(ge=0, le=START_MAX, description="labels already used on the first sheet")] = 0,
    right: Offset = 0,
    down: Offset = 0,
    label: Only = None,
    roll: OfRoll = None,
) -> Response:
    """Print the labels of an engagement, or of a roll that is bound later."""
    if start >= SIZES[size].per_page:
        raise Invalid(
            "start",
            f"この用紙のラベルは1枚に{SIZES[size].per_page}面です。使い終えた面の数を確かめてください。",
            f"This paper has {SIZES[size].per_page} labels a sheet. Check how many are used.",
            field="start",
        )
    name, some = await _labels(door, who, town, engagement, label=label, roll=roll)
    given = settings()
    pdf = await asyncio.to_thread(
        labels.sheet,
        some,
        origin=given.origin,
        town=name,
        fonts=given.fonts,
        size=size,
        start=start,
        offset=(right, down),
    )
    return Response(pdf, media_type="application/pdf")


@router.get("/engagements/{engagement}/labels.csv")
async def label_table(
    engagement: UUID, door: TheDoor, who: SignedIn, *, town: str, label: Only = None, roll: OfRoll = None
) -> Response:
    """List the labels of an engagement for the software of a label printer."""
    _, some = await _labels(door, who, town, engagement, label=label, roll=roll)
    return Response(
        labels.table(some, origin=settings().origin),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": 'attachment; filename="labels.csv"'},
    )


@router.post("/labels/bindings", status_code=201)
async def bind_label(body: Binding, door: TheDoor, who: Either) -> Response:
    """Put a label of a roll on the machine with this serial, medium's serial or property number."""
    label = scanned(body.label)
    drawn = await drawn_label(door, label, who)
    if drawn is None:
        raise unknown_label(label)

    async def do(tx: Transaction) -> Entry[Any]:
        return await bind_serial(tx, label, drawn.engagement, body.serial)

    return receipt(await door.act(drawn.tenant, who, do, ask=body))


@router.get("/cages/{cage}/manifest.pdf")
async def cage_manifest(cage: UUID, door: TheDoor, who: SignedIn, town: str) -> Response:
    """Print what was sealed into a cage, with the lines to sign."""
    given = settings()
    async with door.look(town, who) as connection:
        said = await manifest_of(connection, cage, given.origin)
    if said is None:
        raise Unknown(
            "no-cage",
            "このカゴ車はまだ封印されていません。封印してから、もう一度開いてください。",
            "This cage is not sealed yet. Seal it, then open this again.",
        )
    pictures = {one.sha256: await _shown(town, one.sha256) for one in said.shots}
    return Response(
        await asyncio.to_thread(manifest, said.showing(pictures), given.fonts), media_type="application/pdf"
    )


async def _shown(town: str, sha256: str) -> bytes:
    """Return what a paper shows of a photo; nothing when its original is gone, which the paper then says."""
    try:
        return await photos.shown(await blobs.get(town, sha256))
    except blobs.Missing:
        return b""


async def _labels(
    door: Door, who: Principal, town: str, engagement: UUID, *, label: str | None, roll: UUID | None
) -> tuple[str, list[Printed]]:
    """Return the town's name and the labels. Raises Unknown when there are none."""
    only = scanned(label).id if label else None
    async with door.look(town, who) as connection:
        if roll:
            some = await printed_roll(connection, engagement, roll)
        else:
            some = await printed(connection, engagement, only=only)
        name = await connection.scalar(text("SELECT name FROM parties WHERE party = :town"), {"town": town})
    if not some:
        raise Unknown(
            "no-labels",
            "この契約のラベルはまだありません。先に機器を登録してください。",
            "There are no labels yet. Register items first.",
        )
    return name or town, some
