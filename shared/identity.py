"""Who asks: a principal with a party and roles, from a token that every service can verify by itself.

Tokens are EdDSA-signed JWTs of five minutes; they carry subject, party and roles and never a tenant: which towns a
centre may act for comes from the engagements each service keeps (ARCHITECTURE, "Identity").
"""

import json
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import Depends, Request
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet, OKPKey

from shared.refused import Forbidden, SignIn
from shared.settings import settings
from shared.web.viewer import Audience, Viewer

AUDIENCE = "meguru"
AUDIENCES: dict[str, Audience] = {"town": "town", "centre": "centre", "carrier": "centre", "platform": "platform"}
TOKEN_LIFE_S = 300
LEEWAY_S = 30
ALGORITHMS = ["Ed25519", "EdDSA"]

Role = Literal[
    "town-admin",
    "clerk",
    "witness",
    "approver",
    "centre-manager",
    "worker",
    "refurbisher",
    "carrier",
    "auditor",
    "platform-operator",
]


@dataclass(frozen=True, slots=True)
class Principal:
    """The one who asks. The public has no principal."""

    person: str
    party: str
    roles: frozenset[str]
    kind: str = "town"  # of the party: town, centre, carrier, platform
    who: str = ""  # what stands beside the mark on a page

    def has(self, *roles: Role) -> bool:
        """Tell whether any of the roles is held."""
        return not self.roles.isdisjoint(roles)


Sessions = Callable[[Request], Awaitable[Principal | None]]  # `app.state.sessions` of the service that keeps them


def issue(key: OKPKey, who: Principal, *, issuer: str, now: int | None = None) -> str:
    """Sign a token of five minutes; only tracking holds the key."""
    issued = now or int(time.time())
    claims = {
        "iss": issuer,
        "aud": AUDIENCE,
        "sub": who.person,
        "party": who.party,
        "roles": sorted(who.roles),
        "kind": who.kind,
        "who": who.who,
        "iat": issued,
        "exp": issued + TOKEN_LIFE_S,
    }
    return jwt.encode({"alg": "Ed25519", "kid": key.kid}, claims, key, algorithms=ALGORITHMS)


def verify(token: str, keys: KeySet, *, issuer: str, now: int | None = None) -> Principal:
    """Check signature, issuer, audience and time. Raises SignIn when anything is off, without saying what."""
    return _verified(token, keys, issuer, now or int(time.time()))[0]


def _verified(token: str, keys: KeySet, issuer: str, now: int) -> tuple[Principal, int]:
    """Return who it is, and the second the token ends at. Raises SignIn."""
    try:
        decoded = jwt.decode(token, keys, algorithms=ALGORITHMS)
        registry = jwt.JWTClaimsRegistry(
            now=now,
            leeway=LEEWAY_S,
            iss={"essential": True, "value": issuer},
            aud={"essential": True, "value": AUDIENCE},
            sub={"essential": True},
            exp={"essential": True},
        )
        registry.validate(decoded.claims)
        said = decoded.claims
        who = Principal(said["sub"], said["party"], frozenset(said["roles"]), said["kind"], said["who"])
        return who, int(said["exp"])
    except (JoseError, ValueError, KeyError, TypeError) as wrong:
        raise SignIn from wrong


def make_identity_key(folder: Path) -> OKPKey:
    """Load tracking's identity key, made on first run, and leave its public half as `jwks.json` for everybody."""
    private = folder / "identity.jwk"
    if private.exists():
        key = OKPKey.import_key(json.loads(private.read_text()))
    else:
        folder.mkdir(parents=True, exist_ok=True)
        key = OKPKey.generate_key("Ed25519", {"use": "sig", "alg": "Ed25519"}, private=True, auto_kid=True)
        private.touch(mode=0o600)
        private.write_text(json.dumps(key.as_dict(private=True)))
    public = folder / "jwks.json"
    if not public.exists():  # in production both halves are mounted and nothing is written
        public.write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    return key


# FastAPI runs a dependency that is no coroutine in a thread: a detour for work of some microseconds.
async def principal(request: Request) -> Principal | None:
    """Return who asks, or None for the public. A token that does not verify is refused, not ignored."""
    header = request.headers.get("authorization", "")
    if header:
        who: Principal | None = _bearer(header)
    else:
        sessions: Sessions | None = getattr(request.app.state, "sessions", None)
        who = await sessions(request) if sessions else None
    if who is None:
        return None
    request.state.viewer = Viewer(audience=AUDIENCES.get(who.kind, "public"), who=who.who)
    return who


def _bearer(header: str) -> Principal:
    """Return whose token the header carries. Raises SignIn."""
    scheme, _, token = header.partition(" ")
    if scheme.lower() != "bearer":
        raise SignIn
    known = settings()
    who, ends_at = _known(token, known.jwks, _changed(known.jwks), known.origin)
    if time.time() > ends_at + LEEWAY_S:
        raise SignIn
    return who


async def signed_in(who: Annotated[Principal | None, Depends(principal)]) -> Principal:
    """Require a principal."""
    if who is None:
        raise SignIn
    return who


def holding(*roles: Role) -> Callable[..., Awaitable[Principal]]:
    """Require one of the roles; use as `Annotated[Principal, Depends(holding("clerk"))]`."""

    async def check(who: Annotated[Principal, Depends(signed_in)]) -> Principal:
        if not who.has(*roles):
            raise Forbidden(
                "role",
                "この操作の権限がありません。担当の役割を町かセンターの管理者に確かめてください。",
                "You do not hold the role for this. Ask your administrator.",
            )
        return who

    return check


def _changed(path: Path) -> int:
    return path.stat().st_mtime_ns


@lru_cache(maxsize=1024)
def _known(token: str, path: Path, changed_ns: int, issuer: str) -> tuple[Principal, int]:
    """Verify a token once: a device sends the same one with each scan for minutes. Its end is asked each time."""
    return _verified(token, _keys(path, changed_ns), issuer, int(time.time()))


@lru_cache(maxsize=4)
def _keys(path: Path, changed_ns: int) -> KeySet:  # noqa: ARG001 - part of the cache key: a rotated file is read again
    keys: Any = json.loads(path.read_text())
    return KeySet.import_key_set(keys)


SignedIn = Annotated[Principal, Depends(signed_in)]
Anyone = Annotated[Principal | None, Depends(principal)]
