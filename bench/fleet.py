"""Fleets: the way of many devices in tracking's views, written in bulk, to see one device and one job among them."""

from functools import partial

from bench import ceilings
from bench.ceilings import quantile
from bench.device import Device
from meguru.replay.actor import Actor
from shared.stack.ports import LOOPBACK
from shared.stack.stack import Stack

EACH = 10  # entries of a device
A_JOB = 1_000  # devices of one engagement
LOOKUPS = 100  # one address may look up 600 a minute with the label in hand
PAGES = 30  # of a kind
WARMING = 20  # look-ups before: what was written in bulk is in nobody's cache
BEYOND = 10**12  # places no log of a bench reaches

_FLEET = (
    """CREATE TEMP TABLE fleet AS SELECT n, gen_random_uuid() AS item,
upper(substr(md5($1::text || n), 1, 12)) AS label,
md5('job ' || $1::text || (n - 1) / $2::int)::uuid AS job FROM generate_series(1, $1::int) n""",
    """INSERT INTO labels (label, token, tenant, engagement, item, batch, row)
SELECT f.label, l.token, l.tenant, f.job, f.item, 'fleet ' || $1::int, f.n FROM fleet f, labels l
WHERE l.label = $2""",
    """INSERT INTO items (item, label, token_sha256, tenant, engagement, kind, data, registered_at)
SELECT f.item, f.label, i.token_sha256, i.tenant, f.job, i.kind, i.data, i.registered_at FROM fleet f, items i
WHERE i.label = $2 AND $1::int > 0""",
    """INSERT INTO timeline (stream, sequence, entry, tenant, item, kind, occurred_at, recorded_at, person, party, data)
SELECT f.item, s, gen_random_uuid(), t.tenant, f.item, t.kind, t.occurred_at, t.recorded_at, t.person, t.party, t.data
FROM fleet f, generate_series(1, $1::int) s JOIN (SELECT t.*, row_number() OVER () AS nth, count(*) OVER () AS told
FROM timeline t JOIN labels l USING (item) WHERE l.label = $2) t ON t.nth = 1 + s % t.told""",
    """INSERT INTO leaves (entry, stream, sequence, tenant, kind, digest, "index")
SELECT t.entry, t.stream, t.sequence, t.tenant, t.kind, sha256(t.entry::text::bytea), $1::bigint
+ row_number() OVER () + (SELECT count(*) FROM leaves) FROM fleet f JOIN timeline t USING (item)""",
)


async def fleet(stack: Stack, label: str, entries: int) -> None:
    """Add so many entries of the town's other jobs: copies of a device's way. The stack is not audited any more."""
    devices = entries // EACH
    connection = await stack.connect("tracking")
    given: tuple[tuple[object, ...], ...] = (
        (devices, A_JOB),
        (devices, label),
        (devices, label),
        (EACH, label),
        (BEYOND,),
    )
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


async def pages_ms(stack: Stack, engagement: str, label: str) -> dict[str, float]:
    """Return the p50 of what a clerk opens all day, by name, in ms through the gateway."""
    paths = {
        "overview": f"/dashboard?engagement={engagement}",
        "items": f"/items?engagement={engagement}",
        "timeline": f"/items/{label}",
    }
    found = {}
    async with Actor(stack.origin, stack.certificate_authority, "mogami-clerk") as clerk:
        for name, path in paths.items():
            for times in (WARMING, PAGES):
                took = await ceilings.latency_ms(partial(clerk.fetch, path), times)
            found[name] = quantile(took, 0.5)
    return found
