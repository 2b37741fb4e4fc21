import asyncio
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pikepdf
import pytest
from nats.aio.client import Client

from services.certificates import commands, issuing, keys, loops, waiting
from services.certificates.filling import WITNESSES_MAX
from services.certificates.issuing import Instrument
from services.certificates.pressroom import PressRoom
from services.certificates.tables import certificates, pending
from services.certificates.tests import sample
from services.certificates.tests.conftest import House
from services.certificates.tests.world import DAYS, ENGAGEMENT, Machine, stood_by
from shared import blobs
from shared.entry import Entry
from shared.events.erasure import ErasureVerified, LotReopened, LotSettled, Tray, Video
from shared.events.tracking import Corrected, ExceptionApproved
from shared.ids import uuid7
from shared.levels import Level
from shared.settings import settings
from shared.testing import NOW, TOWN, recorded
from shared.worker import Work
from verifier import Verdict, verify_bytes

pytestmark = sample.needs_fonts

ISSUED = "SELECT body, salt FROM entries WHERE kind = 'certificates.issued.v1' AND stream = :c"


async def certificate(house: House, number: str) -> Any:
    (row,) = await house.rows("SELECT * FROM certificates WHERE number = :n", n=number)
    return row


async def content(row: Any, kind: str) -> bytes:
    return await blobs.get(TOWN, getattr(row, f"{kind}_sha256"))


async def verified(row: Any, kind: str) -> Verdict:
    trusted = keys.trusted(settings().keys)
    return await asyncio.to_thread(verify_bytes, f"c.{kind}", await content(row, kind), trusted)


async def destroyed(house: House, machine: Machine, *before: Any) -> Entry[Any]:
    """Let a machine's medium be destroyed and proved, and nothing issued yet."""
    told = machine.destroyed()
    await house.hear(machine.registered, *before, told, house.log.notice(told))
    return told


async def test_a_destruction_and_its_proof_become_a_certificate_that_a_stranger_verifies(house: House) -> None:
    machine = Machine.new()
    told = machine.destroyed()
    medium = machine.item.media[0].id
    checked = ErasureVerified(medium=medium, item=machine.item.item, verifier="abe", method="読み直し", passed=True)
    corrected = Corrected(item=machine.item.item, field="asset_number", was="R02-0031", now="R02-0099", reason="誤記")
    await house.hear(
        machine.registered, machine.erased(), machine.received(), stood_by(), recorded(checked, stream=medium)
    )
    await house.hear(recorded(corrected, stream=machine.item.item, sequence=2), told)
    assert await house.issue() == 0  # no proof yet
    await house.hear(house.log.notice(machine.erased(), told))
    assert await house.issue() == 1
    row = await certificate(house, machine.number())
    for kind in ("pdf", "json"):
        verdict = await verified(row, kind)
        assert verdict.ok, verdict
        assert {check.status for check in verdict.checks} == {"ok"}
        assert verdict.number == machine.number()
    stored = (await content(row, "input")).decode()
    for said in (
        "髙﨑 亮",
        "作業主任",
        "佐藤 恵",
        "最上町長",
        "総務省ガイドライン R2.12",
        "Purge（除去）　nwipe 0.37",
        "別の者が再確認",
        "R02-0099",
        "機密性3（個人番号利用事務系）",
        f"/VERIFY/{machine.number()}",
    ):
        assert said in stored
    assert "R02-0031" not in stored
    assert not await house.rows("SELECT 1 FROM pending WHERE certificate = :c", c=row.certificate)


async def test_a_failed_recheck_is_told_of_its_medium_and_of_the_engagement_until_that_is_settled(
    house: House,
) -> None:
    failed, other, later = Machine.new(), Machine.new(), Machine.new()
    medium = failed.item.media[0].id
    look = ErasureVerified(medium=medium, item=failed.item.item, verifier="abe", method="読み直し", passed=False)
    found = recorded(look, stream=medium, sequence=2)
    lot = uuid7()
    doubt = LotReopened(
        engagement=ENGAGEMENT, medium=medium, failed=found.id, round=2, seed="ab" * 32, population=1, drawn=()
    )
    await house.hear(*(machine.registered for machine in (failed, other, later)))
    await house.hear(recorded(doubt, stream=lot), found, failed.erased(), other.erased(), later.erased())
    for machine in (failed, other):
        told = machine.destroyed()
        await house.hear(told, house.log.notice(told))
    assert await house.issue() == 2
    await house.hear(recorded(LotSettled(engagement=ENGAGEMENT, round=2), stream=lot, sequence=2))
    told = later.destroyed()
    await house.hear(told, house.log.notice(told))
    assert await house.issue() == 1
    said = [
        (await content(await certificate(house, machine.number()), "input")).decode()
        for machine in (failed, other, later)
    ]
    assert "別の者の再確認で不合格" in said[0]
    assert "Purge（除去）　nwipe" not in said[0]
    assert ["確かめ直す前" in one for one in said] == [False, True, False]


