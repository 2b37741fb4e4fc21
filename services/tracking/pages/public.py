"""Pages for everybody: the entrance, the look-up, the log, the keys, signing in.

The bare ID opens the step and its date; the ID with the token of the QR code opens the timeline. What leaves is named
field by field in `reading.public`: no serial, no person, no department.
"""

import asyncio
import base64
import hmac
from dataclasses import dataclass
from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Path, Query, Request
from limits import RateLimitItem, RateLimitItemPerMinute
from sqlalchemy import text
from starlette.exceptions import HTTPException
from starlette.responses import RedirectResponse, Response

from services.tracking import reading, witnesses
from services.tracking.keys import PUBLIC, published
from services.tracking.pages.lines import Lines, Moment, lines
from services.tracking.pages.place import desk
from services.tracking.pages.words import EVENTS, ITEM_KINDS, LEVELS, ROLES
from shared.database import as_party
from shared.door import Door, TheDoor
from shared.identity import Anyone
from shared.ids import ALPHABET, TOKEN_LENGTH, BadLabel, Label, parse_label, qr_url
from shared.limiter import limiter
from shared.refused import Unknown
from shared.settings import settings
from shared.simulated import is_marked
from shared.web.i18n import msgid as _
from shared.web.pages import render
from shared.web.viewer import Viewer
from shared.web.wareki import tokyo_day

router = APIRouter(include_in_schema=False)

LOOKUPS_MAX = 10
TYPED_MAX = 2500  # characters: ten URLs from QR codes
BARE = RateLimitItemPerMinute(120)  # a whole town hall sits behind one address
HOLDING = RateLimitItemPerMinute(600)

_limiter = limiter()

SentLabel = Annotated[str, Path(max_length=40)]
SentToken = Annotated[str, Path(max_length=40)]


@dataclass(frozen=True, slots=True)
class Looked:
    """The answer to one of the typed IDs: where it is, or a sentence."""

    typed: str
    say: str = ""
    label: str = ""
    lines: Lines | None = None
    simulated: bool = False


@router.get("/")
async def entrance(who: Anyone) -> Response:
    """Send people to their own first page."""
    if who is None:
        return RedirectResponse("/lookup", 303)
    return RedirectResponse("/towns" if who.kind == "platform" else "/dashboard", 303)


@router.get("/lookup")
async def look_up(
    request: Request, door: TheDoor, ids: Annotated[str, Query(alias="id", max_length=TYPED_MAX)] = ""
) -> Response:
    """Show the one field, or the answers to up to ten IDs; a single good one has a page of its own."""
    typed = ids.replace("\u3000", " ").split()
    if len(typed) == 1:
        try:
            label = parse_label(typed[0])
        except BadLabel as wrong:
            return render(request, "lookup.html", 422, ids=ids, looked=[Looked(typed[0], str(wrong))], too_many=False)
        return RedirectResponse(f"/t/{label.id}" + (f"/{label.token}" if label.token else ""), 303)
    _allow(request, BARE, cost=min(len(typed), LOOKUPS_MAX))
    looked = [await _look(door, one) for one in typed[:LOOKUPS_MAX]]
    return render(request, "lookup.html", ids=ids, looked=looked, too_many=len(typed) > LOOKUPS_MAX)


@router.get("/t/{label}")
@router.get("/T/{label}")
async def step(request: Request, door: TheDoor, label: SentLabel) -> Response:
    """Tell step and date of a bare ID."""
    _allow(request, BARE)
    given = _given(label)
    found = await _find(door, given.id)
    seen = await _see(door, *found[:2]) if found else None
    if seen is None:
        raise _nothing()
    return render(request, "step.html", label=given.id, lines=_lines(seen), simulated=is_marked(seen.town), **_words())


@router.get("/t/{label}/{token}")
@router.get("/T/{label}/{token}")
async def story(request: Request, door: TheDoor, label: SentLabel, token: SentToken) -> Response:
    """Tell the whole way of a device to the one who holds its label. An unknown ID and a wrong token answer alike."""
    _allow(request, HOLDING)
    given = _given(label)
    found, size = await asyncio.gather(_find(door, given.id), _log_size(door))
    right = found[2] if found else "-" * TOKEN_LENGTH
    same = hmac.compare_digest(right.encode(), token.upper().encode())
    seen = await _see(door, *found[:2]) if found and same else None
    if seen is None:
        raise _nothing()
    request.state.viewer = Viewer(help=desk(seen.town, seen.contact))
    indexes = [event.index for event in seen.events if event.index is not None]
    return render(
        request,
        "trace.html",
        seen=seen,
        lines=_lines(seen),
        indexes=indexes,
        size=size,
        today=tokyo_day(door.now()),
        url=qr_url(settings().origin, seen.label, right),
        **_words(),
    )


