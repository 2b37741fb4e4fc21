"""Under which contract somebody asks."""

from uuid import UUID

from services.erasure import reading
from shared.door import Door
from shared.identity import Principal
from shared.refused import Unknown


async def town_of(door: Door, who: Principal, engagement: UUID) -> str:
    """Return the town of an open engagement of this party. Raises Unknown otherwise."""
    async with door.look(who.party, who) as connection:
        known = {one.engagement: one.town for one in await reading.engagements(connection, who.party)}
    if engagement not in known:
        raise Unknown(
            "no-engagement",
            "この契約は見つからないか、期間外です。契約の番号を町の担当に確かめてください。",
            "This engagement is not known or not open. Ask the town's desk for its number.",
        )
    return known[engagement]
