"""What is published again arrives as it was recorded, is never swallowed, and fills a service that had lost it."""

import asyncio
import json
from base64 import b64decode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import nats
import pytest
import typer

from meguru import republish as publishing
from meguru.rebuild import compare
from meguru.republish import parked, replay_parked, republish
from meguru.tests.world import LOG, World, worlds
from services.refurb.consumers import consumers
from services.tracking.keys import published
from services.tracking.log import merkle
from services.tracking.log.keys import open_head
from shared.entry import Entry
from shared.ids import uuid7
from shared.messaging import message_of
from shared.stack.stack import Stack
from shared.testing import CENTRE, NOW, TOWN


@pytest.fixture(scope="module")
async def world(servers: Stack) -> AsyncIterator[World]:
    async with worlds(servers) as made:
        yield made


@asynccontextmanager
async def listening(stack: Stack, subject: str) -> AsyncIterator[list[Any]]:
    """Hear what is published while the block runs."""
    client = await nats.connect(**stack.nats_options())
    heard: list[Any] = []

    async def hear(message: Any) -> None:
        heard.append(message)

    await client.subscribe(subject, cb=hear)
    await client.flush()
    try:
        yield heard
        await client.flush()
        await asyncio.sleep(0.1)
    finally:
        await client.close()


async def stored(stack: Stack, subject: str) -> int:
    client = await nats.connect(**stack.nats_options())
    asked = json.dumps({"subjects_filter": subject}).encode()
    answer = json.loads((await client.request("$JS.API.STREAM.INFO.REPLAY", asked, timeout=5)).data)
    await client.close()
    return sum((answer["state"].get("subjects") or {}).values())


async def test_it_arrives_in_its_stored_bytes_without_a_deduplicating_id(world: World) -> None:
    async with listening(world.stack, "replay.refurb.>") as heard:
        sent = await republish(world.stack, "refurb")
    assert len(heard) == sum(sent[name] for name in world.names) >= 6
    recorded = {entry.id: entry for name in world.names for entry in await world.entries(name)}
    for message in heard:
        assert "Nats-Msg-Id" not in message.headers
        read = message_of(message.subject, message.data, message.headers)
        assert isinstance(read, Entry)
        assert (read.body, read.salt) == (recorded[read.id].body, recorded[read.id].salt)
        assert message.subject == f"replay.refurb.{read.tenant}.{read.kind}"
    assert {message.subject.split(".", 3)[3] for message in heard} >= {"tracking.reuse-candidate-named.v1"}


async def test_a_second_time_is_stored_as_well(world: World) -> None:
    before = await stored(world.stack, "replay.donations.>")
    sent = await republish(world.stack, "donations")
    await republish(world.stack, "donations")
    entries = sum(sent[name] for name in world.names)
    assert await stored(world.stack, "replay.donations.>") == before + 2 * entries > before


async def test_a_service_that_lost_its_views_is_filled_from_the_bus(world: World) -> None:
    for table in ("clearances", "items", "parties", "engagements"):
        await world.execute("refurb", f"DELETE FROM {table}")  # noqa: S608 - a test's own words
    assert any(not one.is_equal for one in await compare(world.stack, ("refurb",)))
    async with listening(world.stack, "replay.refurb.>") as heard:
        await republish(world.stack, "refurb")
    before = await world.entries("refurb")
    async with world.services["refurb"].consuming() as tx:
        await consumers.handle(tx, [message_of(one.subject, one.data, one.headers) for one in heard])
    assert all(one.is_equal for one in await compare(world.stack, ("refurb",)))
    assert await world.entries("refurb") == before


async def test_only_what_was_recorded_since_is_published(world: World) -> None:
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    assert sum((await republish(world.stack, "tracking", since=tomorrow)).values()) == 0
    everything = await republish(world.stack, "tracking", since=NOW)
    assert sum(everything.values()) > 0


