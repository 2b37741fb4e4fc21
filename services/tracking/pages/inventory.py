"""The inventory's page: a town's own list is read, looked at, registered; lots beside it, and the labels to print."""

import asyncio
import base64
import binascii
import zlib
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, Request
from pydantic import ValidationError
from sqlalchemy import text
from starlette.datastructures import UploadFile
from starlette.responses import Response

from services.tracking.commands import items
from services.tracking.domain import columns, inventory, table, workbook
from services.tracking.domain.row import OURS, Row
from services.tracking.pages.place import Place, ThePlace
from services.tracking.pages.words import LOT_KINDS
from shared.cells import written
from shared.database import Transaction
from shared.door import Door, TheDoor
from shared.entry import Entry
from shared.events.tracking import Mapped
from shared.identity import Principal, holding
from shared.refused import Invalid, Refused
from shared.web.asked import Asked, again, nothing
from shared.web.i18n import msgid as _
from shared.web.pages import render

router = APIRouter(include_in_schema=False)

WORKBOOK = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
PACKED_MAX = 14 * 1024 * 1024  # characters of a packed inventory in a hidden field

Clerk = Annotated[Principal, Depends(holding("clerk", "town-admin"))]


@router.get("/inventory")
async def show_inventory(request: Request, door: TheDoor, who: Clerk, place: ThePlace) -> Response:
    """Show where the town's own list is read in, and where its labels are printed."""
    return await _inventory(request, door, who, place, nothing(request))


@router.post("/inventory/preview")
async def preview(request: Request, door: TheDoor, who: Clerk, place: ThePlace) -> Response:
    """Read the file and show what it says; nothing is written yet."""
    asked = await Asked.of(request)
    sent = asked.form.typed.get("file")
    content = await sent.read(table.FILE_SIZE_MAX + 1) if isinstance(sent, UploadFile) else b""
    await request.close()  # the spooled file with it
    if not content:
        asked.form.wrong("file", _("物品台帳のファイル"), _("ファイルを選んでください。"))
        return await _inventory(request, door, who, place, asked)
    async with door.look(place.town, who) as connection:
        mapped = await items.mapped(connection, place.town)
    read = await asyncio.to_thread(inventory.read, content, mapped)
    return await _inventory(request, door, who, place, asked, read=read, packed=pack(content))


@router.post("/inventory/columns")
async def map_columns(request: Request, door: TheDoor, who: Clerk, place: ThePlace) -> Response:
    """Read the same file with what the clerk says of its columns and words; nothing is written yet."""
    asked = await Asked.of(request, part_max=PACKED_MAX)
    packed = asked.form.value("kept")[:PACKED_MAX]
    try:
        content, mapped = unpack(packed), _carried(asked)
        first = await asyncio.to_thread(inventory.read, content, mapped)
        said = columns.check(columns.merged(mapped, _answered(asked, first)))
        read = first if asked.form.errors else await asyncio.to_thread(inventory.read, content, said)
    except Refused as refusal:
        asked.refuse(refusal)
        return await _inventory(request, door, who, place, asked)
    return await _inventory(request, door, who, place, asked, read=read, packed=packed)


@router.post("/inventory")
async def register(request: Request, door: TheDoor, who: Clerk, place: ThePlace) -> Response:
    """Register what was previewed. A row with a fault stops the whole file, each fault with its line."""
    asked = await Asked.of(request, part_max=PACKED_MAX)
    packed = asked.form.value("packed")[:PACKED_MAX]
    read = inventory.Inventory()
    try:
        ask = asked.ask
        read = await asyncio.to_thread(inventory.read, unpack(packed), _carried(asked))
        async with door.look(place.town, who) as connection:
            await items.settle(connection, place.here.engagement, read)
        _refuse_unready(read, place)
        batch = items.table_batch(place.here.engagement, read.rows)

        async def do(tx: Transaction) -> list[Entry[Any]]:
            items.of_the_town(tx)
            if read.mapped != OURS:
                await items.remember_columns(tx, read.mapped)
            return await items.register(tx, place.here.engagement, batch, read.rows)

        entries = await door.act(place.town, who, do, ask=ask)
    except Refused as refusal:
        asked.refuse(refusal)
    else:
        first = entries[0].request
        if not entries[-1].replayed or (first and first.id == ask.request):  # new, or the same form sent again
            return again(f"/labels?{place.query}", "registered")
    return await _inventory(request, door, who, place, asked, read=read, packed=packed)


