import asyncio
import json
from base64 import b64decode
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from nats.aio.client import Client
from sqlalchemy import text

from services.tracking import loops, views
from services.tracking.keys import log_signer
from services.tracking.log import merkle, note, tiles
from services.tracking.log.note import Checkpoint, NoteSigner
from services.tracking.notices import NOTICE_LEAVES_MAX
from services.tracking.tests.entries import destroyed
from services.tracking.tests.world import founded, registered, row
from shared.blobs import Away
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
            kept = loops.Kept(tracking.settings.kept_head)
            grown += await loops.integrate(connection, signer, kept)
            assert await loops.integrate(connection, signer, kept) == 0
        digests = {str(entry.id): entry.digest for entry in entries}
        notices = await tracking.rows("SELECT subject, body FROM notices ORDER BY position")
        proved = 0
        for notice in notices:
            said = json.loads(notice.body)
            head = Checkpoint.parse(note.open_note(said["checkpoint"], [signer.vkey]))
            assert len(said["leaves"]) <= NOTICE_LEAVES_MAX
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


LOGGED = ("leaves", "tiles", "checkpoints")


async def grow(tracking: Service, signer: NoteSigner, names: Sequence[str], kept: loops.Kept) -> int:
    """Let the log grow by one round of destroyed items; return its size."""
    (engagement,) = {row.engagement for row in await tracking.rows("SELECT engagement FROM labels")} or {
        await founded(tracking)
    }
    made = await registered(tracking, engagement, [row(name) for name in names])
    async with tracking.consuming() as tx:
        await views.leave(tx, [destroyed(one) for one in made])
    async with tracking.consumer.connect() as connection:
        await loops.integrate(connection, signer, kept)
    (head,) = await tracking.rows("SELECT max(size) AS size FROM checkpoints")
    return int(head.size)


@asynccontextmanager
async def put_back(tracking: Service) -> AsyncIterator[None]:
    """At the end, put the log back to what it was at the beginning, as a restored older database has it."""
    connection = await tracking.stack.connect("tracking")
    try:
        for table in LOGGED:
            await connection.execute(f"CREATE TABLE older_{table} AS TABLE {table}")
        yield
        for table in LOGGED:
            await connection.execute(f"DELETE FROM {table}")  # noqa: S608 - a test's own words
            await connection.execute(f"INSERT INTO {table} TABLE older_{table}")
            await connection.execute(f"DROP TABLE older_{table}")
    finally:
        await connection.close()


async def checked(tracking: Service, kept: loops.Kept) -> int:
    async with tracking.consumer.connect() as connection:
        return (await kept.check(connection, ORIGIN)).size


async def test_an_older_database_is_found_at_the_start_and_by_a_sequencer_that_went_on(
    tracking: Service, signer: NoteSigner
) -> None:
    running = loops.Kept(tracking.settings.kept_head)
    before = await grow(tracking, signer, ["K1", "K2"], running)
    async with put_back(tracking):
        after = await grow(tracking, signer, [f"K3-{n}" for n in range(300)], running)
        assert await checked(tracking, loops.Kept(running.place)) == after == before + 300
    for kept in (loops.Kept(running.place), running):
        with pytest.raises(loops.Inconsistent, match=f"has {before} entries, the kept head {after}: an older"):
            await checked(tracking, kept)
    with pytest.raises(loops.Inconsistent, match="an older database"):
        await grow(tracking, signer, ["K4"], running)
    assert [row.size for row in await tracking.rows("SELECT max(size) AS size FROM checkpoints")] == [before]
    (Path(running.place.removeprefix("file://")) / loops.KEPT).unlink()  # the loss is accepted openly
    assert await grow(tracking, signer, ["K5"], loops.Kept(running.place)) == before + 2


@pytest.mark.parametrize("more", [0, 1, 300])
async def test_another_history_signed_with_the_logs_own_key_is_found(
    tracking: Service, signer: NoteSigner, more: int
) -> None:
    kept = loops.Kept(tracking.settings.kept_head)
    honest = await grow(tracking, signer, [f"H{more}-{n}" for n in range(5)], kept)
    digests = [bytes(leaf.digest) for leaf in await tracking.rows('SELECT digest FROM leaves ORDER BY "index"')]
    digests[-2] = bytes(32)
    grown, files = tiles.append(tiles.Tree(), digests + [bytes(32)] * more)
    async with put_back(tracking):
        connection = await tracking.stack.connect("tracking")
        await connection.execute("DELETE FROM tiles")
        await connection.executemany("INSERT INTO tiles (path, content) VALUES ($1, $2)", list(files.items()))
        forged = signer.sign(str(Checkpoint(ORIGIN, grown.size, grown.root)))
        await connection.execute("DELETE FROM checkpoints")
        await connection.execute("INSERT INTO checkpoints VALUES ($1, $2, $3)", grown.size, grown.root, forged)
        await connection.close()
        with pytest.raises(loops.Inconsistent, match=f"does not begin with the {honest} of the kept head"):
            await checked(tracking, loops.Kept(kept.place))
    assert await checked(tracking, loops.Kept(kept.place)) == honest


