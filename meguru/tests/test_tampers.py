"""Random tampers as superuser, each found and located; some dozens here, as many as MEGURU_TAMPERS says in a long run.

Not found: a signed head between two others that is left out of the table. Nothing is lost with it: whatever it proved,
every later head proves too, and whoever kept it can still have it checked (`meguru audit --checkpoint`).
"""

import os
import random
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest

from meguru.audit import Finding
from meguru.tests.test_audit import CHANGES
from meguru.tests.world import LOG, World, found, kept, worlds
from services.erasure.commands import witnesses
from services.tracking.commands import items
from services.tracking.keys import log_signer
from services.tracking.log import tiles
from services.tracking.log.note import Checkpoint
from services.tracking.tests import world as town
from shared.entry import digest
from shared.ids import uuid7
from shared.settings import Service as Name
from shared.stack.stack import Stack
from shared.testing import NOW

TAMPERS = int(os.environ.get("MEGURU_TAMPERS", "32"))
SEED = int(os.environ.get("MEGURU_TAMPERS_SEED", "20261124"))
ROUNDS, A_ROUND = (60, 50) if TAMPERS > 200 else (3, 90)  # signed heads, and items registered before each


@dataclass(slots=True)
class Tamper:
    """One drawn change: what to put back, and where the audit has to point."""

    world: World
    dice: random.Random
    closing: AsyncExitStack
    places: set[tuple[str, Any, Any]] = field(default_factory=set)  # service, stream, sequence
    indexes: range = range(0)  # places in the log
    whats: frozenset[str] = frozenset()  # findings that need no place of their own: a head, a file
    only: bool = False  # nothing but the kept head tells: it is the one finding

    def found(self, findings: Sequence[Finding]) -> bool:
        """Tell whether the findings point at what was changed."""
        if self.only:
            return [one.what for one in findings] == ["head"] and findings[0].index in self.indexes
        return any(self.located(one) for one in findings)

    def located(self, one: Finding) -> bool:
        """Tell whether a finding points at what was changed."""
        if (one.service, one.stream, one.sequence) in self.places:
            return True
        return one.what in self.whats or (one.index is not None and one.index in self.indexes)

    async def keep(self, name: Name, *tables: str) -> None:
        """Put these tables back afterwards."""
        await self.closing.enter_async_context(kept(self.world, name, *tables))

    async def one(self, name: Name, table: str, columns: str = "*", where: str = "true") -> Any:
        """Draw a row of a table."""
        rows = await self.world.services[name].rows(f"SELECT {columns} FROM {table} WHERE {where} ORDER BY 1, 2")  # noqa: S608 - a test's own words
        return self.dice.choice(rows)

    async def entry(self) -> tuple[Name, Any]:
        """Draw an entry of any ledger and say that it is the one to be found."""
        names = [name for name in self.world.names for _ in range(3 if name == "tracking" else 1)]
        self.dice.shuffle(names)
        for name in names:
            if rows := await self.world.services[name].rows("SELECT * FROM entries ORDER BY stream, sequence"):
                row = self.dice.choice(rows)
                self.places.add((name, row.stream, row.sequence))
                return name, row
        raise AssertionError("no ledger has an entry")


Drawn = Callable[[Tamper], Awaitable[None]]


async def a_byte(it: Tamper) -> None:
    name, row = await it.entry()
    at, bit = it.dice.randrange(len(row.body)), 1 << it.dice.randrange(8)
    await it.keep(name, "entries")
    change = f"body = set_byte(body, {at}, get_byte(body, {at}) # {bit})"
    await it.world.execute(name, f"UPDATE entries SET {change} WHERE stream = $1 AND sequence = $2", *row[:2])  # noqa: S608 - a test's own words


async def a_salt(it: Tamper) -> None:
    name, row = await it.entry()
    at = it.dice.randrange(16)
    await it.keep(name, "entries")
    change = f"salt = set_byte(salt, {at}, get_byte(salt, {at}) # 5)"
    await it.world.execute(name, f"UPDATE entries SET {change} WHERE stream = $1 AND sequence = $2", *row[:2])  # noqa: S608 - a test's own words


