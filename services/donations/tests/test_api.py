"""The HTTP door: the vertical from call to hand-over, replays, refusals, and three hundred at once."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from services.donations.domain.record import differences
from services.donations.tests.conftest import CATEGORIES, Web, person, prepare_stock
from shared.ids import uuid7
from shared.testing import CENTRE, Service

NUMBER = "063622-2026-1"
CALL = f"/api/donations/calls/{NUMBER}"


def asked(**given: Any) -> dict[str, Any]:
    return {"request": str(uuid7()), **given}


def an_opening(**given: Any) -> dict[str, Any]:
    now = datetime.now(UTC)
    return (
        asked(
            number=NUMBER,
            title="再生パソコンを無償でお譲りします",
            rule="first-come",
            item_kinds=["desktop"],
            units=15,
            categories=[one.model_dump() for one in CATEGORIES],
            opens_at=(now - timedelta(hours=2)).isoformat(),
            closes_at=(now + timedelta(hours=1)).isoformat(),
            spec={"os": "Windows 10 Home", "ssd_gb": 240, "memory_gb": 8, "office": "WPS", "support_months": 3},
            consent="広報取材に対応します",
            consent_version="1",
            contact="最上町役場 情報企画係",
        )
        | given
    )


def an_application(**given: Any) -> dict[str, Any]:
    facts = {"category": "hamlet", "units": 1, "uses": ["circulars"], "network": False, "consent": True}
    return asked(**person(), **facts, consent_version="1") | given


async def opened(web: Web, **given: Any) -> None:
    response = await web.clerk.post("/api/donations/calls", json=an_opening(**given))
    assert response.status_code == 201, response.text


async def post(client: httpx.AsyncClient, path: str, status: int = 201, **given: Any) -> Any:
    response = await client.post(path, json=asked(**given))
    assert response.status_code == status, response.text
    return response.json()


async def test_a_call_runs_from_its_opening_to_a_usage_report(made: Service, web: Web) -> None:
    await prepare_stock(made, 3)
    await opened(web)
    web_slip = (await web.public.post(f"{CALL}/applications", json=an_application(units=2))).json()
    paper = {"category": "youth", "units": 5, "arrived_at": (datetime.now(UTC) - timedelta(hours=1)).isoformat()}
    paper_slip = await post(web.clerk, f"{CALL}/paper", **paper, **person(group="青年部", phone="0233-43-0001"))
    assert (web_slip["receipt"], paper_slip["receipt"]) == ("063622-0001", "063622-0002")
    await post(web.clerk, f"{CALL}/settle", 409)
    await post(web.clerk, f"{CALL}/close")
    await post(web.clerk, f"{CALL}/settle")
    document = (await web.public.get(f"{CALL}/allocation")).json()
    assert [(grant["receipt"], len(grant["items"])) for grant in document["grants"]] == [("063622-0002", 3)]
    assert document["waiting"] == ["063622-0002", "063622-0001"]
    assert differences(document) == ()
    await post(web.clerk, f"{CALL}/applications/063622-0001/hand-over", 409)
    await post(web.clerk, f"{CALL}/applications/063622-0002/hand-over")
    look = {"receipt": "063622-0002", "passphrase": paper_slip["passphrase"].lower()}
    standing = (await web.public.post("/api/donations/receipts", json=look)).json()
    assert (standing["place"], standing["granted"]) == (1, 3)
    told = {"passphrase": paper_slip["passphrase"], "uses": ["training"], "difficulty": "no-network"}
    await post(web.public, "/api/donations/receipts/063622-0002/usage", **told)
    overview = (
        await web.as_("manager", CENTRE, "centre-manager").get("/api/donations/overview?town=town-063622")
    ).json()
    assert (overview["granted"], overview["left"], overview["handed_over"]) == (3, 0, 3)
    assert {one["code"]: one["granted"] for one in overview["categories"]} == {"youth": 3, "hamlet": 0}
