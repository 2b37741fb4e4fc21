"""The pilot from the town hall's shelf to twenty local groups, acted through the public doors, step by step.

Each chapter returns nothing: what it did is read back from the services afterwards (`summary.py`). What people would
get wrong is tried on the way, and the sentence they get is kept for the story.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar
from uuid import UUID
from zoneinfo import ZoneInfo

from meguru.replay import inputs, pilot
from meguru.replay.acting import recorded, scan, until_heard
from meguru.replay.actor import Actor, Traffic, Unexpected
from meguru.replay.pilot import CARRIER, CENTRE, TOWN, WHOLE, Machine, Plan
from services.tracking.commands.cages import cage_of
from services.tracking.commands.parties import engagement_of
from shared.ids import derived

TOKYO = ZoneInfo("Asia/Tokyo")
AT_ONCE = 6  # requests in flight: a line of workers, not a load test
T = TypeVar("T")
Progress = Callable[[str, int, int], None]


@dataclass(slots=True)
class World:
    """What the replay knows while it runs."""

    origin: str
    authority: Path
    files: inputs.Inputs
    machines: list[Machine]
    progress: Progress
    labels: dict[str, str] = field(default_factory=dict)  # asset number → label
    media: dict[str, str] = field(default_factory=dict)  # asset number → medium id
    items: dict[str, str] = field(default_factory=dict)  # asset number → item id
    failing: set[str] = field(default_factory=set)
    short: str = ""  # the item that was not found at receipt
    refusals: list[tuple[str, str]] = field(default_factory=list)  # what was tried wrongly, and the sentence
    calls: list[str] = field(default_factory=list)
    plan: Plan = WHOLE
    traffic: Traffic = field(default_factory=Traffic)

    @property
    def engagement(self) -> str:
        """The engagement's id."""
        return str(engagement_of(TOWN, CENTRE, pilot.CONTRACT))

    def by_kind(self, kind: str) -> list[Machine]:
        """Return the machines of one kind, in the list's order."""
        return [machine for machine in self.machines if machine.kind == kind]

    def reborn(self) -> list[Machine]:
        """Return the chassis that the centre refurbishes: 48 in the pilot."""
        notebooks, desktops = self.by_kind("notebook"), self.by_kind("desktop")
        return [*notebooks[: self.plan.reborn_notebooks], *desktops[: self.plan.reborn_desktops]]

    def cages(self) -> list[list[Machine]]:
        """Return what is loaded into each cage."""
        return [self.machines[at :: self.plan.cages] for at in range(self.plan.cages)]

    def undelivered(self) -> Machine:
        """Return the one chassis that is refurbished and not delivered."""
        return next(machine for machine in reversed(self.reborn()) if machine.kind == pilot.NOT_DELIVERED)

    def refused(self, what: str, sentence: str) -> None:
        """Keep the sentence of a refusal. Raises Unexpected when nothing was refused."""
        if not sentence:
            raise Unexpected(f"{what}: was not refused")
        self.refusals.append((what, sentence))


@asynccontextmanager
async def people(world: World, *persons: str) -> AsyncIterator[list[Actor]]:
    """Let persons sign in."""
    async with AsyncExitStack() as stack:
        yield [await stack.enter_async_context(somebody(world, person)) for person in persons]


def somebody(world: World, person: str | None = None) -> Actor:
    """Let somebody come to the doors of this world: a person, or the public."""
    return Actor(world.origin, world.authority, person, traffic=world.traffic)


