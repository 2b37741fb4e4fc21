"""Tracking hears everything: each function twice and in any order leaves the same rows and the same entries."""

import json
import random
from base64 import b64decode
from collections.abc import Sequence
from datetime import timedelta
from itertools import permutations
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from services.tracking import loops
from services.tracking.commands import custody, items, lots, parties, scans
from services.tracking.commands.differences import Difference
from services.tracking.consumers import consumers
from services.tracking.log import merkle, note
from services.tracking.log.note import Checkpoint, NoteSigner
from services.tracking.reading import in_doubt, overview
from services.tracking.tests.entries import destroyed, erased, hear, issued, revoked
from services.tracking.tests.world import founded, peopled, registered, row
from services.tracking.views import levels
from shared.entry import Entry
from shared.events.donations import CallClosed, SeedAsked
from shared.events.erasure import ErasureFailed, ErasureVerified, LotReopened, LotSettled, MediumErased
from shared.events.tracking import EngagementOpened, PartyAdded
from shared.ids import derived, uuid7
from shared.levels import Level
from shared.messaging import Later, Notice
from shared.testing import NOW, OTHER_TOWN, TOWN, WORKER, Service, recorded

ROWS = {
    "timeline": "SELECT stream, sequence, entry, tenant, item, kind, data::text FROM timeline ORDER BY 1, 2",
    "leaves": "SELECT entry, digest FROM leaves ORDER BY 1",
    "lots": "SELECT * FROM lots ORDER BY 1",
    "items": "SELECT item, label, tenant, engagement, kind, data::text FROM items ORDER BY 1",
    "parties": "SELECT * FROM parties ORDER BY 1",
    "engagements": "SELECT * FROM engagements ORDER BY 1",
    "ended_engagements": "SELECT * FROM ended_engagements ORDER BY 1",
}


@pytest.fixture(scope="module")
async def engagement(tracking: Service) -> UUID:
    return await founded(tracking)


def heard_again(entry: Entry[Any]) -> Entry[Any]:
    """The same entry as it comes over the bus."""
    return Entry.read(entry.body, entry.salt)


async def rows(tracking: Service) -> dict[str, list[Any]]:
    return {table: [tuple(row) for row in await tracking.rows(query)] for table, query in ROWS.items()}


async def own(tracking: Service) -> list[Entry[Any]]:
    found = await tracking.rows("SELECT body, salt FROM entries ORDER BY recorded_at, stream, sequence")
    return [Entry.read(one.body, one.salt) for one in found]


async def kinds(tracking: Service, stream: UUID) -> list[str]:
    query = "SELECT kind FROM entries WHERE stream = :s ORDER BY sequence"
    return [one.kind for one in await tracking.rows(query, s=stream)]


async def shuffled(tracking: Service, said: Sequence[Entry[Any]], seed: int, *, together: bool) -> None:
    twice = list(said) * 2
    random.Random(seed).shuffle(twice)
    if together:
        await hear(tracking, twice)
    else:
        for entry in twice:
            await hear(tracking, [entry])


async def test_every_consumer_twice_and_shuffled_leaves_the_same_rows(tracking: Service, engagement: UUID) -> None:
    made = await registered(tracking, engagement, [row("R1"), row("R2")])
    over = await founded(tracking, contract="over")
    async with tracking.acting() as tx:
        await items.register_lot(tx, engagement, "monitor", 59)
        await parties.end_engagement(tx, over)
    party = recorded(PartyAdded(party="carrier-x", party_kind="carrier", name="運送"), tenant="carrier-x")
    said = [*await own(tracking), party, *(tell(one) for one in made for tell in (erased, destroyed, issued))]
    await hear(tracking, said)
    said = [*await own(tracking), *(entry for entry in said if not entry.kind.startswith("tracking.")), party]
    await hear(tracking, said)
    once = await rows(tracking)
    assert all(once.values()), {table: len(found) for table, found in once.items()}
    recorded_before = await kinds(tracking, derived(made[0].stream, "custody"))
    for seed in range(3):
        await shuffled(tracking, said, seed, together=bool(seed))
        assert await rows(tracking) == once
    assert await kinds(tracking, derived(made[0].stream, "custody")) == recorded_before


