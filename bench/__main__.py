"""`make bench`: ours against the machine's own ceiling in the same run: a table and `bench/results.json`."""

import argparse
import asyncio
import json
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psutil
from rich.console import Console
from rich.table import Table

from bench import alone, applying, ceilings, importing, reading
from bench.ceilings import quantile
from bench.device import Device
from bench.fleet import fleet, lookup_ms, pages_ms
from bench.goals import GOALS, missed
from bench.sequencer import ROUND, sequenced
from bench.world import Town, inventory, quiet, town
from meguru.founding import PREPARE
from meguru.replay import inputs, pilot
from meguru.replay.actor import Actor
from meguru.simulator.nwipe import RUN_MAX
from shared.stack.ports import LOOPBACK
from shared.stack.stack import Stack

RESULTS = Path(__file__).parent / "results.json"
CLIENTS = 16
BATCH = 100
PACE, PACED = 100, 500  # scans a second, and how many of them
APPLIED_PACE, APPLIED = 50, 300  # applications a second, and how many: the first minute of a call
LABELS = 160  # on one paper: the pilot's
APPLICATIONS = 10_000  # to one call
LOTS = (100, 1000)  # certificates on one list
REGISTERED = 10_000  # rows of one inventory
LEAVES = 20_000  # that wait for the sequencer
LOOKUPS = 100  # one address may ask for 120 bare IDs a minute
IMPORTED = 1_000  # files of the tools, dropped in; bench-long drops 10,000 (bench/importing.py)
HISTORIES = (10_000, 1_000_000)  # entries of other jobs beside the one that is looked at
LONG_HISTORY = 10_000_000  # the same in bench-long


async def main(scale: int) -> int:
    """Measure everything once, `scale` times as long as the short run. Returns 1 when a goal was missed, else 0."""
    console = Console()
    with tempfile.TemporaryDirectory(prefix="meguru-bench-") as folder:
        Path(folder).chmod(0o755)
        async with Stack(Path(folder), prepare=PREPARE, development_login=True) as stack:
            console.print(f"stack ready in {sum(stack.seconds.values()):.1f} s; {CLIENTS} clients, batches of {BATCH}")
            results = await measure(stack, Path(folder), scale)
    RESULTS.write_text(json.dumps(results, indent=1) + "\n")
    table = Table("name", "ours", "raw", "ratio", "unit", "goal")
    late = missed(results)
    for name, row in results.items():
        goal = f"{'✕' if name in late else '○'} {GOALS[name]}" if name in GOALS else ""
        table.add_row(name, *(_said(row[key]) for key in ("ours", "raw", "ratio")), row["unit"], goal)
    console.print(table)
    console.print(f"missed here: {', '.join(late)}" if late else "every goal is met here")
    return int(bool(late))