async def test_what_nobody_recorded_stays_unknown_and_what_was_not_met_is_said(house: House) -> None:
    machine = Machine.new(maker=None, model=None, asset_number=None)
    media = machine.item.media[0]
    excepted = ExceptionApproved(item=machine.item.item, medium=media.id, reason="認識せず", witness="w", approver="a")
    odd = machine.destroyed(operator="nobody", witness=None, conformant=False, missing=("on-site-level", "witness"))
    await house.hear(*(stood_by(f"witness-{n}") for n in range(8)))
    await house.hear(
        machine.registered, recorded(excepted, stream=machine.item.item, sequence=2), odd, house.log.notice(odd)
    )
    assert await house.issue() == 1
    row = await certificate(house, machine.number())
    given: Any = issuing.read_input(await content(row, "input"))
    assert (given.property_number, given.due_on) == (None, None)
    assert given.on_site == "消去できず。例外として承認：認識せず"
    assert given.reasons[1].ja == "手順に足りないものがあります：庁舎での消去の証跡、町の職員の立会い。"
    assert given.reasons[1].en.endswith("proof of the erasure on site and a witness of the town's staff.")
    assert [(person.role, person.name) for person in given.people if person.role == "sanitised"] == [
        ("sanitised", None)
    ]
    assert sum(person.role == "witness" for person in given.people) == WITNESSES_MAX
    assert (await verified(row, "pdf")).ok


async def test_what_came_out_the_tray_and_the_video_are_on_the_paper(house: House) -> None:
    machine, other = Machine.new(), Machine.new()
    destroyed = machine.destroyed(
        technique="shred",
        particle_mm=6.5,
        security_class="H-5",
        tray=Tray(tray=uuid7(), labels=(machine.item.label, *(other.item.label for _ in range(9)))),
        video=Video(name="cam1.mp4", place="録画機2号", sha256="c" * 64, duration_s=600),
        remarks=("not-removed",),
    )
    await house.hear(machine.registered, destroyed, house.log.notice(destroyed))
    assert await house.issue() == 1
    row = await certificate(house, machine.number())
    given: Any = issuing.read_input(await content(row, "input"))
    assert (given.technique, given.particle, given.security_class) == ("shred", "6.5 mm以下", "H-5")
    assert given.tray.startswith("1枚の写真に10個：")
    assert given.tray.endswith("ほか5")
    assert given.video == f"cam1.mp4　600秒　保管 録画機2号　SHA-256 {'c' * 64}"
    assert [reason.code for reason in given.reasons] == ["photos", "not-removed"]
    with pikepdf.open(io.BytesIO(await content(row, "pdf"))) as pdf:
        assert len(pdf.pages) <= 2, "with all there may be, the people and the foot come overleaf"
    assert (await verified(row, "pdf")).ok


@pytest.mark.parametrize(("level", "said"), [(Level.CLEAR, "Clear（消去）"), (None, None)])
async def test_what_a_later_table_says_of_a_report_is_what_the_paper_says(
    house: House, level: Level | None, said: str | None
) -> None:
    machine = Machine.new()
    erased, destroyed = machine.erased(), machine.destroyed()
    await house.hear(machine.registered, machine.regraded(erased, level), destroyed, erased)
    await house.hear(house.log.notice(destroyed))
    assert await house.issue() == 1
    given: Any = issuing.read_input(await content(await certificate(house, machine.number()), "input"))
    assert (given.on_site or "").split("　")[0] == (said or "")


async def test_each_medium_of_a_machine_has_its_own_certificate_and_closing_brings_the_tracking_certificate(
    house: House,
) -> None:
    machine = Machine.new(media=2)
    first, second = machine.destroyed(0), machine.destroyed(1)
    wiped = machine.erased(0)
    received = machine.received()
    await house.hear(machine.registered, wiped, machine.erased(1, Level.CLEAR), received, first, second)
    await house.hear(house.log.notice(wiped, first, second))
    assert await house.issue() == 2
    numbers = [machine.number(), machine.number(nth=2)]
    closed = machine.closed(machine.registered, wiped, received, first, certificates=numbers)
    await house.hear(house.log.notice(closed), closed)
    assert await house.issue() == 1
    row = await certificate(house, machine.number("T"))
    for kind in ("pdf", "json"):
        verdict = await verified(row, kind)
        assert verdict.ok, verdict
    given: Any = issuing.read_input(await content(row, "input"))
    assert [line.certificate for line in given.media] == numbers
    assert [step.log_index is not None for step in given.steps] == [False, True, False, True, True]
    assert [one.met for one in given.requirements] == [False, True, True]  # one medium was only cleared on site
    assert given.due_on.isoformat() == "2027-01-05"


