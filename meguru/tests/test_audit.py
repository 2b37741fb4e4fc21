"""The audit against one planted change at a time, on ledgers that real commands and consumers have filled."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nats
import pytest

from meguru import audit as auditing
from meguru.audit import Finding, examine
from meguru.heads import BadHead, brought_by
from meguru.tests.world import LOG, World, a_call, found, kept, worlds
from services.tracking import loops
from services.tracking.keys import PUBLIC, Ring, log_signer, published, retire, rotate
from services.tracking.log.note import Checkpoint, NoteSigner
from shared import ledger
from shared.ids import uuid7
from shared.ledger import History
from shared.outbox import Parcel, parcel_of
from shared.stack.stack import Stack
from shared.testing import TOWN


@pytest.fixture(scope="module")
async def world(servers: Stack) -> AsyncIterator[World]:
    async with worlds(servers) as made:
        yield made


def about(findings: Sequence[Finding], row: Any) -> set[str]:
    return {one.what for one in findings if (one.service, one.stream, one.sequence) == row}


async def test_an_honest_stack_has_no_finding_and_every_entry_is_in_the_log(world: World) -> None:
    told: list[tuple[str, int, int]] = []
    result = await examine(world.stack, world.names, lambda *step: told.append(step))
    assert result.findings == []
    assert result.waiting == 0
    assert result.leaves == sum(result.entries.values()) == len(world.carried)
    assert all(result.entries[name] for name in ("tracking", "erasure", "refurb", "donations"))
    assert {stage for stage, _, _ in told} >= {"tracking", "log"}
    assert await auditing.audit(world.stack, world.names) == []


OTHER = "(overlay({0}::text PLACING CASE right({0}::text, 1) WHEN '0' THEN '1' ELSE '0' END FROM 36))::uuid"
CHANGES = {  # column: (the change, what it is found as)
    "stream": (f"stream = {OTHER.format('stream')}", "stream"),
    "id": (f"id = {OTHER.format('id')}", "id"),
    "sequence": ("sequence = sequence + 256", "sequence"),
    "tenant": ("tenant = overlay(tenant PLACING 'x' FROM 2 FOR 1)", "tenant"),
    "kind": ("kind = overlay(kind PLACING '9' FROM length(kind))", "kind"),
    "recorded_at": ("recorded_at = recorded_at + interval '1 microsecond'", "recorded_at"),
    "occurred_at": ("occurred_at = occurred_at - interval '1 microsecond'", "occurred_at"),
    "salt": ("salt = set_byte(salt, 7, get_byte(salt, 7) # 1)", "bytes"),
    "body": ("body = set_byte(body, length(body) / 2, get_byte(body, length(body) / 2) # 1)", "bytes"),
    "last byte": ("body = set_byte(body, length(body) - 3, get_byte(body, length(body) - 3) # 2)", "bytes"),
}


@pytest.mark.parametrize("column", CHANGES)
async def test_one_change_in_any_column_of_any_kind_is_found_and_located(world: World, column: str) -> None:
    change, what = CHANGES[column]
    planted = 0
    for name in world.names:
        connection = await world.stack.connect(name)
        await connection.execute("SET session_replication_role = replica")
        for kind in sorted({entry.kind for entry in await world.entries(name)}):
            before = await connection.fetchrow("SELECT * FROM entries WHERE kind = $1 ORDER BY id DESC LIMIT 1", kind)
            row = await connection.fetchrow(
                f"UPDATE entries SET {change} WHERE stream = $1 AND sequence = $2 RETURNING stream, sequence",  # noqa: S608 - a test's own words
                before["stream"],
                before["sequence"],
            )
            findings = await found(world)
            await connection.execute("DELETE FROM entries WHERE stream = $1 AND sequence = $2", *row)
            await connection.execute("INSERT INTO entries VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)", *before)
            assert what in about(findings, (name, row["stream"], row["sequence"])), (kind, findings)
            planted += 1
        await connection.close()
    assert planted >= 10
    assert await found(world) == []


async def test_a_removed_entry_is_named_by_its_place_in_the_log(world: World) -> None:
    (row,) = await world.services["refurb"].rows("SELECT stream, sequence FROM entries")
    async with kept(world, "refurb", "entries"):
        await world.execute("refurb", "DELETE FROM entries")
        (finding,) = await found(world)
    assert (finding.service, finding.stream, finding.sequence) == ("refurb", row.stream, row.sequence)
    assert finding.what == "not-in-ledger"
    assert finding.index is not None


async def test_an_entry_removed_from_the_middle_of_a_stream_leaves_a_gap(world: World) -> None:
    (row,) = await world.services["tracking"].rows(
        "SELECT stream FROM entries WHERE kind = 'tracking.reuse-candidate-named.v1'"
    )
    async with kept(world, "tracking", "entries"):
        await world.execute("tracking", "DELETE FROM entries WHERE stream = $1 AND sequence = 1", row.stream)
        findings = await found(world)
    assert about(findings, ("tracking", row.stream, 2)) == {"gap"}
    assert about(findings, ("tracking", row.stream, 1)) == {"not-in-ledger"}


async def test_an_entry_recorded_twice_is_found(world: World) -> None:
    async with kept(world, "donations", "entries"):
        await world.execute(
            "donations",
            "INSERT INTO entries SELECT stream, sequence + 1, id, tenant, kind, recorded_at, occurred_at, body, salt "
            "FROM entries",
        )
        findings = await found(world)
    assert {"twice", "sequence"} <= {one.what for one in findings}


async def test_an_entry_that_never_came_into_the_log_is_found_and_one_on_its_way_is_not(world: World) -> None:
    made = world.services["donations"]
    stream = uuid7()
    event = a_call().model_copy(update={"call": stream, "number": "063622-2026-2"})
    async with kept(world, "donations", "entries", "outbox"):
        async with made.acting() as tx:
            await ledger.append(tx, History(stream), event)
        result = await examine(world.stack, world.names)
        assert (result.findings, result.waiting) == ([], 1)
        await world.execute("donations", "DELETE FROM outbox")
        assert about(await found(world), ("donations", stream, 1)) == {"not-in-log"}
        (row,) = await made.rows("SELECT body, salt FROM entries WHERE stream = :stream", stream=stream)
        await publish_to_tracking(world.stack, parcel_of(0, bytes(row.body), bytes(16), None))
        assert about(await found(world), ("donations", stream, 1)) == {"not-in-log"}, "other bytes are on the bus"
        await publish_to_tracking(world.stack, parcel_of(0, bytes(row.body), bytes(row.salt), None))
        result = await examine(world.stack, world.names)
        assert (result.findings, result.waiting) == ([], 1)


async def publish_to_tracking(stack: Stack, parcel: Parcel) -> None:
    client = await nats.connect(**stack.nats_options())
    headers = {name: value for name, value in parcel.headers.items() if name != "Nats-Msg-Id"}
    subject = f"replay.tracking.{parcel.subject.partition('.')[2]}"
    await client.jetstream().publish(subject, parcel.body, headers=headers)
    await client.close()


async def test_a_removed_leaf_is_found_at_its_place(world: World) -> None:
    (row,) = await world.services["tracking"].rows(
        "SELECT stream, sequence, \"index\" FROM leaves WHERE kind = 'erasure.witness-recorded.v1'"
    )
    async with kept(world, "tracking", "leaves"):
        await world.execute("tracking", "DELETE FROM leaves WHERE stream = $1", row.stream)
        (finding,) = await found(world)
    assert (finding.service, finding.stream, finding.sequence) == ("erasure", row.stream, row.sequence)
    assert (finding.what, finding.index) == ("leaf", row.index)


async def test_a_removed_leaf_and_entry_leave_their_digest_in_the_log(world: World) -> None:
    (row,) = await world.services["tracking"].rows(
        "SELECT stream, \"index\" FROM leaves WHERE kind = 'erasure.witness-recorded.v1'"
    )
    async with kept(world, "tracking", "leaves"), kept(world, "erasure", "entries"):
        await world.execute("tracking", "DELETE FROM leaves WHERE stream = $1", row.stream)
        await world.execute("erasure", "DELETE FROM entries WHERE stream = $1", row.stream)
        (finding,) = await found(world)
    assert (finding.what, finding.index) == ("not-in-ledger", row.index)


async def test_a_swapped_pair_is_found_in_the_log_and_in_the_ledger(world: World) -> None:
    one, other = await world.services["tracking"].rows(
        'SELECT entry, stream, sequence, "index" FROM leaves '
        "WHERE kind = 'erasure.medium-destroyed.v1' ORDER BY \"index\""
    )
    async with kept(world, "tracking", "leaves"):
        await world.execute("tracking", 'UPDATE leaves SET "index" = -1 WHERE entry = $1', one.entry)
        await world.execute("tracking", 'UPDATE leaves SET "index" = $2 WHERE entry = $1', other.entry, one.index)
        await world.execute("tracking", 'UPDATE leaves SET "index" = $2 WHERE entry = $1', one.entry, other.index)
        findings = await found(world)
    for row in (one, other):
        assert about(findings, ("erasure", row.stream, row.sequence)) == {"log-entry"}
    async with kept(world, "erasure", "entries"):
        await world.execute(
            "erasure",
            "UPDATE entries e SET body = o.body, salt = o.salt FROM entries o "
            "WHERE e.kind = 'erasure.medium-destroyed.v1' AND o.kind = e.kind AND o.stream <> e.stream",
        )
        findings = await found(world)
    for row in (one, other):
        assert {"stream", "id"} <= about(findings, ("erasure", row.stream, row.sequence))


@pytest.mark.parametrize("path", ["tile/entries/%", "tile/0/%"])
async def test_a_changed_tile_names_the_entry_it_belongs_to(world: World, path: str) -> None:
    at = 5 * (34 if "entries" in path else 32) + 4
    (row,) = await world.services["tracking"].rows('SELECT stream, sequence, kind FROM leaves WHERE "index" = 5')
    async with kept(world, "tracking", "tiles"):
        await world.execute(
            "tracking",
            "UPDATE tiles SET content = set_byte(content, $2, get_byte(content, $2) # 1) WHERE path LIKE $1",
            path,
            at,
        )
        findings = await found(world)
    assert about(findings, (row.kind.partition(".")[0], row.stream, row.sequence)) & {"log-entry", "tile"}


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ("root = set_byte(root, 0, get_byte(root, 0) # 1)", "root"),
        ("note = replace(note, 'meguru.test', 'meguru.tesu')", "checkpoint"),
        ("size = size + 1", "tile"),
    ],
)
async def test_a_changed_head_is_found(world: World, change: str, what: str) -> None:
    async with kept(world, "tracking", "checkpoints"):
        await world.execute(
            "tracking",
            f"UPDATE checkpoints SET {change} WHERE size = (SELECT max(size) FROM checkpoints)",  # noqa: S608 - a test's own words
        )
        assert what in {one.what for one in await found(world)}


async def test_a_removed_tile_is_found(world: World) -> None:
    for path in ("tile/entries/%", "tile/0/%"):
        async with kept(world, "tracking", "tiles"):
            await world.execute("tracking", "DELETE FROM tiles WHERE path LIKE $1", path)
            assert "tile" in {one.what for one in await found(world)}


async def test_a_log_that_its_kept_head_has_left_behind_is_named_at_the_first_missing_place(world: World) -> None:
    (last, before) = await world.services["tracking"].rows("SELECT size FROM checkpoints ORDER BY size DESC LIMIT 2")
    async with kept(world, "tracking", "checkpoints"):
        await world.execute("tracking", "DELETE FROM checkpoints WHERE size = $1", last.size)
        (finding,) = [one for one in await found(world) if one.what == "head"]
    assert (finding.service, finding.index) == ("log", before.size)
    assert "an older state was put back" in finding.en


@pytest.mark.parametrize("content", [None, b"", b"no head\n"])
async def test_a_kept_head_that_is_gone_or_broken_is_found(world: World, content: bytes | None) -> None:
    file = world.stack.folder / "head" / loops.KEPT
    whole = file.read_bytes()
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)
    (finding,) = await found(world)
    assert (finding.service, finding.what) == ("log", "head")
    file.write_bytes(whole)
    assert await found(world) == []


async def test_a_head_that_somebody_brings_along_is_compared_whatever_its_day(world: World, tmp_path: Path) -> None:
    signer = log_signer(world.stack.folder / "keys", LOG)
    heads = await world.services["tracking"].rows("SELECT size, root, note FROM checkpoints ORDER BY size")
    size = heads[-1].size

    async def brought(signed: str) -> list[Finding]:
        file = tmp_path / "their head"
        file.write_text(signed, encoding="utf-8")
        theirs = [brought_by(file, published(world.stack.folder / "keys"))]
        return (await examine(world.stack, world.names, brought=theirs)).findings

    for head in heads:
        assert await brought(head.note) == []
    (older,) = await brought(signer.sign(str(Checkpoint(LOG, size - 1, bytes(32)))))
    assert (older.what, older.index) == ("head", size - 2)
    assert "another history" in older.en
    (newer,) = await brought(signer.sign(str(Checkpoint(LOG, size + 7, bytes(32)))))
    assert (newer.what, newer.index) == ("head", size)
    assert "their head" in newer.en
    for signed in (NoteSigner.new(LOG).sign(str(Checkpoint(LOG, 1, bytes(32)))), "", heads[0].note[:-9]):
        with pytest.raises(BadHead, match="/log/checkpoint"):
            await brought(signed)


async def test_a_head_under_a_key_that_had_ended_is_found_and_earlier_ones_stand(world: World) -> None:
    folder = world.stack.folder / "keys"
    before = {path: path.read_bytes() for path in folder.iterdir() if path.is_file()}
    (head,) = await world.services["tracking"].rows("SELECT max(size) AS size FROM checkpoints")
    ring = Ring(folder, LOG)
    await ring.look(head.size)
    rotate(folder, datetime.now(UTC))
    await ring.look(head.size)
    retire(folder, datetime.now(UTC))
    await ring.look(head.size)
    assert len(published(folder)) == 2
    assert await found(world) == [], "what the old key signed is as true as ever"
    public = (folder / PUBLIC).read_text()
    (folder / PUBLIC).write_text(public.replace(f"until={head.size}", f"until={head.size - 1}"))
    (finding,) = await found(world)
    assert (finding.what, finding.index) == ("checkpoint", head.size - 1)
    for path in folder.iterdir():
        if path in before:
            path.write_bytes(before[path])
        else:
            path.unlink()
    assert await found(world) == []


async def test_a_removed_file_of_an_earlier_head_is_found_while_its_tile_still_grows(world: World) -> None:
    (first, *_) = await world.services["tracking"].rows("SELECT size FROM checkpoints ORDER BY size")
    for path in (f"tile/0/000.p/{first.size}", f"tile/entries/000.p/{first.size}"):
        async with kept(world, "tracking", "tiles"):
            await world.execute("tracking", "DELETE FROM tiles WHERE path = $1", path)
            (finding,) = await found(world)
        assert (finding.what, path in finding.en) == ("tile", True)


async def test_the_audit_stops_when_nobody_could_read_more(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(auditing, "FINDINGS_MAX", 3)
    async with kept(world, "tracking", "entries"):
        await world.execute("tracking", "UPDATE entries SET salt = set_byte(salt, 0, get_byte(salt, 0) # 1)")
        findings = await found(world)
    assert [one.what for one in findings] == ["bytes"] * 3 + ["more"]
    assert str(TOWN) not in str(findings[0])
