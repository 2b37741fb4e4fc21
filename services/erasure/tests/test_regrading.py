"""A second table of grades, given here alone: what it says stands beside the first, and comes once."""

import asyncio
import random
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from itertools import permutations
from typing import Any

import httpx
import pytest
from sqlalchemy import text

from services.erasure import reading, regrading, views
from services.erasure.commands import reports
from services.erasure.consumers import consumers
from services.erasure.domain.finding import Finding
from services.erasure.domain.grading import TABLE_CURRENT, TABLES
from services.erasure.domain.medium import fold, judge
from services.erasure.domain.regrading import Unclear, judgements, regrade
from services.erasure.domain.technique import MediumKind, Technique
from services.erasure.tests.conftest import ENGAGEMENT, hear, item, register
from services.erasure.tests.test_api import drop, proof
from services.erasure.tests.test_consumers import rows
from services.erasure.tests.test_domain_medium import CLEAR, FAILED, FILING, IT, finding
from shared.entry import Entry
from shared.events.erasure import ErasureFailed, MediumErased
from shared.events.tracking import ItemRegistered, MediumCorrected
from shared.levels import Level
from shared.messaging import Later
from shared.testing import TOWN, Growing, Service, recorded

STRICT, KIND = "test-strict.2", "test-kind.3"


