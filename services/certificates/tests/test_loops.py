import asyncio
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pikepdf
import pytest
from nats.aio.client import Client

from services.certificates import keys, loops, waiting
from services.certificates.issuing import Instrument
from services.certificates.order import photos_of, read_input
from services.certificates.pressroom import PressRoom
from services.certificates.tables import certificates, pending
from services.certificates.tests import sample
from services.certificates.tests.conftest import House
from services.certificates.tests.world import DAYS, Machine, stood_by
from shared import blobs, darkroom, pictures
from shared.entry import Entry
from shared.events.erasure import ErasureVerified
from shared.events.tracking import Corrected
from shared.settings import settings
from shared.testing import NOW, TOWN, recorded
from shared.worker import Work
from verifier.keys import Keys
from verifier.verdict import Verdict
from verifier.verification import verify_bytes

pytestmark = sample.needs_fonts

ISSUED = "SELECT body, salt FROM entries WHERE kind = 'certificates.issued.v1' AND stream = :c"


async def certificate(house: House, number: str) -> Any:
    (row,) = await house.rows("SELECT * FROM certificates WHERE number = :n", n=number)
    return row


async def content(row: Any, kind: str) -> bytes:
    return await blobs.get(TOWN, getattr(row, f"{kind}_sha256"))


async def verified(row: Any, kind: str) -> Verdict:
    trusted = Keys.parse(keys.trusted(settings().keys))
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


# Where the issuer dies, and what had happened by then.
CRASHES = ("before the input is kept", "before render", "after render", "after the blobs", "after the append")


async def dying(house: House, number: str, crash: str) -> None:
    """Let the issuer of one open certificate die at a point, and another go on: one is issued, of the same bytes."""
    instrument = Instrument.load(sample.FOLDER, settings().keys)
    engine = house.made.consumer
    async with engine.connect() as connection:
        (order,) = [one for one in await waiting.open_orders(connection) if one.number == number]
    done = CRASHES.index(crash)
    unsigned = None
    if done > 0:
        ((order, stored),) = await loops.prepare(engine, [order], settings().origin, datetime.now(UTC))
    if done > 1:
        copies = sample.copies(*[await blobs.get(TOWN, one.sha256) for one in photos_of(stored)])
        files = await asyncio.to_thread(instrument.make, order, stored, copies)
        unsigned = instrument.press.render(read_input(stored), copies, files.json)
        assert files.pdf.startswith(unsigned)
    if done > 2:
        await blobs.put(TOWN, files.pdf)
        await blobs.put(TOWN, files.json)
    if done > 3:
        await loops.finish(engine, order, files)
    assert await house.issue() == (0 if done > 3 else 1)  # another process starts
    row = await certificate(house, number)
    assert len(await house.rows(ISSUED, c=row.certificate)) == 1
    assert (await verified(row, "pdf")).ok
    if done > 0:
        assert await content(row, "input") == stored
    if unsigned:
        assert (await content(row, "pdf")).startswith(unsigned)
        assert await content(row, "json") == files.json
    if done > 3:
        assert row.pdf_sha256 == files.made.pdf_sha256
    assert await house.issue() == 0


@pytest.mark.parametrize("crash", CRASHES)
async def test_wherever_the_issuer_dies_there_is_one_issued_and_the_same_bytes_before_the_signature(
    house: House, crash: str
) -> None:
    machine = Machine.new()
    await destroyed(house, machine)
    await dying(house, machine.number(), crash)


async def one_issuer(house: House) -> None:
    room = PressRoom(sample.FOLDER, settings().keys, settings().log_origin)
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
    sha256 = next(iter(sample.copies(photo)))
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


async def test_the_copy_made_when_a_photo_came_is_printed_and_no_picture_is_opened(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    photo, copy = (
        sample.photo(90),
        pictures.develop(sample.photo(91)).copy,
    )  # not its own, so that it is seen which is printed
    original = await blobs.put(TOWN, photo)
    machine = Machine.new()
    shot = machine.destroyed().event.photos[0]
    named = {"sha256": original, "copy_sha256": await blobs.put(TOWN, copy)}
    told = machine.destroyed(photos=(shot.model_copy(update=named),))
    await house.hear(machine.registered, told, house.log.notice(told))
    monkeypatch.setattr(darkroom, "develop", None)
    assert await house.issue() == 1
    row = await certificate(house, machine.number())
    assert (await verified(row, "pdf")).ok
    pdf = await content(row, "pdf")
    with pikepdf.open(io.BytesIO(pdf)) as opened:
        streams = [one.read_raw_bytes() for one in opened.objects if isinstance(one, pikepdf.Stream)]
    assert copy in streams


async def test_a_copy_alone_is_no_evidence(house: House) -> None:
    machine, photo = Machine.new(), sample.photo(92)
    shot = machine.destroyed().event.photos[0]
    ((sha256, copy),) = sample.copies(photo).items()
    named = {"sha256": sha256, "copy_sha256": await blobs.put(TOWN, copy)}
    told = machine.destroyed(photos=(shot.model_copy(update=named),))
    await house.hear(machine.registered, told, house.log.notice(told))
    await house.issue()
    (row,) = await house.rows("SELECT * FROM pending WHERE cited = :c", c=told.id)
    assert sha256 in row.failure
    await blobs.put(TOWN, photo)
    await attempted(house, asked_s_ago=3600, tried_s_ago=waiting.RETRY_MAX_S + 1)
    assert await house.issue() == 1
    assert (await certificate(house, machine.number())).issued_at


async def test_what_was_only_on_its_way_is_tried_again_soon(house: House) -> None:
    photo = sample.photo(478)
    machine = Machine.new()
    shot = machine.destroyed().event.photos[0]
    told = machine.destroyed(photos=(shot.model_copy(update={"sha256": next(iter(sample.copies(photo)))}),))
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
    running = asyncio.create_task(loops.press(work))
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