async def test_a_tracking_certificate_names_a_certificate_that_stands_and_no_revoked_one(house: House) -> None:
    machine = Machine.new(media=2)
    told = [machine.destroyed(nth) for nth in (0, 1)]
    await house.hear(machine.registered, machine.received(), *told, house.log.notice(*told))
    assert await house.issue() == 2
    async with house.made.acting() as tx:
        await commands.revoke(tx, (await certificate(house, machine.number())).certificate, "写真の取り違え")
    numbers = [machine.number(), machine.number(nth=2)]
    closed = machine.closed(machine.registered, *told, certificates=numbers)
    await house.hear(closed, house.log.notice(closed))
    assert await house.issue() == 1
    row = await certificate(house, machine.number("T"))
    given: Any = issuing.read_input(await content(row, "input"))
    assert [line.certificate for line in given.media] == [None, numbers[1]]


# Where the issuer dies, and what had happened by then.
CRASHES = ("before the input is kept", "before render", "after render", "after the blobs", "after the append")


@pytest.mark.parametrize("crash", CRASHES)
async def test_wherever_the_issuer_dies_there_is_one_issued_and_the_same_bytes_before_the_signature(
    house: House, crash: str
) -> None:
    machine = Machine.new()
    await destroyed(house, machine)
    instrument = Instrument.load(sample.FOLDER, settings().keys)
    engine = house.made.consumer
    async with engine.connect() as connection:
        (order,) = await waiting.open_orders(connection)
    done = CRASHES.index(crash)
    unsigned = None
    if done > 0:
        ((order, stored),) = await loops.prepare(engine, [order], settings().origin, NOW)
    if done > 1:
        originals = {sha256: await blobs.get(TOWN, sha256) for sha256 in issuing.photos_of(stored)}
        files = await asyncio.to_thread(instrument.make, order, stored, originals)
        unsigned = instrument.press.render(issuing.read_input(stored), originals, files.json)
        assert files.pdf.startswith(unsigned)
    if done > 2:
        await blobs.put(TOWN, files.pdf)
        await blobs.put(TOWN, files.json)
    if done > 3:
        await loops.finish(engine, order, files)
    await house.hear(machine.registered)  # another process starts
    assert await house.issue() == (0 if done > 3 else 1)
    row = await certificate(house, machine.number())
    assert len(await house.rows(ISSUED, c=row.certificate)) == 1
    assert (await verified(row, "pdf")).ok
    if done > 0:
        assert await content(row, "input") == stored
    if unsigned:
        assert (await content(row, "pdf")).startswith(unsigned)
        assert await content(row, "json") == files.json
    if done > 3:
        assert row.pdf_sha256 == files.made.pdf_sha256


async def one_issuer(house: House) -> None:
    room = PressRoom(sample.FOLDER, settings().keys)
    issuer = loops.Issuer(house.made.consumer, room, settings().origin)
    while await issuer.take():
        await issuer.rest()
    await room.close()


async def test_two_issuers_at_once_issue_once(house: House) -> None:
    machines = [Machine.new() for _ in range(3)]
    for machine in machines:
        await destroyed(house, machine)
    await asyncio.gather(
        *(one_issuer(house) for _ in range(2)),
        return_exceptions=True,
    )
    await house.issue()
    for machine in machines:
        row = await certificate(house, machine.number())
        (entry,) = await house.rows(ISSUED, c=row.certificate)
        event: Any = Entry.read(entry.body, entry.salt).event
        assert event.pdf_sha256 == row.pdf_sha256
        assert (await verified(row, "pdf")).ok


async def test_a_missing_photo_is_told_and_tried_again_without_holding_up_the_others(house: House) -> None:
    photo = sample.photo(77)
    machine, other = Machine.new(), Machine.new()
    shot = machine.destroyed().event.photos[0]
    sha256 = next(iter(sample.originals(photo)))
    told = machine.destroyed(photos=(shot.model_copy(update={"sha256": sha256}),))
    await house.hear(machine.registered, told, house.log.notice(told))
    await destroyed(house, other)
    await house.issue()
    (row,) = await house.rows("SELECT * FROM pending WHERE cited = :c", c=told.id)
    assert sha256 in row.failure
    assert (await certificate(house, other.number())).issued_at
    await blobs.put(TOWN, photo)
    await attempted(house, asked_s_ago=3600, tried_s_ago=0)
    assert await house.issue() == 0  # not at once again
    await attempted(house, asked_s_ago=3600, tried_s_ago=waiting.RETRY_MAX_S + 1)
    assert await house.issue() == 1
    assert (await certificate(house, machine.number())).issued_at