async def an_index_column(it: Tamper) -> None:
    name, row = await it.entry()
    column = it.dice.choice([one for one in CHANGES if one not in {"salt", "body", "last byte"}])
    await it.keep(name, "entries")
    query = f"UPDATE entries SET {CHANGES[column][0]} WHERE stream = $1 AND sequence = $2 RETURNING stream, sequence"  # noqa: S608 - a test's own words
    connection = await it.world.stack.connect(name)
    await connection.execute("SET session_replication_role = replica")
    changed = await connection.fetchrow(query, *row[:2])
    await connection.close()
    it.places.add((name, *changed))


async def a_deleted_tail(it: Tamper) -> None:
    name, row = await it.entry()
    await it.keep(name, "entries")
    it.places = {(name, row.stream, n) for n in range(row.sequence, row.sequence + 50)}
    await it.world.execute(name, "DELETE FROM entries WHERE stream = $1 AND sequence >= $2", *row[:2])


async def two_swapped(it: Tamper) -> None:
    rows = await it.world.services["tracking"].rows(
        "SELECT stream, sequence, body, salt FROM entries WHERE kind = 'tracking.item-registered.v1' ORDER BY 1, 2"
    )
    one, other = it.dice.sample(rows, 2)
    await it.keep("tracking", "entries")
    set_ = "UPDATE entries SET body = $3, salt = $4 WHERE stream = $1 AND sequence = $2"
    await it.world.execute("tracking", set_, *one[:2], other.body, other.salt)
    await it.world.execute("tracking", set_, *other[:2], one.body, one.salt)
    it.places = {("tracking", *one[:2])} if it.dice.random() < 0.5 else {("tracking", *other[:2])}


async def swapped_streams(it: Tamper) -> None:
    rows = await it.world.services["tracking"].rows(
        "SELECT stream, sequence FROM entries WHERE kind = 'tracking.item-registered.v1' ORDER BY 1, 2"
    )
    one, other = it.dice.sample(rows, 2)
    await it.keep("tracking", "entries")
    for old, new in ((one.stream, uuid7()), (other.stream, one.stream)):
        await it.world.execute("tracking", "UPDATE entries SET stream = $2 WHERE stream = $1", old, new)
    it.places = {("tracking", *one[:2]), ("tracking", *other[:2])}


async def forged(it: Tamper, depth: int) -> None:
    """Write another body with its right digest: in the leaf, from depth 1 on in the log's files, at 2 in every root."""
    name, row = await it.entry()
    (leaf,) = await it.world.services["tracking"].rows(
        'SELECT entry, "index" FROM leaves WHERE stream = :stream AND sequence = :sequence',
        stream=row.stream,
        sequence=row.sequence,
    )
    body = bytes(row.body).replace(b'"person":"', b'"person":"x', 1)
    new = digest(body, bytes(row.salt))
    await it.keep(name, "entries")
    await it.keep("tracking", "leaves", "tiles", "checkpoints")
    await it.world.execute(
        name, "UPDATE entries SET body = $3 WHERE stream = $1 AND sequence = $2", row.stream, row.sequence, body
    )
    await it.world.execute("tracking", "UPDATE leaves SET digest = $2 WHERE entry = $1", leaf.entry, new)
    if depth == 0:
        return
    tracking = it.world.services["tracking"]
    digests = [bytes(one.digest) for one in await tracking.rows('SELECT digest FROM leaves ORDER BY "index"')]
    heads = [one.size for one in await tracking.rows("SELECT size FROM checkpoints ORDER BY size")]
    tree = tiles.Tree()
    for size in heads:
        tree, files = tiles.append(tree, digests[tree.size : size])
        for path, content in files.items():
            await it.world.execute("tracking", "UPDATE tiles SET content = $2 WHERE path = $1", path, content)
        if depth > 1:
            await it.world.execute("tracking", "UPDATE checkpoints SET root = $2 WHERE size = $1", size, tree.root)
    after = next(size for size in heads if size > leaf.index)
    it.places, it.indexes = set(), range(leaf.index, after)


async def forged_with_the_key(it: Tamper) -> None:
    """Forge as deep as possible and sign every head anew: only the head kept apart is left to tell."""
    await forged(it, 2)
    signer = log_signer(it.world.stack.folder / "keys", LOG)
    heads = await it.world.services["tracking"].rows("SELECT size, root FROM checkpoints ORDER BY size")
    for head in heads:
        signed = signer.sign(str(Checkpoint(LOG, head.size, bytes(head.root))))
        await it.world.execute("tracking", "UPDATE checkpoints SET note = $2 WHERE size = $1", head.size, signed)
    it.only, it.indexes = True, range(heads[-1].size - 1, heads[-1].size)


