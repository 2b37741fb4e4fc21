"""Tracking's HTTP door without a bus: founding, inventory, labels, scans, cages, lots, exceptions, what each may do."""

import hashlib
import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pypdfium2
import pytest

from services.tracking import views
from services.tracking.api import items as routes
from services.tracking.api.shapes import Scan
from services.tracking.commands import rolls
from services.tracking.domain import workbook
from services.tracking.reading.rolls import printed_roll
from services.tracking.tests.actors import CARRIER, FIRST, HEADS, LAST, OTHER_CARRIER, Api, line
from services.tracking.tests.entries import destroyed, erased, hear
from services.tracking.tests.world import founded, registered, row
from shared import blobs
from shared.entry import Entry
from shared.ids import new_label, uuid7
from shared.testing import CENTRE, NOW, OTHER_TOWN, TOWN, photo


async def test_a_town_is_founded_by_its_code_once(api: Api) -> None:
    rows = await api.tracking.rows("SELECT party, name, code FROM parties WHERE kind = 'town'")
    assert [tuple(one) for one in rows] == [(TOWN, "最上町", "063622")]
    again = await api.do("operator", "/towns", status=409, code="063622")
    assert again["code"] == "party-exists"
    assert (await api.do("operator", "/towns", status=422, code="063623"))["code"] == "bad-code"
    assert (await api.do("clerk", "/towns", status=403, code="063631"))["code"] == "role"


async def test_an_engagement_and_a_policy_are_the_towns_own(api: Api) -> None:
    said: dict[str, Any] = {
        "centre": CENTRE,
        "title": "x",
        "contract": f"R8-{CENTRE}",
        "starts_on": str(FIRST),
        "ends_on": str(LAST),
    }
    assert (await api.do("admin", "/engagements", status=409, **said))["code"] == "engagement-exists"
    backwards = said | {"contract": "R8-x", "starts_on": str(LAST), "ends_on": str(FIRST)}
    unborn = said | {"contract": "R8-x", "starts_on": "1026-04-01"}
    strange = said | {"contract": "R8-x", "centre": "centre-typo"}
    for wrong, code, field in (
        (backwards, "dates", "ends_on"),
        (unborn, "dates", "starts_on"),
        (said | {"contract": "R8-x", "ends_on": "9999-12-31"}, "dates", "ends_on"),
        (strange, "no-party", "centre"),
        (strange | {"centre": CARRIER}, "no-party", "centre"),
        (said | {"contract": "R8-x", "carrier": CENTRE}, "no-party", "carrier"),
    ):
        refused = await api.do("admin", "/engagements", status=422, **wrong)
        assert (refused["code"], refused["facts"]["field"]) == (code, field)
    assert (await api.do("worker", "/engagements", status=403, **said))["code"] == "role"
    assert (await api.do("admin", "/policies", status=409, version="1"))["code"] == "policy-version"


async def test_a_town_s_own_rows_may_be_stricter_than_the_guideline_s_and_never_looser(api: Api) -> None:
    row = {"zone": "lgwan", "confidentiality": "3B", "media_class": 2, "on_site": "clear", "at_centre": "purge"}
    row |= {"assurance": "both"}
    for loose, said in (({"at_centre": "clear"}, "Purge（除去）以上"), ({"media_class": 3}, "分類（2）以上")):
        asked = {"version": "緩い版", "source": "MIC R6.10", "rows": [row, row | loose]}
        refused = await api.do("admin", "/policies", status=422, **asked)
        assert (refused["code"], refused["facts"]["field"]) == ("looser-than-guideline", "rows")
        assert "LGWAN接続系・機密性3Bの行" in refused["detail"]
        assert said in refused["detail"]
    assert (await api.do("admin", "/policies", status=422, version="x", source="MIC R1.1"))["code"] == "invalid"
    unknown = await api.do("admin", "/policies", status=422, version="x", rows=[row])
    assert "もとの基準（MIC R2.12）にない区分" in unknown["detail"], "R2.12 has no 3B"
    versions = await api.tracking.rows(
        "SELECT convert_from(body, 'UTF8')::jsonb->'data'->>'version' AS version FROM entries WHERE kind = :kind",
        kind="tracking.policy-set.v1",
    )
    assert [one.version for one in versions] == ["1"], "nothing refused was put into force"


async def test_the_town_s_list_is_looked_at_first_and_registered_once(api: Api) -> None:
    lines = [line("L1"), line("L2")]
    seen = await api.file_list(*lines, preview=True)
    assert (seen.status_code, seen.json()) == (200, {"rows": 2, "faults": []})
    first, again = await api.file_list(*lines), await api.file_list(*lines)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["items"] == again.json()["items"]
    assert [one["asset_number"] for one in first.json()["items"]] == ["A-L1", "A-L2"]
    listed = await api.send("clerk", "GET", "/items", params={"town": TOWN, "engagement": str(api.engagement)})
    assert {one["label"] for one in first.json()["items"]} <= {one["label"] for one in listed.json()["items"]}


