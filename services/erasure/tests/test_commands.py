import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from services.erasure.commands import media, reports, witnesses
from services.erasure.commands.media import Which
from services.erasure.commands.reports import Bound, Stray
from services.erasure.consumers import consumers
from services.erasure.domain.medium import Filing
from services.erasure.reports.read import read
from services.erasure.tests.conftest import ENGAGEMENT, hear, item, register, required
from services.erasure.tests.test_api import proof
from services.erasure.waiting import unbound
from shared.entry import Entry
from shared.events.erasure import Evidence, MediumErased, Photo
from shared.events.tracking import ExceptionApproved, ItemRegistered, RequirementChanged
from shared.ids import uuid7
from shared.ledger import LostRace
from shared.levels import Level
from shared.messaging import Notice
from shared.refused import Invalid, Refused, Reused, Unknown
from shared.testing import CENTRE, TOWN, WORKER, Service, recorded

SHOT = (Photo(sha256="a" * 64, role="after"),)


def bound(medium: UUID, serial: str, sha256: str = "b" * 64) -> Bound:
    (finding,) = read(proof(serial), "session.json").findings
    return Bound(medium, finding, filing(sha256))


def filing(sha256: str = "b" * 64) -> Filing:
    return Filing(Evidence(sha256=sha256, filename="session.json", tool="nvme-cli"), WORKER.person, "on-site", "sato")


async def record(made: Service, *several: Bound) -> list[Entry[Any]]:
    async with made.acting(by=WORKER) as tx:
        return await reports.record(tx, several)


async def destroy(made: Service, it: ItemRegistered, request: UUID, asked: str = "a", **which: Any) -> Entry[Any]:
    async with made.acting(by=WORKER, request=request, asked=asked) as tx:
        return await media.destroy(
            tx, it.item, Which(**which), technique="crush", machine="2", photos=SHOT, witness=None
        )


async def test_a_report_for_two_drives_is_one_transaction_and_known_again(erasure: Service) -> None:
    it = await register(erasure, item("C1", "C2"))
    several = [bound(one.id, one.serial) for one in it.media]
    entries = await record(erasure, *several)
    assert [entry.event.achieved for entry in entries] == ["purge", "purge"]
    assert [entry.event.witness for entry in entries] == ["sato", "sato"]
    again = await record(erasure, *several)
    assert [entry.id for entry in again] == [entry.id for entry in entries]
    assert all(entry.replayed for entry in again)
    assert len(await erasure.rows("SELECT 1 FROM deeds WHERE item = :i", i=it.item)) == 2


async def test_another_report_for_the_same_drive_stands_beside_the_first(erasure: Service) -> None:
    it = await register(erasure, item("C3"))
    await record(erasure, bound(it.media[0].id, "C3"))
    (second,) = await record(erasure, bound(it.media[0].id, "C3", "c" * 64))
    assert (second.sequence, second.replayed) == (2, False)


async def test_a_report_for_a_medium_nobody_registered_is_not_recorded(erasure: Service) -> None:
    with pytest.raises(Unknown):
        await record(erasure, bound(uuid7(), "C4"))


async def test_a_destruction_is_recorded_once_for_its_request_and_refused_for_another(erasure: Service) -> None:
    it, request = await register(erasure, item("C5")), uuid7()
    first = await destroy(erasure, it, request)
    assert (first.event.missing, first.event.conformant) == (("on-site-level",), False)
    again = await destroy(erasure, it, request)
    assert (again.id, again.replayed) == (first.id, True)
    with pytest.raises(Reused):
        await destroy(erasure, it, request, asked="another photo")
    with pytest.raises(Refused, match=str(first.id)):
        await destroy(erasure, it, uuid7())


async def test_an_approved_exception_and_a_changed_requirement_count(erasure: Service) -> None:
    one, two = await register(erasure, item("C6")), await register(erasure, item("C7", required=required(None)))
    approved = ExceptionApproved(item=one.item, medium=one.media[0].id, reason="dead", witness="sato", approver="mayor")
    stricter = RequirementChanged(item=two.item, required=required(Level.CLEAR), reason="class 1")
    await hear(erasure, recorded(approved), recorded(stricter, stream=two.item, sequence=2))
    assert (await destroy(erasure, one, uuid7())).event.missing == ()
    assert (await destroy(erasure, two, uuid7())).event.missing == ("on-site-level",)


async def test_of_several_media_one_has_to_be_named(erasure: Service) -> None:
    it = await register(erasure, item("C8", "C9"))
    for unclear in ({}, {"serial": "C"}, {"index": 3}, {"index": 0}):
        with pytest.raises(Invalid, match="2つ"):
            await destroy(erasure, it, uuid7(), **unclear)
    assert (await destroy(erasure, it, uuid7(), serial="C9")).stream == it.media[1].id
    assert (await destroy(erasure, it, uuid7(), index=1)).stream == it.media[0].id


async def test_a_device_without_media_has_nothing_to_crush(erasure: Service) -> None:
    with pytest.raises(Refused, match="登録されていません"):
        await destroy(erasure, await register(erasure, item()), uuid7())