async def put_back(it: Tamper) -> None:
    """Put every database back to what it was at an earlier head, as a whole: ledgers, leaves, tiles and heads agree."""
    tracking = it.world.services["tracking"]
    sizes = [row.size for row in await tracking.rows("SELECT size FROM checkpoints ORDER BY size")]
    size = it.dice.choice(sizes[:-1])
    leaves = await tracking.rows('SELECT kind, stream, sequence, digest, "index" FROM leaves ORDER BY "index"')
    await it.keep("tracking", "leaves", "tiles", "checkpoints")
    for name in it.world.names:
        await it.keep(name, "entries")
        late = [(one.stream, one.sequence) for one in leaves[size:] if one.kind.startswith(f"{name}.")]
        await it.world.execute(
            name,
            "DELETE FROM entries e USING unnest($1::uuid[], $2::int[]) AS l(stream, sequence) "
            "WHERE e.stream = l.stream AND e.sequence = l.sequence",
            [stream for stream, _ in late],
            [sequence for _, sequence in late],
        )
    await it.world.execute("tracking", 'DELETE FROM leaves WHERE "index" >= $1', size)
    await it.world.execute("tracking", "DELETE FROM checkpoints WHERE size > $1", size)
    await it.world.execute("tracking", "DELETE FROM tiles")
    tree, older = tiles.Tree(), dict[str, bytes]()
    for head in sizes[: sizes.index(size) + 1]:
        tree, files = tiles.append(tree, [bytes(one.digest) for one in leaves[tree.size : head]])
        older |= files
    for path, content in older.items():
        await it.world.execute("tracking", "INSERT INTO tiles (path, content) VALUES ($1, $2)", path, content)
    it.only, it.indexes = True, range(size, size + 1)


async def forged_with_its_leaf(it: Tamper) -> None:
    await forged(it, 0)


async def forged_with_its_files(it: Tamper) -> None:
    await forged(it, 1)


async def forged_with_every_root(it: Tamper) -> None:
    await forged(it, 2)


LEAF = {
    "digest": "digest = set_byte(digest, 3, get_byte(digest, 3) # 1)",
    "kind": "kind = kind || '0'",
    "tenant": "tenant = tenant || '0'",
    "sequence": "sequence = sequence + 300",
    "unplaced": '"index" = NULL',
    "misplaced": '"index" = "index" + 1000000',
}


async def a_leaf(it: Tamper) -> None:
    row = await it.one("tracking", "leaves", '"index", entry, stream, sequence, kind')
    await it.keep("tracking", "leaves")
    it.places = {(row.kind.partition(".")[0], row.stream, row.sequence)}
    what = it.dice.choice([*LEAF, "gone"])
    change = "DELETE FROM leaves" if what == "gone" else f"UPDATE leaves SET {LEAF[what]}"  # noqa: S608 - a test's own words
    await it.world.execute("tracking", f"{change} WHERE entry = $1", row.entry)