async def test_what_was_only_on_its_way_is_tried_again_soon(house: House) -> None:
    photo = sample.photo(478)
    machine = Machine.new()
    shot = machine.destroyed().event.photos[0]
    told = machine.destroyed(photos=(shot.model_copy(update={"sha256": next(iter(sample.originals(photo)))}),))
    await house.hear(machine.registered, told, house.log.notice(told))
    await house.issue()
    await blobs.put(TOWN, photo)
    await attempted(house, asked_s_ago=waiting.RETRY_MIN_S + 1.5, tried_s_ago=waiting.RETRY_MIN_S + 0.5)
    assert await house.issue() == 1
    assert (await certificate(house, machine.number())).issued_at


async def attempted(house: House, *, asked_s_ago: float, tried_s_ago: float) -> None:
    """Move what waits, and its last attempt, into the past."""
    now = datetime.now(UTC)
    async with house.made.consuming() as tx:
        asked = certificates.update().where(certificates.c.issued_at.is_(None))
        await tx.connection.execute(asked.values(requested_at=now - timedelta(seconds=asked_s_ago)))
        await tx.connection.execute(pending.update().values(tried_at=now - timedelta(seconds=tried_s_ago)))


async def test_a_proof_that_does_not_hold_is_never_signed(house: House) -> None:
    machine, liar = Machine.new(), Machine.new()
    told, other = machine.destroyed(), liar.destroyed()
    notice = house.log.notice(other)
    forged = replace(notice, body=notice.body.replace(str(other.id).encode(), str(told.id).encode()))
    await house.hear(machine.registered, told, forged)
    await house.issue()
    (row,) = await house.rows("SELECT * FROM pending WHERE cited = :c", c=told.id)
    assert "does not hold" in row.failure
    assert (await certificate(house, machine.number())).issued_at is None


async def test_the_issued_entry_continues_the_trace_of_the_request(house: House) -> None:
    machine = Machine.new()
    told = machine.destroyed()
    object.__setattr__(told, "traceparent", "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01")
    await house.hear(machine.registered, told, house.log.notice(told))
    await house.issue()
    row = await certificate(house, machine.number())
    (waiting,) = await house.rows(
        "SELECT o.traceparent FROM outbox o WHERE o.stream = :c AND o.sequence = 2", c=row.certificate
    )
    assert waiting.traceparent.split("-")[1] == "0123456789abcdef0123456789abcdef"
    (entry,) = await house.rows(ISSUED, c=row.certificate)
    issued = Entry.read(entry.body, entry.salt)
    (asked,) = await house.rows("SELECT id FROM entries WHERE stream = :c AND sequence = 1", c=row.certificate)
    assert (issued.because, issued.tenant, issued.by.person) == (asked.id, TOWN, "service:certificates")


async def test_a_missed_deadline_is_noted_once_and_the_certificate_comes_all_the_same(house: House) -> None:
    machine = Machine.new(media=2)
    received = NOW - timedelta(days=DAYS + 2)
    await house.hear(machine.registered, machine.received(at=received))
    assert await loops.overdue_round(house.made.consumer, received + timedelta(days=DAYS)) == 0  # the day itself
    assert await loops.overdue_round(house.made.consumer, NOW) == 3
    assert await loops.overdue_round(house.made.consumer, NOW) == 0
    await destroyed(house, machine)
    await house.issue()
    row = await certificate(house, machine.number())
    assert row.overdue_at
    assert row.issued_at
    kinds = await house.rows("SELECT kind FROM entries WHERE stream = :c ORDER BY sequence", c=row.certificate)
    assert [one.kind.split(".")[1] for one in kinds] == ["overdue", "requested", "issued"]


async def test_the_running_loop_issues_soon_after_the_proof_came_and_outlives_a_lost_database(house: House) -> None:
    work = Work(settings(), house.made.consumer, Client())
    running = asyncio.create_task(loops.issue(work))
    try:
        for _lost in range(2):
            machine = Machine.new()
            await destroyed(house, machine)
            for _ in range(1000):
                if (await certificate(house, machine.number())).issued_at:
                    break
                await asyncio.sleep(0.02)
            assert (await certificate(house, machine.number())).issued_at
            await house.made.consumer.dispose()  # every connection is gone: the next round opens new ones
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
