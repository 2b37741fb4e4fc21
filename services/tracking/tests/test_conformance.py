"""What facts break, through the door and the bus: the same in whatever order captures and events come."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from services.tracking import reading, views
from services.tracking.commands import cages
from services.tracking.commands.differences import Difference
from services.tracking.commands.explanations import explain
from services.tracking.commands.scans import Scanned, Step, scan
from services.tracking.domain import item as domain
from services.tracking.domain.conformance import Breach
from services.tracking.tests.entries import destroyed, erased, hear
from services.tracking.tests.world import founded, peopled, registered, row
from shared import ledger
from shared.entry import By, Entry, Request
from shared.events.refurb import Ready, Spec
from shared.ids import uuid7
from shared.messaging import Later
from shared.refused import Refused
from shared.testing import CENTRE, CLERK, NOW, TOWN, WORKER, Service, recorded

BOSS = By(person="boss", party=TOWN)
ORDERS = 24  # random orders of the captures, each through the real commands


@pytest.fixture(scope="module")
async def engagement(tracking: Service) -> UUID:
    await peopled(tracking)
    return await founded(tracking)


@dataclass(frozen=True)
class Capture:
    """One scan of a device: who, which step, how many minutes after the beginning."""

    by: By
    step: Step
    minute: int


CAPTURES = (
    Capture(WORKER, "received", 30),
    Capture(By(person="worker2", party=CENTRE), "received", 10),
    Capture(WORKER, "received", 50),
    Capture(CLERK, "taken-over", 40),
    Capture(CLERK, "taken-over", 70),
)


async def take(tracking: Service, item: UUID, capture: Capture, request: UUID) -> list[tuple[str, ...]]:
    """Send one capture, and say what the answer said it breaks."""
    at = NOW + timedelta(minutes=capture.minute)
    async with tracking.acting(by=capture.by, at=NOW + timedelta(hours=9)) as tx:
        said = Request(id=request, digest=f"{capture.step}{capture.minute}")
        answers = await scan(tx, [Scanned(item, capture.step, said, at)])
        assert isinstance(answers[0].said, Entry)
        return [one.breaks for one in answers]


async def own(tracking: Service, item: UUID) -> list[Entry[Any]]:
    found = await tracking.rows("SELECT body, salt FROM entries WHERE stream = :s ORDER BY sequence", s=item)
    return [Entry.read(one.body, one.salt) for one in found]


def later(entry: Entry[Any], minute: int) -> Entry[Any]:
    """The same event as it happened at a minute."""
    at = NOW + timedelta(minutes=minute)
    return recorded(entry.event, stream=entry.stream, sequence=entry.sequence, at=at)


def ready(item: Entry[Any]) -> Entry[Any]:
    spec = Spec(os="Windows 10", ssd_gb=256, memory_gb=8, office="2019", support_months=12)
    return recorded(Ready(item=item.stream, label=item.event.label, item_kind="notebook", grade="A", spec=spec))


Told = tuple[str, datetime, str, tuple[str, ...]]


async def stands(tracking: Service, item: UUID) -> tuple[Any, list[Told], set[tuple[str, str]]]:
    """What an item is, its timeline, and the breaches in the list's view, without what differs by nature."""
    async with tracking.acting() as tx:
        history = await ledger.read(tx, item)
        state = domain.fold(history.events)
        story = await views.story(tx.connection, item)
    rows = await tracking.rows(
        "SELECT t.kind, b.code FROM breaches b JOIN timeline t USING (entry) WHERE b.item = :i", i=item
    )
    return (
        (bool(state.received), state.route, state.taken_over, bool(state.shipped)),
        [(one.kind, one.occurred_at, one.person, one.breaks) for one in story],
        {(row.kind, row.code) for row in rows},
    )


async def test_late_doubled_and_shuffled_captures_come_out_the_same_in_any_order(
    tracking: Service, engagement: UUID
) -> None:
    made = await registered(tracking, engagement, [row(f"P{nth}") for nth in range(ORDERS)])
    outcomes = []
    for seed, item in enumerate(made):
        dice = random.Random(seed)
        requests = {capture: uuid7() for capture in CAPTURES}
        others = [item, later(erased(item), 20), later(destroyed(item), 60), later(ready(item), 80)]
        said: list[Capture | Entry[Any]] = [*CAPTURES, *others] * 2  # what comes, in this order or another; all twice
        dice.shuffle(said)
        for one in said:
            if isinstance(one, Capture):
                await take(tracking, item.stream, one, requests[one])
                if dice.random() < 0.5:  # heard at once, or with all the rest
                    await hear(tracking, (await own(tracking, item.stream))[-1:])
            else:
                await hear(tracking, [one])
        await hear(tracking, await own(tracking, item.stream))
        outcomes.append(await stands(tracking, item.stream))
    state, story, flags = outcomes[0]
    assert state == (True, None, True, False)
    assert [(kind, at - NOW) for kind, at, _, breaks in story if breaks] == [
        ("tracking.received.v1", timedelta(minutes=10)),
        ("tracking.taken-over.v1", timedelta(minutes=40)),
    ]
    assert flags == {
        ("tracking.received.v1", "not-shipped-out"),
        ("tracking.received.v1", "level-not-proved"),
        ("tracking.taken-over.v1", "not-ready"),
    }
    assert [one for one in outcomes if one != outcomes[0]] == []


