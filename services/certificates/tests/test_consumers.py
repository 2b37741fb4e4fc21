import random
from dataclasses import replace
from datetime import timedelta
from itertools import permutations
from typing import Any

import pytest

from services.certificates import commands, views
from services.certificates.consumers import consumers
from services.certificates.domain.certificate import Made, stream_of
from services.certificates.tables import certificates
from services.certificates.tests import sample
from services.certificates.tests.conftest import House
from services.certificates.tests.world import Machine, card, stood_by
from shared.entry import Entry
from shared.events.erasure import ErasureVerified
from shared.events.tracking import Corrected, ExceptionApproved, Required, RequirementChanged
from shared.ids import uuid7
from shared.levels import Level
from shared.messaging import Later, Message
from shared.testing import NOW, TOWN, recorded

COLUMNS = {
    "evidence": "entry, tenant, stream, sequence, item, medium, engagement, kind, occurred_at, recorded_at, body, salt",
    "receipts": "item, tenant, received_at",
    "proofs": "entry, tenant, log_index, path, checkpoint",
    "certificates": "certificate, tenant, number, kind, item, label, medium, cited, issued_at, overdue_at, revoked_at",
    "pending": "certificate, tenant, cited, input_sha256, failure",
    "items": "item, label, tenant, kind, data",
}


async def rows(house: House) -> dict[str, list[Any]]:
    return {
        table: [tuple(row) for row in await house.rows(f"SELECT {columns} FROM {table} ORDER BY 1")]  # noqa: S608 - constants
        for table, columns in COLUMNS.items()
    }


async def bring(house: House, messages: list[Message]) -> None:
    """Bring messages one by one as the bus does: what asks to come later comes again at the end."""
    waiting = list(messages)
    for _ in range(len(messages) * 2):
        if not waiting:
            return
        message = waiting.pop(0)
        try:
            await house.hear(message)
        except Later:
            waiting.append(message)
    raise AssertionError(f"{len(waiting)} messages ask to come later for ever")


def story(machine: Machine, house: House) -> list[Message]:
    medium = machine.item.media[0].id
    destroyed = machine.destroyed()
    closed = machine.closed(machine.registered, destroyed, certificates=[machine.number()])
    verified = ErasureVerified(medium=medium, item=machine.item.item, verifier="abe", method="読み直し", passed=True)
    excepted = ExceptionApproved(item=machine.item.item, medium=medium, reason="故障", witness="w", approver="a")
    corrected = Corrected(item=machine.item.item, field="serial", was="a", now="NEW-1", reason="誤記")
    return [
        machine.registered,
        machine.erased(),
        machine.regraded(machine.erased(), None),
        recorded(verified, stream=medium, sequence=2),
        stood_by(),
        recorded(excepted, stream=machine.item.item, sequence=2),
        recorded(corrected, stream=machine.item.item, sequence=3),
        machine.received(),
        machine.received(at=NOW),
        destroyed,
        closed,
        house.log.notice(destroyed, closed),
        card("abe", name="安部"),
    ]


async def test_every_consumer_twice_and_shuffled_leaves_the_same_rows(house: House) -> None:
    dice = random.Random(5)
    machines = (Machine.new(), Machine.new(media=2), Machine.erased_only())  # the last has all three kinds
    messages = [message for machine in machines for message in story(machine, house)]
    await house.hear(*messages)
    first = await rows(house)
    assert len(first["pending"]) == 7
    for _ in range(3):
        shuffled = messages * 2
        dice.shuffle(shuffled)
        await bring(house, shuffled)
        assert await rows(house) == first
    asked = await house.rows("SELECT stream, count(*) FROM entries GROUP BY 1")
    assert {row.count for row in asked} == {1}
    assert len(asked) == 7


async def test_what_was_erased_before_its_job_asked_for_a_certificate_gets_one_in_any_order(house: House) -> None:
    """Staff stand by, no paper is asked; then the job asks for both."""
    for order in permutations(range(3)):
        witnessed = Required(media_class=3, on_site=Level.CLEAR, assurance="witnessed", policy_version="第1版")
        machine = Machine.erased_only(required=witnessed)
        both = witnessed.model_copy(update={"assurance": "both", "raised": "議会の決議"})
        changed = RequirementChanged(item=machine.item.item, required=both, reason="議会の決議")
        said: list[Message] = [
            machine.registered,
            machine.erased(level=Level.CLEAR),
            recorded(changed, stream=machine.item.item, sequence=2),
        ]
        await bring(house, [said[place] for place in order] * 2)
        asked = await house.rows("SELECT kind, medium FROM certificates WHERE item = :item", item=machine.item.item)
        assert [tuple(one) for one in asked] == [("erasure", machine.item.media[0].id)], order


