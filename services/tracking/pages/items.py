"""The list of an engagement's devices, and the page of one: what is missing, its facts, its way, what may be done."""

import re
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from services.tracking import reading, views
from services.tracking.commands import differences, explanations, losses, scans
from services.tracking.commands import items as commands
from services.tracking.domain import item as domain
from services.tracking.domain.columns import HEADS, MEDIA
from services.tracking.domain.conformance import WORDS as BREAKS
from services.tracking.domain.conformance import Breach, Code
from services.tracking.domain.row import CAPACITY_MAX
from services.tracking.domain.width import plain
from services.tracking.pages.asked import Asked, again, nothing
from services.tracking.pages.lines import Lines, Moment, lines
from services.tracking.pages.place import ThePlace, set_desk
from services.tracking.pages.words import CERTIFICATES, EVENTS, ITEM_KINDS, LEVELS, MEDIUM_KINDS, PLACES, STEPS, ZONES
from services.tracking.reading.rolls import unresolved
from shared import ledger
from shared.database import Transaction
from shared.door import Door, Found, GivenLabel, TheDoor
from shared.entry import Entry
from shared.events.tracking import ItemRegistered, Medium
from shared.identity import Principal, SignedIn
from shared.ids import Label, derived
from shared.levels import Level
from shared.refused import Forbidden, Invalid, Refused
from shared.web.forms import Form
from shared.web.i18n import msgid as _
from shared.web.pages import render

router = APIRouter(include_in_schema=False)

Act = Literal[
    "exception",
    "approval",
    "take-over",
    "candidate",
    "recycling",
    "difference",
    "sighting",
    "loss",
    "correction",
    "explanation",
]
ALLOWED: dict[Act, tuple[str, ...]] = {
    "exception": ("worker", "centre-manager"),
    "approval": ("approver",),
    "take-over": ("clerk", "town-admin"),
    "candidate": ("worker", "centre-manager"),
    "recycling": ("worker", "centre-manager"),
    "difference": ("clerk", "town-admin", "worker", "centre-manager"),
    "sighting": ("clerk", "town-admin", "worker", "centre-manager"),
    "loss": ("clerk", "town-admin", "worker", "centre-manager"),
    "correction": ("clerk", "town-admin"),
    "explanation": ("clerk", "town-admin"),
}
OF_MEDIUM: Mapping[domain.MediumField, str] = {
    "serial": _("製造番号"),
    "kind": _("種別"),
    "maker": _("メーカー"),
    "model": _("型名"),
    "capacity_gb": _("容量（GB）"),
}
PERSONS = ("operator", "witness", "approver", "verifier", "second")  # of an entry, as references
PAGES_MAX = 10_000
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
Short = Annotated[str, Query(max_length=40)]


@dataclass(frozen=True, slots=True)
class Looked:
    """One medium with what is proved of it, asked of it and still missing before it may leave."""

    medium: Medium
    proved: Level | None
    missing: bool
    requested: dict[str, Any] | None
    approved: bool


@dataclass(frozen=True, slots=True)
class Known:
    """An item's own state with what is known of each of its media."""

    state: domain.Item
    media: tuple[Looked, ...]


@dataclass(frozen=True, slots=True)
class Whole:
    """Everything the page of a device shows."""

    registered: ItemRegistered
    state: domain.Item
    media: tuple[Looked, ...]
    missing: tuple[domain.Lack, ...]
    story: list[views.Happened]
    lines: Lines
    kinds: frozenset[str]
    names: dict[str, str]
    parties: dict[str, str]
    people: list[reading.Person]
    lost: bool
    certified: bool
    explained: dict[tuple[UUID, str], reading.Explained]

    @property
    def open_flags(self) -> list[tuple[UUID, Code]]:
        """The flags nobody has explained, oldest fact first."""
        return [
            (one.entry, code) for one in self.story for code in one.breaks if (one.entry, code) not in self.explained
        ]


