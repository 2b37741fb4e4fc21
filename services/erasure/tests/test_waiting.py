import random
from itertools import permutations
from typing import Any

import httpx
import pytest

from services.erasure import views
from services.erasure.tables import put_aside
from services.erasure.tests.capture import session
from services.erasure.tests.conftest import hear, item, register
from services.erasure.tests.test_api import FILES, ROLES, drop, proof
from services.erasure.tests.test_pages import PAGE, whole
from shared.entry import Entry
from shared.ids import uuid7
from shared.testing import Service, recorded


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


async def test_a_report_that_came_before_two_equal_serials_binds_by_its_computer_or_waits(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    for nth, order in enumerate(permutations(range(2))):
        serial = f"EARLYEQ{nth}"
        await drop(client, proof(serial))
        both = [item(serial, serial=host) for host in ("PC-0417", "PC-0418")]
        told = [recorded(both[n], stream=both[n].item) for n in order]
        await hear(erasure, *told, *told)
        bound = await erasure.rows("SELECT item, data FROM deeds WHERE data->>'serial' = :s", s=serial)
        assert [row.item for row in bound] == [both[1].item]
        assert "bound-by-host" in [reason["code"] for reason in bound[0].data["reasons"]]
    for serial, hosts in {
        "EARLYEQ7": ("PC-1", "PC-2"),
        "EARLYEQ8": ("PC-0418", "PC-0418"),
        "EARLYEQ9": ("", ""),
    }.items():
        await drop(client, proof(serial))
        await hear(erasure, *(recorded(one, stream=one.item) for one in [item(serial, serial=host) for host in hosts]))
        assert (await queue(client, serial))["why"] == "several"


@pytest.mark.parametrize("said", ["Default string", "To be filled by O.E.M.", "0000000000"])
async def test_a_placeholder_never_binds_and_never_decides_between_two(
    erasure: Service, client: httpx.AsyncClient, said: str
) -> None:
    serial = f"PLACE{len(said)}"
    for host in (said, "PC-1"):
        await register(erasure, item(serial, serial=host))
    answer = await drop(client, proof(serial).replace(b"PC-0418", said.encode()))
    assert (answer.status_code, (await queue(client, serial))["why"]) == (202, "several")
    assert (await queue(client, serial))["host_serial"] is None
    nameless = await register(erasure, item(said))
    content = proof(said.ljust(20) if len(said) < len("S64DNX0R900417") else said)
    answer = await drop(client, content)
    assert answer.json()["state"] == "waiting"
    assert not await erasure.rows("SELECT 1 FROM deeds WHERE item = :i", i=nameless.item)
    (waits,) = [
        one
        for one in (await client.get("/api/erasure/unmatched")).json()["unmatched"]
        if one["sha256"] == answer.json()["sha256"]
    ]
    assert (waits["serial"], waits["why"]) == ("", "no-serial")
    await register(erasure, item(said))
    assert not await erasure.rows("SELECT 1 FROM deeds WHERE item = :i", i=nameless.item)
    body = {"request": str(uuid7()), "label": nameless.label, "serial": ""}
    bound = await client.post(f"/api/erasure/unmatched/{waits['report']}/bind", json=body)
    assert bound.status_code == 201, bound.text
    (deed,) = await erasure.rows("SELECT kind, data FROM deeds WHERE item = :i", i=nameless.item)
    assert deed.kind == "erasure.erasure-failed.v1", "a person may tie it to a drive; that proves nothing"
    assert "bound-by-label" in [reason["code"] for reason in deed.data["reasons"]]


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


async def test_what_was_put_aside_is_put_back_on_the_page_and_both_stay_entries(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    await drop(client, proof("BACK1"))
    report = (await queue(client, "BACK1"))["report"]
    aside, back = (f"/api/erasure/unmatched/{report}/{what}" for what in ("aside", "back"))
    ask = {"request": str(uuid7()), "serial": "BACK1"}
    early = await client.post(back, json=ask)
    assert (early.status_code, early.json()["code"]) == (409, "not-aside")
    why = {"serial": "BACK1", "reason": "見間違い"}
    assert (await client.post(aside, json={"request": str(uuid7())} | why)).status_code == 201
    page = whole(await client.get("/erasure/unmatched", headers=PAGE))
    assert "見間違い" in page
    assert f'action="/erasure/unmatched/{report}/back"' in page
    done = await client.post(f"/erasure/unmatched/{report}/back", data=ask, headers=PAGE)
    assert done.status_code == 303
    page = whole(await client.get(done.headers["location"], headers=PAGE))
    assert "待っている報告に戻しました" in page
    assert "見間違い" not in page
    again = await client.post(back, json=ask)
    assert again.status_code == 200, "the same request"
    late = await client.post(f"/erasure/unmatched/{report}/back", data=ask | {"request": str(uuid7())}, headers=PAGE)
    assert (late.status_code, "対象外になっていません" in whole(late)) == (409, True)
    assert (await queue(client, "BACK1"))["why"] == "unknown"
    it = await register(erasure, item("BACK1"))
    assert await erasure.rows("SELECT 1 FROM deeds WHERE item = :i", i=it.item), "it waited again, and binds itself"
    kinds = await erasure.rows("SELECT kind FROM entries WHERE stream = :r ORDER BY sequence", r=report)
    assert [row.kind.split(".")[1] for row in kinds] == ["report-filed", "report-put-aside", "report-put-back"]


async def test_a_report_that_is_put_back_after_its_medium_came_says_that_one_is_there(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    await drop(client, proof("BACK2"))
    report = (await queue(client, "BACK2"))["report"]
    for what, more in (("aside", {"reason": "-"}), ("back", {}), ("aside", {"reason": "-"})):
        body = {"request": str(uuid7()), "serial": "BACK2"} | more
        assert (await client.post(f"/api/erasure/unmatched/{report}/{what}", json=body)).status_code == 201
    await register(erasure, item("BACK2"))
    body = {"request": str(uuid7()), "serial": "BACK2"}
    assert (await client.post(f"/api/erasure/unmatched/{report}/back", json=body)).status_code == 201
    assert (await queue(client, "BACK2"))["why"] == "same"
    assert "登録があります" in whole(await client.get("/erasure/unmatched", headers=PAGE))


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
    assert len(rows) == 8
    assert {row.back for row in rows} == {True, False}
    async with erasure.owner.begin() as connection:
        await connection.execute(put_aside.delete())
    shuffled = [*entries, *entries]
    random.Random(1).shuffle(shuffled)
    async with erasure.consuming() as tx:
        for entry in shuffled:
            await views.apply(tx, [entry])
    assert await erasure.rows("SELECT * FROM put_aside ORDER BY stream, sequence") == rows
