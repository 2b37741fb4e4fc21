import html
import json
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from services.erasure.tests.conftest import (
    ENGAGEMENT,
    OTHER_CENTRE,
    OTHER_ENGAGEMENT,
    bearer,
    hear,
    item,
    opened,
    principal,
    register,
)
from services.erasure.tests.test_api import drop, proof
from shared.ids import new_label, uuid7
from shared.testing import CENTRE, OTHER_TOWN, TOWN, Service, recorded

SESSIONS = "/api/erasure/sessions"
NOON = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)
PAGE = {"accept": "text/html"}
ENGLISH = {"accept-language": "en"}


async def began(client: httpx.AsyncClient, room: str, at: datetime = NOON) -> str:
    """Open a session two hours ago and return its address."""
    said = {"request": str(uuid7()), "engagement": str(ENGAGEMENT), "room": room, "machines": ["消去機1"]}
    said |= {"captured_at": at.isoformat()}
    first, again = [await client.post(SESSIONS, json=said) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 200), first.text
    assert first.json() == again.json()
    return f"{SESSIONS}/{first.json()['stream']}"


def scan(work: str, label: str = "", rack: str = "", *, minute: float) -> dict[str, Any]:
    at = (NOON + timedelta(minutes=minute)).isoformat()
    return {"requestId": str(uuid7()), "work": work, "label": label, "capturedAt": at, "facts": {"rack": rack}}


async def send(client: httpx.AsyncClient, url: str, *scans: dict[str, Any], **how: Any) -> list[dict[str, Any]]:
    answer = await client.post(f"{url}/steps", params={"engagement": str(ENGAGEMENT)}, json={"scans": scans}, **how)
    assert answer.status_code == 200, answer.text
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


async def read(client: httpx.AsyncClient, url: str, **how: Any) -> dict[str, Any]:
    answer = await client.get(url, params={"engagement": str(ENGAGEMENT)}, **how)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def codes(told: dict[str, Any]) -> list[tuple[str, str]]:
    return [(one["work"], one["code"]) for one in told["remarks"]]