@router.get("/items")
async def list_items(
    request: Request,
    door: TheDoor,
    who: SignedIn,
    place: ThePlace,
    *,
    step: Short = "",
    at: Annotated[str, Query(max_length=40, alias="place")] = "",
    kind: Short = "",
    record: Short = "",
    page: Annotated[int, Query(ge=1, le=PAGES_MAX)] = 1,
) -> Response:
    """List the devices of an engagement, filtered by how far they have come, where they are and what does not fit."""
    async with door.look(place.town, who) as connection:
        total, rows = await reading.items(
            connection, place.here.engagement, step=step, place=at, kind=kind, record=record, page=page
        )
    return render(
        request,
        "items.html",
        place=place,
        rows=rows,
        total=total,
        page=page,
        pages=max(1, ceil(total / reading.PAGE_SIZE)),
        step=step,
        at=at,
        kind=kind,
        record=record,
        stations={one.label: _station(one) for one in rows},
        steps=STEPS,
        places=PLACES,
        item_kinds=ITEM_KINDS,
    )


def _station(listed: reading.Listed) -> str:
    """Return the last word that fits a device in the list."""
    order = {
        "given": listed.place == "given",
        "taken-over": "tracking.taken-over.v1" in listed.kinds,
        "recycled": "refurb.recycled.v1" in listed.kinds,
        "ready": "refurb.ready.v1" in listed.kinds,
        "closed": "tracking.custody-closed.v1" in listed.kinds,
        "destroyed": "erasure.medium-destroyed.v1" in listed.kinds,
        "received": "tracking.received.v1" in listed.kinds,
        "shipped-out": "tracking.shipped-out.v1" in listed.kinds,
        "erased": "erasure.medium-erased.v1" in listed.kinds,
    }
    return next((word for word, so in order.items() if so), "registered")


@router.get("/items/{label}")
async def show(request: Request, door: TheDoor, who: SignedIn, label: GivenLabel) -> Response:
    """Show one device."""
    return await _show(request, door, who, label, nothing(request))


@router.post("/items/{label}/{act}")
async def act(request: Request, door: TheDoor, who: SignedIn, label: GivenLabel, act: Act) -> Response:
    """Do one thing about a device, or say why not on its page."""
    if who.roles.isdisjoint(ALLOWED[act]):
        raise Forbidden
    asked = await Asked.of(request)
    do = _decided(act, asked)
    if await asked.tried(lambda: door.act_on(label, who, do, ask=asked.ask)):
        return again(f"/items/{label.id}")
    return await _show(request, door, who, label, asked)


def _decided(act: Act, asked: Asked) -> Callable[[Transaction, Found], Awaitable[Entry[Any]]]:
    """Read the fields of an act and return what it does."""
    form = asked.form
    if act == "exception":
        reason = form.need("reason", _("消去できない理由"), longest=500)
        other = form.need("witness", _("立会いの職員"), longest=64)
        return lambda tx, found: _ask_exception(tx, found.item, form.value("medium"), reason=reason, witness=other)
    if act == "difference":
        reason = form.need("reason", _("差の理由"), longest=500)
        other = form.need("second", _("確かめたもう一人"), longest=64)
        return lambda tx, found: differences.find_difference(tx, found.item, reason=reason, second=other)
    if act == "loss":
        reason = form.need("lost", _("何が起きたか"), longest=500)
        return lambda tx, found: losses.report_loss(tx, found.item, reason=reason)
    if act in ("correction", "explanation"):
        return _correction(form) if act == "correction" else _explanation(form)
    if act == "recycling":
        why = form.may("why", _("再資源化にまわす理由"), longest=200) or None
        return lambda tx, found: _recycle(tx, found.item, why)
    acts: dict[Act, Callable[[Transaction, Found], Awaitable[Entry[Any]]]] = {
        "approval": lambda tx, found: _approve(tx, found.item, form.value("medium")),
        "take-over": lambda tx, found: _take_over(tx, found.item, asked),
        "candidate": lambda tx, found: commands.name_candidate(tx, found.item),
        "sighting": lambda tx, found: losses.sight(tx, found.item),
    }
    return acts[act]