@pytest.fixture(autouse=True)
def tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table that believes sanitize on flash less, and one that believes what the first did not."""
    now = TABLES[TABLE_CURRENT]
    clear = dict.fromkeys(MediumKind, Level.CLEAR)
    blocked: dict[Technique, Any] = {Technique.NVME_SANITIZE_BLOCK: clear, Technique.ATA_SANITIZE_BLOCK: clear}
    monkeypatch.setitem(TABLES, STRICT, {**now, **blocked, Technique.OVERWRITE: {}})
    monkeypatch.setitem(TABLES, KIND, {**now, Technique.ATA_SANITIZE_BLOCK: {}})


def again(growing: Growing, version: str, *findings: Finding) -> MediumErased | ErasureFailed | None:
    (standing,) = judgements(growing.entries)
    return regrade(IT, standing, findings, version)


# what the report says | the level it had | under the strict table | and under the third
CASES: list[tuple[dict[str, Any], str | None, str | None, str | None]] = [
    ({}, "purge", "clear", None),
    (CLEAR, "clear", None, "clear"),
    (FAILED, None, None, None),
]


@pytest.mark.parametrize(("said", "first", "second", "third"), CASES)
def test_only_another_level_comes_beside_and_the_last_stands(
    said: dict[str, Any], first: str | None, second: str | None, third: str | None
) -> None:
    growing = Growing(stream=IT.medium)
    root = growing.add(judge(IT, finding(**said), FILING))
    for version, before, wanted in ((STRICT, first, second), (KIND, second, third)):
        event = again(growing, version, finding(**said))
        assert (event is None) == (before == wanted)
        if event:
            assert (event.regrades, event.table_version, event.operator) == (root.id, version, FILING.operator)
            assert event.evidence == root.event.evidence
            growing.add(event)
        assert again(growing, version, finding(**said)) is None, "a second time says nothing new"
        assert fold(growing.entries).reached == wanted


def test_a_level_taken_back_leaves_what_other_reports_prove() -> None:
    growing = Growing(stream=IT.medium)
    growing.add(judge(IT, finding(), FILING))
    growing.add(judge(IT, finding(**CLEAR), FILING))
    purged, _ = judgements(growing.entries)
    event = regrade(IT, purged, [finding()], KIND)
    assert isinstance(event, ErasureFailed)
    growing.add(event)
    assert fold(growing.entries).reached == Level.CLEAR
    assert [one.first for one in judgements(growing.entries)] == [entry.id for entry in growing.entries[:2]]


def test_of_two_jobs_in_one_log_the_one_with_its_times_is_meant_and_else_a_person_is() -> None:
    times = [datetime(2026, 11, 23, hour, tzinfo=UTC) for hour in (1, 2)]
    jobs = [finding(finished=at) for at in times]
    growing = Growing(stream=IT.medium)
    growing.add(judge(IT, jobs[1], FILING))
    event = again(growing, STRICT, *jobs)
    assert isinstance(event, MediumErased)
    assert event.finished_at == times[1]
    other = replace(jobs[1], kind=MediumKind.HDD)  # contradicts the registration: another level
    with pytest.raises(Unclear):
        again(growing, STRICT, jobs[1], other)
    with pytest.raises(Unclear):
        again(growing, STRICT)


@pytest.mark.parametrize(("reported", "strange"), [("OOOE12", "000E13"), ("", "000E13")])
def test_what_a_person_bound_is_found_again_and_nothing_else(reported: str, strange: str) -> None:
    growing = Growing(stream=IT.medium)
    growing.add(judge(IT, finding(**CLEAR, serial=reported), FILING))
    if reported:
        assert again(growing, STRICT, finding(**CLEAR, serial=reported), finding(serial=strange)) is not None
    with pytest.raises(Unclear):
        again(growing, STRICT, finding(**CLEAR, serial=strange))


def test_a_report_of_a_serial_that_was_corrected_away_proves_nothing_of_the_other_drive() -> None:
    growing = Growing(stream=IT.medium)
    growing.add(judge(IT, finding(**FAILED), FILING))
    (standing,) = judgements(growing.entries)
    for serial, is_ours in (("000E12", True), ("OOOE12", True), ("OTHER7", False)):
        known = replace(IT, serial=serial, kind="nvme")
        if is_ours:
            assert isinstance(regrade(known, standing, [finding()], TABLE_CURRENT), MediumErased)
        else:
            with pytest.raises(Unclear):
                regrade(known, standing, [finding()], TABLE_CURRENT)


async def deeds(made: Service, medium: Any) -> list[Any]:
    query = (
        "SELECT kind, achieved, regrades, entry, tenant, person, data FROM deeds WHERE medium = :m ORDER BY sequence"
    )
    return await made.rows(query, m=medium)


async def test_kept_originals_are_graded_again_once_and_every_number_follows(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    it = await register(erasure, item("AGAIN1"))
    (medium,) = it.media
    assert (await drop(client, proof("AGAIN1"))).status_code == 201
    async with erasure.acting() as tx:
        assert (await reading.overview(tx.connection, ENGAGEMENT)).levels == {"clear": 0, "purge": 1}
    counted = [await regrading.grade_again(erasure.consumer, version=STRICT) for _ in range(3)]
    assert [(one.media, one.recorded, one.unchanged) for one in counted] == [(1, 1, 0), (1, 0, 0), (1, 0, 0)]
    old, new = await deeds(erasure, medium.id)
    assert (old.achieved, new.achieved, new.regrades) == ("purge", "clear", old.entry)
    assert (new.tenant, new.person, new.data["operator"]) == (TOWN, "service:erasure", "takasaki")
    assert {one.data["table_version"] for one in (old, new)} == {TABLE_CURRENT, STRICT}
    async with erasure.acting() as tx:
        seen = await reading.overview(tx.connection, ENGAGEMENT)
        (stuck,) = await reading.stuck(tx.connection, ENGAGEMENT, 10)
    assert (seen.levels, seen.sufficient) == ({"clear": 1, "purge": 0}, 0)
    assert (stuck.label, stuck.said["achieved"]) == (it.label, "clear")
    (told,) = (await client.get(f"/api/erasure/media/{it.label}")).json()
    assert told["achieved"] == "clear"
    assert await erasure.rows("SELECT 1 FROM outbox o JOIN deeds d USING (stream, sequence) WHERE regrades IS NOT NULL")
    page = (await client.get(f"/erasure/media/{it.label}")).text
    assert TABLE_CURRENT in page
    assert STRICT in page
    assert "評価のやり直し" in page
    assert "見直し済み" in page

    before = {name: await rows(erasure, name) for name in ("deeds", "reports", "bindings")}
    own = [Entry.read(row.body, row.salt) for row in await erasure.rows("SELECT body, salt FROM entries")]
    async with erasure.owner.begin() as connection:
        await connection.execute(text("TRUNCATE deeds, reports, bindings"))
    random.Random(3).shuffle(own)
    async with erasure.consuming() as tx:
        for entry in [*own, *own]:
            await views.apply(tx, [entry])
    assert {name: await rows(erasure, name) for name in before} == before


async def test_the_same_file_under_a_newer_table_is_a_judgement_beside_the_first(
    erasure: Service, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    it = await register(erasure, item("AGAIN2"))
    monkeypatch.setattr(reports, "judge", partial(judge, version=STRICT))
    first = (await drop(client, proof("AGAIN2"))).json()["drives"][0]
    monkeypatch.undo()
    second, third = [(await drop(client, proof("AGAIN2"))).json()["drives"][0] for _ in range(2)]
    assert (first["achieved"], second["achieved"]) == ("clear", "purge")
    assert third["entry"] == second["entry"]
    assert str((await deeds(erasure, it.media[0].id))[1].regrades) == first["entry"]


async def test_an_original_that_is_gone_leaves_the_old_judgement_and_is_counted(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    it = await register(erasure, item("AGAIN3"))
    await drop(client, proof("AGAIN3"))
    async with erasure.owner.begin() as connection:
        await connection.execute(
            text("UPDATE reports SET sha256 = repeat('0', 64) WHERE medium = :m"), {"m": it.media[0].id}
        )
    assert (await regrading.grade_again(erasure.consumer, version=STRICT)).unread == 1
    assert len(await deeds(erasure, it.media[0].id)) == 1


def kind_of(it: ItemRegistered, now: str, sequence: int) -> Entry[Any]:
    event = MediumCorrected(item=it.item, medium=it.media[0].id, field="kind", now=now, reason="誤記")
    return recorded(event, stream=it.item, sequence=sequence)


async def test_a_corrected_kind_judges_the_kept_reports_again_beside_the_old_grade(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    it = await register(erasure, item("KIND1", "KIND2", kind="hdd"))
    first = (await drop(client, proof("KIND1"))).json()["drives"][0]
    assert first["achieved"] is None, "the report speaks of flash"
    right = kind_of(it, "nvme", 2)
    for _ in range(3):
        await hear(erasure, right)
    old, new = await deeds(erasure, it.media[0].id)
    assert (old.kind, new.achieved, str(new.regrades)) == ("erasure.erasure-failed.v1", "purge", first["entry"])
    assert (new.tenant, new.person, new.data["operator"]) == (TOWN, "service:erasure", "takasaki")
    assert [one["code"] for one in (old.data["reasons"][0], new.data["reasons"][0])] == [
        "contradicting",
        "kind-corrected",
    ]
    assert old.data["table_version"] == new.data["table_version"]
    assert await erasure.rows(
        "SELECT 1 FROM outbox o JOIN deeds d USING (stream, sequence) WHERE d.entry = :e", e=new.entry
    )
    again = (await drop(client, proof("KIND1"))).json()["drives"][0]
    assert (again["achieved"], again["entry"]) == ("purge", str(new.entry))
    await regrading.grade_again(erasure.consumer)
    assert len(await deeds(erasure, it.media[0].id)) == 2, "the table is the same"
    assert "NVME に訂正された" in (await client.get(f"/erasure/media/{it.label}")).text
    await hear(erasure, kind_of(it, "hdd", 3), right)
    assert [one.achieved for one in await deeds(erasure, it.media[0].id)] == [None, "purge", None]
    answered = (await drop(client, proof("KIND1"))).json()["drives"][0]
    assert answered["achieved"] is None, "what stands answers, not what was said once"


async def test_corrections_and_reports_in_any_order_end_with_the_same_grade(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    for nth, order in enumerate(permutations(range(4))):
        serial = f"ORDER{nth}"
        it = item(serial, kind="hdd")
        steps = [recorded(it, stream=it.item), kind_of(it, "ssd", 2), kind_of(it, "nvme", 3), None]
        waiting = [steps[n] for n in (*order, *order)]
        while waiting:
            step = waiting.pop(0)
            if step is None:
                await drop(client, proof(serial))
                continue
            try:
                await hear(erasure, step)
            except Later:
                waiting.append(step)
        async with erasure.acting() as tx:
            shown = await reading.deeds_of(tx.connection, it.item)
        assert reading.highest(shown, it.media[0].id) == "purge"
        assert len(shown) <= 2


async def test_a_report_that_comes_while_the_kind_is_corrected_is_judged_by_the_right_one(
    erasure: Service, client: httpx.AsyncClient
) -> None:
    it = await register(erasure, item("RACE1", kind="hdd"))
    async with erasure.consuming() as tx:
        await consumers.handle(tx, [kind_of(it, "nvme", 2)])
        coming = asyncio.create_task(drop(client, proof("RACE1")))
        await asyncio.sleep(0.3)
        assert not coming.done(), "who judges waits for who corrects"
    assert (await coming).json()["drives"][0]["achieved"] == "purge"
