"""What a party sees first: both lines with their counts, what waits for it, where everything is; and the report."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from services.tracking import reading, views
from services.tracking.commands import cages
from services.tracking.pages_asked import Asked, again, nothing
from services.tracking.pages_place import Place, ThePlace
from services.tracking.pages_words import ABOUT, CERTIFICATES, ITEM_KINDS, LOT_KINDS, MATERIALS, OUTCOMES, PLACES
from shared.database import Transaction
from shared.door import Door, TheDoor
from shared.entry import Entry
from shared.identity import Principal, SignedIn
from shared.refused import Refused, Unknown
from shared.web.figures import Node
from shared.web.i18n import Language, language, translator
from shared.web.i18n import msgid as _
from shared.web.pages import render
from shared.web.wareki import tokyo_day

router = APIRouter(include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Machine:
    """One machine that two counts disagree about."""

    label: str
    kind: str
    last_kind: str
    last_at: datetime | None
    difference: UUID | None  # when it was already named


@router.get("/dashboard")
async def dashboard(request: Request, door: TheDoor, who: SignedIn, place: ThePlace) -> Response:
    """Show where everything of an engagement stands now."""
    here = place.here
    async with door.look(place.town, who) as connection:
        counts = await views.overview(connection, here.engagement)
        life = await reading.second_life(connection, here.engagement)
        where = await reading.places(connection, here.engagement)
        lots = await reading.lot_places(connection, here.engagement)
        ways = await reading.destinations(connection, here.engagement)
        due = await reading.certificates(connection, here.engagement, here.certificate_days)
        open_ = [one for one in await reading.differences(connection) if one.outcome is None]
        asked = await reading.exceptions_asked(connection)
        loaded = await reading.cages(connection, here.engagement)
        apart = await _machines(connection, counts.not_delivered, open_)
    today = tokyo_day(door.now())
    total, held = sum(counts.items.values()), sum(counts.held.values())
    return render(
        request,
        "dashboard.html",
        place=place,
        counts=counts,
        total=total,
        held=held,
        second=life,
        where=where,
        lots=lots,
        ways=ways,
        due=due,
        today=today,
        apart=apart,
        todo=_todo(who, place, open_, asked, loaded, due, apart, today, held, where),
        nodes=_nodes(ways, language(request)),
        now=door.now(),
        item_kinds=ITEM_KINDS,
        lot_kinds=LOT_KINDS,
        places=PLACES,
        certificates=CERTIFICATES,
    )


def _todo(
    who: Principal,
    place: Place,
    open_: list[reading.Difference],
    asked: list[reading.Asked],
    loaded: list[reading.Cage],
    due: list[reading.Awaited],
    apart: list[Machine],
    today: date,
    held: int,
    where: dict[str, int],
) -> list[dict[str, Any]]:
    """Name what waits for this reader, the most urgent first; words are chosen by the template from `what`."""
    found: list[dict[str, Any]] = [
        {"what": "difference", "of": one, "href": f"/differences/{one.id}?{place.query}"} for one in open_
    ]
    unnamed = [one for one in apart if one.difference is None]
    if unnamed:
        found.append({"what": "apart", "n": len(unnamed), "href": "#rec"})
    for one in due:
        if one.missing and one.due_on:
            left = (one.due_on - today).days
            found.append({"what": "certificate", "of": one, "left": left, "href": "/certificates"})
    if who.has("approver"):
        found += [{"what": "approve", "of": one, "href": f"/items/{one.label}#exception"} for one in asked]
    elif asked:
        found.append({"what": "asked", "n": len(asked), "href": f"/items/{asked[0].label}#exception"})
    if who.kind == "centre":
        waiting = [one for one in loaded if not one.shipped]
        coming = [one for one in loaded if one.shipped and not one.opened]
        if waiting:
            found.append({"what": "hand-over", "n": len(waiting), "href": f"/cages?{place.query}"})
        if coming:
            found.append({"what": "receive", "n": len(coming), "href": f"/receiving?{place.query}"})
    elif where["on-its-way"]:
        found.append({"what": "take-over", "n": where["on-its-way"], "href": "/capture/taken-over"})
    if held:
        found.append({"what": "held", "n": held, "href": "#where"})
    return found


async def _machines(
    connection: AsyncConnection, labels: list[str], open_: list[reading.Difference]
) -> list[Machine]:
    """Say of each machine that one party counted and the other did not, what its last record is."""
    named = {label: one.id for one in open_ for label, _kind in one.items if one.about == "delivery"}
    kinds, last = await reading.last_records(connection, labels)
    return [Machine(one, kinds[one], *last.get(one, ("", None)), named.get(one)) for one in labels]


def _nodes(ways: dict[str, dict[str, int]], lang: Language) -> list[Node]:
    gettext = translator(lang)
    taken, waiting, recycled, left = (sum(ways[way].values()) for way in ("taken-over", "waiting", "recycled", "open"))
    reused = taken + waiting
    to = {"reused": reused, "recycled": recycled, "open": left}
    nodes = [
        Node("in", gettext(_("登録")), reused + recycled + left, 0, "data", {key: n for key, n in to.items() if n})
    ]
    if reused:
        after = {key: n for key, n in (("taken", taken), ("waiting", waiting)) if n}
        nodes.append(Node("reused", gettext(_("再生")), reused, 1, "life", after))
    if recycled:
        nodes.append(Node("recycled", gettext(_("再資源化")), recycled, 1, "gray"))
    if left:
        nodes.append(Node("open", gettext(_("行き先は未定")), left, 1, "gray"))
    if taken:
        nodes.append(Node("taken", gettext(_("町へ納品")), taken, 2, "life"))
    if waiting:
        nodes.append(Node("waiting", gettext(_("未納品")), waiting, 2, "warn"))
    return nodes


@router.get("/differences/{difference}")
async def difference(request: Request, door: TheDoor, who: SignedIn, place: ThePlace, difference: UUID) -> Response:
    """Show a difference by name, and how it may be closed."""
    return await _difference(request, door, who, place, difference, nothing(request))


@router.post("/differences/{difference}")
async def resolve(request: Request, door: TheDoor, who: SignedIn, place: ThePlace, difference: UUID) -> Response:
    """Close a difference by what resolved it."""
    asked = await Asked.of(request)
    outcome = asked.form.choice("outcome", _("どうなったか"), OUTCOMES)
    explanation = asked.form.need("explanation", _("説明"), longest=500)
    if not asked.form.errors:

        async def do(tx: Transaction) -> Entry[Any]:
            return await cages.resolve(tx, difference, outcome, explanation)  # type: ignore[arg-type]  # one of OUTCOMES

        try:
            await door.act(place.town, who, do, ask=asked.ask)
        except Refused as refusal:
            asked.refuse(refusal)
        else:
            return again(f"/differences/{difference}?{place.query}")
    return await _difference(request, door, who, place, difference, asked)


async def _difference(
    request: Request, door: Door, who: Principal, place: Place, difference: UUID, asked: Asked
) -> Response:
    async with door.look(place.town, who) as connection:
        found = await reading.differences(connection, only=difference)
        if not found:
            raise Unknown
        names = await reading.names_of(connection, [found[0].person, found[0].second])
    return render(
        request,
        "difference.html",
        asked.status,
        place=place,
        found=found[0],
        names=names,
        about=ABOUT,
        outcomes=OUTCOMES,
        item_kinds=ITEM_KINDS,
        **asked.said,
    )


@router.get("/reports")
async def report(request: Request, door: TheDoor, who: SignedIn, place: ThePlace) -> Response:
    """Show what became of the machines: reuse by kind, and what recycling gave back."""
    async with door.look(place.town, who) as connection:
        ways = await reading.destinations(connection, place.here.engagement)
        kg = await reading.weights(connection, place.here.engagement)
        given = (await reading.second_life(connection, place.here.engagement)).given
    return render(
        request,
        "reports.html",
        place=place,
        ways=ways,
        kg=kg,
        given=given,
        now=door.now(),
        item_kinds=ITEM_KINDS,
        materials=MATERIALS,
    )

