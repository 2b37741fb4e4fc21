"""The ground and tracking's own tables."""

from alembic import op

from services.tracking.tables import metadata
from shared.migration import crossing, lay_ground, let_look_up, look_up, protect

revision = "0001"
down_revision = None


def upgrade() -> None:
    lay_ground("tracking")
    own = ("labels", "lots", "timeline", "leaves", "tiles", "checkpoints", "sessions")
    metadata.create_all(op.get_bind(), tables=[metadata.tables[name] for name in own])
    protect("tracking", "labels")
    protect("tracking", "lots", write=False)
    protect("tracking", "timeline", write=False)
    protect("tracking", "leaves", write=False)
    let_look_up("tracking", "labels")
    let_look_up("tracking", "lots")
    let_look_up("tracking", "timeline")
    for public in ("tiles", "checkpoints"):
        op.execute(f"ALTER TABLE {public} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {public} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY app_reads ON {public} FOR SELECT TO tracking_app USING (true)")
        op.execute(f"GRANT SELECT ON {public} TO tracking_app")
        crossing("tracking", public)
    for table in ("sessions",):
        op.execute(f"ALTER TABLE {table} ENABLE ROW LEVEL SECURITY")
        op.execute(f"ALTER TABLE {table} FORCE ROW LEVEL SECURITY")
        op.execute(f"CREATE POLICY app_keeps ON {table} TO tracking_app USING (true) WITH CHECK (true)")
        op.execute(f"GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO tracking_app")
        crossing("tracking", table)
    for kept in ("parties", "engagements", "ended_engagements", "items"):
        op.execute(f"CREATE POLICY app_keeps ON {kept} FOR INSERT TO tracking_app WITH CHECK (true)")
        op.execute(f"GRANT INSERT ON {kept} TO tracking_app")
    op.execute("CREATE POLICY app_signs_in ON people TO tracking_app USING (true) WITH CHECK (true)")
    op.execute("GRANT INSERT, UPDATE, DELETE ON people TO tracking_app")
    look_up(
        "tracking",
        "public_item(label_ text)",
        "TABLE (item uuid, tenant text, token text)",
        "SELECT l.item, l.tenant, l.token FROM labels l WHERE l.label = label_ "
        "AND EXISTS (SELECT FROM timeline t WHERE t.item = l.item)",
    )
