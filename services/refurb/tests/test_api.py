import asyncio
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.refurb.tests.conftest import Web, hear
from services.refurb.tests.samples import cleared, given_back, handed_over, named, registered, reopened, to_material
from shared.entry import Entry
from shared.ids import new_label, uuid7
from shared.testing import CENTRE, OTHER_TOWN, TOWN, Service, photo
from shared.web.wareki import tokyo_day

SPEC: dict[str, Any] = {
    "os": "Windows 11 Home",
    "ssd_gb": 240,
    "memory_gb": 8,
    "office": "LibreOffice",
    "support_months": 3,
}
WASTE: dict[str, Any] = {
    "weights": [{"material": "ferrous", "kg": 4.2}, {"material": "battery", "kg": 0.3}],
    "manifest": "M-1",
}
ALL: list[tuple[str, dict[str, Any]]] = [
    ("accept", {"grade": "B", "reasons": ["傷あり"]}),
    ("ssd", {"model": "SX-240", "serial": "NEW-1", "capacity_gb": 240}),
    ("steps", {"step": "os"}),
    ("steps", {"step": "cleaning"}),
    ("steps", {"step": "support"}),
    ("ready", {"spec": SPEC}),
    ("deliver", {}),
]


def url(known: Entry[Any], act: str = "") -> str:
    return f"/api/refurb/items/{known.event.label}{'/' if act else ''}{act}"


async def candidate(made: Service, *, media: int = 1, proved: bool = True) -> Entry[Any]:
    known = registered(media=media)
    await hear(made, [known, named(known), *([cleared(known, nth) for nth in range(media)] if proved else [])])
    return known


async def walk(web: Web, known: Entry[Any], *, until: str = "deliver") -> None:
    for act, body in ALL:
        answer = await web.post(url(known, act), body)
        assert answer.status_code == 201, answer.text
        if act == until:
            return


async def test_from_named_to_delivered_and_a_replay_answers_200_with_the_same_body(refurb: Service, web: Web) -> None:
    known = await candidate(refurb)
    for act, body in ALL:
        asked = body | {"request": str(uuid7())}
        first = await web.post(url(known, act), asked)
        again = await web.post(url(known, act), asked)
        assert (first.status_code, again.status_code) == (201, 200), first.text
        assert first.json() == again.json()
    other = await web.post(url(known, "steps"), {"request": asked["request"], "step": "os"})
    assert (other.status_code, other.json()["code"]) == (422, "request-id-reused")
    told = (await web.get(url(known))).json()
    assert (told["stage"], told["ssd_serial"], told["spec"]["os"]) == ("delivered", "NEW-1", "Windows 11 Home")
    counts = (await web.get(f"/api/refurb/overview?town={TOWN}", who="clerk")).json()
    for name in ("refurbished", "delivered"):
        assert known.event.label in counts[name]["labels"]
        assert counts[name]["count"] == len(counts[name]["labels"]) == sum(counts[name]["by_kind"].values())


async def test_ready_is_refused_with_the_serial_until_the_medium_is_cleared(refurb: Service, web: Web) -> None:
    known = await candidate(refurb, media=2, proved=False)
    await hear(refurb, [cleared(known, 0)])
    await walk(web, known, until="steps")
    for step in ("cleaning", "support"):
        await web.post(url(known, "steps"), {"step": step})
    refused = await web.post(url(known, "ready"), {"spec": SPEC})
    assert (refused.status_code, refused.json()["code"]) == (409, "media-open")
    assert known.event.media[1].serial in refused.json()["detail"]
    assert known.event.media[0].serial not in refused.text
    assert refused.json()["missing"] == ["もとの記憶媒体の抹消か破壊の証跡"]
    english = await web.client.post(
        url(known, "ready"),
        json={"request": str(uuid7()), "spec": SPEC},
        headers=web._as("refurbisher", {"accept-language": "en"}),
    )
    assert known.event.media[1].serial in english.json()["detail"]
    await hear(refurb, [cleared(known, 1)])
    assert (await web.post(url(known, "ready"), {"spec": SPEC})).status_code == 201