def _refuse_unready(read: inventory.Inventory, place: Place) -> None:
    """Raise Refused while a line has to be mended or the engagement is not open."""
    if read.faults or not read.rows:
        raise Refused(
            "inventory",
            "まだ登録できません。下の行を直して、もう一度読み込んでください。",
            "Nothing was registered. Correct the lines below and read the file again.",
        )
    if not place.here.open:
        raise Refused(
            "no-engagement",
            "この契約は期間外です。契約を確かめてください。",
            "This engagement is not open. Check its dates.",
        )


@router.get("/inventory/items.csv")
async def export(door: TheDoor, who: Clerk, place: ThePlace) -> Response:
    """Give out the engagement's inventory with its tracking IDs; read in again it registers nothing new."""
    rows = await _registered(door, who, place)
    content = await asyncio.to_thread(lambda: written(inventory.export(rows)))
    return _download(content, "text/csv; charset=utf-8", "inventory.csv", "物品台帳.csv")


@router.get("/inventory/items.xlsx")
async def export_workbook(door: TheDoor, who: Clerk, place: ThePlace) -> Response:
    """Give out the same table as a workbook of text."""
    rows = await _registered(door, who, place)
    content = await asyncio.to_thread(lambda: workbook.written(inventory.export(rows), inventory.choices()))
    return _download(content, WORKBOOK, "inventory.xlsx", "物品台帳.xlsx")


@router.get("/inventory/template.xlsx")
async def give_template(_who: Clerk) -> Response:
    """Give out an empty workbook with our heads, in which all that is typed stays text and fixed words are chosen."""
    content = await asyncio.to_thread(workbook.written, [[*columns.COLUMNS]], inventory.choices())
    return _download(content, WORKBOOK, "template.xlsx", "物品台帳のひな型.xlsx")


async def _registered(door: Door, who: Principal, place: Place) -> list[Row]:
    async with door.look(place.town, who) as connection:
        return await items.registered_rows(connection, place.here.engagement)


def _download(content: bytes, kind: str, ascii_name: str, name: str) -> Response:
    said = f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(name)}"
    return Response(content, media_type=kind, headers={"content-disposition": said})


def _carried(asked: Asked) -> Mapped:
    """Return the mapping that a form carries in its hidden field. Raises Invalid when it is broken."""
    try:
        return columns.check(Mapped.model_validate_json(asked.form.value("mapped") or "{}"))
    except ValidationError as broken:
        raise Invalid(
            "columns",
            "列の対応が失われました。もう一度ファイルを選んでください。",
            "What was said of the columns was lost on the way. Choose the file again.",
        ) from broken


def _answered(asked: Asked, read: inventory.Inventory) -> Mapped:
    """Return what the form says of the columns and words of a file; a column chosen twice is noted."""
    said: dict[str, str] = {}
    for name, head in columns.HEADS.items():
        chosen = asked.form.value(f"column-{name}")
        if chosen in read.heads and chosen in said:
            asked.form.wrong(
                f"column-{name}", head, _("この列は、もう別の列に選ばれています。別の列を選んでください。")
            )
        elif chosen in read.heads:
            said[chosen] = name
    asks = "column-item_kind" in asked.form.typed  # only then were the columns asked, and one left out is not read
    heads = {head: said.get(head, "") for head in read.heads if head} if asks else {}
    words: dict[str, dict[str, str]] = {}
    for nth, (name, word) in enumerate(_strange(asked)):
        if name in columns.WORDS and (meant := asked.form.value(f"word-{nth}")):
            words.setdefault(name, {})[word] = meant
    always = {name: asked.form.value(f"all-{name}") for name in columns.ALWAYS} if asks else {}
    return Mapped(columns=heads, words=words, always=always)


