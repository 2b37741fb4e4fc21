"""`make demo`: the pilot from the shelf to twenty groups in one command, ending with its own verification."""

import asyncio
import json
import shutil
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from meguru.founding import PREPARE
from meguru.replay import inputs, pilot
from meguru.replay.pilot import WHOLE, Plan
from meguru.replay.story import CHAPTERS, World
from meguru.replay.summary import collect, differences
from shared.stack.stack import Stack


@dataclass(slots=True)
class Bars:
    """One progress bar a chapter."""

    bars: Progress
    tasks: dict[str, TaskID] = field(default_factory=dict)

    def tell(self, what: str, done: int, of: int) -> None:
        """Move the bar of `what`."""
        if what not in self.tasks:
            self.tasks[what] = self.bars.add_task(what, total=of)
        self.bars.update(self.tasks[what], completed=done, total=of)


async def run_demo(folder: Path) -> int:
    """Replay the pilot in `folder`, leave its results there, verify them. Returns the exit code."""
    console = Console()
    clean(folder)
    started = time.perf_counter()
    async with Stack(folder / "stack", prepare=PREPARE, development_login=True) as stack:
        console.print(f"スタック準備完了 {time.perf_counter() - started:.1f} 秒  {stack.origin}")
        wrong = await replay(stack, folder, console)
    console.print(f"合計 {time.perf_counter() - started:.1f} 秒。結果は {folder}/ にあります。")
    return 1 if wrong else 0


def clean(folder: Path) -> None:
    """Make room for a new replay: what an earlier or killed one left is removed."""
    if folder.exists() and any(folder.iterdir()) and not (folder / "stack").is_dir():
        raise SystemExit(f"{folder} は再現の結果ではないようです。別のフォルダーを --folder で指定してください。")
    if (folder / "stack").exists():
        refuse_running(folder / "stack")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)


def refuse_running(stack: Path) -> None:
    """Raise SystemExit when another process works in this data folder."""
    import fcntl

    lock = stack / "stack.lock"
    if not lock.exists():
        return
    with lock.open("r+") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise SystemExit(
                f"{stack} では別のめぐるが動いています。それを止めてから、もう一度お試しください。"
            ) from None


async def replay(stack: Stack, folder: Path, console: Console) -> list[str]:
    """Act the story, collect and print the numbers, export and verify. Returns what is wrong, in words."""
    from meguru.audit import audit
    from meguru.export import export

    world = new_world(stack, folder)
    began = time.perf_counter()
    with Progress(
        TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), console=console
    ) as bars:
        world.progress = Bars(bars).tell
        for _, chapter in CHAPTERS:
            await chapter(world)
        summary = await collect(world)
    console.print(f"再現 {time.perf_counter() - began:.1f} 秒")
    wrong = differences(summary)
    (folder / "summary.json").write_text(json.dumps(summary, ensure_ascii=False, indent=1) + "\n", encoding="utf-8")
    await print_labels(world, folder)
    await export(stack, folder)
    wrong += [str(finding) for finding in await audit(stack)]
    wrong += await asyncio.to_thread(verify_all, folder, 2 * summary["certificates"]["destruction"])
    console.print(table(summary))
    for line in wrong:
        console.print(f"[red]✕[/red] {line}")
    if not wrong:
        console.print("[green]✓[/green] 数は紙と合い、証明書はすべて本物で、台帳と記録は一致しています。")
    return wrong


def new_world(stack: Stack, folder: Path, plan: Plan = WHOLE) -> World:
    """Write the input files of a plan and return the world the story starts from."""
    machines = pilot.machines(plan.notebooks, plan.desktops)
    failing = {machines[at].asset_number for at in plan.failing}
    files = inputs.write(folder / "inputs", machines, failing, datetime.now(UTC))
    return World(
        stack.origin, stack.certificate_authority, files, machines, lambda *_: None, failing=failing, plan=plan
    )


async def print_labels(world: World, folder: Path) -> None:
    """Leave the label sheets as the clerk prints them."""
    from meguru.replay.actor import Actor

    (folder / "labels").mkdir(exist_ok=True)
    async with Actor(world.origin, world.authority, "mogami-clerk") as clerk:
        path = f"/api/tracking/engagements/{world.engagement}/labels.pdf"
        (folder / "labels" / "labels.pdf").write_bytes(await clerk.fetch(path, town=pilot.TOWN))


def verify_all(folder: Path, wanted: int) -> list[str]:
    """Verify every certificate that was left, as a stranger would: with the files and the key file alone."""
    from verifier.keys import Keys
    from verifier.verification import verify

    keys = Keys.read(folder / "log" / "key.txt")
    files = sorted((folder / "certificates").glob("*.pdf")) + sorted((folder / "certificates").glob("*.json"))
    wrong = []
    for path in files:
        verdict = verify(path, keys)
        if not verdict.ok:
            why = "、".join(check.ja for check in verdict.checks if check.status == "failed")
            wrong.append(f"{path.name}：証明書として確かめられません（{why}）")
    pdfs = sum(path.suffix == ".pdf" for path in files)
    return [*wrong, *([f"証明書のPDFが{pdfs}通（{wanted}通のはず）"] if pdfs != wanted else [])]


def table(summary: dict[str, Any]) -> Table:
    """Return the story's numbers as a table."""
    made = Table("数えたもの", "数", title="最上町 × ソフマップ 2021 の再現")
    rows: list[tuple[str, object]] = [
        ("パソコン", f"{summary['pcs']} ＝ ノート {summary['notebooks']} ＋ デスクトップ {summary['desktops']}"),
        ("モニター（保管中）", summary["monitors_held"]),
        *((f"　{name}", count) for name, count in summary["stations"].items()),
        ("粉砕した記憶媒体", summary["destroyed"]),
        ("証明書", f"破壊 {summary['certificates']['destruction']} ＋ 追跡 {summary['certificates']['tracking']}"),
        ("再生（センターの数）", summary["refurbished_by_centre"]),
        ("受け取り（町の数）", summary["taken_over_by_town"]),
        (
            "　差の機器",
            "、".join(summary["difference"]["machines"]) + f"（{'、'.join(summary['difference']['asset_numbers'])}）",
        ),
        ("再資源化", summary["recycled"]),
        ("応募した団体", f"{summary['applications']['groups']}（締切後 {summary['applications']['late']}）"),
        *(
            (f"　{name}", f"{summary['applications']['by_category'][name]} 団体　{count} 台")
            for name, count in summary["units_given"]["by_category"].items()
        ),
        ("渡した台数", summary["units_given"]["total"]),
        ("残り", summary["left"]),
        ("持ち主の分からない報告", summary["unmatched_reports"]),
    ]
    for name, value in rows:
        made.add_row(name, str(value))
    return made
