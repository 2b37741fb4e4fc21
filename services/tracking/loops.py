"""What tracking does by itself: the sequencer of the log.

One sequencer holds an advisory lock. A round takes the leaves that wait, gives them their places, and commits tiles,
checkpoint, places and notices in ONE transaction: that commit is the moment the log grows. A crash before it leaves
nothing; the next round does the same work again. It never signs a head that does not extend the one before.

After the commit the head is kept apart from the database. Nothing more is signed before it is, and nothing while the
database does not lead to it: an older database that was put back is seen at the start and before the next signature.
"""

import asyncio
import logging
from dataclasses import dataclass

from sqlalchemy import BigInteger, Uuid, bindparam, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlalchemy.ext.asyncio import AsyncConnection

from services.tracking import notices
from services.tracking.keys import CannotSign, Ring, Signer
from services.tracking.log import merkle, note, tiles
from services.tracking.log.note import BadNote, Checkpoint
from services.tracking.notices import Leaf
from shared import bell, keepsake
from shared.database import alone
from shared.telemetry import span
from shared.worker import Work

log = logging.getLogger(__name__)

ROUND_LEAVES_MAX = 1000
ROUND_S = 0.1  # rounds are at least this far apart, so that leaves share their tiles and checkpoint
RETRY_S = 0.5
KEYS_AGAIN_S = 10.0  # after a key that may not sign: an operator is about to put it right
LOOK_AGAIN_S = 60.0  # after the log was found changed: somebody has to mend it first


class Inconsistent(RuntimeError):
    """The stored tiles do not lead to the last root, or the log not to the kept head. Nothing more is signed."""


_PLACE = text(
    'UPDATE leaves SET "index" = p.place FROM unnest(:entries, :places) AS p(entry, place) WHERE leaves.entry = p.entry'
).bindparams(bindparam("entries", type_=ARRAY(Uuid)), bindparam("places", type_=ARRAY(BigInteger)))
KEPT = "checkpoint"  # the file's name in the place of `MEGURU_KEPT_HEAD`


@dataclass(slots=True)
class Kept:
    """The last signed head, kept apart from the database (docs/adr/0017)."""

    place: str
    head: Checkpoint | None = None  # what lies there, once this sequencer has looked or written

    async def keep(self, signed: str) -> None:
        """Keep a head that is committed. Raises Away; then nothing is signed until it is kept."""
        self.head = None
        await keepsake.keep(self.place, KEPT, signed.encode())
        self.head = Checkpoint.parse(note.split(signed)[0])

    async def check(self, connection: AsyncConnection, origin: str) -> tiles.Tree:
        """Return the edge of the log, which extends the kept head. Raises Inconsistent, Away.

        A log that is ahead by what a crash left unkept, or that has no kept head yet, is kept as it is.
        """
        tree, signed = await _tree(connection)
        if self.head and (self.head.size, self.head.root) == (tree.size, tree.root):
            return tree
        found = await keepsake.read(self.place, KEPT)
        if found is not None:
            await _extends(connection, tree, _kept_head(found, origin))
        elif tree.size:
            log.warning("no head is kept in %s; the log of %s entries is taken as it is", self.place, tree.size)
        if signed:
            await self.keep(signed)
        return tree


def _kept_head(found: bytes, origin: str) -> Checkpoint:
    """Read the kept head. Its signature is not asked for: who can write there could put an old signed one there too."""
    try:
        head = Checkpoint.parse(note.split(found.decode())[0])
    except (BadNote, UnicodeDecodeError) as broken:
        raise Inconsistent(f"the kept head cannot be read ({broken}); run `meguru audit`") from broken
    if head.origin != origin:
        raise Inconsistent(f"the kept head is of the log {head.origin}, this one is {origin}: check MEGURU_LOG_ORIGIN")
    return head


async def _extends(connection: AsyncConnection, tree: tiles.Tree, kept: Checkpoint) -> None:
    """Check that the log begins with what the kept head signed. Raises Inconsistent."""
    if kept.size > tree.size:
        raise Inconsistent(
            f"the log has {tree.size} entries, the kept head {kept.size}: an older database was put back; run "
            "`meguru audit` and see docs/operations.md"
        )
    if kept.size == 0:
        return
    try:
        proof = []
        if kept.size < tree.size:
            stored = await notices.stored(connection, tiles.proving(kept.size, tree.size))
            proof = tiles.consistency(stored.__getitem__, kept.size, tree.size)
        merkle.check_consistency(kept.size, tree.size, kept.root, tree.root, proof)
    except (KeyError, ValueError) as other:
        raise Inconsistent(
            f"the log of {tree.size} entries does not begin with the {kept.size} of the kept head: another history was "
            "put in its place; run `meguru audit` and see docs/operations.md"
        ) from other


