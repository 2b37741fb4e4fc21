"""The queue: what a person put aside, and the parent computer, which tells two equal serials apart."""

from alembic import op

from services.erasure.tables import metadata
from shared.migration import look_up, protect

revision = "0005"
down_revision = "0004"

OWN_OR_PARTY = (
    "tenant IN ((SELECT current_setting('app.tenant', true)), (SELECT current_setting('app.party', true)))"
)
OPEN = (
    "e.starts_on <= (now() AT TIME ZONE 'Asia/Tokyo')::date AND e.ends_on >= (now() AT TIME ZONE 'Asia/Tokyo')::date"
    " AND NOT EXISTS (SELECT FROM ended_engagements x WHERE x.engagement = e.engagement)"
)


def upgrade() -> None:
    op.execute("ALTER TABLE unmatched ADD COLUMN IF NOT EXISTS host_serial text")
    metadata.create_all(op.get_bind(), tables=[metadata.tables["put_aside"]])
    protect("erasure", "put_aside", condition=OWN_OR_PARTY)  # read while binding, in the town's transaction
    # beside the look-up of before, which code of the last release still calls
    look_up(
        "erasure",
        "media_like(loose_ text[], party_ text)",
        "TABLE (medium uuid, item uuid, tenant text, engagement uuid, label text, serial text, loose text, kind text, "
        "host text)",
        "SELECT m.medium, m.item, m.tenant, m.engagement, m.label, m.serial, m.loose, m.kind, "
        "coalesce(i.data->>'serial', '') FROM media m JOIN items i USING (item) "
        "LEFT JOIN engagements e ON e.engagement = m.engagement WHERE m.loose = ANY(loose_) AND m.loose <> '' "
        f"AND (m.tenant = party_ OR (e.centre = party_ AND {OPEN}))",
    )
