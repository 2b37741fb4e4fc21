"""The office: inventories, engagements, the policy table, people, and the platform's list of towns."""

import base64
import binascii
import unicodedata
import zlib
from datetime import date
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, Query, Request
from sqlalchemy import text
from starlette.datastructures import UploadFile
from starlette.responses import Response

from services.tracking import reading
from services.tracking.commands import items, parties
from services.tracking.domain import inventory
from services.tracking.domain.policy import mic_r2_12
from services.tracking.domain.roles import ROLES_OF
from services.tracking.municipalities import Municipality, municipalities, municipality
from services.tracking.pages.asked import Asked, again, nothing
from services.tracking.pages.place import Engagement, Place, ThePlace, engagements_of, set_desk
from services.tracking.pages.words import ASSURANCES, LEVELS, LOT_KINDS, POLICY_SOURCES, ROLES, ZONES
from shared.database import PLATFORM, Transaction, as_party
from shared.door import Door, TheDoor
from shared.entry import Entry
from shared.events.tracking import PolicySet
from shared.identity import Principal, SignedIn, holding
from shared.levels import Level
from shared.refused import Forbidden, Invalid, Refused
from shared.web.i18n import msgid as _
from shared.web.pages import render
from shared.web.wareki import tokyo_day

router = APIRouter(include_in_schema=False)

FOUND_MAX = 30  # municipalities shown for one search
FAULTS_MAX = 50  # problem rows shown at once
PACKED_MAX = 14 * 1024 * 1024  # characters of a packed inventory in a hidden field
NAME_MAX = 500

Clerk = Annotated[Principal, Depends(holding("clerk", "town-admin"))]
Operator = Annotated[Principal, Depends(holding("platform-operator"))]
Admin = Annotated[Principal, Depends(holding("town-admin", "centre-manager", "platform-operator"))]


@router.get("/inventory")
async def show_inventory(request: Request, door: TheDoor, who: Clerk, place: ThePlace) -> Response:
    """Show where the town's own list is read in, and where its labels are printed."""
    return await _inventory(request, door, who, place, nothing(request))


@router.post("/inventory/preview")
async def preview(request: Request, door: TheDoor, who: Clerk, place: ThePlace) -> Response:
    """Read the file and show what it says; nothing is written yet."""
    asked = await Asked.of(request)
    sent = asked.form.typed.get("file")
    content = await sent.read(inventory.FILE_SIZE_MAX + 1) if isinstance(sent, UploadFile) else b""
    await request.close()  # the spooled file with it
    if not content:
        asked.form.wrong("file", _("物品台帳のファイル"), _("ファイルを選んでください。"))
        return await _inventory(request, door, who, place, asked)
    return await _inventory(request, door, who, place, asked, read=inventory.read(content), packed=pack(content))


@router.post("/inventory")
async def register(request: Request, door: TheDoor, who: Clerk, place: ThePlace) -> Response:
    """Register what was previewed. A row with a fault stops the whole file, each fault with its line."""
    asked = await Asked.of(request, part_max=PACKED_MAX)
    packed = asked.form.value("packed")[:PACKED_MAX]
    read, content = inventory.Inventory(), b""
    try:
        content = unpack(packed)
        read = inventory.read(content)
        _refuse_unready(read, place)
        batch = parties.file_batch(place.here.engagement, content)

        async def do(tx: Transaction) -> list[Entry[Any]]:
            items.of_the_town(tx)
            return await items.register(tx, place.here.engagement, batch, read.rows)

        await door.act(place.town, who, do, ask=asked.ask)
    except Refused as refusal:
        asked.refuse(refusal)
    else:
        return again(f"/inventory?{place.query}", "registered")
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


@router.post("/inventory/lots")
async def register_lot(request: Request, door: TheDoor, who: Clerk, place: ThePlace) -> Response:
    """Register things without media as one counted lot."""
    asked = await Asked.of(request)
    kind = asked.form.choice("kind", _("種類"), LOT_KINDS)
    count = asked.form.number("count", _("台数"), least=1, most=100_000)
    if not asked.form.errors:

        async def do(tx: Transaction) -> Entry[Any]:
            items.of_the_town(tx)
            return await items.register_lot(tx, place.here.engagement, kind, count)  # type: ignore[arg-type]  # one of LOT_KINDS

        try:
            await door.act(place.town, who, do, ask=asked.ask)
        except Refused as refusal:
            asked.refuse(refusal)
        else:
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
    async with door.look(place.town, who) as connection:
        registered = await connection.scalar(
            text("SELECT count(*) FROM items WHERE engagement = :engagement"), {"engagement": place.here.engagement}
        )
    return render(
        request,
        "inventory.html",
        asked.status,
        place=place,
        read=read,
        faults=read.faults[:FAULTS_MAX] if read else [],
        packed=packed,
        registered=registered,
        columns=inventory.COLUMNS,
        needed=inventory.NEEDED,
        lot_kinds=LOT_KINDS,
        **asked.said,
    )


