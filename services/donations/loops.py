"""What donations does by itself: the post to applicants, and the end of what is personal."""

from contextlib import suppress
from datetime import UTC, datetime
from functools import partial

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from services.donations import commands, correspondence
from shared import bell
from shared.database import service_transaction
from shared.post import send_for_ever
from shared.worker import Work

ERASING_PAUSE_S = 3600.0


async def send_letters(work: Work) -> None:
    """Send what is written to applicants, for ever."""
    await send_for_ever(work, partial(correspondence.compose, origin=work.settings.origin))


async def erase(work: Work) -> None:
    """Delete what towns keep no longer, for ever."""
    while True:
        with suppress(DBAPIError, OSError):
            while await erasing_round(work.consumer, datetime.now(UTC)):
                pass
        await bell.rest(ERASING_PAUSE_S)


async def erasing_round(engine: AsyncEngine, at: datetime) -> int:
    """Delete some of what is over, in a transaction of its own. Returns how many applications."""
    async with service_transaction(engine, "donations", at=at) as tx:
        return await commands.erase_what_is_over(tx)
