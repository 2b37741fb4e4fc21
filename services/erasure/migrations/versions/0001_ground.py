"""The ground and erasure's own tables."""

from alembic import op

from services.erasure.tables import metadata
from shared.migration import lay_ground, let_look_up, look_up, protect

revision = "0001"
down_revision = None

VIEWS = ("media", "requirements", "places", "exceptions", "deeds", "reports", "photos", "bindings", "witnesses")
OWN_OR_PARTY = (
    "tenant IN ((SELECT current_setting('app.tenant', true)), (SELECT current_setting('app.party', true)))"
)
OPEN = (
    "e.starts_on <= (now() AT TIME ZONE 'Asia/Tokyo')::date AND e.ends_on >= (now() AT TIME ZONE 'Asia/Tokyo')::date"
    " AND NOT EXISTS (SELECT FROM ended_engagements x WHERE x.engagement = e.engagement)"
)


def upgrade() -> None:
    lay_ground("erasure")
    waiting = ("unmatched", "circumstances")
    metadata.create_all(op.get_bind(), tables=[metadata.tables[name] for name in (*VIEWS, *waiting)])
    for table in VIEWS:
        protect("erasure", table)
    for table in waiting:  # binding happens in the town's transaction, by the centre that filed the report
        protect("erasure", table, condition=OWN_OR_PARTY)
    # who filed a report sees that it was bound; the inner select is under the asker's own row-level security
    op.execute(
        "CREATE POLICY filer_reads ON bindings FOR SELECT TO erasure_app "
        "USING (EXISTS (SELECT FROM unmatched u WHERE u.entry = bindings.filed))"
    )
    let_look_up("erasure", "media")
    look_up(
        "erasure",
        "media_by_serial(loose_ text[], party_ text)",
        "TABLE (medium uuid, item uuid, tenant text, engagement uuid, label text, serial text, loose text, kind text)",
        "SELECT m.medium, m.item, m.tenant, m.engagement, m.label, m.serial, m.loose, m.kind FROM media m "
        "LEFT JOIN engagements e USING (engagement) WHERE m.loose = ANY(loose_) AND m.loose <> '' "
        f"AND (m.tenant = party_ OR (e.centre = party_ AND {OPEN}))",
    )
