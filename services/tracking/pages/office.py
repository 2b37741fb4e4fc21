"""The office: people of a party, and the platform's list of towns."""

import unicodedata
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from sqlalchemy import text
from starlette.responses import Response

from services.tracking import reading
from services.tracking.commands import parties
from services.tracking.domain.roles import ROLES_OF
from services.tracking.municipalities import Municipality, municipalities, municipality
from services.tracking.pages.place import set_desk
from services.tracking.pages.words import ROLES
from shared.database import PLATFORM, Transaction, as_party
from shared.door import Door, TheDoor
from shared.entry import Entry
from shared.identity import Principal, holding
from shared.mail import EMAIL, EMAIL_EXAMPLE, EMAIL_LENGTH_MAX
from shared.web.asked import NAME_MAX, Asked, again, nothing
from shared.web.i18n import msgid as _
from shared.web.pages import render

router = APIRouter(include_in_schema=False)

FOUND_MAX = 30  # municipalities shown for one search

Operator = Annotated[Principal, Depends(holding("platform-operator"))]
Admin = Annotated[Principal, Depends(holding("town-admin", "centre-manager", "platform-operator"))]


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

    async def add() -> Entry[Any]:
        found = municipality(code)
        party = f"town-{found.code}"
        founder = Principal(who.person, party, who.roles, who.kind, who.who)  # a party's first entry is its own
        add_it = partial(
            parties.add_party,
            party=party,
            kind="town",
            name=found.name,
            code=found.code,
            kana=found.kana,
            address=address,
            contact=contact,
        )
        return await door.act(party, founder, add_it, ask=asked.ask)

    if await asked.tried(add):
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
    email = _email(asked, "email")
    roles = form.choices("roles", _("役割"), ROLES_OF[who.kind], least=1)
    ask = asked.ask
    person = parties.reference_of(who.party, ask.request)

    async def do(tx: Transaction) -> None:
        await parties.enrol(tx, person, name=name, title=title, contact=contact, email=email, roles=roles)

    if await asked.tried(lambda: door.act(who.party, who, do, ask=ask)):
        return again("/people")
    return await _people(request, door, who, asked)


@router.post("/people/email")
async def write_to(request: Request, door: TheDoor, who: Admin) -> Response:
    """Change the address of a person of the reader's own party; an empty one takes it away."""
    asked = await Asked.of(request)
    person = asked.form.need("person", _("名前"), longest=64)
    email = _email(asked, "address")
    change = partial(parties.write_to, person=person, email=email)
    if await asked.tried(lambda: door.act(who.party, who, change, ask=asked.ask)):
        return again("/people")
    return await _people(request, door, who, asked)


def _email(asked: Asked, name: str) -> str | None:
    said = asked.form.may(name, _("メールアドレス"), longest=EMAIL_LENGTH_MAX, pattern=EMAIL, example=EMAIL_EXAMPLE)
    return said or None


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
