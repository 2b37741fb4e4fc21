"""The erasure certificate: asked for by the policy, held back while its erasure does not stand, and what is said."""

import json
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pypdfium2
import pytest

from services.certificates import commands, waiting
from services.certificates.domain.certificate import Made, stream_of
from services.certificates.filling.proved import level_of
from services.certificates.order import read_input
from services.certificates.tests import sample
from services.certificates.tests.conftest import House, Web
from services.certificates.tests.test_consumers import bring
from services.certificates.tests.test_loops import certificate, content, verified
from services.certificates.tests.world import Machine, opened, stood_by
from shared.entry import Entry
from shared.events.erasure import UNCONFIRMED, LotReopened, LotSettled, Reason
from shared.events.tracking import Required
from shared.ids import uuid7
from shared.ledger import LostRace
from shared.levels import Level
from shared.testing import CENTRE, TOWN, recorded

pytestmark = sample.needs_fonts


async def asked_for(house: House, machine: Machine) -> int:
    stream = stream_of("erasure", machine.item.media[0].id)
    return len(await house.rows("SELECT 1 FROM entries WHERE stream = :s AND kind LIKE '%.requested.v1'", s=stream))


async def is_open(house: House, machine: Machine) -> bool:
    async with house.made.consumer.connect() as connection:
        return machine.number("E") in {order.number for order in await waiting.open_orders(connection, 1000)}


async def test_an_erasure_that_is_enough_becomes_a_certificate_that_a_stranger_verifies(house: House) -> None:
    machine = Machine.erased_only()
    told = machine.erased()
    await house.hear(stood_by(), machine.registered, told, machine.looked_at(passed=True), house.log.notice(told))
    assert await house.issue() == 1
    row = await certificate(house, machine.number("E"))
    for kind in ("pdf", "json"):
        verdict = await verified(row, kind)
        assert verdict.ok, verdict
        statuses = {check.name: check.status for check in verdict.checks}
        assert statuses.pop("photos") == "not-applicable"
        assert set(statuses.values()) == {"ok"}
    given: Any = read_input(await content(row, "input"))
    assert (given.kind, given.method, given.required, given.tool_version) == ("erasure", "purge", "purge", "0.37")
    assert given.report.filename == "nwipe.log"
    assert [one.ja for one in given.reasons] == ["完了"]
    assert [person.role for person in given.people] == ["sanitised", "verified", "witness"]
    assert given.place == "最上町"


ENDED = datetime(2026, 11, 20, 9, 3, tzinfo=UTC)


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ({"started_at": ENDED - timedelta(minutes=3), "finished_at": ENDED}, ("2026-11-20 18:00", "2026-11-20 18:03")),
        (
            {"started_said": "2026-11-20T09:00:00", "finished_said": "2026-11-20T17:20:05"},
            ("2026-11-20 09:00:00（時間帯の記載なし）", "2026-11-20 17:20:05（時間帯の記載なし）"),
        ),
        ({}, ("不明／記録なし", "不明／記録なし")),
    ],
)
async def test_the_paper_says_when_the_tool_says_that_it_was_done_and_makes_up_no_zone(
    house: House, told: dict[str, Any], shown: tuple[str, str]
) -> None:
    machine = Machine.erased_only()
    was = machine.erased()
    erased = recorded(was.event.model_copy(update=told), stream=was.stream, at=was.occurred_at)
    await house.hear(machine.registered, erased, house.log.notice(erased))
    assert await house.issue() == 1
    row = await certificate(house, machine.number("E"))
    given: Any = read_input(await content(row, "input"))
    assert given.report.model_dump(exclude_none=True, exclude={"sha256", "filename"}) == told
    assert (await verified(row, "json")).ok
    paper = pypdfium2.PdfDocument(await content(row, "pdf"))
    assert len(paper) == 1
    seen = "".join(paper[0].get_textpage().get_text_range().split())
    for label, time in zip(("開始（道具の記録）", "終了（道具の記録）"), shown, strict=True):
        assert label in seen
        assert "".join(time.split()) in seen


@pytest.mark.parametrize(
    ("changed", "level"),
    [
        ({}, Level.CLEAR),
        ({"assurance": "witnessed"}, Level.PURGE),
        ({"at_centre": Level.DESTROY}, Level.PURGE),
        ({"at_centre": None, "on_site": None}, Level.PURGE),
    ],
)
async def test_what_is_not_enough_or_needs_no_such_paper_asks_for_none(
    house: House, changed: dict[str, Any], level: Level
) -> None:
    machine = Machine.erased_only()
    required = Required.model_validate(machine.item.required.model_dump() | changed)
    machine = Machine.erased_only(required=required)
    await house.hear(machine.registered, machine.erased(level=level))
    assert await asked_for(house, machine) == 0


async def test_the_centres_erasure_earns_it_where_the_town_halls_was_not_enough(house: House) -> None:
    machine = Machine.erased_only()
    later = machine.erased(sequence=2, place="centre")
    await house.hear(machine.registered, machine.erased(level=Level.CLEAR), later, house.log.notice(later))
    assert await house.issue() == 1
    given: Any = read_input(await content(await certificate(house, machine.number("E")), "input"))
    assert given.place == "ソフマップ ITADセンター"


