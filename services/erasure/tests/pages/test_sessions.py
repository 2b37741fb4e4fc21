import random
import re
from typing import Any

import httpx

from services.erasure import views
from services.erasure.tables import session_steps
from services.erasure.tests.conftest import ENGAGEMENT, bearer, item, principal, register
from services.erasure.tests.test_api import drop, proof
from services.erasure.tests.test_pages import PAGE, whole
from shared.entry import Entry
from shared.events.tracking import ItemRegistered
from shared.ids import uuid7
from shared.testing import TOWN, Service


async def opened(client: httpx.AsyncClient, room: str) -> str:
    """The address of a new session."""
    said = {"request": str(uuid7()), "engagement": str(ENGAGEMENT), "room": room, "machines": "消去機1、消去機2"}
    first, again = [await client.post("/erasure/sessions", data=said, headers=PAGE) for _ in range(2)]
    assert (first.status_code, again.headers["location"]) == (303, first.headers["location"]), first.text
    return str(first.headers["location"]).split("?")[0]


async def say(client: httpx.AsyncClient, url: str, step: str, **more: Any) -> httpx.Response:
    said = {"request": str(uuid7()), "engagement": str(ENGAGEMENT), "rack": "r-01", "step": step} | more
    return await client.post(url, data=said, headers=PAGE)


async def rack(client: httpx.AsyncClient, url: str, **query: Any) -> str:
    asked = {"engagement": str(ENGAGEMENT), "rack": "R-01"} | query
    return whole(await client.get(url, params=asked, headers=PAGE))


async def twenty(made: Service, prefix: str) -> list[ItemRegistered]:
    return [await register(made, item(f"{prefix}{nth:02}")) for nth in range(20)]


async def test_a_rack_of_twenty_goes_by_one_label_and_proof_comes_by_reports_alone(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    machines = await twenty(erasure, "RACK")
    url = await opened(client, "第2会議室")
    assert "まだ機器がありません" in await rack(client, url)
    lines = "\n".join(one.label for one in machines)
    assert (await say(client, url, "load", labels=lines)).status_code == 303
    assert (await say(client, url, "end")).status_code == 409
    assert (await say(client, url, "begin")).status_code == 303
    during = await rack(client, url, out=[machines[0].label, "", machines[1].label, machines[0].label])
    assert "18台の消去が終わった" in during
    stranger = (await register(erasure, item("RACKX"))).label
    odd = await rack(client, url, out=[machines[0].label, stranger])
    assert "このラックに載っていない機器です" in odd
    assert "19台の消去が終わった" in odd
    assert "追跡IDは9文字です" in await rack_wrong(client, url)
    kept = await say(client, url, "end", out=[machines[0].label, stranger])
    assert kept.status_code == 409
    done = await say(client, url, "end", out=[machines[0].label, machines[1].label])
    assert done.status_code == 303
    page = await rack(client, url)
    assert page.count("報告を待っています") == 18
    assert page.count("終わらなかった") >= 2
    assert "証明された機器0、全20" in page
    await drop(client, proof("RACK05"))
    assert "証明された機器1、全20" in await rack(client, url)
    overview = await client.get("/api/erasure/media/" + machines[6].label)
    assert overview.json()[0]["achieved"] is None, "what an operator says of a rack proves no level"


async def rack_wrong(client: httpx.AsyncClient, url: str) -> str:
    asked = {"engagement": str(ENGAGEMENT), "rack": "R-01", "out": "7K3D"}
    answer = await client.get(url, params=asked, headers=PAGE)
    assert answer.status_code == 422
    return whole(answer)


async def test_what_cannot_be_loaded_is_said_and_what_was_scanned_is_kept(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    one = await register(erasure, item("RACKY"))
    url = await opened(client, "控室")
    foreign = item().label
    wrong = await say(client, url, "load", labels=f"{one.label}\n{foreign}")
    assert wrong.status_code == 409
    assert "登録のない機器が1台" in whole(wrong)
    assert foreign in wrong.text
    silent = {"request": str(uuid7()), "engagement": str(ENGAGEMENT), "room": ""}
    assert (await client.post("/erasure/sessions", data=silent, headers=PAGE)).status_code == 422
    listed = whole(await client.get(f"/erasure/sessions?engagement={ENGAGEMENT}", headers=PAGE))
    assert "控室" in listed


async def test_who_may_not_is_told_so(erasure: Service, client: httpx.AsyncClient) -> None:
    assert erasure.settings.service == "erasure"
    url = await opened(client, "見学室")
    clerk = PAGE | bearer(principal("clerk", person="sato", party=TOWN))
    asked = {"engagement": str(ENGAGEMENT)}
    seen = whole(await client.get(url, params=asked, headers=clerk))
    assert "消去を始めた" not in seen
    assert (await client.post(url, data=asked | {"step": "begin"}, headers=clerk)).status_code == 403
    stranger = PAGE | bearer(principal("worker", party="centre-elsewhere"))
    assert (await client.get(url, params=asked, headers=stranger)).status_code == 404
    assert (await client.get(f"/erasure/sessions/{uuid7()}", params=asked, headers=PAGE)).status_code == 404
    english = whole(await client.get(url, params=asked | {"lang": "en", "rack": "R"}, headers=PAGE))
    assert not re.search(r"<h2[^>]*>[^<]*ラック", english)


async def test_steps_heard_twice_and_shuffled_are_the_same_rows(erasure: Service) -> None:
    asked = "SELECT * FROM session_steps ORDER BY stream, sequence"
    rows = await erasure.rows(asked)
    kept = await erasure.rows("SELECT body, salt FROM entries WHERE stream IN (SELECT stream FROM session_steps)")
    entries: list[Entry[Any]] = [Entry.read(bytes(row.body), bytes(row.salt)) for row in kept]
    assert len(entries) == len(rows) > 3
    async with erasure.owner.begin() as connection:
        await connection.execute(session_steps.delete())
    shuffled = [*entries, *entries]
    random.Random(2).shuffle(shuffled)
    async with erasure.consuming() as tx:
        for entry in shuffled:
            await views.apply(tx, [entry])
    assert await erasure.rows(asked) == rows
