"""The post: sends what a service has written, one letter after the other, for as long as its worker lives."""

import asyncio
import logging
from collections.abc import Coroutine
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from sqlalchemy.exc import DBAPIError

from shared import bell, letters
from shared.letters import Compose
from shared.mail import Postman
from shared.worker import Work

log = logging.getLogger(__name__)

POST_PAUSE_S = 10.0


async def send_for_ever(work: Work, compose: Compose) -> None:
    """Send what is written, one after the other, for ever; where no mail server is named, letters wait."""
    try:
        postman = Postman.of(work.settings)
    except ValueError as wrong:
        log.critical("letters wait: %s", wrong)
        postman = None
    while True:
        found = False
        with suppress(DBAPIError, OSError):
            await letters.find_unclear(work.consumer, datetime.now(UTC))
            if postman:
                found = await _unbroken(letters.send_next(work.consumer, postman, compose, datetime.now(UTC)))
        if not found:
            await bell.rest(POST_PAUSE_S)


async def _unbroken(sending: Coroutine[Any, Any, bool]) -> bool:
    """Finish a letter that is in hand though the process is asked to end: what became of it must be noted."""
    task = asyncio.create_task(sending)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        await task
        raise
