"""The ground and tracking's own tables."""

from alembic import op

from services.tracking.tables import metadata
from shared.migration import crossing, lay_ground, let_look_up, look_up, protect, readable

revision = "0001"
down_revision = None


def upgrade() -> None:
    lay_ground("tracking")
    own = ("labels", "lots", "timeline", "leaves", "tiles", "checkpoints", "sessions")
    metadata.create_all(op.get_bind(), tables=[metadata.tables[name] for name in own])
    protect("tracking", "labels", write=False)
    op.execute("GRANT INSERT ON labels TO tracking_app")
    for view in ("lots", "timeline", "leaves"):
        protect("tracking", view, write=False)
    for public in ("tiles", "checkpoints"):
        readable("tracking", public, "true")
    _keep_directory()
    _sign_in()
    let_look_up("tracking", "labels")
    let_look_up("tracking", "timeline")
    look_up(
        "tracking",
        "public_item(label_ text)",
        "TABLE (item uuid, tenant text, token text)",
        "SELECT l.item, l.tenant, l.token FROM labels l WHERE l.label = label_ "
        "AND EXISTS (SELECT FROM timeline t WHERE t.item = l.item)",
    )
    look_up(
        "tracking",
        "lot_of(label_ text, party_ text)",
        "TABLE (lot uuid, tenant text)",
        "SELECT l.item, l.tenant FROM labels l WHERE l.label = label_ AND EXISTS "
        "(SELECT FROM acts_for(l.tenant, party_) AS a(engagement) WHERE a.engagement = l.engagement)",
    )


def _keep_directory() -> None:
    """Let the door write down, with the entry, what it says of its own party: a town sees its contract at once."""
    acting = "(SELECT current_setting('app.tenant', true))"
    for table, key in (("parties", "party"), ("engagements", "town"), ("people", "party")):
        op.execute(f"CREATE POLICY app_keeps ON {table} FOR INSERT TO tracking_app WITH CHECK ({key} = {acting})")
        op.execute(f"GRANT INSERT ON {table} TO tracking_app")
    for table in ("ended_engagements", "items"):
        op.execute(f"GRANT INSERT ON {table} TO tracking_app")
    op.execute(f"CREATE POLICY app_changes ON people FOR UPDATE TO tracking_app USING (party = {acting})")
    op.execute("GRANT UPDATE (name, title, contact, roles) ON people TO tracking_app")


def _sign_in() -> None:
    """Let the door see one session at a time, by its secret's digest, and one person by the reference signed in as."""
    own = "session = (SELECT current_setting('app.session', true))"
    op.execute("ALTER TABLE sessions ENABLE ROW LEVEL SECURITY")
    op.execute("ALTER TABLE sessions FORCE ROW LEVEL SECURITY")
    op.execute(f"CREATE POLICY app_keeps ON sessions TO tracking_app USING ({own}) WITH CHECK ({own})")
    op.execute("GRANT SELECT, INSERT, DELETE, UPDATE (seen_at) ON sessions TO tracking_app")
    crossing("tracking", "sessions")
    let_look_up("tracking", "people")
    let_look_up("tracking", "parties")
    let_look_up("tracking", "sessions")
    look_up(
        "tracking",
        "session_of(session_ text)",
        "TABLE (person text, party text, title text, roles jsonb, kind text, party_name text, started_at timestamptz, "
        "seen_at timestamptz)",
        "SELECT p.person, p.party, p.title, p.roles, q.kind, q.name, s.started_at, s.seen_at FROM sessions s "
        "JOIN people p USING (person) JOIN parties q USING (party) WHERE s.session = session_",
    )
    look_up(
        "tracking",
        "signs_in(person_ text)",
        "TABLE (person text, party text, title text, roles jsonb, kind text, party_name text)",
        "SELECT p.person, p.party, p.title, p.roles, q.kind, q.name FROM people p JOIN parties q USING (party) "
        "WHERE p.person = person_",
    )
