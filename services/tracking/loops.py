"""What tracking does by itself: the sequencer of the log.

One sequencer holds an advisory lock. A round takes the leaves that wait, gives them their places, and commits tiles,
checkpoint, places and notices in ONE transaction: that commit is the moment the log grows. A crash before it leaves
nothing; the next round does the same work again. It never signs a head that does not extend the one before.
"""

import asyncio
import json
import logging
from base64 import b64encode
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import bindparam, text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.tracking.log import merkle, tiles
from services.tracking.log.note import Checkpoint, NoteSigner
from shared import bell
from shared.database import alone
from shared.ids import derived
from shared.telemetry import span
from shared.worker import Work

log = logging.getLogger(__name__)

ROUND_LEAVES_MAX = 1000
NOTICE_LEAVES_MAX = 100
ROUND_S = 0.1  # rounds are at least this far apart, so that leaves share their tiles and checkpoint
RETRY_S = 0.5
LOOK_AGAIN_S = 60.0  # after the log was found changed: somebody has to mend it first
CITED = ("erasure.medium-erased.v1", "erasure.medium-destroyed.v1", "tracking.custody-closed.v1")


class Inconsistent(RuntimeError):
    """The stored tiles do not lead to the stored root: somebody changed the log. Nothing more is signed."""


def log_signer(folder: Path, origin: str) -> NoteSigner:
    """Load the log's key, made on first run, and leave its public half as `log.vkey` for everybody."""
    private = folder / "log.pem"
    if private.exists():
        signer = NoteSigner.from_pem(origin, private.read_bytes())
    else:
        folder.mkdir(parents=True, exist_ok=True)
        signer = NoteSigner.new(origin)
        private.touch(mode=0o600)
        private.write_bytes(signer.to_pem())
    public = folder / "log.vkey"
    if not public.exists():
        public.write_text(f"{signer.vkey}\n")
    return signer


async def sequence(work: Work) -> None:
    """Integrate what is new a few times a second, for ever.

    A log that was changed is never signed again: the sequencer says so and waits, the doors of the house stay open.
    """
    signer = log_signer(work.settings.keys, work.settings.log_origin)
    heard = bell.listen()
    while True:
        try:
            async with alone(work.consumer, "sequencer") as connection:
                while True:
                    heard.clear()
                    if await integrate(connection, signer):
                        bell.ring()  # the relay has notices to send
                        await bell.rest(ROUND_S)
                    else:
                        await bell.wait(heard, bell.pause_s(work.settings.role))
        except asyncio.CancelledError:
            raise
        except Inconsistent:
            log.critical("the log is not what was signed; nothing more is signed until it is", exc_info=True)
            await bell.rest(LOOK_AGAIN_S)
        except Exception:
            log.exception("the sequencer lost its database; it goes on in %s s", RETRY_S)
            await bell.rest(RETRY_S)


async def integrate(connection: AsyncConnection, signer: NoteSigner) -> int:
    """Run one round and commit it. Returns how many leaves the log grew by. Raises Inconsistent."""
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
        tree = await _tree(connection)
        grown, files = tiles.append(tree, [bytes(row.digest) for row in waiting])
        note = signer.sign(str(Checkpoint(signer.name, grown.size, grown.root)))
        await _store(connection, files)
        await connection.execute(
            text('UPDATE leaves SET "index" = :place WHERE entry = :of').bindparams(
                bindparam("place"), bindparam("of")
            ),
            [{"place": tree.size + nth, "of": row.entry} for nth, row in enumerate(waiting)],
        )
        await connection.execute(
            text("INSERT INTO checkpoints (size, root, note, made_at) VALUES (:size, :root, :note, :at)"),
            {"size": grown.size, "root": grown.root, "note": note, "at": datetime.now(UTC)},
        )
        await _announce(connection, waiting, tree.size, grown.size, note)
        await connection.commit()
    return len(waiting)


async def _tree(connection: AsyncConnection) -> tiles.Tree:
    """Load the edge of the tree and check that it leads to the last signed root."""
    head = (
        await connection.execute(text("SELECT size, root FROM checkpoints ORDER BY size DESC LIMIT 1"))
    ).one_or_none()
    if head is None:
        return tiles.Tree()
    asked: list[str] = []

    def note_path(path: str) -> bytes:
        asked.append(path)
        return bytes(tiles.WIDTH * tiles.BUNDLED_SIZE)

    tiles.load(head.size, note_path)
    stored = await _read(connection, asked)
    try:
        tree = tiles.load(head.size, stored.__getitem__)
    except KeyError as missing:
        raise Inconsistent(f"the log's file {missing} is missing; run `meguru audit`") from missing
    if tree.root != bytes(head.root):
        raise Inconsistent("the stored tiles do not lead to the last signed root; run `meguru audit`")
    return tree


async def _read(connection: AsyncConnection, paths: Sequence[str]) -> dict[str, bytes]:
    """Return the stored files of these paths; a partial tile that a full one replaced is answered by the full one."""
    full = [path.partition(".p/")[0] for path in paths]
    found = await connection.execute(
        text("SELECT path, content FROM tiles WHERE path = ANY(:paths)"), {"paths": [*paths, *full]}
    )
    return {row.path: bytes(row.content) for row in found}


async def _store(connection: AsyncConnection, files: dict[str, bytes]) -> None:
    await connection.execute(
        text(
            "INSERT INTO tiles (path, content) VALUES (:path, :content) "
            "ON CONFLICT (path) DO UPDATE SET content = excluded.content"
        ),
        [{"path": path, "content": content} for path, content in files.items()],
    )
    if full := [
        f"{path}.p/%" for path in files if ".p/" not in path
    ]:  # tlog-tiles: partials may go once a tile is full
        await connection.execute(text("DELETE FROM tiles WHERE path LIKE ANY(:partials)"), {"partials": full})


async def _announce(connection: AsyncConnection, waiting: Sequence[Any], first: int, size: int, note: str) -> None:
    """Put the notices in the outbox: one message a tenant and round, at most 100 leaves each."""
    cited = [(first + nth, row) for nth, row in enumerate(waiting) if row.kind in CITED]
    if not cited:
        return
    paths = tiles.needed([index for index, _ in cited], size)
    subtree = tiles.subtree((await _read(connection, paths)).__getitem__, size)
    by_tenant: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for index, row in cited:
        path = [b64encode(step).decode() for step in merkle.inclusion(subtree, index, size)]
        by_tenant[row.tenant].append({"entry": str(row.entry), "index": index, "path": path})
    notices = [
        {
            "id": derived(UUID(group[0]["entry"]), f"logged:{size}"),
            "subject": f"notice.{tenant}.tracking.logged.v1",
            "body": json.dumps(
                {"checkpoint": note, "leaves": group}, separators=(",", ":"), ensure_ascii=False
            ).encode(),
        }
        for tenant, leaves in by_tenant.items()
        for group in (leaves[at : at + NOTICE_LEAVES_MAX] for at in range(0, len(leaves), NOTICE_LEAVES_MAX))
    ]
    await connection.execute(text("INSERT INTO notices (id, subject, body) VALUES (:id, :subject, :body)"), notices)
