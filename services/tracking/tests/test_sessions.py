"""Signing in on one machine: the cookie holds a secret, the table its digest, the token who it is."""

import os
from collections.abc import AsyncIterator
from datetime import timedelta

import httpx
import pytest
from joserfc.jwk import KeySet
from sqlalchemy import text

from services.tracking import sessions
from services.tracking.commands import parties
from services.tracking.tests.world import founded
from shared.identity import make_identity_key, verify
from shared.refused import SignIn
from shared.settings import settings
from shared.testing import TOWN, Service

SECRET = "__Host-session"


@pytest.fixture(scope="module")
async def client(tracking: Service) -> AsyncIterator[httpx.AsyncClient]:
    os.environ |= {"MEGURU_ROLE": "api", "MEGURU_DEVELOPMENT_LOGIN": "1"}
    settings.cache_clear()
    from services.tracking.app import app

    await founded(tracking)
    async with tracking.acting() as tx:
        await parties.enrol(tx, "abe", name="阿部花子", title="主査", contact=None, roles=["clerk"])
    make_identity_key(settings().keys)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url=settings().origin) as made,
    ):
        yield made


async def begin(client: httpx.AsyncClient, person: str = "abe") -> str:
    client.cookies.clear()
    answer = await client.post("/session", data={"person": person})
    assert answer.status_code == 303, answer.text
    (cookie,) = answer.headers.get_list("set-cookie")
    for said in ("Secure", "HttpOnly", "SameSite=lax", "Path=/"):
        assert said in cookie, said
    assert "Domain" not in cookie
    client.cookies.clear()
    return cookie.partition("=")[2].partition(";")[0]


async def token(client: httpx.AsyncClient, secret: str) -> str:
    client.cookies.clear()
    answer = await client.get("/session/token", headers={"cookie": f"{SECRET}={secret}"})
    assert answer.status_code == 200
    return str(answer.headers.get("authorization", "")).removeprefix("Bearer ")


async def test_a_cookie_becomes_a_token_of_who_signed_in(client: httpx.AsyncClient) -> None:
    signed = await token(client, await begin(client))
    keys = KeySet([make_identity_key(settings().keys)])
    who = verify(signed, keys, issuer=settings().origin)
    assert (who.person, who.party, who.roles, who.kind) == ("abe", TOWN, frozenset({"clerk"}), "town")
    assert who.who == "最上町 主査"


async def test_tracking_knows_the_one_who_signed_in_by_the_cookie_itself(client: httpx.AsyncClient) -> None:
    secret = await begin(client)
    own = {"cookie": f"{SECRET}={secret}"}
    assert (await client.get("/dashboard", headers=own)).status_code == 200
    await client.post("/session/end", headers=own)
    for headers in (own, {"cookie": f"{SECRET}=nobody"}, {}):
        client.cookies.clear()
        assert (await client.get("/dashboard", headers=headers)).status_code == 401


async def test_a_bearer_token_goes_before_the_cookie(client: httpx.AsyncClient) -> None:
    secret = await begin(client)
    both = {"cookie": f"{SECRET}={secret}", "authorization": "Bearer forged"}
    client.cookies.clear()
    assert (await client.get("/dashboard", headers=both)).status_code == 401


async def test_the_table_knows_no_secret(client: httpx.AsyncClient, tracking: Service) -> None:
    secret = await begin(client)
    kept = [row.session for row in await tracking.rows("SELECT session FROM sessions")]
    assert secret not in kept
    assert sessions._hash(secret) in kept


async def test_an_ended_session_is_dead_at_once(client: httpx.AsyncClient, tracking: Service) -> None:
    secret, other = await begin(client), await begin(client)
    assert await token(client, secret)
    ended = await client.post("/session/end", headers={"cookie": f"{SECRET}={secret}"})
    assert ended.status_code == 303
    assert await token(client, secret) == ""
    assert await token(client, other), "only this one ended"


async def test_a_session_that_nobody_used_or_that_is_old_is_dead(client: httpx.AsyncClient, tracking: Service) -> None:
    for column, age in (("seen_at", sessions.IDLE_MAX), ("started_at", sessions.LIFE_MAX)):
        secret = await begin(client)
        assert await token(client, secret)
        for late, alive in ((age - timedelta(minutes=1), True), (age + timedelta(minutes=1), False)):
            await move(tracking, secret, column, late)
            assert bool(await token(client, secret)) is alive, (column, late)


async def move(tracking: Service, secret: str, column: str, age: timedelta) -> None:
    from sqlalchemy import text

    async with tracking.owner.begin() as connection:
        await connection.execute(
            text(f"UPDATE sessions SET {column} = now() - CAST(:age AS interval) WHERE session = :s"),  # noqa: S608 - two columns of ours
            {"age": age, "s": sessions._hash(secret)},
        )


async def test_new_roles_are_in_the_next_token_and_a_forgotten_person_is_out(
    client: httpx.AsyncClient, tracking: Service
) -> None:
    async with tracking.acting() as tx:
        await parties.enrol(tx, "gone", name="去る人", title=None, contact=None, roles=["clerk"])
    secret = await begin(client, "gone")
    async with tracking.acting() as tx:
        await parties.enrol(tx, "gone", name="去る人", title=None, contact=None, roles=["approver"])
    who = verify(await token(client, secret), KeySet([make_identity_key(settings().keys)]), issuer=settings().origin)
    assert who.roles == {"approver"}
    async with tracking.owner.begin() as connection:  # as they could be given before the command knew better
        await connection.execute(text("UPDATE people SET roles = '[\"clerk\", \"worker\"]' WHERE person = 'gone'"))
    who = verify(await token(client, secret), KeySet([make_identity_key(settings().keys)]), issuer=settings().origin)
    assert who.roles == {"clerk"}
    async with tracking.consumer.begin() as connection:
        await connection.exec_driver_sql("DELETE FROM people WHERE person = 'gone'")
    assert await token(client, secret) == ""


@pytest.mark.parametrize("cookie", ["", f"{SECRET}=", f"{SECRET}=nobody", f"{SECRET}=' OR true --", "session=x"])
async def test_what_is_no_session_goes_on_as_the_public(client: httpx.AsyncClient, cookie: str) -> None:
    client.cookies.clear()
    answer = await client.get("/session/token", headers={"cookie": cookie} if cookie else {})
    assert (answer.status_code, answer.headers.get("authorization")) == (200, None)


async def test_a_stranger_cannot_begin_and_without_the_development_door_nobody_can(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {"accept": "application/json"}
    assert (await client.post("/session", data={"person": "nobody"}, headers=said)).status_code == 401
    assert "阿部花子" in (await client.get("/signin")).text
    monkeypatch.setenv("MEGURU_DEVELOPMENT_LOGIN", "0")
    settings.cache_clear()
    try:
        refused = await client.post("/session", data={"person": "abe"}, headers=said)
        page = await client.get("/signin")
    finally:
        monkeypatch.undo()
        settings.cache_clear()
    assert refused.status_code == 403
    assert "開発用" in refused.json()["detail"]
    assert "阿部花子" not in page.text


def test_a_token_of_yesterday_is_refused(tracking: Service) -> None:
    from shared.identity import Principal, issue

    key = make_identity_key(settings().keys)
    old = issue(key, Principal("abe", TOWN, frozenset({"clerk"})), issuer=settings().origin, now=1_700_000_000)
    with pytest.raises(SignIn):
        verify(old, KeySet([key]), issuer=settings().origin)