def _explanation(form: Form) -> Callable[[Transaction, Found], Awaitable[Entry[Any]]]:
    """Read which flag, as `<fact>.<code>`, is explained, why, and who else looked."""
    fact, _dot, said = form.value("flag").partition(".")
    form.labels |= {"flag": _("説明するところ"), "second": _("いっしょに確かめた人")}
    code = next((one for one in BREAKS if one == said), None)
    reason = form.need("explained", _("説明"), longest=500)
    second = form.may("beside", _("いっしょに確かめた人"), longest=64) or None
    if code is None or not _UUID.fullmatch(fact):
        form.choice("flag", _("説明するところ"), ())
        fact, code = str(UUID(int=0)), "not-ready"

    async def do(tx: Transaction, found: Found) -> Entry[Any]:
        breach = Breach(UUID(fact), code)
        try:
            return await explanations.explain(tx, found.item, breach, reason=reason, second=second)
        except Invalid as refusal:
            named = "beside" if refusal.detail.get("field") == "second" else ""
            raise Invalid(refusal.code, refusal.ja, refusal.en, field=named) from refusal

    return do


def _correction(form: Form) -> Callable[[Transaction, Found], Awaitable[Entry[Any]]]:
    """Read what is corrected: a value of the device, or, as `<medium>.<value>`, of one of its media."""
    said = form.value("corrected")
    medium, _dot, of_medium = said.partition(".")
    form.labels["corrected"] = _("訂正する項目")
    now = form.may("value", _("正しい値"), longest=200) or None
    reason = form.need("because", _("訂正の理由"), longest=500)
    if said in domain.CORRECTABLE:
        return lambda tx, found: commands.correct(tx, found.item, said, now, reason)
    field = next((one for one in domain.CORRECTABLE_OF_MEDIUM if one == of_medium), None)
    if field is None or not _UUID.fullmatch(medium):
        form.choice("corrected", _("訂正する項目"), ())
        return lambda tx, found: commands.correct(tx, found.item, said, now, reason)
    value = _of_medium(form, field, now)
    return lambda tx, found: commands.correct_medium(tx, found.item, UUID(medium), name=field, now=value, reason=reason)


def _of_medium(form: Form, name: domain.MediumField, said: str | None) -> str | int | None:
    """Return what was typed as the value that it is; a number or a word that cannot be is noted."""
    word = _("正しい値")
    if name == "capacity_gb":
        return form.number("value", word, least=1, most=CAPACITY_MAX) if said else None
    if name == "kind":
        kind = MEDIA.get(plain(said or "").upper()) or MEDIA.get(plain(said or ""))
        if kind in (None, "none"):
            form.wrong("value", word, _("HDD・SSD・NVMe・不明のどれかを入れてください。"))
        return kind
    if name == "serial" and not said:
        form.wrong("value", word, _("入れてください。"))
    return plain(said) if name == "serial" and said else said


async def _ask_exception(tx: Transaction, item: UUID, said: str, *, reason: str, witness: str) -> Entry[Any]:
    medium = await _medium(tx, item, said)
    return await commands.request_exception(tx, item, medium, reason=reason, witness=witness)


async def _approve(tx: Transaction, item: UUID, said: str) -> Entry[Any]:
    return await commands.approve_exception(tx, await _medium(tx, item, said))


async def _recycle(tx: Transaction, item: UUID, why: str | None) -> Entry[Any]:
    try:
        return await commands.choose_recycling(tx, item, why)
    except Refused as refusal:
        if refusal.code != "leased":
            raise
        raise Invalid(refusal.code, refusal.ja, refusal.en, field="why") from refusal  # said beside the field


async def _take_over(tx: Transaction, item: UUID, asked: Asked) -> Entry[Any]:
    scan = scans.Scanned(item, "taken-over", asked.ask.as_received(tx.at), tx.occurred_at)
    answer = (await scans.scan(tx, [scan]))[0].said
    if isinstance(answer, Refused):
        raise answer
    return answer


async def _medium(tx: Transaction, item: UUID, said: str) -> UUID:
    """Return the medium a form named when it is one of the item's, else its only one."""
    media = domain.fold((await ledger.read(tx, item)).events).media
    return next((one for one in media if str(one) == said), None) or await commands.only_medium(tx, item)