async def found(world: World) -> None:
    """登録の前：町・センター・運送会社・担当者・契約・基準表."""
    async with people(world, "operator") as (operator,):
        await operator.do(
            "/api/tracking/towns",
            {
                "code": pilot.TOWN_CODE,
                "address": "山形県最上郡最上町大字向町644",
                "contact": "総務課まちづくり推進室 情報企画係 0233-43-2261",
            },
        )
        for party, kind, name in ((CENTRE, "centre", "ソフマップ ITADセンター"), (CARRIER, "carrier", "やまびこ運送")):
            await operator.do(
                "/api/tracking/parties", {"party": party, "kind": kind, "name": name, "address": "千葉県"}
            )
        for person in pilot.PEOPLE:
            card = {
                "person": person.id,
                "party": person.party,
                "name": person.name,
                "title": person.title,
                "contact": "sample@example.jp",
                "roles": list(person.roles),
            }
            await operator.put(f"/api/tracking/people/{person.id}", card)
    today = datetime.now(TOKYO).date()
    async with people(world, "mogami-admin") as (admin,):
        await admin.do(
            "/api/tracking/engagements",
            {
                "centre": CENTRE,
                "carrier": CARRIER,
                "title": pilot.TITLE,
                "contract": pilot.CONTRACT,
                "starts_on": (today - timedelta(days=1)).isoformat(),  # the tools may have begun before midnight
                "ends_on": (today + timedelta(days=180)).isoformat(),
                "certificate_days": 43,
            },
        )
        policy = {
            "version": "最上町 第1版（総務省 R2.12）",
            "on_site": "purge",
        }  # the pilot purged on site, above the least
        await admin.do("/api/tracking/policies", policy)


async def register(world: World) -> None:
    """登録：町の物品台帳から160台、モニター59台を員数で."""
    async with people(world, "mogami-clerk") as (clerk,):
        fields = {"engagement": world.engagement}
        spoilt = [("file", (world.files.spoilt_inventory.name, world.files.spoilt_inventory.read_bytes(), "text/csv"))]
        world.refused("物品台帳の1行が違う", (await clerk.upload("/api/tracking/inventories", fields, spoilt)).refused)
        right = [("file", (world.files.inventory.name, world.files.inventory.read_bytes(), "text/csv"))]
        answer = await clerk.upload("/api/tracking/inventories", fields, right)
        again = await clerk.upload("/api/tracking/inventories", fields, right)
        if not recorded(answer) or again.body != answer.body:
            raise Unexpected(f"the inventory was not taken: {answer.status} {answer.body}")
        for one in answer.body["items"]:
            world.labels[one["asset_number"]] = one["label"]
            world.items[one["asset_number"]] = one["item"]
            world.media[one["asset_number"]] = one["media"][0]["id"]
        await clerk.do(
            "/api/tracking/lots", {"engagement": world.engagement, "kind": "monitor", "count": world.plan.monitors}
        )
        unknown = await clerk.ask("/api/tracking/items/00000000-0/difference", {"reason": "-", "second": "x"})
        world.refused("検査文字が違うラベル", unknown.refused)
    world.progress("登録", len(world.labels), len(world.machines))


async def erase(world: World) -> None:
    """データ消去：役場の会議室で、報告ファイルを1台ずつ。2台は失敗し、1つは持ち主がない."""
    async with people(world, "itad-worker", "mogami-witness") as (worker, witness):
        stood_by = {"engagement": world.engagement, "place": "最上町役場 第2会議室", "began_at": now().isoformat()}
        await until_heard(lambda: witness.ask("/api/erasure/witnesses", stood_by), recorded)
        fields = {"engagement": world.engagement, "witness": "mogami-witness", "place": "on-site"}

        async def one(path: Path) -> None:
            file = [("file", (path.name, path.read_bytes(), "application/json"))]  # noqa: ASYNC240 - a few kB of a local file
            answer = await worker.upload("/api/erasure/reports", fields, file)
            if answer.status not in (200, 201, 202):
                raise Unexpected(f"{path.name}: {answer.status} {answer.body}")

        await each(world, "データ消去", [world.files.report(machine) for machine in world.machines], one)
        await one(world.files.stray_report)
        await one(world.files.report(world.machines[0]))  # the same file twice changes nothing


