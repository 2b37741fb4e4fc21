"""Signing in on one machine: a server-side session, one `__Host-` cookie, and tokens of five minutes from it.

The gateway asks `/session/token` for every request to another service that carries the cookie and passes the answer's
Authorization on, so that those see bearer tokens only. Tracking itself looks the cookie up (`holder`). In both cases an
ended session is dead at once.
"""

import hashlib
import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache, partial
from pathlib import Path
from typing import Annotated, Any

from fastapi import APIRouter, Cookie, Depends, Form, Request
from joserfc.jwk import OKPKey
from sqlalchemy import Row, text
from starlette.responses import RedirectResponse, Response

from services.tracking.domain.roles import ROLES_OF
from shared.door import Door, TheDoor
from shared.identity import Principal, holding, issue, make_identity_key
from shared.refused import Forbidden, SignIn
from shared.settings import settings

router = APIRouter(include_in_schema=False)

COOKIE = "__Host-session"
_OPERATOR = Depends(holding("platform-operator"))
IDLE_MAX = timedelta(hours=2)
SEEN_EVERY = timedelta(minutes=1)  # a commit on every request of a busy person would queue them behind one row
LIFE_MAX = timedelta(hours=12)
TOKEN_SHARED_S = 60  # of the 300 it lives: whoever verified it once knows it again

_PERSON = text("SELECT person, party, title, roles, kind, party_name FROM signs_in(:person)")
_SESSION = text("SELECT set_config('app.session', :s, true)")  # row-level security shows this one session only

_OF = text(
    "SELECT given.s AS session, found.* FROM unnest(CAST(:s AS text[])) AS given(s) "
    "CROSS JOIN LATERAL session_of(given.s) AS found WHERE found.started_at > :born AND found.seen_at > :idle"
)
_SEEN = text("UPDATE sessions SET seen_at = :now WHERE session = :s")


@lru_cache(maxsize=1024)
def _signed(who: Principal, _minute: int) -> str:
    """Sign a token; within a minute the same person with the same roles gets the same one."""
    return issue(_key(settings().keys), who, issuer=settings().origin)


@lru_cache(maxsize=1)
def _key(folder: Path) -> OKPKey:
    return make_identity_key(folder)


def principal_of(row: object) -> Principal:
    """Make the principal of a person's row; a role that such a party cannot give does not come along."""
    said = dict(row._mapping)  # type: ignore[attr-defined]  # noqa: SLF001 - SQLAlchemy's public name for it
    who = f"{said['party_name']} {said['title'] or ''}".strip()
    own = set(said["roles"]).intersection(ROLES_OF.get(said["kind"], ()))
    return Principal(said["person"], said["party"], frozenset(own), said["kind"], who)


@router.post("/session")
async def begin(door: TheDoor, person: Annotated[str, Form(max_length=64)]) -> Response:
    """Sign in as a person of the directory: development only, off unless asked for."""
    if not settings().development_login:
        raise Forbidden(
            "no-development-login",
            "この入り方は開発用で、いまは使えません。町の認証から入ってください。",
            "Development sign-in is off. Sign in through your organisation.",
        )
    secret = secrets.token_urlsafe(32)
    now = datetime.now(UTC)
    async with door.engine.begin() as connection:
        if (await connection.execute(_PERSON, {"person": person})).one_or_none() is None:
            raise SignIn
        await connection.execute(_SESSION, {"s": _hash(secret)})
        await connection.execute(
            text("INSERT INTO sessions (session, person, started_at, seen_at) VALUES (:s, :p, :now, :now)"),
            {"s": _hash(secret), "p": person, "now": now},
        )
    answer = RedirectResponse("/", 303)
    answer.set_cookie(
        COOKIE, secret, max_age=int(LIFE_MAX.total_seconds()), secure=True, httponly=True, samesite="lax", path="/"
    )
    return answer


@router.post("/session/end")
async def end(door: TheDoor, session: Annotated[str | None, Cookie(alias=COOKIE)] = None) -> Response:
    """Sign out: the session is gone, not only the cookie."""
    if session:
        async with door.engine.begin() as connection:
            await connection.execute(_SESSION, {"s": _hash(session)})
            await connection.execute(text("DELETE FROM sessions WHERE session = :s"), {"s": _hash(session)})
    answer = RedirectResponse("/lookup", 303)
    answer.delete_cookie(COOKIE, secure=True, httponly=True, samesite="lax", path="/")
    return answer


@router.get("/session/token")
async def token(door: TheDoor, session: Annotated[str | None, Cookie(alias=COOKIE)] = None) -> Response:
    """Turn the cookie into a bearer token for the gateway; without a live session the request is the public's."""
    who = await _holder(door, session) if session else None
    if who is None:
        return Response()
    signed = _signed(who, int(time.time() // TOKEN_SHARED_S))
    return Response(headers={"Authorization": f"Bearer {signed}"})


async def holder(request: Request) -> Principal | None:
    """Return whose live session the request's cookie names, None for the public."""
    session = request.cookies.get(COOKIE)
    return await _holder(request.app.state.door, session) if session else None


async def _holder(door: Door, session: str) -> Principal | None:
    (row,) = await door.gather.ask("sessions", [_hash(session)], partial(_live, door))
    if row is None:
        return None
    now = datetime.now(UTC)
    if now - row.seen_at > SEEN_EVERY:
        async with door.engine.begin() as connection:
            await connection.execute(_SESSION, {"s": _hash(session)})
            await connection.execute(_SEEN, {"s": _hash(session), "now": now})
    return principal_of(row)


async def _live(door: Door, sessions: Sequence[str]) -> list[Row[Any] | None]:
    """Return the row of each session that is live."""
    now = datetime.now(UTC)
    asked = {"s": list(set(sessions)), "born": now - LIFE_MAX, "idle": now - IDLE_MAX}
    async with door.asking() as connection:
        rows = {row.session: row for row in await connection.execute(_OF, asked)}
    return [rows.get(session) for session in sessions]


@router.get("/traces{rest:path}", dependencies=[_OPERATOR])  # noqa: FAST003 - whatever the rest, the answer is one
async def allow_traces() -> Response:
    """Tell the gateway that this reader may see the traces of all towns' work; a refusal is the reader's answer."""
    return Response(status_code=204)


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