async def measure(stack: Stack, folder: Path, scale: int) -> dict[str, dict[str, Any]]:
    """Return {name: {ours, raw, ratio, unit}}."""
    singles, batches, destroyed = 400 * scale, 8 * scale, 100 * scale
    made = await town(stack, folder, CLIENTS * BATCH * batches + singles + PACED)
    single_raw = await ceilings.commits(stack, CLIENTS, 1, 3)
    batch_raw = await ceilings.commits(stack, CLIENTS, BATCH, 3)
    publish_raw = await ceilings.publishes(stack, 4000, 64)
    pull_raw = await ceilings.pulls(stack, 4000)
    single = await scan_single(stack, made.labels[:singles])
    paced = await scan_paced(stack, made.labels[singles : singles + PACED], 1 / PACE)
    batch, through = await scan_batches(stack, made.labels[singles + PACED :])
    certificates, certificates_raw = await asyncio.to_thread(certificates_each_core, 20 * scale)
    lots = await asyncio.to_thread(lot_rows)
    printed = await asyncio.to_thread(alone.labels_s, LABELS)
    allocated = await asyncio.to_thread(alone.allocation_s, APPLICATIONS)
    await quiet(stack)  # what the load before left to do is not this figure's
    p50, p99, answered = await destroy_to_certificate(stack, made, destroyed)
    bare = 1 / certificates  # the work alone, on an idle core
    page, ping = await public_page(stack, made.labels[0], LOOKUPS)
    looked = await lookup(stack, made.labels[0])
    used = memory(stack)
    size = await bytes_of_an_entry(stack)
    registered = await register(stack, made, REGISTERED)
    registered_raw = REGISTERED / await ceilings.commits(stack, 1, REGISTERED, 3)
    read = await asyncio.to_thread(reading_rows)
    taken_in = await importing_rows(stack, made)
    await quiet(stack)
    applied = await applying.applied(stack, APPLIED * scale, 1 / APPLIED_PACE)
    await quiet(stack)
    sequencer_raw = await ceilings.commits(stack, 1, ROUND, 3)
    sequencer = await sequenced(stack, LEAVES * scale)  # the last: its leaves are of no ledger
    histories = (*HISTORIES, LONG_HISTORY) if scale > 1 else HISTORIES
    among = await looks(stack, made, histories)
    return among | {
        "scan_single": row(single, single_raw, "scans/s"),
        "scan_p99_at_100": row(paced, 1000 / single_raw, "ms", less_is_better=True),
        "application_p99_at_50": row(applied, 1000 / single_raw, "ms", less_is_better=True),
        "scan_batch": row(batch, batch_raw, "scans/s"),
        "end_to_end": row(through, min(batch_raw, publish_raw, pull_raw), "rows/s"),
        "destruction_answered_p50": row(answered, None, "ms"),  # promised: 50, with a photo taken in
        "destroy_to_certificate_p50": row(p50, bare, "s", less_is_better=True),
        "destroy_to_certificate_p99": row(p99, bare, "s", less_is_better=True),
        "certificates": row(certificates, certificates_raw, "1/s and core"),
        **lots,
        f"labels_{LABELS}": row(printed, None, "s"),
        f"allocation_{APPLICATIONS}": row(allocated, None, "s"),
        "public_page_p50": row(page, ping, "ms", less_is_better=True),
        "lookup_p50": row(*looked, "ms", less_is_better=True),
        "memory_stack": row(used, None, "MB"),
        "bytes_per_entry": row(*size, "bytes", less_is_better=True),
        "sequencer": row(sequencer, sequencer_raw, "entries/s"),
        f"register_{REGISTERED}": row(registered, registered_raw, "s", less_is_better=True),
        **read,
        **taken_in,
    }


def lot_rows() -> dict[str, dict[str, Any]]:
    """Return how long a lot's certificate takes, beside typst alone."""
    from bench.lot import lots

    return {f"lot_{lines}": row(whole, bare, "s", less_is_better=True) for lines, (whole, bare) in lots(LOTS).items()}


def reading_rows() -> dict[str, dict[str, Any]]:
    """Return how fast files are read and graded; a log of eight drives is one file, and said in drives too."""
    sanitized, loaded = reading.sanitize_logs()
    wiped, taken = reading.nwipe_logs()
    return {
        "read_nvme_sanitize": row(sanitized, loaded, "files/s and core"),
        "read_nwipe_8_drives": row(wiped, taken, "files/s and core"),
        "read_nwipe_drives": row(wiped * RUN_MAX, None, "drives/s and core"),
    }


async def importing_rows(stack: Stack, made: Town) -> dict[str, dict[str, Any]]:
    """Return how fast files are taken in, end to end, and the last requests beside the first: flat or not."""
    raw = await ceilings.commits(stack, importing.AT_ONCE, importing.EACH, 3)
    took = await importing.imported(made, stack, importing.reports(IMPORTED))
    return {
        f"import_{IMPORTED}": row(took.files / took.seconds, raw, "files/s"),
        "import_last_requests": row(took.last_s, took.first_s, f"s of {importing.EACH} files", less_is_better=True),
    }


async def scan_single(stack: Stack, labels: list[str]) -> float:
    """Return scans a second, one a request, 16 clients."""
    async with devices(stack, CLIENTS) as made:

        async def send(device: Device, share: list[str]) -> None:
            for label in share:
                await device.scan("received", [label])

        started = time.perf_counter()
        await asyncio.gather(*(send(device, labels[nth::CLIENTS]) for nth, device in enumerate(made)))
        return len(labels) / (time.perf_counter() - started)


@asynccontextmanager
async def devices(stack: Stack, count: int) -> AsyncIterator[list[Device]]:
    """Open devices of a centre's worker, each with a connection of its own."""
    async with AsyncExitStack() as open_:
        worker = await open_.enter_async_context(Actor(stack.origin, stack.certificate_authority, "itad-worker"))
        yield [
            await open_.enter_async_context(Device(stack.origin, stack.certificate_authority, worker.cookie))
            for _ in range(count)
        ]