async def test_in_whatever_order_it_is_heard_the_paper_stands_on_the_last_erasure_and_on_none_that_was_taken_back(
    house: House,
) -> None:
    orders = list(permutations(range(4)))[::3]
    for order in orders:
        machine = Machine.erased_only()
        first, last = machine.erased(), machine.erased(sequence=3)
        story = [machine.registered, first, machine.looked_at(passed=False), last]
        proof = house.log.notice(first, last)
        await bring(house, [proof, *(story[n] for n in (*order, *order)), proof])
        row = await certificate(house, machine.number("E"))
        assert row.cited == last.id
        (queued,) = await house.rows("SELECT cited FROM pending WHERE certificate = :c", c=row.certificate)
        assert queued.cited == last.id
        assert await asked_for(house, machine) <= 2
    assert await house.issue() == len(orders)


async def test_a_failed_recheck_before_the_issue_keeps_it_waiting_until_it_is_erased_anew(
    house: House, web: Web
) -> None:
    machine = Machine.erased_only()
    told = machine.erased()
    await house.hear(machine.registered, told, house.log.notice(told))
    assert await is_open(house, machine)
    await house.hear(machine.looked_at(passed=False))
    assert await house.issue() == 0
    page = await web.page(f"/certificates/{machine.number('E')}")
    assert "消去し直すのを待っています" in page.text
    anew = machine.erased(sequence=3)
    await house.hear(anew, house.log.notice(anew))
    assert await house.issue() == 1
    row = await certificate(house, machine.number("E"))
    assert (await verified(row, "pdf")).ok
    assert str(anew.id) in (await content(row, "json")).decode()


async def test_a_later_table_that_takes_the_level_back_keeps_it_waiting_and_one_that_confirms_it_does_not(
    house: House,
) -> None:
    lowered, confirmed = Machine.erased_only(), Machine.erased_only()
    first = lowered.erased()
    for machine, told, level in ((lowered, first, Level.CLEAR), (confirmed, confirmed.erased(), Level.PURGE)):
        again = machine.regraded(told, level)
        await house.hear(machine.registered, told, again, house.log.notice(told, again))
    assert [await is_open(house, machine) for machine in (lowered, confirmed)] == [False, True]
    assert await house.issue() == 1
    restored = lowered.regraded(first, Level.PURGE, sequence=5)
    await house.hear(restored, house.log.notice(restored))
    assert await house.issue() == 1
    assert (await certificate(house, lowered.number("E"))).cited == restored.id


async def test_what_failed_after_the_issue_is_said_where_a_person_can_revoke_it(house: House, web: Web) -> None:
    machine = Machine.erased_only()
    told = machine.erased()
    await house.hear(machine.registered, told, house.log.notice(told))
    assert await house.issue() == 1
    assert "この証明書のもとになった消去は" not in (await web.page(f"/certificates/{machine.number('E')}")).text
    await house.hear(machine.looked_at(passed=False))
    page = await web.page(f"/certificates/{machine.number('E')}", who="manager")
    assert "この証明書のもとになった消去は" in page.text
    assert (await certificate(house, machine.number("E"))).revoked_at is None, "nothing is revoked by itself"
    listed = await web.page("/certificates?kind=erasure", who="manager")
    assert "証拠が認められなくなりました" in listed.text


async def test_no_paper_is_made_of_a_lot_in_doubt_until_it_stands_again(house: House) -> None:
    contract, lot = uuid7(), uuid7()
    looked_at, doubted = (Machine.erased_only(engagement=contract) for _ in range(2))
    told = [looked_at.erased(), doubted.erased()]
    doubt = LotReopened(
        engagement=contract, medium=uuid7(), failed=uuid7(), round=2, seed="ab" * 32, population=1, drawn=()
    )
    await house.hear(recorded(opened(contract, TOWN, CENTRE)), looked_at.registered, doubted.registered, *told)
    await house.hear(recorded(doubt, stream=lot), looked_at.looked_at(passed=True), house.log.notice(*told))
    assert [await is_open(house, one) for one in (looked_at, doubted)] == [True, False]
    await house.hear(recorded(LotSettled(engagement=contract, round=2), stream=lot, sequence=2))
    assert await house.issue() == 2


async def test_what_was_made_on_earlier_grounds_is_not_issued_but_made_again(house: House) -> None:
    machine = Machine.erased_only()
    first, anew = machine.erased(), machine.erased(sequence=3)
    await house.hear(machine.registered, first, house.log.notice(first))
    async with house.made.consumer.connect() as connection:
        (order,) = [one for one in await waiting.open_orders(connection, 1000) if one.number == machine.number("E")]
    await house.hear(anew, house.log.notice(anew))
    made = Made("1" * 64, "2" * 64, "3" * 64, "k", 1)
    with pytest.raises(LostRace):
        async with house.made.consuming() as tx:
            await commands.issue(tx, order.certificate, made, cited=order.cited)
    async with house.made.consumer.begin() as connection:
        assert await waiting.fix_inputs(connection, {(order.certificate, order.cited): "4" * 64}) == {}
    assert await house.issue() == 1
    assert str(anew.id) in (await content(await certificate(house, machine.number("E")), "json")).decode()


