"""The destruction certificate: what is said of its medium, what was not met, and what nobody recorded."""

import io
from typing import Any

import pikepdf
import pytest

from services.certificates import commands
from services.certificates.filling.medium import WITNESSES_MAX
from services.certificates.order import read_input
from services.certificates.tests import sample
from services.certificates.tests.conftest import House
from services.certificates.tests.test_loops import certificate, content, verified
from services.certificates.tests.world import ENGAGEMENT, Machine, stood_by
from shared.events.erasure import ErasureVerified, LotReopened, LotSettled, Tray, Video
from shared.events.tracking import ExceptionApproved
from shared.ids import uuid7
from shared.levels import Level
from shared.testing import recorded

pytestmark = sample.needs_fonts


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
    given: Any = read_input(await content(row, "input"))
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
    given: Any = read_input(await content(row, "input"))
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
    given: Any = read_input(await content(await certificate(house, machine.number()), "input"))
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
    given: Any = read_input(await content(row, "input"))
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
    given: Any = read_input(await content(row, "input"))
    assert [line.certificate for line in given.media] == [None, numbers[1]]