async def scan_paced(stack: Stack, labels: list[str], every_s: float) -> float:
    """Return the p99 in ms of single scans that come one `every_s`, whatever became of those before."""
    async with devices(stack, CLIENTS) as made:
        free = asyncio.Queue[Device]()
        for device in made:
            free.put_nowait(device)
        took: list[float] = []

        async def one(label: str) -> None:
            started = time.perf_counter()  # waiting for a free device counts
            device = await free.get()
            await device.scan("received", [label])
            free.put_nowait(device)
            took.append((time.perf_counter() - started) * 1000)

        async with asyncio.TaskGroup() as sending:
            for label in labels:
                sending.create_task(one(label))
                await asyncio.sleep(every_s)
    return quantile(sorted(took), 0.99)


async def scan_batches(stack: Stack, labels: list[str]) -> tuple[float, float]:
    """Return scans accepted a second, and rows a second from the first POST to the last row on tracking's timeline."""
    groups = [labels[at : at + BATCH] for at in range(0, len(labels), BATCH)]
    connection = await stack.connect("tracking")
    query = "SELECT count(*) FROM timeline WHERE kind = 'tracking.received.v1'"
    before: int = await connection.fetchval(query)
    async with devices(stack, CLIENTS) as made:

        async def send(device: Device, share: list[list[str]]) -> None:
            for group in share:
                await device.scan("received", group)

        started = time.perf_counter()
        await asyncio.gather(*(send(device, groups[nth::CLIENTS]) for nth, device in enumerate(made)))
        accepted = time.perf_counter() - started
        while await connection.fetchval(query) < before + len(labels):
            await asyncio.sleep(0.02)
        through = time.perf_counter() - started
    await connection.close()
    return len(labels) / accepted, len(labels) / through


async def lookup(stack: Stack, label: str) -> tuple[float, float]:
    """Return the p50 of the look-up and of the cheapest answer, both at the service itself, in ms."""
    async with Device(f"http://{LOOPBACK}:{stack.ports['tracking']}") as public:
        ping = await ceilings.latency_ms(lambda: public.get("/healthz"), LOOKUPS)
    return await lookup_ms(stack, label), quantile(ping, 0.5)


async def looks(stack: Stack, made: Town, histories: Sequence[int]) -> dict[str, dict[str, Any]]:
    """Return what a look-up and a clerk's pages take beside little and much history; the ratio says what is left."""
    found: dict[str, dict[int, float]] = {}
    written = 0
    for entries in histories:
        await fleet(stack, made.labels[0], entries - written)
        written = entries
        took = {"lookup": await lookup_ms(stack, made.labels[0])}
        took |= await pages_ms(stack, made.world.engagement, made.labels[0])
        for name, ms in took.items():
            found.setdefault(name, {})[entries] = ms
    return {
        f"{name}_beside_{entries}": row(ms, times[histories[0]], "ms", less_is_better=True)
        for name, times in found.items()
        for entries, ms in times.items()
    }


async def register(stack: Stack, made: Town, rows: int) -> float:
    """Return how many s a town waits for the preview and the registration of one inventory, with nothing else to do."""
    await quiet(stack)
    content = inventory([f"REGISTER{nth:06d}" for nth in range(rows)])
    fields = {"engagement": str(made.world.engagement)}
    async with Actor(stack.origin, stack.certificate_authority, "mogami-clerk") as clerk:
        started = time.perf_counter()
        for params, status in (({"preview": "true"}, 200), ({}, 201)):
            file = [("file", ("bench.csv", content, "text/csv"))]
            answer = await clerk.upload("/api/tracking/inventories", fields, file, params=params)
            if answer.status != status or answer.body.get("faults"):
                raise RuntimeError(f"{answer.status} {str(answer.body)[:500]}")
        return time.perf_counter() - started