async def test_a_window_is_bounded(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(publishing, "WINDOW_ROWS_MAX", 2)
    steps: list[tuple[str, int]] = []
    sent = await republish(world.stack, "tracking", told=lambda *step: steps.append(step))
    ours = [count for owner, count in steps if owner == "tracking"]
    assert ours[0] == 2
    assert all(later - earlier <= 2 for earlier, later in pairwise(ours))
    assert ours[-1] == sent["tracking"]


async def test_the_directory_is_told_again_with_tombstones(world: World) -> None:
    person = "('p1', $1, '高崎', '係長', NULL, '[\"worker\"]')"
    await world.execute("tracking", f"INSERT INTO people VALUES {person}", CENTRE)  # noqa: S608 - a test's own words
    await world.execute("refurb", f"INSERT INTO people VALUES {person.replace('p1', 'gone')}", TOWN)  # noqa: S608 - a test's own words
    async with listening(world.stack, "people.>") as heard:
        sent = await republish(world.stack, "refurb", since=NOW + timedelta(days=1))
    said = {message.subject: message for message in heard}
    assert sent["people"] == len(heard)
    assert json.loads(said[f"people.{CENTRE}.p1"].data)["roles"] == ["worker"]
    async with world.services["refurb"].consuming() as tx:
        await consumers.handle(tx, [message_of(one.subject, one.data, one.headers or {}) for one in heard])
    assert [tuple(row) for row in await world.services["refurb"].rows("SELECT person, name FROM people")] == [
        ("p1", "高崎")
    ]


async def test_places_in_the_log_are_proved_again(world: World) -> None:
    async with listening(world.stack, f"notice.{TOWN}.tracking.logged.v1") as heard:
        sent = await republish(world.stack, "certificates")
    digests = {str(entry.id): entry.digest for name in world.names for entry in await world.entries(name)}
    keys = published(world.stack.folder / "keys")
    proved = 0
    for message in heard:
        said = json.loads(message.data)
        head = open_head(said["checkpoint"], keys)
        assert head.origin == LOG
        for leaf in said["leaves"]:
            path = [b64decode(step) for step in leaf["path"]]
            merkle.check_inclusion(leaf["index"], head.size, merkle.leaf_hash(digests[leaf["entry"]]), path, head.root)
            proved += 1
    assert proved == sent["logged"] >= 2


async def test_what_was_parked_is_listed_and_sent_again_once(world: World) -> None:
    entry = next(one for one in await world.entries("tracking") if one.kind == "tracking.medium-cleared.v1")
    notice = uuid7()
    statement = "INSERT INTO parked (id, kind, tenant, body, salt, reason) VALUES ($1, $2, $3, $4, $5, 'ValueError()')"
    await world.execute("refurb", statement, entry.id, entry.kind, entry.tenant, entry.body, entry.salt)
    await world.execute("certificates", statement, notice, "notice.tracking.logged.v1", TOWN, b'{"leaves":[]}', b"")
    there = await parked(world.stack)
    assert {(one.service, one.id, one.reason) for one in there} == {
        ("refurb", entry.id, "ValueError()"),
        ("certificates", notice, "ValueError()"),
    }
    async with listening(world.stack, "replay.>") as entries, listening(world.stack, "notice.>") as notices:
        assert await replay_parked(world.stack, there) == 2
    (message,) = entries
    assert message.subject == f"replay.refurb.{entry.tenant}.{entry.kind}"
    assert (message.data, message.headers["ce-salt"]) == (entry.body, entry.salt.hex())
    assert [one.subject for one in notices] == [f"notice.{TOWN}.tracking.logged.v1"]
    assert await parked(world.stack) == []


async def test_what_is_no_entry_stays_parked_and_keeps_nothing_else_back(world: World) -> None:
    entry = next(one for one in await world.entries("tracking") if one.kind == "tracking.medium-cleared.v1")
    statement = "INSERT INTO parked (id, kind, tenant, body, salt, reason) VALUES ($1, $2, $3, $4, $5, 'ValueError()')"
    odd = uuid7()
    await world.execute("refurb", statement, odd, entry.kind, TOWN, b"\xff no entry", b"")
    await world.execute("refurb", statement, entry.id, entry.kind, entry.tenant, entry.body, entry.salt)
    assert await replay_parked(world.stack, await parked(world.stack)) == 1
    assert [one.id for one in await parked(world.stack)] == [odd]
    await world.execute("refurb", "DELETE FROM parked WHERE id = $1", odd)


def test_a_date_is_read_as_japan_means_it() -> None:
    assert publishing._moment("2026-11-24").isoformat() == "2026-11-24T00:00:00+09:00"
    assert publishing._moment("2026-11-24T00:00:00Z").utcoffset() == timedelta(0)
    with pytest.raises(typer.BadParameter, match="2026-11-24"):
        publishing._moment("昨日")
