"""`meguru simulate`: a simulated fleet into files or into a running stack, and what came of it."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console

from meguru.simulator import folder as files
from meguru.simulator.running import RUN_AGO, simulate
from meguru.standing import NoStack, Running, standing
from shared.simulated import MARK


async def simulate_fleet(into: Path | None, data: Path | None, count: int, seed: int) -> int:
    """Write files or act on a stack, and say what was made. Raises FileExistsError, NoStack when none runs."""
    console = Console(highlight=False, soft_wrap=True, markup=False)
    if into:
        written = await asyncio.to_thread(files.write, into, count, seed, datetime.now(UTC) - RUN_AGO)
        console.print(
            f"{MARK} {into} に {count} 台の物品台帳と、報告 {written} 件を書きました。"
            f" {count} drives and {written} reports are in {into}."
        )
        return 0
    async with standing(data or Path()) as stack:
        if not isinstance(stack, Running):
            raise NoStack(
                f"{data} のめぐるは動いていません。「meguru run」で動かしてから、もう一度実行してください。"
                f" The stack in {data} does not run: start it with `meguru run`, then try again."
            )
        states = await simulate(stack.origin, stack.certificate_authority, count, seed)
    said = "、".join(f"{state} {n}" for state, n in sorted(states.items()))
    console.print(f"{MARK} {count} 台を登録し、報告を出しました：{said}。 {count} drives registered, reports filed.")
    return 0