async def destroy_to_certificate(stack: Stack, made: Town, count: int) -> tuple[float, float, float]:
    """Return p50 and p99 in s from accepted destruction to certificate at 10 a second, and the answer's p50 in ms."""
    photo = inputs.photo(pilot.machines()[0], "after", datetime.now(UTC))
    connection = await stack.connect("certificates")
    accepted: dict[str, float] = {}
    answers: list[float] = []
    async with Actor(stack.origin, stack.certificate_authority, "itad-worker") as worker:

        async def one(label: str) -> None:
            fields = {"technique": "crush", "machine": "bench"}
            asked = time.perf_counter()
            answer = await worker.upload(
                f"/api/erasure/media/{label}/destructions", fields, [("after", ("a.jpg", photo, "image/jpeg"))]
            )
            if answer.status != 201:
                raise RuntimeError(f"{answer.status} {answer.body}")
            accepted[label] = time.time()
            answers.append((time.perf_counter() - asked) * 1000)

        tasks = []
        for label in made.labels[:count]:
            tasks.append(asyncio.create_task(one(label)))
            await asyncio.sleep(0.1)
        await asyncio.gather(*tasks)
    query = (
        "SELECT i.label, extract(epoch FROM e.recorded_at)::float8 AS at FROM entries e JOIN items i "
        "ON i.label = convert_from(e.body, 'UTF8')::jsonb->'data'->>'label' WHERE e.kind = 'certificates.issued.v1' "
        "AND convert_from(e.body, 'UTF8')::jsonb->'data'->>'certificate_kind' = 'destruction'"
    )
    deadline = time.time() + 60
    while True:
        issued = {row["label"]: row["at"] for row in await connection.fetch(query)}
        if set(accepted) <= set(issued) or time.time() > deadline:
            break
        await asyncio.sleep(0.2)
    await connection.close()
    took = sorted(max(0.0, issued.get(label, deadline) - at) for label, at in accepted.items())
    return quantile(took, 0.5), quantile(took, 0.99), quantile(sorted(answers), 0.5)


def certificates_each_core(count: int) -> tuple[float, float]:
    """Return certificates rendered and signed a second in one thread, and what the sum of their parts would give."""
    from bench.certificate import certificate_and_parts

    whole, parts = certificate_and_parts()

    def seconds(work: Callable[[], object]) -> float:
        work()
        started = time.perf_counter()
        for _ in range(count):
            work()
        return (time.perf_counter() - started) / count

    return 1 / seconds(whole), 1 / sum(seconds(part) for part in parts)


async def public_page(stack: Stack, label: str, times: int) -> tuple[float, float]:
    """Return the p50 of the public look-up page and of the cheapest answer the same gateway gives, in ms."""
    async with Actor(stack.origin, stack.certificate_authority) as public:
        page = await ceilings.latency_ms(lambda: public.fetch(f"/t/{label}"), times)
        ping = await ceilings.latency_ms(lambda: public.fetch("/healthz"), times)
    return quantile(page, 0.5), quantile(ping, 0.5)


async def bytes_of_an_entry(stack: Stack) -> tuple[float, float]:
    """Return the bytes of an entry on disk in tracking's ledger with its indexes, and those of its body alone."""
    connection = await stack.connect("tracking")
    count, body = await connection.fetchrow("SELECT count(*), avg(length(body))::float8 FROM entries")
    total = await connection.fetchval(
        "SELECT sum(pg_total_relation_size(inhrelid))::float8 FROM pg_inherits WHERE inhparent = 'entries'::regclass"
    )
    empty: int = await connection.fetchval("SELECT count(*) FROM pg_inherits WHERE inhparent = 'entries'::regclass")
    await connection.close()
    return (total - empty * 24576) / count, body


def memory(stack: Stack) -> float:
    """Return the proportional set size of every process of the stack in MB (shared pages are counted once)."""
    seen: dict[int, float] = {}
    for pid in stack.pids.values():
        for process in (psutil.Process(pid), *psutil.Process(pid).children(recursive=True)):
            with suppress(psutil.NoSuchProcess):  # PostgreSQL's helpers come and go
                seen[process.pid] = process.memory_full_info().pss
    return sum(seen.values()) / 1024**2


def row(ours: float, raw: float | None, unit: str, *, less_is_better: bool = False) -> dict[str, Any]:
    """Return one result; a ratio of 1 is the machine's own best."""
    ratio = None if not raw else (raw / ours if less_is_better else ours / raw)
    return {
        "ours": round(ours, 4),
        "raw": None if raw is None else round(raw, 4),
        "ratio": None if ratio is None else round(ratio, 3),
        "unit": unit,
    }


def _said(value: float | None) -> str:
    return "–" if value is None else f"{value:,.3f}".rstrip("0").rstrip(".")


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--scale", type=int, default=1, help="how many times as long (bench-long: 5)")
    raise SystemExit(asyncio.run(main(parser.parse_args().scale)))
