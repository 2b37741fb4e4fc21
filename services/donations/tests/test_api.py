"""The HTTP door: the vertical from call to hand-over, replays, refusals, and three hundred at once."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx

from services.donations.domain.record import recompute
from services.donations.tests.conftest import CATEGORIES, Web, person, prepare_stock, prepare_town
from shared.ids import uuid7
from shared.testing import CENTRE, OTHER_TOWN, Service

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
    paper: dict[str, Any] = {
        "category": "youth",
        "units": 5,
        "arrived_at": (datetime.now(UTC) - timedelta(hours=1)).isoformat(),
    }
    paper_slip = await post(web.clerk, f"{CALL}/paper", **paper, **person(group="青年部", phone="0233-43-0001"))
    assert (web_slip["receipt"], paper_slip["receipt"]) == ("063622-0001", "063622-0002")
    await post(web.clerk, f"{CALL}/settle", 409)
    await post(web.clerk, f"{CALL}/close")
    await post(web.clerk, f"{CALL}/settle")
    document = (await web.public.get(f"{CALL}/allocation")).json()
    settled = document["steps"][-1]
    assert [(grant["receipt"], len(grant["items"])) for grant in settled["grants"]] == [("063622-0002", 3)]
    assert settled["waiting"] == ["063622-0002", "063622-0001"]
    assert recompute(document).differences == ()
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


async def test_a_request_sent_again_gets_the_same_body_with_200(web: Web) -> None:
    await opened(web)
    body = an_application()
    first = await web.public.post(f"{CALL}/applications", json=body)
    again = await web.public.post(f"{CALL}/applications", json=body | {"sent_at": datetime.now(UTC).isoformat()})
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    for other in ({"units": 2}, {"group": "別の区"}):
        reused = await web.public.post(f"{CALL}/applications", json=body | other)
        assert (reused.status_code, reused.json()["code"]) == (422, "request-id-reused")


REFUSALS: list[tuple[dict[str, Any], int, str]] = [
    ({"category": "school"}, 409, "not-eligible"),
    ({"units": 3}, 409, "over-cap"),
    ({"phone": "0233-43"}, 422, "bad-phone"),
    ({"group": ""}, 422, "invalid"),
    ({"group": "a\u0000b"}, 422, "invalid"),
    ({"purpose": "あ" * 10_000}, 422, "invalid"),
    ({"consent": False}, 422, "invalid"),
    ({"arrived_at": "2020-01-01T00:00:00Z"}, 422, "invalid"),
    ({"uses": []}, 422, "invalid"),
]


async def test_a_wrong_application_is_refused_in_a_sentence_and_leaves_nothing(made: Service, web: Web) -> None:
    await opened(web)
    for change, status, code in REFUSALS:
        response = await web.public.post(f"{CALL}/applications", json=an_application(**change))
        assert (response.status_code, response.json()["code"]) == (status, code), change
        assert response.json()["detail"].endswith("。")
    english = await web.public.post(
        f"{CALL}/applications", json=an_application(units=3), headers={"accept-language": "en"}
    )
    assert english.json()["detail"] == "A group of this category may ask for 2 at most. Correct the number."
    assert await made.rows("SELECT count(*) FROM applicants") == [(0,)]


SPEC = {"os": "Windows 10 Home", "ssd_gb": 240, "memory_gb": 8, "office": "WPS", "support_months": 3}


async def test_a_call_that_cannot_be_meant_is_not_opened(made: Service, web: Web) -> None:
    wrong: list[tuple[dict[str, Any], str]] = [
        ({"opens_at": "0001-01-01T00:00:00+09:00"}, "bad-window"),
        ({"closes_at": "9999-12-31T23:59:59Z"}, "bad-window"),
        ({"units": 0}, "invalid"),
        ({"consent": ""}, "invalid"),
        ({"spec": SPEC | {"os": "a" * 10_000}}, "invalid"),
        ({"spec": SPEC | {"ssd_gb": -1}}, "invalid"),
        ({"categories": [{"code": "a", "name": "", "cap": 2}]}, "invalid"),
        ({"categories": [{"code": "x y", "name": "集落", "cap": 2}]}, "invalid"),
    ]
    for change, code in wrong:
        refused = await web.clerk.post("/api/donations/calls", json=an_opening(**change))
        assert (refused.status_code, refused.json()["code"]) == (422, code), change
        assert refused.json()["detail"].endswith("。")
    assert await made.rows("SELECT count(*) FROM calls") == [(0,)]


async def test_a_forged_clock_moves_no_application_forward(web: Web) -> None:
    await opened(web)
    before = datetime.now(UTC)
    old = {"captured_at": (before - timedelta(hours=1)).isoformat(), "sent_at": before.isoformat()}
    slip = (await web.public.post(f"{CALL}/applications", json=an_application(**old))).json()
    assert datetime.fromisoformat(slip["arrived_at"]) >= before
    assert slip["arrived_at"] == slip["recorded_at"]


async def test_a_call_is_over_to_the_second(web: Web) -> None:
    now = datetime.now(UTC)
    await opened(web, closes_at=(now - timedelta(seconds=1)).isoformat())
    late = await web.public.post(f"{CALL}/applications", json=an_application())
    assert (late.status_code, late.json()["code"]) == (409, "call-closed")
    paper: dict[str, Any] = {"category": "hamlet", "units": 1, "arrived_at": (now - timedelta(minutes=1)).isoformat()}
    assert (await post(web.clerk, f"{CALL}/paper", **paper, **person()))["refused"] is None
    paper["arrived_at"] = now.isoformat()
    assert (await post(web.clerk, f"{CALL}/paper", **paper, **person()))["refused"] == "late"
    paper["arrived_at"] = (now + timedelta(hours=1)).isoformat()
    ahead = await post(web.clerk, f"{CALL}/paper", 422, **paper, **person())
    assert ahead["code"] == "arrival-ahead"


async def test_pages_and_programs_are_told_the_same_of_where_a_call_stands(web: Web) -> None:
    now = datetime.now(UTC)
    hour = timedelta(hours=1)
    windows = {
        "063622-2026-7": (now + hour, now + 2 * hour, "ahead", "受付の前"),
        "063622-2026-8": (now - hour, now + hour, "open", "受付中"),
        "063622-2026-9": (now - 2 * hour, now - hour, "over", "受付終了"),
    }
    for number, (opens, closes, _state, _said) in windows.items():
        await opened(web, number=number, opens_at=opens.isoformat(), closes_at=closes.isoformat())
    everything = {one["number"]: one["state"] for one in (await web.public.get("/api/donations/calls")).json()["calls"]}
    for number, (_opens, _closes, state, said) in windows.items():
        assert everything[number] == state
        assert (await web.public.get(f"/api/donations/calls/{number}")).json()["state"] == state
        assert f"{said}</" in (await web.public.get(f"/calls/{number}")).text
    await post(web.clerk, "/api/donations/calls/063622-2026-9/close")
    assert (await web.public.get("/api/donations/calls/063622-2026-9")).json()["state"] == "closed"


async def test_three_hundred_applicants_at_once_get_receipts_of_their_own_in_the_recorded_order(
    made: Service, web: Web
) -> None:
    await opened(web)
    bodies = [an_application(group=f"団体{n}", phone=f"0233-43-{n:04d}") for n in range(300)]
    answers = await asyncio.gather(*(web.public.post(f"{CALL}/applications", json=body) for body in bodies))
    assert {answer.status_code for answer in answers} == {201}
    slips = [answer.json() for answer in answers]
    assert sorted(slip["receipt"] for slip in slips) == [f"063622-{n:04d}" for n in range(1, 301)]
    assert len({slip["passphrase"] for slip in slips}) == 300
    by_arrival = sorted(slips, key=lambda slip: (slip["arrived_at"], slip["receipt"]))
    queue = (await web.clerk.get(f"{CALL}/queue")).json()["applications"]
    assert [each["receipt"] for each in queue] == [slip["receipt"] for slip in by_arrival]
    assert not any(each["same_applicant_as"] for each in queue)
    query = "SELECT count(DISTINCT stream), count(*) FROM entries WHERE kind = 'donations.application-received.v1'"
    assert await made.rows(query) == [(300, 300)]


async def test_a_passphrase_guessed_too_often_closes_its_receipt_for_a_while(web: Web) -> None:
    await opened(web)
    slip = (await web.public.post(f"{CALL}/applications", json=an_application())).json()
    look = {"receipt": slip["receipt"], "passphrase": slip["passphrase"]}
    statuses = [
        (await web.public.post("/api/donations/receipts", json=look | {"passphrase": f"{n:08d}"})).status_code
        for n in range(15)
    ]
    assert statuses == [404] * 10 + [429] * 5
    assert (await web.public.post("/api/donations/receipts", json=look)).status_code == 429
    more = [
        await web.public.post("/api/donations/receipts", json=look | {"passphrase": f"{n:08d}"}) for n in range(985)
    ]
    assert {answer.status_code for answer in more} == {429}, "a thousand guesses, ten looked at"
    assert "1分ほど待ってから" in more[-1].json()["detail"]
    unknown = await web.public.post("/api/donations/receipts", json=look | {"receipt": "063622-9999"})
    assert unknown.json()["code"] == "receipt-or-passphrase"


async def test_the_portals_file_is_all_or_nothing_and_twice_is_once(made: Service, web: Web) -> None:
    await opened(web)
    at = (datetime.now(UTC) - timedelta(minutes=30)).isoformat(timespec="seconds")
    header = "申請番号,申請日時,区分,団体名,代表者,住所,電話番号,希望台数\r\n"
    row = "E-{n},{at},{category},団体{n},見本 花子,向町1,0233-43-000{n},1\r\n"
    good = [row.format(n=n, at=at, category="集落") for n in range(3)]
    late = row.format(n=4, at=(datetime.now(UTC) - timedelta(hours=9)).isoformat(timespec="seconds"), category="集落")

    async def send(text: str, query: str = "") -> httpx.Response:
        files = {"file": ("portal.csv", text.encode("cp932"), "text/csv")}
        return await web.clerk.post(f"{CALL}/portal{query}", data={"request": str(uuid7())}, files=files)

    wrong = await send(header + good[0] + row.format(n=1, at=at, category="病院"))
    assert (wrong.status_code, wrong.json()["code"]) == (422, "bad-file")
    assert wrong.json()["missing"][0].startswith("3行目　区分　")
    preview = await send(header + "".join(good), "?preview=1")
    assert (preview.status_code, preview.json()["new"]) == (200, 3)
    assert await made.rows("SELECT count(*) FROM applications") == [(0,)]
    preview = await send(header + "".join(good) + late, "?preview=1")
    assert (preview.json()["new"], preview.json()["refused"], preview.json()["receipts"]) == (4, 1, [])
    assert await made.rows("SELECT count(*) FROM refusals") == [(0,)]
    taken = await send(header + "".join(good) + late)
    assert (taken.status_code, taken.json()["new"], taken.json()["refused"]) == (201, 4, 1)
    twice = await send(header + "".join(good) + late)
    assert (twice.status_code, twice.json()["new"], twice.json()["known"]) == (200, 0, 4)
    assert twice.json()["receipts"] == taken.json()["receipts"]
    changed = await send(header + good[0].replace(",1\r", ",2\r"))
    assert "前に取り込んだ応募" in changed.json()["missing"][0]
    assert await made.rows("SELECT count(*) FROM entries WHERE kind LIKE '%application-received%'") == [(3,)]


async def test_who_may_do_what(made: Service, web: Web) -> None:
    await opened(web)
    await prepare_town(made, OTHER_TOWN, "011002")
    now = datetime.now(UTC).isoformat()
    given: dict[str, dict[str, Any]] = {
        "rounds": {"item_kinds": ["desktop"], "units": 1, "opens_at": now, "closes_at": now},
        "review": {"marks": [{"receipt": "063622-0001", "points": {"a": 1}, "reason": "x"}]},
        "review/confirm": {"review": str(uuid7())},
        "basis": {"approval": "x", "basis": "x"},
        "paper": {"category": "hamlet", "units": 1, "arrived_at": now, **person()},
        "applications/063622-0001/return": {"reason": "unused"},
        "applications/063622-0001/reoffer": {"method": "erased"},
    }
    acts = ("hand-over", "refuse", "withdraw")
    for step in ("close", "settle", *given, *(f"applications/063622-0001/{act}" for act in acts)):
        path, body = f"{CALL}/{step}", asked(**given.get(step, {}))
        assert (await web.public.post(path, json=body)).status_code == 401
        assert (await web.as_("witness", "town-063622", "witness").post(path, json=body)).status_code == 403
        assert (await web.as_("other", OTHER_TOWN, "clerk").post(path, json=body)).status_code == 403
    assert (await web.public.get(f"{CALL}/queue")).status_code == 401
    assert (await web.public.get("/api/donations/overview?town=town-063622")).status_code == 401
    assert (
        await web.as_("other", OTHER_TOWN, "clerk").get("/api/donations/overview?town=town-063622")
    ).status_code == 403
    for path in (CALL, "/api/donations/calls"):
        assert (await web.public.get(path)).status_code == 200
    for path in ("/api/donations/calls/063622-2026-9", f"{CALL}-9/allocation"):
        assert (await web.public.get(path)).status_code == 404
    early = await web.public.get(f"{CALL}/allocation")
    assert (early.status_code, early.json()["code"]) == (409, "not-settled")


async def test_an_applicant_corrects_and_withdraws_by_receipt_and_passphrase(web: Web) -> None:
    await opened(web)
    slip = (await web.public.post(f"{CALL}/applications", json=an_application())).json()
    own, words = f"/api/donations/receipts/{slip['receipt']}", {"passphrase": slip["passphrase"]}
    form = {"category": "business", "units": 2, **person(group="直した区")}
    wrong = await web.public.post(f"{own}/correct", json=asked(**form, passphrase="0000-0000"))
    assert (wrong.status_code, wrong.json()["code"]) == (404, "receipt-or-passphrase")
    body = asked(**form, **words)
    statuses = [(await web.public.post(f"{own}/correct", json=body)).status_code for _ in range(2)]
    assert statuses == [201, 200]
    [row] = (await web.clerk.get(f"{CALL}/queue")).json()["applications"]
    assert (row["group"], row["category"], row["units"]) == ("直した区", "business", 2)
    await post(web.public, f"{own}/withdraw", **words)
    gone = await post(web.public, f"{own}/withdraw", 409, **words)
    assert gone["code"] == "not-queued"
    standing = (await web.public.post("/api/donations/receipts", json={"receipt": slip["receipt"], **words})).json()
    assert (standing["refused"], standing["correctable"]) == ("withdrawn", False)
    assert (await web.public.post(f"{own}/correct", json=asked(**form, **words))).status_code == 409


async def test_an_applicant_is_forgotten_on_request(made: Service, web: Web) -> None:
    await opened(web)
    slip = (await web.public.post(f"{CALL}/applications", json=an_application())).json()
    gone = await web.clerk.delete(f"{CALL}/applications/{slip['receipt']}/applicant")
    assert gone.status_code == 204
    look = {"receipt": slip["receipt"], "passphrase": slip["passphrase"]}
    assert (await web.public.post("/api/donations/receipts", json=look)).status_code == 404
    assert await made.rows("SELECT receipt FROM applications") == [(slip["receipt"],)]


async def test_the_log_names_nobody(made: Service, web: Web) -> None:
    await prepare_stock(made, 1)
    await opened(web)
    await web.public.post(f"{CALL}/applications", json=an_application(group="<script>", representative="秘密 太郎"))
    await post(web.clerk, f"{CALL}/close")
    await post(web.clerk, f"{CALL}/settle")
    for path in (f"{CALL}/allocation", CALL, "/donations", "/api/donations/calls"):
        told = (await web.public.get(path)).text
        assert "秘密" not in told
        assert "script>" not in told.replace("</script>", "")
