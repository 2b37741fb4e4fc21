"""What a cage's manifest says, from the seal and the directory."""

from uuid import UUID
from zoneinfo import ZoneInfo

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from services.tracking import views
from services.tracking.labels.manifest import Line, Manifest, Shot
from shared.events.tracking import SealPhoto

TOKYO = ZoneInfo("Asia/Tokyo")


async def photos_of(connection: AsyncConnection, cage: UUID) -> list[SealPhoto]:
    """Return the photos of a cage's seal and lock, by its own ledger."""
    said = await connection.scalar(
        text(
            "SELECT convert_from(body, 'UTF8')::jsonb->'data'->'photos' FROM entries "
            "WHERE stream = :cage AND kind = 'tracking.cage-sealed.v1'"
        ),
        {"cage": cage},
    )
    return [SealPhoto.model_validate(one) for one in said or ()]


async def manifest_of(connection: AsyncConnection, cage: UUID, origin: str) -> Manifest | None:
    """Return the manifest of a sealed cage, its photos still without pictures; None when there is no such cage here."""
    sealed = (
        await connection.execute(
            text(
                "SELECT t.data, t.occurred_at, e.engagement, e.town, a.name AS sender, b.name AS receiver, "
                "coalesce(c.name, b.name) AS carrier FROM "
                "(SELECT occurred_at, convert_from(body, 'UTF8')::jsonb->'data' AS data FROM entries "
                "WHERE stream = :cage AND kind = 'tracking.cage-sealed.v1') t "
                "JOIN engagements e ON e.engagement = (t.data->>'engagement')::uuid "
                "JOIN parties a ON a.party = e.town JOIN parties b ON b.party = e.centre "
                "LEFT JOIN parties c ON c.party = e.carrier"
            ),
            {"cage": cage},
        )
    ).one_or_none()
    if sealed is None:
        return None
    rows = await connection.execute(
        text(
            "SELECT label, coalesce(data->>'asset_number', '') AS asset_number, coalesce(data->>'model', '') AS model "
            "FROM items JOIN unnest(CAST(:items AS uuid[])) WITH ORDINALITY AS x(item, nth) USING (item) ORDER BY nth"
        ),
        {"items": sealed.data["items"]},
    )
    return Manifest(
        number=sealed.data["number"],
        seal=sealed.data["seal"],
        sealed_at=sealed.occurred_at.astimezone(TOKYO).strftime("%Y年%-m月%-d日 %H:%M"),
        sender=sealed.sender,
        receiver=sealed.receiver,
        carrier=sealed.carrier,
        url=f"{origin}/receiving?town={sealed.town}&engagement={sealed.engagement}&cage={cage}",
        lines=[Line(views.grouped(row.label), row.asset_number, row.model) for row in rows],
        shots=[Shot(one["role"], one["sha256"]) for one in sealed.data.get("photos", ())],
    )
