"""A simulated fleet against a running stack, through its public doors: parties, list, reports, all of them marked."""

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from meguru.replay.actor import Actor, Unexpected
from meguru.replay.inputs import inventory
from meguru.simulator.fleet import Drive, fleet
from meguru.simulator.reports import reports
from services.tracking.commands.parties import engagement_of
from shared.simulated import marked

CODE = "063622"
TOWN, CENTRE = f"town-sim-{CODE}", "centre-sim"
ADMIN, CLERK, WORKER = "sim-admin", "sim-clerk", "sim-worker"
PEOPLE = (
    (ADMIN, TOWN, "模擬 管理", ("town-admin",)),
    (CLERK, TOWN, "模擬 担当", ("clerk", "witness")),
    (WORKER, CENTRE, "模擬 作業", ("worker", "centre-manager")),
)
AT_ONCE = 100  # reports of one request
LIST_MAX = 1000  # rows of one list
RUN_AGO = timedelta(hours=10)  # when the tools began: nwipe's longest run is over since
HEARD_S = 60.0  # until the services know of the contract and the items

Told = Callable[[str, int, int], None]  # what, how many, of how many


async def simulate(
    origin: str, authority: Path, count: int, seed: int, *, told: Told = lambda *_: None
) -> Counter[str]:
    """Register a simulated fleet and file its reports. Returns how many drives came to which state.

    A run is an engagement of its own, named by seed and count. Raises Unexpected when a door answers otherwise.
    """
    drives = list(fleet(count, seed))
    contract = f"模擬-{seed}-{count}"
    engagement = str(engagement_of(TOWN, CENTRE, contract))
    async with Actor(origin, authority, "operator") as operator:
        await _found(operator)
    async with Actor(origin, authority, ADMIN) as admin:
        await _engage(admin, contract, f"模擬 {count}台（種 {seed}）")
    async with Actor(origin, authority, CLERK) as clerk:
        for at in range(0, count, LIST_MAX):
            await _register(clerk, engagement, drives[at : at + LIST_MAX])
            told("登録", min(at + LIST_MAX, count), count)
    async with Actor(origin, authority, WORKER) as worker:
        await _until_known(worker, engagement, count)
        return await _file(worker, engagement, list(reports(drives, datetime.now(UTC) - RUN_AGO)), told)


async def _found(operator: Actor) -> None:
    """Put the parties and their people there; those of an earlier run stay."""
    town = await operator.ask("/api/tracking/towns", {"code": CODE, "simulated": True})
    centre = await operator.ask(
        "/api/tracking/parties", {"party": CENTRE, "kind": "centre", "name": marked("架空センター")}
    )
    for answer in (town, centre):
        if answer.status not in (200, 201, 409):
            raise Unexpected(f"the simulated parties: {answer.status} {answer.body}")
    for person, party, name, roles in PEOPLE:
        card = {"person": person, "party": party, "name": marked(name), "title": "模擬", "contact": None}
        await operator.put(f"/api/tracking/people/{person}", card | {"roles": list(roles)})


async def _engage(admin: Actor, contract: str, title: str) -> None:
    today = datetime.now(ZoneInfo("Asia/Tokyo")).date()
    asked = {"centre": CENTRE, "title": marked(title), "contract": contract, "certificate_days": 30}
    begins = today - timedelta(days=1)  # the tools began RUN_AGO
    days = {"starts_on": begins.isoformat(), "ends_on": (today + timedelta(days=90)).isoformat()}
    for path, body in (
        ("/api/tracking/policies", {"version": marked("総務省 R2.12"), "on_site": "clear"}),
        ("/api/tracking/engagements", asked | days),
    ):
        answer = await admin.ask(path, body)
        if answer.status not in (200, 201, 409):
            raise Unexpected(f"{path}: {answer.status} {answer.body}")


async def _register(clerk: Actor, engagement: str, drives: Sequence[Drive]) -> None:
    file = ("file", ("模擬_物品台帳.csv", inventory([drive.listed for drive in drives]), "text/csv"))
    answer = await clerk.upload("/api/tracking/inventories", {"engagement": engagement}, [file])
    if answer.status not in (200, 201):
        raise Unexpected(f"the simulated list: {answer.status} {answer.body}")


async def _until_known(worker: Actor, engagement: str, count: int) -> None:
    """Wait until erasure has heard of every item. Raises Unexpected when it does not."""
    deadline = asyncio.get_running_loop().time() + HEARD_S + count / 100
    while asyncio.get_running_loop().time() < deadline:
        try:
            seen = await worker.get("/api/erasure/overview", town=TOWN, engagement=engagement)
            if seen["media"] >= count:
                return
        except Unexpected:  # the contract is still on its way
            pass
        await asyncio.sleep(0.3)
    raise Unexpected("erasure has not heard of the simulated items")


async def _file(worker: Actor, engagement: str, files: Sequence[tuple[str, bytes]], told: Told) -> Counter[str]:
    states: Counter[str] = Counter()
    for at in range(0, len(files), AT_ONCE):
        some = [("files", (name, content, "text/plain")) for name, content in files[at : at + AT_ONCE]]
        answer = await worker.upload("/api/erasure/reports/batch", {"engagement": engagement}, some)
        if answer.status not in (200, 201):
            raise Unexpected(f"the simulated reports: {answer.status} {answer.body}")
        for result in answer.body["results"]:
            for drive in result.get("drives", ()):
                states[drive.get("achieved") or ("failed" if drive["state"] == "bound" else drive["state"])] += 1
            if result["state"] == "unreadable":
                states["unreadable"] += 1
        told("報告", min(at + AT_ONCE, len(files)), len(files))
    return states
