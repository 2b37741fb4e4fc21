import asyncio
import json
from base64 import b64decode
from pathlib import Path

import pytest
from nats.aio.client import Client
from sqlalchemy import text

from services.tracking import loops, views
from services.tracking.log import merkle, note, tiles
from services.tracking.log.note import Checkpoint, NoteSigner
from services.tracking.tests.test_commands import destroyed
from services.tracking.tests.world import founded, registered, row
from shared.testing import Service
from shared.worker import Work

ORIGIN = "meguru.test/log"


@pytest.fixture(scope="module")
def signer() -> NoteSigner:
    return NoteSigner.new(ORIGIN)


async def test_a_round_gives_every_leaf_a_place_and_tells_the_cited_ones_how_to_prove_it(
    tracking: Service, signer: NoteSigner
) -> None:
    made = await registered(tracking, await founded(tracking), [row(f"L{n}") for n in range(300)])
    grown = 0
    for entries in ([destroyed(one) for one in made[:40]], [destroyed(one) for one in made[40:300]]):
        async with tracking.consuming() as tx:
            await views.leave(tx, entries)
            await views.leave(tx, entries)
        async with tracking.consumer.connect() as connection:
            grown += await loops.integrate(connection, signer)
            assert await loops.integrate(connection, signer) == 0
        digests = {str(entry.id): entry.digest for entry in entries}
        notices = await tracking.rows("SELECT subject, body FROM notices ORDER BY position")
        proved = 0
        for notice in notices:
            said = json.loads(notice.body)
            head = Checkpoint.parse(note.open_note(said["checkpoint"], [signer.vkey]))
            assert len(said["leaves"]) <= loops.NOTICE_LEAVES_MAX
            for leaf in said["leaves"]:
                if leaf["entry"] in digests:
                    path = [b64decode(step) for step in leaf["path"]]
                    merkle.check_inclusion(
                        leaf["index"], head.size, merkle.leaf_hash(digests[leaf["entry"]]), path, head.root
                    )
                    proved += 1
        assert proved == len(entries)
    stored = {found.path: bytes(found.content) for found in await tracking.rows("SELECT path, content FROM tiles")}
    (head,) = await tracking.rows("SELECT size, root, note FROM checkpoints ORDER BY size DESC LIMIT 1")
    assert head.size == grown == 300
    assert tiles.root(stored.__getitem__, grown) == bytes(head.root)
    proof = tiles.consistency(stored.__getitem__, 40, 300)
    (earlier,) = await tracking.rows("SELECT root FROM checkpoints WHERE size = 40")
    merkle.check_consistency(40, 300, bytes(earlier.root), bytes(head.root), proof)


async def test_a_log_whose_tiles_were_changed_is_not_signed_again(tracking: Service, signer: NoteSigner) -> None:
    made = await registered(tracking, await founded(tracking, contract="R8-2"), [row("T1")])
    async with tracking.consuming() as tx:
        await views.leave(tx, [destroyed(made[0])])
    change = (
        "UPDATE tiles SET content = overlay(content PLACING '\\x00'::bytea FROM 3 FOR 1) WHERE path LIKE 'tile/0/%'"
    )
    async with tracking.consumer.begin() as connection:
        await connection.execute(text(change))
    async with tracking.consumer.connect() as connection:
        with pytest.raises(loops.Inconsistent, match="do not lead"):
            await loops.integrate(connection, signer)
    (head,) = await tracking.rows("SELECT max(size) AS size FROM checkpoints")
    assert head.size == 300


async def test_a_changed_log_is_said_and_looked_at_again_while_the_process_lives_on(
    tracking: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(loops, "LOOK_AGAIN_S", 0.01)
    heads = [tuple(row) for row in await tracking.rows("SELECT size, note FROM checkpoints ORDER BY size")]
    sequencer = asyncio.create_task(loops.sequence(Work(tracking.settings, tracking.consumer, Client())))
    async with asyncio.timeout(20):
        while caplog.text.count("nothing more is signed") < 3:  # it found the change, waited, and looked again
            await asyncio.sleep(0.01)
    assert not sequencer.done()
    sequencer.cancel()
    await asyncio.gather(sequencer, return_exceptions=True)
    assert [tuple(row) for row in await tracking.rows("SELECT size, note FROM checkpoints ORDER BY size")] == heads


def test_the_logs_key_is_made_once(tmp_path: Path) -> None:
    first = loops.log_signer(tmp_path / "keys", ORIGIN)
    assert loops.log_signer(tmp_path / "keys", ORIGIN).vkey == first.vkey
    assert (tmp_path / "keys" / "log.vkey").read_text().strip() == str(first.vkey)
    assert (tmp_path / "keys" / "log.pem").stat().st_mode & 0o077 == 0
