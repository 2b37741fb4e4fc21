import hashlib

import httpx

from services.erasure.reports.read import read
from services.erasure.tests.capture import SAMPLES, sample, session
from services.erasure.tests.conftest import (
    ENGAGEMENT,
    OTHER_CENTRE,
    OTHER_ENGAGEMENT,
    bearer,
    item,
    principal,
    register,
)
from shared.ids import uuid7
from shared.testing import OTHER_TOWN, TOWN, Service, photo

ROLES = ("identify", "before", "command", "after", "after")
FILES = (
    "nvme-id-ctrl.json",
    "nvme-sanitize-never.json",
    "",
    "nvme-sanitize-running.json",
    "nvme-sanitize-completed.json",
)


def proof(serial: str) -> bytes:
    """A whole session of an NVMe drive: purged by block erase."""
    return session(*zip(ROLES, FILES, strict=True)).replace(b"S64DNX0R900417", serial.encode())


async def drop(client: httpx.AsyncClient, content: bytes, **said: str) -> httpx.Response:
    files = {"file": ("session.json", content, "application/json")}
    return await client.post("/api/erasure/reports", files=files, data={"request": str(uuid7())} | said)


async def test_the_same_file_twice_is_answered_with_the_first_result(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    await register(erasure, item("API1"))
    first, again = [await drop(client, proof("API1")) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json()["drives"][0]["entry"] == again.json()["drives"][0]["entry"]
    stray = [await drop(client, proof("API2")) for _ in range(2)]
    assert [one.status_code for one in stray] == [202, 202]
    assert stray[0].json()["drives"][0]["report"] == stray[1].json()["drives"][0]["report"]
    assert len(await erasure.rows("SELECT 1 FROM unmatched WHERE serial = 'API2'")) == 1


async def test_a_batch_has_a_result_for_every_file(erasure: Service, client: httpx.AsyncClient) -> None:
    one, hdd = await register(erasure, item("API3")), await register(erasure, item("API4"))
    identify = sample("nvme-id-ctrl.json").replace("S64DNX0R900417", "API4").encode()
    names = {
        "good": proof("API3"),
        "stray": proof("API5"),
        "nothing": b"",
        "picture": photo(),
        "inventory": identify,
        "failed": failing("API4"),
    }
    files = [("files", (name, content, "application/octet-stream")) for name, content in names.items()]
    said = await client.post("/api/erasure/reports/batch", files=files, data={"request": str(uuid7())})
    assert said.status_code == 200, said.text
    results = {one["filename"]: one for one in said.json()["results"]}
    assert {name: result["state"] for name, result in results.items()} == {
        "good": "recorded",
        "stray": "waiting",
        "nothing": "unreadable",
        "picture": "unreadable",
        "inventory": "not-evidence",
        "failed": "recorded",
    }
    assert "空です" in results["nothing"]["detail"]
    english = await client.post(
        "/api/erasure/reports/batch",
        files=files[2:3],
        data={"request": str(uuid7())},
        headers={"Accept-Language": "en"},
    )
    assert english.json()["results"][0]["detail"].startswith("This is no erasure report")
    assert results["good"]["drives"][0]["label"] == one.label
    (drive,) = results["failed"]["drives"]
    assert (drive["label"], drive["achieved"], drive["sufficient"]) == (hdd.label, None, False)
    assert drive["reasons"][0]["code"] == "failed"
    counted = (await client.get("/api/erasure/overview", params={"town": TOWN})).json()
    assert counted["failed"] >= 1
    assert counted["media"] >= counted["erased"] + counted["failed"]


def failing(serial: str) -> bytes:
    files = (*FILES[:3], "nvme-sanitize-running.json", "nvme-sanitize-failed.json")
    return session(*zip(ROLES, files, strict=True)).replace(b"S64DNX0R900417", serial.encode())


async def test_more_than_a_hundred_files_are_refused(client: httpx.AsyncClient) -> None:
    files = [("files", (f"{n}", b"x", "text/plain")) for n in range(101)]
    said = await client.post("/api/erasure/reports/batch", files=files, data={"request": str(uuid7())})
    assert (said.status_code, said.json()["code"]) == (422, "too-many-files")


async def test_a_file_that_is_no_report_is_refused_with_what_to_do(client: httpx.AsyncClient) -> None:
    said = await drop(client, b"hello")
    assert said.status_code == 422
    assert said.headers["content-type"] == "application/problem+json"
    assert "道具の出力をそのままの形で登録してください" in said.json()["detail"]


async def test_a_report_of_several_drives_is_sorted_drive_by_drive(erasure: Service, client: httpx.AsyncClient) -> None:
    content = sample("nwipe-0.42-two-drives.log").encode()
    serials = sorted({finding.serial for finding in read(content, "nwipe.log").findings})
    assert len(serials) == 2
    it = await register(erasure, item(serials[0], kind="hdd"))
    said = await client.post(
        "/api/erasure/reports",
        files={"file": ("nwipe.log", content, "text/plain")},
        data={"request": str(uuid7()), "engagement": str(ENGAGEMENT)},
    )
    assert said.status_code == 202, said.text
    drives = {drive["serial"]: drive for drive in said.json()["drives"]}
    assert (drives[serials[0]]["state"], drives[serials[0]]["label"]) == ("bound", it.label)
    assert drives[serials[1]]["state"] == "waiting"


async def test_reports_of_other_tools_bind_as_a_log_does_and_inventories_prove_nothing(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    cases = [
        ("nwipe-0.42.pdf", "recorded", "clear"),
        ("blancco-entries.xml", "recorded", "clear"),
        ("attestation.txt", "recorded", None),
        ("lsblk.txt", "not-evidence", None),
        ("dmidecode.txt", "not-evidence", None),
        ("crash.txt", "waiting", None),
    ]
    for nth, (file, state, achieved) in enumerate(cases):
        serial = f"APISER{nth:02}"
        registered = await register(erasure, item(serial, kind="hdd"))
        content = (SAMPLES / file).read_bytes().replace(b"W7K04182", serial.encode())
        files = [("files", (file, content, "application/octet-stream"))]
        said = await client.post("/api/erasure/reports/batch", files=files, data={"request": str(uuid7())})
        (result,) = said.json()["results"]
        assert result["state"] == state, (file, result)
        if state == "recorded":
            (drive,) = result["drives"]
            assert (drive["label"], drive["achieved"]) == (registered.label, achieved)
            codes = {reason["code"] for reason in drive["reasons"]}
            assert ("reader-unconfirmed" in codes) == file.startswith("blancco")
            assert ("attested" in codes) == file.startswith("attestation")


async def test_a_serial_that_two_devices_share_waits_for_a_person(erasure: Service, client: httpx.AsyncClient) -> None:
    two = [await register(erasure, item("API6")) for _ in range(2)]
    said = (await drop(client, proof("API6"))).json()
    (drive,) = said["drives"]
    assert drive["state"] == "waiting"
    assert sorted(near["label"] for near in drive["proposed"]) == sorted(one.label for one in two)
    body = {"request": str(uuid7()), "label": two[1].label, "serial": "API6"}
    url = f"/api/erasure/unmatched/{drive['report']}/bind"
    bound = await client.post(url, json=body)
    assert bound.status_code == 201, bound.text
    again = await client.post(url, json=body)
    assert (again.status_code, again.json()) == (200, bound.json())
    elsewhere = await client.post(url, json=body | {"label": two[0].label, "request": str(uuid7())})
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (409, "already-bound")


async def test_the_original_bytes_come_back_for_who_may_read_the_entry(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    it = await register(erasure, item("API7"))
    filed = (await drop(client, proof("API7"))).json()
    taken = photo(exif=True)
    facts = {"request": str(uuid7()), "machine": "2"}
    url = f"/api/erasure/media/{it.label}/destructions"
    assert (await client.post(url, files={"after": ("a.jpg", taken)}, data=facts)).status_code == 201
    sha256 = hashlib.sha256(taken).hexdigest()
    clerk = bearer(principal("clerk", person="abe", party=TOWN))
    stranger = bearer(principal("worker", party=OTHER_CENTRE))
    report_url, photo_url = f"/erasure/reports/{filed['sha256']}", f"/erasure/photos/{sha256}"
    for headers, town in (({}, {"town": TOWN}), (clerk, {})):
        got = await client.get(report_url, params=town, headers=headers)
        assert got.content == proof("API7")
        assert (got.headers["content-type"], got.headers["x-content-type-options"]) == (
            "application/octet-stream",
            "nosniff",
        )
        original = await client.get(photo_url, params=town | {"original": "true"}, headers=headers)
        assert original.content == taken
        assert b"Exif" in original.content
        shown = await client.get(photo_url, params=town, headers=headers)
        assert shown.headers["content-type"] == "image/jpeg"
        assert b"Exif" not in shown.content
    for url in (report_url, photo_url):
        assert (await client.get(url, headers=stranger)).status_code == 404
        assert (await client.get(url, params={"town": TOWN}, headers=stranger)).status_code == 403
        assert (await client.get(url)).status_code == 404  # the centre's own rows hold no such report


async def test_a_waiting_report_is_readable_by_the_one_who_filed_it(client: httpx.AsyncClient) -> None:
    filed = (await drop(client, proof("API8"))).json()
    assert (await client.get(f"/erasure/reports/{filed['sha256']}")).content == proof("API8")


async def test_who_may_not_is_told_so(erasure: Service, client: httpx.AsyncClient) -> None:
    it = await register(erasure, item("API14"))
    url = f"/api/erasure/media/{it.label}/destructions"
    shots, facts = {"after": ("a.jpg", photo())}, {"request": str(uuid7()), "machine": "2"}
    for who, status in (
        (principal("clerk", party=TOWN), 403),
        (principal("auditor"), 403),
        (principal("worker", party=OTHER_CENTRE), 404),
    ):
        said = await client.post(url, files=shots, data=facts, headers=bearer(who))
        assert said.status_code == status, said.text
    assert (await client.get("/api/erasure/overview", headers={"Authorization": ""})).status_code == 401
    assert (await client.get("/api/erasure/overview", params={"town": OTHER_TOWN})).status_code == 403
    assert (await client.get("/api/erasure/draw", params={"engagement": str(OTHER_ENGAGEMENT)})).status_code == 404
    wrong = await client.get("/api/erasure/media/7K3D9Q2M0")
    assert (wrong.status_code, wrong.json()["code"]) == (422, "bad-label")


async def test_hostile_text_is_refused_and_never_breaks_the_service(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    it = await register(erasure, item("API15"))
    media, shots = f"/api/erasure/media/{it.label}", {"after": ("a\x00.jpg", photo())}
    filed = (await drop(client, proof("API16"))).json()["drives"][0]["report"]
    facts = {"request": str(uuid7()), "machine": "2"}
    said = [
        await client.post(f"{media}/destructions", files=shots, data=facts | {"machine": "\x00"}),
        await client.post(f"{media}/destructions", files=shots, data=facts | {"machine": "x" * 201}),
        await client.post(f"{media}/destructions", files=shots, data=facts | {"serial": "a\x00"}),
        await client.post(f"{media}/destructions", files=shots, data=facts | {"technique": "dance"}),
        await client.post(
            f"{media}/destructions", files=shots, data=facts | {"after_taken_at": "0001-01-01T00:00:00+09:00"}
        ),
        await client.post(f"{media}/verifications", json={"request": str(uuid7()), "method": "\x00", "passed": True}),
        await client.post(
            f"/api/erasure/unmatched/{filed}/bind", json={"request": str(uuid7()), "label": it.label, "serial": "\x00"}
        ),
        await client.get("/api/erasure/overview", params={"town": "\x00"}),
        await client.get("/erasure/photos/..%00"),
        await drop(client, proof("API15"), witness="\x00"),
    ]
    assert {one.status_code for one in said} <= {404, 422}, [one.status_code for one in said]
    files = {"file": ("\x00\u202e<hostile>.json", proof("API15"), "text/html")}
    taken = await client.post("/api/erasure/reports", files=files, data={"request": str(uuid7())})
    assert taken.status_code == 201
    assert "<hostile>" in taken.json()["filename"]
    assert not {"\x00", "\u202e"} & set(taken.json()["filename"])
    page = await client.get(f"/erasure/media/{it.label}", headers={"Accept": "text/html"})
    assert "&lt;hostile&gt;" in page.text
    assert "<hostile>" not in page.text