async def test_evidence_clears_a_medium_once_and_certificates_close_custody_once(
    tracking: Service, engagement: UUID
) -> None:
    for seed in range(4):
        (one,) = await registered(tracking, engagement, [row(f"E{seed}")])
        said = [heard_again(one), erased(one), destroyed(one), issued(one)]
        await shuffled(tracking, said, seed, together=False)
        medium = one.event.media[0].id
        assert await kinds(tracking, derived(medium, "clearance")) == ["tracking.medium-cleared.v1"]
        assert await kinds(tracking, derived(one.stream, "custody")) == ["tracking.custody-closed.v1"]


async def test_a_level_below_what_is_asked_clears_nothing(tracking: Service, engagement: UUID) -> None:
    (one,) = await registered(tracking, engagement, [row("C1")])
    await hear(tracking, [heard_again(one), erased(one, Level.CLEAR), issued(one)])
    assert await kinds(tracking, derived(one.event.media[0].id, "clearance")) == []
    assert await kinds(tracking, derived(one.stream, "custody")) == []


async def test_a_destroyed_medium_without_its_certificate_keeps_custody_open(
    tracking: Service, engagement: UUID
) -> None:
    (one,) = await registered(tracking, engagement, [row("D1")])
    await hear(tracking, [destroyed(one)])
    assert await kinds(tracking, derived(one.event.media[0].id, "clearance")) == ["tracking.medium-cleared.v1"]
    assert await kinds(tracking, derived(one.stream, "custody")) == []


async def received(tracking: Service, item: Entry[Any]) -> Entry[Any]:
    async with tracking.acting(TOWN, WORKER, request=uuid7()) as tx:
        assert tx.request
        (answer,) = await scans.scan(tx, [scans.Scanned(item.stream, "received", tx.request, NOW)])
    assert isinstance(answer.said, Entry)
    return heard_again(answer.said)


async def test_what_is_only_erased_closes_by_its_certificate_and_receipt_in_any_order(
    tracking: Service, engagement: UUID
) -> None:
    for nth, order in enumerate(permutations(range(3))):
        (one,) = await registered(tracking, engagement, [row(f"P{nth}", zone="lgwan")])
        said = [erased(one), await received(tracking, one), issued(one, "erasure")]
        for place in order:
            assert await kinds(tracking, derived(one.stream, "custody")) == []
            await hear(tracking, [said[place]])
        assert await kinds(tracking, derived(one.stream, "custody")) == ["tracking.custody-closed.v1"]


async def test_a_revoked_certificate_closes_nothing_until_another_stands_in_its_place(
    tracking: Service, engagement: UUID
) -> None:
    (one,) = await registered(tracking, engagement, [row("RV1", zone="lgwan")])
    first = issued(one, "erasure")
    await hear(tracking, [erased(one), first, revoked(first)])
    await hear(tracking, [await received(tracking, one)])
    assert await kinds(tracking, derived(one.stream, "custody")) == []
    await hear(tracking, [issued(one, "erasure", issue=2)])
    assert await kinds(tracking, derived(one.stream, "custody")) == ["tracking.custody-closed.v1"]


@pytest.mark.parametrize("first", ["evidence", "receipt"])
async def test_what_needs_no_certificate_closes_with_the_last_of_evidence_and_receipt(
    tracking: Service, engagement: UUID, first: str
) -> None:
    (one,) = await registered(tracking, engagement, [row(f"W-{first}", zone="internet", confidentiality="1")])
    said = [erased(one), await received(tracking, one)]
    for entry in said if first == "evidence" else said[::-1]:
        assert await kinds(tracking, derived(one.stream, "custody")) == []
        await hear(tracking, [entry])
    assert await kinds(tracking, derived(one.stream, "custody")) == ["tracking.custody-closed.v1"]


