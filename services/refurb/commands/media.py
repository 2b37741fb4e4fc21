"""What decisions ask of a chassis' original media: they come from messages, which may be late."""

from uuid import UUID

from services.refurb import views
from shared.database import Transaction
from shared.events.tracking import Medium
from shared.refused import Refused


async def originals(tx: Transaction, item: UUID) -> tuple[Medium, ...]:
    """Return the media as registered. Raises Refused while the registration has not come."""
    media = await views.media(tx.connection, item)
    if media is None:
        raise Refused(
            "registration-late",
            "この機器の登録がまだ届いていません。媒体を確かめられないので、1分ほど待って、もう一度送ってください。",
            "The registration of this device has not arrived, so its media cannot be checked. Try again in a minute.",
        )
    return media


async def still_open(tx: Transaction, item: UUID) -> tuple[Medium, ...]:
    """Return those that are not accounted for. Raises Refused while the registration has not come."""
    media = await originals(tx, item)
    cleared = await views.cleared(tx.connection, item)
    return tuple(medium for medium in media if medium.id not in cleared)