def pack(content: bytes) -> str:
    """Return a file small enough to travel through a form's hidden field: what was previewed is what is registered."""
    return base64.urlsafe_b64encode(zlib.compress(content)).decode()


def unpack(packed: str) -> bytes:
    """Return the file again. Raises Invalid when it is not what `pack` made; never more than a file may have."""
    size_max = inventory.FILE_SIZE_MAX + 1
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


@router.get("/engagements")
async def list_engagements(request: Request, door: TheDoor, who: SignedIn) -> Response:
    """List who may act for whom, until when."""
    return await _engagements(request, door, who, nothing(request))


@router.post("/engagements")
async def open_engagement(request: Request, door: TheDoor, who: SignedIn) -> Response:
    """Open an engagement of this town with a centre."""
    _only(who, "town-admin")
    asked = await Asked.of(request)
    form = asked.form
    given: dict[str, Any] = {
        "centre": form.need("centre", _("ITADセンター"), longest=64),
        "carrier": form.may("carrier", _("運送会社"), longest=64) or None,
        "title": form.need("title", _("事業の名前"), longest=NAME_MAX),
        "contract": form.need("contract", _("契約番号"), longest=NAME_MAX),
        "starts_on": _day(asked, "starts_on", _("始まりの日")),
        "ends_on": _day(asked, "ends_on", _("終わりの日")),
        "certificate_days": form.number(
            "certificate_days", _("証明書の提出期限（入庫からの日数）"), least=1, most=3650
        ),
    }
    if not form.errors:

        async def do(tx: Transaction) -> Entry[Any]:
            await parties.known_partners(tx, centre=given["centre"], carrier=given["carrier"])
            return await parties.open_engagement(tx, **given)

        try:
            await door.act(who.party, who, do, ask=asked.ask)
        except Refused as refusal:
            asked.refuse(refusal)
        else:
            return again("/engagements")
    return await _engagements(request, door, who, asked)


@router.post("/engagements/{engagement}/end")
async def end_engagement(request: Request, door: TheDoor, who: SignedIn, engagement: UUID) -> Response:
    """End an engagement now."""
    _only(who, "town-admin")
    asked = await Asked.of(request)
    try:
        await door.act(who.party, who, lambda tx: parties.end_engagement(tx, engagement), ask=asked.ask)
    except Refused as refusal:
        asked.refuse(refusal)
    else:
        return again("/engagements")
    return await _engagements(request, door, who, asked)


async def _engagements(request: Request, door: Door, who: Principal, asked: Asked) -> Response:
    there: list[Engagement] = await engagements_of(door, who)
    async with door.engine.connect() as connection:
        rows = list(
            await connection.execute(
                text("SELECT party, name, kind FROM parties WHERE kind IN ('centre', 'carrier') ORDER BY name")
            )
        )
    if who.kind == "town":
        await set_desk(request, door, who.party)
    return render(
        request,
        "engagements.html",
        asked.status,
        there=there,
        centres=[(row.party, row.name) for row in rows if row.kind == "centre"],
        carriers=[(row.party, row.name) for row in rows if row.kind == "carrier"],
        may=who.has("town-admin"),
        today=tokyo_day(door.now()),
        **asked.said,
    )


def _day(asked: Asked, name: str, label: str) -> date:
    typed = unicodedata.normalize("NFKC", asked.form.need(name, label, longest=10, example="2026-04-01"))
    try:
        return date.fromisoformat(typed)
    except ValueError:
        asked.form.wrong(name, label, _("書き方が違います。例のように入れてください。"), "2026-04-01")
        return date.min


@router.get("/policy")
async def show_policy(request: Request, door: TheDoor, who: SignedIn) -> Response:
    """Show the policy table in force as rows; what the guideline leaves open is marked."""
    return await _policy(request, door, who, nothing(request))


@router.post("/policy")
async def set_policy(request: Request, door: TheDoor, who: SignedIn) -> Response:
    """Put a new version of the table into force."""
    _only(who, "town-admin")
    asked = await Asked.of(request)
    version = asked.form.need("version", _("版の名前"), longest=100)
    on_site = asked.form.choice("on_site", _("役場で求める水準"), ("clear", "purge"))
    assurance = asked.form.choice("assurance", _("確かめ方"), ASSURANCES)
    if not asked.form.errors:

        async def do(tx: Transaction) -> Entry[Any]:
            rows = mic_r2_12(on_site=Level(on_site), assurance=assurance)  # type: ignore[arg-type]  # one of ASSURANCES
            return await parties.set_policy(tx, version=version, source="MIC R2.12", rows=rows)

        try:
            await door.act(who.party, who, do, ask=asked.ask)
        except Refused as refusal:
            asked.refuse(refusal)
        else:
            return again("/policy")
    return await _policy(request, door, who, asked)