async def load(world: World) -> None:
    """出庫：8台のカゴ車に20台ずつ。消去できない2台は、立会いと承認があって初めて出る."""
    cages = world.cages()
    async with people(world, "itad-worker", "mogami-approver") as (worker, approver):
        for nth, machines in enumerate(cages, 1):
            seal = f"{4816 + nth}"
            shot = ("photo", ("seal.jpg", inputs.seal_photo(seal, datetime.now(UTC)), "image/jpeg"))
            kept = await worker.upload("/api/tracking/cages/photos", {}, [shot], params={"town": TOWN})
            said = {"engagement": world.engagement, "number": f"カゴ車{nth}", "seal": seal}
            loaded = [world.labels[machine.asset_number] for machine in machines]
            await worker.do(
                "/api/tracking/cages",
                said | {"seal_photo": kept.body["sha256"], "labels": loaded},
                params={"town": TOWN},
            )
        held = next(nth for nth, machines in enumerate(cages, 1) if world.failing & {m.asset_number for m in machines})
        early = await until_heard(
            lambda: worker.ask(
                f"/api/tracking/cages/{cage(held)}/hand-over",
                {"vehicle": "山形100 あ 12-34"},
                params={"town": TOWN},
            ),
            lambda answer: answer.status == 409 and len(answer.body.get("missing", [])) <= len(world.failing),  # noqa: PLR2004 - HTTP: conflict
        )
        world.refused("証跡のない機器の出庫", early.refused)
        for asset in sorted(world.failing):
            label = world.labels[asset]
            asked = {"reason": "消去コマンドを媒体が拒否", "witness": "mogami-witness"}
            await worker.do(f"/api/tracking/items/{label}/exception", asked)
            world.refused(
                "申し出た人が自分で承認", (await worker.ask(f"/api/tracking/items/{label}/exception/approval")).refused
            )
            await approver.do(f"/api/tracking/items/{label}/exception/approval")
        for nth in range(1, len(cages) + 1):
            answer = await until_heard(
                lambda nth=nth: worker.ask(  # type: ignore[misc]  # bound now
                    f"/api/tracking/cages/{cage(nth)}/hand-over",
                    {"vehicle": "山形100 あ 12-34"},
                    params={"town": TOWN},
                ),
                recorded,
            )
            world.progress("出庫", nth * answer.body["shipped"], len(world.machines))


async def receive(world: World) -> None:
    """入庫：1台のカゴ車で1台見つからない。理由ともう一人がなければ確定できず、あとで見つかって差が閉じる."""
    cages = world.cages()
    async with people(world, "itad-worker", "itad-second") as (worker, second):
        for nth, machines in enumerate(cages, 1):
            labels = [world.labels[machine.asset_number] for machine in machines]
            seen = {"seal_seen": f"{4816 + nth}", "labels": labels}
            path, params = f"/api/tracking/cages/{cage(nth)}/receipt", {"town": TOWN}
            if nth == world.plan.short_cage:
                world.short = labels.pop()
                world.refused("1台たりないカゴ車", (await worker.ask(path, seen, params=params)).refused)
                seen |= {"reason": "カゴ車の中をもう一度探したが、ない", "second": "itad-second"}
            await worker.do(path, seen, params=params)
            world.progress("入庫", sum(len(one) for one in cages[:nth]), len(world.machines))
        await scan(second, "received", [world.short])
        again = await scan(second, "received", [world.short])  # a duplicate scan
        if again[0]["status"] != 200:  # noqa: PLR2004 - recorded before
            raise Unexpected(f"a duplicate scan was not recognised: {again}")
        discrepancy = derived(UUID(cage(world.plan.short_cage)), "discrepancy")
        explained = {"outcome": "found", "explanation": "隣のカゴ車の底から見つかり、読み取った"}
        await worker.do(f"/api/tracking/discrepancies/{discrepancy}/resolution", explained, params={"town": TOWN})


async def sort(world: World) -> None:
    """行き先：48台を再生の候補に、112台を再資源化に."""
    reborn = {machine.asset_number for machine in world.reborn()}
    async with people(world, "itad-worker") as (worker,):

        async def one(machine: Machine) -> None:
            label = world.labels[machine.asset_number]
            if machine.asset_number in reborn:
                await worker.do(f"/api/tracking/items/{label}/candidate")
            else:
                await worker.do(f"/api/tracking/items/{label}/recycling", {"reason": "型が古い"})

        await each(world, "行き先", world.machines, one)


