"""The on-site session as pages: a room and its machines, racks by one scan, exceptions scanned out, progress live."""

import json
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from services.erasure import reading
from services.erasure.api.sessions import RACK_MAX, rack_named, remarked
from services.erasure.commands import racks
from services.erasure.domain.session import RACK_ITEMS_MAX, Rack, Session
from services.erasure.intake import TEXT_MAX
from services.erasure.pages import desk, posted
from shared.database import Transaction
from shared.door import Ask, Door, TheDoor, scanned
from shared.entry import Entry, Event
from shared.identity import Principal, SignedIn
from shared.ids import LABEL_INPUT_MAX, uuid7
from shared.refused import Refused, Unknown
from shared.web.forms import Form
from shared.web.guard import CSP_CAMERA
from shared.web.i18n import language
from shared.web.i18n import msgid as _
from shared.web.pages import render

router = APIRouter(prefix="/erasure/sessions", include_in_schema=False)

Out = Annotated[list[str], Query(max_length=RACK_ITEMS_MAX)]
LIST_MAX = RACK_ITEMS_MAX * (LABEL_INPUT_MAX + 1)


class Said(Ask):
    """What was said in a form, so that the same form sent twice is one step."""

    fields: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Place:
    """One machine of a rack: which, and what its reports prove."""

    label: str
    proved: bool
    is_out: bool
    is_stranger: bool = False  # the town has no such machine


@router.get("")
async def listed(request: Request, door: TheDoor, who: SignedIn, engagement: UUID | None = None) -> Response:
    """Show the sessions of a contract, and the form that opens one."""
    return await _listed(request, door, who, await desk.job(door, who, engagement))


async def _listed(
    request: Request,
    door: Door,
    who: Principal,
    at: desk.Job,
    *,
    form: Form | None = None,
    refusal: Refused | None = None,
) -> Response:
    there: list[Session] = []
    standing: list[tuple[str, str]] = []
    if at.current:
        async with door.look(at.current.town, who) as connection:
            there = await racks.sessions(connection, engagement=at.current.engagement)
            standing = await reading.witnesses_of(connection, at.current.town)
    code = 422 if form and form.errors else posted.status(refusal)
    return render(
        request,
        "sessions.html",
        code,
        job=at,
        sessions=there,
        standing=standing,
        form=form,
        refusal=refusal,
        may=who.has("worker", "centre-manager"),
        new_request=uuid7,
    )


@router.post("")
async def open_session(request: Request, door: TheDoor, who: desk.Worker) -> Response:
    """Open a session and go to its page."""
    async with request.form(max_files=0, max_fields=desk.FIELDS_MAX) as given:
        form = Form({key: value for key, value in given.items() if isinstance(value, str)})
    at = await desk.job(door, who, posted.as_uuid(form.value("engagement")))
    if at.current is None:
        raise Unknown
    here = at.current
    room = form.need("room", _("部屋"), longest=TEXT_MAX, example="第2会議室")
    machines = form.may("machines", _("消去に使う機器"), longest=TEXT_MAX).replace("、", ",")
    witness = form.may("witness", _("立会い"), longest=TEXT_MAX)
    if form.errors:
        return await _listed(request, door, who, at, form=form)

    async def do(tx: Transaction) -> Entry[Event]:
        named = [one.strip() for one in machines.split(",") if one.strip()]
        return await racks.open_session(tx, here.engagement, room=room, machines=named, witness=witness or None)

    try:
        entry = await door.act(here.town, who, do, ask=_ask(form))
    except Refused as refusal:
        return await _listed(request, door, who, at, form=form, refusal=refusal)
    return posted.to(f"/erasure/sessions/{entry.stream}", engagement=str(here.engagement))


@router.get("/{session}")
async def room(
    *,
    session: UUID,
    request: Request,
    door: TheDoor,
    who: SignedIn,
    engagement: UUID | None = None,
    rack: str = "",
    out: Out = [],  # noqa: B006 - FastAPI copies it
) -> Response:
    """Show the racks, and the one whose label was scanned with its machines."""
    at = await desk.job(door, who, engagement)
    return await _room(request, door, who, at, session, rack=_rack(rack), out=[one for one in out if one.strip()])


