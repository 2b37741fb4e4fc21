"""Fleets: the way of many devices in tracking's views, written in bulk, to look one of them up among them."""

from bench import ceilings
from bench.ceilings import quantile
from bench.device import Device
from shared.stack.ports import LOOPBACK
from shared.stack.stack import Stack

EACH = 10  # entries of a device
LOOKUPS = 100  # one address may look up 600 a minute with the label in hand
WARMING = 20  # look-ups before: what was written in bulk is in nobody's cache
BEYOND = 10**12  # places no log of a bench reaches

_FLEET = (
    """CREATE TEMP TABLE fleet AS SELECT n, gen_random_uuid() AS item, upper(substr(md5($1::text || n), 1, 12)) AS label
FROM generate_series(1, $1::int) n""",
    """INSERT INTO labels (label, token, tenant, engagement, item, batch, row)
SELECT f.label, l.token, l.tenant, l.engagement, f.item, 'fleet ' || $1::int, f.n FROM fleet f, labels l
WHERE l.label = $2""",
    """INSERT INTO items (item, label, token_sha256, tenant, engagement, kind, data, registered_at)
SELECT f.item, f.label, i.token_sha256, i.tenant, i.engagement, i.kind, i.data, i.registered_at FROM fleet f, items i
WHERE i.label = $2 AND $1::int > 0""",
    """INSERT INTO timeline (stream, sequence, entry, tenant, item, kind, occurred_at, recorded_at, person, party, data)
SELECT f.item, s, gen_random_uuid(), t.tenant, f.item, t.kind, t.occurred_at, t.recorded_at, t.person, t.party, t.data
FROM fleet f, generate_series(1, $1::int) s,
(SELECT t.* FROM timeline t JOIN labels l USING (item) WHERE l.label = $2 LIMIT 1) t""",
    """INSERT INTO leaves (entry, stream, sequence, tenant, kind, digest, "index")
SELECT t.entry, t.stream, t.sequence, t.tenant, t.kind, sha256(t.entry::text::bytea), $1::bigint
+ row_number() OVER () + (SELECT count(*) FROM leaves) FROM fleet f JOIN timeline t USING (item)""",
)


async def fleet(stack: Stack, label: str, entries: int) -> None:
    """Add so many entries of history: copies of a device's way under other IDs. The stack is not audited any more."""
    devices = entries // EACH
    connection = await stack.connect("tracking")
    given: tuple[tuple[object, ...], ...] = ((devices,), (devices, label), (devices, label), (EACH, label), (BEYOND,))
    async with connection.transaction():
        for statement, values in zip(_FLEET, given, strict=True):
            await connection.execute(statement, *values)
        await connection.execute("DROP TABLE fleet")
    for table in ("labels", "items", "timeline", "leaves"):
        await connection.execute(f"VACUUM ANALYZE {table}")
    await connection.close()


async def lookup_ms(stack: Stack, label: str) -> float:
    """Return the p50 of the page that tells the holder of a label its whole way, in ms at the service itself."""
    connection = await stack.connect("tracking")
    token = await connection.fetchval("SELECT token FROM labels WHERE label = $1", label)
    await connection.close()
    async with Device(f"http://{LOOPBACK}:{stack.ports['tracking']}") as public:
        for times in (WARMING, LOOKUPS):
            took = await ceilings.latency_ms(lambda: public.get(f"/t/{label}/{token}"), times)
        return quantile(took, 0.5)
