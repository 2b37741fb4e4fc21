"""A job that asks more than its policy: of what is registered, of what comes later, and of nothing that is settled."""

from typing import Any
from uuid import UUID

import pytest

from services.tracking.commands import items, parties, requirements, scans
from services.tracking.domain.requirement import Raised
from services.tracking.tests.entries import erased, hear, issued
from services.tracking.tests.world import founded, registered, row
from shared.entry import Entry
from shared.ids import derived, uuid7
from shared.levels import Level
from shared.refused import Invalid, Refused, Unknown
from shared.testing import NOW, TOWN, WORKER, Service

RULE = Raised(Level.PURGE, Level.DESTROY, None, "議会の決議により全台を破壊する")


async def own(tracking: Service, stream: UUID) -> list[Entry[Any]]:
    found = await tracking.rows("SELECT body, salt FROM entries WHERE stream = :s ORDER BY sequence", s=stream)
    return [Entry.read(bytes(one.body), bytes(one.salt)) for one in found]


async def heard(tracking: Service, engagement: UUID, items_: list[UUID]) -> None:
    streams = [derived(engagement, "requirement"), *items_]
    await hear(tracking, [entry for stream in streams for entry in await own(tracking, stream)])


async def test_a_job_asks_more_of_what_is_registered_and_of_what_comes_later(tracking: Service) -> None:
    engagement = await founded(tracking, contract="R8-raised")
    here, away, settled = await registered(tracking, engagement, [row(f"RQ{n}", zone="lgwan") for n in range(3)])
    await hear(tracking, [issued(settled, "erasure")])
    async with tracking.acting(TOWN, WORKER, request=uuid7()) as tx:
        assert tx.request
        await scans.scan(tx, [scans.Scanned(away.stream, "received", tx.request, NOW)])
    request = uuid7()
    for _ in range(2):
        async with tracking.acting(request=request, asked="raise") as tx:
            entry = await requirements.raise_requirement(tx, engagement, RULE)
    assert entry.replayed, "asked again, answered again"
    await heard(tracking, engagement, [here.stream, away.stream, settled.stream])
    asked = {}
    for one in (here, away, settled):
        rows = await tracking.rows("SELECT data FROM items WHERE item = :i", i=one.stream)
        asked[one.stream] = rows[0].data["required"]
    assert (asked[here.stream]["on_site"], asked[here.stream]["at_centre"]) == ("purge", "destroy")
    assert asked[here.stream]["raised"] == RULE.reason
    assert (asked[away.stream]["on_site"], asked[away.stream]["at_centre"]) == ("clear", "destroy"), "it has left"
    assert asked[settled.stream] == settled.event.required.model_dump(mode="json"), "a certificate stands"
    async with tracking.acting() as tx:
        (late,) = await items.register(tx, engagement, "late", [row("RQ-LATE", zone="lgwan")])
    assert (late.event.required.on_site, late.event.required.at_centre) == (Level.PURGE, Level.DESTROY)
    assert (late.event.required.raised, late.event.required.policy_version) == (RULE.reason, "1")


async def test_what_was_cleared_by_less_is_open_again(tracking: Service) -> None:
    engagement = await founded(tracking, contract="R8-cleared")
    (one,) = await registered(tracking, engagement, [row("RC1", zone="lgwan")])
    medium = one.event.media[0].id
    await hear(tracking, [erased(one, Level.PURGE)])
    assert [entry.kind for entry in await own(tracking, derived(medium, "clearance"))] == ["tracking.medium-cleared.v1"]
    async with tracking.acting() as tx:
        await requirements.raise_requirement(tx, engagement, RULE)
    for _ in range(2):
        await heard(tracking, engagement, [one.stream])
    cleared, reopened = await own(tracking, derived(medium, "clearance"))
    assert (reopened.kind, reopened.event.reason) == ("tracking.medium-reopened.v1", "requirement-raised")
    assert {cleared.event.policy_version, reopened.event.policy_version} == {"1"}
    async with tracking.acting(by=WORKER) as tx:
        assert await items.missing_before_ship_out(tx, one.stream) == (), "Purge is proved, and asked on site"


async def test_another_towns_or_an_ended_job_cannot_be_raised_and_nothing_is_lowered(tracking: Service) -> None:
    engagement = await founded(tracking, contract="R8-no")
    foreign = await founded(tracking, town="town-012025", contract="R8-other")
    async with tracking.acting() as tx:
        with pytest.raises(Unknown):
            await requirements.raise_requirement(tx, foreign, RULE)
    async with tracking.acting() as tx:
        await requirements.raise_requirement(tx, engagement, RULE)
    async with tracking.acting() as tx:
        with pytest.raises(Invalid, match="下げることはできません"):
            await requirements.raise_requirement(tx, engagement, Raised(Level.PURGE, Level.PURGE, None, "x"))
    async with tracking.acting() as tx:
        await parties.end_engagement(tx, engagement)
    async with tracking.acting() as tx:
        with pytest.raises(Refused, match="もう終わって"):
            await requirements.raise_requirement(tx, engagement, Raised(Level.DESTROY, Level.DESTROY, None, "x"))
