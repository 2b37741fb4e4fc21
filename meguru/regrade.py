"""`meguru regrade`: kept reports are graded again by today's table, each new judgement beside the old one."""

from pathlib import Path

from rich.console import Console

from meguru.founding import prepare_databases
from meguru.rebuild import acting_as
from meguru.standing import Running, standing
from services.erasure import regrading
from services.erasure.domain.grading import TABLE_CURRENT
from services.erasure.regrading import Counted
from shared.database import engine
from shared.settings import settings
from shared.stack.stack import Stack


async def regrade(stack: Stack, version: str = TABLE_CURRENT) -> Counted:
    """Grade what the stack's erasure service keeps; its relay tells the others when it runs."""
    with acting_as(stack, "erasure"):
        consumer = engine(settings(), "consumer", pool_size=1)
        try:
            return await regrading.grade_again(consumer, version=version)
        finally:
            await consumer.dispose()


async def regrade_folder(folder: Path) -> int:
    """Grade again in the stack of a folder and say what came of it. Returns 1 when a report needs a person."""
    async with standing(folder) as stack:
        is_running = isinstance(stack, Running)
        if not is_running:
            await prepare_databases(stack)
        counted = await regrade(stack)
    console = Console(highlight=False, soft_wrap=True)
    console.print(
        f"評価表 {TABLE_CURRENT}：別の表で評価された媒体 {counted.media}、新しい評価を並べて記録 {counted.recorded}、"
        f"水準の変わらない報告 {counted.unchanged}、読めない原本 {counted.unread}、"
        f"人の確認が要る報告 {counted.unclear}。"
        f" Table {TABLE_CURRENT}: {counted.media} media were graded by another; {counted.recorded} new judgements, "
        f"{counted.unchanged} reports prove the same, {counted.unread} originals cannot be read, "
        f"{counted.unclear} need a person.",
        markup=False,
    )
    if counted.recorded and not is_running:
        console.print(
            "ほかのサービスには、次に動かしたときに伝わります。"
            " The other services hear of it when the stack runs again.",
            markup=False,
        )
    return 1 if counted.unread or counted.unclear else 0
