"""The sequencer alone: leaves that wait in bulk, and how fast they get their places in the log."""

import asyncio
import time

from shared.stack.stack import Stack

ROUND = 1000  # leaves of a full round, and rows of the raw commits it is compared with
CITED_EACH = 4  # every fourth is of a kind that a certificate cites: its proof is computed and sent

_WAITING = """
INSERT INTO leaves (entry, tenant, kind, stream, sequence, digest)
SELECT gen_random_uuid(), 'bench', CASE WHEN n % $2 = 0 THEN 'erasure.medium-erased.v1' ELSE 'tracking.received.v1' END,
gen_random_uuid(), 1, sha256(n::text::bytea) FROM generate_series(1, $1::int) n
"""


async def sequenced(stack: Stack, leaves: int) -> float:
    """Return leaves a second, from the first round's head to the last one's.

    The leaves are of no ledger: a stack this was measured on is not audited any more.
    """
    connection = await stack.connect("tracking")
    size = "SELECT coalesce(max(size), 0) FROM checkpoints"
    before: int = await connection.fetchval(size)
    await connection.execute(_WAITING, leaves, CITED_EACH)
    while (first := await connection.fetchval(size)) == before:
        await asyncio.sleep(0.01)
    started = time.perf_counter()
    while await connection.fetchval(size) < before + leaves:
        await asyncio.sleep(0.02)
    rate = (before + leaves - first) / (time.perf_counter() - started)
    await connection.close()
    return float(rate)
