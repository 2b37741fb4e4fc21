import asyncio
import random
import re
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import httpx

from services.erasure import reading, views
from services.erasure.domain.draw import draw
from services.erasure.tables import deeds
from services.erasure.tests.api.test_times import JST, done
from services.erasure.tests.conftest import bearer, hear, item, opened, principal, register
from services.erasure.tests.test_api import drop, proof
from services.erasure.tests.test_pages import PAGE, whole
from shared.entry import Entry
from shared.ids import uuid7
from shared.testing import CENTRE, TOWN, Service, photo, recorded


def other() -> dict[str, str]:
    """Somebody of the centre who erased nothing."""
    return bearer(principal("worker", person="abe"))


async def lot(made: Service, client: httpx.AsyncClient, prefix: str, count: int = 21) -> tuple[str, dict[str, Any]]:
    """An engagement of its own with erased media; returns it and its items by label."""
    engagement = uuid7()
    await hear(made, recorded(opened(engagement, TOWN, CENTRE), stream=engagement))
    serials = [f"{prefix}{nth:03}" for nth in range(count)]
    items = [await register(made, item(serial, engagement=engagement)) for serial in serials]
    files = [("files", (f"{serial}.json", proof(serial))) for serial in serials]
    said = await client.post("/api/erasure/reports/batch", files=files, data={"request": str(uuid7())})
    assert {one["state"] for one in said.json()["results"]} == {"recorded"}
    return str(engagement), {one.label: one for one in items}


async def drawn(client: httpx.AsyncClient, engagement: str) -> dict[str, Any]:
    said = await client.get("/api/erasure/draw", params={"engagement": engagement})
    assert said.status_code == 200, said.text
    return dict(said.json())


async def look(client: httpx.AsyncClient, label: str, *, passed: bool) -> httpx.Response:
    said = {"request": str(uuid7()), "method": "全域を読み直した", "passed": passed}
    return await client.post(f"/api/erasure/media/{label}/verifications", json=said, headers=other())


async def crush(client: httpx.AsyncClient, label: str) -> None:
    shots, facts = {"after": ("a.jpg", photo())}, {"request": str(uuid7()), "machine": "2"}
    said = await client.post(f"/api/erasure/media/{label}/destructions", files=shots, data=facts)
    assert said.status_code == 201, said.text


async def told(made: Service, engagement: str) -> list[Entry[Any]]:
    """What the lot's stream says, oldest first."""
    rows = await made.rows("SELECT body, salt FROM entries WHERE kind LIKE 'erasure.lot-%' ORDER BY stream, sequence")
    entries: list[Entry[Any]] = [Entry.read(bytes(row.body), bytes(row.salt)) for row in rows]
    return [one for one in entries if str(one.event.engagement) == engagement]


async def overview(client: httpx.AsyncClient, engagement: str) -> dict[str, Any]:
    said = await client.get("/api/erasure/overview", params={"town": TOWN, "engagement": engagement})
    return dict(said.json())


