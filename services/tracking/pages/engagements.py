"""What a town has agreed on: its engagements with centres, and the policy table in force."""

import unicodedata
from datetime import date
from functools import partial
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from sqlalchemy import text
from starlette.responses import Response

from services.tracking import reading
from services.tracking.commands import parties
from services.tracking.domain.policy import guideline_rows
from services.tracking.pages.place import Engagement, engagements_of, set_desk
from services.tracking.pages.words import (
    ASSURANCES,
    DAYS_KINDS,
    LEVELS,
    POLICY_FIELDS,
    POLICY_GRADES,
    POLICY_SOURCES,
    ZONES,
)
from shared.database import Transaction
from shared.door import Door, TheDoor
from shared.entry import Entry
from shared.events.tracking import PolicySet
from shared.identity import Principal, SignedIn
from shared.levels import Level
from shared.refused import Forbidden, Refused, Unknown
from shared.web.asked import NAME_MAX, Asked, again, nothing
from shared.web.i18n import msgid as _
from shared.web.pages import render
from shared.web.wareki import tokyo_day

router = APIRouter(include_in_schema=False)


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
        "certificate_days_kind": form.choice("certificate_days_kind", _("日数の数え方"), DAYS_KINDS),
        "certificate_by": _day(asked, "certificate_by", _("契約で決めた提出期限の日"))
        if form.value("certificate_by").strip()
        else None,
    }
    open_it = partial(parties.open_engagement, **given)
    if await asked.tried(lambda: door.act(who.party, who, open_it, ask=asked.ask)):
        return again("/engagements")
    return await _engagements(request, door, who, asked)


@router.get("/engagements/{engagement}/end")
async def ask_to_end(request: Request, door: TheDoor, who: SignedIn, engagement: UUID) -> Response:
    """Say what ends with an engagement, before anything does."""
    _only(who, "town-admin")
    return await _end(request, door, who, nothing(request), engagement)


@router.post("/engagements/{engagement}/end")
async def end_engagement(request: Request, door: TheDoor, who: SignedIn, engagement: UUID) -> Response:
    """End an engagement now, once it is said that this was meant."""
    _only(who, "town-admin")
    asked = await Asked.of(request)
    asked.form.choice("confirm", _("確かめること"), ("yes",))
    end_it = partial(parties.end_engagement, engagement=engagement)
    if await asked.tried(lambda: door.act(who.party, who, end_it, ask=asked.ask)):
        return again("/engagements", "ended")
    return await _end(request, door, who, asked, engagement)


async def _end(request: Request, door: Door, who: Principal, asked: Asked, engagement: UUID) -> Response:
    one = next((one for one in await engagements_of(door, who) if one.engagement == engagement), None)
    if one is None or one.town != who.party:
        raise Unknown(
            "no-engagement",
            "この契約は登録されていません。契約の一覧を確かめてください。",
            "There is no such engagement. Check the list of engagements.",
        )
    async with door.look(who.party, who) as connection:
        still_open = await reading.still_open(connection, engagement)
    await set_desk(request, door, who.party)
    return render(request, "end.html", asked.status, one=one, still_open=still_open, **asked.said)


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
        days_kinds=DAYS_KINDS,
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
    source = asked.form.choice("source", _("もとの基準"), POLICY_SOURCES)
    on_site = asked.form.choice("on_site", _("役場で求める水準"), ("clear", "purge"))
    assurance = asked.form.choice("assurance", _("確かめ方"), ASSURANCES)

    async def do(tx: Transaction) -> Entry[Any]:
        rows = guideline_rows(source, on_site=Level(on_site), assurance=assurance)  # type: ignore[arg-type]  # both are choices of the form
        return await parties.set_policy(tx, version=version, source=source, rows=rows)

    if await asked.tried(lambda: door.act(who.party, who, do, ask=asked.ask)):
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
        grades=POLICY_GRADES,
        fields=POLICY_FIELDS,
        zones=ZONES,
        levels=LEVELS,
        assurances=ASSURANCES,
        **asked.said,
    )


def _only(who: Principal, role: str) -> None:
    if role not in who.roles:
        raise Forbidden
