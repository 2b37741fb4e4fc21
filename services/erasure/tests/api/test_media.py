"""Media by API: crushed, taken out, looked at again, and who may stand by."""

import hashlib
import json
from datetime import UTC, datetime, timedelta
from uuid import UUID

import httpx

from services.erasure.consumers import consumers
from services.erasure.domain.draw import draw
from services.erasure.tests.conftest import (
    ENGAGEMENT,
    bearer,
    item,
    principal,
    register,
    required,
)
from services.erasure.tests.test_api import drop, proof
from shared.ids import uuid7
from shared.messaging import Notice
from shared.testing import CENTRE, OTHER_TOWN, TOWN, Service, photo


async def test_from_the_report_to_the_crushed_medium(erasure: Service, client: httpx.AsyncClient) -> None:
    registered = await register(erasure, item("S64DNX0R9A0001"))
    said = await drop(client, proof("S64DNX0R9A0001"))
    assert said.status_code == 201, said.text
    (drive,) = said.json()["drives"]
    assert (drive["label"], drive["achieved"], drive["sufficient"]) == (registered.label, "purge", True)

    before, after = photo(exif=True), photo()
    shots = {"before": ("b.jpg", before, "image/jpeg"), "after": ("a.jpg", after, "image/jpeg")}
    facts = {"request": str(uuid7()), "machine": "粉砕機 2号"}
    url = f"/api/erasure/media/{registered.label}/destructions"
    crushed = await client.post(url, files=shots, data=facts)
    assert crushed.status_code == 201, crushed.text
    again = await client.post(url, files=shots, data=facts)
    assert (again.status_code, again.json()) == (200, crushed.json())

    (seen,) = (await client.get(f"/api/erasure/media/{registered.label}")).json()
    assert (seen["achieved"], seen["destroyed"]) == ("purge", True)
    destroyed = seen["deeds"][-1]["data"]
    assert destroyed["conformant"]
    assert [one["sha256"] for one in destroyed["photos"]] == [hashlib.sha256(b).hexdigest() for b in (before, after)]
    assert destroyed["photos"][0]["taken_at"] == "2026-11-24T11:22:41+09:00"
    assert json.loads(json.dumps(seen)) == seen


async def test_photos_that_are_not_photos_leave_no_entry(erasure: Service, client: httpx.AsyncClient) -> None:
    it = await register(erasure, item("API9"))
    url, facts = f"/api/erasure/media/{it.label}/destructions", {"request": str(uuid7()), "machine": "2"}
    five = [("after", (f"{n}.jpg", photo(), "image/jpeg")) for n in range(5)]
    for files, code in (
        ([("after", ("a.jpg", b"<html>", "image/jpeg"))], "not-a-photo"),
        ([("before", ("b.jpg", photo())), ("after", ("a.jpg", photo()[:900]))], "not-a-photo"),
        (five, "photos"),
        (None, "photos"),
    ):
        said = await client.post(url, files=files, data=facts)
        assert (said.status_code, said.json()["code"]) == (422, code)
        assert said.json()["detail"].endswith("ください。")
    assert await erasure.rows("SELECT 1 FROM deeds WHERE item = :i", i=it.item) == []


async def test_a_second_destruction_names_the_first(erasure: Service, client: httpx.AsyncClient) -> None:
    it = await register(erasure, item("API10"))
    url, shots = f"/api/erasure/media/{it.label}/destructions", {"after": ("a.jpg", photo(), "image/jpeg")}
    first = await client.post(url, files=shots, data={"request": str(uuid7()), "machine": "2"})
    second = await client.post(url, files=shots, data={"request": str(uuid7()), "machine": "2"})
    assert (second.status_code, second.json()["code"]) == (409, "already-destroyed")
    assert first.json()["entry"] in second.json()["detail"]
    english = await client.post(
        url, files=shots, data={"request": str(uuid7()), "machine": "2"}, headers={"Accept-Language": "en"}
    )
    assert "was destroyed at" in english.json()["detail"]


async def people(erasure: Service, **known: str) -> None:
    async with erasure.consuming() as tx:
        for person, party in known.items():
            card = b'{"name": "-", "title": null, "roles": []}'
            await consumers.handle(tx, [Notice(uuid7(), "people", party, f"people.{party}.{person}", card)])


