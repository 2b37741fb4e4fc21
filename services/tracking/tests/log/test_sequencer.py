"""Two sequencers at once: only one of them lets the log grow, and the other goes on where it ended."""

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from uuid import UUID

import pytest
from nats.aio.client import Client

from services.tracking import keys, loops, views
from services.tracking.keys import log_signer
from services.tracking.log import merkle, note, tiles
from services.tracking.log.keys import open_head
from services.tracking.tests.entries import destroyed
from services.tracking.tests.world import founded, registered, row
from shared import bell
from shared.testing import Service
from shared.worker import Work

A_TURN = 40  # devices destroyed while the first works alone, while there are two, and while the first ends


async def destroy(tracking: Service, engagement: UUID, names: Sequence[str]) -> None:
    """Hand the leaves of destroyed devices to whoever sequences, a few at a time."""
    made = await registered(tracking, engagement, [row(name) for name in names])
    for at in range(0, len(made), 4):
        async with tracking.consuming() as tx:
            await views.leave(tx, [destroyed(one) for one in made[at : at + 4]])
        bell.ring()
        await asyncio.sleep(loops.ROUND_S / 4)


async def logged(tracking: Service) -> list[int]:
    """Wait until every leaf has its place; return who holds the sequencer's lock."""
    async with asyncio.timeout(20):
        while await tracking.rows('SELECT entry FROM leaves WHERE "index" IS NULL'):
            await asyncio.sleep(0.02)
    locks = await tracking.rows(
        "SELECT pid FROM pg_locks JOIN pg_database d ON d.oid = database AND datname = current_database() "
        "WHERE locktype = 'advisory' AND granted AND objsubid = 1 "
        "AND objid::bigint = hashtext('sequencer')::bigint & 4294967295"
    )
    return [lock.pid for lock in locks]


async def test_two_sequencers_sign_one_chain_of_heads_and_the_second_goes_on_when_the_first_ends(
    tracking: Service, caplog: pytest.LogCaptureFixture
) -> None:
    work = Work(tracking.settings, tracking.consumer, Client())
    engagement = await founded(tracking)
    names = [[f"{turn}{nth}" for nth in range(A_TURN)] for turn in ("ONE", "TWO", "END")]
    first = asyncio.create_task(loops.sequence(work))
    await destroy(tracking, engagement, names[0])
    (one,) = await logged(tracking)
    second = asyncio.create_task(loops.sequence(work))
    try:
        await destroy(tracking, engagement, names[1])
        assert await logged(tracking) == [one], "the second waits"
        assert [record.message for record in caplog.records if record.exc_info] == [], "they never meet"
        more = asyncio.create_task(destroy(tracking, engagement, names[2]))
        await asyncio.sleep(loops.ROUND_S * 1.5)
        first.cancel()
        await asyncio.gather(first, return_exceptions=True)
        await more
        (other,) = await logged(tracking)
        assert other != one
        assert not second.done()
    finally:
        for each in (first, second):
            each.cancel()
        await asyncio.gather(first, second, return_exceptions=True)
    await chained(tracking, A_TURN * len(names))


async def test_a_running_sequencer_takes_a_new_key_signs_with_both_and_ends_the_old_one(tracking: Service) -> None:
    folder = tracking.settings.keys
    (engagement,) = {row.engagement for row in await tracking.rows("SELECT engagement FROM labels")}
    (before,) = await tracking.rows("SELECT max(size) AS size FROM checkpoints")
    sequencer = asyncio.create_task(loops.sequence(Work(tracking.settings, tracking.consumer, Client())))
    old = log_signer(folder, tracking.settings.log_origin).vkey
    turns = {}
    try:
        for turn, act in (("OLD", None), ("BOTH", keys.rotate), ("NEW", keys.retire)):
            if act:
                act(folder, datetime.now(UTC))
            await destroy(tracking, engagement, [f"{turn}{nth}" for nth in range(8)])
            await logged(tracking)
            (head,) = await tracking.rows("SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1")
            turns[turn] = {identifier for _, identifier, _ in note.split(head.note)[1]}
            if turn == "BOTH":
                (until,) = await tracking.rows("SELECT max(size) AS size FROM checkpoints")
    finally:
        sequencer.cancel()
        await asyncio.gather(sequencer, return_exceptions=True)
    ended, new = keys.published(folder)
    assert turns == {"OLD": {old.id}, "BOTH": {old.id, new.key.id}, "NEW": {new.key.id}}
    assert (ended.key, ended.until, new.until) == (old, until.size, None)
    await chained(tracking, before.size + 24)


async def chained(tracking: Service, size: int) -> None:
    """Assert that each head extends the one before, and that every leaf has one place and was told of once."""
    stored = {one.path: bytes(one.content) for one in await tracking.rows("SELECT path, content FROM tiles")}
    heads = await tracking.rows("SELECT size, root, note FROM checkpoints ORDER BY size")
    assert len(heads) > 3, "in several rounds"
    assert heads[-1].size == size
    for before, head in pairwise(heads):
        proof = tiles.consistency(stored.__getitem__, before.size, head.size)
        merkle.check_consistency(before.size, head.size, bytes(before.root), bytes(head.root), proof)
    for head in heads:
        signed = open_head(head.note, keys.published(tracking.settings.keys))
        assert (signed.size, signed.root) == (head.size, bytes(head.root))
    leaves = await tracking.rows('SELECT entry, "index" FROM leaves ORDER BY "index"')
    assert [leaf.index for leaf in leaves] == list(range(size))
    notices = await tracking.rows("SELECT body FROM notices")
    told = [UUID(leaf["entry"]) for notice in notices for leaf in json.loads(notice.body)["leaves"]]
    assert sorted(told) == sorted(leaf.entry for leaf in leaves)
    kept = Path(tracking.settings.kept_head.removeprefix("file://")) / loops.KEPT
    assert await asyncio.to_thread(kept.read_text) == heads[-1].note
