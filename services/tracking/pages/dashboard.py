"""What a party sees first: both lines with their counts, what waits for it, where everything is; and the report."""

from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from services.tracking import reading
from services.tracking.pages.place import Place, ThePlace
from services.tracking.pages.words import CERTIFICATES, ITEM_KINDS, LOT_KINDS, MATERIALS, PLACES, STAGES
from shared.door import TheDoor
from shared.identity import Principal, SignedIn
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
    taken: bool = False  # counted by the town and not by the centre; else the other way round


@dataclass(frozen=True, slots=True)
class Waits:
    """Everything that may wait for somebody in an engagement."""

    place: Place
    today: date
    losses: list[reading.Lost]
    differences: list[reading.Difference]
    apart: list[Machine]
    due: list[reading.Awaited]
    asked: list[reading.Asked]
    cages: list[reading.Cage]
    broken: int
    doubt: reading.InDoubt | None
    on_its_way: int
    held: int


@router.get("/dashboard")
async def dashboard(request: Request, door: TheDoor, who: SignedIn, place: ThePlace) -> Response:
    """Show where everything of an engagement stands now."""
    here, today = place.here, tokyo_day(door.now())
    async with door.look(place.town, who) as connection:
        counts = await reading.overview(connection, here.engagement)
        life = await reading.second_life(connection, here.engagement)
        where = await reading.places(connection, here.engagement)
        lots = await reading.lot_places(connection, here.engagement)
        ways = await reading.destinations(connection, here.engagement)
        due = await reading.certificates(connection, here.engagement, today)
        open_ = [one for one in await reading.differences(connection) if one.outcome is None]
        asked = await reading.exceptions_asked(connection)
        lost = [one for one in await reading.losses(connection) if not one.ended]
        loaded = await reading.cages(connection, here.engagement)
        broken = await reading.broken(connection, here.engagement)
        doubt = await reading.in_doubt(connection, here.engagement)
        apart = await _machines(connection, counts.ready_not_taken_over, open_)
        apart += await _machines(connection, counts.taken_over_not_ready, open_, taken=True)
    total, held = sum(counts.items.values()), sum(counts.held.values())
    waits = Waits(place, today, lost, open_, apart, due, asked, loaded, broken, doubt, where["on-its-way"], held)
    return render(
        request,
        "dashboard.html",
        who=who,
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
        todo=_todo(who, waits),
        nodes=_nodes(ways, language(request)),
        now=door.now(),
        item_kinds=ITEM_KINDS,
        lot_kinds=LOT_KINDS,
        places=PLACES,
        certificates=CERTIFICATES,
        stages=STAGES,
    )


def _common(waits: Waits) -> list[dict[str, Any]]:
    """Name what waits for both parties; the template chooses the words by `what`."""
    named = f"?{waits.place.query}"
    found: list[dict[str, Any]] = [
        {
            "what": "loss",
            "of": one,
            "due": one.next_due,
            "left": (one.next_due[1] - waits.today).days if one.next_due else 0,
            "href": f"/losses/{one.reported.loss}{named}",
        }
        for one in waits.losses
    ]
    if waits.doubt:
        href = f"/erasure/recheck?engagement={waits.place.here.engagement}"
        found.append({"what": "recheck", "of": waits.doubt, "href": href})
    found += [{"what": "difference", "of": one, "href": f"/differences/{one.id}{named}"} for one in waits.differences]
    if unnamed := sum(one.difference is None for one in waits.apart):
        found.append({"what": "apart", "n": unnamed, "href": "#rec"})
    if waits.broken:
        found.append({"what": "broken", "n": waits.broken, "href": f"/items{named}&record=broken"})
    deadlines = f"/certificates/deadlines?{waits.place.query}"
    found += [
        {"what": "certificate", "of": one, "left": (one.due_on - waits.today).days, "href": deadlines}
        for one in waits.due
        if one.missing and one.due_on
    ]
    return found


def _todo(who: Principal, waits: Waits) -> list[dict[str, Any]]:
    """Name what waits for this reader, the most urgent first."""
    found, named = _common(waits), f"?{waits.place.query}"
    if who.has("approver"):
        found += [{"what": "approve", "of": one, "href": f"/items/{one.label}#exception"} for one in waits.asked]
    elif waits.asked:
        href = f"/items/{waits.asked[0].label}#exception"
        found.append({"what": "asked", "n": len(waits.asked), "href": href})
    if who.kind == "centre":
        waiting = sum(not one.shipped for one in waits.cages)
        coming = sum(one.shipped and not one.opened for one in waits.cages)
        found += [{"what": "hand-over", "n": waiting, "href": f"/cages{named}"}] if waiting else []
        found += [{"what": "receive", "n": coming, "href": f"/receiving{named}"}] if coming else []
    elif waits.on_its_way:
        found.append({"what": "take-over", "n": waits.on_its_way, "href": "/capture/taken-over"})
    if waits.held:
        found.append({"what": "held", "n": waits.held, "href": "#where"})
    return found


async def _machines(
    connection: AsyncConnection, labels: list[str], open_: list[reading.Difference], *, taken: bool = False
) -> list[Machine]:
    """Say of each machine that one party counted and the other did not, what its last record is."""
    named = {label: one.id for one in open_ for label, _kind in one.items if one.about == "delivery"}
    kinds, last = await reading.last_records(connection, labels)
    nothing_yet: tuple[str, datetime | None] = ("", None)
    machines = []
    for one in labels:
        kind, at = last.get(one, nothing_yet)
        machines.append(Machine(one, kinds[one], kind, at, named.get(one), taken))
    return machines


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
        nodes.append(Node("taken", gettext(_("町が受け取り")), taken, 2, "life"))
    if waiting:
        nodes.append(Node("waiting", gettext(_("未受け取り")), waiting, 2, "warn"))
    return nodes


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