async def destroy(world: World) -> None:
    """粉砕：160の記憶媒体を、前後の写真とともに."""
    async with people(world, "itad-worker") as (worker,):
        label = world.labels[world.machines[0].asset_number]
        fake = [("after", ("photo.jpg", b"not a photo", "image/jpeg"))]
        fields = {"technique": "crush", "machine": "粉砕機 2号"}
        world.refused(
            "写真ではないファイル",
            (await worker.upload(f"/api/erasure/media/{label}/destructions", fields, fake)).refused,
        )

        async def one(machine: Machine) -> None:
            await destroy_one(world, worker, machine)

        await each(world, "粉砕", world.machines, one)


async def destroy_one(world: World, worker: Actor, machine: Machine) -> None:
    """Crush one medium with its two photos."""
    files = [
        (role, (f"{role}.jpg", world.files.photo(machine, role).read_bytes(), "image/jpeg"))
        for role in ("before", "after")
    ]
    fields = {"technique": "crush", "machine": "粉砕機 2号", "witness": "mogami-witness", "removed": "true"}
    fields |= worker.stamp()
    path = f"/api/erasure/media/{world.labels[machine.asset_number]}/destructions"
    answer = await worker.upload(path, fields, files)
    if answer.status not in (200, 201):
        raise Unexpected(f"{path}: {answer.status} {answer.body}")


SPEC = {"os": "Windows 10 Home", "ssd_gb": 240, "memory_gb": 8, "office": "WPS Office 2", "support_months": 3}


async def refurbish(world: World) -> None:
    """再生：SSD換装・OS導入・クリーニング・サポート設定・納品。媒体が片づいていない筐体はREADYにならない."""
    undelivered = world.undelivered().asset_number
    async with people(world, "itad-refurbisher") as (hands,):

        async def one(machine: Machine) -> None:
            path = f"/api/refurb/items/{world.labels[machine.asset_number]}"
            accepted = {"grade": "A", "reasons": ["外装に大きな傷なし", "メモリ 8 GB"]}
            if machine.asset_number != undelivered:  # that one was accepted when READY was tried too early
                await until_heard(lambda: hands.ask(f"{path}/accept", accepted), recorded)
            ssd = {
                "maker": "カワセミ",
                "model": "KAWASEMI S5 240GB",
                "serial": f"S5N{machine.serial}",
                "capacity_gb": 240,
            }
            await hands.do(f"{path}/ssd", ssd)
            for step in ("os", "cleaning", "support"):
                await hands.do(f"{path}/steps", {"step": step})
            await until_heard(lambda: hands.ask(f"{path}/ready", {"spec": SPEC}), recorded)
            if machine.asset_number != undelivered:
                await hands.do(f"{path}/deliver")

        await each(world, "再生", world.reborn(), one)


async def try_ready_too_early(world: World) -> None:
    """再生の途中：媒体が粉砕される前の筐体は、どの媒体が残っているかを示して止まる."""
    async with people(world, "itad-refurbisher") as (hands,):
        path = f"/api/refurb/items/{world.labels[world.undelivered().asset_number]}"
        lid = inputs.photo(world.undelivered(), "before", now())
        seen = await hands.upload(f"{path}/photos", {}, [("photo", ("lid.jpg", lid, "image/jpeg"))])
        graded = {"grade": "B", "reasons": ["天板に傷"], "photos": [seen.body["sha256"]]}
        await until_heard(lambda: hands.ask(f"{path}/accept", graded), recorded)
        world.refused("媒体が残る筐体の再生完了", (await hands.ask(f"{path}/ready", {"spec": SPEC})).refused)