def _strange(asked: Asked) -> list[tuple[str, str]]:
    """Return the words that the form asked about: field and word, in its order."""
    names, words = asked.form.values("word-field"), asked.form.values("word-said")
    return list(zip(names, words, strict=False))[: columns.WORDS_MAX]


@router.post("/inventory/lots")
async def register_lot(request: Request, door: TheDoor, who: Clerk, place: ThePlace) -> Response:
    """Register things without media as one counted lot."""
    asked = await Asked.of(request)
    kind = asked.form.choice("kind", _("種類"), LOT_KINDS)
    count = asked.form.number("count", _("台数"), least=1, most=100_000)

    async def do(tx: Transaction) -> Entry[Any]:
        items.of_the_town(tx)
        return await items.register_lot(tx, place.here.engagement, kind, count)  # type: ignore[arg-type]  # one of LOT_KINDS

    if await asked.tried(lambda: door.act(place.town, who, do, ask=asked.ask)):
        return again(f"/inventory?{place.query}")
    return await _inventory(request, door, who, place, asked)


async def _inventory(
    request: Request,
    door: Door,
    who: Principal,
    place: Place,
    asked: Asked,
    *,
    read: inventory.Inventory | None = None,
    packed: str = "",
) -> Response:
    engagement, known = place.here.engagement, False
    guessed = columns.suggested(read.heads, read.mapped) if read else {}
    async with door.look(place.town, who) as connection:
        registered = await connection.scalar(
            text("SELECT count(*) FROM items WHERE engagement = :engagement"), {"engagement": engagement}
        )
        if read:
            await items.settle(connection, engagement, read)
        if read and (read.rows or read.again):
            known = not read.faults and await items.is_registered(connection, engagement, read.rows)
            if not known:
                read.faults += await items.registered_before(connection, engagement, read.rows)
                read.faults.sort(key=lambda fault: fault.line)
    return render(
        request,
        "inventory.html",
        asked.status,
        place=place,
        read=read,
        known=known,
        faults=read.faults[: inventory.FAULTS_SAID_MAX] if read else [],
        packed=packed,
        registered=registered,
        columns=columns.COLUMNS,
        needed=columns.NEEDED,
        head_of=columns.HEADS,
        asked_first=[name for name in columns.HEADS if name in guessed or columns.HEADS[name] in columns.NEEDED],
        asked_rest=[
            name
            for name in columns.HEADS
            if name not in guessed
            and columns.HEADS[name] not in columns.NEEDED
            and (not name[-1].isdecimal() or name.startswith("medium_serial"))
        ],
        guessed=guessed,
        strange=read.unknown.most_common(columns.WORDS_MAX) if read else [],
        meanings={name: columns.meanings(name) for name in columns.WORDS},
        always=columns.ALWAYS,
        lot_kinds=LOT_KINDS,
        **asked.said,
    )


def pack(content: bytes) -> str:
    """Return a file small enough to travel through a form's hidden field: what was previewed is what is registered."""
    return base64.urlsafe_b64encode(zlib.compress(content)).decode()


def unpack(packed: str) -> bytes:
    """Return the file again. Raises Invalid when it is not what `pack` made; never more than a file may have."""
    size_max = table.FILE_SIZE_MAX + 1
    unpacking = zlib.decompressobj()
    try:
        content = unpacking.decompress(base64.urlsafe_b64decode(packed), size_max)
    except (zlib.error, binascii.Error, ValueError):
        content = b""
    if not unpacking.eof and len(content) < size_max:
        raise Invalid(
            "no-file",
            "読み込んだファイルが失われました。もう一度ファイルを選んでください。",
            "The file was lost on the way. Choose it again.",
        )
    return content