async def _room(
    request: Request,
    door: Door,
    who: Principal,
    at: desk.Job,
    session: UUID,
    *,
    rack: str = "",
    out: list[str] | None = None,
    typed: str = "",
    refusal: Refused | None = None,
) -> Response:
    if at.current is None:
        raise Unknown
    here = at.current
    leaving: list[str] = []
    async with door.look(here.town, who) as connection:
        found = await racks.sessions(connection, engagement=here.engagement, session=session)
        if not found:
            raise Unknown
        state = found[0]
        chosen = state.racks.get(rack)
        try:
            leaving = list(dict.fromkeys(scanned(one).id for one in out or []))
            await racks.items_of(connection, here.engagement, leaving)
        except Refused as wrong:
            refusal, leaving = refusal or wrong, [one for one in leaving if one != leaving[-1]]
        proofs = await racks.proofs(connection, [item for _, one in state.held for item in one.items])
        names = await reading.names(connection, [state.opened.operator, state.opened.witness or ""])
    places = _places(chosen, proofs, leaving) if chosen else []
    strangers = [one for one in leaving if one not in {place.label for place in places}]
    may = who.has("worker", "centre-manager")
    page = render(
        request,
        "rack.html",
        posted.status(refusal),
        job=at,
        session=state,
        rack=rack,
        chosen=chosen,
        places=places,
        leaving=[one for one in leaving if one not in strangers],
        strangers=strangers,
        counts={name: len(proofs.proved.intersection(one.items)) for name, one in state.racks.items()},
        remarks=remarked(state, language(request)),
        names=names,
        typed=typed,
        refusal=refusal,
        standing=json.dumps(_standing(state, proofs)),
        proved=lambda one: len(proofs.proved.intersection(one.items)),
        may=may,
        new_request=uuid7,
    )
    if may:
        page.headers["content-security-policy"] = CSP_CAMERA
    return page


def _standing(state: Session, proofs: racks.Proofs) -> dict[str, dict[str, Any]]:
    """Return what a device without network goes on from (rack.js)."""

    def labels(items: tuple[UUID, ...]) -> list[str]:
        return [proofs.labels.get(item, str(item)) for item in items]

    return {
        name: {"state": one.state, "in": [*labels(one.items), *one.strangers], "out": labels(one.exceptions)}
        for name, one in state.racks.items()
    }


def _places(rack: Rack, proofs: racks.Proofs, leaving: list[str]) -> list[Place]:
    labels = [(item, proofs.labels.get(item, "")) for item in rack.items]
    return [
        Place(label, item in proofs.proved, item in rack.exceptions or label in leaving) for item, label in labels
    ] + [Place(label, proved=False, is_out=False, is_stranger=True) for label in rack.strangers]


@router.post("/{session}")
async def step(session: UUID, request: Request, door: TheDoor, who: desk.Worker) -> Response:
    """Record that a rack was loaded, begun or done; a refusal keeps what was scanned."""
    async with request.form(max_files=0, max_fields=RACK_ITEMS_MAX + desk.FIELDS_MAX) as given:
        form = Form({key: value for key, value in given.items() if isinstance(value, str)})
        out = [one for one in given.getlist("out") if isinstance(one, str)][:RACK_ITEMS_MAX]
    at = await desk.job(door, who, posted.as_uuid(form.value("engagement")))
    if at.current is None:
        raise Unknown
    here, rack, typed = at.current, _rack(form.value("rack")), form.value("labels")[:LIST_MAX]

    async def do(tx: Transaction) -> Entry[Event]:
        labels = [scanned(one).id for one in (typed.split() if form.value("step") == "load" else out)]
        if form.value("step") == "load":
            return await racks.load(tx, here.engagement, session, rack, labels)
        items = await racks.items_of(tx.connection, here.engagement, labels)

        def decide(state: Session) -> Event:
            match form.value("step"):
                case "begin":
                    return state.begin(rack)
                case "close":
                    return state.close()
                case _:
                    return state.end(rack, items)

        return await racks.step(tx, here.engagement, session, decide)

    try:
        await door.act(here.town, who, do, ask=_ask(form, *out))
    except Refused as refusal:
        return await _room(request, door, who, at, session, rack=rack, out=out, typed=typed, refusal=refusal)
    return posted.to(f"/erasure/sessions/{session}", engagement=str(here.engagement), rack=rack)


def _rack(said: str) -> str:
    return rack_named(said)[:RACK_MAX]


def _ask(form: Form, *more: str) -> Said:
    fields = tuple(sorted((key, value) for key, value in form.typed.items() if key != "request"))
    return Said(
        request=posted.as_uuid(form.value("request")) or uuid7(), fields=(*fields, *(("out", one) for one in more))
    )