async def a_tile(it: Tamper) -> None:
    row = await it.one("tracking", "tiles", "path, content")
    await it.keep("tracking", "tiles")
    size = tiles.BUNDLED_SIZE if "entries" in row.path else 32
    at = it.dice.randrange(len(row.content))
    n = int(row.path.split("/")[2].removesuffix(".p"))
    it.whats, it.indexes = frozenset({"tile"}), range(n * 256 + at // size, n * 256 + at // size + 1)
    if it.dice.random() < 0.3:
        await it.world.execute("tracking", "DELETE FROM tiles WHERE path = $1", row.path)
        return
    change = f"content = set_byte(content, {at}, get_byte(content, {at}) # 1)"
    await it.world.execute("tracking", f"UPDATE tiles SET {change} WHERE path = $1", row.path)  # noqa: S608 - a test's own words


async def a_head(it: Tamper) -> None:
    row = await it.one("tracking", "checkpoints", "size, note")
    await it.keep("tracking", "checkpoints")
    it.indexes = range(row.size - 1, row.size + 1)
    at = it.dice.randrange(len(row.note))
    other = "A" if row.note[at] != "A" else "B"
    change = it.dice.choice(
        [
            "root = set_byte(root, 9, get_byte(root, 9) # 1)",
            f"note = overlay(note PLACING '{other}' FROM {at + 1} FOR 1)",
            "size = size + 1",
        ]
    )
    await it.world.execute("tracking", f"UPDATE checkpoints SET {change} WHERE size = $1", row.size)  # noqa: S608 - a test's own words


async def the_last_head(it: Tamper) -> None:
    rows = await it.world.services["tracking"].rows("SELECT size FROM checkpoints ORDER BY size DESC LIMIT 2")
    await it.keep("tracking", "checkpoints")
    it.indexes = range(rows[1].size, rows[0].size)
    await it.world.execute("tracking", "DELETE FROM checkpoints WHERE size = $1", rows[0].size)


async def an_outbox(it: Tamper) -> None:
    name = it.dice.choice(it.world.names)
    stream = uuid7()
    await it.keep(name, "outbox")
    it.places = {(name, stream, 1)}
    await it.world.execute(name, "INSERT INTO outbox (stream, sequence) VALUES ($1, 1)", stream)


# What a command writes beside the ledger and the outbox.
BESIDE: Mapping[Name, tuple[str, ...]] = {"tracking": ("labels", "lots", "timeline"), "erasure": ("witnesses",)}


async def waiting(it: Tamper) -> tuple[Name, Any]:
    """Record what nobody has carried yet, and say that one of it is to be found; return its real row of the outbox."""
    name = it.dice.choice([*BESIDE])
    await it.keep(name, "entries", "outbox", *BESIDE[name])
    made = it.world.services[name]
    (engagement,) = {
        row.engagement for row in await it.world.services["tracking"].rows("SELECT engagement FROM labels")
    }
    async with made.acting() as tx:
        for nth in range(1, 4):
            if name == "tracking":
                await items.register_lot(tx, engagement, "keyboard", nth)
            else:
                began = NOW + timedelta(hours=nth)
                await witnesses.witness(tx, engagement, witness="clerk", place="庁舎", began_at=began, ended_at=None)
    assert await found(it.world) == [], "what waits to be sent is no finding"
    row = await it.one(name, "outbox", "position, stream, sequence")
    it.places = {(name, row.stream, row.sequence)}
    return name, row


async def a_waiting_row_gone(it: Tamper) -> None:
    name, row = await waiting(it)
    await it.world.execute(name, "DELETE FROM outbox WHERE position = $1", row.position)


async def a_waiting_row_altered(it: Tamper) -> None:
    name, row = await waiting(it)
    change = it.dice.choice(["sequence = sequence + 7", "stream = gen_random_uuid()"])
    await it.world.execute(name, f"UPDATE outbox SET {change} WHERE position = $1", row.position)  # noqa: S608 - a test's own words


KINDS: Mapping[str, Drawn] = {
    each.__name__: each
    for each in (
        a_byte,
        a_salt,
        an_index_column,
        a_deleted_tail,
        two_swapped,
        swapped_streams,
        forged_with_its_leaf,
        forged_with_its_files,
        forged_with_every_root,
        forged_with_the_key,
        put_back,
        a_leaf,
        a_tile,
        a_head,
        the_last_head,
        an_outbox,
        a_waiting_row_gone,
        a_waiting_row_altered,
    )
}


@pytest.fixture(scope="module")
async def grown(servers: Stack) -> AsyncIterator[World]:
    """The story of the audit's own tests, with more items and a signed head after every few of them."""
    async with worlds(servers) as world:
        tracking = world.services["tracking"]
        (engagement,) = {row.engagement for row in await tracking.rows("SELECT engagement FROM labels")}
        for nth in range(ROUNDS):
            await town.registered(tracking, engagement, [town.row(f"T{nth}-{n}") for n in range(A_ROUND)])
            await world.carry()
        yield world


@pytest.mark.timeout(7200)
async def test_every_random_tamper_is_found_where_it_was_made_and_an_honest_state_is_clean(grown: World) -> None:
    dice = random.Random(SEED)
    assert await found(grown) == []
    missed: list[str] = []
    done: Counter[str] = Counter()
    for nth in range(TAMPERS):
        name = list(KINDS)[nth % len(KINDS)]
        async with AsyncExitStack() as closing:
            it = Tamper(grown, dice, closing)
            await KINDS[name](it)
            findings = await found(grown)
        if not it.found(findings):
            missed.append(f"{nth} {name}: {[str(one) for one in findings[:4]]} wanted {it.places or it.indexes}")
        done[name] += 1
        if nth % 50 == 0:
            assert await found(grown) == [], f"put back after {name}"
    assert missed == []
    assert await found(grown) == []
    assert set(done) == set(KINDS)