async def test_a_failed_recheck_reopens_a_medium_until_it_is_proved_anew(tracking: Service, engagement: UUID) -> None:
    (one,) = await registered(tracking, engagement, [row("V1", zone="lgwan")])
    medium = one.event.media[0].id

    def verified(sequence: int, *, passed: bool) -> Entry[Any]:
        event = ErasureVerified(medium=medium, item=one.stream, verifier="second", method="read back", passed=passed)
        return recorded(event, stream=medium, sequence=sequence, at=NOW + timedelta(minutes=sequence))

    again = recorded(erased(one).event, stream=medium, sequence=4, at=NOW + timedelta(minutes=4))
    cleared, reopened = "tracking.medium-cleared.v1", "tracking.medium-reopened.v1"
    steps = [
        (erased(one), [cleared]),
        (verified(2, passed=True), [cleared]),
        (verified(3, passed=False), [cleared, reopened]),
        (again, [cleared, reopened, cleared]),
    ]
    for entry, expected in steps:
        await hear(tracking, [entry, entry])
        assert await kinds(tracking, derived(medium, "clearance")) == expected
        async with tracking.acting() as tx:
            proved = await levels(tx.connection, [one.stream])
        assert proved == ({} if expected[-1] == reopened else {medium: Level.PURGE})


async def test_a_reopened_lot_is_in_doubt_until_it_is_settled_in_any_order(tracking: Service, engagement: UUID) -> None:
    (one,) = await registered(tracking, engagement, [row("LOT1")])
    medium, stream = one.event.media[0].id, derived(engagement, "recheck")
    looked = ErasureVerified(medium=medium, item=one.stream, verifier="second", method="read back", passed=False)
    failed = recorded(looked, stream=medium, sequence=9)
    reopened = LotReopened(
        engagement=engagement, medium=medium, failed=failed.id, round=2, seed="ab" * 32, population=3, drawn=(uuid7(),)
    )
    said = [recorded(reopened, stream=stream), failed]
    for entry in (*said, *said[::-1]):
        await hear(tracking, [entry])
    async with tracking.acting() as tx:
        doubt = await in_doubt(tx.connection, engagement)
        assert doubt is not None
        assert (doubt.label, doubt.drawn) == (one.event.label, 1)
        assert await in_doubt(tx.connection, uuid7()) is None
    settled = recorded(LotSettled(engagement=engagement, round=2), stream=stream, sequence=2)
    await hear(tracking, [settled, *said, settled])
    async with tracking.acting() as tx:
        assert await in_doubt(tx.connection, engagement) is None


async def test_a_lot_in_doubt_takes_back_what_was_cleared_in_any_order_until_it_stands_again(
    tracking: Service,
) -> None:
    for nth, order in enumerate(permutations(range(4))):
        contract = await founded(tracking, contract=f"doubt-{nth}")
        rows_ = [row(f"L{nth}A", zone="lgwan"), row(f"L{nth}B", zone="lgwan"), row(f"L{nth}C", zone="lgwan")]
        proved, failed, crushed = await registered(tracking, contract, rows_)
        await hear(tracking, [heard_again(one) for one in (proved, failed, crushed)])
        media = [one.event.media[0].id for one in (proved, failed, crushed)]
        lot = derived(contract, "recheck")

        def looked(sequence: int, *, passed: bool, medium: UUID = media[1], item: UUID = failed.stream) -> Entry[Any]:
            event = ErasureVerified(medium=medium, item=item, verifier="second", method="read back", passed=passed)
            return recorded(event, stream=medium, sequence=sequence, at=NOW + timedelta(minutes=sequence))

        found = looked(2, passed=False)
        reopened = LotReopened(
            engagement=contract, medium=media[1], failed=found.id, round=2, seed="ab" * 32, population=1, drawn=()
        )
        said = [erased(proved), recorded(reopened, stream=lot), found, destroyed(crushed)]
        await hear(tracking, [erased(failed)])
        for n in (*order, *order):
            await hear(tracking, [said[n]])
        standing = [(await kinds(tracking, derived(medium, "clearance")))[-1:] for medium in media]
        cleared, taken_back = ["tracking.medium-cleared.v1"], ["tracking.medium-reopened.v1"]
        assert standing[0] in ([], taken_back), "what came first decides whether there was anything to take back"
        assert standing[1:] == [taken_back, cleared]
        again = recorded(erased(failed).event, stream=media[1], sequence=3, at=NOW + timedelta(minutes=3))
        settled = recorded(LotSettled(engagement=contract, round=2), stream=lot, sequence=2)
        after = [again, looked(4, passed=True), settled]
        for entry in (*after, *said, *after[::-1]):
            await hear(tracking, [entry])
        assert [(await kinds(tracking, derived(medium, "clearance")))[-1:] for medium in media] == [cleared] * 3