async def test_a_medium_reopened_after_ready_holds_the_machine_and_clearing_it_again_lets_it_go(
    refurb: Service, web: Web
) -> None:
    known = await candidate(refurb)
    await walk(web, known, until="ready")
    await hear(refurb, [reopened(known)])
    refused = await web.post(url(known, "deliver"), {})
    assert (refused.status_code, refused.json()["code"]) == (409, "media-open")
    assert known.event.media[0].serial in refused.json()["detail"]
    told = (await web.get(url(known))).json()
    assert (told["on_hold"], told["stage"]) == (True, "ready")
    board = (await web.get(f"/api/refurb/board?town={TOWN}")).json()
    assert [card["on_hold"] for card in board["ready"] if card["label"] == known.event.label] == [True]
    counts = (await web.get(f"/api/refurb/overview?town={TOWN}")).json()
    assert known.event.label in counts["not_delivered"]
    await hear(refurb, [cleared(known, sequence=3)])
    assert (await web.post(url(known, "deliver"), {})).status_code == 201


async def test_support_runs_from_the_hand_over_and_a_contact_says_whether_it_was_owed(
    refurb: Service, web: Web
) -> None:
    known = await candidate(refurb)
    asked = {"channel": "phone", "trouble": "network", "outcome": "solved", "minutes": 15}
    early = await web.post(url(known, "support"), asked)
    assert (early.status_code, early.json()["code"]) == (409, "not-out")
    await walk(web, known)
    assert (await web.post(url(known, "support"), asked)).status_code == 201, "before the hand-over: a fact, not owed"
    assert (await web.get(url(known))).json()["support"] is None
    today = datetime.now(UTC)
    await hear(refurb, [handed_over(known, at=today - timedelta(days=200))])
    await web.post(url(known, "support"), asked)
    await hear(refurb, [handed_over(known, at=today - timedelta(days=1))])
    request = str(uuid7())
    for status in (201, 200):
        assert (await web.post(url(known, "support"), asked | {"request": request})).status_code == status
    told = (await web.get(url(known))).json()
    assert told["support"]["first"] == tokyo_day(today - timedelta(days=1)).isoformat()
    assert told["contacts"] == 3
    rows = await refurb.rows(
        "SELECT data->>'in_term' AS owed FROM works WHERE item = :i AND kind = 'refurb.support-contacted.v1' "
        "ORDER BY sequence",
        i=known.event.item,
    )
    assert [row.owed for row in rows] == ["false", "false", "true"]
    await hear(refurb, [given_back(known, at=today)])
    assert (await web.get(url(known))).json()["support"] is None, "nobody has it"
    assert (await web.post(url(known, "support"), asked | {"channel": "pigeon"})).status_code == 422


async def test_photos_of_the_grading_are_kept_first_and_named_by_the_acceptance(refurb: Service, web: Web) -> None:
    known = await candidate(refurb)
    picture = photo(exif=True)
    for _ in range(2):
        sent = await web.upload(url(known, "photos"), photo=picture)
        assert sent.status_code == 200, sent.text
    assert (await web.upload(url(known, "photos"), photo=b"<svg/>")).status_code == 422
    graded = {"grade": "A", "reasons": ["傷なし"]}
    absent = await web.post(url(known, "accept"), graded | {"photos": ["0" * 64]})
    assert absent.status_code == 422, "what has not arrived is not named"
    other = await candidate(refurb)
    foreign = await web.post(url(other, "accept"), graded | {"photos": [sent.json()["sha256"]]})
    assert (foreign.status_code, foreign.json()["code"]) == (422, "photo-not-sent"), "another device's photo"
    assert (await web.post(url(known, "accept"), graded | {"photos": [sent.json()["sha256"]]})).status_code == 201
    page = (await web.get(f"/refurb/items/{known.event.label}", accept="text/html")).text
    (path,) = re.findall(r'src="(/refurb/items/[^"]+/photos/[0-9a-f]{64})"', page)
    shown = await web.get(path)
    assert (shown.status_code, shown.headers["content-type"]) == (200, "image/jpeg")
    assert b"Exif" not in shown.content
    assert (await web.get(path[:-1] + ("0" if path[-1] != "0" else "1"))).status_code == 404


