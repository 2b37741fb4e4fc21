"""The independent re-check: what is drawn, by which seed, who has looked and what they found; as a page and as JSON."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from fastapi import APIRouter, Request
from starlette.responses import JSONResponse, Response

from services.erasure import api, reading
from services.erasure.api.contract import town_of
from services.erasure.domain.draw import SHARE_PERCENT, VERSION
from services.erasure.domain.medium import Registered
from services.erasure.domain.recheck import Lot
from services.erasure.intake import TEXT_MAX
from services.erasure.pages import desk, posted
from shared.door import Door, TheDoor, scanned
from shared.identity import Principal, SignedIn
from shared.ids import uuid7
from shared.refused import Invalid, Refused
from shared.web.forms import Form
from shared.web.i18n import msgid as _
from shared.web.pages import render

router = APIRouter(tags=["erasure"])

METHODS = {
    "whole": _("全域を読み直した"),
    "sampled": _("先頭・末尾・無作為に選んだ場所を読み直した"),
    "recovery": _("復元ソフトで探した"),
}


@router.get("/api/erasure/draw")
async def draw(engagement: UUID, door: TheDoor, who: SignedIn) -> Response:
    """Return the media drawn for the independent re-check, with all that is needed to draw them again.

    `population` is what the draw in force drew from; `failures` are the re-checks that made it necessary.
    """
    town = await town_of(door, who, engagement)
    async with door.look(town, who) as connection:
        lot = await reading.lot_of(connection, engagement)
        media = (*lot.draw.drawn, *lot.to_check, *lot.to_redo)
        labels = {one.medium: one.label for one in await reading.registered(connection, media=media)}
    return JSONResponse(
        {
            "version": VERSION,
            "engagement": str(engagement),
            "share_percent": SHARE_PERCENT,
            "state": lot.state,
            "round": lot.round,
            "population": {str(medium): str(entry) for medium, entry in sorted(lot.population.items())},
            "failures": [str(entry) for entry in lot.failures],
            "seed": lot.draw.seed,
            "drawn": [{"medium": str(one), "label": labels[one]} for one in lot.draw.drawn],
            "to_check": [{"medium": str(one), "label": labels[one]} for one in lot.to_check],
            "to_redo": [{"medium": str(one), "label": labels[one]} for one in lot.to_redo],
        }
    )


@dataclass(frozen=True, slots=True)
class Row:
    """A medium of the list: where its re-check stands."""

    medium: Registered
    state: str  # to-check, to-redo, passed, destroyed
    wipers: tuple[str, ...]
    look: reading.Deed | None  # the last one


@router.get("/erasure/recheck", include_in_schema=False)
async def listed(
    request: Request, door: TheDoor, who: SignedIn, engagement: UUID | None = None, done: str = ""
) -> Response:
    """Show what is drawn, who has looked, and how anybody draws it again."""
    return await _listed(request, door, who, await desk.job(door, who, engagement), done=done[:TEXT_MAX])


async def _listed(
    request: Request, door: Door, who: Principal, at: desk.Job, *, done: str = "", refusal: Refused | None = None
) -> Response:
    lot, rows, names = None, [], {}
    if at.current:
        async with door.look(at.current.town, who) as connection:
            lot = await reading.lot_of(connection, at.current.engagement)
            media = list(dict.fromkeys((*lot.to_redo, *lot.to_check, *lot.draw.drawn)))
            known = {one.medium: one for one in await reading.registered(connection, media=media)}
            deeds = await reading.deeds_of(connection, *{one.item for one in known.values()})
            rows = [_row(known[one], lot, [deed for deed in deeds if deed.medium == one]) for one in media]
            names = await reading.names(connection, {deed.person for deed in deeds})
    return render(
        request,
        "recheck.html",
        posted.status(refusal),
        job=at,
        lot=lot,
        rows=rows,
        names=names,
        me=who.person,
        may=who.has("worker", "centre-manager", "clerk", "witness", "town-admin"),
        done=done,
        refusal=refusal,
        methods=METHODS,
        words=desk.WORDS,
        new_request=uuid7,
    )


def _row(medium: Registered, lot: Lot, deeds: Sequence[reading.Deed]) -> Row:
    looks = [deed for deed in deeds if deed.kind == "erasure.erasure-verified.v1"]
    reports = [deed for deed in deeds if "evidence" in deed.data]
    state = "to-check" if medium.medium in lot.to_check else "to-redo" if medium.medium in lot.to_redo else ""
    if not state:
        state = "passed" if looks and looks[-1].data["passed"] else "destroyed"
    return Row(medium, state, tuple(dict.fromkeys(deed.person for deed in reports)), looks[-1] if looks else None)


@router.post("/erasure/recheck/{label}", include_in_schema=False)
async def look(label: str, request: Request, door: TheDoor, who: api.Checker) -> Response:
    """Record what somebody else than the wiper found on a medium, then show the list again."""
    async with request.form(max_files=0, max_fields=desk.FIELDS_MAX) as given:
        form = Form({key: value for key, value in given.items() if isinstance(value, str)})
        at = await desk.job(door, who, posted.as_uuid(form.value("engagement")))
        method = form.choice("method", _("確かめ方"), tuple(METHODS))
        passed = form.choice("passed", _("結果"), ("yes", "no"))
        said = {"request": posted.as_uuid(form.value("request")) or uuid7(), "serial": form.value("serial") or None}
    if form.errors:
        unsaid = Invalid(
            "unsaid", "確かめ方と結果を選んで、もう一度記録してください。", "Choose how it was checked and the result."
        )
        return await _listed(request, door, who, at, refusal=unsaid)
    try:
        words: dict[str, Any] = {"method": METHODS[method], "passed": passed == "yes"}
        await api.verify(scanned(label), api.Verification(**said, **words), door, who)
    except Refused as refusal:
        return await _listed(request, door, who, at, refusal=refusal)
    query = {"engagement": str(at.current.engagement)} if at.current else {}
    return posted.to("/erasure/recheck", **query, done=label)