async def recycle(world: World) -> None:
    """再資源化：112台を1枚の管理票で引き渡し、事業者の結果と重さの収支を合わせる."""
    gone = [machine for machine in world.machines if machine not in world.reborn()]
    out: dict[str, float] = {
        name: round(sum(kg[machine.kind] for machine in gone), 1) for name, kg in pilot.MATERIALS_KG.items()
    }
    kg = round(sum(out.values()) * (1 + pilot.DUST + pilot.SCALES), 1)
    handing = {
        "labels": [world.labels[machine.asset_number] for machine in gone],
        "manifest": "見本-0928",
        "operator": "見本リサイクル",
        "kg": kg,
    }
    async with people(world, "itad-refurbisher") as (hands,):
        sent = await until_heard(lambda: hands.ask("/api/refurb/consignments", handing), recorded)
        at = f"/api/refurb/consignments/{sent.body['stream']}"
        scan = ("file", ("再資源化証明書.jpg", world.files.photo(gone[0], "after").read_bytes(), "image/jpeg"))
        paper = await hands.upload(f"{at}/certificates", {}, [scan], params={"town": TOWN})
        report = {
            "weights": [{"material": name, "kg": kg} for name, kg in out.items()],
            "loss_kg": round(pilot.DUST * kg, 1),
        }
        await hands.do(f"{at}/reports", report | {"certificate": paper.body}, params={"town": TOWN})
    world.progress("再資源化", len(gone), len(gone))


async def take_over(world: World) -> None:
    """納品：町は自分の入口で読み取る。センターの48台と町の47台の差の1台に、名前がつく."""
    undelivered = world.undelivered().asset_number
    arrived = [world.labels[m.asset_number] for m in world.reborn() if m.asset_number != undelivered]
    async with people(world, "mogami-clerk") as (clerk,):
        results = await scan(clerk, "taken-over", arrived)
        if any(result["status"] not in (200, 201) for result in results):
            raise Unexpected(f"not every machine was taken over: {results}")
        asked = {"reason": "センターは48台を再生、町に届いたのは47台", "second": "mogami-admin"}
        await clerk.do(f"/api/tracking/items/{world.labels[undelivered]}/difference", asked)
        world.progress("納品", len(results), len(world.reborn()))


async def give(world: World) -> None:
    """公募・寄贈：1つの公募を2回。ポスターの15台のデスクトップ、追加で両方の種類。紙・電子申請・Webが1つの列に並ぶ."""
    async with people(world, "mogami-clerk") as (clerk,):
        await until_heard(
            lambda: clerk.get("/api/donations/overview", town=TOWN),
            lambda overview: overview["left"] == len(world.reborn()) - 1,
        )
    for round_, kinds in ((1, ["desktop"]), (2, ["notebook", "desktop"])):
        async with people(world, "mogami-clerk") as (clerk,):
            number = await (_open_call if round_ == 1 else _open_round)(world, clerk, kinds)
            receipts = await _apply(world, clerk, number, round_)
            await clerk.do(f"/api/donations/calls/{number}/close")
            if round_ == 1:
                await _too_late(world, clerk, number)
            await clerk.do(f"/api/donations/calls/{number}/settle")
            for receipt in receipts:
                path = f"/api/donations/calls/{number}/applications/{receipt}"
                await clerk.do(f"{path}/hand-over")
                await clerk.do(f"{path}/usage", {"uses": ["circulars", "meetings"]})
            world.progress("寄贈", round_, 2)


async def _open_call(world: World, clerk: Actor, kinds: list[str]) -> str:
    number = f"{pilot.TOWN_CODE}-R8-1"
    world.calls.append(number)
    opens = now().replace(microsecond=0)
    call = {
        "number": number,
        "title": "再生パソコンを無償でお譲りします",
        "rule": "first-come",
        "item_kinds": kinds,
        "units": world.plan.asked(1),
        "opens_at": opens.isoformat(),
        "closes_at": (opens + timedelta(days=25)).isoformat(),
        "spec": SPEC,
        "categories": [{"code": code, "name": name, "cap": cap} for code, name, cap in pilot.CATEGORIES],
        "consent": "活用状況の町の広報紙などへの掲載にご協力ください。",
        "consent_version": "1",
        "contact": "最上町役場 総務課まちづくり推進室 情報企画係 0233-43-2261",
    }
    await clerk.do("/api/donations/calls", call)
    await _arrive(world, 1, opens)
    return number


async def _open_round(world: World, clerk: Actor, kinds: list[str]) -> str:
    number, opens = world.calls[-1], now().replace(microsecond=0)
    further = {
        "item_kinds": kinds,
        "units": world.plan.asked(2),
        "opens_at": opens.isoformat(),
        "closes_at": (opens + timedelta(days=25)).isoformat(),
    }
    await clerk.do(f"/api/donations/calls/{number}/rounds", further)
    await _arrive(world, 2, opens)
    return number