async def test_two_who_crush_the_same_drive_at_once_do_not_both_stand(erasure: Service) -> None:
    it = await register(erasure, item("C10"))

    async def attempt() -> Entry[Any] | Exception:
        try:
            return await destroy(erasure, it, uuid7())
        except (LostRace, Refused) as lost:
            return lost

    said = await asyncio.gather(*(attempt() for _ in range(4)))
    assert sum(isinstance(one, Entry) for one in said) == 1


async def test_a_medium_taken_out_twice_is_taken_out_once(erasure: Service) -> None:
    it = await register(erasure, item("C11"))
    ids = set()
    for _ in range(2):
        async with erasure.acting(by=WORKER, request=uuid7()) as tx:
            ids.add((await media.remove(tx, it.item, Which())).id)
    assert len(ids) == 1


async def test_the_second_look_is_not_the_wipers(erasure: Service) -> None:
    it = await register(erasure, item("C12"))
    await record(erasure, bound(it.media[0].id, "C12"))
    async with erasure.acting(by=WORKER, request=uuid7()) as tx:
        with pytest.raises(Refused, match="別の人"):
            await media.verify(tx, it.item, Which(), method="read back", passed=True)
    async with erasure.acting(by=WORKER.model_copy(update={"person": "abe"})) as tx:
        entry = await media.verify(tx, it.item, Which(), method="read back", passed=False)
    assert (entry.event.verifier, entry.event.passed) == ("abe", False)


async def test_who_stood_by_is_recorded_once(erasure: Service) -> None:
    request, ids = uuid7(), set()
    async with erasure.consuming() as tx:
        card = b'{"name": "-", "title": null, "roles": []}'
        await consumers.handle(tx, [Notice(uuid7(), "people", TOWN, f"people.{TOWN}.sato", card)])
    for _ in range(2):
        async with erasure.acting(request=request) as tx:
            said: Any = {"witness": "sato", "place": "第2会議室", "began_at": tx.at, "ended_at": None}
            ids.add((await witnesses.witness(tx, ENGAGEMENT, **said)).id)
    assert len(ids) == 1
    async with erasure.acting(request=uuid7()) as tx:
        with pytest.raises(Invalid, match="終わりが始まりより前"):
            early = tx.at.replace(year=2020)
            await witnesses.witness(tx, ENGAGEMENT, witness="sato", place="x", began_at=tx.at, ended_at=early)


async def filed(made: Service, serials: Sequence[str], sha256: str) -> Entry[Any]:
    async with made.acting(CENTRE, WORKER) as tx:
        (entry,) = await reports.file(tx, [Stray(filing(sha256), tuple(serials), ENGAGEMENT)])
    return entry


async def bind(made: Service, report: Entry[Any], it: ItemRegistered, serial: str) -> list[Entry[Any]]:
    said = read(proof(serial), "session.json").findings
    async with made.acting(by=WORKER) as tx:
        return await reports.bind(tx, report, it.item, serial, said)


async def test_a_near_miss_is_bound_by_a_person_once_and_leaves_the_queue(erasure: Service) -> None:
    it = await register(erasure, item("00C13O", "C13X"))
    report = await filed(erasure, ["C130", "other"], "d" * 64)
    assert (await filed(erasure, ["C130", "other"], "d" * 64)).replayed
    (entry,) = await bind(erasure, report, it, "C130")
    assert (entry.stream, entry.because, entry.event.achieved) == (it.media[0].id, report.id, "purge")
    assert "bound-by-person" in [reason.code for reason in entry.event.reasons]
    (again,) = await bind(erasure, report, it, "C130")
    assert (again.id, again.replayed) == (entry.id, True)
    async with erasure.acting(CENTRE, WORKER) as tx:
        assert [one.serial for one in await unbound(tx.connection, report=report.stream)] == ["other"]


async def test_another_drives_report_and_one_that_is_bound_are_refused(erasure: Service) -> None:
    one, other = await register(erasure, item("C14O")), await register(erasure, item("C140 "))
    report = await filed(erasure, ["c140"], "e" * 64)
    with pytest.raises(Refused, match="この機器に登録された媒体のものではありません"):
        await bind(erasure, report, await register(erasure, item("C15")), "c140")
    await bind(erasure, report, one, "c140")
    with pytest.raises(Refused, match="すでに別の媒体に"):
        await bind(erasure, report, other, "c140")


async def test_a_report_that_could_be_either_medium_of_a_device_is_not_guessed(erasure: Service) -> None:
    it = await register(erasure, item("C16O", "C160"))
    report = await filed(erasure, ["c160"], "f" * 64)
    with pytest.raises(Invalid, match="複数"):
        await bind(erasure, report, it, "c160")


async def test_only_who_filed_a_report_finds_it(erasure: Service) -> None:
    report = await filed(erasure, ["C17"], "1" * 64)
    async with erasure.acting(TOWN) as tx:
        with pytest.raises(Unknown):
            await reports.filed(tx, report.stream)
    async with erasure.acting(CENTRE, WORKER) as tx:
        assert (await reports.filed(tx, report.stream)).id == report.id
    assert not isinstance(report.event, MediumErased)
