"""A report's own times, by API: too old or ahead of ours it proves nothing, honest it does, and pages say when."""

import re
from datetime import UTC, date, datetime, timedelta, timezone

import httpx

from services.erasure.commands import reports
from services.erasure.commands.reports import Bound
from services.erasure.domain.medium import Filing
from services.erasure.reports.read import read
from services.erasure.tests.capture import sample
from services.erasure.tests.conftest import ENGAGEMENT, hear, item, opened, register
from services.erasure.tests.test_api import drop, proof
from shared.events.erasure import Evidence
from shared.ids import uuid7
from shared.testing import CENTRE, NOW, TOWN, WORKER, Service, recorded

JST = timezone(timedelta(hours=9))
PAGE = {"Accept": "text/html"}


def done(serial: str, begun: datetime) -> bytes:
    """The whole session of a drive, three minutes long."""
    content = proof(serial)
    for said, moment in (("10:00:00", begun), ("10:03:00", begun + timedelta(minutes=3))):
        content = content.replace(f"2026-04-08T{said}+09:00".encode(), moment.isoformat(timespec="seconds").encode())
    return content


def log(serial: str, day: date) -> bytes:
    """nwipe's log of one day, which gives no zone, for one of its two drives."""
    text = sample("nwipe-0.42-two-drives.log").replace("W7K04182", serial)
    return re.sub(r"2026/04/\d\d", f"{day:%Y/%m/%d}", text).encode()


def codes(answer: httpx.Response, serial: str) -> tuple[str | None, set[str]]:
    (drive,) = [one for one in answer.json()["drives"] if one["serial"] == serial]
    return drive["achieved"], {reason["code"] for reason in drive["reasons"]}


async def test_an_old_success_proves_nothing_one_ahead_neither_and_todays_does(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    contract, now = uuid7(), datetime.now(JST)
    began = (now - timedelta(days=7)).date()
    deal = opened(contract, TOWN, CENTRE).model_copy(update={"starts_on": began})
    await hear(erasure, recorded(deal))
    for nth, (begun, level, code) in enumerate(
        (
            (now - timedelta(days=400), None, "done-before-engagement"),
            (now - timedelta(days=6), "purge", "done-before-registration"),
            (now - timedelta(minutes=4), "purge", ""),
            (now + timedelta(hours=1), None, "done-after-received"),
        )
    ):
        it = item(f"WHEN{nth}", engagement=contract)
        await hear(erasure, recorded(it, stream=it.item, at=now.astimezone(UTC)))
        said = codes(await drop(client, done(f"WHEN{nth}", begun)), f"WHEN{nth}")
        assert said[0] == level
        assert {one for one in said[1] if one.startswith("done-")} == ({code} if code else set())
    (label,) = await erasure.rows("SELECT label FROM media WHERE serial = 'WHEN0'")
    page = (await client.get(f"/erasure/media/{label.label}", headers=PAGE)).text
    assert f"契約の開始日（{began.isoformat()}）より前で、今回の証拠になりません" in page
    english = (await client.get(f"/erasure/media/{label.label}", headers=PAGE | {"Accept-Language": "en"})).text
    assert f"before the engagement began ({began}), so it proves nothing of this job" in english


async def test_the_same_report_again_when_its_end_has_passed_still_proves_nothing(erasure: Service) -> None:
    it = await register(erasure, item("AHEAD1"))
    (finding,) = read(done("AHEAD1", NOW + timedelta(days=1)), "s.json").findings
    evidence = Evidence(sha256="ab" * 32, filename="s.json", tool="nvme-cli")
    bound = Bound(it.media[0].id, finding, Filing(evidence, WORKER.person, "on-site"))
    told = []
    for days in (0, 2):
        async with erasure.acting(by=WORKER, at=NOW + timedelta(days=days)) as tx:
            told += await reports.record(tx, [bound])
    assert [entry.kind for entry in told] == ["erasure.erasure-failed.v1"] * 2
    assert told[0].id == told[1].id
    assert told[0].event.received_at == NOW


async def test_a_report_that_came_before_its_item_is_held_against_the_day_it_came(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    now = datetime.now(JST)
    for serial, begun, level in (
        ("WAIT1", now - timedelta(days=2), "purge"),
        ("WAIT2", now + timedelta(days=1), None),
        ("WAIT3", datetime(2016, 4, 8, 10, 0, tzinfo=JST), None),
    ):
        assert (await drop(client, done(serial, begun), engagement=str(ENGAGEMENT))).status_code == 202
        it = item(serial)
        await hear(erasure, recorded(it, stream=it.item, at=now.astimezone(UTC) + timedelta(days=3)))
        (deed,) = await erasure.rows("SELECT achieved, data FROM deeds WHERE item = :i", i=it.item)
        assert deed.achieved == level
        filed = await erasure.rows("SELECT filed_at FROM unmatched WHERE serial = :s", s=serial)
        assert datetime.fromisoformat(deed.data["received_at"]) == filed[0].filed_at


async def test_a_time_without_zone_is_shown_in_the_tools_digits_and_one_with_zone_in_japans(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    it = await register(erasure, item("NOZONE1", kind="hdd"))
    day = (datetime.now(JST) - timedelta(days=2)).date()
    assert codes(await drop(client, log("NOZONE1", day)), "NOZONE1")[0] == "clear"
    page = (await client.get(f"/erasure/media/{it.label}", headers=PAGE)).text
    assert f"{day} 10:00:05（時間帯の記載なし）" in page
    english = (await client.get(f"/erasure/media/{it.label}", headers=PAGE | {"Accept-Language": "en"})).text
    assert f"{day} 10:00:05 (no time zone stated)" in english
    zoned = await register(erasure, item("ZONE1"))
    await drop(client, proof("ZONE1"))
    page = (await client.get(f"/erasure/media/{zoned.label}", headers=PAGE)).text
    assert 'datetime="2026-04-08T10:03+09:00"' in page
    assert "時間帯の記載なし" not in page