async def test_a_grade_taken_back_by_a_later_table_reopens_a_medium_in_any_order(
    tracking: Service, engagement: UUID
) -> None:
    for nth, order in enumerate(permutations(range(3))):
        (one,) = await registered(tracking, engagement, [row(f"G{nth}", zone="lgwan")])
        medium = one.event.media[0].id
        first = erased(one)
        lower = first.event.model_copy(update={"achieved": Level.CLEAR, "sufficient": False, "regrades": first.id})
        none = ErasureFailed(
            **lower.model_dump(
                include={
                    "medium",
                    "item",
                    "label",
                    "serial",
                    "technique",
                    "reasons",
                    "evidence",
                    "operator",
                    "regrades",
                }
            ),
            table_version="3",
        )
        told = [first] + [
            recorded(event, stream=medium, sequence=2 + n, at=NOW + timedelta(minutes=n + 1))
            for n, event in enumerate((lower, none))
        ]
        for n in (*order, *order):
            await hear(tracking, [told[n]])
        async with tracking.acting() as tx:
            assert await levels(tx.connection, [one.stream]) == {}
        assert (await kinds(tracking, derived(medium, "clearance")))[-1:] in ([], ["tracking.medium-reopened.v1"])


async def test_a_certificate_of_an_item_that_is_not_here_yet_comes_back_later(tracking: Service) -> None:
    async with tracking.consuming() as tx:
        with pytest.raises(Later):
            await custody.close(tx, uuid7())


async def test_what_follows_is_recorded_in_the_towns_name_because_of_what_was_heard(
    tracking: Service, engagement: UUID
) -> None:
    (one,) = await registered(tracking, engagement, [row("B1")])
    evidence = destroyed(one)
    await hear(tracking, [evidence])
    (cleared,) = await tracking.rows(
        "SELECT tenant, body, salt FROM entries WHERE stream = :s", s=derived(one.event.media[0].id, "clearance")
    )
    entry = Entry.read(cleared.body, cleared.salt)
    assert (cleared.tenant, entry.because, entry.by.person) == (TOWN, evidence.id, "service:tracking")


async def test_the_lots_are_held_and_each_hands_count_stands(tracking: Service) -> None:
    await peopled(tracking)
    engagement = await founded(tracking, contract="monitors")
    async with tracking.acting() as tx:
        lot = await items.register_lot(tx, engagement, "monitor", 59)
    async with tracking.acting(TOWN, WORKER) as tx:
        moved = [await lots.move_lot(tx, lot.stream, "shipped-out", 59)]
    async with tracking.acting(TOWN, WORKER) as tx:
        why = Difference("1台たりない", "second")
        moved.append(await lots.move_lot(tx, lot.stream, "received", 58, difference=why))
    await shuffled(tracking, [heard_again(entry) for entry in (lot, *moved)], 1, together=True)
    async with tracking.acting() as tx:
        seen = await overview(tx.connection, engagement)
    assert seen.held == {"monitor": 59}
    assert [(one.registered, one.shipped_out, one.received) for one in seen.lots] == [(59, 59, 58)]