async def test_what_is_owed_is_the_paper_of_the_policy_or_of_what_was_done(house: House, web: Web) -> None:
    contract = uuid7()
    wiped, late, crushed = (Machine.erased_only(engagement=contract) for _ in range(3))
    told, destroyed = wiped.erased(), crushed.destroyed()
    known = [message for one in (wiped, late, crushed) for message in (one.registered, one.received())]
    await house.hear(recorded(opened(contract, TOWN, CENTRE)), *known, told, destroyed)
    await house.hear(house.log.notice(told, destroyed))
    assert await house.issue() == 2

    async def owed() -> dict[str, tuple[int, int]]:
        answer = (await web.get(f"/api/certificates/overview?engagement={contract}")).json()
        return {one["kind"]: (one["issued"], one["missing"]) for one in answer["deadlines"]}

    assert await owed() == {"erasure": (1, 1), "destruction": (1, 0), "tracking": (0, 3)}
    path = f"/api/certificates/{wiped.number('E')}/reissues"
    assert (await web.post(path, {"reason": "宛先の誤り"})).status_code == 201
    assert (await owed())["erasure"] == (0, 2), "what was withdrawn has not been delivered"
    assert await house.issue() == 1
    assert (await owed())["erasure"] == (1, 1)


async def test_the_tracking_certificate_names_the_paper_of_what_was_only_erased(house: House) -> None:
    machine = Machine.erased_only()
    told, received = machine.erased(), machine.received()
    await house.hear(machine.registered, told, received, house.log.notice(told))
    assert await house.issue() == 1
    closed = machine.closed(machine.registered, told, received, certificates=[machine.number("E")])
    await house.hear(closed, house.log.notice(closed))
    assert await house.issue() == 1
    row = await certificate(house, machine.number("T"))
    given: Any = read_input(await content(row, "input"))
    assert [(line.method, line.certificate) for line in given.media] == [("purge", machine.number("E"))]
    assert (await verified(row, "pdf")).ok


MANY = [Reason(code=f"r{nth}", ja=f"理由{nth}。", en=f"Reason {nth}.") for nth in range(9)]
DOUBT = Reason(code=UNCONFIRMED, ja="この報告（Blancco）の読み取りは、実物で未確認。", en="Not confirmed (Blancco).")


@pytest.mark.parametrize("others", [1, 9], ids=["few reasons", "more than have room"])
async def test_a_reader_that_is_not_confirmed_stands_on_the_paper_and_in_the_credential(
    house: House, others: int
) -> None:
    machine = Machine.erased_only()
    was = machine.erased()
    changed = was.event.model_copy(update={"reasons": (*MANY[:others], DOUBT)})
    erased = recorded(changed, stream=was.stream, at=was.occurred_at)
    await house.hear(machine.registered, erased, house.log.notice(erased))
    assert await house.issue() == 1
    row = await certificate(house, machine.number("E"))
    subject = json.loads(await content(row, "json"))["credentialSubject"]
    assert subject["reasons"][-1] == DOUBT.model_dump()
    assert len(subject["reasons"]) == min(others + 1, 8)
    paper = pypdfium2.PdfDocument(await content(row, "pdf"))
    seen = "".join("".join(page.get_textpage().get_text_range().split()) for page in paper)
    assert DOUBT.ja in seen
    assert "".join(DOUBT.en.split()) in seen
    assert (await verified(row, "pdf")).ok


async def test_it_stands_on_the_other_papers_too_that_name_the_level(house: House) -> None:
    alone = Machine.erased_only()
    told, at_centre = doubted(alone), alone.received()
    await house.hear(alone.registered, told, at_centre, house.log.notice(told))
    assert await house.issue() == 1
    closed = alone.closed(alone.registered, told, at_centre, certificates=[alone.number("E")])
    await house.hear(closed, house.log.notice(closed))
    assert await house.issue() == 1
    given: Any = read_input(await content(await certificate(house, alone.number("T")), "input"))
    assert [step.evidence for step in given.steps if step.step == "erased"] == [
        "Purge（除去）（読み取り未確認）　ATA SANITIZE OVERWRITE EXT　nwipe.log"
    ]
    machine = Machine.new()
    erased = doubted(machine)
    destroyed, received = machine.destroyed(), machine.received()
    await house.hear(machine.registered, erased, received, destroyed, house.log.notice(erased, destroyed))
    await house.issue()
    given = read_input(await content(await certificate(house, machine.number()), "input"))
    assert given.on_site.startswith("Purge（除去）（読み取り未確認）　nwipe")
    assert level_of(machine.erased().event) == "Purge（除去）"


def doubted(machine: Machine) -> Entry[Any]:
    was = machine.erased()
    return recorded(was.event.model_copy(update={"reasons": (DOUBT,)}), stream=was.stream, at=was.occurred_at)