async def test_late_evidence_takes_back_what_an_answer_could_only_know_then(
    tracking: Service, engagement: UUID
) -> None:
    (item,) = await registered(tracking, engagement, [row("LATE")])
    await hear(tracking, [item])
    taken = Capture(CLERK, "taken-over", 40)
    request = uuid7()
    assert await take(tracking, item.stream, taken, request) == [("not-ready",)]
    await hear(tracking, await own(tracking, item.stream))
    assert await broken(tracking, engagement, item) == 1
    await hear(tracking, [later(ready(item), 30)])  # it was refurbished before; we only hear of it now
    assert await broken(tracking, engagement, item) == 0
    assert await take(tracking, item.stream, taken, request) == [()]  # a replay is answered with what is known now


async def broken(tracking: Service, engagement: UUID, item: Entry[Any]) -> int:
    """How many of the engagement's items break something, less those of other tests; the list shows the same."""
    async with tracking.acting() as tx:
        counted = await reading.broken(tx.connection, engagement)
        total, listed = await reading.items(tx.connection, engagement, record="broken")
    assert counted == total
    return sum(one.label == item.event.label for one in listed)


async def test_what_came_out_of_a_cage_it_was_not_in_is_flagged_on_its_receipt(
    tracking: Service, engagement: UUID
) -> None:
    inside, astray = await registered(tracking, engagement, [row("IN"), row("ASTRAY")])
    await hear(tracking, [inside, astray, erased(inside), erased(astray)])
    async with tracking.acting(TOWN, WORKER) as tx:
        one = await cages.seal(tx, engagement, "C-1", "S-C1", [inside.stream])
        two = await cages.seal(tx, engagement, "C-2", "S-C2", [astray.stream])
        shipped = [*(await cages.hand_over(tx, one.stream, vehicle=None))]
        shipped += await cages.hand_over(tx, two.stream, vehicle=None)
    found: Sequence[UUID] = [inside.stream, astray.stream]
    async with tracking.acting(TOWN, WORKER, at=NOW + timedelta(hours=1)) as tx:
        seen = Difference("2台出てきた", "second")
        opened = await cages.open_(tx, one.stream, seal_seen="S-C1", found=found, centre=CENTRE, difference=seen)
    for heard in ([*opened, *shipped], [*shipped, *reversed(opened)]):
        await hear(tracking, heard)
        assert (await stands(tracking, astray.stream))[2] == {("tracking.received.v1", "another-cage")}
        assert (await stands(tracking, inside.stream))[2] == set()


async def test_an_explanation_closes_a_flag_and_the_rows_are_the_same_in_any_order(
    tracking: Service, engagement: UUID
) -> None:
    made = await registered(tracking, engagement, [row(f"X{nth}") for nth in range(6)])
    outcomes = []
    for seed, item in enumerate(made):
        await hear(tracking, [item])
        await take(tracking, item.stream, CAPTURES[3], uuid7())
        (fact,) = [one for one in await own(tracking, item.stream) if one.kind == "tracking.taken-over.v1"]
        async with tracking.acting(by=BOSS) as tx:
            said = await explain(tx, item.stream, Breach(fact.id, "not-ready"), reason="記録もれ", second=None)
        told = [item, fact, said, later(erased(item), 20)] * 2
        random.Random(seed).shuffle(told)
        await empty(tracking, item.stream)
        for entry in told:
            try:
                await hear(tracking, [entry])
            except Later:
                told.append(entry)
        async with tracking.acting() as tx:
            (why,) = (await reading.explanations(tx.connection, item.stream)).values()
            explained = (await reading.items(tx.connection, engagement, record="explained"))[1]
        assert (why.reason, why.person, why.second) == ("記録もれ", "boss", None)
        assert item.event.label in {one.label for one in explained}
        outcomes.append((await stands(tracking, item.stream), await broken(tracking, engagement, item)))
    assert outcomes[0][0][2] == {("tracking.taken-over.v1", "not-ready")}, "the flag is not erased"
    assert outcomes[0][1] == 0
    assert [one for one in outcomes if one != outcomes[0]] == []


async def empty(tracking: Service, item: UUID) -> None:
    """Forget what was heard of an item; its own entries stay."""
    async with tracking.owner.begin() as connection:
        for table in ("timeline", "breaches", "items"):
            await connection.execute(text(f"DELETE FROM {table} WHERE item = :i"), {"i": item})  # noqa: S608 - our own names


async def test_an_explanation_is_of_one_fact_and_of_the_town(tracking: Service, engagement: UUID) -> None:
    (item,) = await registered(tracking, engagement, [row("XF")])
    await hear(tracking, [item])
    await take(tracking, item.stream, CAPTURES[4], uuid7())
    (fact,) = [one for one in await own(tracking, item.stream) if one.kind == "tracking.taken-over.v1"]
    breach = Breach(fact.id, "not-ready")
    for by, second, code in ((WORKER, None, "not-the-town"), (CLERK, None, "second-needed"), (CLERK, "x", "nobody")):
        async with tracking.acting(by=by) as tx:
            with pytest.raises(Refused) as refused:
                await explain(tx, item.stream, breach, reason="x", second=second)
        assert refused.value.code == code
    async with tracking.acting(by=CLERK) as tx:
        told = await explain(tx, item.stream, breach, reason="作業票で確かめた", second="boss")
    async with tracking.acting(by=BOSS) as tx:
        with pytest.raises(Refused, match="もう説明されています"):
            await explain(tx, item.stream, breach, reason="x", second=None)
    await hear(tracking, [fact, told])
    assert await broken(tracking, engagement, item) == 0
    await take(tracking, item.stream, CAPTURES[3], uuid7())  # an earlier capture comes late: it is the fact now
    await hear(tracking, (await own(tracking, item.stream))[-1:])
    assert await broken(tracking, engagement, item) == 1
