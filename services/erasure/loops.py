"""What erasure does by itself: bind a report that was filed in the very moment its item was registered."""

import logging

from sqlalchemy.exc import DBAPIError

from services.erasure import intake
from shared import bell
from shared.database import service_transaction
from shared.ledger import LostRace
from shared.worker import Work

log = logging.getLogger(__name__)

PAUSE_S = 10.0


async def bind_arrived(work: Work) -> None:
    """Bind what the consumer could not see: filing and registration were both uncommitted, each to the other."""
    while True:
        await bell.rest(PAUSE_S)
        try:
            async with service_transaction(work.consumer, work.settings.service) as tx:
                await intake.bind_arrived(tx)
        except (DBAPIError, OSError, LostRace) as failure:
            log.warning("waiting reports are looked at again later: %r", failure)