async def test_own_entries_heard_in_any_order_leave_the_same_row(house: House) -> None:
    machine = Machine.erased_only()
    first, anew = machine.erased(), machine.erased(sequence=3)
    await house.hear(machine.registered, first, anew)
    made = Made("1" * 64, "2" * 64, "3" * 64, "k", 7)
    certificate = stream_of("erasure", machine.item.media[0].id)
    async with house.made.consuming() as tx:
        await commands.issue(replace(tx, at=NOW), certificate, made)
    for accepted, later in ((True, 1), (False, 2)):
        async with house.made.acting() as tx:
            at = NOW + timedelta(minutes=later)
            await commands.validate(replace(tx, at=at), certificate, accepted=accepted, remark="台数")
    async with house.made.acting() as tx:
        await commands.revoke(replace(tx, at=NOW + timedelta(minutes=3)), certificate, "誤り", "wrong-party")
    async with house.made.acting() as tx:
        await commands.reissue(replace(tx, at=NOW + timedelta(minutes=4)), certificate, "誤り", "other")
    query = "SELECT body, salt FROM entries WHERE stream = :s ORDER BY sequence"
    own = [Entry.read(row.body, row.salt) for row in await house.rows(query, s=certificate)]
    assert [entry.kind.split(".")[1] for entry in own] == [
        *["requested"] * 2,
        "issued",
        *["validated"] * 2,
        *["revoked"] * 2,
    ]
    seen: list[Any] = []
    for order in (own, own[::-1], [*own[3:], *own[:3], *own]):
        async with house.made.consuming() as tx:
            await tx.connection.execute(certificates.delete().where(certificates.c.certificate == certificate))
            for entry in order:
                await views.apply(tx, [entry])
        seen += await house.rows("SELECT * FROM certificates WHERE certificate = :c", c=certificate)
    assert seen[0] == seen[1] == seen[2]
    row = seen[0]
    assert (row.cited, row.accepted, row.code, row.revoked_at) == (anew.id, False, "wrong-party", own[5].recorded_at)
    assert row.replaced_by == f"{machine.number('E')}-R2"
    assert not await house.rows("SELECT 1 FROM pending WHERE certificate = :c", c=certificate)


@sample.needs_fonts
async def test_event_and_proof_in_either_order_become_one_certificate(house: House) -> None:
    for order in permutations(range(4)):
        machine = Machine.new()
        destroyed = machine.destroyed()
        messages: list[Message] = [machine.registered, machine.received(), destroyed, house.log.notice(destroyed)]
        for n in order:
            await bring(house, [messages[n]] if n != 2 else [machine.registered, destroyed])
        await house.issue()
        query = (
            "SELECT count(*) FROM entries WHERE kind = 'certificates.issued.v1' AND convert_from(body, 'UTF8') LIKE :n"
        )
        assert (await house.rows(query, n=f"%{machine.number()}%"))[0][0] == 1


async def test_a_destruction_before_its_registration_comes_later_and_nothing_is_half_kept(house: House) -> None:
    machine = Machine.new()
    with pytest.raises(Later):
        await house.hear(machine.destroyed())
    assert not await house.rows("SELECT 1 FROM evidence WHERE item = :i", i=machine.item.item)
    foreign = machine.destroyed().event.model_copy(update={"medium": uuid7()})
    with pytest.raises(ValueError, match="does not have"):
        await house.hear(machine.registered, recorded(foreign))


async def test_requested_names_what_it_stands_on_and_its_trace(house: House) -> None:
    machine = Machine.new(media=2)
    trace = "00-0123456789abcdef0123456789abcdef-0123456789abcdef-01"
    destroyed = machine.destroyed(1)
    object.__setattr__(destroyed, "traceparent", trace)
    await house.hear(machine.registered, machine.received(), destroyed)
    (row,) = await house.rows(
        "SELECT body, salt FROM entries WHERE kind LIKE '%requested%' ORDER BY recorded_at DESC LIMIT 1"
    )
    entry = Entry.read(row.body, row.salt)
    event: Any = entry.event
    assert event.number == machine.number(nth=2)
    assert [one.entry for one in event.cites] == [destroyed.id]
    assert (entry.tenant, entry.because) == (TOWN, destroyed.id)
    (waiting,) = await house.rows("SELECT traceparent FROM pending WHERE cited = :c", c=destroyed.id)
    assert waiting.traceparent == trace


async def test_what_is_recorded_does_not_depend_on_whether_the_receipt_came_first(house: House) -> None:
    machine = Machine.new(media=2)
    destroyed = [machine.destroyed(nth) for nth in (0, 1)]
    await house.hear(machine.registered, destroyed[0])
    await house.hear(machine.received(), destroyed[1])
    recorded_as = []
    for nth, cited in enumerate(destroyed):
        stream = stream_of("destruction", machine.item.media[nth].id)
        (row,) = await house.rows("SELECT body, salt FROM entries WHERE stream = :s", s=stream)
        told = Entry.read(row.body, row.salt).event.model_dump(exclude={"certificate", "number", "medium", "cites"})
        recorded_as.append(told)
        assert cited.event.medium == machine.item.media[nth].id
    assert recorded_as[0] == recorded_as[1]


async def test_views_dropped_and_rebuilt_from_the_ledgers_come_out_equal(house: House) -> None:
    machine = Machine.new()
    await house.hear(*story(machine, house))
    before = await rows(house)
    foreign = [message for message in house.heard if isinstance(message, Entry)]
    own = [Entry.read(row.body, row.salt) for row in await house.rows("SELECT body, salt FROM entries")]
    async with house.made.consuming() as tx:
        for table in views.REBUILT:
            await tx.connection.execute(table.delete())
    assert not (await rows(house))["certificates"]
    async with house.made.consuming() as tx:
        await views.apply(tx, own)
        await consumers.handle(tx, foreign)
    assert await rows(house) == before
    async with house.made.consuming() as tx:
        await tx.connection.execute(certificates.delete())
        await views.apply(tx, own[:-1])
    assert await rows(house) != before