async def _arrive(world: World, round_: int, opens: datetime) -> None:
    """Let what came on paper and through the portal have arrived."""
    inputs.write_applications(world.files, round_, opens, world.plan.groups)
    await asyncio.sleep(1)


async def _apply(world: World, clerk: Actor, number: str, round_: int) -> list[str]:
    receipts = [await _key_paper(clerk, number, row) for row in inputs.read_paper(world.files.paper(round_))]
    path = world.files.portal(round_)
    for _ in range(2):  # the same file twice changes nothing
        file = [("file", (path.name, path.read_bytes(), "text/csv"))]
        answer = await clerk.upload(f"/api/donations/calls/{number}/portal", {}, file)
        if answer.status not in (200, 201):
            raise Unexpected(f"the portal's file was not taken: {answer.status} {answer.body}")
        receipts += [receipt for receipt in answer.body["receipts"] if receipt not in receipts]
    async with somebody(world) as public:
        for group in world.plan.groups:
            if (group.round, group.channel) == (round_, "web"):
                slip = await public.do(f"/api/donations/calls/{number}/applications", _form(group))
                receipts.append(slip["receipt"])
    return receipts


def _form(group: pilot.Group) -> dict[str, Any]:
    return {
        "category": group.category,
        "units": group.units,
        "group": group.name,
        "representative": "代表 花子",
        "address": "山形県最上郡最上町大字向町2",
        "phone": "0233-43-0001",
        "uses": ["circulars"],
        "network": True,
        "consent": True,
        "consent_version": "1",
    }


async def _key_paper(clerk: Actor, number: str, row: dict[str, str]) -> str:
    code = next(code for code, name in pilot.CATEGORY_NAMES.items() if name == row["区分"])
    slip = await clerk.do(
        f"/api/donations/calls/{number}/paper",
        {
            "arrived_at": f"{row['受付日時'].replace(chr(32), chr(84))}+09:00",
            "category": code,
            "units": int(row["希望台数"]),
            "group": row["団体名"],
            "representative": row["代表者"],
            "address": row["住所"],
            "phone": row["電話"],
        },
    )
    return str(slip["receipt"])


async def _too_late(world: World, clerk: Actor, number: str) -> None:
    async with somebody(world) as public:
        late = await public.ask(f"/api/donations/calls/{number}/applications", _form(pilot.LATE))
    world.refused("締切後のWeb応募", late.refused)
    for row in inputs.read_paper(inputs.write_late_fax(world.files, now())):
        await _key_paper(clerk, number, row)  # recorded as late, not in the queue
    world.refused("閉じた公募をもう一度閉じる", (await clerk.ask(f"/api/donations/calls/{number}/close")).refused)


CHAPTERS: tuple[tuple[str, Callable[[World], Awaitable[None]]], ...] = (
    ("町・センター・契約・基準表", found),
    ("登録", register),
    ("データ消去", erase),
    ("出庫", load),
    ("入庫", receive),
    ("行き先", sort),
    ("再生を急ぎすぎる", try_ready_too_early),
    ("粉砕", destroy),
    ("再生", refurbish),
    ("再資源化", recycle),
    ("納品", take_over),
    ("公募と寄贈", give),
)


async def each(world: World, what: str, things: Sequence[T], do: Callable[[T], Awaitable[None]]) -> None:
    """Do something with every thing, a few at once, and tell how far it is."""
    gate, done = asyncio.Semaphore(AT_ONCE), 0

    async def one(thing: T) -> None:
        nonlocal done
        async with gate:
            await do(thing)
        done += 1
        world.progress(what, done, len(things))

    await asyncio.gather(*(one(thing) for thing in things))


def cage(nth: int) -> str:
    """Return the id of a cage of the replay."""
    return str(cage_of(engagement_of(TOWN, CENTRE, pilot.CONTRACT), f"カゴ車{nth}"))


def now() -> datetime:
    """Return the time."""
    return datetime.now(UTC)