async def sequence(work: Work) -> None:
    """Integrate what is new a few times a second, for ever.

    A log that was changed is never signed again: the sequencer says so and waits, the doors of the house stay open.
    """
    ring = Ring(work.settings.keys, work.settings.log_origin)
    heard = bell.listen()
    while True:
        try:
            async with alone(work.consumer, "sequencer") as connection:
                kept = Kept(work.settings.kept_head)
                await kept.check(connection, ring.name)
                await connection.commit()
                while True:
                    heard.clear()
                    await ring.look(kept.head.size if kept.head else None)
                    if grown := await integrate(connection, ring, kept):
                        bell.ring()  # the relay has notices to send
                        if grown < ROUND_LEAVES_MAX:  # more wait already: their round is full without a rest
                            await bell.rest(ROUND_S)
                    else:
                        await bell.wait(heard, bell.pause_s(work.settings.role))
        except asyncio.CancelledError:
            raise
        except Inconsistent:
            log.critical("the log is not what was signed; nothing more is signed until it is", exc_info=True)
            await bell.rest(LOOK_AGAIN_S)
        except CannotSign:
            log.critical("the log's keys must be put right; nothing is signed until they are", exc_info=True)
            await bell.rest(KEYS_AGAIN_S)
        except Exception:
            log.exception("the sequencer lost its database or the place of its head; it goes on in %s s", RETRY_S)
            await bell.rest(RETRY_S)


async def integrate(connection: AsyncConnection, signer: Signer, kept: Kept) -> int:
    """Run one round, commit it, keep its head. Returns how many leaves the log grew by. Raises Inconsistent, Away."""
    waiting = list(
        await connection.execute(
            text(
                'SELECT entry, tenant, kind, digest, traceparent FROM leaves WHERE "index" IS NULL '
                "ORDER BY entry LIMIT :most FOR UPDATE"
            ),
            {"most": ROUND_LEAVES_MAX},
        )
    )
    if not waiting:
        await connection.commit()
        return 0
    links = tuple(row.traceparent for row in waiting if row.traceparent)[:32]
    with span("log round", links=links, leaves=len(waiting)):
        tree = await kept.check(connection, signer.name)
        grown, files = tiles.append(tree, [bytes(row.digest) for row in waiting])
        signed = signer.sign(str(Checkpoint(signer.name, grown.size, grown.root)))
        await _store(connection, files)
        await connection.execute(
            _PLACE,
            {"entries": [row.entry for row in waiting], "places": [tree.size + nth for nth in range(len(waiting))]},
        )
        await connection.execute(
            text("INSERT INTO checkpoints (size, root, note) VALUES (:size, :root, :note)"),
            {"size": grown.size, "root": grown.root, "note": signed},
        )
        awaited = [
            Leaf(row.entry, row.tenant, tree.size + nth)
            for nth, row in enumerate(waiting)
            if row.kind in notices.AWAITED
        ]
        await notices.announce(connection, awaited, grown.size, signed)
        await connection.commit()  # from here on the log has grown; before it, no head may lie elsewhere
        await kept.keep(signed)
    return len(waiting)


async def _tree(connection: AsyncConnection) -> tuple[tiles.Tree, str]:
    """Load the edge of the tree, check that it leads to the last signed root, and return it with that signed head."""
    head = (
        await connection.execute(text("SELECT size, root, note FROM checkpoints ORDER BY size DESC LIMIT 1"))
    ).one_or_none()
    if head is None:
        return tiles.Tree(), ""
    asked: list[str] = []

    def note_path(path: str) -> bytes:
        asked.append(path)
        return bytes(tiles.WIDTH * tiles.BUNDLED_SIZE)

    tiles.load(head.size, note_path)
    stored = await notices.stored(connection, asked)
    try:
        tree = tiles.load(head.size, stored.__getitem__)
    except (KeyError, ValueError) as missing:
        raise Inconsistent(f"the log's file {missing} is missing or cut; run `meguru audit`") from missing
    if tree.root != bytes(head.root):
        raise Inconsistent("the stored tiles do not lead to the last signed root; run `meguru audit`")
    return tree, head.note


async def _store(connection: AsyncConnection, files: dict[str, bytes]) -> None:
    await connection.execute(
        text(
            "INSERT INTO tiles (path, content) VALUES (:path, :content) "
            "ON CONFLICT (path) DO UPDATE SET content = excluded.content"
        ),
        [{"path": path, "content": content} for path, content in files.items()],
    )
    if grown := [  # tlog-tiles: partials may go once a tile is full; LIKE would read every tile there is
        f"{path}.p/{width}" for path in files if ".p/" not in path for width in range(1, tiles.WIDTH)
    ]:
        await connection.execute(text("DELETE FROM tiles WHERE path = ANY(:grown)"), {"grown": grown})
