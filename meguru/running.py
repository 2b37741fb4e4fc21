"""`make run`: the stack stays up with the replayed data, and says where it is and who can sign in."""

import asyncio
from pathlib import Path

from rich.console import Console

from meguru.demo import new_world
from meguru.founding import PREPARE
from meguru.replay import pilot
from meguru.replay.story import CHAPTERS
from shared.stack.foreground import serve
from shared.stack.stack import Stack


def run_stack(folder: Path) -> None:
    """Start the stack in `folder`, replay the pilot into it the first time, and stay until Ctrl-C."""
    console = Console()
    stack = Stack(folder / "stack", prepare=PREPARE, development_login=True)

    def started(stack: Stack) -> None:
        console.print(f"[bold]{stack.origin}[/bold]  （証明書の警告は、この1台で作った証明書だからです）")
        console.print(f"経路と待ち行列：{stack.origin}/traces（operator で入る）")
        console.print(f"開発用の入り口：{stack.origin}/signin")
        for person in (*(f"{one.name}（{one.title}）" for one in pilot.PEOPLE), "運用担当（operator）"):
            console.print(f"  ・{person}")
        if not (folder / "replayed").exists():
            task = asyncio.get_running_loop().create_task(fill(stack, folder, console))
            task.add_done_callback(lambda done: tell_failure(console, done))
        console.print("止めるには Ctrl-C。")

    serve(stack, started)


def tell_failure(console: Console, done: "asyncio.Task[None]") -> None:
    """Say that the replay failed; the stack stays up, so that one can look."""
    if not done.cancelled() and (failure := done.exception()):
        console.print(f"[red]再現に失敗しました：{failure!r}[/red]")


async def fill(stack: Stack, folder: Path, console: Console) -> None:
    """Replay the pilot once."""
    console.print("実証実験を再現しています……")
    world = new_world(stack, folder)
    for name, chapter in CHAPTERS:
        await chapter(world)
        console.print(f"  ✓ {name}")
    (folder / "replayed").touch()
    console.print("再現しました。")