async def test_a_card_that_comes_back_late_undoes_nothing_and_a_tombstone_forgets(tracking: Service) -> None:
    def said(roles: list[str] | None) -> Notice:
        card = {"name": "阿部", "title": None, "contact": None, "roles": roles}
        return Notice(uuid7(), "people", TOWN, f"people.{TOWN}.abe", json.dumps(card).encode() if roles else b"")

    async def hear_of(notice: Notice) -> list[tuple[str, list[str]]]:
        async with tracking.consuming() as tx:
            await consumers.handle(tx, [notice])
        found = await tracking.rows("SELECT person, roles FROM people WHERE person = 'abe'")
        return [(row.person, row.roles) for row in found]

    async with tracking.acting() as tx:
        await parties.enrol(tx, "abe", name="阿部", title=None, contact=None, roles=["clerk"])
    assert await hear_of(said(["clerk", "approver"])) == [("abe", ["clerk"])], "the older card, with a role taken since"
    assert await hear_of(said(None)) == []
    assert await hear_of(said(["clerk"])) == [("abe", ["clerk"])], "the card came after the tombstone"
    assert await hear_of(said(None)) == []


def test_every_kind_that_tracking_acts_on_is_named() -> None:
    assert {kind for kind in consumers.handlers if not kind.startswith("tracking.")} == {
        "certificates.issued.v1",
        "donations.seed-asked.v1",
        "erasure.erasure-failed.v1",
        ErasureVerified.kind,
        LotReopened.kind,
        LotSettled.kind,
        MediumErased.kind,
        "erasure.medium-destroyed.v1",
        "people",
    }
    assert {PartyAdded.kind, EngagementOpened.kind} <= set(consumers.handlers)
    assert len(consumers.everything) == 1


async def test_where_a_lotterys_closing_stands_is_said_again_to_its_own_town_under_the_newest_head(
    tracking: Service,
) -> None:
    """The first notice was lost; what the desk asks for names the same leaf, and proves it."""
    signer = NoteSigner.new("meguru.test/log")
    call = uuid7()
    closing = recorded(CallClosed(call=call, number="063622-2026-1"), stream=call)
    asked = [recorded(SeedAsked(call=call, round=1, closing=closing.id), stream=call) for _ in range(2)]
    foreign = recorded(SeedAsked(call=call, round=1, closing=closing.id), stream=call, tenant=OTHER_TOWN)
    async with tracking.consuming() as tx:
        await consumers.handle(tx, [closing, asked[0]])
    heard = "SELECT id, subject, body FROM notices WHERE position > :after ORDER BY position"
    (before,) = await tracking.rows("SELECT coalesce(max(position), 0) AS last FROM notices")
    assert not [one for one in await tracking.rows(heard, after=0) if str(closing.id) in bytes(one.body).decode()]
    async with tracking.consumer.connect() as connection:
        kept = loops.Kept(tracking.settings.kept_head)
        while await loops.integrate(connection, signer, kept):
            pass
    async with tracking.owner.begin() as connection:
        await connection.execute(text("DELETE FROM notices"))
    for _ in range(2):
        async with tracking.consuming() as tx:
            await consumers.handle(tx, [foreign, *asked])
    said = await tracking.rows(heard, after=before.last)
    assert {one.id for one in said} == {derived(one.id, "logged") for one in asked}
    assert {one.subject for one in said} == {f"notice.{TOWN}.tracking.logged.v1"}
    (body,) = {bytes(one.body) for one in said}
    (leaf,) = json.loads(body)["leaves"]
    head = Checkpoint.parse(note.open_note(json.loads(body)["checkpoint"], [signer.vkey]))
    path = [b64decode(step) for step in leaf["path"]]
    assert leaf["entry"] == str(closing.id)
    merkle.check_inclusion(leaf["index"], head.size, merkle.leaf_hash(closing.digest), path, head.root)