async def test_the_figures_are_counted_and_say_their_factors(refurb: Service, web: Web) -> None:
    before = (await web.get(f"/api/refurb/figures?town={TOWN}")).json()
    known = await candidate(refurb)
    await walk(web, known)
    waste = registered()
    await hear(refurb, [waste, to_material(waste), cleared(waste)])
    assert (await web.post(url(waste, "recycle"), WASTE | {"operator": "再生金属"})).status_code == 201
    await hear(refurb, [handed_over(known)])
    now = (await web.get(f"/api/refurb/figures?town={TOWN}")).json()
    was, said = before["reuse"].get("desktop", {"reborn": 0, "material": 0}), now["reuse"]["desktop"]
    assert (said["reborn"], said["material"]) == (was["reborn"] + 1, was["material"] + 1)
    in_use = now["avoided_co2e"]["desktop"]
    assert in_use["kg"] == in_use["units"] * in_use["factor_kg"]
    assert "ISO 14040" in in_use["source"]
    page = (await web.get(f"/refurb/figures?town={TOWN}", accept="text/html")).text
    for word in ("再生率", "上限の推計", f"{said['rate']:.1%}", "ESPRIMO"):
        assert word in page
    assert (await web.get(f"/api/refurb/figures?town={OTHER_TOWN}")).status_code == 403


async def test_an_order_whose_registration_has_not_come_is_unknown_and_named_later(refurb: Service, web: Web) -> None:
    known = registered()
    await hear(refurb, [named(known)])
    assert (await web.post(url(known, "accept"), ALL[0][1])).status_code == 404
    await hear(refurb, [known])
    assert (await web.post(url(known, "accept"), ALL[0][1])).status_code == 201


async def test_recycling_wants_the_media_proved_and_happens_once(refurb: Service, web: Web) -> None:
    known = registered(kind="notebook")
    await hear(refurb, [known, to_material(known)])
    asked = WASTE | {"operator": "再生金属"}
    before = (await web.get(f"/api/refurb/overview?town={TOWN}")).json()
    assert (await web.post(url(known, "recycle"), asked)).json()["code"] == "media-open"
    await hear(refurb, [cleared(known)])
    assert (await web.post(url(known, "recycle"), asked)).status_code == 201
    assert (await web.post(url(known, "recycle"), asked)).json()["code"] == "already-recycled"
    after = (await web.get(f"/api/refurb/overview?town={TOWN}")).json()
    assert after["recycled"]["count"] == before["recycled"]["count"] + 1
    assert after["recycled"]["by_kind"]["notebook"] == before["recycled"]["by_kind"].get("notebook", 0) + 1
    assert after["weights_kg"]["battery"] == pytest.approx(before["weights_kg"].get("battery", 0) + 0.3)
    board = (await web.get(f"/api/refurb/board?town={TOWN}")).json()
    assert known.event.label in {card["label"] for card in board["recycled"]}


async def test_a_rejected_candidate_waits_for_recycling_with_its_age(refurb: Service, web: Web) -> None:
    known = await candidate(refurb)
    assert (await web.post(url(known, "reject"), {"reasons": ["起動しない"]})).status_code == 201
    board = (await web.get(f"/api/refurb/board?town={TOWN}")).json()
    card = next(card for card in board["to_recycle"] if card["label"] == known.event.label)
    assert card["age_days"] == 0
    assert (await web.post(url(known, "recycle"), WASTE | {"operator": "再生金属"})).status_code == 201


async def test_a_batch_reports_each_scan_and_refuses_only_the_wrong_ones(refurb: Service, web: Web) -> None:
    good, early = await candidate(refurb), await candidate(refurb)
    for known in (good, early):
        await web.post(url(known, "accept"), ALL[0][1])
    part = {"model": "SX-240", "serial": "NEW-9", "capacity_gb": 240}
    scans: list[dict[str, Any]] = [
        {"requestId": str(uuid7()), "work": "ssd", "label": good.event.label, "facts": part},
        {"requestId": str(uuid7()), "work": "os", "label": good.event.label.lower(), "token": None},
        {"requestId": str(uuid7()), "work": "cleaning", "label": early.event.label},
        {"requestId": str(uuid7()), "work": "os", "label": new_label()},
        {"requestId": str(uuid7()), "work": "os", "label": "AAAA"},
        {"requestId": str(uuid7()), "work": "os", "label": early.event.label, "facts": part},
    ]
    body: dict[str, Any] = {"sentAt": "2026-11-24T10:00:00+09:00", "scans": scans}
    headers = web._as("refurbisher", {})
    first = await web.client.post("/api/refurb/steps", json=body, headers=headers)
    results = first.json()["results"]
    assert first.status_code == 200
    assert [one["requestId"] for one in results] == [scan["requestId"] for scan in scans]
    assert [one["status"] for one in results] == [201, 201, 409, 404, 422, 422]
    assert results[2]["missing"] == ["SSD換装", "OS導入"]
    assert "SSD換装" in results[2]["detail"]
    again = (await web.client.post("/api/refurb/steps", json=body, headers=headers)).json()["results"]
    assert [one["status"] for one in again] == [200, 200, 409, 404, 422, 422]
    assert [one.get("entry") for one in again] == [one.get("entry") for one in results]
    single = await web.post(url(good, "steps"), {"request": scans[1]["requestId"], "step": "os"})
    assert single.status_code == 200
    scans[1]["work"] = "cleaning"
    misused = (await web.client.post("/api/refurb/steps", json=body, headers=headers)).json()["results"]
    assert (misused[1]["status"], misused[1]["code"]) == (422, "request-id-reused")
    many = {"scans": [scans[0]] * 101}
    assert (await web.client.post("/api/refurb/steps", json=many, headers=headers)).status_code == 422


