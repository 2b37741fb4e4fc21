import random
from typing import Any

import httpx

from services.erasure import views
from services.erasure.tables import put_aside
from services.erasure.tests.capture import session
from services.erasure.tests.conftest import item, register
from services.erasure.tests.test_api import FILES, ROLES, drop, proof
from services.erasure.tests.test_pages import PAGE, whole
from shared.entry import Entry
from shared.ids import uuid7
from shared.testing import Service


def failing(serial: str) -> bytes:
    """The same session, of a drive that says it failed."""
    files = (*FILES[:-1], "nvme-sanitize-failed.json")
    return session(*zip(ROLES, files, strict=True)).replace(b"S64DNX0R900417", serial.encode())


async def queue(client: httpx.AsyncClient, serial: str) -> dict[str, Any]:
    (one,) = [
        one for one in (await client.get("/api/erasure/unmatched")).json()["unmatched"] if one["serial"] == serial
    ]
    return dict(one)


async def test_each_waiting_report_says_why_and_marks_what_differs(erasure: Service, client: httpx.AsyncClient) -> None:
    await register(erasure, item("00WHY50"))
    await register(erasure, item("TWICE1", serial="PC-A"))
    await register(erasure, item("TWICE1", serial="PC-B"))
    for serial in ("WHY5O", "TWICE1", "NOBODYS1"):
        await drop(client, proof(serial))
    said = {serial: await queue(client, serial) for serial in ("WHY5O", "TWICE1", "NOBODYS1")}
    assert {serial: one["why"] for serial, one in said.items()} == {
        "WHY5O": "near",
        "TWICE1": "several",
        "NOBODYS1": "unknown",
    }
    assert {near["host"] for near in said["TWICE1"]["proposed"]} == {"PC-A", "PC-B"}
    page = whole(await client.get("/erasure/unmatched", headers=PAGE))
    assert "WHY5<mark>O</mark>" in page
    assert "<mark>00</mark>WHY5<mark>0</mark>" in page
    for words in ("似た番号だけ", "同じ番号が複数", "登録がありません", "PC-0418"):
        assert words in page


async def test_of_two_equal_serials_the_computer_decides_and_the_entry_says_so(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    await register(erasure, item("EQUAL1", serial="PC-0417"))
    right = await register(erasure, item("EQUAL1", serial="PC-0418"))
    said = (await drop(client, proof("EQUAL1"))).json()
    (drive,) = said["drives"]
    assert (drive["label"], drive["achieved"]) == (right.label, "purge")
    assert "bound-by-host" in [reason["code"] for reason in drive["reasons"]]
    await register(erasure, item("EQUAL2", serial="PC-0001"))
    await register(erasure, item("EQUAL2", serial="PC-0002"))
    assert (await drop(client, proof("EQUAL2"))).json()["state"] == "waiting"


async def test_what_is_not_ours_is_put_aside_with_a_reason_and_stays_kept(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    filed = (await drop(client, proof("ASIDE1"))).json()
    report = (await queue(client, "ASIDE1"))["report"]
    url = f"/api/erasure/unmatched/{report}/aside"
    ask = {"request": str(uuid7()), "serial": "ASIDE1", "reason": "試験用の媒体"}
    first, again = [await client.post(url, json=ask) for _ in range(2)]
    assert (first.status_code, again.status_code, again.json()) == (201, 200, first.json())
    late = await client.post(url, json=ask | {"request": str(uuid7())})
    assert (late.status_code, late.json()["code"]) == (409, "not-waiting")
    nobody = await client.post(f"/api/erasure/unmatched/{uuid7()}/aside", json=ask | {"request": str(uuid7())})
    assert nobody.status_code == 404
    page = whole(await client.get("/erasure/unmatched", headers=PAGE))
    assert "試験用の媒体" in page
    assert "対象外にした報告" in page
    waiting = (await client.get("/api/erasure/unmatched")).json()["unmatched"]
    assert "ASIDE1" not in [one["serial"] for one in waiting]
    kept = await client.get(f"/erasure/reports/{filed['sha256']}")
    assert kept.content == proof("ASIDE1")
    it = await register(erasure, item("ASIDE1"))
    assert not await erasure.rows("SELECT 1 FROM deeds WHERE item = :i", i=it.item), "a person said it is not ours"


async def test_the_form_puts_aside_and_asks_for_the_reason(erasure: Service, client: httpx.AsyncClient) -> None:
    assert erasure.settings.service == "erasure"
    await drop(client, proof("ASIDE2"))
    report = (await queue(client, "ASIDE2"))["report"]
    url, said = f"/erasure/unmatched/{report}/aside", {"request": str(uuid7()), "serial": "ASIDE2"}
    silent = await client.post(url, data=said, headers=PAGE)
    assert (silent.status_code, "理由を入れてください" in whole(silent)) == (422, True)
    done = await client.post(url, data=said | {"reason": "見本"}, headers=PAGE)
    assert done.status_code == 303
    assert "対象外にしました" in whole(await client.get(done.headers["location"], headers=PAGE))


async def test_reports_that_contradict_each_other_wait_until_somebody_settles_them(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    it = await register(erasure, item("ODD1"))
    await drop(client, proof("ODD1"))
    assert "食い違う報告" not in (await client.get("/erasure/unmatched", headers=PAGE)).text
    assert (await drop(client, failing("ODD1"))).json()["drives"][0]["achieved"] is None
    page = whole(await client.get("/erasure/unmatched", headers=PAGE))
    assert "食い違う報告" in page
    assert f"/erasure/media/{it.label}" in page
    await drop(client, proof("ODD1").replace(b"2026-04-08", b"2026-04-09"))
    assert "食い違う報告" not in (await client.get("/erasure/unmatched", headers=PAGE)).text


async def test_a_report_of_a_medium_that_is_proved_already_is_called_a_possible_duplicate(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    await register(erasure, item("0DUP1"))
    await drop(client, proof("0DUP1"))
    await drop(client, proof("DUP1"))
    assert "重複かもしれません" in whole(await client.get("/erasure/unmatched", headers=PAGE))


async def test_what_was_put_aside_comes_out_equal_in_any_order(erasure: Service) -> None:
    rows = await erasure.rows("SELECT * FROM put_aside ORDER BY stream, sequence")
    entries: list[Entry[Any]] = [
        Entry.read(bytes(row.body), bytes(row.salt))
        for row in await erasure.rows("SELECT body, salt FROM entries WHERE kind LIKE 'erasure.report-%'")
    ]
    assert len(rows) == 2
    async with erasure.owner.begin() as connection:
        await connection.execute(put_aside.delete())
    shuffled = [*entries, *entries]
    random.Random(1).shuffle(shuffled)
    async with erasure.consuming() as tx:
        for entry in shuffled:
            await views.apply(tx, [entry])
    assert await erasure.rows("SELECT * FROM put_aside ORDER BY stream, sequence") == rows