async def test_a_session_is_told_by_a_device_and_read_with_what_is_proved(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    them = [await register(erasure, item(f"SES{n}")) for n in range(3)]
    alone = await register(erasure, item("SESX"))
    url = await began(client, "第2会議室")
    scans = [scan("place", one.label, "r 1", minute=1 + nth / 10) for nth, one in enumerate(them)]
    scans += [scan("begin", rack="R1", minute=2), scan("place", alone.label, minute=3)]
    scans += [scan("take-out", them[2].label, "R1", minute=4), scan("end", rack="r1", minute=5)]
    results = await send(client, url, *scans, scan("close", minute=6))
    assert [one["status"] for one in results] == [201] * 8
    assert [one.get("breaks") for one in results] == [None] * 8
    await drop(client, proof("SES0"))
    told = await read(client, url)
    by_name = {one["rack"]: one for one in told["racks"]}
    assert [one["label"] for one in by_name["R1"]["machines"]] == [one.label for one in them]
    assert [one["proved"] for one in by_name["R1"]["machines"]] == [True, False, False]
    assert [one["taken_out"] for one in by_name["R1"]["machines"]] == [False, False, True]
    assert by_name["R1"]["state"] == "ended"
    assert [one["label"] for one in by_name[""]["machines"]] == [alone.label]
    assert (told["room"], told["remarks"], told["late"]) == ("第2会議室", [], 0)
    assert datetime.fromisoformat(told["closed_at"]) == NOON + timedelta(minutes=6)
    listed = await client.get(SESSIONS, params={"engagement": str(ENGAGEMENT)})
    assert told in listed.json()["sessions"]


async def test_facts_sent_twice_and_shuffled_are_recorded_once_and_read_alike(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    tellings = []
    for seed in range(3):
        a, b, c, d = [(await register(erasure, item(f"SHUF{seed}{n}"))).label for n in range(4)]
        url = await began(client, "控室")
        scans = [scan("place", one, "R1", minute=1 + nth / 10) for nth, one in enumerate((a, b, c))]
        scans += [
            scan("place", b, "R1", minute=2),
            scan("place", c, "R2", minute=3),
            scan("begin", rack="R1", minute=4),
        ]
        scans += [
            scan("take-out", a, "R2", minute=5),
            scan("take-out", d, "R1", minute=6),
            scan("end", rack="R1", minute=6),
        ]
        scans += [scan("place", d, "R1", minute=7), scan("end", rack="R3", minute=8), scan("close", minute=9)]
        scans += [scan("begin", rack="R1", minute=10)]
        said = [*scans, *scans]
        if seed:
            random.Random(seed).shuffle(said)
        status = [one["status"] for part in (said[:9], said[9:]) for one in await send(client, url, *part)]
        assert set(status) <= {200, 201}
        stream = url.rpartition("/")[2]
        kept = await erasure.rows("SELECT count(*) FROM entries WHERE stream = CAST(:s AS uuid)", s=stream)
        assert kept[0][0] == 1 + len(scans)
        told = await read(client, url)
        assert codes(told) == [
            ("place", "twice"),
            ("place", "in-another-rack"),
            ("take-out", "not-in-rack"),
            ("take-out", "not-in-session"),
            ("end", "not-begun"),
            ("begin", "after-close"),
        ]
        named = json.dumps({key: told[key] for key in told if key not in {"session", "late"}})
        for label, name in zip((a, b, c, d), "abcd", strict=True):
            named = named.replace(label, name)
        tellings.append(named)
    assert tellings[1:] == tellings[:1] * 2


async def test_what_comes_in_after_the_end_is_recorded_by_when_it_happened(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    one = await register(erasure, item("LATE1"))
    url = await began(client, "第3会議室")
    await send(client, url, scan("close", minute=30))
    within, after = scan("place", one.label, "R1", minute=10), scan("begin", rack="R1", minute=40)
    sent_at = (datetime.now(UTC) + timedelta(hours=1)).isoformat()  # a clock an hour ahead
    ahead = within | {"capturedAt": (NOON + timedelta(minutes=70)).isoformat()}
    query = {"engagement": str(ENGAGEMENT)}
    answer = await client.post(
        f"{url}/steps", params=query, json={"sentAt": sent_at, "scans": [ahead]}, headers=ENGLISH
    )
    (result,) = answer.json()["results"]
    assert (result["status"], len(result["breaks"])) == (201, 1)
    assert "came in after the session was recorded as done" in result["breaks"][0]
    (wrong,) = await send(client, url, after)
    assert [said[:13] for said in wrong["breaks"]] == ["作業が終わったあとの時刻で", "作業が終わったと記録された"]
    told = await read(client, url)
    assert codes(told) == [("begin", "after-close")]
    assert told["late"] == 2
    (kept,) = await erasure.rows("SELECT occurred_at FROM session_steps WHERE data->>'label' = :l", l=one.label)
    assert abs(kept.occurred_at - NOON - timedelta(minutes=10)) < timedelta(seconds=30)


async def test_machines_of_others_are_recorded_and_named(erasure: Service, client: httpx.AsyncClient) -> None:
    second = uuid7()
    await hear(erasure, recorded(opened(second, TOWN, OTHER_CENTRE), tenant=TOWN))
    twice, theirs = await register(erasure, item("TWO1")), await register(erasure, item("TWO2", engagement=second))
    foreign = await register(erasure, item("TWO3", engagement=OTHER_ENGAGEMENT), OTHER_TOWN)
    unknown = item("TWO4")
    first, other = await began(client, "第1会議室"), await began(client, "第2会議室")
    assert "breaks" not in (await send(client, first, scan("place", twice.label, "R1", minute=1)))[0]
    labels = (twice.label, theirs.label, foreign.label, unknown.label)
    results = await send(client, other, *(scan("place", one, "R9", minute=2) for one in labels))
    assert [one["status"] for one in results] == [201] * 4
    expected = ["in-another-session", "not-of-engagement", "unregistered", "unregistered"]
    told = await read(client, other)
    assert [{one["label"]: one["code"] for one in told["remarks"]}[label] for label in labels] == expected
    assert sorted(told["racks"][0]["unregistered"]) == sorted([foreign.label, unknown.label])
    await register(erasure, unknown)  # the registration was on its way
    await send(client, first, scan("take-out", twice.label, "R1", minute=3))
    told = await read(client, other)
    assert sorted(code for _, code in codes(told)) == ["not-of-engagement", "unregistered"]
    assert unknown.label in {one["label"] for one in told["racks"][0]["machines"]}


async def test_what_is_wrong_is_named_and_the_rest_recorded(erasure: Service, client: httpx.AsyncClient) -> None:
    one = await register(erasure, item("WRONG1"))
    url = await began(client, "別室")
    good = scan("place", one.label, "R1", minute=1)
    cut, nameless = scan("place", one.label[:8], "R1", minute=1), scan("begin", minute=2)
    other = good | {"work": "take-out"}
    results = await send(client, url, good, cut, nameless, other, headers=ENGLISH)
    assert [(one["status"], one.get("code")) for one in results] == [
        (201, None),
        (422, "bad-label"),
        (422, "no-rack"),
        (422, "request-id-reused"),
    ]
    assert "Scan the rack's label" in results[2]["detail"]
    (again, reused) = await send(client, url, good, other)
    assert (again["status"], reused["code"]) == (200, "request-id-reused")
    assert again["entry"] == results[0]["entry"]
    query = {"engagement": str(ENGAGEMENT)}
    wrong: list[tuple[dict[str, str], Any, int]] = [
        (query, {"scans": []}, 422),
        (query, {"scans": [good | {"work": "crush"}]}, 422),
        (query, {"scans": [good | {"facts": {"rack": "R" * 41}}]}, 422),
        (query, {"scans": [good] * 101}, 422),
        ({}, {"scans": [good]}, 422),
        ({"engagement": str(uuid7())}, {"scans": [good]}, 404),
    ]
    for params, body, status in wrong:
        assert (await client.post(f"{url}/steps", params=params, json=body)).status_code == status, body
    nowhere = await client.post(f"{SESSIONS}/{uuid7()}/steps", params=query, json={"scans": [good]})
    assert nowhere.status_code == 404
    said = {"request": str(uuid7()), "engagement": str(ENGAGEMENT), "room": ""}
    assert (await client.post(SESSIONS, json=said)).status_code == 422


async def test_who_may_not_is_told_so_and_anothers_session_is_not_seen(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    mine = uuid7()  # another centre works for the same town, under a contract of its own
    await hear(erasure, recorded(opened(mine, TOWN, OTHER_CENTRE), tenant=TOWN))
    url = await began(client, "見えない部屋")
    label = new_label()
    clerk = bearer(principal("clerk", person="sato", party=TOWN))
    query, body = {"engagement": str(ENGAGEMENT)}, {"scans": [scan("place", label, "R1", minute=1)]}
    assert (await client.get(url, params=query, headers=clerk)).status_code == 200
    assert (await client.post(f"{url}/steps", params=query, json=body, headers=clerk)).status_code == 403
    stranger = bearer(principal("worker", party=OTHER_CENTRE))
    for engagement in (ENGAGEMENT, mine):
        asked = {"engagement": str(engagement)}
        assert (await client.get(url, params=asked, headers=stranger)).status_code == 404
        assert (await client.post(f"{url}/steps", params=asked, json=body, headers=stranger)).status_code == 404
    listed = await client.get(SESSIONS, params={"engagement": str(mine)}, headers=stranger)
    assert listed.json() == {"sessions": []}
    assert CENTRE != OTHER_CENTRE


# what is asked of a rack, after what was done | the code with which the page and the API refuse it alike, or none
LOADS: list[tuple[str, str, str, str]] = [
    ("", "R-01", "all", ""),
    ("", " ｒ-01 ", "all", ""),
    ("", "R-01", "all twice", ""),
    ("", "R-01", "none", "rack-size"),
    ("", "R-01", "foreign", "not-of-engagement"),
    ("", "R-01", "other contract", "not-of-engagement"),
    ("", "R-01", "cut", "bad-label"),
    ("", "", "all", "no-rack"),
    ("loaded", "R-01", "all", ""),
    ("loaded", "R-02", "one", "in-another-rack"),
    ("loaded begun", "R-01", "all", "rack-began"),
    ("loaded begun", "R-02", "one", "in-another-rack"),
    ("loaded begun ended", "R-02", "one", ""),
    ("closed", "R-01", "all", "session-closed"),
]


@pytest.mark.parametrize(("done", "rack", "what", "code"), LOADS, ids=lambda value: value or "-")
async def test_a_rack_is_loaded_by_the_api_as_by_the_page_and_refused_alike(  # noqa: PLR0917 - a row of the table
    erasure: Service, client: httpx.AsyncClient, done: str, rack: str, what: str, code: str
) -> None:
    second = uuid7()
    await hear(erasure, recorded(opened(second, TOWN, CENTRE), tenant=TOWN))
    for way in ("page", "api"):
        them = [(await register(erasure, item(f"LOAD{uuid7().hex[-8:].upper()}"))).label for _ in range(3)]
        theirs = await register(erasure, item(f"LOAD{uuid7().hex[-8:].upper()}", engagement=second))
        asked = {
            "all": them,
            "all twice": them * 2,
            "one": them[:1],
            "none": [],
            "foreign": [them[0], new_label()],
            "other contract": [them[0], theirs.label],
            "cut": [them[0][:8]],
        }[what]
        url = await began(client, "第4会議室")
        for step in done.split():
            if step == "loaded":
                assert (await ask(client, "api", url, "R-01", them)).status_code == 201
            else:
                form = {"request": str(uuid7()), "engagement": str(ENGAGEMENT), "rack": "R-01"}
                form["step"] = {"begun": "begin", "ended": "end", "closed": "close"}[step]
                assert (await client.post(page_of(url), data=form, headers=PAGE)).status_code == 303
        answer = await ask(client, way, url, rack, asked)
        if not code:
            assert answer.status_code == (303 if way == "page" else 201), answer.text
            held = {one["rack"]: [machine["label"] for machine in one["machines"]] for one in await racks(client, url)}
            assert held["R-02" if rack == "R-02" else "R-01"] == list(dict.fromkeys(asked))
            continue
        said = answer if way == "api" else await ask(client, "api", url, rack, asked)
        assert (said.json()["code"], said.status_code) == (code, answer.status_code)
        assert said.json()["detail"] in html.unescape(answer.text)


async def racks(client: httpx.AsyncClient, url: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = (await read(client, url))["racks"]
    return found


async def ask(client: httpx.AsyncClient, way: str, url: str, rack: str, labels: list[str]) -> httpx.Response:
    """Load a rack by the form of the page, or by the API."""
    if way == "api":
        body = {"request": str(uuid7()), "rack": rack, "labels": labels}
        return await client.post(f"{url}/racks", params={"engagement": str(ENGAGEMENT)}, json=body)
    said = {"request": str(uuid7()), "engagement": str(ENGAGEMENT), "rack": rack, "step": "load"}
    return await client.post(page_of(url), data=said | {"labels": "\n".join(labels)}, headers=PAGE)


def page_of(url: str) -> str:
    return f"/erasure/sessions/{url.rpartition('/')[2]}"


async def test_loading_asked_twice_is_recorded_once_and_only_by_who_may(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    one = await register(erasure, item("LOADTWICE"))
    url = await began(client, "第5会議室")
    query, body = {"engagement": str(ENGAGEMENT)}, {"request": str(uuid7()), "rack": "R1", "labels": [one.label]}
    first, again = [await client.post(f"{url}/racks", params=query, json=body) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()
    other = await client.post(f"{url}/racks", params=query, json=body | {"rack": "R2"})
    assert (other.status_code, other.json()["code"]) == (422, "request-id-reused")
    clerk = bearer(principal("clerk", person="sato", party=TOWN))
    body["request"] = str(uuid7())
    assert (await client.post(f"{url}/racks", params=query, json=body, headers=clerk)).status_code == 403
    stranger = bearer(principal("worker", party=OTHER_CENTRE))
    assert (await client.post(f"{url}/racks", params=query, json=body, headers=stranger)).status_code == 404
    long = body | {"labels": [one.label] * 501}
    assert (await client.post(f"{url}/racks", params=query, json=long)).status_code == 422


async def test_a_machine_loaded_in_two_sessions_is_named_in_both_ways(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    one = await register(erasure, item("LOADELSE"))
    first, second = await began(client, "東"), await began(client, "西")
    for url in (first, second):
        assert (await ask(client, "api", url, "R1", [one.label])).status_code == 201
    assert codes(await read(client, second)) == [("load", "in-another-session")]


async def test_a_rack_that_holds_more_than_a_rack_can_is_recorded_and_said(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    many = [item(f"FULL{nth:03}") for nth in range(101)]
    await hear(erasure, *(recorded(one, stream=one.item) for one in many))
    url = await began(client, "大会議室")
    scans = [scan("place", one.label, "R1", minute=1 + nth / 200) for nth, one in enumerate(many)]
    told = [one for part in (scans[:100], scans[100:]) for one in await send(client, url, *part)]
    assert [one["status"] for one in told] == [201] * 101
    assert codes(await read(client, url)) == [("place", "rack-full")]
    assert ["breaks" in one for one in told] == [False] * 100 + [True]
    refused = await ask(client, "api", await began(client, "小会議室"), "R1", [one.label for one in many])
    assert (refused.status_code, refused.json()["code"]) == (409, "rack-size")