async def test_a_list_saved_again_changes_nothing_and_a_device_in_another_list_is_named(api: Api) -> None:
    first = await api.file_list(line("AGAIN1"), line("AGAIN2"))
    again = await api.file_list(line("AGAIN1"), line("AGAIN2"), "", encoding="utf-8-sig")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.json() == first.json()
    assert (await api.file_list(line("AGAIN1"), line("AGAIN2"), preview=True)).json() == {"rows": 2, "faults": []}
    label = first.json()["items"][1]["label"]
    seen = (await api.file_list(line("AGAIN3"), line("AGAIN2"), preview=True)).json()["faults"]
    assert [fault["line"] for fault in seen] == [3, 3, 3]
    assert all(views.grouped(label) in fault["ja"] and views.grouped(label) in fault["en"] for fault in seen)
    refused = await api.file_list(line("AGAIN3"), line("AGAIN2"))
    assert (refused.status_code, refused.json()["code"]) == (422, "inventory")
    assert refused.json()["facts"]["line"] == 3
    assert await api.tracking.rows("SELECT 1 FROM items WHERE data->>'asset_number' = 'A-AGAIN3'") == []
    assert (await api.file_list(line("AGAIN2"), engagement=api.other)).status_code == 201, (
        "another contract, another count"
    )


async def test_a_cage_s_number_is_one_however_it_is_typed(api: Api) -> None:
    one, other = await api.items("WIDE1", "WIDE2")
    first = await api.sealed("worker", "カゴ５１", [one], api.engagement)
    said: dict[str, Any] = {"engagement": str(api.engagement), "number": " カゴ51", "seal": "4818", "labels": [other]}
    again = await api.do("worker", "/cages", town=TOWN, status=409, **said)
    assert again["code"] == "already-sealed"
    ((number,),) = await api.tracking.rows(
        "SELECT convert_from(body, 'UTF8')::jsonb->'data'->>'number' FROM entries WHERE stream = :s", s=UUID(first)
    )
    assert number == "カゴ51"
    await api.do("worker", "/cages", town=TOWN, status=422, **(said | {"number": "　"}))


