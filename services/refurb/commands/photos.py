"""Photos of a chassis: kept when they are sent, and named only by the entries of the chassis they were sent for."""

from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import text

from services.refurb.tables import sent_photos
from shared.database import Transaction, add
from shared.events.refurb import Picture
from shared.photos import Kept
from shared.refused import Invalid


async def send(tx: Transaction, item: UUID, kept: Sequence[Kept]) -> None:
    """Remember that photos were sent for a chassis; a second time changes nothing."""
    rows = [{"item": item, "sha256": one.sha256, "copy_sha256": one.copy_sha256, "tenant": tx.tenant} for one in kept]
    await add(tx.connection, sent_photos, rows)


async def sent(tx: Transaction, item: UUID, named: Sequence[str]) -> list[Picture]:
    """Return the photos of these hashes. Raises Invalid for one that was not sent for this chassis."""
    rows = await tx.connection.execute(
        text("SELECT sha256, copy_sha256 FROM sent_photos WHERE item = :item AND sha256 = ANY(:named)"),
        {"item": item, "named": list(named)},
    )
    copies = {row.sha256: row.copy_sha256 for row in rows}
    if missing := [one for one in named if one not in copies]:
        raise Invalid(
            "photo-not-sent",
            "この機器の写真として届いていないものがあります。この機器のページで写真を送り直してください。",
            "A photo was not sent for this device. Send it again on this device's page.",
            field="photos",
            sha256=missing[0],
        )
    return [Picture(sha256=one, copy_sha256=copies[one]) for one in dict.fromkeys(named)]
