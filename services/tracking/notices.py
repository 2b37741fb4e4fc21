"""The notices by which others hear where what they wait for stands in the log, with the proof of it."""

import json
from base64 import b64encode
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.tracking.log import merkle, tiles
from shared.ids import derived

NOTICE_LEAVES_MAX = 100
AWAITED = (  # somebody waits to hear where these stand in the log
    "erasure.medium-erased.v1",
    "erasure.medium-destroyed.v1",
    "tracking.custody-closed.v1",
    "certificates.lot-requested.v1",
    "donations.call-closed.v1",  # a lottery's seed follows from where it stands
)


@dataclass(frozen=True, slots=True)
class Leaf:
    """An entry at its place in the log."""

    entry: UUID
    tenant: str
    index: int


async def announce(
    connection: AsyncConnection, leaves: Sequence[Leaf], size: int, signed: str, *, asked: UUID | None = None
) -> None:
    """Put the notices of leaves in the outbox: one message a tenant, at most 100 leaves each.

    `signed` is the checkpoint of that size. A notice that was `asked` for is named after the entry that asks: twice
    the same is one, and one that was lost before is another.
    """
    if not leaves:
        return
    paths = tiles.needed([leaf.index for leaf in leaves], size)
    subtree = tiles.subtree((await stored(connection, paths)).__getitem__, size)
    by_tenant: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for leaf in leaves:
        path = [b64encode(step).decode() for step in merkle.inclusion(subtree, leaf.index, size)]
        by_tenant[leaf.tenant].append({"entry": str(leaf.entry), "index": leaf.index, "path": path})
    notices = [
        {
            "id": derived(asked, "logged") if asked else derived(UUID(group[0]["entry"]), f"logged:{size}"),
            "subject": f"notice.{tenant}.tracking.logged.v1",
            "body": json.dumps(
                {"checkpoint": signed, "leaves": group}, separators=(",", ":"), ensure_ascii=False
            ).encode(),
        }
        for tenant, listed in by_tenant.items()
        for group in (listed[at : at + NOTICE_LEAVES_MAX] for at in range(0, len(listed), NOTICE_LEAVES_MAX))
    ]
    await connection.execute(text("INSERT INTO notices (id, subject, body) VALUES (:id, :subject, :body)"), notices)


async def announce_again(connection: AsyncConnection, tenant: str, entry: UUID, *, asked: UUID) -> None:
    """Say where an awaited entry of a tenant stands, under the newest head; what has no place yet is said when it has.

    `asked` is the entry that asks.
    """
    query = (
        'SELECT entry, tenant, "index" AS place FROM leaves WHERE entry = :entry AND tenant = :tenant '
        'AND kind = ANY(:kinds) AND "index" IS NOT NULL'
    )
    given = {"entry": entry, "tenant": tenant, "kinds": list(AWAITED)}
    row = (await connection.execute(text(query), given)).one_or_none()
    if row is None:
        return
    head = (await connection.execute(text("SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1"))).one()
    await announce(connection, [Leaf(row.entry, row.tenant, row.place)], head.size, head.note, asked=asked)


async def stored(connection: AsyncConnection, paths: Sequence[str]) -> dict[str, bytes]:
    """Return the stored files of these paths; a partial tile that a full one replaced is answered by the full one."""
    full = [path.partition(".p/")[0] for path in paths]
    found = await connection.execute(
        text("SELECT path, content FROM tiles WHERE path = ANY(:paths)"), {"paths": [*paths, *full]}
    )
    return {row.path: bytes(row.content) for row in found}