async def test_a_long_list_comes_page_by_page(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    await api.items("N1", "N2", "N3")
    monkeypatch.setattr(routes, "LIST_MAX", 2)
    query = {"town": TOWN, "engagement": str(api.engagement)}
    seen: list[str] = []
    page: int | None = 1
    while page:
        answer = (await api.send("clerk", "GET", "/items", params=query | {"page": page})).json()
        assert 0 < len(answer["items"]) <= 2
        seen += [one["label"] for one in answer["items"]]
        page = answer["next"]
    there = await api.tracking.rows("SELECT label FROM items WHERE engagement = :e", e=api.engagement)
    assert sorted(seen) == sorted(one.label for one in there)


async def test_a_bad_row_stops_the_list_and_is_named_with_its_line(api: Api) -> None:
    spoilt = await api.file_list(line("B1"), line("B2", zone="どこか"))
    assert (spoilt.status_code, spoilt.json()["code"]) == (422, "inventory")
    assert "3行目" in spoilt.json()["detail"]
    assert spoilt.json()["facts"]["line"] == 3
    assert await api.tracking.rows("SELECT 1 FROM items WHERE data->>'asset_number' = 'A-B1'") == []
    assert (await api.file_list()).status_code == 422
    assert (await api.file_list(line("B3"), engagement=uuid7())).json()["code"] == "no-engagement"


async def test_a_list_with_a_town_s_own_heads_comes_with_its_mapping(api: Api) -> None:
    content = (
        "課,管理番号,種別,ネットワーク,機密性,媒体種別,HDDシリアル\n総務課,MAPPED,ノート,庁内LAN,3,HDD,MS1\n".encode(
            "cp932"
        )
    )
    fields = {"engagement": str(api.engagement), "request": str(uuid7())}

    async def send(given: dict[str, Any] | str | None = None, **params: Any) -> httpx.Response:
        said = {} if given is None else {"mapping": given if isinstance(given, str) else json.dumps(given)}
        files = {"file": ("list.csv", content, "text/csv")}
        return await api.send("clerk", "POST", "/inventories", data=fields | said, files=files, params=params)

    asked = (await send(preview=True)).json()["ask"]["columns"]
    assert asked["HDDシリアル"] == "medium_serial"
    mapping = {"columns": asked, "words": {"zone": {"庁内LAN": "lgwan"}}}
    assert (await send("{")).json()["code"] == "columns"
    assert (await send({"columns": {"課": "nothing"}})).json()["code"] == "columns"
    assert (await send({"columns": asked}, preview=True)).json()["ask"]["words"] == {"zone": ["庁内LAN"]}
    assert (await send({"always": {"serial": "1"}})).json()["code"] == "columns"
    first = await send(mapping)
    assert first.status_code == 201, first.text
    assert (await send(mapping)).status_code == 200
    assert (await send(preview=True)).json() == {"rows": 1, "faults": []}, "it is remembered"


async def test_a_workbook_is_previewed_named_in_its_problems_and_registered_once(api: Api) -> None:
    async def send(*rows: list[str], **params: Any) -> httpx.Response:
        fields = {"engagement": str(api.engagement), "request": str(uuid7())}
        files = {"file": ("list.xlsx", workbook.written([HEADS.split(","), *rows]), "application/octet-stream")}
        return await api.send("clerk", "POST", "/inventories", data=fields, files=files, params=params)

    row = line("00WB1").split(",")
    assert (await send(row, preview=True)).json() == {
        "rows": 1,
        "faults": [],
        "sheet": workbook.SHEET,
        "sheets_not_read": [],
    }
    spoilt = await send(row, line("WB2", zone="どこか").split(","))
    assert (spoilt.status_code, spoilt.json()["facts"]["line"]) == (422, 3)
    assert (await send(row)).status_code == 201
    assert (await send(row)).status_code == 200
    assert (await api.file_list(line("00WB1"))).status_code == 200, "as CSV it is the same list"
    fields = {"engagement": str(api.engagement), "request": str(uuid7())}
    files = {"file": ("list.xlsx", b"PK\x03\x04", "application/octet-stream")}
    broken = await api.send("clerk", "POST", "/inventories", data=fields, files=files)
    assert (broken.status_code, "読めません" in broken.json()["detail"]) == (422, True)


async def test_the_labels_are_printed_for_those_who_may_see_the_town(api: Api) -> None:
    await api.items("P1")
    path = f"/engagements/{api.engagement}/labels.pdf"
    sheet = await api.send("worker", "GET", path, params={"town": TOWN, "start": 3})
    assert (sheet.status_code, sheet.headers["content-type"]) == (200, "application/pdf")
    assert len(pypdfium2.PdfDocument(sheet.content)) >= 1
    assert (await api.send("stranger", "GET", path, params={"town": TOWN})).status_code == 403
    empty = await api.send("clerk", "GET", f"/engagements/{uuid7()}/labels.pdf", params={"town": TOWN})
    assert empty.json()["code"] == "no-labels"


async def test_a_sheet_has_a_size_a_start_and_an_offset_and_one_label_may_be_printed_alone(api: Api) -> None:
    first, _ = await api.items("P2", "P3")
    path = f"/engagements/{api.engagement}/labels.pdf"
    for size, start, status in (("44", 43, 200), ("24", 24, 422), ("50x25", 1, 422), ("33", 0, 422)):
        asked = {"town": TOWN, "size": size, "start": start, "right": -50, "down": 50}
        assert (await api.send("clerk", "GET", path, params=asked)).status_code == status, size
    assert (await api.send("clerk", "GET", path, params={"town": TOWN, "right": 51})).status_code == 422
    alone = await api.send("clerk", "GET", path, params={"town": TOWN, "size": "50x25", "label": first.lower()})
    assert len(pypdfium2.PdfDocument(alone.content)) == 1
    table = await api.send("clerk", "GET", path.replace(".pdf", ".csv"), params={"town": TOWN, "label": first})
    head, row, end = table.content.decode("utf-8-sig").split("\r\n")
    assert (head, end) == ("label,url,asset_number,model", "")
    assert row.startswith(f"{first},HTTPS://")
    assert f"/T/{first}/" in row
    assert row.endswith(",A-P2,MD-7100")
    assert (await api.send("stranger", "GET", path.replace(".pdf", ".csv"), params={"town": TOWN})).status_code == 403


async def test_a_batch_of_scans_answers_each_scan_by_itself(api: Api) -> None:
    good, twice = await api.items("S1", "S2")
    mistyped = good[:-1] + ("0" if good[-1] != "0" else "1")
    labels = [good, twice, twice, mistyped, new_label()]
    scans = [{"requestId": str(uuid7()), "work": "received", "label": label} for label in labels]
    answer = await api.send("worker", "POST", "/scans", json={"scans": scans})
    assert [one["status"] for one in answer.json()["results"]] == [201, 201, 201, 422, 404]
    results = answer.json()["results"]
    assert results[1]["entry"] == results[2]["entry"], "a duplicate scan is one receipt"
    assert [one.get("code") for one in results[3:]] == ["bad-label", "unknown-label"]
    again = await api.send("worker", "POST", "/scans", json={"scans": scans}, lang="en")
    assert [one["status"] for one in again.json()["results"]] == [200, 200, 200, 422, 404]
    assert again.json()["results"][3]["detail"].endswith(".")
    broken = [one.get("breaks") for one in results]  # they were never shipped out: recorded, and said
    assert [one is not None and len(one) for one in broken] == [2, 2, 2, False, False]
    assert broken[0][0].startswith("出庫の記録がないまま")
    assert again.json()["results"][0]["breaks"][0].startswith("Received without having been shipped out")
    reused = scans[0] | {"work": "taken-over"}
    (other,) = (await api.send("clerk", "POST", "/scans", json={"scans": [reused]})).json()["results"]
    assert other["status"] == 422
    assert (await api.send("clerk", "POST", "/scans", json={"scans": scans[:1]})).status_code == 403
    assert (await api.send("worker", "POST", "/scans", json={"scans": scans * 21})).status_code == 422


async def test_the_town_s_own_count_is_made_by_nobody_else(api: Api) -> None:
    (label,) = await api.items("U1")
    scan = {"requestId": str(uuid7()), "work": "taken-over", "label": label}
    (taken,) = (await api.send("usurper", "POST", "/scans", json={"scans": [scan]})).json()["results"]
    assert (taken["status"], taken["code"]) == (403, "not-the-town")
    lot = await api.do("usurper", "/lots", status=404, engagement=str(api.engagement), kind="monitor", count=9)
    assert lot["code"] == "no-engagement"
    scan["requestId"] = str(uuid7())
    (taken,) = (await api.send("clerk", "POST", "/scans", json={"scans": [scan]})).json()["results"]
    assert taken["status"] == 201


async def test_a_device_stands_in_one_cage_until_that_is_opened(api: Api) -> None:
    one, two, three = await api.items("D1", "D2", "D3")
    cage = await api.sealed("worker", "D-1", [one], api.engagement)
    own = await api.tracking.rows("SELECT body, salt FROM entries WHERE stream = :cage", cage=UUID(cage))
    await hear(api.tracking, [Entry.read(row.body, row.salt) for row in own])
    said: dict[str, Any] = {"engagement": str(api.engagement), "number": "D-2", "seal": "1", "labels": [one, two]}
    twice = await api.do("worker", "/cages", status=409, town=TOWN, **said)
    assert (twice["code"], twice["missing"]) == ("in-another-cage", [f"{views.grouped(one)}　D-1"])
    scan = {"requestId": str(uuid7()), "work": "received", "label": three}
    await api.send("worker", "POST", "/scans", json={"scans": [scan]})
    gone = await api.do("worker", "/cages", status=409, town=TOWN, **said | {"labels": [two, three]})
    assert (gone["code"], gone["missing"]) == ("already-gone", [views.grouped(three)])
    await api.sealed("worker", "D-2", [two], api.engagement)


async def test_a_device_s_clock_says_when_and_is_flagged_when_far_off(api: Api) -> None:
    (label,) = await api.items("K1")
    ahead = NOW + timedelta(days=3650)
    scan = {"requestId": str(uuid7()), "work": "received", "label": label, "capturedAt": ahead.isoformat()}
    sent = {"sentAt": (ahead + timedelta(minutes=5)).isoformat(), "scans": [scan]}
    assert (await api.send("worker", "POST", "/scans", json=sent)).json()["results"][0]["status"] == 201
    (found,) = await api.tracking.rows(
        "SELECT e.body, e.salt FROM entries e JOIN items i ON i.item = e.stream "
        "WHERE i.label = :label AND e.kind = 'tracking.received.v1'",
        label=label,
    )
    entry = Entry.read(found.body, found.salt)
    assert timedelta(minutes=5) <= entry.recorded_at - entry.occurred_at < timedelta(minutes=6)
    assert entry.request
    assert (entry.request.clock_off_s or 0) > 86_400


async def test_a_cage_leaves_when_all_is_proved_in_the_hands_of_its_own_engagement_s_carrier(api: Api) -> None:
    first, second = await api.items("C1", "C2")
    (theirs,) = await api.items("C3", engagement=api.other)
    mixed: dict[str, Any] = {
        "engagement": str(api.engagement),
        "number": "1",
        "seal": "4817",
        "labels": [first, theirs],
    }
    assert (await api.do("worker", "/cages", status=404, town=TOWN, **mixed))["code"] == "unknown-label"
    cage = await api.sealed("worker", "1", [first, second], api.engagement)
    other = await api.sealed("other", "2", [theirs], api.other)
    refused = await api.do("worker", f"/cages/{cage}/hand-over", status=409, town=TOWN)
    assert (refused["code"], len(refused["missing"])) == ("evidence-missing", 2)
    asked = {"json": {"request": str(uuid7())}, "params": {"town": TOWN}, "lang": "en"}
    english = (await api.send("worker", "POST", f"/cages/{cage}/hand-over", **asked)).json()
    assert english["missing"][0].endswith("C1: evidence of Purge or more (now no evidence)")
    assert len(english["missing"]) == 2
    await hear(api.tracking, [erased(await api.entry(label)) for label in (first, second, theirs)])
    foreign = await api.do("worker", f"/cages/{other}/hand-over", status=403, town=TOWN)
    assert foreign["code"] == "no-engagement"
    assert (await api.do("worker", f"/cages/{cage}/hand-over", town=TOWN, vehicle="庄内 1")) == {"shipped": 2}
    assert (await api.do("other", f"/cages/{other}/hand-over", town=TOWN)) == {"shipped": 1}
    shipped = await api.tracking.rows(
        "SELECT convert_from(body, 'UTF8')::jsonb->'data'->>'carrier' AS carrier FROM entries e JOIN items i "
        "ON i.item = e.stream WHERE e.kind = 'tracking.shipped-out.v1' AND i.label = ANY(:labels) ORDER BY 1",
        labels=[first, theirs],
    )
    assert [one.carrier for one in shipped] == [OTHER_CARRIER, CARRIER]
    short: dict[str, Any] = {"seal_seen": "S-1", "labels": [first]}
    assert (await api.do("other", f"/cages/{cage}/receipt", status=404, town=TOWN, **short))["code"] == "unknown-label"
    assert (await api.do("worker", f"/cages/{cage}/receipt", status=409, town=TOWN, **short))["code"] == "difference"
    why: dict[str, Any] = {"reason": "1台が見当たらない", "second": "worker2"}
    await api.do("worker", f"/cages/{cage}/receipt", town=TOWN, **short, **why)
    again = await api.do("worker", f"/cages/{cage}/receipt", status=409, town=TOWN, **short, **why)
    assert again["code"] == "already-opened"


async def test_a_label_of_another_town_is_named_and_never_recorded_under_this_one(api: Api) -> None:
    theirs = await founded(api.tracking, town=OTHER_TOWN, contract="R8-other")  # the same centre's second town
    (foreign,) = await registered(api.tracking, theirs, [row("T1")], town=OTHER_TOWN)
    (own,) = await api.items("T2")
    said: dict[str, Any] = {"number": "T", "seal": "S-T", "labels": [foreign.event.label]}
    wrong = await api.do("worker", "/cages", status=409, town=TOWN, engagement=str(theirs), **said)
    assert (wrong["code"], wrong["missing"]) == ("another-town", [views.grouped(foreign.event.label)])
    cage = await api.sealed("worker", "T", [own], api.engagement)
    both: dict[str, Any] = {
        "seal_seen": "S-T",
        "labels": [own, foreign.event.label],
        "reason": "余分",
        "second": "worker2",
    }
    answer = await api.do("worker", f"/cages/{cage}/receipt", status=409, town=TOWN, **both)
    assert (answer["code"], answer["missing"]) == ("another-town", [views.grouped(foreign.event.label)])
    await api.do("worker", f"/cages/{cage}/receipt", town=TOWN, seal_seen="S-T", labels=[own])


async def test_an_exception_needs_three_persons(api: Api) -> None:
    (label,) = await api.items("X1")
    path = f"/items/{label}/exception"
    asked: dict[str, Any] = {"reason": "動かない", "witness": "witness"}
    assert (await api.do("approver", f"{path}/approval", status=409))["code"] == "not-requested"
    wrong: dict[str, Any] = asked | {"witness": "worker"}
    assert (await api.do("worker", path, status=409, **wrong))["code"] == "two-persons"
    nobody: dict[str, Any] = asked | {"witness": "x"}
    assert (await api.do("worker", path, status=422, **nobody))["code"] == "nobody"
    own = await api.do("worker", path, status=422, **(asked | {"witness": "second"}))
    assert (own["code"], own["facts"]["field"]) == ("nobody", "witness"), "the witness is of the town's staff"
    await api.do("worker", path, **asked)
    lacking = [(await api.send("worker", "GET", f"/items/{label}", lang=lang)).json() for lang in ("ja", "en")]
    assert [one["missing_before_ship_out"] for one in lacking] == [
        ["X1：Purge（除去）以上の消去の証跡（いまは証跡なし）"],
        ["X1: evidence of Purge or more (now no evidence)"],
    ]
    assert (await api.do("worker", path, status=409, **asked))["code"] == "already-requested"
    assert (await api.do("worker", f"{path}/approval", status=403))["code"] == "role"
    usurped = await api.do("usurper", f"{path}/approval", status=403)
    assert usurped["code"] == "not-the-town", "a role without the town is no right of the town"
    await api.do("approver", f"{path}/approval")
    assert (await api.do("approver", f"{path}/approval", status=409))["code"] == "already-approved"
    story = (await api.send("worker", "GET", f"/items/{label}")).json()
    assert story["missing_before_ship_out"] == []


async def test_a_leased_chassis_goes_back_unless_its_lessor_asked_for_disposal(api: Api) -> None:
    label, own = (*await api.items("Z1", lessor="見本リース"), *await api.items("Z2"))
    assert (await api.do("worker", f"/items/{own}/recycling", status=409))["code"] == "not-received"
    scans = [{"requestId": str(uuid7()), "work": "received", "label": one} for one in (label, own)]
    await api.send("worker", "POST", "/scans", json={"scans": scans})
    assert (await api.do("worker", f"/items/{label}/candidate", status=409))["code"] == "leased"
    refused = await api.do("worker", f"/items/{label}/recycling", status=409)
    assert refused["code"] == "leased"
    assert "見本リース" in refused["detail"]
    await api.do("worker", f"/items/{label}/recycling", reason="貸主の処分依頼書 R8-3")
    await api.do("worker", f"/items/{own}/recycling")
    assert (await api.do("worker", f"/items/{own}/candidate", status=409))["code"] == "route-chosen"


async def test_a_lot_is_counted_at_each_hand_and_both_counts_are_seen(api: Api) -> None:
    lot = await api.do("clerk", "/lots", engagement=str(api.engagement), kind="monitor", count=59)
    (found,) = await api.tracking.rows("SELECT label FROM labels WHERE item = :lot", lot=lot["stream"])
    path = f"/lots/{found.label}/moves"
    body = {"request": str(uuid7()), "step": "shipped-out", "count": 59}
    first, again = [await api.send("worker", "POST", path, json=body) for _ in range(2)]
    assert (first.status_code, again.status_code, first.json() == again.json()) == (201, 200, True)
    assert (await api.do("worker", path, status=409, step="shipped-out", count=59))["code"] == "already-moved"
    assert (await api.do("worker", path, status=409, step="received", count=58))["code"] == "difference"
    await api.do("worker", path, step="received", count=58, reason="1台たりない", second="worker2")
    assert (await api.do("stranger", path, status=404, step="received", count=59))["code"] == "unknown-label"
    assert (await api.do("other", path, status=404, step="received", count=59))["code"] == "unknown-label"
    assert (await api.do("clerk", path, status=403, step="received", count=59))["code"] == "role"
    (item,) = await api.items("M1")
    assert (await api.do("worker", f"/lots/{item}/moves", status=404, step="received", count=1))["code"] == "no-lot"
    own = await api.tracking.rows("SELECT body, salt FROM entries WHERE kind LIKE 'tracking.lot-%'")
    await hear(api.tracking, [Entry.read(one.body, one.salt) for one in own])
    query = {"town": TOWN, "engagement": str(api.engagement)}
    seen = (await api.send("clerk", "GET", "/overview", params=query)).json()
    assert seen["held"] == {"monitor": 59}
    counts = [(one["registered"], one["shipped_out"], one["received"]) for one in seen["lots"]]
    assert counts == [(59, 59, 58)]


async def test_two_counts_that_differ_are_named_and_closed_by_what_resolved_them(api: Api) -> None:
    (label,) = await api.items("F1")
    said: dict[str, Any] = {"reason": "届いていない", "second": "admin"}
    assert (await api.do("clerk", f"/items/{label}/difference", status=409, **said | {"second": "clerk"}))["code"]
    found = await api.do("clerk", f"/items/{label}/difference", **said)
    assert (await api.do("clerk", f"/items/{label}/difference", status=409, **said))["code"] == "already-found"
    assert (await api.do("approver", f"/items/{label}/difference", status=403, **said))["code"] == "role"
    path = f"/discrepancies/{found['stream']}/resolution"
    closed: dict[str, Any] = {"outcome": "found", "explanation": "棚にあった"}
    assert (await api.do("clerk", path, status=409, town=TOWN, **closed))["code"] == "still-missing"
    await api.do("worker", f"/items/{label}/sighting")
    await api.do("clerk", path, town=TOWN, **closed)
    assert (await api.do("clerk", path, status=409, town=TOWN, **closed))["code"] == "already-resolved"
    nothing = f"/discrepancies/{uuid7()}/resolution"
    assert (await api.do("clerk", nothing, status=409, town=TOWN, **closed))["code"] == "no-discrepancy"


async def test_a_person_is_enrolled_in_ones_own_party(api: Api) -> None:
    card = {"person": "satou", "party": TOWN, "name": "佐藤", "roles": ["clerk"]}
    for _ in range(2):
        assert (await api.send("admin", "PUT", "/people/satou", json=card)).status_code == 204
    assert (await api.send("admin", "PUT", "/people/another", json=card)).json()["code"] == "person"
    foreign = card | {"party": CENTRE}
    assert (await api.send("admin", "PUT", "/people/satou", json=foreign)).status_code == 403
    taken = await api.send("operator", "PUT", "/people/satou", json=foreign | {"roles": ["worker"]})
    assert (taken.status_code, taken.json()["code"]) == (409, "person-taken")
    for broken in ({"party": "town-063622 x"}, {"party": "anything"}, {"roles": ["king"]}):
        assert (await api.send("operator", "PUT", "/people/satou", json=card | broken)).status_code == 422
    mighty = card | {"roles": ["platform-operator"]}
    assert (await api.send("operator", "PUT", "/people/satou", json=mighty)).status_code == 403
    for who, party, role in (
        ("manager", CENTRE, "approver"),
        ("manager", CENTRE, "clerk"),
        ("manager", CENTRE, "town-admin"),
        ("admin", TOWN, "worker"),
        ("operator", CARRIER, "approver"),
    ):
        given = {"person": "mixed", "party": party, "name": "混同", "roles": [role]}
        refused = await api.send(who, "PUT", "/people/mixed", json=given)
        assert (refused.status_code, refused.json()["code"]) == (422, "role-of-another"), (party, role)
        assert refused.json()["facts"]["field"] == "roles"
    assert await api.tracking.rows("SELECT 1 FROM people WHERE person = 'mixed'") == []
    notices = await api.tracking.rows("SELECT subject FROM notices WHERE subject LIKE '%satou'")
    assert {one.subject for one in notices} == {f"people.{TOWN}.satou"}


async def test_a_body_with_what_nobody_asked_for_is_refused_by_its_place(api: Api) -> None:
    wrong = await api.do("clerk", "/lots", status=422, engagement=str(api.engagement), kind="car", count=0, more=1)
    assert {one["pointer"] for one in wrong["errors"]} >= {"/body/kind", "/body/count", "/body"}
    assert all(one["detail"].endswith("。") for one in wrong["errors"])


def test_a_scan_queued_before_an_upgrade_repeats_itself() -> None:
    class Later(Scan):
        battery: int | None = None

    said = {"requestId": str(uuid7()), "work": "received", "label": "7K3D9Q2MX"}
    item = uuid7()
    for more in ({}, {"capturedAt": None}, {"capturedAt": NOW.isoformat()}):
        now, later = (shape.model_validate(said | more).asked(item, None, NOW).request for shape in (Scan, Later))
        assert now.digest == later.digest


async def test_the_log_is_everybody_s(api: Api) -> None:
    await hear(api.tracking, [destroyed(await api.entry((await api.items("RE1"))[0]))])
    assert (await api.client.get("/log/checkpoint")).json()["code"] == "empty-log"
    assert (await api.client.get("/log/tile/0/000")).status_code == 404
    assert (await api.client.get("/log/../keys/identity.jwk")).status_code == 404


async def test_a_sealed_cage_has_a_manifest_for_those_who_act_for_the_town(api: Api) -> None:
    labels = await api.items("MF1", "MF2")
    cage = await api.sealed("worker", "明細1", labels, api.engagement)
    path = f"/cages/{cage}/manifest.pdf"
    paper = await api.send("worker", "GET", path, params={"town": TOWN})
    assert (paper.status_code, paper.headers["content-type"]) == (200, "application/pdf")
    said = "".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(paper.content))
    assert "2台" in said
    for label in labels:
        assert views.grouped(label) in said
    assert (await api.send("stranger", "GET", path, params={"town": TOWN})).status_code == 403
    none = await api.send("clerk", "GET", f"/cages/{uuid7()}/manifest.pdf", params={"town": TOWN})
    assert none.json()["code"] == "no-cage"


