"""What is said of a destruction beside its photos: particle size, class, video, removal, and trays."""

import hashlib
from typing import Any

import httpx
import pytest

from services.erasure.destruction import TRAY_MAX
from services.erasure.tests.conftest import hear, item, opened, register
from services.erasure.tests.test_api import drop, proof
from shared import blobs, pictures
from shared.ids import uuid7
from shared.testing import CENTRE, OTHER_TOWN, TOWN, Service, photo, recorded

VIDEO = {"video_name": "cam1.mp4", "video_place": "録画機2号", "video_sha256": "c" * 64, "video_duration_s": "600"}


def facts(**said: Any) -> dict[str, Any]:
    return {"request": str(uuid7()), "machine": "細断機 1号"} | said


def files(*shots: bytes) -> list[tuple[str, tuple[str, bytes, str]]]:
    return [("after", ("a.jpg", shot, "image/jpeg")) for shot in shots or (photo(),)]


async def destroyed(made: Service, label: str) -> list[Any]:
    query = "SELECT d.data FROM deeds d JOIN media m USING (medium) WHERE m.label = :l AND d.kind LIKE '%destroyed%'"
    return [row.data for row in await made.rows(query + " ORDER BY m.nth", l=label)]


async def test_what_came_out_and_the_video_are_recorded_as_they_were_stated(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    it = await register(erasure, item("D1"))
    await drop(client, proof("D1"))
    said = facts(technique="shred", particle_mm="6.5", security_class="H-5", removed="true", **VIDEO)
    url = f"/api/erasure/media/{it.label}/destructions"
    first, again = [await client.post(url, files=files(SHOT), data=said) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 200)
    (data,) = await destroyed(erasure, it.label)
    assert (data["particle_mm"], data["security_class"], data["remarks"]) == (6.5, "H-5", [])
    assert data["video"] == {"name": "cam1.mp4", "place": "録画機2号", "sha256": "c" * 64, "duration_s": 600}
    kinds = await erasure.rows("SELECT kind FROM deeds WHERE medium = :m ORDER BY sequence", m=it.media[0].id)
    assert [row.kind.split(".")[1] for row in kinds] == ["medium-erased", "medium-removed", "medium-destroyed"]
    page = (await client.get(f"/erasure/media/{it.label}")).text
    for shown in ("6.5 mm 以下", "H-5", "cam1.mp4", "c" * 64, "細断"):
        assert shown in page


SHOT = photo()


async def test_what_nobody_stated_stays_unknown_and_what_lacked_is_said_in_words(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    it = await register(erasure, item("D2"))
    said = await client.post(f"/api/erasure/media/{it.label}/destructions", files=files(), data=facts())
    assert said.status_code == 201
    (data,) = await destroyed(erasure, it.label)
    assert not {"particle_mm", "security_class", "video", "tray"} & set(data)
    assert (data["missing"], data["remarks"]) == (["on-site-level"], ["not-removed"])
    for path in (f"/erasure/media/{it.label}", f"/erasure/destroy?done={it.label}"):
        page = (await client.get(path)).text
        assert "本体から取り外した記録がありません" in page
        assert "役場での消去の証跡" in page


@pytest.mark.parametrize(
    "wrong",
    [
        {"particle_mm": "0"},
        {"particle_mm": "501"},
        {"particle_mm": "NaN"},
        {"particle_mm": "inf"},
        {"security_class": "H-8"},
        {"security_class": "X-1"},
        {"video_sha256": "C" * 64},
        {"video_duration_s": "0"},
        {"video_name": "cam1.mp4"},  # half a reference
    ],
    ids=str,
)
async def test_what_cannot_be_is_not_recorded(
    erasure: Service, client: httpx.AsyncClient, wrong: dict[str, str]
) -> None:
    it = await register(erasure, item(f"D3{uuid7().hex[-6:]}"))
    said = await client.post(f"/api/erasure/media/{it.label}/destructions", files=files(), data=facts(**wrong))
    assert said.status_code == 422
    assert await destroyed(erasure, it.label) == []


async def test_a_photo_that_changed_on_its_way_is_refused_and_one_that_did_not_says_so(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    it, shot = await register(erasure, item("D4")), photo()
    url = f"/api/erasure/media/{it.label}/destructions"
    altered = await client.post(url, files=files(shot), data=facts(after_sha256="0" * 64))
    assert (altered.status_code, altered.json()["code"]) == (422, "photo-altered")
    assert await destroyed(erasure, it.label) == []
    same = hashlib.sha256(shot).hexdigest()
    assert (await client.post(url, files=files(shot), data=facts(after_sha256=same))).status_code == 201
    (data,) = await destroyed(erasure, it.label)
    copy = hashlib.sha256(pictures.develop(shot).copy).hexdigest()
    assert data["photos"] == [{"sha256": same, "copy_sha256": copy, "role": "after", "hashed_on_device": True}]
    assert await blobs.get(TOWN, copy), "what pages and the certificate show is made when the photo comes"
    assert "端末で計算した値と一致" in (await client.get(f"/erasure/media/{it.label}")).text


async def test_a_tray_is_an_entry_a_medium_with_one_photo_for_all(erasure: Service, client: httpx.AsyncClient) -> None:
    one, two, pair = [await register(erasure, item(*serials)) for serials in (("T1",), ("T2",), ("T3", "T4"))]
    media = [one.label, two.label.lower(), f"{pair.label} T4", one.label]  # the scanner read the first twice
    said = facts(media=media, removed="true", particle_mm="20")
    first, again = [await client.post("/api/erasure/trays", files=files(SHOT), data=said) for _ in range(2)]
    assert (first.status_code, again.status_code) == (201, 200), first.text
    assert first.json() == again.json()
    assert [row["label"] for row in first.json()["media"]] == [one.label, two.label, pair.label]
    entries = [data for it in (one, two, pair) for data in await destroyed(erasure, it.label)]
    assert [data["serial"] for data in entries] == ["T1", "T2", "T4"]
    assert len({str(data["photos"]) for data in entries}) == 1
    assert {str(data["tray"]) for data in entries} == {
        str({"tray": first.json()["tray"], "labels": [one.label, two.label, pair.label]})
    }
    assert all(data["remarks"] == [] for data in entries)
    page = (await client.get(f"/erasure/media/{two.label}")).text
    assert all(f"/erasure/media/{it.label}" in page for it in (one, two, pair))
    shown = (await client.get(f"/erasure/destroy/tray?done={two.label}")).text
    assert "3つを記録しました" in shown


async def test_of_a_tray_with_one_fault_nothing_is_recorded_and_the_fault_is_named(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    good, gone, pair = [await register(erasure, item(*serials)) for serials in (("T5",), ("T6",), ("T7", "T8"))]
    second = uuid7()
    await hear(erasure, recorded(opened(second, OTHER_TOWN, CENTRE), tenant=OTHER_TOWN, stream=second))
    foreign = await register(erasure, item("T9", engagement=second), OTHER_TOWN)
    await client.post(f"/api/erasure/media/{gone.label}/destructions", files=files(), data=facts())
    stranger = item("T10")
    cases: list[tuple[list[str], int, str]] = [
        ([good.label, gone.label], 409, gone.label),
        ([good.label, pair.label], 422, "製造番号"),
        ([good.label, foreign.label], 422, "ほかの町"),
        ([good.label, stranger.label], 404, "登録がない"),
        ([good.label, "7K3D"], 422, ""),
        ([" "], 422, ""),
        ([item("x").label for _ in range(TRAY_MAX + 1)], 422, ""),
    ]
    for media, status, named in cases:
        said = await client.post("/api/erasure/trays", files=files(), data=facts(media=media, removed="true"))
        assert (said.status_code, named in said.text.replace("-", "")) == (status, True), said.text
        form = facts(media="\n".join(media), technique="crush")
        page = await client.post("/erasure/destroy/tray", files=files(), data=form, headers={"Accept": "text/html"})
        assert page.status_code == status
        assert media[0].strip() in page.text, "what was scanned is kept"
    assert await destroyed(erasure, good.label) == []
    assert await erasure.rows("SELECT 1 FROM deeds WHERE medium = :m", m=good.media[0].id) == []


async def test_the_pages_keep_the_setting_from_one_medium_to_the_next(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    one, two = await register(erasure, item("D5")), await register(erasure, item("D6"))
    setting = {"machine": "細断機 1号", "technique": "shred", "particle_mm": "6.5", "removed": "true", **VIDEO}
    form = {"request": str(uuid7()), "label": one.label} | setting
    done = await client.post("/erasure/destroy", data=form, files=files(), headers={"Accept": "text/html"})
    assert done.status_code == 303
    assert {key: value for key, value in httpx.URL(done.headers["location"]).params.items() if key != "done"} == setting
    bad = {"particle_mm": "６．５５", "security_class": "Z", "video_duration_s": "99999999"}
    form = {"request": str(uuid7()), "media": two.label} | setting | bad
    wrong = await client.post("/erasure/destroy/tray", data=form, files=files(), headers={"Accept": "text/html"})
    assert wrong.status_code == 422
    assert all(f'id="{name}-e"' in wrong.text for name in bad)
    assert two.label in wrong.text
    assert await destroyed(erasure, two.label) == []
