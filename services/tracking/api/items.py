"""Items and lots: registered from the town's list, labelled, scanned, decided, looked at."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, File, Form, Query, UploadFile
from fastapi import Request as HttpRequest
from fastapi.encoders import jsonable_encoder
from pydantic import ValidationError
from sqlalchemy import text
from starlette.responses import JSONResponse, Response

from services.tracking import reading, views
from services.tracking.api.roles import Approver, Clerk, Worker
from services.tracking.api.shapes import (
    Decision,
    Exemption,
    NewLot,
    Recycling,
)
from services.tracking.commands import items
from services.tracking.domain import columns, inventory, table
from services.tracking.domain.row import Row
from services.tracking.reading.rolls import unresolved
from shared.database import Transaction
from shared.door import Ask, Found, GivenLabel, TheDoor, receipt
from shared.entry import Entry
from shared.events.tracking import Mapped
from shared.identity import SignedIn
from shared.refused import Invalid, Unknown
from shared.web.i18n import language

LIST_MAX = 500  # items of one page of the list
PAGES_MAX = 10_000
MAPPING_SIZE_MAX = 200_000  # characters

router = APIRouter()


@router.post("/inventories", status_code=201)
async def register_inventory(
    *,
    door: TheDoor,
    who: Clerk,
    engagement: Annotated[UUID, Form()],
    request: Annotated[UUID, Form()],
    file: Annotated[UploadFile, File()],
    mapping: Annotated[str, Form(max_length=MAPPING_SIZE_MAX)] = "",
    preview: Annotated[bool, Query()] = False,
) -> Response:
    """Register the town's own list, a CSV or a workbook (.xlsx: its first visible sheet with a cell).

    Every problem row is named first; with one, nothing is written.

    `mapping` is JSON: {"columns": {their head: our field}, "words": {our field: {their word: its meaning}}, "always":
    {"zone" or "confidentiality": what every row means in a list without the column}}. It is
    remembered for the town when the list is registered; without it the remembered one holds.
    """
    content = await file.read(table.FILE_SIZE_MAX + 1)
    said = _mapping(mapping)
    async with door.look(who.party, who) as connection:
        known = await items.mapped(connection, who.party)
    read = await asyncio.to_thread(inventory.read, content, columns.merged(known, said) if said else known)
    async with door.look(who.party, who) as connection:
        await items.settle(connection, engagement, read)
        if preview:
            if not await items.is_registered(connection, engagement, read.rows):
                read.faults += await items.registered_before(connection, engagement, read.rows)
            return JSONResponse(_previewed(read))
    if read.faults:
        raise inventory.refusal(read.faults)
    if read.again and not read.rows:
        return JSONResponse({"items": []}, 200)
    if not read.rows:
        raise Invalid(
            "inventory", "登録する行がありません。ファイルを確かめてください。", "There are no rows to register."
        )
    ask = Ask(request=request)
    entries = await door.act(who.party, who, lambda tx: _register(tx, engagement, read.rows, said), ask=ask)
    replayed = all(entry.replayed for entry in entries)
    return JSONResponse({"items": [_registered(entry) for entry in entries]}, 200 if replayed else 201)


@router.post("/lots", status_code=201)
async def register_lot(body: NewLot, door: TheDoor, who: Clerk) -> Response:
    """Register a counted lot."""

    async def register(tx: Transaction) -> Entry[Any]:
        await _own_engagement(tx, body.engagement)
        return await items.register_lot(tx, body.engagement, body.kind, body.count)

    return receipt(await door.act(who.party, who, register, ask=body))


@router.post("/items/{label}/exception", status_code=201)
async def request_exception(label: GivenLabel, body: Exemption, door: TheDoor, who: Worker) -> Response:
    """Ask that a medium which cannot be erased on site may leave."""

    async def do(tx: Transaction, found: Found) -> Entry[Any]:
        medium = body.medium or await items.only_medium(tx, found.item)
        return await items.request_exception(tx, found.item, medium, reason=body.reason, witness=body.witness)

    return receipt(await door.act_on(label, who, do, ask=body))


@router.post("/items/{label}/exception/approval", status_code=201)
async def approve_exception(label: GivenLabel, body: Decision, door: TheDoor, who: Approver) -> Response:
    """Allow it, as another person."""

    async def do(tx: Transaction, found: Found) -> Entry[Any]:
        return await items.approve_exception(tx, body.medium or await items.only_medium(tx, found.item))

    return receipt(await door.act_on(label, who, do, ask=body))


@router.post("/items/{label}/candidate", status_code=201)
async def name_candidate(label: GivenLabel, body: Decision, door: TheDoor, who: Worker) -> Response:
    """Name the chassis a candidate for a second life."""
    return receipt(await door.act_on(label, who, lambda tx, found: items.name_candidate(tx, found.item), ask=body))


@router.post("/items/{label}/recycling", status_code=201)
async def choose_recycling(label: GivenLabel, body: Recycling, door: TheDoor, who: Worker) -> Response:
    """Send the chassis to material recycling."""

    async def do(tx: Transaction, found: Found) -> Entry[Any]:
        return await items.choose_recycling(tx, found.item, body.reason)

    return receipt(await door.act_on(label, who, do, ask=body))


@router.get("/items")
async def list_items(
    door: TheDoor,
    who: SignedIn,
    town: str,
    engagement: UUID,
    page: Annotated[int, Query(ge=1, le=PAGES_MAX)] = 1,
) -> JSONResponse:
    """List the items of an engagement, 500 a page; `next` is the page after this one, null after the last."""
    async with door.look(town, who) as connection:
        rows = await connection.execute(
            text(
                "SELECT label, item, kind, data FROM items WHERE engagement = :engagement "
                "ORDER BY data->>'asset_number', label LIMIT :most OFFSET :start"
            ),
            {"engagement": engagement, "most": LIST_MAX + 1, "start": (page - 1) * LIST_MAX},
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
    more = len(listed) > LIST_MAX
    return JSONResponse({"items": listed[:LIST_MAX], "next": page + 1 if more else None})


@router.get("/items/{label}")
async def show_item(label: GivenLabel, http: HttpRequest, door: TheDoor, who: SignedIn) -> JSONResponse:
    """Tell an item's story, and what it still needs before it may leave."""
    if (found := (await door.resolve_all([label], who)).get(label.id)) is None:
        raise await unresolved(door, label, who)

    japanese = language(http) == "ja"

    async def look(tx: Transaction) -> dict[str, Any]:
        lacking = await items.missing_before_ship_out(tx, found.item)
        return {
            "item": found.item,
            "story": [asdict(one) for one in await views.story(tx.connection, found.item)],
            "missing_before_ship_out": [one.ja if japanese else one.en for one in lacking],
        }

    return _json(await door.act(found.tenant, who, look, device=found.item))