async def test_a_witness_is_another_person_whom_the_town_or_the_centre_knows(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    it = await register(erasure, item("API-W"))
    await people(erasure, sato=TOWN, kobayashi=CENTRE, mori=OTHER_TOWN, takasaki=CENTRE)
    media, shots = f"/api/erasure/media/{it.label}/destructions", {"after": ("a.jpg", photo())}
    stood = {"engagement": str(ENGAGEMENT), "place": "役場", "began_at": "2026-11-24T09:00:00+09:00"}
    for person, code in (("x", "nobody"), ("mori", "nobody"), ("takasaki", "same-person")):
        facts = {"request": str(uuid7()), "machine": "2", "witness": person}
        said = [await client.post(media, files=shots, data=facts), await drop(client, proof("API-W"), witness=person)]
        named = stood | {"request": str(uuid7()), "witness": person}
        said.append(await client.post("/api/erasure/witnesses", json=named))
        for one in said:
            assert (one.status_code, one.json()["code"]) == (422, code), one.text
            assert one.json()["facts"]["field"] == "witness"
        line = {"label": it.label, "technique": "crush"} | facts
        page = await client.post("/erasure/destroy", data=line, files=shots, headers={"Accept": "text/html"})
        assert page.status_code == 422
        assert "立会い" in page.text
        assert 'value="2"' in page.text, "what was typed is kept"
        files = {"files": ("session.json", proof("API-W"), "application/json")}
        page = await client.post(
            "/erasure/reports", data={"witness": person}, files=files, headers={"Accept": "text/html"}
        )
        assert page.status_code == 422
        assert "記録していません" in page.text
    assert await erasure.rows("SELECT 1 FROM deeds WHERE item = :i", i=it.item) == []
    for person in ("sato", "kobayashi"):
        assert (await drop(client, proof("API-W"), witness=person)).status_code in {200, 201}
    facts = {"request": str(uuid7()), "machine": "2", "witness": "sato"}
    first = await client.post(media, files=shots, data=facts)
    assert first.status_code == 201, first.text
    async with erasure.consuming() as tx:
        await consumers.handle(tx, [Notice(uuid7(), "people", TOWN, f"people.{TOWN}.sato", b"")])
    again = await client.post(media, files=shots, data=facts)
    assert (again.status_code, again.json()) == (200, first.json()), "who was forgotten since is no reason to refuse"


async def test_where_the_policy_asks_for_a_witness_only_the_town_s_staff_will_do(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    await people(erasure, sato=TOWN, kobayashi=CENTRE)
    asking = await register(erasure, item("API-WIT", required=required(assurance="witnessed")))
    media, shots = f"/api/erasure/media/{asking.label}/destructions", {"after": ("a.jpg", photo())}

    async def crush(person: str) -> httpx.Response:
        return await client.post(media, files=shots, data={"request": str(uuid7()), "machine": "2", "witness": person})

    unknown = proof("API-WIT-UNKNOWN")  # nobody knows yet what is asked of it
    for said in (
        await crush("kobayashi"),
        await drop(client, proof("API-WIT"), witness="kobayashi"),
        await drop(client, unknown, witness="kobayashi"),
    ):
        assert (said.status_code, said.json()["code"]) == (422, "not-of-town"), said.text
        assert "町の職員" in said.json()["detail"]
    assert await erasure.rows("SELECT 1 FROM deeds WHERE item = :i", i=asking.item) == []
    assert (await drop(client, proof("API-WIT"), witness="sato")).status_code == 201
    assert (await drop(client, unknown, witness="sato")).status_code == 202
    done = await crush("sato")
    assert done.status_code == 201, done.text
    (deed,) = await erasure.rows("SELECT data FROM deeds WHERE item = :i AND kind LIKE '%destroyed%'", i=asking.item)
    assert deed.data["witness"] == "sato"


async def test_nobody_witnesses_what_they_did_themselves(erasure: Service, client: httpx.AsyncClient) -> None:
    await people(erasure, sato=TOWN, abe=TOWN, takasaki=CENTRE, kobayashi=CENTRE)
    stood = {"engagement": str(ENGAGEMENT), "place": "役場", "began_at": "2026-11-24T09:00:00+09:00"}

    async def stand(headers: dict[str, str] | None = None, **said: str) -> httpx.Response:
        body = stood | {"request": str(uuid7())} | said
        return await client.post("/api/erasure/witnesses", json=body, headers=headers)

    for said, code in (
        (await stand(), "same-person"),  # one of the centre, of themselves
        (await stand(witness="takasaki"), "same-person"),
        (await stand(witness="kobayashi"), "not-of-town"),
    ):
        assert (said.status_code, said.json()["code"]) == (422, code), said.text
        assert said.json()["facts"]["field"] == "witness"
    english = await stand({"Accept-Language": "en"})
    assert "somebody else than the one who did the work" in english.json()["detail"]
    assert (await stand(witness="sato")).status_code == 201
    clerk = bearer(principal("clerk", person="abe", party=TOWN))
    assert (await stand(clerk)).status_code == 201
    await register(erasure, item("API-SELF"))
    filed = {"file": ("session.json", proof("API-SELF"), "application/json")}
    done = await client.post("/api/erasure/reports", files=filed, data={"request": str(uuid7())}, headers=clerk)
    assert done.status_code == 201, done.text
    assert (await stand(clerk)).json()["code"] == "same-person", "the one who filed the work in that time"
    before = {"began_at": "2020-01-01T09:00:00+09:00", "ended_at": "2020-01-01T10:00:00+09:00"}
    assert (await stand(clerk, **before)).status_code == 201


async def test_what_was_captured_offline_happened_when_it_was_captured(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    it = await register(erasure, item("API11"))
    now = datetime.now(UTC)
    facts = {
        "request": str(uuid7()),
        "machine": "2",
        "captured_at": (now - timedelta(hours=3)).isoformat(),
        "sent_at": now.isoformat(),
        "after_taken_at": "2026-11-24T11:24:07+09:00",
    }
    url = f"/api/erasure/media/{it.label}/destructions"
    said = (await client.post(url, files={"after": ("a.jpg", photo())}, data=facts)).json()
    late = datetime.fromisoformat(said["recorded_at"]) - datetime.fromisoformat(said["occurred_at"])
    assert timedelta(hours=2, minutes=59) < late < timedelta(hours=3, minutes=1)
    (row,) = await erasure.rows("SELECT data FROM deeds WHERE item = :i", i=it.item)
    assert row.data["photos"][0]["taken_at"] == "2026-11-24T11:24:07+09:00"


async def test_removal_and_the_second_look_over_http(erasure: Service, client: httpx.AsyncClient) -> None:
    it = await register(erasure, item("API12"))
    await drop(client, proof("API12"))
    media = f"/api/erasure/media/{it.label}"
    assert (await client.post(f"{media}/removals", json={"request": str(uuid7())})).status_code == 201
    looked = {"request": str(uuid7()), "method": "読み戻し", "passed": True}
    own = await client.post(f"{media}/verifications", json=looked)
    assert (own.status_code, own.json()["code"]) == (409, "same-person")
    other = bearer(principal("worker", person="abe"))
    assert (await client.post(f"{media}/verifications", json=looked, headers=other)).status_code == 201
    (seen,) = (await client.get(media)).json()
    assert [deed["kind"].split(".")[1] for deed in seen["deeds"]] == [
        "medium-erased",
        "medium-removed",
        "erasure-verified",
    ]


async def test_the_draw_can_be_made_again_from_what_is_answered(erasure: Service, client: httpx.AsyncClient) -> None:
    await register(erasure, item("API13"))
    await drop(client, proof("API13"))
    said = (await client.get("/api/erasure/draw", params={"engagement": str(ENGAGEMENT)})).json()
    again = draw(ENGAGEMENT, {UUID(medium): UUID(entry) for medium, entry in said["population"].items()})
    assert said["seed"] == again.seed
    assert [UUID(one["medium"]) for one in said["drawn"]] == list(again.drawn)
    assert said["drawn"]