async def test_a_cage_is_sealed_with_photos_whose_originals_stay_untouched(api: Api) -> None:
    original = photo(exif=True)
    for who, content, status in (("stranger", original, 403), ("worker", b"no photo", 422), ("clerk", original, 403)):
        refused = await api.send(who, "POST", "/cages/photos", params={"town": TOWN}, files={"photo": content})
        assert refused.status_code == status, refused.text
    taken = await api.send("worker", "POST", "/cages/photos", params={"town": TOWN}, files={"photo": original})
    assert taken.json() == {
        "sha256": hashlib.sha256(original).hexdigest(),
        "taken_at": "2026-11-24T11:22:41+09:00",
    }
    named = taken.json()["sha256"]
    said: dict[str, Any] = {
        "engagement": str(api.engagement),
        "number": "写真1",
        "seal": "S-P1",
        "labels": await api.items("PHOTO-1"),
        "request": str(uuid7()),
    }
    report = await blobs.put(TOWN, b"an erasure report, and no photo")
    for wrong in ("0" * 64, report):
        answer = await api.do("worker", "/cages", town=TOWN, status=422, **said | {"seal_photo": wrong})
        assert answer["code"] == "not-a-photo"
    sealed = await api.do("worker", "/cages", town=TOWN, **said, seal_photo=named)
    assert sealed == await api.do("worker", "/cages", town=TOWN, status=200, **said, seal_photo=named)
    other = await api.send("worker", "POST", "/cages", params={"town": TOWN}, json=said)
    assert (other.status_code, other.json()["code"]) == (422, "request-id-reused"), (
        "the same request with another photo is another request"
    )
    path = f"/cages/{sealed['stream']}/photos"
    given = await api.send("clerk", "GET", f"{path}/{named}", params={"town": TOWN})
    assert (given.content, given.headers["content-type"]) == (original, "application/octet-stream")
    assert (await api.send("stranger", "GET", f"{path}/{named}", params={"town": TOWN})).status_code == 403
    assert (await api.send("worker", "GET", f"{path}/{report}", params={"town": TOWN})).status_code == 404
    paper = await api.send("clerk", "GET", f"/cages/{sealed['stream']}/manifest.pdf", params={"town": TOWN})
    assert named in pypdfium2.PdfDocument(paper.content)[0].get_textpage().get_text_range()