async def test_what_a_device_captured_offline_keeps_its_own_time(refurb: Service, web: Web) -> None:
    known = await candidate(refurb)
    answer = await web.post(
        url(known, "accept"),
        ALL[0][1] | {"captured_at": "2026-11-24T08:00:00+09:00", "sent_at": "2026-11-24T10:00:00+09:00"},
    )
    said = answer.json()
    moments = [datetime.fromisoformat(said[name]) for name in ("recorded_at", "occurred_at")]
    assert abs((moments[0] - moments[1]) - timedelta(hours=2)) < timedelta(seconds=1)


async def test_two_who_do_the_same_step_at_once_record_it_once(refurb: Service, web: Web) -> None:
    known = await candidate(refurb)
    await walk(web, known, until="ssd")
    answers = await asyncio.gather(*(web.post(url(known, "steps"), {"step": "os"}) for _ in range(4)))
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"step-done"}


@pytest.mark.parametrize(("who", "status"), [("", 401), ("worker", 403), ("clerk", 403), ("stranger", 404)], ids=str)
async def test_only_the_centres_refurbisher_under_an_engagement_may_act(
    refurb: Service, web: Web, who: str, status: int
) -> None:
    known = await candidate(refurb)
    assert (await web.post(url(known, "accept"), ALL[0][1], who=who)).status_code == status


async def test_a_board_is_read_by_its_town_and_its_centre_only(web: Web) -> None:
    for who, status in (("", 401), ("clerk", 200), ("worker", 200), ("stranger", 403)):
        for read in ("board", "overview"):
            assert (await web.get(f"/api/refurb/{read}?town={TOWN}", who=who)).status_code == status, who
    assert (await web.get(f"/api/refurb/board?town={OTHER_TOWN}")).status_code == 403
    assert (await web.get(f"/api/refurb/board?town={CENTRE}")).json()["candidate"] == []
    assert (await web.get("/api/refurb/board")).status_code == 422


@pytest.mark.parametrize(
    ("act", "body", "pointer"),
    [
        ("accept", {"grade": "S", "reasons": ["x"]}, "/body/grade"),
        ("accept", {"grade": "A", "reasons": []}, "/body/reasons"),
        ("accept", {"grade": "A", "reasons": [" "]}, "/body/reasons/0"),
        ("ssd", {"model": "x", "serial": "x", "capacity_gb": 0}, "/body/capacity_gb"),
        ("ready", {"spec": SPEC | {"price": 1}}, "/body/spec"),
        ("recycle", WASTE | {"operator": "x", "weights": [{"material": "ferrous", "kg": -1}]}, "/body/weights/0/kg"),
        ("recycle", WASTE | {"operator": "x", "weights": [{"material": "gold", "kg": 1}]}, "/body/weights/0/material"),
    ],
)
async def test_wrong_input_is_told_by_its_place(
    refurb: Service, web: Web, act: str, body: dict[str, Any], pointer: str
) -> None:
    known = registered()
    await hear(refurb, [known])
    answer = await web.post(url(known, act), body)
    assert answer.status_code == 422
    assert [fault["pointer"] for fault in answer.json()["errors"]] == [pointer]


async def test_the_openapi_document_names_every_path(web: Web) -> None:
    paths = (await web.get("/api/refurb/openapi.json", who="")).json()["paths"]
    assert {path.rsplit("/", 1)[-1] for path in paths} >= {
        "accept",
        "reject",
        "ssd",
        "steps",
        "ready",
        "deliver",
        "recycle",
        "board",
        "overview",
    }