async def test_a_crash_between_commit_and_keeping_is_caught_up_and_what_was_never_kept_is_said(
    tracking: Service, signer: NoteSigner, caplog: pytest.LogCaptureFixture
) -> None:
    kept = loops.Kept(tracking.settings.kept_head)
    file = Path(kept.place.removeprefix("file://")) / loops.KEPT
    await grow(tracking, signer, ["C1"], kept)
    before = file.read_bytes()
    size = await grow(tracking, signer, [f"C2-{n}" for n in range(300)], kept)
    whole = file.read_bytes()
    file.write_bytes(before)
    assert await checked(tracking, loops.Kept(kept.place)) == size
    assert file.read_bytes() == whole
    assert "is taken as it is" not in caplog.text
    file.unlink()
    assert await checked(tracking, loops.Kept(kept.place)) == size
    assert file.read_bytes() == whole
    assert f"the log of {size} entries is taken as it is" in caplog.text


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "cannot be read"),
        (b"\xff\xfe", "cannot be read"),
        (b"another/log\n1\n" + b"A" * 43 + b"=\n\n\xe2\x80\x94 another/log AAAA\n", "of the log another/log"),
    ],
)
async def test_a_kept_head_that_is_none_of_this_log_stops_the_sequencer(
    tracking: Service, signer: NoteSigner, content: bytes, said: str
) -> None:
    kept = loops.Kept(tracking.settings.kept_head)
    file = Path(kept.place.removeprefix("file://")) / loops.KEPT
    await grow(tracking, signer, [f"N{len(content)}"], kept)
    whole = file.read_bytes()
    file.write_bytes(content)
    with pytest.raises(loops.Inconsistent, match=said):
        await checked(tracking, loops.Kept(kept.place))
    file.write_bytes(whole)
    await checked(tracking, loops.Kept(kept.place))


async def test_nothing_more_is_signed_while_the_last_head_cannot_be_kept(tracking: Service, signer: NoteSigner) -> None:
    kept = loops.Kept(tracking.settings.kept_head)
    size = await grow(tracking, signer, ["A1"], kept)
    in_the_way = Path(kept.place.removeprefix("file://")) / f".{loops.KEPT}"
    in_the_way.mkdir()  # what lies in the place can still be read
    for name in ("A2", "A3", "A4"):  # the first commits and cannot keep its head
        with pytest.raises(Away):
            await grow(tracking, signer, [name], kept)
    assert [row.size for row in await tracking.rows("SELECT max(size) AS size FROM checkpoints")] == [size + 1]
    in_the_way.rmdir()
    assert await grow(tracking, signer, ["A5"], kept) == size + 4


async def test_a_log_whose_tiles_were_changed_is_not_signed_again(tracking: Service, signer: NoteSigner) -> None:
    made = await registered(tracking, await founded(tracking, contract="R8-2"), [row("T1")])
    (before,) = await tracking.rows("SELECT max(size) AS size FROM checkpoints")
    async with tracking.consuming() as tx:
        await views.leave(tx, [destroyed(made[0])])
    change = "UPDATE tiles SET content = set_byte(content, 2, get_byte(content, 2) # 1) WHERE path LIKE 'tile/0/%'"
    async with tracking.consumer.begin() as connection:
        await connection.execute(text(change))
    async with tracking.consumer.connect() as connection:
        with pytest.raises(loops.Inconsistent, match="do not lead"):
            await loops.integrate(connection, signer, loops.Kept(tracking.settings.kept_head))
    (head,) = await tracking.rows("SELECT max(size) AS size FROM checkpoints")
    assert head.size == before.size


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
    first = log_signer(tmp_path / "keys", ORIGIN)
    assert log_signer(tmp_path / "keys", ORIGIN).vkey == first.vkey
    assert (tmp_path / "keys" / "log.vkey").read_text().strip() == str(first.vkey)
    assert (tmp_path / "keys" / "log.pem").stat().st_mode & 0o077 == 0