async def test_a_failed_look_reopens_the_lot_until_what_it_asks_for_is_done(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    engagement, items = await lot(erasure, client, "RCHK")
    before = await drawn(client, engagement)
    assert (before["state"], before["round"], len(before["drawn"])) == ("to-check", 1, 2)
    first, second = (one["label"] for one in before["drawn"])
    assert (await look(client, first, passed=True)).status_code == 201
    assert (await look(client, second, passed=False)).status_code == 201
    assert (await look(client, second, passed=True)).json()["code"] == "erase-again"

    now = await drawn(client, engagement)
    assert (now["state"], now["round"], now["seed"] == before["seed"]) == ("reopened", 2, False)
    assert [one["label"] for one in now["to_redo"]] == [second]
    assert {first, second}.isdisjoint(one["label"] for one in now["drawn"])
    (reopened,) = await told(erasure, engagement)
    assert (reopened.event.seed, reopened.event.round) == (now["seed"], 2)
    assert [str(one) for one in reopened.event.drawn] == [one["medium"] for one in now["drawn"]]
    assert [str(reopened.event.failed)] == now["failures"]
    counted = await overview(client, engagement)
    assert (counted["sufficient"], counted["in_doubt"], counted["erased"], counted["failed"]) == (1, 19, 20, 1)

    await drop(client, proof(items[second].media[0].serial), place="centre")  # the same report proves nothing anew
    assert [one["label"] for one in (await drawn(client, engagement))["to_redo"]] == [second]
    await crush(client, second)
    for one in now["drawn"]:
        assert (await look(client, one["label"], passed=True)).status_code == 201
    assert (await drawn(client, engagement))["state"] == "passed"
    assert [one.kind for one in await told(erasure, engagement)] == [
        "erasure.lot-reopened.v1",
        "erasure.lot-settled.v1",
    ]
    counted = await overview(client, engagement)
    assert (counted["sufficient"], counted["in_doubt"]) == (20, 0)

    population = {UUID(medium): UUID(entry) for medium, entry in now["population"].items()}
    again = draw(UUID(engagement), population, [UUID(one) for one in now["failures"]])
    assert (again.seed, [str(one) for one in again.drawn]) == (now["seed"], [one["medium"] for one in now["drawn"]])


async def test_a_medium_erased_again_is_looked_at_again(erasure: Service, client: httpx.AsyncClient) -> None:
    engagement, items = await lot(erasure, client, "AGAIN", 1)
    (label,) = items
    await look(client, label, passed=False)
    assert (await drawn(client, engagement))["drawn"] == []  # nobody is left to draw
    serial = items[label].media[0].serial
    older = (await drop(client, done(serial, datetime.now(JST) - timedelta(days=1)))).json()["drives"][0]
    assert (older["achieved"], older["reasons"][1]["code"]) == (None, "done-before-recheck")
    assert [one["label"] for one in (await drawn(client, engagement))["to_redo"]] == [label]
    assert (await drop(client, done(serial, datetime.now(JST)))).json()["drives"][0]["achieved"] == "purge"
    now = await drawn(client, engagement)
    assert (now["state"], [one["label"] for one in now["to_check"]], now["to_redo"]) == ("reopened", [label], [])
    assert (await overview(client, engagement))["in_doubt"] == 1
    await look(client, label, passed=True)
    assert (await drawn(client, engagement))["state"] == "passed"


async def test_the_last_two_looks_at_once_settle_the_lot_once(erasure: Service, client: httpx.AsyncClient) -> None:
    engagement, _items = await lot(erasure, client, "ONCE", 41)
    before = await drawn(client, engagement)
    await look(client, before["drawn"][0]["label"], passed=False)
    await crush(client, before["drawn"][0]["label"])
    now = await drawn(client, engagement)
    assert len(now["to_check"]) == 2
    said = await asyncio.gather(*(look(client, one["label"], passed=True) for one in now["to_check"]))
    assert [one.status_code for one in said] == [201, 201]
    kinds = [one.kind for one in await told(erasure, engagement)]
    assert kinds == ["erasure.lot-reopened.v1", "erasure.lot-settled.v1"]


async def test_any_order_of_arrival_gives_the_same_rows_and_the_same_lot(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    engagement, items = await lot(erasure, client, "ORDER", 21)
    await look(client, (await drawn(client, engagement))["drawn"][0]["label"], passed=False)
    media = [one.media[0].id for one in items.values()]
    asked = "SELECT * FROM deeds WHERE medium = ANY(:media) ORDER BY stream, sequence"
    rows = await erasure.rows(asked, media=media)
    entries = [
        Entry.read(bytes(row.body), bytes(row.salt))
        for row in await erasure.rows("SELECT body, salt FROM entries WHERE stream = ANY(:media)", media=media)
    ]
    async with erasure.acting() as tx:
        stood = await reading.lot_of(tx.connection, UUID(engagement))
    for seed in range(2):
        async with erasure.owner.begin() as connection:
            await connection.execute(deeds.delete().where(deeds.c.medium.in_(media)))
        shuffled = [*entries, *entries]
        random.Random(seed).shuffle(shuffled)
        async with erasure.consuming() as tx:
            for entry in shuffled:
                await views.apply(tx, [entry])
        assert await erasure.rows(asked, media=media) == rows
        async with erasure.acting() as tx:
            assert await reading.lot_of(tx.connection, UUID(engagement)) == stood


def fields(page: str, label: str) -> dict[str, str]:
    form = re.search(rf'action="/erasure/recheck/{label}">(.*?)</form>', page, re.DOTALL)
    assert form
    return dict(re.findall(r'type="hidden" name="([^"]+)" value="([^"]*)"', form.group(1)))


async def test_the_page_lists_what_is_drawn_and_only_another_person_records(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    engagement, _items = await lot(erasure, client, "SEEN", 21)
    url = f"/erasure/recheck?engagement={engagement}"
    own = whole(await client.get(url, headers=PAGE))
    assert "あなたが消去した媒体です" in own
    assert "結果を記録する" not in own
    page = whole(await client.get(url, headers=PAGE | other()))
    assert (await drawn(client, engagement))["seed"] in page
    labels = [one["label"] for one in (await drawn(client, engagement))["drawn"]]
    said = fields(page, labels[0]) | {"method": "whole"}
    unsaid = await client.post(f"/erasure/recheck/{labels[0]}", data=said, headers=PAGE | other())
    assert (unsaid.status_code, "確かめ方と結果" in whole(unsaid)) == (422, True)
    wiper = await client.post(f"/erasure/recheck/{labels[0]}", data=said | {"passed": "no"}, headers=PAGE)
    assert (wiper.status_code, "別の人が確認" in whole(wiper)) == (409, True)
    done = await client.post(f"/erasure/recheck/{labels[0]}", data=said | {"passed": "no"}, headers=PAGE | other())
    assert done.status_code == 303, done.text
    after = whole(await client.get(done.headers["location"], headers=PAGE | other()))
    assert "再確認が不合格でした" in after
    assert "不合格：消去し直すか破壊" in after
    session = whole(await client.get(f"/erasure?engagement={engagement}", headers=PAGE))
    assert "この契約の媒体は、証明済みに数えません" in session
    assert "再確認で不合格でした。もう一度消去するか、破壊してください。" in session
    medium = whole(await client.get(f"/erasure/media/{labels[0]}", headers=PAGE))
    assert "なし" in medium
    for lang in ("ja", "en"):
        assert (await client.get(url, params={"lang": lang}, headers=PAGE)).status_code == 200


async def test_a_stranger_sees_no_list_and_an_auditor_records_nothing(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    engagement, items = await lot(erasure, client, "STRNG", 1)
    stranger = PAGE | bearer(principal("worker", party="centre-elsewhere"))
    assert (await client.get(f"/erasure/recheck?engagement={engagement}", headers=stranger)).status_code == 404
    auditor = PAGE | bearer(principal("auditor", person="audit", party=TOWN))
    assert (await client.get(f"/erasure/recheck?engagement={engagement}", headers=auditor)).status_code == 200
    (label,) = items
    assert (await client.post(f"/erasure/recheck/{label}", data={}, headers=auditor)).status_code == 403


async def test_without_a_contract_the_page_says_so(client: httpx.AsyncClient) -> None:
    nobody = PAGE | bearer(principal("worker", party="centre-nowhere"))
    assert "契約期間中の町がありません" in whole(
        await client.get("/erasure/recheck", params={"lang": "ja"}, headers=nobody)
    )
