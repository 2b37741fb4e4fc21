"""The numbers of the replay, each counted from items through the public doors; none is typed."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

from meguru.replay import pilot
from meguru.replay.pilot import TOWN
from meguru.replay.story import World, people
from services.donations.domain.record import recompute

PATIENCE_S = 300.0  # a bound, not a wait: a busy machine signs slowly


async def collect(world: World) -> dict[str, Any]:
    """Read what every service counts. Waits until what is under way has arrived."""
    async with people(world, "mogami-clerk", "itad-manager") as (clerk, manager):
        where = {"town": TOWN, "engagement": world.engagement}
        certificates = await settled(
            lambda: clerk.get("/api/certificates/overview", town=TOWN),
            lambda o: (
                _issued(o, "destruction") >= len(world.machines) and _issued(o, "tracking") >= len(world.machines)
            ),
        )
        tracking = await settled(
            lambda: clerk.get("/api/tracking/overview", **where),
            lambda o: o["stations"]["closed"] >= len(world.machines),
        )
        refurb = await manager.get("/api/refurb/overview", town=TOWN)
        donations = await clerk.get("/api/donations/overview", town=TOWN)
        allocations = [await clerk.get(f"/api/donations/calls/{number}/allocation") for number in world.calls]
        unmatched = await manager.get("/api/erasure/unmatched")
    unseen = tracking["ready_not_taken_over"]
    names = {code: name for code, name, _ in pilot.CATEGORIES}
    return {
        "pcs": sum(tracking["items"].values()),
        "notebooks": tracking["items"].get("notebook", 0),
        "desktops": tracking["items"].get("desktop", 0),
        "monitors_held": tracking["held"].get("monitor", 0),
        "stations": tracking["stations"],
        "destroyed": tracking["stations"]["destroyed"],
        "certificates": {
            "destruction": _issued(certificates, "destruction"),
            "tracking": _issued(certificates, "tracking"),
        },
        "refurbished_by_centre": refurb["refurbished"]["count"],
        "taken_over_by_town": tracking["second_life"]["taken-over"],
        "taken_over_by_kind": tracking["by_kind"]["taken-over"],
        "difference": {
            "machines": unseen,
            "asset_numbers": [asset for asset, label in world.labels.items() if label in unseen],
        },
        "recycled": refurb["recycled"]["count"],
        "weights_kg": refurb["weights_kg"],
        "applications": {
            "groups": sum(row["served"] for row in donations["categories"]),
            "by_category": {names[row["code"]]: row["served"] for row in donations["categories"]},
            "late": sum(_late(one) for one in allocations),
        },
        "units_given": {
            "total": sum(row["handed_over"] for row in donations["categories"]),
            "by_category": {names[row["code"]]: row["handed_over"] for row in donations["categories"]},
        },
        "left": donations["left"],
        "allocations_differ": sum(len(recompute(one).differences) for one in allocations),
        "unmatched_reports": len(unmatched["unmatched"]),
        "refusals": [{"what": what, "sentence": sentence} for what, sentence in world.refusals],
    }


EXPECTED: dict[str, Any] = {
    "pcs": 160,
    "notebooks": 86,
    "desktops": 74,
    "monitors_held": 59,
    "destroyed": 160,
    "certificates": {"destruction": 160, "tracking": 160},
    "refurbished_by_centre": 48,
    "taken_over_by_town": 47,
    "taken_over_by_kind": {"notebook": 16, "desktop": 31},
    "recycled": 112,
    "left": 17,
    "allocations_differ": 0,  # done again from their published logs alone
    "unmatched_reports": 1,
}
EXPECTED_GROUPS = {"集落": 8, "商工会青年部": 1, "町内の事業者・農業者": 9, "社会福祉法人": 1, "その他の団体": 1}
EXPECTED_UNITS = {"集落": 9, "商工会青年部": 5, "町内の事業者・農業者": 13, "社会福祉法人": 2, "その他の団体": 1}


def differences(summary: dict[str, Any]) -> list[str]:
    """Compare what was counted with the pilot's papers; the papers' own 47 and 48 are both asserted."""
    wrong = [
        f"{name}：{summary[name]}（紙では{wanted}）" for name, wanted in EXPECTED.items() if summary[name] != wanted
    ]
    for name, found, wanted in (
        ("応募した団体", summary["applications"]["by_category"], EXPECTED_GROUPS),
        ("渡した台数", summary["units_given"]["by_category"], EXPECTED_UNITS),
        ("締切後の応募", summary["applications"]["late"], 1),
        ("届いていない機器", len(summary["difference"]["machines"]), 1),
    ):
        if found != wanted:
            wrong.append(f"{name}：{found}（紙では{wanted}）")
    custody = sum(summary["stations"].values()) + 2  # the two that failed on site have a failure in place of an erasure
    if custody < 6 * summary["pcs"]:
        wrong.append(f"保管の記録：{custody}（6 × {summary['pcs']} 以上のはず）")
    return wrong


async def settled(read: Callable[[], Awaitable[Any]], done: Callable[[Any], bool]) -> Any:
    """Read again until what is under way has arrived, or patience ends; then the last reading stands."""
    until = asyncio.get_running_loop().time() + PATIENCE_S
    while True:
        answer = await read()
        if done(answer) or asyncio.get_running_loop().time() > until:
            return answer
        await asyncio.sleep(0.2)


def _issued(overview: Any, kind: str) -> int:
    return int(overview["kinds"].get(kind, {}).get("issued", 0))


def _late(allocation: Any) -> int:
    return sum(one.get("reason") == "late" for one in allocation.get("refused", []))