@router.get("/log")
async def log(request: Request, door: TheDoor) -> Response:
    """Show the newest signed head of the log and how anybody checks it."""
    async with door.engine.connect() as connection:
        row = (
            await connection.execute(text("SELECT size, root, note FROM checkpoints ORDER BY size DESC LIMIT 1"))
        ).one_or_none()
        known = witnesses.known(settings().keys)
        seen = await witnesses.seen(connection, known)
    root = base64.b64encode(row.root).decode() if row else ""
    expected = [key.name for key in known]
    return render(
        request, "log.html", head=row, root=root, origin=settings().log_origin, witnesses=seen, expected=expected
    )


@router.get("/keys")
async def keys(request: Request) -> Response:
    """Name the public keys, so that nobody needs to trust this site for them."""
    folder = settings().keys
    known = published(folder) if (folder / PUBLIC).exists() else []
    return render(request, "keys.html", log_keys=[(str(one.key), one.until) for one in reversed(known)])


@router.get("/signin")
async def sign_in(request: Request, door: TheDoor, who: Anyone) -> Response:
    """List the people of the directory to sign in as, in development; else say where the door is."""
    people: list[Any] = []
    if settings().development_login:
        async with door.engine.begin() as connection:
            for party in await connection.execute(text("SELECT party, name FROM parties ORDER BY kind, name")):
                await as_party(connection, tenant=party.party, party=party.party)
                rows = await connection.execute(
                    text(
                        "SELECT person, name, title, roles, CAST(:name AS text) AS party FROM people "
                        "WHERE party = :party ORDER BY person"
                    ),
                    {"party": party.party, "name": party.name},
                )
                people += rows
    return render(
        request, "people_signin.html", people=people, development=settings().development_login, me=who, roles=ROLES
    )


def _words() -> dict[str, Any]:
    return {"item_kinds": ITEM_KINDS, "events": EVENTS, "levels": LEVELS}


def _allow(request: Request, rate: RateLimitItem, cost: int = 1) -> None:
    """Hold guessing down. Raises 429 when one address asks more than its share a minute."""
    client = request.client.host if request.client else "-"
    if not _limiter.hit(rate, client, cost=max(cost, 1)):
        raise HTTPException(429, headers={"retry-after": "60"})


def _given(label: str) -> Label:
    try:
        return parse_label(label)
    except BadLabel as wrong:
        raise Unknown("bad-label", str(wrong), "This is not a tracking ID. Check it against the label.") from wrong


def _nothing() -> Unknown:
    return Unknown(
        "unknown-label",
        "この追跡IDの記録はありません。ラベルと見比べて、もう一度入れてください。",
        "There is no record under this tracking ID. Compare it with the label and try again.",
    )


async def _find(door: Door, label: str) -> tuple[UUID, str, str] | None:
    if any(character not in ALPHABET for character in label):
        return None
    async with door.asking() as connection:
        row = (
            await connection.execute(text("SELECT item, tenant, token FROM public_item(:label)"), {"label": label})
        ).one_or_none()
    return (row.item, row.tenant, row.token) if row else None


async def _see(door: Door, item: UUID, tenant: str) -> reading.Public | None:
    async with door.engine.begin() as connection:
        await as_party(connection, tenant=tenant, party="public")
        return await reading.public(connection, item)


def _lines(seen: reading.Public) -> Lines:
    moments = [Moment(one.kind, one.occurred_at, one.medium, one.step) for one in seen.events]
    return lines(moments, seen.media, seen.given)


async def _look(door: Door, typed: str) -> Looked:
    shown = typed[:60]
    try:
        label = parse_label(typed)
    except BadLabel as wrong:
        return Looked(shown, str(wrong))
    found = await _find(door, label.id)
    seen = await _see(door, *found[:2]) if found else None
    if seen is None:
        return Looked(shown, _("この追跡IDの記録はありません。ラベルと見比べてください。"))
    return Looked(shown, label=label.id, lines=_lines(seen), simulated=is_marked(seen.town))


async def _log_size(door: Door) -> int:
    async with door.asking() as connection:
        return await connection.scalar(text("SELECT max(size) FROM checkpoints")) or 0