async def _policy(request: Request, door: Door, who: Principal, asked: Asked) -> Response:
    there = await engagements_of(door, who)
    named = asked.request.query_params.get("town")
    towns = {one.town: one.town_name for one in there}
    town = who.party if who.kind == "town" else named if named in towns else next(iter(towns), None)

    async def look(tx: Transaction) -> PolicySet | None:
        try:
            return await parties.policy_in_force(tx)
        except Refused:
            return None  # none yet: the page says how to set one

    policy = await door.act(town, who, look) if town else None
    if town:
        await set_desk(request, door, town)
    return render(
        request,
        "policy.html",
        asked.status,
        policy=policy,
        town=towns.get(town or "", "") or who.who,
        may=who.kind == "town" and who.has("town-admin"),
        tables=POLICY_SOURCES,
        zones=ZONES,
        levels=LEVELS,
        assurances=ASSURANCES,
        **asked.said,
    )


@router.get("/towns")
async def list_towns(
    request: Request,
    door: TheDoor,
    who: Operator,
    q: Annotated[str, Query(max_length=60)] = "",
    code: Annotated[str, Query(max_length=6)] = "",
) -> Response:
    """List the towns, and find a municipality by code or name."""
    return await _towns(request, door, who, nothing(request), q=q, code=code)


@router.post("/towns")
async def add_town(request: Request, door: TheDoor, who: Operator) -> Response:
    """Add a municipality from the list; its name and reading come from there."""
    asked = await Asked.of(request)
    code = asked.form.need("code", _("団体コード"), longest=6)
    address = asked.form.may("address", _("住所"), longest=200) or None
    contact = asked.form.may("contact", _("窓口の電話とFax"), longest=200) or None
    if not asked.form.errors:
        try:
            found = municipality(code)
            party = f"town-{found.code}"

            async def do(tx: Transaction) -> Entry[Any]:
                return await parties.add_party(
                    tx, party, "town", found.name, code=found.code, kana=found.kana, address=address, contact=contact
                )

            founder = Principal(who.person, party, who.roles, who.kind, who.who)  # a party's first entry is its own
            await door.act(party, founder, do, ask=asked.ask)
        except Refused as refusal:
            asked.refuse(refusal)
        else:
            return again("/towns", "added")
    return await _towns(request, door, who, asked, code=code)


async def _towns(request: Request, door: Door, who: Operator, asked: Asked, *, q: str = "", code: str = "") -> Response:
    async with door.engine.connect() as connection:
        rows = await connection.execute(
            text("SELECT party, name, code, contact FROM parties WHERE kind = 'town' ORDER BY code")
        )
        there = list(rows)
    chosen = municipalities().get(code)
    return render(
        request,
        "towns.html",
        asked.status,
        there=there,
        q=q,
        found=_search(q),
        found_max=FOUND_MAX,
        chosen=chosen,
        added={row.code for row in there},
        who=who,
        **asked.said,
    )


def _search(q: str) -> list[Municipality]:
    """Return municipalities whose code, name or reading begins with or contains what was typed."""
    wanted = unicodedata.normalize("NFKC", q).strip().replace(" ", "")
    if not wanted:
        return []
    fitting = (
        one
        for one in municipalities().values()
        if one.code.startswith(wanted) or wanted in one.prefecture + one.name or one.kana.startswith(wanted)
    )
    return [one for one, _nth in zip(fitting, range(FOUND_MAX), strict=False)]


@router.get("/people")
async def list_people(request: Request, door: TheDoor, who: Admin) -> Response:
    """List the people of the reader's own party."""
    return await _people(request, door, who, nothing(request))


@router.post("/people")
async def enrol(request: Request, door: TheDoor, who: Admin) -> Response:
    """Put a person on the directory under a new reference; the same form sent again is the same person."""
    asked = await Asked.of(request)
    form = asked.form
    name = form.need("name", _("名前"), longest=NAME_MAX)
    title = form.may("title", _("所属・肩書"), longest=100) or None
    contact = form.may("contact", _("連絡先"), longest=200) or None
    roles = form.choices("roles", _("役割"), ROLES_OF[who.kind], least=1)
    ask = asked.ask
    person = parties.reference_of(who.party, ask.request)

    async def do(tx: Transaction) -> None:
        await parties.enrol(tx, person, name=name, title=title, contact=contact, roles=roles)

    if not form.errors:
        try:
            await door.act(who.party, who, do, ask=ask)
        except Refused as refusal:
            asked.refuse(refusal)
        else:
            return again("/people")
    return await _people(request, door, who, asked)


async def _people(request: Request, door: Door, who: Principal, asked: Asked) -> Response:
    async with door.engine.begin() as connection:
        await as_party(connection, tenant=who.party, party=who.party)
        there = await reading.people(connection, [who.party])
    if who.kind != PLATFORM:
        await set_desk(request, door, who.party)
    return render(
        request,
        "people.html",
        asked.status,
        there=there,
        roles=ROLES,
        own=ROLES_OF[who.kind],
        **asked.said,
    )


def _only(who: Principal, role: str) -> None:
    if role not in who.roles:
        raise Forbidden