async def test_a_label_of_a_roll_is_bound_by_label_and_serial(api: Api) -> None:
    (old,) = await api.items("BIND-1")
    async with api.tracking.acting(request=uuid7()) as tx:
        roll = await rolls.draw_roll(tx, api.engagement, 2)
        first, second = [one.label for one in await printed_roll(tx.connection, api.engagement, roll.stream)]
    said = {"request": str(uuid7()), "label": first, "serial": "PC-BIND-1"}
    answers = [await api.send("worker", "POST", "/labels/bindings", json=said) for _ in range(2)]
    assert [one.status_code for one in answers] == [201, 200]
    done = answers[0].json()
    assert done == answers[1].json()
    assert done["kind"] == "tracking.label-bound.v1"
    assert (await api.send("clerk", "GET", f"/items/{first}")).status_code == 200
    told = await api.send("worker", "GET", f"/items/{old}")
    assert (told.status_code, told.json()["type"].rsplit(":", 1)[-1].rsplit("/", 1)[-1]) == (404, "replaced-label")
    assert (await api.send("stranger", "GET", f"/items/{old}")).json()["type"].endswith("unknown-label")
    for who, label, status in (
        ("clerk", first, 200),
        ("approver", second, 403),
        ("stranger", second, 404),
        ("worker", new_label(), 404),
        ("worker", old, 200),  # its own former label may come back
    ):
        await api.do(who, "/labels/bindings", label=label, serial="A-BIND-1", status=201 if label == old else status)
    await api.do("worker", "/labels/bindings", label=second, serial="PC-NONE", status=409)
    await api.do("worker", "/labels/bindings", label="nonsense", serial="PC-BIND-1", status=422)
    scan = {"requestId": str(uuid7()), "work": "received", "label": first}
    answer = await api.send("worker", "POST", "/scans", json={"scans": [scan]})
    assert "付け替えました" in answer.text, "a scan of a label that was replaced says by which"


async def test_a_job_is_raised_by_the_towns_administrator_alone(api: Api) -> None:
    rows = await api.tracking.rows("SELECT engagement FROM engagements WHERE town = :t LIMIT 1", t=TOWN)
    path = f"/engagements/{rows[0].engagement}/requirement"
    said: dict[str, Any] = {"on_site": "purge", "at_centre": "destroy", "reason": "全台を破壊する"}
    for who in ("clerk", "worker"):
        assert (await api.do(who, path, status=403, **said))["code"] == "role"
    assert (await api.do("admin", path, status=422, **(said | {"on_site": "clean"})))["code"] == "invalid"
    assert (await api.do("admin", path, **said))["kind"] == "tracking.requirement-raised.v1"
    again = await api.do("admin", path, status=422, **said)
    assert (again["code"], again["facts"]["field"]) == ("nothing-raised", "on_site")
