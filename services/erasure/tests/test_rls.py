"""A hostile query as the app's role sees nothing foreign; the same query as the owner does return foreign rows."""

from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.erasure.tables import metadata
from services.erasure.tests.conftest import (
    OTHER_CENTRE,
    OTHER_ENGAGEMENT,
    bearer,
    hear,
    item,
    principal,
    register,
)
from services.erasure.tests.test_api import drop, proof
from shared.entry import By
from shared.events.tracking import ExceptionApproved, Received
from shared.ids import uuid7
from shared.tables import GROUND
from shared.testing import CENTRE, OTHER_TOWN, TOWN, WORKER, Service, photo, recorded

VIEWS = [name for name in metadata.tables if name not in GROUND]
WAITING = ("unmatched", "circumstances", "put_aside")  # their tenant is the centre


@pytest.fixture(scope="module")
async def filled(erasure: Service, client: Any) -> Service:
    """Every view has rows of the other town or the other centre."""
    them = bearer(principal("worker", "clerk", person="mori", party=OTHER_CENTRE))
    one = await register(erasure, item("R1", engagement=OTHER_ENGAGEMENT), OTHER_TOWN)
    approved = ExceptionApproved(item=one.item, medium=one.media[0].id, reason="-", witness="w", approver="a")
    received = Received(item=one.item, centre=OTHER_CENTRE)
    await hear(erasure, recorded(approved, tenant=OTHER_TOWN), recorded(received, tenant=OTHER_TOWN))
    client.headers.update(them)
    await drop(client, proof("R1"))
    await drop(client, proof("R2"))
    near = await register(erasure, item("r2", engagement=OTHER_ENGAGEMENT), OTHER_TOWN)
    (waiting,) = (await client.get("/api/erasure/unmatched")).json()["unmatched"]
    bind = {"request": str(uuid7()), "label": near.label, "serial": "R2"}
    assert (await client.post(f"/api/erasure/unmatched/{waiting['report']}/bind", json=bind)).status_code == 201
    said = {"request": str(uuid7()), "engagement": str(OTHER_ENGAGEMENT), "room": "-"}
    assert (await client.post("/erasure/sessions", data=said, headers={"accept": "text/html"})).status_code == 303
    await drop(client, proof("R3"))
    (other,) = (await client.get("/api/erasure/unmatched")).json()["unmatched"]
    aside = {"request": str(uuid7()), "serial": "R3", "reason": "-"}
    assert (await client.post(f"/api/erasure/unmatched/{other['report']}/aside", json=aside)).status_code == 201
    shots = {"after": ("a.jpg", photo(), "image/jpeg")}
    facts = {"request": str(uuid7()), "machine": "2"}
    url = f"/api/erasure/media/{one.label}/destructions"
    assert (await client.post(url, files=shots, data=facts)).status_code == 201
    stood = {
        "request": str(uuid7()),
        "engagement": str(OTHER_ENGAGEMENT),
        "place": "-",
        "began_at": "2026-11-24T09:00:00+09:00",
    }
    mayor = bearer(principal("witness", person="mayor", party=OTHER_TOWN))
    assert (await client.post("/api/erasure/witnesses", json=stood, headers=mayor)).status_code == 201
    return erasure


@pytest.mark.parametrize("table", [*VIEWS, "entries", "items", "engagements"])
async def test_a_foreign_row_is_not_seen(filled: Service, table: str) -> None:
    column = "tenant" if "tenant" in metadata.tables[table].c else "town"
    hostile = f"SELECT {column} FROM {table} WHERE {column} IN ('{OTHER_TOWN}', '{OTHER_CENTRE}') OR true"  # noqa: S608 - our own names
    assert {row[0] for row in await filled.rows(hostile)} & {OTHER_TOWN, OTHER_CENTRE}, "the owner sees foreign rows"
    for tenant, by in ((TOWN, WORKER), (CENTRE, WORKER), (TOWN, By(person="clerk", party=TOWN))):
        async with filled.acting(tenant, by) as tx:
            seen = {row[0] for row in await tx.connection.execute(text(hostile))}
        assert seen <= {TOWN, CENTRE}


@pytest.mark.parametrize("table", VIEWS)
async def test_a_foreign_row_is_not_written_changed_or_deleted(filled: Service, table: str) -> None:
    before = await filled.rows(f"SELECT count(*) FROM {table}")  # noqa: S608 - our own names
    async with filled.acting(TOWN, WORKER) as tx:
        await tx.connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608 - our own names
        await tx.connection.execute(text(f"UPDATE {table} SET tenant = tenant"))  # noqa: S608 - our own names
    owner = OTHER_CENTRE if table in WAITING else OTHER_TOWN
    with pytest.raises(DBAPIError, match="row-level security"):
        async with filled.acting(owner, By(person="x", party=owner)) as tx:
            await tx.connection.execute(text(f"UPDATE {table} SET tenant = '{TOWN}'"))  # noqa: S608 - our own names
    assert await filled.rows(f"SELECT count(*) FROM {table}") == before  # noqa: S608 - our own names


async def test_without_a_party_nothing_is_seen(filled: Service) -> None:
    async with filled.app.connect() as connection:
        for table in VIEWS:
            assert list(await connection.execute(text(f"SELECT 1 FROM {table}"))) == []  # noqa: S608 - our own names


async def test_a_serial_is_looked_up_only_under_an_open_engagement(filled: Service) -> None:
    look = text("SELECT tenant FROM media_like(ARRAY['R1'], :party)")
    async with filled.acting(CENTRE, WORKER) as tx:
        assert list(await tx.connection.execute(look, {"party": CENTRE})) == []
    async with filled.acting(OTHER_CENTRE, By(person="mori", party=OTHER_CENTRE)) as tx:
        assert [row.tenant for row in await tx.connection.execute(look, {"party": OTHER_CENTRE})] == [OTHER_TOWN]


async def test_who_filed_a_report_sees_that_it_was_bound_and_nobody_else(filled: Service) -> None:
    counts = []
    for party in (OTHER_CENTRE, CENTRE):
        async with filled.acting(party, By(person="x", party=party)) as tx:
            counts.append(await tx.connection.scalar(text("SELECT count(*) FROM bindings")))
    assert counts == [1, 0]
