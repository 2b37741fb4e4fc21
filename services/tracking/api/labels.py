"""What is printed: sheets and single labels, a table for label software, the manifest of a cage."""

import asyncio
from typing import Annotated, Literal
from uuid import UUID

from fastapi import APIRouter, Query
from sqlalchemy import text
from starlette.responses import Response

from services.tracking import labels
from services.tracking.labels import OFFSET_MAX, SIZES, Printed
from services.tracking.labels.manifest import manifest
from services.tracking.reading.manifest import manifest_of
from services.tracking.reading.printing import printed
from shared.door import Door, TheDoor, scanned
from shared.identity import Principal, SignedIn
from shared.ids import LABEL_INPUT_MAX
from shared.refused import Invalid, Unknown
from shared.settings import settings

Offset = Annotated[int, Query(ge=-OFFSET_MAX, le=OFFSET_MAX, description="tenths of a mm")]
Only = Annotated[str | None, Query(max_length=LABEL_INPUT_MAX, description="one label instead of all")]
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
) -> Response:
    """Print the labels of an engagement."""
    if start >= SIZES[size].per_page:
        raise Invalid(
            "start",
            f"この用紙のラベルは1枚に{SIZES[size].per_page}面です。使い終えた面の数を確かめてください。",
            f"This paper has {SIZES[size].per_page} labels a sheet. Check how many are used.",
            field="start",
        )
    name, some = await _labels(door, who, town, engagement, label)
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
async def label_table(engagement: UUID, door: TheDoor, who: SignedIn, town: str, label: Only = None) -> Response:
    """List the labels of an engagement for the software of a label printer."""
    _, some = await _labels(door, who, town, engagement, label)
    return Response(
        labels.table(some, origin=settings().origin),
        media_type="text/csv; charset=utf-8",
        headers={"content-disposition": 'attachment; filename="labels.csv"'},
    )


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
    return Response(await asyncio.to_thread(manifest, said, given.fonts), media_type="application/pdf")


async def _labels(
    door: Door, who: Principal, town: str, engagement: UUID, label: str | None
) -> tuple[str, list[Printed]]:
    """Return the town's name and the labels. Raises Unknown when there are none."""
    only = scanned(label).id if label else None
    async with door.look(town, who) as connection:
        some = await printed(connection, engagement, only=only)
        name = await connection.scalar(text("SELECT name FROM parties WHERE party = :town"), {"town": town})
    if not some:
        raise Unknown(
            "no-labels",
            "この契約のラベルはまだありません。先に機器を登録してください。",
            "There are no labels yet. Register items first.",
        )
    return name or town, some