@router.get("/overview")
async def overview(door: TheDoor, who: SignedIn, town: str, engagement: UUID) -> JSONResponse:
    """Count where everything of an engagement is."""
    async with door.look(town, who) as connection:
        return _json(asdict(await reading.overview(connection, engagement)))


def _mapping(said: str) -> Mapped | None:
    """Read the mapping of a form field. Raises Invalid when it is none."""
    if not said:
        return None
    try:
        return columns.check(Mapped.model_validate_json(said))
    except ValidationError as broken:
        raise Invalid(
            "columns",
            '列の対応が読めません。JSONで {"columns": {"町の列": "こちらの列"}} の形にしてください。',
            'The mapping cannot be read. Give JSON such as {"columns": {"their head": "our field"}}.',
            field="mapping",
        ) from broken


def _previewed(read: inventory.Inventory) -> dict[str, Any]:
    """Answer a preview: how many rows, each fault, and what may be said of columns and words, if anything."""
    faults = sorted(read.faults, key=lambda fault: fault.line)
    told: dict[str, Any] = {"rows": len(read.rows), "faults": [asdict(fault) for fault in faults]}
    if read.sheet:
        told |= {"sheet": read.sheet, "sheets_not_read": list(read.beside)}
    if read.assumed:
        told["assumed"] = {name: read.mapped.always[name] for name in read.assumed}
    if read.again:
        told["registered"] = read.again
    if read.is_asking:
        guessed = columns.suggested(read.heads, read.mapped)
        words: defaultdict[str, list[str]] = defaultdict(list)
        for name, word in read.unknown:
            words[name].append(word)
        told["ask"] = {"heads": read.heads, "columns": {head: name for name, head in guessed.items()}, "words": words}
    return told


async def _register(tx: Transaction, engagement: UUID, rows: Sequence[Row], said: Mapped | None) -> list[Entry[Any]]:
    await _own_engagement(tx, engagement)
    if said:
        await items.remember_columns(tx, said)
    return await items.register(tx, engagement, items.table_batch(engagement, rows), rows)


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