async def lacking(tx: Transaction, items: Sequence[UUID]) -> dict[UUID, Known]:
    """Say of each medium what is proved and whether it keeps its item in the town hall, by the domain's own rule."""
    histories = await ledger.read_all(tx, items)
    states = {item: domain.fold(histories[item].events) for item in histories}
    reached = await views.levels(tx.connection, list(states))
    media = [medium for state in states.values() for medium in state.media]
    allowed = await commands.excepted(tx, media)
    asked = await ledger.read_all(tx, [derived(medium, "exception") for medium in media])

    def looked(state: domain.Item, medium: Medium) -> Looked:
        others = {one for one in state.media if one != medium.id}
        requested = asked[derived(medium.id, "exception")].events
        missing = bool(state.missing_before_ship_out(reached, allowed | others))
        first = requested[0].model_dump() if requested else None
        return Looked(medium, reached.get(medium.id), missing, first, medium.id in allowed)

    return {
        item: Known(state, tuple(looked(state, medium) for medium in state.registered.media))
        for item, state in states.items()
    }


async def _whole(tx: Transaction, found: Found) -> Whole:
    known = (await lacking(tx, [found.item]))[found.item]
    state, media = known.state, known.media
    story = await views.story(tx.connection, found.item)
    given = await reading.given_at(tx.connection, found.item)
    moments = [Moment(one.kind, one.occurred_at, one.data.get("medium"), one.data.get("step")) for one in story]
    engaged = await reading.parties_engaged(tx.connection, found.engagement)
    named = {one.person for one in story}
    for one in story:
        named |= {str(one.data[key]) for key in PERSONS if one.data.get(key)}
    return Whole(
        state.registered,
        state,
        media,
        await commands.missing_before_ship_out(tx, found.item),
        story,
        lines(moments, len(media), given),
        frozenset(one.kind for one in story),
        await reading.names_of(tx.connection, named),
        await reading.parties_of(tx.connection),
        await reading.people(tx.connection, engaged),
        bool(await losses.open_losses(tx, [found.item])),
        await commands.is_certified(tx, found.item),
        await reading.explanations(tx.connection, found.item),
    )


async def _show(request: Request, door: Door, who: Principal, label: Label, asked: Asked) -> Response:
    if (found := (await door.resolve_all([label], who)).get(label.id)) is None:
        raise await unresolved(door, label, who)
    whole = await door.act(found.tenant, who, lambda tx: _whole(tx, found), device=found.item)
    await set_desk(request, door, found.tenant)
    others = [one for one in whole.people if one.person != who.person]
    return render(
        request,
        "item.html",
        asked.status,
        label=label.id,
        loss=losses.loss_of(found.item),
        town=found.tenant,
        engagement=found.engagement,
        whole=replace(whole, people=others),
        may=_may(who, whole),
        now=door.now(),
        events=EVENTS,
        item_kinds=ITEM_KINDS,
        medium_kinds=MEDIUM_KINDS,
        zones=ZONES,
        levels=LEVELS,
        certificates=CERTIFICATES,
        steps=STEPS,
        heads={**HEADS, "department": _("使っていた課")},
        correctable=domain.CORRECTABLE,
        of_medium=OF_MEDIUM,
        breaks=BREAKS,
        **asked.said,
    )


def _may(who: Principal, whole: Whole) -> frozenset[Act]:
    """Return the acts that this reader may take now: what a page offers must be able to succeed."""
    ready, taken = "refurb.ready.v1" in whole.kinds, whole.state.taken_over
    waiting = any(one.requested and not one.approved for one in whole.media)
    undecided = whole.state.received is not None and whole.state.route is None
    possible: dict[Act, bool] = {
        "exception": not whole.state.shipped and any(one.missing and not one.requested for one in whole.media),
        "approval": waiting,
        "take-over": ready and not taken,
        "candidate": undecided and whole.registered.lease is None,
        "recycling": undecided,
        "difference": ready != taken,
        "sighting": whole.lost,
        "loss": not whole.lost,
        "correction": not whole.certified,
        "explanation": bool(whole.open_flags),
    }
    return frozenset(act for act, so in possible.items() if so and not who.roles.isdisjoint(ALLOWED[act]))
